//! The composition root: the one place that names every crate and puts them together.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use brokerage_control::catalog::catalogs_keep;
use brokerage_control::watch::Watch;
use brokerage_control::{Control, Parts, Settings};
use brokerage_domain::catalog::Catalogs;
use brokerage_domain::clock::Clocks;
use brokerage_domain::id::Chance;
use brokerage_engine::Engine;
use brokerage_engine_embedded::{EmbeddedEngine, EmbeddedOptions, SharedPortSpec, named_file_text};
use brokerage_store::Store;
use brokerage_wire::Clouds;
use brokerage_wire::gateway::Gateway;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Reached;
use crate::config::{Config, StoreChoice};
use crate::data_dir::DataDir;
use crate::listener::Socket;
use crate::metrics::{self, Metrics};
use crate::{admin, listener, ready, telemetry};

/// The clouds that are spoken, in the order in which they are asked.
pub const CLOUDS: Clouds = Clouds {
    first: &[&brokerage_cloud_jd::CLOUD, &brokerage_cloud_tencent::CLOUD],
    last: &brokerage_cloud_alibaba::CLOUD,
};
/// The signal of a write beyond the limit of a file's size, on every system that is served.
const SIGXFSZ: i32 = 25;
/// Longest wait for answers under way when the server stops: a peer that sends half a request is not waited for.
const ANSWERS_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for a clean stop when a part of the server is missing: the rest may wait for that part.
const BROKEN_STOP_LIMIT: Duration = Duration::from_secs(60);
/// Files of a directory of catalogs.
const CATALOGS_MAX: usize = 64;
/// Connections to a PostgreSQL store.
const POSTGRES_CONNECTIONS: usize = 16;

/// A control plane over a data directory, nothing running yet.
pub struct Plane {
    pub control: Arc<Control>,
    pub engine: Arc<EmbeddedEngine>,
    pub data: DataDir,
}

/// Puts a control plane together. Call it inside a runtime.
///
/// # Errors
/// If the data directory, the store, the engine or a catalog cannot be opened; the error names which.
pub async fn compose(config: &mut Config) -> anyhow::Result<Plane> {
    let keeps_store = matches!(config.store, StoreChoice::Sqlite);
    let mut data = DataDir::own(&config.data, keeps_store, config.master_key.take())?;
    let chance = Chance::from_system();
    let master_key = data.master_key(&chance)?;
    let clocks = Clocks::system();
    // The setting is about records of Kafka; money is always safe from a power cut.
    let durability = brokerage_store::Durability::Power;
    let store = match &config.store {
        StoreChoice::Sqlite => data.open_store(durability)?,
        StoreChoice::Postgres(url) => {
            let url = url.clone();
            tokio::task::spawn_blocking(move || Store::open_postgres(&url, POSTGRES_CONNECTIONS))
                .await??
        }
    };
    data.keep_master_key()?;
    let node = data.node(&chance)?;
    let mut seed = [0; 8];
    chance.fill(&mut seed);
    let [private, public] = config.broker_shared_ports;
    let engine = Arc::new(EmbeddedEngine::open(EmbeddedOptions {
        data_dir: data.clusters(),
        durability: config.durability,
        real_clock: clocks.real.clone(),
        seed: u64::from_le_bytes(seed),
        tls_files: config.broker_tls.clone(),
        shared_port: shared_port(config.broker_bind, private),
        public_shared_port: shared_port(config.broker_public_bind, public),
        log_intervals: config.log_intervals,
        group_initial_rebalance_delay: config.group_initial_rebalance_delay,
    })?);
    let offered = |version: &str| engine.serves_version(version);
    let catalogs = catalogs(config.catalog.as_deref(), &offered)?;
    let catalogs = catalogs_keep(&store, catalogs, clocks.business.now()).await?;
    let control = Control::new(Parts {
        settings: Settings {
            sandbox: config.sandbox,
            broker_bind: config.broker_bind,
            broker_host: config.broker_host.clone(),
            broker_public_bind: config.broker_public_bind,
            broker_public_host: config.broker_public_host.clone(),
            broker_ports: config.broker_ports,
            broker_shared_port: engine.shared_port().unwrap_or_default(),
            broker_public_shared_port: engine.public_shared_port().unwrap_or_default(),
            listeners: config.listeners.clone(),
            auto_create_topics: config.auto_create_topics,
            rate_limits: config.rate_limits,
            ..Settings::default()
        },
        store,
        catalogs,
        clocks,
        chance,
        engine: engine.clone(),
        master_key,
        listings: CLOUDS.listings(),
        vocabulary: CLOUDS.vocabulary(),
        node,
    });
    let checked = control.master_key_check().await;
    checked
        .context("data: this is not the master key that sealed the access keys of the database")?;
    Ok(Plane {
        control,
        engine,
        data,
    })
}

/// Where the listeners of many instances are reached by name.
fn shared_port(bind: IpAddr, port: Option<u16>) -> Option<SharedPortSpec> {
    let spec = |port| SharedPortSpec {
        bind: (bind, port).into(),
        advertised_port: 0,
    };
    port.map(spec)
}

/// The operator's catalogs, or the built-in ones. They may only offer versions that brokers behave as.
///
/// # Errors
/// If a file cannot be read or is no catalog, or a version is offered that no broker behaves as.
pub fn catalogs(
    dir: Option<&std::path::Path>,
    offered: &impl Fn(&str) -> bool,
) -> anyhow::Result<Catalogs> {
    let catalogs = catalogs_read(dir)?;
    for catalog in catalogs.current() {
        for version in catalog.versions() {
            ensure!(
                offered(&version.kafka),
                "catalog: {}: version_offered {:?}: no broker behaves as Apache Kafka {}",
                catalog.profile(),
                version.id,
                version.kafka
            );
        }
    }
    Ok(catalogs)
}

fn catalogs_read(dir: Option<&std::path::Path>) -> anyhow::Result<Catalogs> {
    let Some(dir) = dir else {
        return Ok(Catalogs::embedded());
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)
        .with_context(|| format!("catalog: {} cannot be read", dir.display()))?
    {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            ensure!(
                files.len() < CATALOGS_MAX,
                "catalog: more than {CATALOGS_MAX} files"
            );
            let text =
                named_file_text(&path).with_context(|| format!("catalog: {}", path.display()))?;
            files.push((
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                text,
            ));
        }
    }
    files.sort();
    let texts = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    Catalogs::parse(texts).context("catalog")
}

/// Serves until SIGINT or SIGTERM.
///
/// A task that ends by itself, and without which callers would be promised what nobody does, ends the server as well,
/// with an error: whoever started it can start it again.
///
/// # Errors
/// If it cannot start, or a task that it needs ended by itself.
pub async fn serve(mut config: Config) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    raise_descriptor_limit();
    // A write beyond the limit of a file's size (`ulimit -f`) fails, and does not end the process.
    let _too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // First, so that an address that is taken leaves no data directory behind.
    let api = Api {
        plain: listener::bind(&config.listen).await?,
        tls: listener::bind(&config.listen_tls).await?,
    };
    let Plane {
        control,
        engine,
        data,
    } = compose(&mut config).await?;
    control.books_open().await?;
    if config.sandbox {
        control.sandbox_prepare().await?;
        control.sandbox_networks_prepare().await?;
    }
    control.background_start().await?;
    let doors = Doors::open(api, &config, &control, &engine, &data).await?;
    let is_new = control.account_list().await?.is_empty();
    ready::tell(&config, &doors.bound, data.path(), is_new);
    let missed = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        task = control.background_missed() => Some(task),
        task = doors.watch.missed() => Some(task),
        task = engine.lost() => Some(format!("{task} has ended")),
    };
    // First no new work, then the work under way, then what it stands on.
    let stopping = async {
        doors.close().await;
        control.background_stop().await;
        engine.shutdown().await;
        control.close().await;
    };
    let Some(task) = missed else {
        stopping.await;
        return Ok(());
    };
    tracing::error!(task, "a part of the server is missing: it stops");
    let stopped = tokio::time::timeout(BROKEN_STOP_LIMIT, stopping).await;
    let how = if stopped.is_ok() {
        ""
    } else {
        ", though not cleanly"
    };
    anyhow::bail!("{task}; the server has stopped{how}. The log says more; it may be started again")
}

/// The API's sockets.
struct Api {
    plain: Vec<TcpListener>,
    tls: Vec<TcpListener>,
}

/// The sockets that are served, and where.
struct Doors {
    bound: Bound,
    stop: CancellationToken,
    watch: Watch,
    answers: [(&'static str, TaskTracker); 3],
}

impl Doors {
    async fn open(
        api: Api,
        config: &Config,
        control: &Arc<Control>,
        engine: &Arc<EmbeddedEngine>,
        data: &DataDir,
    ) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let watch = Watch::new(stop.clone());
        let mut kinds = config.listeners.kinds();
        let has_tls = kinds.any(|kind| kind.security_protocol.has_tls());
        let shows_own = !api.tls.is_empty() && config.tls.is_none();
        let reached = Reached {
            api: names(&api.plain)?,
            api_tls: names(&api.tls)?,
            ca: engine.ca_path().filter(|_| has_tls || shows_own),
        };
        let operators = admin::serve(
            control.clone(),
            reached.clone(),
            data.path(),
            stop.clone(),
            &watch,
        )
        .await?;
        let gateway = Gateway::new(control.clone(), CLOUDS);
        let mut sockets: Vec<Socket> = api.plain.into_iter().map(Socket::from).collect();
        if !api.tls.is_empty() {
            let tls = engine
                .server_tls(&config.broker_host, config.tls.as_ref())
                .context("tls_certificate")?;
            sockets.extend(api.tls.into_iter().map(|listener| Socket {
                listener,
                tls: Some(tls.clone()),
            }));
        }
        let room = listener::Room::new(listener::connections_max());
        let callers = listener::serve(sockets, room.clone(), gateway, stop.clone(), &watch);
        let listeners = listener::bind(config.metrics.as_slice()).await?;
        let metrics_address = addresses(&listeners)?.first().copied();
        let metrics = Metrics::new(
            control.clone(),
            engine.clone(),
            room,
            config.metrics_details,
        );
        let watchers = listener::serve_with(
            listeners.into_iter().map(Socket::from).collect(),
            listener::Room::new(metrics::CONNECTIONS_MAX),
            move |request, _| metrics.clone().answer(request),
            stop.clone(),
            &watch,
        );
        Ok(Self {
            bound: Bound {
                reached,
                metrics: metrics_address,
            },
            stop,
            watch,
            answers: [
                ("callers", callers),
                ("operators", operators),
                ("watchers", watchers),
            ],
        })
    }

    async fn close(&self) {
        self.stop.cancel();
        for (who, answers) in &self.answers {
            let waiting = tokio::time::timeout(ANSWERS_LIMIT, answers.wait());
            if waiting.await.is_err() {
                tracing::warn!(who, "answers under way are given up");
            }
        }
    }
}

fn addresses(listeners: &[TcpListener]) -> anyhow::Result<Vec<SocketAddr>> {
    let addresses = listeners.iter().map(TcpListener::local_addr);
    Ok(addresses.collect::<std::io::Result<_>>()?)
}

fn names(listeners: &[TcpListener]) -> anyhow::Result<Vec<String>> {
    Ok(addresses(listeners)?
        .iter()
        .map(ToString::to_string)
        .collect())
}

/// Every listener is a descriptor, and every instance has several: the process may have as many as the system lets it.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open descriptors stays as it is");
    }
}

/// The addresses that were really bound.
pub struct Bound {
    /// Where callers reach the API.
    pub reached: Reached,
    /// Where `/metrics` is.
    pub metrics: Option<SocketAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the catalogs from a folder in which one text is another one.
    fn check(from: &str, to: &str, expected: Option<&str>) {
        let dir = std::env::temp_dir().join(format!("catalogs-{}-{to}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder for the catalogs");
        for catalog in Catalogs::embedded().current() {
            let text = catalog.text().replace(from, to);
            let file = dir.join(catalog.profile()).with_extension("toml");
            std::fs::write(file, text).expect("a catalog");
        }
        let read = catalogs(Some(&dir), &brokerage_engine_embedded::serves_version).map(|_| ());
        std::fs::remove_dir_all(&dir).expect("the folder is there");
        let told = read.map_err(|error| error.to_string());
        assert_eq!(told.as_ref().err().map(String::as_str), expected, "{to}");
    }

    #[test]
    fn catalogs_offer_only_what_brokers_behave_as() {
        catalogs(None, &brokerage_engine_embedded::serves_version).expect("the built-in ones");
        check("kafka = \"1.0.2\"", "kafka = \"1.1.0\"", None);
        check(
            "kafka = \"1.0.2\"",
            "kafka = \"0.10.2\"",
            Some(
                "catalog: jdkafka: version_offered \"1.0.2\": no broker behaves as Apache Kafka 0.10.2",
            ),
        );
    }
}
