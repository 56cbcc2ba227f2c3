//! Transactions as producers and `read_committed` consumers see them, across time-outs and crashes.

use std::time::{Duration, Instant};

use crate::support::{Administration, Client, ProducerBatch, host_at, producer_batch, spec, topic};
use brokerage_broker::{Durability, Host};
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

const INVALID_TXN_STATE: i16 = 48;

fn id() -> TransactionalId {
    TransactionalId("tx".into())
}

/// A transactional producer, by hand.
struct Producer {
    client: Client,
    producer_id: i64,
    epoch: i16,
    sequence: i32,
}

impl Producer {
    async fn new(host: &Host, timeout_ms: i32) -> Self {
        let mut client = Client::connect(host, "c", 0).await;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(id()))
            .with_transaction_timeout_ms(timeout_ms);
        let given = client.call(request, 4).await;
        assert_eq!(given.error_code, 0);
        Self {
            client,
            producer_id: given.producer_id.0,
            epoch: given.producer_epoch,
            sequence: 0,
        }
    }

    async fn add_partition(&mut self) -> i16 {
        let wanted = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![0]);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(id())
            .with_v3_and_below_producer_id(self.producer_id.into())
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![wanted]);
        let answer = self.client.call(request, 3).await;
        answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    /// Version 11 asks for the partition to be added before, version 12 adds it.
    async fn produce(&mut self, value: &str, version: i16) -> i16 {
        let records = producer_batch(
            &[value],
            ProducerBatch {
                producer_id: self.producer_id,
                epoch: self.epoch,
                sequence: self.sequence,
                is_transactional: true,
            },
        );
        let data = PartitionProduceData::default().with_records(Some(records));
        let data = TopicProduceData::default()
            .with_name(name("t"))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_transactional_id(Some(id()))
            .with_acks(-1)
            .with_topic_data(vec![data]);
        let code =
            self.client.call(request, version).await.responses[0].partition_responses[0].error_code;
        self.sequence += i32::from(code == 0);
        code
    }

    async fn end(&mut self, committed: bool, version: i16) -> i16 {
        let request = EndTxnRequest::default()
            .with_transactional_id(id())
            .with_producer_id(self.producer_id.into())
            .with_producer_epoch(self.epoch)
            .with_committed(committed);
        let answer = self.client.call(request, version).await;
        if version >= 5 && answer.error_code == 0 {
            self.producer_id = answer.producer_id.0;
            self.epoch = answer.producer_epoch;
            self.sequence = 0;
        }
        answer.error_code
    }
}

/// Last stable offset, high watermark, bytes and aborted transactions, read from the start.
async fn read_committed(host: &Host) -> (i64, i64, usize, usize) {
    let mut client = Client::connect(host, "c", 0).await;
    let wanted = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default()
        .with_topic(name("t"))
        .with_partitions(vec![wanted]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_isolation_level(1)
        .with_topics(vec![wanted]);
    let answer = client.call(request, 11).await;
    let partition = &answer.responses[0].partitions[0];
    let bytes = partition.records.as_ref().map_or(0, Bytes::len);
    let aborted = partition.aborted_transactions.as_ref().map_or(0, Vec::len);
    (
        partition.last_stable_offset,
        partition.high_watermark,
        bytes,
        aborted,
    )
}

async fn cluster(dir: &std::path::Path) -> Host {
    let host = host_at(dir, Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    if host.list_topics("c").await.is_empty() {
        host.create_topic("c", topic("t", 1)).await.unwrap();
    }
    host
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_seen_when_it_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 60_000).await;
    assert_eq!(
        producer.produce("early", 11).await,
        48,
        "the partition is not part of the transaction"
    );
    assert_eq!(producer.add_partition().await, 0);
    assert_eq!(producer.produce("a", 11).await, 0);
    assert_eq!(read_committed(&host).await, (0, 1, 0, 0));
    assert_eq!(producer.end(true, 3).await, 0);
    assert_eq!(
        producer.end(true, 3).await,
        0,
        "a retry is answered in the same way"
    );
    assert_eq!(
        producer.end(false, 3).await,
        48,
        "it cannot be aborted any more"
    );
    let (stable, high, bytes, aborted) = read_committed(&host).await;
    assert_eq!((stable, high, aborted), (2, 2, 0));
    assert!(bytes > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producing_in_version_12_adds_the_partition_and_ending_bumps_the_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 60_000).await;
    let first = producer.epoch;
    assert_eq!(producer.produce("a", 12).await, 0);
    assert_eq!(producer.end(false, 5).await, 0);
    assert_eq!(producer.epoch, first + 1);
    assert_eq!(read_committed(&host).await.3, 1);
    producer.epoch = first;
    assert_eq!(
        producer.end(false, 5).await,
        0,
        "a retry with the old epoch"
    );
    assert_eq!(producer.epoch, first + 1);
    producer.epoch = first;
    assert_eq!(
        producer.end(true, 5).await,
        INVALID_TXN_STATE,
        "the old epoch, and the other end"
    );
    producer.epoch = first + 1;
    assert_eq!(producer.produce("b", 12).await, 0);
    producer.epoch = first;
    assert_eq!(
        producer.produce("late", 12).await,
        47,
        "the old epoch is refused"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_producer_fences_the_old_one_and_aborts_what_it_left() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut old = Producer::new(&host, 60_000).await;
    assert_eq!(old.add_partition().await, 0);
    assert_eq!(old.produce("a", 11).await, 0);
    let mut new = Producer::new(&host, 60_000).await;
    assert!(new.epoch > old.epoch);
    let (stable, high, _, aborted) = read_committed(&host).await;
    assert_eq!((stable, high, aborted), (2, 2, 1));
    assert_eq!(old.produce("zombie", 11).await, 47);
    assert_eq!(old.end(true, 3).await, 90);
    assert_eq!(new.add_partition().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_takes_too_long_is_aborted() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 200).await;
    assert_eq!(producer.add_partition().await, 0);
    assert_eq!(producer.produce("a", 11).await, 0);
    let started = Instant::now();
    while read_committed(&host).await.0 == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "nobody aborts it"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(read_committed(&host).await.3, 1);
    assert_eq!(producer.end(true, 3).await, 90);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_survives_a_restart_and_can_be_committed() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 60_000).await;
    assert_eq!(producer.add_partition().await, 0);
    assert_eq!(producer.produce("a", 11).await, 0);
    host.shutdown().await;
    let host = cluster(dir.path()).await;
    assert_eq!(read_committed(&host).await, (0, 1, 0, 0));
    producer.client = Client::connect(&host, "c", 0).await;
    assert_eq!(producer.produce("b", 11).await, 0);
    assert_eq!(producer.end(true, 3).await, 0);
    let (stable, high, _, aborted) = read_committed(&host).await;
    assert_eq!((stable, high, aborted), (3, 3, 0));
}

/// InitProducerId of a producer that names its former self, or of a fresh one: code and epoch.
async fn init(client: &mut Client, former: Option<(i64, i16)>) -> (i16, i64, i16) {
    let (producer_id, epoch) = former.unwrap_or((-1, -1));
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id()))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(producer_id.into())
        .with_producer_epoch(epoch);
    let given = client.call(request, 4).await;
    (given.error_code, given.producer_id.0, given.producer_epoch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_asks_for_its_next_epoch_twice_gets_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let (_, producer_id, first) = init(&mut client, None).await;
    let next = (0, producer_id, first + 1);
    assert_eq!(init(&mut client, Some((producer_id, first))).await, next);
    assert_eq!(init(&mut client, Some((producer_id, first))).await, next);
    let after = (0, producer_id, first + 2);
    assert_eq!(
        init(&mut client, Some((producer_id, first + 1))).await,
        after
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_whose_place_was_taken_does_not_get_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut client = Client::connect(&host, "c", 0).await;
    let (_, producer_id, first) = init(&mut client, None).await;
    assert_eq!(
        init(&mut client, None).await,
        (0, producer_id, first + 1),
        "another one with the same transactional id"
    );
    assert_eq!(init(&mut client, Some((producer_id, first))).await.0, 90);
    assert_eq!(
        init(&mut client, Some((producer_id + 1, first))).await.0,
        90
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_may_take_its_own_place_while_its_transaction_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 60_000).await;
    assert_eq!(producer.add_partition().await, 0);
    let (code, producer_id, epoch) = init(
        &mut producer.client,
        Some((producer.producer_id, producer.epoch)),
    )
    .await;
    assert_eq!((code, producer_id), (0, producer.producer_id));
    assert!(epoch > producer.epoch);
    assert_eq!(producer.end(true, 3).await, 90);
}

/// Commits offset 1 of the topic for the group "g", within a transaction and without.
async fn commit(producer: &mut Producer, member_id: &str, generation: i32) -> (i16, i16) {
    let group = GroupId("g".into());
    let member_id = StrBytes::from_string(member_id.to_owned());
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(id())
        .with_producer_id(producer.producer_id.into())
        .with_producer_epoch(producer.epoch)
        .with_group_id(group.clone());
    assert_eq!(producer.client.call(request, 3).await.error_code, 0);
    let at = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(1);
    let at = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![at]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(id())
        .with_group_id(group.clone())
        .with_producer_id(producer.producer_id.into())
        .with_producer_epoch(producer.epoch)
        .with_generation_id(generation)
        .with_member_id(member_id.clone())
        .with_topics(vec![at]);
    let within = producer.client.call(request, 3).await;
    let at =
        offset_commit_request::OffsetCommitRequestPartition::default().with_committed_offset(1);
    let at = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![at]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group)
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(member_id)
        .with_topics(vec![at]);
    let without = producer.client.call(request, 9).await;
    (
        within.topics[0].partitions[0].error_code,
        without.topics[0].partitions[0].error_code,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_may_commit_offsets_while_a_rebalance_completes() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 60_000).await;
    let join = |member_id: StrBytes| {
        let protocol =
            join_group_request::JoinGroupRequestProtocol::default().with_name("range".into());
        JoinGroupRequest::default()
            .with_group_id(GroupId("g".into()))
            .with_session_timeout_ms(30_000)
            .with_rebalance_timeout_ms(30_000)
            .with_protocol_type("consumer".into())
            .with_member_id(member_id)
            .with_protocols(vec![protocol])
    };
    let asked = producer.client.call(join(StrBytes::default()), 5).await;
    let joined = producer.client.call(join(asked.member_id.clone()), 5).await;
    assert_eq!(joined.error_code, 0);
    let member_id = joined.member_id.to_string();
    // (member, generation, within a transaction, without)
    let cases = [
        (member_id.as_str(), joined.generation_id, 0, 27),
        (member_id.as_str(), joined.generation_id + 1, 22, 22),
        ("nobody", joined.generation_id, 25, 25),
        ("", -1, 0, 25),
    ];
    for (member_id, generation, within, without) in cases {
        assert_eq!(
            commit(&mut producer, member_id, generation).await,
            (within, without),
            "member {member_id:?}, generation {generation}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_member_of_a_consumer_group_is_told_so_in_the_words_of_the_request() {
    let dir = tempfile::tempdir().unwrap();
    let host = cluster(dir.path()).await;
    let mut producer = Producer::new(&host, 60_000).await;
    let beat = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_member_id("m".into())
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![name("t")]))
        .with_topic_partitions(Some(Vec::new()));
    let beaten = producer.client.call(beat, 1).await;
    assert_eq!(beaten.error_code, 0);
    assert_eq!(
        commit(&mut producer, "m", beaten.member_epoch).await,
        (0, 0)
    );
    assert_eq!(
        commit(&mut producer, "m", beaten.member_epoch + 1).await,
        (22, 113)
    );
}
