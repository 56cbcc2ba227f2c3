//! What was acknowledged to clients, so that they may rely on it.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_broker::trace::{TracedCluster, produce};
use bytes::Bytes;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

use super::Call;

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// Whether a thing is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Asked for, not answered.
    Maybe,
    Yes,
    /// It was there; its end was asked for, but not answered.
    MaybeNoMore,
    No,
}

#[derive(Debug, Clone)]
pub(super) struct ExpectedTopic {
    pub known: Known,
    /// Numbers of partitions that are possible.
    pub partitions: BTreeSet<usize>,
    /// Values of `max.message.bytes` that are possible.
    pub message_bytes_max: BTreeSet<Option<String>>,
    /// Only the last value of a key has to be there.
    pub is_compacted: bool,
    /// Older records may be removed by the scheduled tasks.
    pub retention_ms: Option<i64>,
}

/// How the transaction of a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The batch belongs to none.
    None,
    Open,
    Committing,
    Committed,
    Aborted,
}

#[derive(Debug, Clone)]
pub(super) struct ExpectedBatch {
    /// Key and value of each record.
    pub records: Vec<(String, String)>,
    /// Where it was acknowledged to be.
    pub offset: Option<i64>,
    pub transaction: Option<usize>,
    /// When the producer says that it was made.
    pub timestamp_ms: i64,
    /// The bytes that an idempotent producer may repeat.
    pub bytes: Bytes,
    pub is_idempotent: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ExpectedPartition {
    pub batches: Vec<ExpectedBatch>,
    /// The log starts here or later …
    pub start_min: i64,
    /// … but not behind this.
    pub start_max: i64,
}

/// An offset: acknowledged, and those asked for since.
#[derive(Debug, Clone, Default)]
pub(super) struct ExpectedOffset {
    pub acknowledged: Option<i64>,
    pub possible: BTreeSet<i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Expectation {
    pub topics: BTreeMap<String, ExpectedTopic>,
    pub partitions: BTreeMap<(String, i32), ExpectedPartition>,
    pub offsets: BTreeMap<(String, String, i32), ExpectedOffset>,
    pub transactions: Vec<Outcome>,
    /// Offset that a transaction commits for a group.
    pub pending_offsets: BTreeMap<usize, ((String, String, i32), i64)>,
    /// The workload does again what it did before: a short run passes over this.
    pub is_repetitive: bool,
    /// Producer ids given out.
    pub producer_ids: BTreeSet<i64>,
}

impl Expectation {
    fn outcome(&self, batch: &ExpectedBatch) -> Outcome {
        batch
            .transaction
            .map_or(Outcome::None, |at| self.transactions[at])
    }

    /// Records that retention may remove at this time need not be there any more.
    pub(super) fn expire(&mut self, now_ms: i64) {
        for ((topic, _), partition) in &mut self.partitions {
            let Some(retention_ms) = self.topics[topic].retention_ms else {
                continue;
            };
            let is_old =
                |batch: &&ExpectedBatch| batch.timestamp_ms < now_ms.saturating_sub(retention_ms);
            // What was refused may have been written, too.
            let old = partition.batches.iter().filter(is_old);
            let records: usize = old.map(|batch| batch.records.len()).sum();
            partition.start_max = partition.start_max.max(records as i64);
        }
    }

    pub(super) fn check(&self, running: &TracedCluster, what: &str) {
        self.check_topics(running, what);
        let mut committing: BTreeMap<usize, BTreeSet<bool>> = BTreeMap::new();
        for ((topic, partition), expected) in &self.partitions {
            let is_there = running.partitions_count(topic).is_some();
            match self.topics[topic].known {
                Known::Yes | Known::MaybeNoMore | Known::Maybe if is_there => {
                    let compacted = self.topics[topic].is_compacted;
                    let place = (topic.as_str(), *partition);
                    self.check_partition(
                        running,
                        place,
                        expected,
                        compacted,
                        &mut committing,
                        what,
                    );
                }
                Known::Yes => panic!("{what}: topic {topic} is gone"),
                _ => {}
            }
        }
        for (transaction, seen) in &committing {
            assert!(
                seen.len() == 1,
                "{what}: transaction {transaction} is seen in part"
            );
        }
        self.check_offsets(running, &committing, what);
    }

    fn check_topics(&self, running: &TracedCluster, what: &str) {
        for (name, expected) in &self.topics {
            let found = running.partitions_count(name);
            match expected.known {
                Known::Yes => assert!(found.is_some(), "{what}: topic {name} is gone"),
                Known::No => assert!(found.is_none(), "{what}: topic {name} is back"),
                Known::Maybe | Known::MaybeNoMore => {}
            }
            let Some(partitions) = found else { continue };
            assert!(
                expected.partitions.contains(&partitions),
                "{what}: {name} has {partitions} partitions, not {:?}",
                expected.partitions
            );
            let value = running.topic_config(name, "max.message.bytes");
            assert!(
                expected.message_bytes_max.contains(&value),
                "{what}: max.message.bytes of {name} is {value:?}, not {:?}",
                expected.message_bytes_max
            );
        }
    }

    fn check_partition(
        &self,
        running: &TracedCluster,
        place: (&str, i32),
        expected: &ExpectedPartition,
        is_compacted: bool,
        committing: &mut BTreeMap<usize, BTreeSet<bool>>,
        what: &str,
    ) {
        let what = format!("{what}: {}-{}", place.0, place.1);
        if !running.has_partition(place.0, place.1) {
            // Not grown yet; which numbers of partitions are possible was checked before.
            assert!(expected.batches.iter().all(|batch| batch.offset.is_none()));
            return;
        }
        let (start, seen) = running.read(place.0, place.1, false);
        let (_, committed) = running.read(place.0, place.1, true);
        assert!(
            (expected.start_min..=expected.start_max.max(expected.start_min)).contains(&start),
            "{what} starts at {start}, not in {}..={}",
            expected.start_min,
            expected.start_max
        );
        let mut places: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
        for record in &seen {
            let key = record.key.as_deref().unwrap_or_default();
            let value = record.value.as_deref().unwrap_or_default();
            places.entry((key, value)).or_default().push(record.offset);
        }
        let visible: BTreeSet<i64> = committed.iter().map(|record| record.offset).collect();
        let mut known = BTreeSet::new();
        let last_of: BTreeMap<&str, usize> = expected
            .batches
            .iter()
            .enumerate()
            .filter(|(_, batch)| batch.offset.is_some())
            .flat_map(|(at, batch)| batch.records.iter().map(move |(key, _)| (key.as_str(), at)))
            .collect();
        let has_open_end = expected.batches.iter().any(|batch| batch.offset.is_none());
        for (at, batch) in expected.batches.iter().enumerate() {
            for (index, (key, value)) in batch.records.iter().enumerate() {
                known.insert((key.as_str(), value.as_str()));
                let found = places.get(&(key.as_str(), value.as_str()));
                let found = found.map_or(&[][..], Vec::as_slice);
                assert!(
                    found.len() <= 1,
                    "{what}: {value} is there twice: {found:?}"
                );
                let Some(offset) = batch.offset.map(|offset| offset + index as i64) else {
                    continue;
                };
                let is_needed = offset >= expected.start_max.max(start)
                    && (!is_compacted || (last_of[key.as_str()] == at && !has_open_end));
                assert!(
                    !is_needed || found == [offset],
                    "{what}: {value} was acknowledged at {offset}, is at {found:?}; start {start}"
                );
                assert!(
                    found.is_empty() || found == [offset],
                    "{what}: {value} has moved from {offset} to {found:?}"
                );
                if offset < expected.start_max.max(start) || is_compacted {
                    continue;
                }
                let is_visible = visible.contains(&offset);
                match self.outcome(batch) {
                    Outcome::None => {}
                    Outcome::Open | Outcome::Aborted => {
                        assert!(
                            !is_visible,
                            "{what}: {value} was not committed, but is seen"
                        );
                    }
                    Outcome::Committed => {
                        assert!(is_visible, "{what}: {value} was committed, but is not seen")
                    }
                    Outcome::Committing => {
                        committing
                            .entry(batch.transaction.unwrap())
                            .or_default()
                            .insert(is_visible);
                    }
                }
            }
        }
        for place in places.keys() {
            assert!(known.contains(place), "{what}: nobody has sent {place:?}");
        }
    }

    fn check_offsets(
        &self,
        running: &TracedCluster,
        committing: &BTreeMap<usize, BTreeSet<bool>>,
        what: &str,
    ) {
        for ((group, topic, partition), expected) in &self.offsets {
            let found = running.committed_offset(group, topic, *partition);
            let is_fine = found == expected.acknowledged
                || found.is_some_and(|found| expected.possible.contains(&found));
            assert!(
                is_fine,
                "{what}: {group} of {topic}-{partition} is at {found:?}, not {expected:?}"
            );
        }
        for (transaction, ((group, topic, partition), offset)) in &self.pending_offsets {
            let found = running.committed_offset(group, topic, *partition);
            let is_seen = found == Some(*offset);
            match self.transactions[*transaction] {
                Outcome::None | Outcome::Open | Outcome::Aborted => {
                    assert!(
                        !is_seen,
                        "{what}: offset of transaction {transaction} counts"
                    );
                }
                Outcome::Committed => assert!(
                    is_seen,
                    "{what}: offset of transaction {transaction} is {found:?}"
                ),
                Outcome::Committing => {
                    if let Some(visible) = committing.get(transaction) {
                        assert!(
                            visible.contains(&is_seen),
                            "{what}: offset and records of transaction {transaction} differ"
                        );
                    }
                }
            }
        }
        let next = running.next_producer_id();
        assert!(
            self.producer_ids.iter().all(|id| *id < next),
            "{what}: producer ids are given twice"
        );
    }

    /// Idempotent producers send again what was acknowledged last, and what was not acknowledged.
    pub(super) async fn repeat(&mut self, running: &TracedCluster, what: &str) {
        let mut again = Vec::new();
        for ((topic, partition), expected) in &self.partitions {
            if !running.has_partition(topic, *partition) || self.topics[topic].known != Known::Yes {
                continue;
            }
            let repeatable =
                |batch: &&ExpectedBatch| batch.is_idempotent && batch.transaction.is_none();
            let last = expected
                .batches
                .iter()
                .rposition(|batch| repeatable(&batch) && batch.offset.is_some());
            let open = expected
                .batches
                .iter()
                .rposition(|batch| repeatable(&batch) && batch.offset.is_none());
            again.extend(
                last.into_iter()
                    .chain(open)
                    .map(|at| (topic.clone(), *partition, at)),
            );
        }
        for (topic, partition, at) in again {
            let batch = self.partitions[&(topic.clone(), partition)].batches[at].clone();
            let answer = running
                .call(produce(&topic, partition, &batch.bytes, None), 9)
                .await;
            let answer = &answer.responses[0].partition_responses[0];
            assert_eq!(answer.error_code, 0, "{what}: {:?} repeated", batch.records);
            if let Some(offset) = batch.offset {
                assert_eq!(
                    answer.base_offset, offset,
                    "{what}: {:?} repeated",
                    batch.records
                );
            }
            let expected = self.partitions.get_mut(&(topic, partition)).unwrap();
            expected.batches[at].offset = Some(answer.base_offset);
        }
    }
}
