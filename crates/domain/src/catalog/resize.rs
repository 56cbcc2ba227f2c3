//! Words for a resize: the request that would make a plan again, and whether a smaller plan still holds what
//! its cluster uses.

use crate::topic::TopicUsage;

use super::plan::Plan;
use super::request::{Field, PlanFault, PlanRequest};

/// What a cluster uses of what was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Topics and partitions, as the plan that is asked counts them.
    pub topics: TopicUsage,
    /// Consumer groups.
    pub groups: u64,
    /// Disk that messages fill, bytes, as the plan counts them.
    pub disk_bytes: u64,
}

impl Plan {
    /// The request that makes this plan again, from the catalog that it was made from. A resize is this
    /// request with a few fields set.
    pub fn request(&self, prepaid: bool) -> PlanRequest {
        let bought = &self.bought;
        PlanRequest {
            site: self.site,
            region: self.region.clone(),
            zones: self.zones.clone(),
            edition: Some(self.edition.clone()),
            spec: self.spec.clone(),
            bandwidth_mbps: bought.bandwidth_mbps,
            topics: bought.topics,
            partitions: bought.partitions,
            disk_gb: Some(bought.disk_gb),
            disk_type: Some(bought.disk_type.clone()),
            public_mbit: Some(bought.public_mbit),
            elastic_bandwidth: bought.elastic_bandwidth,
            version: Some(self.version.clone()),
            retention_minutes: Some(bought.retention_minutes),
            nodes: bought.nodes.clone(),
            deploy_public: bought.deploy_public,
            prepaid,
        }
    }

    /// Whether a cluster that uses so much can be given this plan. Brokers refuse what passes a limit when it is made,
    /// but never take away what is there already: a plan below it would promise what is not so.
    ///
    /// # Errors
    /// [`PlanFault::InUse`] with the first field that is too small.
    pub fn holds(&self, usage: &Usage) -> Result<(), PlanFault> {
        let limits = &self.usable;
        let needs = [
            (
                Field::Partitions,
                usage.topics.partitions,
                limits.partitions_max,
            ),
            (Field::Topics, usage.topics.topics, limits.topics_max),
            // Groups come with topics or with the edition: nobody buys them by themselves.
            (Field::Topics, usage.groups, limits.groups_max),
            (Field::Disk, usage.disk_bytes, limits.disk_bytes_max),
            (
                Field::NodeCount,
                usage.topics.replicas_max.into(),
                self.brokers.into(),
            ),
        ];
        match needs.into_iter().find(|(_, used, max)| used > max) {
            Some((field, used, _)) => Err(PlanFault::InUse { field, used }),
            None => Ok(()),
        }
    }

    /// Whether whatever a cluster uses under `other` fits this plan, too: then nobody has to look.
    pub fn covers(&self, other: &Self) -> bool {
        let sizes = |plan: &Self| {
            let limits = &plan.usable;
            [
                limits.partitions_max,
                limits.topics_max,
                limits.groups_max,
                limits.disk_bytes_max,
                plan.brokers.into(),
            ]
        };
        let counted_alike = self.usable.partitions_count_replicas
            == other.usable.partitions_count_replicas
            && self.usable.disk_counts_replicas == other.usable.disk_counts_replicas;
        counted_alike
            && sizes(self)
                .into_iter()
                .zip(sizes(other))
                .all(|(own, theirs)| own >= theirs)
    }
}
