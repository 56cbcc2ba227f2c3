//! A host in a temporary directory, with one cluster.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use brokerage_broker::{
    Authorization, BrokerSpec, Clock, ClusterLimits, ClusterSpec, Durability, Host, HostOptions,
    ListenerSpec, SaslSpec, SecurityProtocol, TRANSACTIONAL_ID_EXPIRATION_MS, TopicDefaults,
};
use brokerage_kafka_admin::{Client, NewTopic};
use tokio::net::TcpStream;

/// The cluster's id.
pub const ID: &str = "c";
/// What the clock says.
pub const NOW_MS: i64 = 1_700_000_000_000;

struct StandingClock;

impl Clock for StandingClock {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}

/// A running cluster; gone with its directory when dropped.
pub struct World {
    pub host: Host,
    pub spec: ClusterSpec,
    _dir: tempfile::TempDir,
}

/// Brokers that listen without security on ports of the system's choice.
pub fn spec(brokers: i32) -> ClusterSpec {
    let listeners = vec![ListenerSpec {
        bind: ([127, 0, 0, 1], 0).into(),
        advertised_host: "127.0.0.1".to_owned(),
        advertised_port: 0,
        name: "CLIENTS".to_owned(),
        security: SecurityProtocol::Plaintext,
        sasl: SaslSpec::default(),
        is_public: false,
        allowed: None,
    }];
    ClusterSpec {
        id: ID.to_owned(),
        kafka_version: "4.1.0".to_owned(),
        brokers: (0..brokers)
            .map(|id| BrokerSpec {
                id,
                rack: None,
                listeners: listeners.clone(),
            })
            .collect(),
        limits: ClusterLimits::default(),
        auto_create_topics: false,
        authorization: Authorization::default(),
        defaults: TopicDefaults::default(),
        transactional_id_expiration_ms: TRANSACTIONAL_ID_EXPIRATION_MS,
    }
}

impl World {
    pub async fn of(spec: ClusterSpec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(StandingClock);
        let host = Host::open(HostOptions {
            group_initial_rebalance_delay: Duration::ZERO,
            ..HostOptions::new(dir.path().to_owned(), Durability::Process, clock, 1)
        })
        .unwrap();
        host.ensure_cluster(spec.clone()).await.unwrap();
        Self {
            host,
            spec,
            _dir: dir,
        }
    }

    /// A connection inside the process.
    pub async fn inside(&self) -> Client {
        Client::connect(self.host.connect(ID).unwrap())
            .await
            .unwrap()
    }

    /// A connection to the first listener of a broker.
    pub async fn outside(&self, broker_id: i32) -> Client {
        let seen = self.host.observe(ID).unwrap();
        let mut listeners = seen.listeners.iter();
        let found = listeners.find(|listener| listener.broker_id == broker_id);
        let stream = TcpStream::connect(found.unwrap().local_address).await;
        Client::connect(stream.unwrap()).await.unwrap()
    }
}

pub fn topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        configs: BTreeMap::new(),
    }
}
