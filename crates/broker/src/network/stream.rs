//! The bytes of a connection: as they are, or through TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, Interest, ReadBuf,
};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::memory::UNCOUNTED_BYTES;

/// Bytes that are read ahead through TLS to learn whether the client is still there.
const READ_AHEAD_BYTES: usize = 2 << 10;
/// Bytes that are asked of a socket at a time while it is not known how large the next request is: several small
/// ones in one call.
const SOCKET_READ_BYTES: usize = UNCOUNTED_BYTES;
/// How often a connection with pipelined requests is checked for its end while a request is served.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time for the closing alert of TLS.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// Both ends of a connection.
pub(crate) enum Stream {
    /// Nothing between the socket and the protocol; files may be sent to it directly.
    Plain(TcpStream),
    /// Behind a TLS handshake. Boxed: it is many times as large as a socket.
    Tls(Box<TlsStream<TcpStream>>),
    /// From inside the process.
    Internal(DuplexStream),
}

impl Stream {
    /// Returns when a socket has something to read. Elsewhere that shows only when it is read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.readable().await,
            Self::Tls(_) | Self::Internal(_) => Ok(()),
        }
    }

    /// How much memory a read is given.
    pub(crate) fn read_ahead_bytes(&self) -> usize {
        match self {
            Self::Plain(_) => SOCKET_READ_BYTES,
            // Held while nothing comes: see `readable`.
            Self::Tls(_) | Self::Internal(_) => READ_AHEAD_BYTES,
        }
    }

    /// Returns when the client has gone: the answer is no longer awaited, be it a long poll or a join. What
    /// has to be read to find that out is left in `buffer`.
    pub(crate) async fn closed(&mut self, buffer: &mut BytesMut) {
        let seen = match self {
            Self::Plain(stream) => stream.peek(&mut [0]).await,
            // An encrypted end looks like data until it is read.
            Self::Tls(stream) => {
                buffer.reserve(READ_AHEAD_BYTES);
                stream.read_buf(buffer).await
            }
            Self::Internal(stream) => {
                buffer.reserve(READ_AHEAD_BYTES);
                stream.read_buf(buffer).await
            }
        };
        if let Ok(1..) = seen {
            // The next request is here already: the end is behind it.
            while !self.has_ended() {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
    }

    /// Whether the client has sent its last byte, however many are still to be read.
    fn has_ended(&self) -> bool {
        let socket = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            // It shows when it is read; requests of the process itself do not wait for long.
            Self::Internal(_) => return false,
        };
        let seen = socket.ready(Interest::READABLE).now_or_never();
        seen.is_some_and(|seen| seen.is_ok_and(|ready| ready.is_read_closed()))
    }
}

impl Stream {
    /// Sends `close_notify` on TLS connections: without it the client takes the end for a truncation attack.
    pub(crate) async fn close(&mut self) {
        if let Self::Tls(stream) = self {
            // It is closed in any case.
            let _ = tokio::time::timeout(CLOSE_TIME_MAX, stream.shutdown()).await;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Internal(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Internal(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Internal(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Internal(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_client_that_sent_ahead_is_noticed_when_it_goes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut stream = Stream::Plain(listener.accept().await.unwrap().0);
        client.write_all(b"the next request").await.unwrap();
        stream.readable().await.unwrap();
        let mut buffer = BytesMut::new();
        assert!(stream.closed(&mut buffer).now_or_never().is_none());
        drop(client);
        let noticed = tokio::time::timeout(10 * LOOK_INTERVAL, stream.closed(&mut buffer));
        assert!(noticed.await.is_ok());
    }
}
