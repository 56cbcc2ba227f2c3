//! CKafka, bytes in and bytes out, over a whole control plane without Kafka.

#![expect(clippy::unwrap_used, reason = "a test panics where it goes wrong")]

mod calls;
mod change;
mod conformance;
mod effect;
mod group;
mod instance;
mod network;
mod prepaid;
mod price;
mod purchase;
mod region;
mod route;
mod tag;
mod terraform;
mod topic;
mod topic_edit;
mod transport;
mod user;
