//! The server's sockets: HTTP/1.1, on one port for every dialect, with a bound on everything that a peer can make grow.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use brokerage_dialects::gateway::Gateway;
use brokerage_dialects::wire::WireRequest;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that are served at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// Largest body, in bytes: the largest that a vendor documents ("TC3 POST 10 MB").
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
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

/// Binds every address, in order.
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

/// Serves the gateway on `listeners` until it is told to stop; the tracker ends when the last answer is out.
pub fn serve(
    listeners: Vec<TcpListener>,
    gateway: Gateway,
    stop: CancellationToken,
) -> TaskTracker {
    let gateway = Arc::new(gateway);
    let handler = move |request| answer(gateway.clone(), request);
    serve_with(listeners, CONNECTIONS_MAX, handler, stop)
}

/// The same for whatever answers requests.
pub fn serve_with<H, F>(
    listeners: Vec<TcpListener>,
    connections_max: usize,
    handler: H,
    stop: CancellationToken,
) -> TaskTracker
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let tasks = TaskTracker::new();
    let room = Arc::new(Semaphore::new(connections_max));
    for listener in listeners {
        let accepting = accept(
            listener,
            handler.clone(),
            stop.clone(),
            tasks.clone(),
            room.clone(),
        );
        tasks.spawn(accepting);
    }
    tasks.close();
    tasks
}

async fn accept<H, F>(
    listener: TcpListener,
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
                tasks.spawn(connection(stream, handler.clone(), stop.clone(), permit));
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
    let (parts, body) = request.into_parts();
    let collected =
        tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let body = match collected {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT),
    };
    match WireRequest::from_http(Request::from_parts(parts, body)) {
        Ok(request) => gateway.serve(&request).await.map(Full::new),
        Err(_) => plain(StatusCode::BAD_REQUEST),
    }
}

/// A refusal before any dialect is known.
fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
