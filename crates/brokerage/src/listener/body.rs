//! Bodies, read as far as their heads deserve.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use brokerage_wire::{WireRequest, WireResponse};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

use super::plain;

/// Largest JSON body of Tencent's third signature, in bytes: the largest that a vendor documents ("TC3 POST 10 MB").
pub const TC3_BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest body of every other request, in bytes. Forms are taken apart into texts several times their size, and no
/// operation needs more than some kilobytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest body that is read before its head is looked at, in bytes: some clients sign only in the body.
pub const STRANGER_BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a body is not read.
pub enum Refusal {
    /// No dialect has a word for it.
    Status(StatusCode),
    /// In the vendor's words.
    Answer(Box<WireResponse>),
}

impl Refusal {
    /// The answer.
    pub fn into_response(self) -> WireResponse {
        match self {
            Self::Status(status) => plain(status),
            Self::Answer(answer) => *answer,
        }
    }
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::Status(status)
    }
}

/// Reads a request's body, as far as its head permits. A larger body than a stranger's is read when `check_head` has
/// nothing against its head.
pub async fn with_body<F>(
    request: Request<Incoming>,
    check_head: impl FnOnce(WireRequest) -> F,
) -> Result<Request<Bytes>, Refusal>
where
    F: Future<Output = Result<(), WireResponse>>,
{
    let (parts, body) = request.into_parts();
    let bytes_max = body_bytes_max(&parts.headers);
    // What is announced as too large is not read at all.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
    }
    let head = Request::from_parts(parts, Bytes::new());
    let reading = read(check_head, &head, body, bytes_max);
    let body = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(body) => body?,
        Err(_) => return Err(StatusCode::REQUEST_TIMEOUT.into()),
    };
    Ok(head.map(|_| Bytes::from(body)))
}

async fn read<F>(
    check_head: impl FnOnce(WireRequest) -> F,
    head: &Request<Bytes>,
    mut body: Incoming,
    bytes_max: usize,
) -> Result<Vec<u8>, Refusal>
where
    F: Future<Output = Result<(), WireResponse>>,
{
    let mut bytes = Vec::new();
    let mut of_stranger = Some(check_head);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut expected = announced;
    loop {
        if expected > bytes_max {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
        }
        if expected > STRANGER_BODY_BYTES_MAX
            && let Some(check_head) = of_stranger.take()
        {
            let looked_at = WireRequest::from_http(head.clone());
            let looked_at = looked_at.map_err(|_| StatusCode::BAD_REQUEST)?;
            let checked = check_head(looked_at).await;
            checked.map_err(|refusal| Refusal::Answer(Box::new(refusal)))?;
        }
        let Some(frame) = body.frame().await else {
            return Ok(bytes);
        };
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        bytes.extend_from_slice(&data);
        expected = announced.max(bytes.len());
    }
}

/// What is said of a body that does not come.
fn broken(error: &hyper::Error) -> StatusCode {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            return match cause.kind() {
                io::ErrorKind::TimedOut => StatusCode::REQUEST_TIMEOUT,
                io::ErrorKind::QuotaExceeded => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
        }
        source = cause.source();
    }
    StatusCode::BAD_REQUEST
}

/// How large the body of a request with this head may be.
fn body_bytes_max(headers: &HeaderMap) -> usize {
    let starts = |name, beginning: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.trim_start().starts_with(beginning))
    };
    let is_json = starts(CONTENT_TYPE, "application/json");
    match starts(AUTHORIZATION, "TC3-HMAC-SHA256") && is_json {
        true => TC3_BODY_BYTES_MAX,
        false => BODY_BYTES_MAX,
    }
}
