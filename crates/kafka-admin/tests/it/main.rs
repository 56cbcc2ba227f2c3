//! The client against the broker library: inside the process and through sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod administration;
mod bounds;
mod internal;
mod records;
mod support;
mod waiting;
