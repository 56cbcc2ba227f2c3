//! Everything that Brokerage remembers, and the only place that speaks SQL.
//!
//! A **transaction is one synchronous function** over [`Tx`], written once and run by either back end: SQLite (the
//! default, with group commit) or PostgreSQL (for several replicas). It must not know of clouds, dialects or engines.
//!
//! ```
//! use brokerage_store::{Store, StoreError, params};
//!
//! mod counter {
//!     brokerage_store::statements! {
//!         pub TAKE = "INSERT INTO nonce (access_key_id, nonce, seen_at_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
//!     }
//! }
//!
//! # fn main() -> Result<(), StoreError> {
//! # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
//! let store = Store::open_sqlite_in_memory()?;
//! let fresh = store
//!     .write("nonce_take", |tx| -> Result<bool, StoreError> {
//!         Ok(tx.execute(&counter::TAKE, params!["key", "nonce", 1_i64])? == 1)
//!     })
//!     .await?;
//! assert!(fresh);
//! # Ok(())
//! # })
//! # }
//! ```

mod backends;
mod error;
mod store;
mod value;

pub mod access_key;
pub mod account;
pub mod audit;
pub mod catalog;
pub mod digest;
mod document;
pub mod group;
pub mod idempotency;
pub mod instance;
pub mod lease;
pub mod ledger;
pub mod list;
pub mod list_repair;
pub mod network;
pub mod nonce;
pub mod order;
pub mod order_plan;
pub mod sasl_user;
pub mod scan;
pub mod slot;
pub mod statements;
mod table;
pub mod timer;
pub mod topic;
pub mod tx;

pub use backends::copy::sqlite_copy;
pub use backends::postgres::{ATTEMPTS_MAX, POSTGRES_CONNECTIONS_MAX};
pub use backends::sqlite::{
    Durability, GROUP_JOBS_MAX, READ_CONNECTIONS, READ_QUEUE_MAX, WRITE_QUEUE_MAX,
};
pub use error::{Constraint, DatabaseError, StoreError};
pub use statements::Statement;
pub use store::Store;
pub use tx::{QUERY_ROWS_MAX, Tx};
pub use value::{Row, Value};
