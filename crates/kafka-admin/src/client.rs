//! One connection: framing, versions, bounds.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use kafka_protocol::{messages::ApiVersionsRequest, protocol::Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::{
    AdminError, ErrorCode,
    error::check,
    frame::{read_answer, request_frame},
};

/// How long a request may take (Kafka's `request.timeout.ms`: 30,000).
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// Largest answer that is read, in bytes (Kafka's `socket.request.max.bytes` is as much for requests).
const ANSWER_BYTES_MAX: usize = 100 << 20;
/// How long a connection waits in all for leaders and coordinators that are being found, until one was.
const LEADER_TIME_MAX: Duration = Duration::from_secs(2);
/// The first pause before a request is made again, and the longest: each is twice the last (Kafka's `retry.backoff.ms` and
/// `retry.backoff.max.ms` are 100 and 1,000).
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(160);
/// Room that is made for an answer before its bytes have come.
const READ_STEP_BYTES: usize = 64 << 10;
/// Whom requests are from.
const CLIENT_ID: &str = "brokerage-admin";

/// Both ends of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What one request may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the first byte of the request to the last of its answer.
    pub request_time_max: Duration,
    /// Of an answer.
    pub answer_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            request_time_max: REQUEST_TIME_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }
}

/// A connection to a broker.
pub struct Client {
    stream: Box<dyn Stream>,
    bounds: Bounds,
    /// First and last version of each request that the broker serves, by key.
    versions: BTreeMap<i16, (i16, i16)>,
    client_id: String,
    correlation_id: i32,
    /// A request was begun and its answer not read to the end.
    is_lost: bool,
    /// What is left of [`LEADER_TIME_MAX`].
    leader_time_left: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("is_lost", &self.is_lost)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks the broker behind the stream which requests it serves.
    ///
    /// # Errors
    /// If the stream fails or something else than a broker answers.
    pub async fn connect(stream: impl Stream + 'static) -> Result<Self, AdminError> {
        Self::connect_within(stream, Bounds::default()).await
    }

    /// As [`Client::connect`], with other bounds than the usual ones.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_within(
        stream: impl Stream + 'static,
        bounds: Bounds,
    ) -> Result<Self, AdminError> {
        let mut client = Self::over(stream, bounds);
        // Every broker knows this version, whatever else it knows (KIP-511).
        let offered = client.call_at(&ApiVersionsRequest::default(), 0).await?;
        check(offered.error_code, None)?;
        let rows = offered.api_keys.iter();
        client.versions = rows
            .map(|row| (row.api_key, (row.min_version, row.max_version)))
            .collect();
        Ok(client)
    }

    /// A connection whose versions are chosen by hand ([`Client::call_at`]): nothing is asked first.
    pub fn over(stream: impl Stream + 'static, bounds: Bounds) -> Self {
        Self {
            stream: Box::new(stream),
            bounds,
            versions: BTreeMap::new(),
            client_id: CLIENT_ID.to_owned(),
            correlation_id: 0,
            is_lost: false,
            leader_time_left: LEADER_TIME_MAX,
        }
    }

    /// The same connection under another name than the usual one (Kafka's `client.id`).
    #[must_use]
    pub fn with_client_id(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.client_id);
        self
    }

    /// First and last version of each request that the broker serves, by Kafka's key.
    pub fn versions(&self) -> &BTreeMap<i16, (i16, i16)> {
        &self.versions
    }

    /// Whether another request can be made: the broker has not closed, and no request was given up.
    pub fn is_alive(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        // Who reads next registers its own waker.
        let mut context = Context::from_waker(Waker::noop());
        let seen = Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer);
        // Between requests there is nothing to read but the end.
        self.is_lost |= seen.is_ready();
        !self.is_lost
    }

    /// Makes a request in the newest version that both ends know.
    ///
    /// # Errors
    /// [`AdminError`], except for codes inside the answer.
    pub async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, AdminError> {
        self.call_up_to(request, i16::MAX).await
    }

    /// The same in no newer version than this: where newer ones say something otherwise.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_up_to<R: Request>(
        &mut self,
        request: &R,
        newest: i16,
    ) -> Result<R::Response, AdminError> {
        let version = self.version_up_to::<R>(newest)?;
        self.call_at(request, version).await
    }

    /// As [`Client::call_up_to`], and reads the answer. A broker learns of the leaders and coordinators after they were
    /// made: while it refuses for that, the request was not served, and is made again after a pause. What is spent so
    /// comes back when one is found: a cluster without leaders costs a connection [`LEADER_TIME_MAX`] once.
    ///
    /// # Errors
    /// As [`Client::call`], and those of `read`.
    pub(crate) async fn ask_up_to<R: Request, T>(
        &mut self,
        request: &R,
        newest: i16,
        read: impl Fn(R::Response) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let mut pause = Duration::ZERO;
        loop {
            match read(self.call_up_to(request, newest).await?) {
                Err(error) if error.code().is_some_and(is_leader_awaited) => {
                    if !self.pause(&mut pause).await {
                        return Err(error);
                    }
                }
                read => {
                    self.found(pause);
                    return read;
                }
            }
        }
    }

    /// The same in the newest version.
    ///
    /// # Errors
    /// As [`Client::ask_up_to`].
    pub(crate) async fn ask<R: Request, T>(
        &mut self,
        request: &R,
        read: impl Fn(R::Response) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        self.ask_up_to(request, i16::MAX, read).await
    }

    /// Waits twice as long as the last time; whether there was time for it.
    pub(crate) async fn pause(&mut self, last: &mut Duration) -> bool {
        *last = (*last * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        let Some(left) = self.leader_time_left.checked_sub(*last) else {
            return false;
        };
        self.leader_time_left = left;
        tokio::time::sleep(*last).await;
        true
    }

    /// What was waited for came after this last pause.
    pub(crate) fn found(&mut self, last: Duration) {
        if !last.is_zero() {
            self.leader_time_left = LEADER_TIME_MAX;
        }
    }

    /// The newest version of a request that both ends know, and no newer than this.
    ///
    /// # Errors
    /// [`AdminError::Unsupported`].
    pub fn version_up_to<R: Request>(&self, newest: i16) -> Result<i16, AdminError> {
        let known = R::VERSIONS;
        let served = self.versions.get(&R::KEY);
        let version = served.and_then(|&(min, max)| {
            let version = max.min(known.max).min(newest);
            (version >= min.max(known.min)).then_some(version)
        });
        version.ok_or(AdminError::Unsupported { key: R::KEY })
    }

    /// Makes a request in this version.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_at<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, AdminError> {
        let frame = self.frame(request, version)?;
        let answer = self.exchange(&frame).await?;
        self.read_answer::<R>(answer, version)
    }

    /// A request as it is sent, with its length, for those who write it themselves ([`Client::stream_mut`]).
    ///
    /// # Errors
    /// [`AdminError::Malformed`].
    pub fn frame<R: Request>(&mut self, request: &R, version: i16) -> Result<Bytes, AdminError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        request_frame(request, version, self.correlation_id, &self.client_id)
    }

    /// The stream itself, for bytes that are no request or that want no answer: tokens of SASL, frames in advance.
    pub fn stream_mut(&mut self) -> &mut dyn Stream {
        &mut self.stream
    }

    /// Sends a request and reads the frame that answers it.
    async fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, AdminError> {
        if self.is_lost {
            let error = io::Error::other("an earlier request was given up");
            return Err(AdminError::Connection(error));
        }
        // Until the answer is there: whoever gives the request up leaves half of it behind.
        self.is_lost = true;
        let bounds = self.bounds;
        let exchange = async {
            let stream = &mut self.stream;
            stream.write_all(frame).await?;
            stream.flush().await?;
            let announced = stream.read_u32().await? as usize;
            if announced > bounds.answer_bytes_max {
                return Ok(Err(announced));
            }
            let mut answer = Vec::with_capacity(announced.min(READ_STEP_BYTES));
            let read = stream
                .take(announced as u64)
                .read_to_end(&mut answer)
                .await?;
            match read == announced {
                true => Ok(Ok(answer)),
                false => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            }
        };
        let exchanged = tokio::time::timeout(bounds.request_time_max, exchange).await;
        let exchanged = exchanged.map_err(|_| AdminError::Timeout(bounds.request_time_max))?;
        let answer = exchanged.map_err(AdminError::Connection)?;
        let answer = answer.map_err(|bytes| AdminError::AnswerTooLarge {
            bytes,
            bytes_max: bounds.answer_bytes_max,
        })?;
        self.is_lost = false;
        Ok(answer.into())
    }

    /// Reads the answer to the last request, without its length.
    ///
    /// # Errors
    /// [`AdminError::Malformed`]; the connection is of no use any more.
    pub fn read_answer<R: Request>(
        &mut self,
        answer: Bytes,
        version: i16,
    ) -> Result<R::Response, AdminError> {
        // What cannot be read may be the answer to something else.
        self.is_lost = true;
        let read = read_answer::<R>(answer, version, self.correlation_id)?;
        self.is_lost = false;
        Ok(read)
    }
}

/// Whether a request was refused because who serves it is not found yet.
fn is_leader_awaited(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::LeaderNotAvailable
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    )
}

/// The only one of a list of answers.
pub(crate) fn only<T>(key: i16, answers: Vec<T>) -> Result<T, AdminError> {
    let count = answers.len();
    let mut answers = answers.into_iter();
    match (answers.next(), count) {
        (Some(answer), 1) => Ok(answer),
        _ => Err(AdminError::Malformed {
            key,
            reason: format!("{count} answers to one question"),
        }),
    }
}

/// Kafka's refusal as what a request ends with.
pub(crate) fn refused(code: i16, message: Option<&str>) -> Result<(), AdminError> {
    Ok(check(code, message)?)
}

#[cfg(test)]
mod tests;
