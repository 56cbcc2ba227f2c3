//! Listeners and connections: sockets, TLS, authentication.

mod allowed;
mod answer;
mod authentication;
pub(crate) mod certificate;
pub(crate) mod internal;
pub(crate) mod listener;
pub(crate) mod listeners;
pub(crate) mod named_file;
pub(crate) mod places;
pub(crate) mod server_tls;
pub(crate) mod shared_port;
pub(crate) mod stream;
pub(crate) mod tls;
