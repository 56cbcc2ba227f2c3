//! What a cloud's build script runs: an operation is registered by its file.
//!
//! Each service has its operations in `src/<service>/ops/`, one a file, named after it: `create_topic.rs` declares
//! `pub struct CreateTopic;`. [`write`] puts a macro `operations!` for each service into `<service>.rs` of the build's
//! output folder; called in `ops/mod.rs`, it declares the modules and `ROWS`, in order of the files' names.
//!
//! What the vendor's model has and the service does not serve is listed, too: `unserved-<dialect>.rs` holds the names of
//! those whose file of calls, `calls/<dialect>/<Operation>.toml`, begins with why it is not served.

mod list;
mod unserved;

pub use list::write;
