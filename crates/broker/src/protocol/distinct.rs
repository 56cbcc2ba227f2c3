//! Entries that a request names more than once.
//!
//! Apache Kafka reads the names of a request into maps and sets: of what is named twice the last mention
//! counts, at the place of the first (`LinkedHashMap`), and it is worked on and answered once. For requests
//! where Kafka refuses duplicates, the duplicates are listed here.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use kafka_protocol::messages::TopicName;

use crate::turn::Pace;

/// Each once, with whether it was named more often.
pub(super) async fn counted<T, K: Eq + Hash>(all: Vec<T>, key: impl Fn(&T) -> K) -> Vec<(T, bool)> {
    let mut each: Vec<(T, bool)> = Vec::with_capacity(all.len());
    if all.len() < 2 {
        each.extend(all.into_iter().map(|one| (one, false)));
        return each;
    }
    let mut places = HashMap::with_capacity(all.len());
    let mut pace = Pace::default();
    for one in all {
        pace.step().await;
        match places.entry(key(&one)) {
            Entry::Occupied(place) => each[*place.get()] = (one, true),
            Entry::Vacant(free) => {
                free.insert(each.len());
                each.push((one, false));
            }
        }
    }
    each
}

/// Each once.
pub(super) async fn distinct<T, K: Eq + Hash>(all: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let each = counted(all, key).await;
    each.into_iter().map(|(one, _)| one).collect()
}

/// A topic of a request, with what is asked of its partitions.
pub(super) trait Topical {
    type Partition;

    fn name(&self) -> &TopicName;
    fn partitions(&mut self) -> &mut Vec<Self::Partition>;
    fn index(partition: &Self::Partition) -> i32;
}

/// Each topic once and, in it, each partition once.
pub(super) async fn partitions<T: Topical>(topics: Vec<T>) -> Vec<T> {
    counted_partitions(topics).await.0
}

/// Each topic once and, in it, each partition once; also what was named more often.
pub(super) async fn counted_partitions<T: Topical>(
    topics: Vec<T>,
) -> (Vec<T>, HashSet<(TopicName, i32)>) {
    let mut each: Vec<T> = Vec::with_capacity(topics.len());
    let mut places = HashMap::with_capacity(topics.len());
    let mut pace = Pace::default();
    for mut topic in topics {
        pace.step().await;
        match places.entry(topic.name().clone()) {
            Entry::Occupied(place) => {
                let more = std::mem::take(topic.partitions());
                let known: &mut T = &mut each[*place.get()];
                known.partitions().extend(more);
            }
            Entry::Vacant(free) => {
                free.insert(each.len());
                each.push(topic);
            }
        }
    }
    let mut repeated = HashSet::new();
    for topic in &mut each {
        pace.step().await;
        let all = std::mem::take(topic.partitions());
        let once = counted(all, T::index).await;
        let twice = once.iter().filter(|(_, is_repeated)| *is_repeated);
        let twice = twice.map(|(partition, _)| (topic.name().clone(), T::index(partition)));
        repeated.extend(twice);
        *topic.partitions() = once.into_iter().map(|(partition, _)| partition).collect();
    }
    (each, repeated)
}

/// Topics of requests whose partitions are structures, or plain numbers.
macro_rules! topical {
    ($($topic:ty { $name:ident, $partitions:ident: $partition:ty, $index:expr })*) => {
        $(impl Topical for $topic {
            type Partition = $partition;

            fn name(&self) -> &TopicName {
                &self.$name
            }

            fn partitions(&mut self) -> &mut Vec<Self::Partition> {
                &mut self.$partitions
            }

            fn index(partition: &Self::Partition) -> i32 {
                let index: fn(&$partition) -> i32 = $index;
                index(partition)
            }
        })*
    };
}

mod of {
    pub(super) use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
    pub(super) use kafka_protocol::messages::alter_partition_reassignments_request::{
        ReassignablePartition, ReassignableTopic,
    };
    pub(super) use kafka_protocol::messages::delete_records_request::{
        DeleteRecordsPartition, DeleteRecordsTopic,
    };
    pub(super) use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
    pub(super) use kafka_protocol::messages::describe_producers_request::TopicRequest;
    pub(super) use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
    pub(super) use kafka_protocol::messages::list_offsets_request::{
        ListOffsetsPartition, ListOffsetsTopic,
    };
    pub(super) use kafka_protocol::messages::offset_commit_request::{
        OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    };
    pub(super) use kafka_protocol::messages::offset_delete_request::{
        OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    };
    pub(super) use kafka_protocol::messages::offset_fetch_request::{
        OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    };
    pub(super) use kafka_protocol::messages::offset_for_leader_epoch_request::{
        OffsetForLeaderPartition, OffsetForLeaderTopic,
    };
    pub(super) use kafka_protocol::messages::txn_offset_commit_request::{
        TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    };
}

topical! {
    of::AddPartitionsToTxnTopic { name, partitions: i32, |index| *index }
    of::ReassignableTopic {
        name, partitions: of::ReassignablePartition, |at| at.partition_index
    }
    of::DeleteRecordsTopic { name, partitions: of::DeleteRecordsPartition, |at| at.partition_index }
    of::DescribableLogDirTopic { topic, partitions: i32, |index| *index }
    of::TopicRequest { name, partition_indexes: i32, |index| *index }
    of::TopicPartitions { topic, partitions: i32, |index| *index }
    of::ListOffsetsTopic { name, partitions: of::ListOffsetsPartition, |at| at.partition_index }
    of::OffsetCommitRequestTopic {
        name, partitions: of::OffsetCommitRequestPartition, |at| at.partition_index
    }
    of::OffsetDeleteRequestTopic {
        name, partitions: of::OffsetDeleteRequestPartition, |at| at.partition_index
    }
    of::OffsetFetchRequestTopic { name, partition_indexes: i32, |index| *index }
    of::OffsetFetchRequestTopics { name, partition_indexes: i32, |index| *index }
    of::OffsetForLeaderTopic { topic, partitions: of::OffsetForLeaderPartition, |at| at.partition }
    of::TxnOffsetCommitRequestTopic {
        name, partitions: of::TxnOffsetCommitRequestPartition, |at| at.partition_index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_mention_counts_at_the_place_of_the_first() {
        let all = vec![("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)];
        let each = counted(all, |(name, _)| *name).await;
        assert_eq!(
            each,
            [(("a", 5), true), (("b", 2), false), (("c", 4), false)]
        );
        assert_eq!(distinct(vec![7], |one| *one).await, [7]);
    }

    #[tokio::test]
    async fn topics_that_are_named_twice_are_one() {
        let topic = |name: &'static str, indexes: &[i32]| {
            of::TopicRequest::default()
                .with_name(TopicName(name.into()))
                .with_partition_indexes(indexes.to_vec())
        };
        let topics = vec![
            topic("t", &[0, 1, 0]),
            topic("u", &[0]),
            topic("t", &[1, 2]),
        ];
        let (each, repeated) = counted_partitions(topics).await;
        assert_eq!(each, [topic("t", &[0, 1, 2]), topic("u", &[0])]);
        let twice = [0, 1].map(|index| (TopicName("t".into()), index));
        assert_eq!(repeated, HashSet::from(twice));
    }
}
