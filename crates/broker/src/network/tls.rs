//! TLS for listeners: which certificate is shown, and the handshake.
//!
//! Configurations are made at the first handshake that needs one and shared by all listeners with the
//! same names, so ten thousand listeners at one address have one. They are made anew before their
//! certificate ends; connections that are open keep theirs.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::HostError;
use crate::log::disk::Disk;
use crate::network::certificate::{
    Authority, CA_FILE, CLOCK_SKEW_MS, CertificateError, Identity, LIFETIME_MS, RENEWAL_MS,
};
use crate::network::named_file::named_file_read;

/// A client that has not finished its handshake within this time is disconnected.
pub(crate) const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Sets of names whose configuration is kept ready; the one not used for longest makes room.
const CONFIGS_MAX: usize = 4_096;
/// How often files that were given are read again.
const FILES_INTERVAL_MS: i64 = 60_000;

/// A certificate of the operator's, in place of those that the host makes. Read again every minute, so
/// that it can be replaced without a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate chain.
    pub certificate_chain: PathBuf,
    /// PEM: its key.
    pub private_key: PathBuf,
}

/// Host names and addresses that a listener is reached at, in order.
pub(crate) type Names = Arc<[String]>;

/// Names of a listener. Those of this machine are among them, for people who try things out on it.
pub(crate) fn names(advertised_host: &str, bind: Option<IpAddr>) -> Names {
    let bind = bind.filter(|address| !address.is_unspecified());
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let all: BTreeSet<String> = local
        .into_iter()
        .chain(bind.map(|address| address.to_string()))
        .chain([advertised_host.to_owned()])
        .collect();
    all.into_iter().collect()
}

/// Why there is no handshake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the handshake took too long")]
    Late,
    #[error("another client's handshake took its place")]
    Displaced,
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
    #[error("no listener has the name that was asked for: {0:?}")]
    UnknownName(String),
    #[error("the listener of the name that was asked for is not open: {0:?}")]
    ClosedName(String),
    #[error("no name was asked for")]
    NoName,
    #[error("the certificate cannot be used")]
    Unusable(#[from] rustls::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("{path} cannot be read: {reason}", path = path.display())]
    File { path: PathBuf, reason: String },
    #[error("the host has no certificates")]
    Absent,
    #[error("the host stops")]
    Stopping,
}

enum Source {
    Authority(Box<Authority>),
    Files(TlsFiles),
}

#[derive(Clone)]
struct Ready {
    config: Arc<ServerConfig>,
    made_ms: i64,
    renew_ms: i64,
}

#[derive(Default)]
struct Configs {
    /// With the turn in which each was used last.
    by_names: HashMap<Names, (Ready, u64)>,
    turn: u64,
}

/// What TLS listeners of a host share.
pub(crate) struct Tls {
    source: Source,
    provider: Arc<CryptoProvider>,
    /// Sessions are kept by clients, sealed, and not here.
    tickets: Arc<dyn ProducesTickets>,
    configs: Mutex<Configs>,
    making: tokio::sync::Mutex<()>,
}

fn read_files(files: &TlsFiles) -> Result<Identity, TlsError> {
    let failed = |path: &PathBuf, reason: String| TlsError::File {
        path: path.clone(),
        reason,
    };
    let read =
        |path: &PathBuf| named_file_read(path).map_err(|error| failed(path, error.to_string()));
    let path = &files.certificate_chain;
    let pem = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| failed(path, error.to_string()))?;
    let path = &files.private_key;
    let key = PrivateKeyDer::from_pem_slice(&read(path)?);
    let key = key.map_err(|error| failed(path, error.to_string()))?;
    Ok(Identity { chain, key })
}

impl Tls {
    /// Reads or makes what is needed.
    pub(crate) fn open(
        files: Option<&TlsFiles>,
        data_dir: &Path,
        disk: &Disk,
        now_ms: i64,
    ) -> Result<Arc<Self>, HostError> {
        let source = match files {
            Some(files) => Source::Files(files.clone()),
            None => Source::Authority(Box::new(Authority::open(disk, data_dir, now_ms)?)),
        };
        let invalid = |reason: String| HostError::Certificate {
            path: match files {
                Some(files) => files.certificate_chain.clone(),
                None => data_dir.join(CA_FILE),
            },
            reason,
        };
        let tickets = rustls::crypto::ring::Ticketer::new();
        let tls = Arc::new(Self {
            source,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            tickets: tickets.map_err(|error| invalid(error.to_string()))?,
            configs: Mutex::default(),
            making: tokio::sync::Mutex::default(),
        });
        if let Source::Files(_) = &tls.source {
            // Fails early if the given files cannot be used.
            let made = tls.make(&tls.key_of(&Names::default()), now_ms);
            made.map_err(|error| invalid(error_text(&error)))?;
        }
        Ok(tls)
    }

    /// Under which names a configuration is kept: files that were given are for all names.
    fn key_of(&self, names: &Names) -> Names {
        match &self.source {
            Source::Authority(_) => names.clone(),
            Source::Files(_) => Names::default(),
        }
    }

    fn current(&self, names: &Names, now_ms: i64) -> Option<Arc<ServerConfig>> {
        let mut configs = self.configs.lock();
        configs.turn += 1;
        let turn = configs.turn;
        let (ready, used) = configs.by_names.get_mut(names)?;
        *used = turn;
        let is_valid = (ready.made_ms - CLOCK_SKEW_MS..ready.renew_ms).contains(&now_ms);
        is_valid.then(|| ready.config.clone())
    }

    fn make(&self, names: &Names, now_ms: i64) -> Result<Arc<ServerConfig>, TlsError> {
        let (identity, lasts_ms) = match &self.source {
            Source::Authority(authority) => {
                (authority.issue(names, now_ms)?, LIFETIME_MS - RENEWAL_MS)
            }
            Source::Files(files) => (read_files(files)?, FILES_INTERVAL_MS),
        };
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(identity.chain, identity.key)?;
        config.ticketer = self.tickets.clone();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let ready = Ready {
            config: Arc::new(config),
            made_ms: now_ms,
            renew_ms: now_ms + lasts_ms,
        };
        let mut configs = self.configs.lock();
        if configs.by_names.len() >= CONFIGS_MAX && !configs.by_names.contains_key(names) {
            let oldest = configs.by_names.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(names, _)| names.clone()) {
                configs.by_names.remove(&oldest);
            }
        }
        let (config, turn) = (ready.config.clone(), configs.turn);
        configs.by_names.insert(names.clone(), (ready, turn));
        Ok(config)
    }

    /// The configuration for clients of these names.
    pub(crate) async fn config(
        self: &Arc<Self>,
        names: &Names,
        now_ms: i64,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let names = self.key_of(names);
        if let Some(config) = self.current(&names, now_ms) {
            return Ok(config);
        }
        let _turn = self.making.lock().await;
        if let Some(config) = self.current(&names, now_ms) {
            return Ok(config);
        }
        let (tls, key) = (self.clone(), names.clone());
        let made = tokio::task::spawn_blocking(move || tls.make(&key, now_ms)).await;
        match (
            made.map_err(|_| TlsError::Stopping)?,
            self.kept(&names, now_ms),
        ) {
            (Err(error), Some(old)) => {
                tracing::warn!(
                    error = error_text(&error),
                    "the certificate stays as it was"
                );
                Ok(old)
            }
            (made, _) => made,
        }
    }

    /// The old configuration, for another while.
    fn kept(&self, names: &Names, now_ms: i64) -> Option<Arc<ServerConfig>> {
        let mut configs = self.configs.lock();
        let (ready, _) = configs.by_names.get_mut(names)?;
        ready.renew_ms = ready.renew_ms.max(now_ms + FILES_INTERVAL_MS);
        Some(ready.config.clone())
    }

    /// Performs the handshake with a client of these names.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        stream: TcpStream,
        names: &Names,
        now_ms: i64,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let config = self.config(names, now_ms).await?;
        let accepting = TlsAcceptor::from(config).accept(stream);
        let accepted = tokio::time::timeout(HANDSHAKE_TIME_MAX, accepting).await;
        accepted
            .map_err(|_| TlsError::Late)?
            .map_err(TlsError::Handshake)
    }
}

/// An error with its causes.
pub(crate) fn error_text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests;
