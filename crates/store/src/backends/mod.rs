//! What runs transactions: SQLite or PostgreSQL, the queue before them, and the migrations of both.

pub(crate) mod copy;
pub(crate) mod migrations;
pub(crate) mod postgres;
pub(crate) mod queue;
pub(crate) mod sqlite;
