//! Quotas of single users and clients (KIP-13, KIP-546; Kafka's `ClientQuotaManager`), besides the bandwidth
//! of the whole cluster.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::metadata::metadata_log::MetadataLog;
use crate::metadata::state::{ClusterState, QuotaEntity};
use crate::quota::token_bucket::TokenBucket;

/// Entity types.
pub(crate) const USER: &str = "user";
pub(crate) const CLIENT_ID: &str = "client-id";
pub(crate) const ADDRESS: &str = "ip";
/// Most clients with a bucket of their own; beyond it all buckets are dropped.
const BUCKETS_MAX: usize = 10_000;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Produce,
    Fetch,
}

impl Direction {
    /// The quota's key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Produce => "producer_byte_rate",
            Self::Fetch => "consumer_byte_rate",
        }
    }
}

/// Who sends or fetches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    pub user: &'a str,
    pub client_id: &'a str,
}

/// Whom a bucket belongs to: a user, a client, or a client of a user.
type Owner = (Direction, Option<String>, Option<String>);

/// The buckets of a cluster's clients.
#[derive(Debug, Default)]
pub(crate) struct ClientQuotas {
    /// False while there are no quotas: then nothing is looked up.
    is_used: AtomicBool,
    buckets: Mutex<HashMap<Owner, Arc<TokenBucket>>>,
}

/// The entities whose quota may apply, the most specific first (Kafka's order).
fn candidates(client: Client<'_>) -> [QuotaEntity; 8] {
    let named = |name: &str| Some(name.to_owned());
    let (user, id) = (named(client.user), named(client.client_id));
    let entity = |parts: &[(&str, Option<String>)]| -> QuotaEntity {
        parts
            .iter()
            .map(|(kind, name)| ((*kind).to_owned(), name.clone()))
            .collect()
    };
    [
        entity(&[(USER, user.clone()), (CLIENT_ID, id.clone())]),
        entity(&[(USER, user.clone()), (CLIENT_ID, None)]),
        entity(&[(USER, user)]),
        entity(&[(USER, None), (CLIENT_ID, id.clone())]),
        entity(&[(USER, None), (CLIENT_ID, None)]),
        entity(&[(USER, None)]),
        entity(&[(CLIENT_ID, id)]),
        entity(&[(CLIENT_ID, None)]),
    ]
}

/// The rate that applies, and the entity that has it.
fn find(
    quotas: &BTreeMap<QuotaEntity, BTreeMap<String, f64>>,
    direction: Direction,
    client: Client<'_>,
) -> Option<(QuotaEntity, f64)> {
    candidates(client).into_iter().find_map(|entity| {
        let rate = *quotas.get(&entity)?.get(direction.key())?;
        Some((entity, rate))
    })
}

impl ClientQuotas {
    /// To be called when quotas may have changed.
    pub(crate) fn note_change(&self, metadata_log: &MetadataLog<ClusterState>) {
        let is_used = metadata_log.read(|state| !state.quotas.is_empty());
        self.is_used.store(is_used, Ordering::Relaxed);
    }

    /// The bucket of a client; `None` if no quota applies.
    fn bucket(
        &self,
        metadata_log: &MetadataLog<ClusterState>,
        direction: Direction,
        client: Client<'_>,
    ) -> Option<Arc<TokenBucket>> {
        if !self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        let (entity, rate) = metadata_log.read(|state| find(&state.quotas, direction, client))?;
        let part = |kind: &str, name: &str| entity.contains_key(kind).then(|| name.to_owned());
        let owner = (
            direction,
            part(USER, client.user),
            part(CLIENT_ID, client.client_id),
        );
        let rate = Some(rate as u64);
        let bucket = {
            let mut buckets = self.buckets.lock();
            if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&owner) {
                buckets.clear();
            }
            buckets
                .entry(owner)
                .or_insert_with(|| Arc::new(TokenBucket::new(rate)))
                .clone()
        };
        bucket.set_rate(rate);
        Some(bucket)
    }

    /// Takes `bytes` from the client's bucket and returns its throttle time.
    pub(crate) fn charge(
        &self,
        metadata_log: &MetadataLog<ClusterState>,
        direction: Direction,
        client: Client<'_>,
        bytes: u64,
        now: Instant,
    ) -> Duration {
        let bucket = self.bucket(metadata_log, direction, client);
        bucket.map_or(Duration::ZERO, |bucket| bucket.charge(bytes, now))
    }

    /// The most that one answer to the client should hold: see [`TokenBucket::portion_bytes`].
    pub(crate) fn portion_bytes(
        &self,
        metadata_log: &MetadataLog<ClusterState>,
        direction: Direction,
        client: Client<'_>,
    ) -> usize {
        let bucket = self.bucket(metadata_log, direction, client);
        bucket.map_or(usize::MAX, |bucket| bucket.portion_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_quota_applies() {
        let entity = |parts: &[(&str, Option<&str>)]| -> QuotaEntity {
            parts
                .iter()
                .map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned)))
                .collect()
        };
        let client = Client {
            user: "u",
            client_id: "c",
        };
        let all = [
            entity(&[(CLIENT_ID, None)]),
            entity(&[(CLIENT_ID, Some("c"))]),
            entity(&[(USER, None)]),
            entity(&[(USER, None), (CLIENT_ID, None)]),
            entity(&[(USER, None), (CLIENT_ID, Some("c"))]),
            entity(&[(USER, Some("u"))]),
            entity(&[(USER, Some("u")), (CLIENT_ID, None)]),
            entity(&[(USER, Some("u")), (CLIENT_ID, Some("c"))]),
        ];
        let mut quotas = BTreeMap::new();
        for (rate, entity) in all.into_iter().enumerate() {
            quotas.insert(
                entity.clone(),
                [(Direction::Fetch.key().to_owned(), rate as f64)].into(),
            );
            assert_eq!(
                find(&quotas, Direction::Fetch, client),
                Some((entity, rate as f64))
            );
            assert_eq!(find(&quotas, Direction::Produce, client), None);
        }
        let other = Client {
            user: "x",
            client_id: "y",
        };
        assert_eq!(
            find(&quotas, Direction::Fetch, other).map(|found| found.1),
            Some(3.0)
        );
    }
}
