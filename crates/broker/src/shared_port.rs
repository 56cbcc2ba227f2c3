//! One TLS port for the listeners of many clusters, told apart by the server name that clients ask for
//! (SNI, RFC 6066).

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;
use rustls::server::Acceptor;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::Instant,
};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::{
    cluster::Cluster,
    error::HostError,
    listener::{self, ACCEPT_PAUSE, Door},
    stream::Stream,
    tls::{HANDSHAKE_TIME_MAX, TlsError},
};

/// Clients that may be shaking hands at a time; others wait to be accepted.
const HANDSHAKES_MAX: usize = 1_024;

/// Where a host listens for the clients of many clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedPortSpec {
    /// Address to listen at. Port 0: the system chooses.
    pub bind: SocketAddr,
    /// Port told to clients. 0: the port listened at.
    pub advertised_port: u16,
}

/// What is seen of a shared port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPortObservation {
    /// Where it really listens.
    pub local_address: SocketAddr,
    /// Port told to clients.
    pub advertised_port: u16,
    /// Listeners that are reached through it.
    pub listeners: usize,
    /// Connections closed because they asked for no known name, or did not speak TLS.
    pub connections_refused: u64,
}

/// Whom a name belongs to. Nobody is let in before the cluster listens.
#[derive(Clone)]
struct Route {
    cluster: Weak<Cluster>,
    door: Arc<Door>,
}

/// A bound shared port.
pub(crate) struct SharedPort {
    pub local_address: SocketAddr,
    pub advertised_port: u16,
    routes: RwLock<HashMap<String, Option<Route>>>,
    refused: AtomicU64,
    handshakes: Arc<Semaphore>,
}

/// A name that was taken; given back when dropped.
pub(crate) struct Registration {
    port: Arc<SharedPort>,
    name: String,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.port.routes.write().remove(&self.name);
    }
}

impl Registration {
    /// Sends clients that ask for the name to this listener from now on.
    pub(crate) fn lead_to(&self, cluster: &Arc<Cluster>, door: &Arc<Door>) {
        let route = Route {
            cluster: Arc::downgrade(cluster),
            door: door.clone(),
        };
        let mut routes = self.port.routes.write();
        routes.insert(self.name.clone(), Some(route));
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
    pub(crate) fn bind(spec: &SharedPortSpec) -> Result<(Arc<Self>, TcpListener), HostError> {
        let (socket, local_address) = listener::bind(spec.bind)?;
        let port = Arc::new(Self {
            local_address,
            advertised_port: match spec.advertised_port {
                0 => local_address.port(),
                port => port,
            },
            routes: RwLock::default(),
            refused: AtomicU64::new(0),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        });
        Ok((port, socket))
    }

    /// Takes a name, if nobody else has it.
    pub(crate) fn register(self: &Arc<Self>, name: &str) -> Result<Registration, HostError> {
        let name = name.to_ascii_lowercase();
        let mut routes = self.routes.write();
        if routes.contains_key(&name) {
            return Err(HostError::NameInUse { name });
        }
        routes.insert(name.clone(), None);
        Ok(Registration {
            port: self.clone(),
            name,
        })
    }

    pub(crate) fn observe(&self) -> SharedPortObservation {
        SharedPortObservation {
            local_address: self.local_address,
            advertised_port: self.advertised_port,
            listeners: self.routes.read().len(),
            connections_refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Takes connections until the task is dropped.
    pub(crate) async fn run(self: Arc<Self>, socket: TcpListener) {
        let mut welcomes = JoinSet::new();
        loop {
            let Ok(turn) = self.handshakes.clone().acquire_owned().await else {
                return;
            };
            while welcomes.try_join_next().is_some() {}
            match socket.accept().await {
                Ok((stream, peer)) => {
                    let port = self.clone();
                    welcomes.spawn(async move { port.welcome(stream, peer, turn).await });
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.local_address, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Finds the listener that the client wants, and hands the connection over to it.
    async fn welcome(&self, stream: TcpStream, peer: SocketAddr, turn: OwnedSemaphorePermit) {
        let deadline = Instant::now() + HANDSHAKE_TIME_MAX;
        let found = tokio::time::timeout_at(deadline, self.find(stream)).await;
        let (start, route) = match found.unwrap_or(Err(TlsError::Late)) {
            Ok(found) => found,
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(error = crate::tls::error_text(&error), %peer, "connection refused");
                return;
            }
        };
        // The cluster may have stopped meanwhile.
        let Some(cluster) = route.cluster.upgrade() else {
            return;
        };
        let finish = move |cluster: Arc<Cluster>, door: Arc<Door>| async move {
            let _turn = turn;
            start.io.set_nodelay(true).map_err(TlsError::Handshake)?;
            let shared = &cluster.shared;
            let tls = shared.tls.as_ref().ok_or(TlsError::Absent)?;
            let config = tls.config(door.names(), shared.now_ms()).await?;
            let accepted = tokio::time::timeout_at(deadline, start.into_stream(config)).await;
            let stream = accepted.map_err(|_| TlsError::Late)?;
            let stream = stream.map_err(TlsError::Handshake)?;
            Ok(Stream::Tls(Box::new(stream)))
        };
        listener::admit(cluster, route.door, peer, finish);
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
        let route = |name: &String| self.routes.read().get(name).cloned().flatten();
        if let Some(route) = name.as_ref().and_then(route) {
            return Ok((start, route));
        }
        let alert = match name {
            Some(_) => Alert::UnrecognizedName,
            None => Alert::MissingExtension,
        };
        refuse(start.io, alert).await.map_err(TlsError::Handshake)?;
        Err(TlsError::UnknownName(name))
    }
}

/// Tells the client why, before anything is encrypted.
async fn refuse(mut stream: TcpStream, alert: Alert) -> io::Result<()> {
    const ALERT: u8 = 21;
    const TLS_1_2: [u8; 2] = [3, 3];
    const FATAL: u8 = 2;
    let record = [ALERT, TLS_1_2[0], TLS_1_2[1], 0, 2, FATAL, alert as u8];
    stream.write_all(&record).await?;
    stream.shutdown().await
}
