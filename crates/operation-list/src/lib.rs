//! What a cloud's build script runs: an operation is registered by its file.
//!
//! Each service has its operations in `src/<service>/ops/`, one a file, named after it: `create_topic.rs` declares
//! `pub struct CreateTopic;`. [`write`] puts a macro `operations!` for each service into `<service>.rs` of the build's
//! output folder; called in `ops/mod.rs`, it declares the modules and `ROWS`, in order of the files' names.

mod list;

pub use list::write;
