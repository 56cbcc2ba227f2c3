//! What the clusters of a host share.

use std::sync::Arc;
use std::time::Duration;

use crate::log::durability::Durability;
use crate::log::file::FileCache;
use crate::memory::HostMemory;
use crate::process::Process;
use crate::quota::host_connections::HostConnections;
use crate::security::derivation::Derivations;
use crate::spec::LogIntervals;
use crate::turn::HostTurns;

/// What the clusters of a host share.
pub(crate) struct Shared {
    pub process: Arc<Process>,
    pub files: Arc<FileCache>,
    pub durability: Durability,
    pub log_intervals: LogIntervals,
    /// How long an empty group waits for more members than the first.
    pub group_initial_rebalance_delay: Duration,
    pub derivations: Arc<Derivations>,
    /// What peers make all clusters hold in memory.
    pub memory: Arc<HostMemory>,
    /// Connections of all clusters.
    pub connections: HostConnections,
    /// Turns of all clusters for work that takes long.
    pub turns: Arc<HostTurns>,
}

impl Shared {
    pub(crate) fn new(
        process: Arc<Process>,
        files: Arc<FileCache>,
        durability: Durability,
        log_intervals: LogIntervals,
        group_initial_rebalance_delay: Duration,
        connections_max: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            process,
            files,
            durability,
            log_intervals,
            group_initial_rebalance_delay,
            derivations: Arc::default(),
            memory: Arc::default(),
            connections: HostConnections::new(connections_max),
            turns: Arc::default(),
        })
    }
}
