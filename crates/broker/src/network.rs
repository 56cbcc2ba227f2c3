//! Listeners and connections: sockets, TLS, and the first words of a connection.

mod authentication;
pub(crate) mod certificate;
mod internal;
pub(crate) mod listener;
pub(crate) mod shared_port;
pub(crate) mod stream;
pub(crate) mod tls;
