//! The server's sockets: HTTP/1.1, on one port for every dialect, with a bound on everything that a peer can make grow.
//!
//! Nobody waits for a place: a stranger's connection that rests is the first to go when there are too many
//! ([`Places`](brokerage_engine_embedded::Places)). Bytes are counted over all connections ([`bytes`]), large bodies
//! are read when their head has proved something ([`body`]), and a peer whose turn it is keeps a pace ([`paced`]).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;
use anyhow::Context as _;
use brokerage_control::watch::Watch;
use brokerage_engine_embedded::ServerTls;
use brokerage_wire::WireRequest;
use brokerage_wire::gateway::Gateway;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use body::{STRANGER_BODY_BYTES_MAX, with_body};
use bytes::Reservation;
use paced::Paced;
pub use standing::Room;
use standing::Standing;

mod body;
mod bytes;
mod paced;
mod standing;

/// Connections to the API that are served at once; further ones displace others.
const CONNECTIONS_MAX: usize = 4_096;
/// Which part of few descriptors the API's connections take.
const DESCRIPTORS_PART: u64 = 8;
/// Header lines of one request.
const HEADERS_MAX: usize = 100;
/// Buffer of one connection for head and body, in bytes.
const BUFFER_BYTES_MAX: usize = 128 * 1024;
/// Longest wait for a request's head from the end of the one before, for callers that have proved who they are.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Requests with a large body that are taken apart at once: each keeps a worker for milliseconds.
const LARGE_REQUESTS_MAX: usize = 1;
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

/// Connections to the API: fewer where the process may have few descriptors.
pub fn connections_max() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let part = usize::try_from(descriptors / DESCRIPTORS_PART).unwrap_or(usize::MAX);
    CONNECTIONS_MAX.min(part)
}

/// Serves the gateway on `sockets` until `stop` is cancelled; the tracker ends when the last answer is out.
pub fn serve(
    sockets: Vec<Socket>,
    room: Room,
    gateway: Gateway,
    stop: CancellationToken,
    watch: &Watch,
) -> TaskTracker {
    let gateway = Arc::new(gateway);
    let turns = Arc::new(Semaphore::new(LARGE_REQUESTS_MAX));
    let handler =
        move |request, standing| answer(gateway.clone(), turns.clone(), request, standing);
    serve_with(sockets, room, handler, stop, watch)
}

/// The same for whatever answers requests.
pub fn serve_with<H, F>(
    sockets: Vec<Socket>,
    room: Room,
    handler: H,
    stop: CancellationToken,
    watch: &Watch,
) -> TaskTracker
where
    H: Fn(Request<Incoming>, Arc<Standing>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let tasks = TaskTracker::new();
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
    room: Room,
) where
    H: Fn(Request<Incoming>, Arc<Standing>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    // What comes over a network without TLS may have been read by others.
    let is_local = listener
        .local_addr()
        .is_ok_and(|own| own.ip().is_loopback());
    let is_exposed = tls.is_none() && !is_local;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let standing = Standing::new(&room, peer, is_exposed);
                let (tls, handler, stop) = (tls.clone(), handler.clone(), stop.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = connection(stream, tls, handler, stop, &standing) => {}
                        () = standing.outstayed() => {}
                    }
                });
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
    standing: &Arc<Standing>,
) where
    H: Fn(Request<Incoming>, Arc<Standing>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's delay");
    }
    // Nothing is made for those that say nothing.
    let spoken = tokio::select! {
        () = stop.cancelled() => return,
        spoken = stream.readable() => spoken,
    };
    if spoken.is_err() {
        return;
    }
    // On the heap, so that those need no room for it.
    Box::pin(async {
        let Some(tls) = tls else {
            return converse(stream, handler, stop, standing).await;
        };
        let secured = tokio::select! {
            () = stop.cancelled() => return,
            secured = tls.accept(stream) => secured,
        };
        match secured {
            Ok(stream) => converse(stream, handler, stop, standing).await,
            Err(error) => tracing::debug!(%error, "a connection was not secured"),
        }
    })
    .await;
}

/// Answers the requests of a connection.
async fn converse<S, H, F>(stream: S, handler: H, stop: CancellationToken, standing: &Arc<Standing>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>, Arc<Standing>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let of_requests = standing.clone();
    let service = service_fn(move |request| {
        let standing = of_requests.clone();
        standing.begin_body();
        let answer = handler(request, standing.clone());
        async move { Ok::<_, Infallible>(held(answer.await, &standing)) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(Paced::new(stream, standing.clone())), service);
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

/// An answer whose bytes are counted as long as they are there.
fn held(answer: Response<Full<Bytes>>, standing: &Standing) -> Response<Full<Bytes>> {
    let holder = standing.end_answer();
    answer.map(|body| {
        let bytes = body.into_inner().unwrap_or_default();
        let reservation = standing.answer_held(holder, bytes.len());
        let held = Held {
            bytes,
            _reservation: reservation,
        };
        Full::new(Bytes::from_owner(held))
    })
}

/// Bytes with what counts them.
struct Held {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

async fn answer(
    gateway: Arc<Gateway>,
    turns: Arc<Semaphore>,
    request: Request<Incoming>,
    standing: Arc<Standing>,
) -> Response<Full<Bytes>> {
    let check_head = async |head: WireRequest| {
        gateway.check_head(&head).await?;
        standing.claim();
        Ok(())
    };
    let request = match with_body(request, check_head).await {
        Ok(request) => request,
        Err(refusal) => return full(refusal.into_response()),
    };
    standing.begin_answer();
    let _turn = match request.body().len() {
        ..=STRANGER_BODY_BYTES_MAX => None,
        _ => turns.acquire().await.ok(),
    };
    full(match WireRequest::from_http(request) {
        Ok(request) => gateway.serve_at(&*standing, &request).await,
        Err(_) => plain(StatusCode::BAD_REQUEST),
    })
}

fn full(answer: Response<Bytes>) -> Response<Full<Bytes>> {
    answer.map(Full::new)
}

/// A refusal before any dialect is known.
fn plain(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
