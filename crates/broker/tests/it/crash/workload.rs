//! The workload of clients while every change of the disk is recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use brokerage_broker::trace::{Draft, TracedCluster, build, produce};
use bytes::Bytes;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AlterConfigsRequest,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    EndTxnRequest, GroupId, InitProducerIdRequest, OffsetCommitRequest, TransactionalId,
    TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::Call;
use super::expectation::{
    Expectation, ExpectedBatch, ExpectedPartition, ExpectedTopic, Known, Outcome, topic_name,
};
use super::storage::Recorder;

const TRANSACTIONAL_ID: &str = "tx";
const GROUP: &str = "g";
/// Metadata that makes the metadata log grow quickly.
const METADATA_BYTES: usize = 4_000;

/// The error code of something that was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub i16);

pub(super) type Accepted = Result<(), Refused>;

fn accepted(code: i16) -> Accepted {
    match code {
        0 => Ok(()),
        code => Err(Refused(code)),
    }
}

/// A producer with an id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Producer {
    id: i64,
    epoch: i16,
}

pub(super) struct Workload {
    pub running: TracedCluster,
    recorder: Arc<Recorder>,
    known: Expectation,
    next_value: usize,
    sequences: std::collections::BTreeMap<(i64, i16, String, i32), i32>,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group() -> GroupId {
    GroupId(text(GROUP))
}

impl Workload {
    pub(super) fn new(running: TracedCluster, recorder: Arc<Recorder>) -> Self {
        Self {
            running,
            recorder,
            known: Expectation::default(),
            next_value: 0,
            sequences: Default::default(),
        }
    }

    fn note(&self) {
        self.recorder.expect(&self.known);
    }

    /// Advances the clock and runs the scheduled tasks: retention may remove what is old by then.
    async fn run_scheduled_tasks(&mut self, later_ms: i64) {
        self.known.expire(self.running.now_ms() + later_ms);
        self.note();
        self.running.run_scheduled_tasks(later_ms).await;
    }

    /// Everything, up to the first refusal.
    pub(super) async fn run(&mut self) -> Accepted {
        self.topics().await?;
        let producer = self.producer(None).await?;
        for _ in 0..8 {
            self.write("plain", 0, Some(producer), None, 2).await?;
            self.write("plain", 1, None, None, 1).await?;
        }
        self.commit_offset("plain", 0, 4, "").await?;
        let transactional = self.transactions().await?;
        self.run_scheduled_tasks(2_000).await;
        self.compacted().await?;
        self.delete_records("plain", 0, 5).await?;
        self.write("plain", 0, Some(producer), None, 2).await?;
        self.delete_and_make_again().await?;
        self.change_settings().await?;
        self.run_scheduled_tasks(2_000).await;
        self.grow_metadata_log().await?;
        self.expire().await?;
        self.end(transactional, true).await?;
        self.write("plain", 0, Some(producer), None, 3).await
    }

    /// What clients go on with when something was refused; each may be refused, too. Returns how much was.
    pub(super) async fn go_on(&mut self) -> usize {
        let mut refused = 0;
        for round in 0..2 {
            let topics: Vec<String> = self.known.topics.keys().cloned().collect();
            for topic in topics.iter().filter(|topic| *topic != "compacted") {
                if self.running.has_partition(topic, 0) {
                    refused += usize::from(self.write(topic, 0, None, None, 1).await.is_err());
                }
            }
            if self.running.has_partition("plain", 1) {
                let committed = self.commit_offset("plain", 1, 1_000 + round, "").await;
                refused += usize::from(committed.is_err());
            }
            refused += usize::from(self.create(&format!("late-{round}"), 1, &[]).await.is_err());
            self.run_scheduled_tasks(2_000).await;
        }
        refused
    }

    async fn topics(&mut self) -> Accepted {
        let small = [("segment.bytes", "600"), ("index.interval.bytes", "100")];
        self.create("plain", 2, &small).await?;
        self.create("tx", 2, &small).await?;
        let compact = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", "300"),
            ("index.interval.bytes", "100"),
            ("min.cleanable.dirty.ratio", "0"),
        ];
        self.create("compacted", 1, &compact).await?;
        self.create("again", 1, &small).await?;
        self.create("wide", 64, &[]).await?;
        self.create("old", 1, &[small[0], small[1], ("retention.ms", "3000")])
            .await?;
        Ok(())
    }

    pub(super) async fn create(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Accepted {
        let expected = ExpectedTopic {
            known: Known::Maybe,
            partitions: BTreeSet::from([partitions as usize]),
            message_bytes_max: BTreeSet::from([None]),
            is_compacted: configs.iter().any(|(_, value)| *value == "compact"),
            retention_ms: configs
                .iter()
                .find(|(name, _)| *name == "retention.ms")
                .map(|(_, value)| value.parse().unwrap()),
        };
        self.known.topics.insert(name.to_owned(), expected);
        self.note();
        let config = |(name, value): &(&str, &str)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        };
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.iter().map(config).collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        let answer = self.running.call(request, 7).await;
        accepted(answer.topics[0].error_code)?;
        self.known.topics.get_mut(name).unwrap().known = Known::Yes;
        self.note();
        Ok(())
    }

    async fn producer(&mut self, transactional_id: Option<&str>) -> Result<Producer, Refused> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
            .with_transaction_timeout_ms(600_000);
        let given = self.running.call(request, 4).await;
        accepted(given.error_code)?;
        self.known.producer_ids.insert(given.producer_id.0);
        self.note();
        Ok(Producer {
            id: given.producer_id.0,
            epoch: given.producer_epoch,
        })
    }

    fn draft(&mut self, key: Option<&str>, count: usize) -> (Vec<(String, String)>, Draft) {
        let records: Vec<(String, String)> = (0..count)
            .map(|_| {
                self.next_value += 1;
                let value = format!("value-{:06}", self.next_value);
                (
                    key.map_or_else(|| format!("key-{value}"), str::to_owned),
                    value,
                )
            })
            .collect();
        let bytes = |text: &String| Some(text.clone().into_bytes());
        let draft = Draft {
            records: records
                .iter()
                .map(|(key, value)| (bytes(key), bytes(value)))
                .collect(),
            timestamp_ms: self.running.now_ms(),
            producer: None,
            is_transactional: false,
        };
        (records, draft)
    }

    pub(super) async fn write(
        &mut self,
        topic: &str,
        partition: i32,
        producer: Option<Producer>,
        transaction: Option<usize>,
        count: usize,
    ) -> Accepted {
        let (records, draft) = self.draft(None, count);
        self.send(topic, partition, producer, transaction, records, draft)
            .await?;
        Ok(())
    }

    async fn send(
        &mut self,
        topic: &str,
        partition: i32,
        producer: Option<Producer>,
        transaction: Option<usize>,
        records: Vec<(String, String)>,
        mut draft: Draft,
    ) -> Accepted {
        if let Some(producer) = producer {
            let key = (producer.id, producer.epoch, topic.to_owned(), partition);
            let sequence = self.sequences.entry(key).or_default();
            draft.producer = Some((producer.id, producer.epoch, *sequence));
            *sequence += records.len() as i32;
        }
        draft.is_transactional = transaction.is_some();
        let bytes: Bytes = build(&draft);
        let batch = ExpectedBatch {
            records,
            offset: None,
            transaction,
            timestamp_ms: draft.timestamp_ms,
            bytes: bytes.clone(),
            is_idempotent: producer.is_some(),
        };
        let place = (topic.to_owned(), partition);
        let expected = self.known.partitions.entry(place.clone()).or_default();
        expected.batches.push(batch);
        let at = expected.batches.len() - 1;
        self.note();
        let id = transaction.map(|_| TRANSACTIONAL_ID);
        let answer = self
            .running
            .call(produce(topic, partition, &bytes, id), 9)
            .await;
        let answer = &answer.responses[0].partition_responses[0];
        accepted(answer.error_code)?;
        let expected = self.known.partitions.get_mut(&place).unwrap();
        expected.batches[at].offset = Some(answer.base_offset);
        self.note();
        Ok(())
    }

    async fn commit_offset(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        metadata: &str,
    ) -> Accepted {
        let key = (GROUP.to_owned(), topic.to_owned(), partition);
        let expected = self.known.offsets.entry(key.clone()).or_default();
        expected.possible.insert(offset);
        self.note();
        let wanted = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text(metadata)));
        let wanted = OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![wanted]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group())
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![wanted]);
        let answer = self.running.call(request, 8).await;
        accepted(answer.topics[0].partitions[0].error_code)?;
        let expected = self.known.offsets.get_mut(&key).unwrap();
        expected.possible.clear();
        expected.acknowledged = Some(offset);
        self.note();
        Ok(())
    }

    /// One transaction committed, one aborted, one left open.
    async fn transactions(&mut self) -> Result<Producer, Refused> {
        let producer = self.producer(Some(TRANSACTIONAL_ID)).await?;
        for is_committed in [true, false, true, false] {
            self.begin(producer).await?;
            self.end(producer, is_committed).await?;
        }
        self.begin(producer).await?;
        Ok(producer)
    }

    async fn begin(&mut self, producer: Producer) -> Accepted {
        self.known.transactions.push(Outcome::Open);
        let transaction = self.known.transactions.len() - 1;
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name("tx"))
            .with_partitions(vec![0, 1]);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_v3_and_below_producer_id(producer.id.into())
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(vec![topic]);
        let answer = self.running.call(request, 3).await;
        let results = &answer.results_by_topic_v3_and_below[0].results_by_partition;
        results
            .iter()
            .try_for_each(|result| accepted(result.partition_error_code))?;
        for partition in [0, 1, 0] {
            self.write("tx", partition, Some(producer), Some(transaction), 2)
                .await?;
        }
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch)
            .with_group_id(group());
        accepted(self.running.call(request, 3).await.error_code)?;
        // Each commits for a partition of its own, so that the check can distinguish them.
        let key = (GROUP.to_owned(), "wide".to_owned(), transaction as i32);
        let offset = 100 + transaction as i64;
        let wanted = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(key.2)
            .with_committed_offset(offset);
        let wanted = TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name("wide"))
            .with_partitions(vec![wanted]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_group_id(group())
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch)
            .with_generation_id(-1)
            .with_topics(vec![wanted]);
        let answer = self.running.call(request, 3).await;
        accepted(answer.topics[0].partitions[0].error_code)?;
        self.known
            .pending_offsets
            .insert(transaction, (key, offset));
        self.note();
        Ok(())
    }

    async fn end(&mut self, producer: Producer, is_committed: bool) -> Accepted {
        let last = self.known.transactions.last_mut().unwrap();
        *last = if is_committed {
            Outcome::Committing
        } else {
            Outcome::Aborted
        };
        self.note();
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch)
            .with_committed(is_committed);
        accepted(self.running.call(request, 3).await.error_code)?;
        if is_committed {
            *self.known.transactions.last_mut().unwrap() = Outcome::Committed;
        }
        self.note();
        Ok(())
    }

    async fn compacted(&mut self) -> Accepted {
        for round in 0..3 {
            for key in ["a", "b", "c", "a", "b", "a"] {
                let (records, draft) = self.draft(Some(key), 1);
                self.send("compacted", 0, None, None, records, draft)
                    .await?;
            }
            // The first only compacts; a checkpoint follows when it is quiet.
            self.run_scheduled_tasks(if round == 0 { 0 } else { 2_000 })
                .await;
        }
        Ok(())
    }

    async fn delete_records(&mut self, topic: &str, partition: i32, offset: i64) -> Accepted {
        let place = (topic.to_owned(), partition);
        self.known.partitions.get_mut(&place).unwrap().start_max = offset;
        self.note();
        let wanted = DeleteRecordsPartition::default()
            .with_partition_index(partition)
            .with_offset(offset);
        let wanted = DeleteRecordsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![wanted]);
        let request = DeleteRecordsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(1_000);
        let answer = self.running.call(request, 2).await;
        accepted(answer.topics[0].partitions[0].error_code)?;
        self.known.partitions.get_mut(&place).unwrap().start_min = offset;
        self.note();
        Ok(())
    }

    /// The records of a deleted topic do not come back in one of the same name.
    async fn delete_and_make_again(&mut self) -> Accepted {
        for _ in 0..2 {
            for _ in 0..3 {
                self.write("again", 0, None, None, 2).await?;
            }
            self.known.topics.get_mut("again").unwrap().known = Known::MaybeNoMore;
            self.note();
            let request = DeleteTopicsRequest::default()
                .with_topic_names(vec![topic_name("again")])
                .with_timeout_ms(1_000);
            let answer = self.running.call(request, 5).await;
            accepted(answer.responses[0].error_code)?;
            self.known.topics.get_mut("again").unwrap().known = Known::No;
            let place = ("again".to_owned(), 0);
            self.known
                .partitions
                .insert(place, ExpectedPartition::default());
            self.note();
            self.create("again", 1, &[("segment.bytes", "600")]).await?;
        }
        self.write("again", 0, None, None, 1).await?;
        Ok(())
    }

    async fn change_settings(&mut self) -> Accepted {
        let value = "1000000".to_owned();
        let expected = self.known.topics.get_mut("plain").unwrap();
        expected.message_bytes_max.insert(Some(value.clone()));
        self.note();
        let config = |(name, value): (&str, &str)| {
            AlterableConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        };
        let configs = [
            ("max.message.bytes", value.as_str()),
            ("segment.bytes", "600"),
            ("index.interval.bytes", "100"),
        ];
        let resource = AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("plain"))
            .with_configs(configs.into_iter().map(config).collect());
        let request = AlterConfigsRequest::default().with_resources(vec![resource]);
        let answer = self.running.call(request, 1).await;
        accepted(answer.responses[0].error_code)?;
        let expected = self.known.topics.get_mut("plain").unwrap();
        expected.message_bytes_max = BTreeSet::from([Some(value)]);
        expected.partitions.insert(3);
        self.note();
        let wanted = CreatePartitionsTopic::default()
            .with_name(topic_name("plain"))
            .with_count(3)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(1_000);
        accepted(self.running.call(request, 3).await.results[0].error_code)?;
        self.known.topics.get_mut("plain").unwrap().partitions = BTreeSet::from([3]);
        self.note();
        self.write("plain", 2, None, None, 1).await?;
        Ok(())
    }

    /// Commits until the metadata log is rewritten.
    async fn grow_metadata_log(&mut self) -> Accepted {
        let metadata = "m".repeat(METADATA_BYTES);
        for round in 0..80 {
            self.known.is_repetitive = (3..60).contains(&round);
            self.commit_offset("plain", 1, round, &metadata).await?;
        }
        Ok(())
    }

    async fn expire(&mut self) -> Accepted {
        for _ in 0..6 {
            self.write("old", 0, None, None, 3).await?;
        }
        // Longer than the interval in which retention is applied, shorter than the open transaction may be.
        self.run_scheduled_tasks(400_000).await;
        self.write("old", 0, None, None, 1).await?;
        Ok(())
    }
}
