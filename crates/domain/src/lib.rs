//! The rules of Brokerage: what is sold, what it costs, who may ask, what an instance goes through.
//!
//! Nothing here waits, reads a socket, a file, a database or a clock of its own, and no cloud vendor's
//! word occurs: vendor words are data in `catalog/` and code in the dialects. Time and chance arrive as
//! arguments ([`clock`], [`id::Chance`]).

pub mod access;
pub mod account;
pub mod catalog;
pub mod clock;
pub mod cluster_settings;
pub mod error;
pub mod group;
pub mod id;
pub mod instance;
pub mod ledger;
pub mod listener;
pub mod listing;
pub mod money;
pub mod network;
pub mod notes;
pub mod order;
pub mod steps;
pub mod topic;
pub mod user;

pub use error::{Error, Result};
