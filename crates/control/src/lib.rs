//! The control plane: every use case of Brokerage, named noun_verb, in the vocabulary of the domain.
//!
//! It applies the rules of `brokerage-domain`, keeps everything in one store, and lets an engine run Kafka.
//! It knows no vendor: dialects, the console and the command line translate. A purchase never waits for a
//! cluster: it reserves money, writes what *should* exist, and answers; [`background`] makes it so.

pub mod access_key;
pub mod account;
pub mod acl;
pub mod background;
pub mod broker;
pub mod call;
pub mod catalog;
pub mod context;
pub mod control;
mod engine_error;
pub mod failpoints;
pub mod group;
pub mod group_offset;
pub mod instance;
mod kafka;
pub mod ledger;
pub mod message;
pub mod network;
pub mod operator;
pub mod order;
pub mod orphan;
pub mod rate;
pub mod replay;
pub mod request_log;
pub mod sandbox;
pub mod sasl_user;
pub mod seal;
pub mod tag;
pub mod topic;
pub mod topic_edit;
pub mod topic_partition;
pub mod topic_traffic;
pub mod user;
pub mod watch;

pub use call::Call;
pub use context::{Context, Principal};
pub use control::{Control, Parts, Settings};
