//! The control plane's one value: settings, store, catalogs, clocks, engine and the bounded memories.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use brokerage_domain::access::Vocabulary;
use brokerage_domain::catalog::Catalogs;
use brokerage_domain::clock::{Clocks, Moment};
use brokerage_domain::id::{Chance, InstanceId};
use brokerage_domain::listener::{Listeners, SecurityProtocol};
use brokerage_domain::listing::Listing;
use brokerage_domain::{Error, Result};
use brokerage_engine::Engine;
use brokerage_store::scan::{Cursor, Page};
use brokerage_store::{Store, StoreError, Tx};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access_key::KeyCache;
use crate::background::driver::Background;
use crate::background::lease::NO_LEASE;
use crate::kafka::KafkaConnections;
use crate::ledger::Distrusted;
use crate::rate::RateLimiter;
use crate::replay::ReplayMemory;
use crate::request_log::RequestLog;
use crate::seal::MasterKey;
use crate::watch::Watch;

/// What the operator decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Sandbox mode: unknown networks are made when they are named.
    pub sandbox: bool,
    /// Address that brokers bind.
    pub broker_bind: IpAddr,
    /// Address that public listeners bind.
    pub broker_public_bind: IpAddr,
    /// The same as `broker_host` for clients of the public network.
    pub broker_public_host: String,
    /// Host that brokers advertise to Kafka clients; with a shared port, the domain that server names end in.
    pub broker_host: String,
    /// First and last slot: ports of listeners, or numbers of loopback addresses.
    pub broker_ports: (u16, u16),
    /// The port that listeners share which are distinguished by server name.
    pub broker_shared_port: u16,
    /// The same of public listeners.
    pub broker_public_shared_port: u16,
    /// What the brokers of new instances listen with.
    pub listeners: Listeners,
    /// Whether asking for a topic makes it on new instances whose order says nothing of it.
    pub auto_create_topics: bool,
    /// Whether the vendors' limits on calls a second apply.
    pub rate_limits: bool,
    /// Instances that are worked on at once.
    pub reconcile_parallel: usize,
    /// Whether the reconciler takes every step twice. It may, at any time; tests make it do so.
    pub steps_taken_twice: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sandbox: false,
            broker_bind: Ipv4Addr::LOCALHOST.into(),
            broker_public_bind: Ipv4Addr::LOCALHOST.into(),
            broker_public_host: "127.0.0.1".into(),
            broker_host: "127.0.0.1".into(),
            broker_ports: (20_000, 32_767),
            broker_shared_port: 0,
            broker_public_shared_port: 0,
            listeners: Listeners {
                public_security_protocols: vec![SecurityProtocol::SaslSsl],
                ..Listeners::default()
            },
            auto_create_topics: false,
            rate_limits: true,
            reconcile_parallel: 32,
            steps_taken_twice: false,
        }
    }
}

/// What the composition root puts together.
pub struct Parts {
    /// What the operator decided.
    pub settings: Settings,
    /// Where everything is kept.
    pub store: Store,
    /// What is sold.
    pub catalogs: Catalogs,
    /// Business and real time.
    pub clocks: Clocks,
    /// The one source of randomness.
    pub chance: Chance,
    /// What runs Kafka.
    pub engine: Arc<dyn Engine>,
    /// Seals access-key secrets.
    pub master_key: MasterKey,
    /// How the clouds list their instances, by profile.
    pub listings: Vec<(&'static str, Listing)>,
    /// The words that policies are written in; the catalogs' regions are added.
    pub vocabulary: Vocabulary,
    /// Names the owner of the engine's data over restarts: who reconciles. Never empty.
    pub node: String,
}

/// The control plane.
pub struct Control {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) catalogs: Catalogs,
    pub(crate) clocks: Clocks,
    pub(crate) chance: Chance,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) kafka_connections: KafkaConnections,
    /// What the last look found.
    pub(crate) orphans: Mutex<BTreeSet<InstanceId>>,
    pub(crate) master_key: MasterKey,
    /// Accounts whose rows were changed behind the program's back.
    pub(crate) distrusted: Distrusted,
    pub(crate) listings: Vec<(&'static str, Listing)>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) keys: KeyCache,
    pub(crate) rates: RateLimiter,
    pub(crate) replays: ReplayMemory,
    pub(crate) requests: RequestLog,
    pub(crate) node: String,
    /// Generation of the right to reconcile that this process holds.
    pub(crate) lease: AtomicI64,
    /// Whether every instance is to be looked at once, because this process has just begun to reconcile.
    pub(crate) looks_at_all: AtomicBool,
    /// What became of background tasks.
    pub(crate) background: Background,
    pub(crate) stopping: CancellationToken,
    /// Where background tasks are missed that end before `stopping`.
    pub(crate) watch: Watch,
    pub(crate) tasks: TaskTracker,
}

/// A transaction's error: the domain's, with the store's wrapped.
pub(crate) struct Abort(pub(crate) Error);

/// What a transaction function answers.
pub(crate) type TxResult<T> = std::result::Result<T, Abort>;

impl From<StoreError> for Abort {
    fn from(error: StoreError) -> Self {
        Self(Error::internal(error))
    }
}

impl From<Error> for Abort {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl Control {
    /// Puts the parts together. Nothing runs in the background before [`crate::background`] is started.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            settings,
            store,
            catalogs,
            clocks,
            chance,
            engine,
            master_key,
            listings,
            mut vocabulary,
            node,
        } = parts;
        let regions = catalogs.all().flat_map(|catalog| catalog.regions());
        let regions = regions.map(|region| region.id.clone());
        vocabulary.regions.extend(regions);
        store.digest_with(master_key.digest_key());
        let stopping = CancellationToken::new();
        Arc::new(Self {
            settings,
            store,
            catalogs,
            clocks,
            chance,
            engine,
            kafka_connections: KafkaConnections::default(),
            orphans: Mutex::default(),
            master_key,
            distrusted: Distrusted::default(),
            listings,
            vocabulary,
            keys: KeyCache::default(),
            rates: RateLimiter::default(),
            replays: ReplayMemory::default(),
            requests: RequestLog::default(),
            node,
            lease: AtomicI64::new(NO_LEASE),
            looks_at_all: AtomicBool::new(false),
            background: Background::default(),
            watch: Watch::new(stopping.clone()),
            stopping,
            tasks: TaskTracker::new(),
        })
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The one source of randomness.
    pub fn chance(&self) -> &Chance {
        &self.chance
    }

    /// A number for a new id, greater than all before.
    pub fn serial(&self) -> u64 {
        self.chance.serial(self.real_now())
    }

    /// Business time now.
    pub fn now(&self) -> Moment {
        self.clocks.business.now()
    }

    /// Real time now.
    pub fn real_now(&self) -> Moment {
        self.clocks.real.now()
    }

    /// Recent calls, for people who debug their automation.
    pub fn requests(&self) -> &RequestLog {
        &self.requests
    }

    pub(crate) async fn read<T, F>(&self, label: &'static str, function: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> TxResult<T> + Send + 'static,
    {
        self.store
            .read(label, function)
            .await
            .map_err(|abort: Abort| abort.0)
    }

    /// Every row of a table, page by page; those that cannot be read are logged and left out.
    pub(crate) async fn read_all<T: Send + 'static>(
        &self,
        label: &'static str,
        page: fn(&mut dyn Tx, &Cursor) -> std::result::Result<Page<T>, StoreError>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut next = Some(Cursor::start());
        while let Some(after) = next {
            let Page { rows, next: behind } =
                self.read(label, move |tx| Ok(page(tx, &after)?)).await?;
            let logged =
                |error: &StoreError| tracing::error!(%error, label, "a row cannot be read");
            let rows = rows.into_iter().map(|row| row.inspect_err(logged));
            all.extend(rows.flatten());
            next = behind;
        }
        Ok(all)
    }

    pub(crate) async fn write<T, F>(&self, label: &'static str, function: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> TxResult<T> + Send + 'static,
    {
        self.store
            .write(label, function)
            .await
            .map_err(|abort: Abort| abort.0)
    }
}
