//! The answer is byte for byte what the message types would write.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
};
use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

/// What stands in the file that records are taken from.
const FILE_BYTES: usize = 64 << 10;

fn file() -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..FILE_BYTES).map(|at| (at % 251) as u8).collect();
    file.write_all_at(&bytes, 0).unwrap();
    Arc::new(file)
}

fn file_records(file: &Arc<File>, position: usize, length: usize) -> FileRecords {
    FileRecords {
        file: file.clone(),
        position: position as u64,
        length,
    }
}

fn by_the_message_types(answer: &FetchAnswer, version: i16) -> Vec<u8> {
    let topics = answer.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let mut bytes = BytesMut::new();
            if let Some(records) = &partition.records {
                records.read_into(&mut bytes).unwrap();
            }
            partition.data.clone().with_records(Some(bytes.freeze()))
        });
        FetchableTopicResponse::default()
            .with_topic(topic.name.clone())
            .with_topic_id(topic.id)
            .with_partitions(partitions.collect())
    });
    let whole = answer.head.clone().with_responses(topics.collect());
    let mut out = BytesMut::new();
    out.put_u32(0);
    ResponseHeader::default()
        .with_correlation_id(77)
        .encode(&mut out, FetchResponse::header_version(version))
        .unwrap();
    whole.encode(&mut out, version).unwrap();
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.to_vec()
}

/// One partition: index, records (position, length), aborted transactions, whether it is led elsewhere.
type Draft = (i32, Option<(usize, usize)>, Option<u8>, bool);

fn partition(file: &Arc<File>, (index, records, aborted, is_elsewhere): &Draft) -> PartitionAnswer {
    let aborted = aborted.map(|count| {
        let one = |at| {
            AbortedTransaction::default()
                .with_producer_id(i64::from(at).into())
                .with_first_offset(9)
        };
        (0..count).map(one).collect()
    });
    let data = without_records()
        .with_partition_index(*index)
        .with_high_watermark(i64::from(*index) << 33)
        .with_aborted_transactions(aborted);
    if *is_elsewhere {
        let leader = LeaderIdAndEpoch::default()
            .with_leader_id(2.into())
            .with_leader_epoch(5);
        return PartitionAnswer {
            data: data
                .with_error_code(ErrorCode::NotLeaderOrFollower.code())
                .with_current_leader(leader),
            records: None,
        };
    }
    PartitionAnswer {
        data,
        records: records.map(|(position, length)| file_records(file, position, length)),
    }
}

proptest! {
    #[test]
    fn an_answer_is_what_the_message_types_write(
        drafts in proptest::collection::vec(
            proptest::collection::vec(
                (
                    0..1000i32,
                    proptest::option::of((0..FILE_BYTES / 2, 1..FILE_BYTES / 2)),
                    proptest::option::of(0..3u8),
                    any::<bool>(),
                ),
                0..4,
            ),
            0..4,
        ),
        version in 4..=18i16,
        has_endpoints in any::<bool>(),
    ) {
        let file = file();
        let topics = drafts.iter().enumerate().map(|(at, partitions)| TopicAnswer {
            name: TopicName(if version < 13 { "n".repeat(at * 100).into() } else { "".into() }),
            id: if version < 13 { Uuid::nil() } else { Uuid::from_u128(at as u128 + 1) },
            partitions: partitions.iter().map(|draft| partition(&file, draft)).collect(),
        });
        let mut head = FetchResponse::default().with_throttle_time_ms(12);
        if version >= 7 {
            head = head.with_session_id(5);
        }
        if has_endpoints && version >= 16 {
            head.node_endpoints = vec![NodeEndpoint::default().with_host("h".into()).with_port(9)];
        }
        let answer = FetchAnswer { head, topics: topics.collect(), ..FetchAnswer::default() };
        let encoded = answer.encode(version, 77).unwrap();
        prop_assert_eq!(encoded.joined().unwrap(), by_the_message_types(&answer, version));
        let has_regions = encoded.parts().iter().any(|part| matches!(part, Part::Records(_)));
        let has_large = answer
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .any(|partition| partition.records_bytes() > COPIED_BYTES_MAX);
        prop_assert_eq!(has_regions, has_large);
    }
}
