//! Keys, and the way from an accepted order to a running cluster, over an engine with scripted faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access_key;
mod books;
mod crash;
mod damage;
mod faults;
mod kafka;
mod lease;
mod listener;
mod orphan;
mod purchase;
mod tasks;
mod unstarted;
