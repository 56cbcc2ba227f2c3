//! Listeners and connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, Endpoint};
use crate::counters;
use crate::error::HostError;
use crate::memory::{self, Held, Memory, Stage, UNCOUNTED_BYTES};
use crate::network::allowed::Allowed;
use crate::network::answer;
use crate::network::authentication::{Renewal, authenticate};
use crate::network::shared_port::{Registration, SharedPort};
use crate::network::stream::Stream;
use crate::network::tls::{self, Names, Tls, TlsError};
use crate::protocol::{self, AuthenticationError, Context, ProtocolError, Reply, Session};
use crate::spec::security::{SaslSpec, SecurityProtocol};
use crate::spec::{Bind, ListenerSpec};

/// Largest request in bytes: all that a cluster may hold of those to produce, and less of others. Kafka's
/// `socket.request.max.bytes` is 100 MiB.
const FRAME_BYTES_MAX: usize = Stage::Produce.share_bytes();
/// Connections that wait to be accepted (Kafka's `socket.listen.backlog.size` is 50).
const BACKLOG: i32 = 128;
/// A connection without a request for this long is closed (Kafka's `connections.max.idle.ms`).
const IDLE_MAX: Duration = Duration::from_secs(600);
/// A request that has begun has to arrive within this time, and to have room within as much.
const FRAME_TIME_MAX: Duration = Duration::from_secs(120);
/// A client that sends nothing of a request that has begun for this long is disconnected.
const STALL_MAX: Duration = Duration::from_secs(30);
/// Requests of one connection whose answers wait for the disk; clients keep fewer in flight.
const PENDING_MAX: usize = 16;
/// A request is preceded by its length.
const LENGTH_BYTES: usize = 4;
/// It begins with its key.
const KEY_BYTES: usize = 2;
/// A pause after accepting failed for want of descriptors.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One listener, as its connections see it.
pub(crate) struct Listener {
    broker_id: i32,
    name: Arc<str>,
    bind: Bind,
    local_address: SocketAddr,
    security: SecurityProtocol,
    sasl: SaslSpec,
    is_public: bool,
    allowed: Allowed,
    names: Names,
    /// `None` where a host has no TLS.
    tls: Option<Arc<Tls>>,
    stop: CancellationToken,
}

impl Listener {
    /// TLS of the host, for its handshakes.
    pub(crate) fn tls(&self) -> Result<&Arc<Tls>, TlsError> {
        self.tls.as_ref().ok_or(TlsError::Absent)
    }

    /// Names that the certificate is for.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }
}

/// Where connections are accepted from.
#[derive(Clone)]
enum Socket {
    Own(Arc<TcpListener>),
    Shared(Arc<Registration>),
}

/// What listeners of a host share.
#[derive(Clone)]
pub(crate) struct Ports {
    pub tls: Option<Arc<Tls>>,
    /// For private listeners.
    pub shared_port: Option<Arc<SharedPort>>,
    /// For public ones: what leads to these leads to nothing else.
    pub public_shared_port: Option<Arc<SharedPort>>,
}

/// A listener with its socket.
#[derive(Clone)]
pub(crate) struct BoundListener {
    listener: Arc<Listener>,
    socket: Socket,
    advertised_host: Arc<str>,
}

fn bind_socket(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking(),
        Some(socket2::Protocol::TCP),
    )?;
    // A port stays in TIME_WAIT after its connections closed; a restart must not wait for it.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into())?;
    let local_address = socket.local_addr()?;
    Ok((socket, local_address))
}

/// Binds; returns the socket and its address.
pub(crate) fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), HostError> {
    bind_socket(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => HostError::AddressInUse { address },
        _ => HostError::Bind { address, source },
    })
}

impl BoundListener {
    /// Binds; nothing is accepted before [`accept`].
    pub(crate) fn bind(
        broker_id: i32,
        spec: &ListenerSpec,
        ports: &Ports,
    ) -> Result<Self, HostError> {
        let shared_port = match spec.is_public {
            true => &ports.public_shared_port,
            false => &ports.shared_port,
        };
        let (socket, local_address) = match (spec.bind, shared_port) {
            (Bind::Address(address), _) => {
                let (socket, local_address) = bind(address)?;
                (Socket::Own(Arc::new(socket)), local_address)
            }
            (Bind::SharedPort, Some(port)) => {
                let registration = port.register(&spec.advertised_host)?;
                (Socket::Shared(Arc::new(registration)), port.local_address)
            }
            (Bind::SharedPort, None) => {
                return Err(HostError::InvalidSpec {
                    reason: match spec.is_public {
                        true => "this host has no shared port for public listeners".to_owned(),
                        false => "this host has no shared port".to_owned(),
                    },
                });
            }
        };
        let tls = ports.tls.clone();
        Ok(Self::new(broker_id, spec, socket, local_address, tls))
    }

    fn new(
        broker_id: i32,
        spec: &ListenerSpec,
        socket: Socket,
        local_address: SocketAddr,
        tls: Option<Arc<Tls>>,
    ) -> Self {
        let address = match spec.bind {
            Bind::Address(address) => Some(address.ip()),
            Bind::SharedPort => None,
        };
        let listener = Listener {
            broker_id,
            name: spec.name.as_str().into(),
            bind: spec.bind,
            local_address,
            security: spec.security,
            sasl: spec.sasl.clone(),
            is_public: spec.is_public,
            allowed: Allowed::new(spec.allowed.clone()),
            names: match spec.security.has_tls() {
                true => tls::names(&spec.advertised_host, address),
                false => Names::default(),
            },
            tls,
            stop: CancellationToken::new(),
        };
        Self {
            listener: Arc::new(listener),
            socket,
            advertised_host: spec.advertised_host.as_str().into(),
        }
    }

    /// This listener if it is as specified, or a new one with its socket; `None` if it listens elsewhere.
    pub(crate) fn adapt(&self, broker_id: i32, spec: &ListenerSpec) -> Option<Self> {
        let listener = &self.listener;
        let is_named = listener.broker_id == broker_id && *listener.name == *spec.name;
        let is_here = match spec.bind {
            Bind::Address(address) => address.port() != 0 || is_named,
            Bind::SharedPort => self
                .advertised_host
                .eq_ignore_ascii_case(&spec.advertised_host),
        };
        // Public ones are reached through a shared port of their own.
        let is_moved = spec.bind == Bind::SharedPort && listener.is_public != spec.is_public;
        if listener.bind != spec.bind || !is_here || is_moved {
            return None;
        }
        let (socket, tls) = (self.socket.clone(), listener.tls.clone());
        let next = Self::new(broker_id, spec, socket, listener.local_address, tls);
        let is_unchanged = is_named
            && listener.security == spec.security
            && listener.sasl == spec.sasl
            && listener.is_public == spec.is_public
            && listener.names == next.listener.names;
        Some(if is_unchanged { self.clone() } else { next })
    }

    pub(crate) fn endpoint(&self, spec: &ListenerSpec) -> Endpoint {
        let port = match (&self.socket, spec.advertised_port) {
            (Socket::Own(_), 0) => self.listener.local_address.port(),
            (Socket::Shared(registration), 0) => registration.port().advertised_port,
            (_, port) => port,
        };
        Endpoint {
            broker_id: self.listener.broker_id,
            listener: self.listener.name.clone(),
            host: spec.advertised_host.clone(),
            port,
            local_address: self.listener.local_address,
        }
    }

    /// Lets those in that a specification allows, and nobody else.
    pub(crate) fn allow(&self, spec: &ListenerSpec) {
        self.listener.allowed.set(&spec.allowed);
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.listener, &other.listener)
    }

    /// Stops accepting and closes the connections that came through it.
    pub(crate) fn close(&self) {
        self.listener.stop.cancel();
    }
}

/// Starts accepting connections.
pub(super) fn accept(cluster: &Arc<Cluster>, bound: &BoundListener) {
    let socket = match &bound.socket {
        Socket::Own(socket) => socket.clone(),
        Socket::Shared(registration) => return registration.route_to(cluster, &bound.listener),
    };
    let listener = bound.listener.clone();
    let guard = cluster.process().vital.guard("a listener of a cluster");
    let weak_cluster = Arc::downgrade(cluster);
    // Not a function of its own: its arguments would be stored twice for each idle listener.
    let accepting = async move {
        let _guard = &guard;
        loop {
            let accepted = tokio::select! {
                // First, so that nothing is taken from a listener that took over the socket.
                biased;
                () = listener.stop.cancelled() => return,
                accepted = socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, address = %listener.local_address, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(cluster) = weak_cluster.upgrade() else {
                return;
            };
            admit(cluster, listener.clone(), peer, |cluster, listener| {
                open(cluster, listener, stream)
            });
        }
    };
    let runtime = &cluster.process().runtime;
    cluster.tasks().spawn_on(accepting, runtime);
}

async fn open(
    cluster: Arc<Cluster>,
    listener: Arc<Listener>,
    stream: TcpStream,
) -> Result<Stream, TlsError> {
    stream.set_nodelay(true).map_err(TlsError::Handshake)?;
    if !listener.security.has_tls() {
        return Ok(Stream::Plain(stream));
    }
    let now_ms = cluster.now_ms();
    // On the heap, so that connections without TLS need no room for it.
    let accepting = Box::pin(listener.tls()?.accept(stream, &listener.names, now_ms));
    Ok(Stream::Tls(Box::new(accepting.await?)))
}

/// Serves a connection that came through this listener, if there is room for it, once it is open.
pub(crate) fn admit<F>(
    cluster: Arc<Cluster>,
    listener: Arc<Listener>,
    peer: SocketAddr,
    open: impl FnOnce(Arc<Cluster>, Arc<Listener>) -> F + Send + 'static,
) where
    F: Future<Output = Result<Stream, TlsError>> + Send,
{
    let is_public = listener.is_public;
    if !listener.allowed.lets_in(peer.ip()) {
        counters::add(&cluster.counters().connections_not_allowed, 1);
        return;
    }
    if !cluster.take_connection(is_public) {
        return;
    }
    let tasks = cluster.tasks().clone();
    tasks.spawn(async move {
        let slot = ConnectionSlot {
            cluster,
            is_public,
            is_proven: AtomicBool::new(false),
        };
        let counters = slot.cluster.counters();
        let connection = async {
            let opened = open(slot.cluster.clone(), listener.clone()).await;
            let mut stream =
                opened.inspect_err(|_| counters::add(&counters.handshakes_failed, 1))?;
            let (cluster, name) = (slot.cluster.clone(), listener.name.clone());
            let context = Context {
                is_public,
                ..Context::new(cluster, listener.broker_id, name, peer)
            };
            let sasl = listener.security.has_sasl().then_some(&listener.sasl);
            let served = serve(context, sasl, &mut stream, || slot.prove()).await;
            if let Err(ConnectionError::FrameSize(_)) = served {
                counters::add(&counters.connections_malformed, 1);
            }
            stream.close().await;
            served
        };
        tokio::select! {
            served = listener.stop.run_until_cancelled(connection) => {
                if let Some(Err(error)) = served {
                    let error = tls::error_text(&error);
                    tracing::debug!(error, %peer, "connection closed");
                }
            }
            () = listener.allowed.denied(peer.ip()) => {
                tracing::debug!(%peer, "connection closed: its address is not allowed any more");
            }
        }
    });
}

/// A counted connection: the count goes down when this is dropped.
struct ConnectionSlot {
    cluster: Arc<Cluster>,
    is_public: bool,
    /// Its client has proven who it is.
    is_proven: AtomicBool,
}

impl ConnectionSlot {
    fn prove(&self) {
        if self.is_public && !self.is_proven.swap(true, Ordering::AcqRel) {
            self.cluster.public_access().prove_connection();
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let is_proven = self.is_proven.load(Ordering::Acquire);
        self.cluster.give_connection_back(self.is_public, is_proven);
    }
}

/// Why a connection was closed by the broker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("a request of {0} bytes is too large")]
    FrameSize(i32),
    #[error("no request came in time")]
    Idle,
    #[error("there was no room for the request")]
    NoRoom,
    #[error("the session was not renewed in time")]
    Expired,
    #[error("there is no TLS")]
    Tls(#[from] TlsError),
    #[error("the client was not let in")]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// Answers that wait for the disk, in the order of their requests.
type Pending = FuturesOrdered<BoxFuture<'static, Result<Option<Bytes>, ProtocolError>>>;

/// Answers requests until the client goes; where `sasl` is given, users authenticate first. `proven` is called when
/// the client has done what the listener asks for.
pub(crate) async fn serve(
    mut context: Context,
    sasl: Option<&SaslSpec>,
    stream: &mut Stream,
    proven: impl FnOnce(),
) -> Result<(), ConnectionError> {
    let cluster = context.cluster.clone();
    let memory = (!context.is_internal).then(|| cluster.memory());
    let (mut input, mut pending) = (Input::default(), Pending::new());
    let mut session = None;
    if let Some(sasl) = sasl {
        session = authenticate_boxed(&mut context, stream, &mut input, sasl, None).await?;
        if session.is_none() {
            return Ok(());
        }
    }
    proven();
    loop {
        let frame = tokio::select! {
            biased;
            Some(answer) = pending.next() => {
                write(stream, answer?).await?;
                continue;
            }
            frame = input.read_frame(stream, FRAME_BYTES_MAX, memory), if pending.len() < PENDING_MAX => frame?,
        };
        let Some(frame) = frame else { return Ok(()) };
        cluster.mark_used();
        if let (Some(old), Some(sasl)) = (&session, sasl) {
            let now = Instant::now();
            if protocol::is_handshake(&frame) && old.may_renew(now) {
                drain(stream, &mut pending).await?;
                let renewal = Renewal::of(old, frame);
                session = authenticate_boxed(&mut context, stream, &mut input, sasl, Some(renewal))
                    .await?;
                if session.is_none() {
                    return Ok(());
                }
                continue;
            }
            refuse_expired(&cluster, old, now)?;
        }
        if !protocol::is_produce(&frame) {
            drain(stream, &mut pending).await?;
        }
        let reply = tokio::select! {
            biased;
            reply = protocol::handle(&mut context, frame) => reply,
            // Polled even if the request has used up the task's budget.
            () = tokio::task::unconstrained(stream.closed(&mut input.buffer)) => return Ok(()),
        };
        let reply = reply.inspect_err(|_| context.count_malformed())?;
        context.count_request();
        match reply {
            Reply::Now(answer) if pending.is_empty() => write(stream, answer).await?,
            Reply::Now(answer) => pending.push_back(std::future::ready(Ok(answer)).boxed()),
            Reply::Later(answer) => pending.push_back(answer),
            // Not to a request to produce: everything before it was answered.
            Reply::Parts(answer) => answer::write(&answer, stream, memory).await?,
            Reply::Close => return drain(stream, &mut pending).await,
        }
        // KIP-219: the channel is muted for the throttle time of the answer.
        if !context.throttle.is_zero() {
            drain(stream, &mut pending).await?;
            mute(stream, &mut input, std::mem::take(&mut context.throttle)).await;
        }
    }
}

/// Reads nothing for so long, or until the client goes.
async fn mute(stream: &mut Stream, input: &mut Input, throttle: Duration) {
    // What was sent before the end is read after the time that the client was told, as by Kafka.
    let told = throttle.min(protocol::THROTTLE_MAX);
    tokio::time::sleep(told).await;
    tokio::select! {
        () = tokio::time::sleep(throttle - told) => {}
        // Whoever has gone keeps no place among the connections for longer: what is read next is the end.
        () = tokio::task::unconstrained(stream.closed(&mut input.buffer)) => {}
    }
}

/// Authenticates on the heap, so that connections do not keep room for it.
fn authenticate_boxed<'a>(
    context: &'a mut Context,
    stream: &'a mut Stream,
    input: &'a mut Input,
    sasl: &'a SaslSpec,
    renewal: Option<Renewal<'a>>,
) -> BoxFuture<'a, Result<Option<Session>, ConnectionError>> {
    authenticate(context, stream, input, sasl, renewal).boxed()
}

fn refuse_expired(
    cluster: &Cluster,
    session: &Session,
    now: Instant,
) -> Result<(), ConnectionError> {
    if !session.is_expired(now) {
        return Ok(());
    }
    counters::add(&cluster.counters().sessions_expired, 1);
    Err(ConnectionError::Expired)
}

async fn drain(stream: &mut Stream, pending: &mut Pending) -> Result<(), ConnectionError> {
    while let Some(answer) = pending.next().await {
        write(stream, answer?).await?;
    }
    Ok(())
}

pub(crate) async fn write(
    stream: &mut Stream,
    answer: Option<Bytes>,
) -> Result<(), ConnectionError> {
    match answer {
        Some(answer) => Ok(answer::write_all(&answer, stream).await?),
        None => Ok(()),
    }
}

/// What has come of requests that are not whole yet.
#[derive(Default)]
pub(crate) struct Input {
    /// The beginning of a request, or several small ones.
    buffer: BytesMut,
    /// A large one, which has room of its own.
    large: Option<Large>,
}

struct Large {
    bytes: BytesMut,
    size: usize,
    held: Option<Held>,
}

impl Input {
    /// The next request without its length; `None` when the client has closed. What has come stays here if the
    /// call is given up. A large request is read once the cluster has room for all of it.
    pub(super) async fn read_frame(
        &mut self,
        stream: &mut Stream,
        frame_bytes_max: usize,
        memory: Option<&Memory>,
    ) -> Result<Option<Bytes>, ConnectionError> {
        if self.large.is_none() {
            let Some(size) = self.read_length(stream, frame_bytes_max).await? else {
                return Ok(None);
            };
            if size <= UNCOUNTED_BYTES {
                let end = LENGTH_BYTES + size;
                let room = end.saturating_sub(self.buffer.len());
                self.buffer.reserve(room);
                fill(stream, &mut self.buffer, end).await?;
                // Copied, so that nothing that is kept of it keeps what came with it.
                let frame = Bytes::copy_from_slice(&self.buffer[LENGTH_BYTES..end]);
                self.buffer.advance(end);
                return Ok(Some(frame));
            }
            fill(stream, &mut self.buffer, LENGTH_BYTES + KEY_BYTES).await?;
            let stage = match protocol::is_produce(&self.buffer[LENGTH_BYTES..]) {
                true => Stage::Produce,
                false => Stage::Request,
            };
            if size > stage.share_bytes() {
                let size = i32::try_from(size).unwrap_or(i32::MAX);
                return Err(ConnectionError::FrameSize(size));
            }
            let held = match memory {
                Some(memory) => {
                    let taking = memory.take(stage, size);
                    let taken = tokio::time::timeout(FRAME_TIME_MAX, taking).await;
                    taken.map_err(|_| ConnectionError::NoRoom)?
                }
                None => None,
            };
            let mut bytes = BytesMut::with_capacity(size);
            self.buffer.advance(LENGTH_BYTES);
            let come = size.min(self.buffer.len());
            bytes.extend_from_slice(&self.buffer[..come]);
            self.buffer.advance(come);
            self.large = Some(Large { bytes, size, held });
        }
        if let Some(large) = &mut self.large {
            fill(stream, &mut large.bytes, large.size).await?;
        }
        let whole = self.large.take();
        Ok(whole.map(|large| memory::counted(large.bytes, large.held)))
    }

    /// The length of the next request, which stays in the buffer.
    async fn read_length(
        &mut self,
        stream: &mut Stream,
        frame_bytes_max: usize,
    ) -> Result<Option<usize>, ConnectionError> {
        let buffer = &mut self.buffer;
        while buffer.len() < LENGTH_BYTES {
            let read = tokio::time::timeout(IDLE_MAX, read_more(stream, buffer)).await;
            if read.map_err(|_| ConnectionError::Idle)?? == 0 {
                return Ok(None);
            }
        }
        let length = i32::from_be_bytes([buffer[0], buffer[1], buffer[2], buffer[3]]);
        let size = usize::try_from(length).ok();
        let size = size.filter(|size| *size <= frame_bytes_max);
        size.ok_or(ConnectionError::FrameSize(length)).map(Some)
    }
}

/// Reads until there are so many bytes, if they come in time.
async fn fill(
    stream: &mut Stream,
    bytes: &mut BytesMut,
    size: usize,
) -> Result<(), ConnectionError> {
    if bytes.len() >= size {
        return Ok(());
    }
    let filling = async {
        while bytes.len() < size {
            // No more than what is missing, into the room that was made for it.
            let missing = size - bytes.len();
            let mut room = (&mut *bytes).limit(missing);
            let reading = tokio::time::timeout(STALL_MAX, stream.read_buf(&mut room)).await;
            if reading.map_err(|_| ConnectionError::Idle)?? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(())
    };
    let filled = tokio::time::timeout(FRAME_TIME_MAX, filling).await;
    filled.unwrap_or(Err(ConnectionError::Idle))
}

/// Reads what has arrived. An idle connection holds no memory; a busy one reuses the buffer of the last
/// request.
async fn read_more(stream: &mut Stream, buffer: &mut BytesMut) -> io::Result<usize> {
    if buffer.is_empty() && stream.readable().now_or_never().is_none() {
        *buffer = BytesMut::new();
        stream.readable().await?;
    }
    buffer.reserve(stream.read_ahead_bytes());
    stream.read_buf(buffer).await
}
