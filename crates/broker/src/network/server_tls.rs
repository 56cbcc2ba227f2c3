//! TLS for listeners of the process that are no broker's: clients of both trust one authority.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::network::tls::{Names, Tls, TlsError, error_text, names};
use crate::process::Process;

/// Shows clients a certificate for the names of a listener.
#[derive(Clone)]
pub struct ServerTls {
    tls: Arc<Tls>,
    names: Names,
    process: Arc<Process>,
}

impl ServerTls {
    /// For a listener that is reached by `host`, besides by this machine's own names.
    pub(crate) fn new(tls: Arc<Tls>, host: &str, process: Arc<Process>) -> Self {
        Self {
            tls,
            names: names(host, None),
            process,
        }
    }

    /// Performs the handshake with a client.
    ///
    /// # Errors
    /// When the client does not finish it, in time or at all, or there is no certificate to show.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let now_ms = self.process.now_ms();
        let accepted = self.tls.accept(stream, &self.names, now_ms).await;
        accepted.map_err(|error| match error {
            TlsError::Handshake(cause) => cause,
            other => io::Error::other(error_text(&other)),
        })
    }
}
