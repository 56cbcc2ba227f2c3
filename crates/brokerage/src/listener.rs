//! The server's sockets: HTTP/1.1, on one port for every dialect, with a bound on everything that a peer can make grow.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brokerage_control::watch::Watch;
use brokerage_engine_embedded::ServerTls;
use brokerage_wire::WireRequest;
use brokerage_wire::gateway::Gateway;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that are served at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// Largest JSON body of Tencent's third signature, in bytes: the largest that a vendor documents ("TC3 POST 10 MB").
const TC3_BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest body of every other request, in bytes. Forms are taken apart into texts several times their size, and no
/// operation needs more than some kilobytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Header lines of one request.
const HEADERS_MAX: usize = 100;
/// Buffer of one connection for head and body, in bytes.
const BUFFER_BYTES_MAX: usize = 128 * 1024;
/// Longest wait for a request's head, from its first byte or from the end of the one before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Longest wait for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after a failed accept (no descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A socket that is served.
pub struct Socket {
    /// Where connections come in.
    pub listener: TcpListener,
    /// What is shown to those that speak TLS; `None` where they do not.
    pub tls: Option<ServerTls>,
}

impl From<TcpListener> for Socket {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
        }
    }
}

/// Binds every address, in order.
///
/// # Errors
/// If one cannot be bound; the error names it.
pub async fn bind(addresses: &[SocketAddr]) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        listeners.push(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("listen: {address}"))?,
        );
    }
    Ok(listeners)
}

/// Serves the gateway on `sockets` until `stop` is cancelled; the tracker ends when the last answer is out.
pub fn serve(
    sockets: Vec<Socket>,
    gateway: Gateway,
    stop: CancellationToken,
    watch: &Watch,
) -> TaskTracker {
    let gateway = Arc::new(gateway);
    let handler = move |request| answer(gateway.clone(), request);
    serve_with(sockets, CONNECTIONS_MAX, handler, stop, watch)
}

/// The same for whatever answers requests.
pub fn serve_with<H, F>(
    sockets: Vec<Socket>,
    connections_max: usize,
    handler: H,
    stop: CancellationToken,
    watch: &Watch,
) -> TaskTracker
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let tasks = TaskTracker::new();
    let room = Arc::new(Semaphore::new(connections_max));
    for socket in sockets {
        let accepting = accept(
            socket,
            handler.clone(),
            stop.clone(),
            tasks.clone(),
            room.clone(),
        );
        watch.spawn(&tasks, "a listener of the API", accepting);
    }
    tasks.close();
    tasks
}

async fn accept<H, F>(
    Socket { listener, tls }: Socket,
    handler: H,
    stop: CancellationToken,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => return,
            permit = room.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (tls, handler, stop) = (tls.clone(), handler.clone(), stop.clone());
                tasks.spawn(connection(stream, tls, handler, stop, permit));
            }
            Err(error) => {
                tracing::warn!(%error, "a listener does not accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection<H, F>(
    stream: TcpStream,
    tls: Option<ServerTls>,
    handler: H,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
) where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's delay");
    }
    let Some(tls) = tls else {
        return converse(stream, handler, stop).await;
    };
    let secured = tokio::select! {
        () = stop.cancelled() => return,
        secured = tls.accept(stream) => secured,
    };
    match secured {
        Ok(stream) => converse(stream, handler, stop).await,
        Err(error) => tracing::debug!(%error, "a connection was not secured"),
    }
}

/// Answers the requests of a connection.
async fn converse<S, H, F>(stream: S, handler: H, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(move |request| {
        let answer = handler(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(gateway: Arc<Gateway>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let request = match with_body(request).await {
        Ok(request) => request,
        Err(status) => return plain(status),
    };
    match WireRequest::from_http(request) {
        Ok(request) => gateway.serve(&request).await.map(Full::new),
        Err(_) => plain(StatusCode::BAD_REQUEST),
    }
}

/// Reads a request's body, as far as its head permits.
async fn with_body(request: Request<Incoming>) -> Result<Request<Bytes>, StatusCode> {
    let (parts, body) = request.into_parts();
    let bytes_max = body_bytes_max(&parts.headers);
    // What is announced as too large is not read at all.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let collecting = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collecting).await {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
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

/// A refusal before any dialect is known.
fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
    const JSON: &str = "content-type: application/json\r\n";
    const TC3: &str = "authorization: TC3-HMAC-SHA256 Credential=a\r\n";

    /// Answers with the length of the body.
    async fn echo_target(request: Request<Incoming>) -> Response<Full<Bytes>> {
        match with_body(request).await {
            Ok(request) => Response::new(request.body().len().to_string().into()),
            Err(status) => plain(status),
        }
    }

    /// What a peer hears who sends this head and so many bytes, as one chunk when the head does not announce them.
    async fn heard(head: &str, announced: Option<usize>, sent: usize) -> String {
        let mut listeners = bind(&[([127, 0, 0, 1], 0).into()]).await.expect("a port");
        let listener = listeners.pop().expect("it is bound");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let watch = Watch::new(stop.clone());
        let tasks = serve_with(vec![listener.into()], 1, echo_target, stop.clone(), &watch);
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (mut read, mut write) = stream.into_split();
        let (framing, begin, end) = match announced {
            Some(length) => (format!("content-length: {length}"), String::new(), ""),
            None => (
                "transfer-encoding: chunked".to_owned(),
                format!("{sent:x}\r\n"),
                "\r\n0\r\n\r\n",
            ),
        };
        let writing = async move {
            let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{head}{framing}\r\n\r\n{begin}");
            let body = [head.as_bytes(), &vec![b'x'; sent], end.as_bytes()].concat();
            // The server may have answered and gone before it has everything.
            drop(write.write_all(&body).await);
            write
        };
        let reading = async {
            let mut text = vec![0; 4096];
            let length = read.read(&mut text).await.expect("an answer");
            String::from_utf8_lossy(&text[..length]).into_owned()
        };
        let (_write, text) = tokio::join!(writing, reading);
        stop.cancel();
        tasks.wait().await;
        let status = text.split(' ').nth(1).expect("a status").to_owned();
        match text.rsplit_once("\r\n\r\n") {
            Some((_, body)) if status == "200" => body.to_owned(),
            _ => status,
        }
    }

    #[tokio::test]
    async fn a_body_is_as_large_as_its_head_permits() {
        let (small, large) = (BODY_BYTES_MAX, TC3_BODY_BYTES_MAX);
        let tc3 = format!("{TC3}{JSON}");
        let tc3_form = format!("{TC3}{FORM}");
        for (head, announced, sent, expected) in [
            (FORM, Some(small), small, small.to_string()),
            (FORM, Some(small + 1), 0, "413".to_owned()),
            (JSON, Some(small + 1), 0, "413".to_owned()),
            ("", Some(usize::MAX >> 1), 0, "413".to_owned()),
            (FORM, None, small, small.to_string()),
            (FORM, None, small + 1, "413".to_owned()),
            (&tc3, Some(small + 1), small + 1, (small + 1).to_string()),
            (&tc3, None, small + 1, (small + 1).to_string()),
            (&tc3, Some(large + 1), 0, "413".to_owned()),
            (&tc3_form, Some(small + 1), 0, "413".to_owned()),
        ] {
            let heard = heard(head, announced, sent).await;
            assert_eq!(heard, expected, "{head:?} {announced:?} {sent}");
        }
    }
}
