//! From an accepted order to a running cluster, over an engine without Kafka and with scripted faults.

mod crash;
mod lease;
mod purchase;
