//! One TLS port for the listeners of many clusters, distinguished by the server name that clients ask for
//! (SNI, RFC 6066).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::cluster::Cluster;
use crate::error::HostError;
use crate::network::listener::{self, ACCEPT_PAUSE, Listener};
use crate::network::places::{Place, Places};
use crate::network::stream::Stream;
use crate::network::tls::{HANDSHAKE_TIME_MAX, TlsError};

/// Clients that may be shaking hands at a time; when there are more, the one with least right to it makes room.
const HANDSHAKES_MAX: usize = 1_024;

/// A listener that was closed less than this ago may come back, as that of a fenced broker: its clients are
/// disconnected without an alert, so that they try again. Most give up after an alert.
const RETURN_TIME_MAX: Duration = Duration::from_secs(86_400);
/// Names of closed listeners that are remembered; beyond it all are forgotten.
const CLOSED_MAX: usize = 10_000;

/// Where a host listens for the clients of many clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedPortSpec {
    /// Address to listen at. Port 0: the system chooses.
    pub bind: SocketAddr,
    /// Advertised port. 0: the port listened at.
    pub advertised_port: u16,
}

/// What is seen of a shared port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPortObservation {
    /// Where it really listens.
    pub local_address: SocketAddr,
    /// Advertised port.
    pub advertised_port: u16,
    /// Listeners that are reached through it.
    pub listeners: usize,
    /// Connections closed because they asked for no known name, or did not speak TLS.
    pub connections_refused: u64,
}

/// The listener behind a name.
#[derive(Clone)]
struct Route {
    cluster: Weak<Cluster>,
    listener: Arc<Listener>,
}

/// What is known of a name.
enum Name {
    /// Registered; clients are accepted once the cluster listens.
    Taken,
    Open(Route),
    /// Its listener was closed at this time.
    Closed(Instant),
}

#[derive(Default)]
struct Names {
    known: HashMap<String, Name>,
    closed: usize,
}

impl Names {
    fn insert(&mut self, name: String, what: Name) {
        self.closed += usize::from(matches!(what, Name::Closed(_)));
        let old = self.known.insert(name, what);
        self.closed -= usize::from(matches!(old, Some(Name::Closed(_))));
    }

    fn close(&mut self, name: &str, now: Instant) {
        if self.closed >= CLOSED_MAX {
            self.known
                .retain(|_, what| !matches!(what, Name::Closed(_)));
            self.closed = 0;
        }
        self.insert(name.to_owned(), Name::Closed(now));
    }
}

/// A bound shared port.
pub(crate) struct SharedPort {
    pub local_address: SocketAddr,
    pub advertised_port: u16,
    names: RwLock<Names>,
    /// Until then clusters are being started, and an unknown name may belong to one of them.
    settled: Instant,
    refused: AtomicU64,
    handshakes: Arc<Places>,
}

/// A registered name; free again when this is dropped.
pub(crate) struct Registration {
    port: Arc<SharedPort>,
    name: String,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut names = self.port.names.write();
        names.close(&self.name, Instant::now());
    }
}

impl Registration {
    /// Routes clients that ask for the name to this listener from now on.
    pub(crate) fn route_to(&self, cluster: &Arc<Cluster>, listener: &Arc<Listener>) {
        let route = Route {
            cluster: Arc::downgrade(cluster),
            listener: listener.clone(),
        };
        let mut names = self.port.names.write();
        names.insert(self.name.clone(), Name::Open(route));
    }

    pub(crate) fn port(&self) -> &SharedPort {
        &self.port
    }
}

/// Alerts of TLS (RFC 8446, section 6).
#[derive(Debug, Clone, Copy)]
enum Alert {
    MissingExtension = 109,
    UnrecognizedName = 112,
}

impl SharedPort {
    /// Binds; nothing is accepted before [`SharedPort::run`].
    pub(crate) fn bind(
        spec: &SharedPortSpec,
        settling_time: Duration,
    ) -> Result<(Arc<Self>, TcpListener), HostError> {
        let (socket, local_address) = listener::bind(spec.bind)?;
        let port = Arc::new(Self {
            local_address,
            advertised_port: match spec.advertised_port {
                0 => local_address.port(),
                port => port,
            },
            names: RwLock::default(),
            settled: Instant::now() + settling_time,
            refused: AtomicU64::new(0),
            handshakes: Places::new(HANDSHAKES_MAX),
        });
        Ok((port, socket))
    }

    /// Registers a name, if it is free.
    pub(crate) fn register(self: &Arc<Self>, name: &str) -> Result<Registration, HostError> {
        let name = name.to_ascii_lowercase();
        let mut names = self.names.write();
        if let Some(Name::Taken | Name::Open(_)) = names.known.get(&name) {
            return Err(HostError::NameInUse { name });
        }
        names.insert(name.clone(), Name::Taken);
        Ok(Registration {
            port: self.clone(),
            name,
        })
    }

    pub(crate) fn observe(&self) -> SharedPortObservation {
        SharedPortObservation {
            local_address: self.local_address,
            advertised_port: self.advertised_port,
            listeners: {
                let names = self.names.read();
                names.known.len() - names.closed
            },
            connections_refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Takes connections until the task is dropped.
    pub(crate) async fn run(self: Arc<Self>, socket: TcpListener) {
        let mut tasks = JoinSet::new();
        loop {
            while tasks.try_join_next().is_some() {}
            match socket.accept().await {
                Ok((stream, peer)) => {
                    let port = self.clone();
                    let place = self.handshakes.take(peer.ip());
                    tasks.spawn(async move { port.dispatch(stream, peer, place).await });
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.local_address, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Finds the listener by the client's server name, and passes the connection to it.
    async fn dispatch(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let deadline = Instant::now() + HANDSHAKE_TIME_MAX;
        let found = in_time(deadline, &place, self.find(stream)).await;
        let (start, route) = match found {
            Ok(found) => found,
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(error = crate::network::tls::error_text(&error), %peer, "connection refused");
                return;
            }
        };
        // The cluster may have stopped meanwhile.
        let Some(cluster) = route.cluster.upgrade() else {
            return;
        };
        let finish = move |cluster: Arc<Cluster>, listener: Arc<Listener>| async move {
            start.io.set_nodelay(true).map_err(TlsError::Handshake)?;
            let config = listener
                .tls()?
                .config(listener.names(), cluster.now_ms())
                .await?;
            let accepting = async {
                let stream = start.into_stream(config).await;
                stream.map_err(TlsError::Handshake)
            };
            let stream = in_time(deadline, &place, accepting).await?;
            Ok(Stream::Tls(Box::new(stream)))
        };
        listener::admit(cluster, route.listener, peer, finish);
    }

    async fn find(
        &self,
        stream: TcpStream,
    ) -> Result<(StartHandshake<TcpStream>, Route), TlsError> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
        let start = start.map_err(TlsError::Handshake)?;
        let name = start
            .client_hello()
            .server_name()
            .map(str::to_ascii_lowercase);
        let Some(name) = name else {
            let refused = refuse(start.io, Alert::MissingExtension).await;
            refused.map_err(TlsError::Handshake)?;
            return Err(TlsError::NoName);
        };
        match self.route(&name, Instant::now()) {
            Some(Some(route)) => Ok((start, route)),
            Some(None) => Err(TlsError::ClosedName(name)),
            None => {
                let refused = refuse(start.io, Alert::UnrecognizedName).await;
                refused.map_err(TlsError::Handshake)?;
                Err(TlsError::UnknownName(name))
            }
        }
    }

    /// The listener of a name. `Some(None)`: none now, but perhaps later.
    fn route(&self, name: &str, now: Instant) -> Option<Option<Route>> {
        match self.names.read().known.get(name) {
            Some(Name::Open(route)) => Some(Some(route.clone())),
            Some(Name::Taken) => Some(None),
            Some(Name::Closed(at)) if now < *at + RETURN_TIME_MAX => Some(None),
            Some(Name::Closed(_)) | None => (now < self.settled).then_some(None),
        }
    }
}

/// A part of a handshake, as long as there is time and a place for it.
async fn in_time<T>(
    deadline: Instant,
    place: &Place,
    part: impl Future<Output = Result<T, TlsError>>,
) -> Result<T, TlsError> {
    tokio::select! {
        done = tokio::time::timeout_at(deadline, part) => done.unwrap_or(Err(TlsError::Late)),
        () = place.displaced() => Err(TlsError::Displaced),
    }
}

/// Sends a TLS alert before anything is encrypted.
async fn refuse(mut stream: TcpStream, alert: Alert) -> io::Result<()> {
    const ALERT: u8 = 21;
    const TLS_1_2: [u8; 2] = [3, 3];
    const FATAL: u8 = 2;
    let record = [ALERT, TLS_1_2[0], TLS_1_2[1], 0, 2, FATAL, alert as u8];
    stream.write_all(&record).await?;
    stream.shutdown().await
}
