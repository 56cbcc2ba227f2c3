//! A connection whose peer keeps a pace: whoever has begun to send a request, or is sent an answer, goes on with it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::standing::Standing;

/// Slowest pace of a peer whose turn it is, in bytes a second.
const PACE_BYTES_PER_SECOND: u64 = 4 * 1024;

/// When a peer is too late. Every byte puts it off, by what the pace allows for it.
struct Pace {
    rest_max: Duration,
    /// Set while it is the peer's turn.
    late: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(rest_max: Duration) -> Self {
        Self {
            rest_max,
            late: None,
            timer: None,
        }
    }

    fn moved(&mut self, bytes: usize) {
        if let Some(late) = self.late {
            let earned = Duration::from_micros(bytes as u64 * 1_000_000 / PACE_BYTES_PER_SECOND);
            let latest = Instant::now() + self.rest_max;
            self.late = Some((late + earned).min(latest));
        }
    }

    fn rest(&mut self) {
        self.late = None;
        self.timer = None;
    }

    /// It is the peer's turn and it does nothing: an error when it has not for too long.
    fn poll_late(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let late = *self
            .late
            .get_or_insert_with(|| Instant::now() + self.rest_max);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(late)));
        if timer.deadline() != late {
            timer.as_mut().reset(late);
        }
        match timer.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// A stream at a pace, whose bytes are counted.
pub struct Paced<S> {
    stream: S,
    standing: Arc<Standing>,
    reading: Pace,
    writing: Pace,
}

impl<S> Paced<S> {
    /// The stream of a connection.
    pub fn new(stream: S, standing: Arc<Standing>) -> Self {
        let rest_max = standing.peer_rest_max();
        Self {
            stream,
            standing,
            reading: Pace::new(rest_max),
            writing: Pace::new(rest_max),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                this.reading.moved(bytes);
                if bytes > 0 && !this.standing.receive(bytes) {
                    let full = "there is no room for what comes";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, full)));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if this.standing.awaits_bytes() => {
                this.reading.poll_late(context)?;
                Poll::Pending
            }
            Poll::Pending => {
                this.reading.rest();
                Poll::Pending
            }
            failed => failed,
        }
    }
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.writing.moved(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.writing.poll_late(context)?,
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => {
                self.writing.poll_late(context)?;
                Poll::Pending
            }
            Poll::Ready(flushed) => {
                self.writing.rest();
                Poll::Ready(flushed)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => {
                self.writing.poll_late(context)?;
                Poll::Pending
            }
            closed => closed,
        }
    }
}
