//! Offsets: of partitions, and those that groups committed.

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        BrokerId, DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest,
        ListOffsetsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
        OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    },
    protocol::{Request, StrBytes},
};

use crate::{
    AdminError, Client,
    client::{only, refused},
    group::group_id,
    topic::topic_name,
};

/// How long a broker may take to delete records.
const TIMEOUT_MS: i32 = 20_000;
/// Who is no broker (`ListOffsetsRequest.CONSUMER_REPLICA_ID`).
const CONSUMER_REPLICA_ID: BrokerId = BrokerId(-1);
/// Leaders' epochs are not compared.
const NO_LEADER_EPOCH: i32 = -1;
/// Who is no member of the group: the offsets of a group without members are set by whoever may (`Admin`'s
/// `alterConsumerGroupOffsets`).
const NO_GENERATION: i32 = -1;

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first record that is kept.
    Earliest,
    /// Behind the last.
    Latest,
    /// The first record at this time, in milliseconds, or after.
    TimestampMs(i64),
}

impl OffsetAt {
    /// As requests write it (`ListOffsetsRequest.EARLIEST_TIMESTAMP`, `LATEST_TIMESTAMP`).
    const fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::TimestampMs(ms) => ms,
        }
    }
}

/// Offsets by topic and partition.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// A group's offset in one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the group goes on reading.
    pub offset: i64,
    /// What the consumer noted with it.
    pub metadata: String,
}

fn list_offsets<'a>(
    partitions: impl IntoIterator<Item = (&'a str, Vec<i32>)>,
    at: OffsetAt,
) -> ListOffsetsRequest {
    let wanted = |index| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_current_leader_epoch(NO_LEADER_EPOCH)
            .with_timestamp(at.timestamp())
    };
    let topics = partitions.into_iter().map(|(topic, indexes)| {
        ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(indexes.into_iter().map(wanted).collect())
    });
    ListOffsetsRequest::default()
        .with_replica_id(CONSUMER_REPLICA_ID)
        .with_topics(topics.collect())
}

impl Client {
    /// The offset of a place in a partition; `None` where no record is as late.
    ///
    /// # Errors
    /// [`AdminError`]; UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER.
    pub async fn offset_find(
        &mut self,
        topic: &str,
        partition: i32,
        at: OffsetAt,
    ) -> Result<Option<i64>, AdminError> {
        let request = list_offsets([(topic, vec![partition])], at);
        let read = |answer: ListOffsetsResponse| {
            let found = only(ListOffsetsRequest::KEY, answer.topics)?;
            let found = only(ListOffsetsRequest::KEY, found.partitions)?;
            refused(found.error_code, None)?;
            Ok((found.offset >= 0).then_some(found.offset))
        };
        self.ask(&request, read).await
    }

    /// The offsets of a place in many partitions, each topic named once. Partitions that are not there, have no leader or
    /// no record as late are left out.
    ///
    /// # Errors
    /// [`AdminError`], except for refusals of single partitions.
    pub async fn offset_list<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = (&'a str, Vec<i32>)>,
        at: OffsetAt,
    ) -> Result<Offsets, AdminError> {
        let request = list_offsets(partitions, at);
        let answer = self.call(&request).await?;
        let mut offsets = Offsets::new();
        for topic in answer.topics {
            let found = topic.partitions.into_iter();
            let found = found.filter(|found| found.error_code == 0 && found.offset >= 0);
            let name = topic.name.to_string();
            offsets
                .extend(found.map(|found| ((name.clone(), found.partition_index), found.offset)));
        }
        Ok(offsets)
    }

    /// Deletes the records of a partition before an offset, and returns the first that is left.
    ///
    /// # Errors
    /// [`AdminError`]; OFFSET_OUT_OF_RANGE.
    pub async fn records_delete(
        &mut self,
        topic: &str,
        partition: i32,
        before: i64,
    ) -> Result<i64, AdminError> {
        let wanted = DeleteRecordsPartition::default()
            .with_partition_index(partition)
            .with_offset(before);
        let of_topic = DeleteRecordsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![wanted]);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![of_topic])
            .with_timeout_ms(TIMEOUT_MS);
        let read = |answer: DeleteRecordsResponse| {
            let gone = only(DeleteRecordsRequest::KEY, answer.topics)?;
            let gone = only(DeleteRecordsRequest::KEY, gone.partitions)?;
            refused(gone.error_code, None)?;
            Ok(gone.low_watermark)
        };
        self.ask(&request, read).await
    }

    /// The offsets that a group committed, by topic and partition.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn group_offset_list(
        &mut self,
        group: &str,
    ) -> Result<Vec<PartitionOffset>, AdminError> {
        // From version 8 on a request is for many groups.
        const ONE_GROUP: i16 = 7;
        let request = OffsetFetchRequest::default()
            .with_group_id(group_id(group))
            .with_topics(None);
        let read = |answer: OffsetFetchResponse| {
            refused(answer.error_code, None)?;
            let mut offsets = Vec::new();
            for topic in answer.topics {
                for partition in topic.partitions {
                    refused(partition.error_code, None)?;
                    offsets.push(PartitionOffset {
                        topic: topic.name.to_string(),
                        partition: partition.partition_index,
                        offset: partition.committed_offset,
                        metadata: partition.metadata.unwrap_or_default().to_string(),
                    });
                }
            }
            offsets.sort();
            Ok(offsets)
        };
        self.ask_up_to(&request, ONE_GROUP, read).await
    }

    /// Sets offsets of a group that has no members, as an operator; one that is not there is made.
    ///
    /// # Errors
    /// [`AdminError`]; UNKNOWN_MEMBER_ID while it has members.
    pub async fn group_offsets_set(
        &mut self,
        group: &str,
        offsets: &[PartitionOffset],
    ) -> Result<(), AdminError> {
        // From version 10 on topics have ids.
        const BY_NAME: i16 = 9;
        let topics = offsets.iter().map(|wanted| {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(wanted.partition)
                .with_committed_offset(wanted.offset)
                .with_committed_leader_epoch(NO_LEADER_EPOCH)
                .with_committed_metadata(Some(StrBytes::from_string(wanted.metadata.clone())));
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(&wanted.topic))
                .with_partitions(vec![partition])
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id_or_member_epoch(NO_GENERATION)
            .with_topics(topics.collect());
        let read = |answer: OffsetCommitResponse| {
            let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.try_for_each(|partition| refused(partition.error_code, None))
        };
        self.ask_up_to(&request, BY_NAME, read).await
    }

    /// Forgets the offset of a group in one partition.
    ///
    /// # Errors
    /// [`AdminError`]; GROUP_ID_NOT_FOUND, GROUP_SUBSCRIBED_TO_TOPIC.
    pub async fn group_offset_delete(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> Result<(), AdminError> {
        let wanted = OffsetDeleteRequestPartition::default().with_partition_index(partition);
        let of_topic = OffsetDeleteRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![wanted]);
        let request = OffsetDeleteRequest::default()
            .with_group_id(group_id(group))
            .with_topics(vec![of_topic]);
        let read = |answer: OffsetDeleteResponse| {
            refused(answer.error_code, None)?;
            let gone = only(OffsetDeleteRequest::KEY, answer.topics)?;
            let gone = only(OffsetDeleteRequest::KEY, gone.partitions)?;
            refused(gone.error_code, None)
        };
        self.ask(&request, read).await
    }
}
