//! Transactions: AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn, and describing them.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::list_transactions_response::TransactionState as ListedTransaction;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    EndTxnRequest, EndTxnResponse, ListTransactionsRequest, ListTransactionsResponse, TopicName,
    TransactionalId, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::offset::check_offset;
use super::{Context, code_of, distinct};
use crate::coordinator::group::classic::MemberIdentity;
use crate::coordinator::transaction::{ProducerIdAndEpoch, TransactionalProducer};
use crate::error::ErrorCode;
use crate::log::batch::Marker;
use crate::metadata::acl::{AclOperation, ResourceType};
use crate::metadata::state::{
    CommittedOffset, TopicPartition, TransactionRecord, TransactionStatus,
};
use crate::turn::Pace;

/// Transactional ids that are looked at before others may ask or change what the cluster knows.
const IDS_AT_ONCE: usize = 500;

/// Clients before these versions know INVALID_PRODUCER_EPOCH only (KIP-588).
pub(super) fn fenced(version: i16, knows_fenced_from: i16) -> ErrorCode {
    if version >= knows_fenced_from {
        ErrorCode::ProducerFenced
    } else {
        ErrorCode::InvalidProducerEpoch
    }
}

pub(crate) async fn add_partitions_to_txn(
    context: &mut Context,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if context.version < 4 {
        let producer = ProducerIdAndEpoch {
            id: request.v3_and_below_producer_id.0,
            epoch: request.v3_and_below_producer_epoch,
        };
        let id = request.v3_and_below_transactional_id.to_string();
        let results = add_topics(context, &id, producer, request.v3_and_below_topics).await;
        return AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results);
    }
    let mut results = Vec::with_capacity(request.transactions.len());
    for transaction in request.transactions {
        let producer = ProducerIdAndEpoch {
            id: transaction.producer_id.0,
            epoch: transaction.producer_epoch,
        };
        let topics = add_topics(
            context,
            &transaction.transactional_id,
            producer,
            transaction.topics,
        )
        .await;
        results.push(
            AddPartitionsToTxnResult::default()
                .with_transactional_id(transaction.transactional_id)
                .with_topic_results(topics),
        );
    }
    AddPartitionsToTxnResponse::default().with_results_by_transaction(results)
}

/// Whether the client may write to a partition, and there is one.
fn check_partition(context: &Context, topic: &str, partition: i32) -> Result<(), ErrorCode> {
    context.check_topic(AclOperation::Write, topic)?;
    let topic = context.cluster.topics().get(topic);
    match topic.is_some_and(|topic| topic.partition(partition).is_some()) {
        true => Ok(()),
        false => Err(ErrorCode::UnknownTopicOrPartition),
    }
}

async fn add_topics(
    context: &Context,
    id: &str,
    producer: ProducerIdAndEpoch,
    topics: Vec<AddPartitionsToTxnTopic>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = distinct::partitions(topics).await;
    let added = add_partitions(context, id, producer, &topics).await;
    let mut results = Vec::with_capacity(topics.len());
    let mut pace = Pace::default();
    for topic in topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            pace.step().await;
            // If one partition fails, all do; the answer says which.
            let result = match added {
                Err(ErrorCode::OperationNotAttempted) => {
                    check_partition(context, &topic.name, partition).and(added)
                }
                _ => added,
            };
            partitions.push(
                AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(partition)
                    .with_partition_error_code(code_of(&result)),
            );
        }
        results.push(
            AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name)
                .with_results_by_partition(partitions),
        );
    }
    results
}

/// Adds all of them, or none.
async fn add_partitions(
    context: &Context,
    id: &str,
    producer: ProducerIdAndEpoch,
    topics: &[AddPartitionsToTxnTopic],
) -> Result<(), ErrorCode> {
    let mut wanted: Vec<TopicPartition> = Vec::new();
    let mut are_all_sound = true;
    let mut pace = Pace::default();
    for topic in topics {
        for partition in &topic.partitions {
            pace.step().await;
            are_all_sound =
                are_all_sound && check_partition(context, &topic.name, *partition).is_ok();
            wanted.push((topic.name.to_string(), *partition));
        }
    }
    context.check_transactional_id(AclOperation::Write, id)?;
    if !are_all_sound {
        return Err(ErrorCode::OperationNotAttempted);
    }
    context.check_coordinator(id)?;
    let requester = TransactionalProducer {
        transactional_id: id,
        producer,
        fenced: fenced(context.version, 2),
    };
    let transactions = context.cluster.transactions();
    transactions.add_partitions(requester, wanted).await
}

pub(crate) async fn add_offsets_to_txn(
    context: &mut Context,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let id = request.transactional_id.to_string();
    let producer = ProducerIdAndEpoch {
        id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let requester = TransactionalProducer {
        transactional_id: &id,
        producer,
        fenced: fenced(context.version, 2),
    };
    let allowed = context
        .check_transactional_id(AclOperation::Write, &id)
        .and_then(|()| context.check_group(AclOperation::Read, &request.group_id))
        .and_then(|()| context.check_coordinator(&id));
    let added = match allowed {
        Ok(()) => {
            context
                .cluster
                .transactions()
                .add_group(requester, &request.group_id)
                .await
        }
        Err(code) => Err(code),
    };
    AddOffsetsToTxnResponse::default().with_error_code(code_of(&added))
}

pub(crate) async fn txn_offset_commit(
    context: &mut Context,
    mut request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let asked = distinct::partitions(std::mem::take(&mut request.topics)).await;
    let group = request.group_id.to_string();
    let id = request.transactional_id.to_string();
    let producer = ProducerIdAndEpoch {
        id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let requester = TransactionalProducer {
        transactional_id: &id,
        producer,
        fenced: ErrorCode::InvalidProducerEpoch,
    };
    let allowed = context
        .check_transactional_id(AclOperation::Write, &id)
        .and_then(|()| context.check_group(AclOperation::Read, &group));
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for wanted in asked {
        let allowed = allowed.and_then(|()| context.check_topic(AclOperation::Read, &wanted.name));
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            pace.step().await;
            let metadata = partition
                .committed_metadata
                .as_ref()
                .map(|text| text.to_string())
                .unwrap_or_default();
            let checked = allowed.and_then(|()| {
                check_offset(context, &wanted.name, partition.partition_index, &metadata)
            });
            if checked.is_ok() {
                let at = CommittedOffset {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata,
                    committed_ms: context.cluster.now_ms(),
                };
                offsets.push(((wanted.name.to_string(), partition.partition_index), at));
            }
            partitions.push(
                TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(code_of(&checked)),
            );
        }
        topics.push(
            TxnOffsetCommitResponseTopic::default()
                .with_name(wanted.name)
                .with_partitions(partitions),
        );
    }
    // Nothing to commit: the refusals are in the answer already.
    if offsets.is_empty() {
        return TxnOffsetCommitResponse::default().with_topics(topics);
    }
    if let Err(code) = commit_offsets(context, &request, &group, requester, offsets).await {
        let partitions = topics
            .iter_mut()
            .flat_map(|topic| topic.partitions.iter_mut());
        partitions
            .filter(|partition| partition.error_code == 0)
            .for_each(|partition| partition.error_code = code.code());
    }
    TxnOffsetCommitResponse::default().with_topics(topics)
}

async fn commit_offsets(
    context: &Context,
    request: &TxnOffsetCommitRequest,
    group: &str,
    requester: TransactionalProducer<'_>,
    offsets: Vec<(TopicPartition, CommittedOffset)>,
) -> Result<(), ErrorCode> {
    context.check_coordinator(group)?;
    let cluster = &context.cluster;
    let instance_id = request.group_instance_id.as_ref().map(|id| id.to_string());
    let identity = MemberIdentity {
        member_id: &request.member_id,
        instance_id: instance_id.as_deref(),
    };
    cluster
        .groups()
        .check_commit(group, identity, request.generation_id, true)?;
    if context.version >= 5 {
        // KIP-890: committing offsets makes the group part of the transaction.
        cluster.transactions().add_group(requester, group).await?;
    }
    cluster
        .transactions()
        .commit_offsets(requester, group, offsets)
        .await
}

pub(crate) async fn end_txn(context: &mut Context, request: EndTxnRequest) -> EndTxnResponse {
    let id = request.transactional_id.to_string();
    let producer = ProducerIdAndEpoch {
        id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let requester = TransactionalProducer {
        transactional_id: &id,
        producer,
        fenced: fenced(context.version, 2),
    };
    let marker = if request.committed {
        Marker::Commit
    } else {
        Marker::Abort
    };
    let bumps_epoch = context.version >= 5;
    let allowed = context
        .check_transactional_id(AclOperation::Write, &id)
        .and_then(|()| context.check_coordinator(&id));
    let ended = match allowed {
        Ok(()) => {
            context
                .cluster
                .transactions()
                .end(requester, marker, bumps_epoch)
                .await
        }
        Err(code) => Err(code),
    };
    let answer = EndTxnResponse::default().with_error_code(code_of(&ended));
    match ended {
        Ok(next) if bumps_epoch => answer
            .with_producer_id(next.id.into())
            .with_producer_epoch(next.epoch),
        _ => answer,
    }
}

pub(crate) async fn describe_transactions(
    context: &mut Context,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let asked = distinct::distinct(request.transactional_ids, Clone::clone).await;
    let mut states = Vec::with_capacity(asked.len());
    let mut pace = Pace::default();
    for id in asked {
        pace.step().await;
        let answer = TransactionState::default().with_transactional_id(id.clone());
        let found = context
            .check_transactional_id(AclOperation::Describe, &id)
            .and_then(|()| context.check_coordinator(&id))
            .and_then(|()| {
                let metadata_log = context.cluster.metadata_log();
                let found = metadata_log.read(|state| state.transactions.get(id.as_str()).cloned());
                found.ok_or(ErrorCode::TransactionalIdNotFound)
            });
        states.push(match found {
            Ok(record) => describe(context, answer, &record),
            Err(code) => answer.with_error_code(code.code()),
        });
    }
    DescribeTransactionsResponse::default().with_transaction_states(states)
}

fn describe(
    context: &Context,
    answer: TransactionState,
    record: &TransactionRecord,
) -> TransactionState {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    let shown = record
        .partitions
        .iter()
        .filter(|(topic, _)| context.may_see_topic(topic));
    for (topic, partition) in shown {
        topics.entry(topic).or_default().push(*partition);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        TopicData::default()
            .with_topic(TopicName(topic.to_owned().into()))
            .with_partitions(partitions)
    });
    answer
        .with_transaction_state(StrBytes::from_static_str(record.status.name()))
        .with_transaction_timeout_ms(record.timeout_ms)
        .with_transaction_start_time_ms(if record.status == TransactionStatus::Empty {
            -1
        } else {
            record.started_ms
        })
        .with_producer_id(record.producer_id.into())
        .with_producer_epoch(record.producer_epoch)
        .with_topics(topics.collect())
}

pub(crate) async fn list_transactions(
    context: &mut Context,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let now_ms = context.cluster.now_ms();
    let filters = request.state_filters.iter().map(StrBytes::as_str);
    let states: HashSet<&str> = filters.collect();
    let names = TransactionStatus::ALL.map(TransactionStatus::name);
    let is_unknown = |filter: &&str| !names.contains(filter);
    let mut unknown: Vec<&str> = states.iter().copied().filter(is_unknown).collect();
    unknown.sort_unstable();
    let unknown: Vec<StrBytes> = unknown
        .into_iter()
        .map(|filter| filter.to_owned().into())
        .collect();
    let producers: HashSet<i64> = request.producer_id_filters.iter().map(|id| id.0).collect();
    let pattern = request
        .transactional_id_pattern
        .as_ref()
        .filter(|pattern| !pattern.is_empty());
    let is_wanted = |id: &str, record: &TransactionRecord| {
        let is_old = request.duration_filter < 0
            || (record.status == TransactionStatus::Ongoing
                && now_ms - record.started_ms > request.duration_filter);
        (states.is_empty() || states.contains(record.status.name()))
            && (producers.is_empty() || producers.contains(&record.producer_id))
            && pattern.is_none_or(|pattern| id == pattern.as_str())
            && is_old
            && context.check_coordinator(id).is_ok()
            && context.may(AclOperation::Describe, ResourceType::TransactionalId, id)
    };
    let mut transactions = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let next = context.cluster.metadata_log().read(|state| {
            let some = state.transactions.range::<str, _>((from, Bound::Unbounded));
            let mut next = None;
            for (id, record) in some.take(IDS_AT_ONCE) {
                next = Some(id.clone());
                if is_wanted(id, record) {
                    transactions.push(listed(id, record));
                }
            }
            next
        });
        if next.is_none() {
            break;
        }
        last = next;
        tokio::task::yield_now().await;
    }
    ListTransactionsResponse::default()
        .with_unknown_state_filters(unknown)
        .with_transaction_states(transactions)
}

fn listed(id: &str, record: &TransactionRecord) -> ListedTransaction {
    ListedTransaction::default()
        .with_transactional_id(TransactionalId(id.to_owned().into()))
        .with_producer_id(record.producer_id.into())
        .with_transaction_state(StrBytes::from_static_str(record.status.name()))
}
