//! Keys, and the way from an accepted order to a running cluster, over an engine without Kafka and with scripted faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access_key;
mod crash;
mod lease;
mod listener;
mod purchase;
mod tasks;
mod unstarted;
