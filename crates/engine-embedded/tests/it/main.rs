//! The embedded engine, over the suite that every engine passes and by what Kafka clients meet.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod allowed;
mod conformance;
