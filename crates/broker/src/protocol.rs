//! The Kafka wire protocol: which requests are served, and one file per family of them.

mod acl;
pub(crate) mod answer;
mod api;
mod authorization;
mod bandwidth;
mod broker_config;
mod client_quota;
mod cluster_api;
mod config;
mod config_documentation;
mod consumer_group;
mod counters;
mod delegation_token;
mod distinct;
mod election;
mod fetch;
mod fetch_answer;
mod group;
mod list_offsets;
mod log_dir;
mod metadata;
mod offset;
mod produce;
mod producer;
mod quorum;
mod reassignment;
mod redirect;
mod retired;
mod sasl;
mod scram;
mod shape;
mod super_user;
#[cfg(test)]
mod tests;
mod topic;
mod transaction;
mod version;

use authorization::OPERATIONS_UNKNOWN;
use counters::CountedUser;

pub(crate) use api::{ProtocolError, Reply, handle, is_produce};
pub(crate) use bandwidth::THROTTLE_MAX;
pub(crate) use sasl::{AuthenticationError, Authenticator, Session, Step, is_handshake};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::RequestHeader;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::error::ErrorCode;
use crate::log::partition::Partition;
use crate::memory::{Held, Stage};
use crate::metadata::leadership::NO_LEADER;
use crate::metadata::topic::Topic;
use crate::release::Release;
use crate::security::authorizer::Access;
use crate::security::user::{ANONYMOUS, INTERNAL_USER};

/// Peer address of internal connections.
const INTERNAL_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// One connection, and the request that it makes at the moment.
pub(crate) struct Context {
    pub cluster: Arc<Cluster>,
    /// The release when the connection was opened: the advertised versions hold while it is open.
    pub release: &'static Release,
    /// The broker that was connected to.
    pub broker_id: i32,
    pub listener: Arc<str>,
    pub peer: SocketAddr,
    /// Came through a public listener.
    pub is_public: bool,
    /// Made by [`Host::connect`](crate::Host::connect): without bandwidth limits and metrics. Requests to any
    /// broker are answered on it.
    pub is_internal: bool,
    /// The authenticated user; [`ANONYMOUS`] at listeners without authentication.
    pub user: Arc<str>,
    /// What the user may do; brought up to date before each request.
    pub access: Access,
    /// The counters of the user; `None` before the first request.
    pub counted_user: Option<CountedUser>,
    /// The topic that was produced to last, and in which second that was noted.
    pub noted_producer: Option<(Uuid, i64)>,
    pub client_id: String,
    pub version: i16,
    /// How long the connection is muted after the answer.
    pub throttle: Duration,
    /// Has waited for what the cluster owed when it first produced …
    pub may_produce: bool,
    /// … and when it first fetched.
    pub may_fetch: bool,
}

impl Context {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        broker_id: i32,
        listener: Arc<str>,
        peer: SocketAddr,
    ) -> Self {
        Self {
            release: cluster.spec().release(),
            cluster,
            broker_id,
            listener,
            peer,
            is_public: false,
            is_internal: false,
            user: ANONYMOUS.into(),
            access: Access::default(),
            counted_user: None,
            noted_producer: None,
            client_id: String::new(),
            version: 0,
            throttle: Duration::ZERO,
            may_produce: false,
            may_fetch: false,
        }
    }

    /// A connection from inside the process, as the host itself: it is shown the newest requests, whatever release the
    /// cluster behaves as, and the first listener's addresses.
    pub(crate) fn internal(cluster: Arc<Cluster>) -> Self {
        let spec = cluster.spec();
        let mut listeners = spec.brokers.iter().flat_map(|broker| &broker.listeners);
        let listener = listeners.next().map_or("", |listener| &listener.name);
        Self {
            is_internal: true,
            release: Release::newest(),
            user: INTERNAL_USER.into(),
            ..Self::new(cluster, 0, listener.into(), INTERNAL_PEER)
        }
    }

    /// Whether requests to the leader or coordinator of this id are answered here.
    fn answers_for(&self, broker_id: i32) -> bool {
        broker_id == self.broker_id || (self.is_internal && broker_id != NO_LEADER)
    }

    /// Waits until the cluster has room for what a request takes. Requests from inside the process do not wait.
    async fn take(&self, stage: Stage, bytes: usize) -> Option<Held> {
        match self.is_internal {
            true => None,
            false => self.cluster.memory().take(stage, bytes).await,
        }
    }

    /// Stores version and client id of a request header.
    fn note_header(&mut self, header: RequestHeader, version: i16) {
        self.version = version;
        self.client_id = header
            .client_id
            .map(|id| id.to_string())
            .unwrap_or_default();
    }

    /// The partition, if this broker leads it and the client knows its leader epoch or names none (KIP-320).
    fn led_partition(
        &self,
        topic: Option<&Arc<Topic>>,
        index: i32,
        known_epoch: Option<i32>,
    ) -> Result<Arc<Partition>, ErrorCode> {
        let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let partition = topic
            .partition(index)
            .ok_or(ErrorCode::UnknownTopicOrPartition)?;
        self.check_leads(&partition, known_epoch)?;
        Ok(partition)
    }

    /// Checks that this broker leads the partition and that the client knows its leader epoch or names none.
    fn check_leads(
        &self,
        partition: &Partition,
        known_epoch: Option<i32>,
    ) -> Result<(), ErrorCode> {
        let (leader_id, leader_epoch) = partition.leader();
        // A broker without a replica does not know of epochs.
        if self.answers_for(leader_id) || self.cluster.replicas(partition).contains(&self.broker_id)
        {
            check_leader_epoch(known_epoch.unwrap_or(-1), leader_epoch)?;
        }
        match self.answers_for(leader_id) {
            true => Ok(()),
            false => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// Refuses what another broker coordinates.
    fn check_coordinator(&self, key: &str) -> Result<(), ErrorCode> {
        if self.answers_for(self.cluster.coordinator(key)) {
            Ok(())
        } else {
            Err(ErrorCode::NotCoordinator)
        }
    }

    /// The address as Kafka's tools show it.
    fn client_host(&self) -> String {
        format!("/{}", self.peer.ip())
    }
}

/// Compares the leader epoch that a client knows with the real one (KIP-320).
fn check_leader_epoch(known: i32, leader_epoch: i32) -> Result<(), ErrorCode> {
    match known {
        -1 => Ok(()),
        known if known < leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
        known if known > leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

/// 0 for success.
fn code_of<T>(result: &Result<T, ErrorCode>) -> i16 {
    result.as_ref().err().map_or(0, ErrorCode::code)
}

/// The throttle time in answers.
fn throttle_ms(throttle: Duration) -> i32 {
    i32::try_from(throttle.as_millis()).unwrap_or(i32::MAX)
}
