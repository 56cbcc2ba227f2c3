//! Requests that name thousands of things: others have the thread between them, and what takes long is done
//! elsewhere.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Request, StrBytes};

use crate::log::durability::Durability;
use crate::protocol::{Context, handle};
use crate::spec::TopicSpec;
use crate::trace::{Draft, NOW_MS, TracedCluster, build};

/// Entries of a request.
const COUNT: usize = 2_000;
/// What they are worked on in, at least: see `turn.rs`.
const STEPS_MIN: usize = COUNT / 512;

fn text(at: usize) -> StrBytes {
    format!("unknown-{at}").into()
}

fn topic(at: usize) -> TopicName {
    TopicName(text(at))
}

fn all<T>(one: impl Fn(usize) -> T) -> Vec<T> {
    (0..COUNT).map(one).collect()
}

/// How often the thread was given back before the answer came.
async fn steps<R: Request>(running: &TracedCluster, request: R, version: i16) -> usize {
    let mut call = pin!(running.call(request, version));
    let mut steps = 0;
    poll_fn(|context| {
        let polled = call.as_mut().poll(context);
        if polled.is_pending() {
            steps += 1;
        }
        match polled {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    steps
}

async fn running(dir: &std::path::Path) -> TracedCluster {
    let running = TracedCluster::open(dir, None, Durability::Process);
    let spec = TopicSpec {
        name: "t".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: Default::default(),
    };
    running
        .cluster
        .create_topic(spec, Vec::new())
        .await
        .unwrap();
    running
}

/// Fails unless the thread was given back often enough.
macro_rules! check {
    ($running:expr, $request:expr, $version:expr) => {
        let request = $request;
        let steps = steps(&$running, request, $version).await;
        assert!(steps >= STEPS_MIN, "{}: {steps}", stringify!($request));
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn others_have_the_thread_while_a_long_request_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let running = running(dir.path()).await;
    let named = |at| metadata_request::MetadataRequestTopic::default().with_name(Some(topic(at)));
    check!(
        running,
        MetadataRequest::default().with_topics(Some(all(named))),
        12
    );
    let one = |at| {
        list_offsets_request::ListOffsetsTopic::default()
            .with_name(topic(at))
            .with_partitions(vec![Default::default()])
    };
    check!(
        running,
        ListOffsetsRequest::default().with_topics(all(one)),
        6
    );
    let one = |at| {
        offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
            .with_topic(topic(at))
            .with_partitions(vec![Default::default()])
    };
    check!(
        running,
        OffsetForLeaderEpochRequest::default().with_topics(all(one)),
        4
    );
    let one = |at| {
        offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(topic(at))
            .with_partitions(vec![Default::default()])
    };
    check!(
        running,
        OffsetCommitRequest::default()
            .with_group_id(GroupId("g".into()))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(all(one)),
        8
    );
    let one = |at| {
        offset_fetch_request::OffsetFetchRequestTopics::default()
            .with_name(topic(at))
            .with_partition_indexes(vec![0])
    };
    let group = offset_fetch_request::OffsetFetchRequestGroup::default()
        .with_group_id(GroupId("g".into()))
        .with_topics(Some(all(one)));
    check!(
        running,
        OffsetFetchRequest::default().with_groups(vec![group]),
        8
    );
    check!(
        running,
        FindCoordinatorRequest::default().with_coordinator_keys(all(text)),
        4
    );
    running.abandon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn others_have_the_thread_while_much_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let running = running(dir.path()).await;
    let ids = |at| GroupId(text(at));
    check!(
        running,
        DescribeGroupsRequest::default().with_groups(all(ids)),
        5
    );
    check!(
        running,
        ConsumerGroupDescribeRequest::default().with_group_ids(all(ids)),
        1
    );
    check!(
        running,
        DeleteGroupsRequest::default().with_groups_names(all(ids)),
        2
    );
    let one = |at| {
        describe_configs_request::DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(at))
    };
    check!(
        running,
        DescribeConfigsRequest::default().with_resources(all(one)),
        4
    );
    let ids = |at| TransactionalId(text(at));
    check!(
        running,
        DescribeTransactionsRequest::default().with_transactional_ids(all(ids)),
        0
    );
    let one = |at| {
        describe_producers_request::TopicRequest::default()
            .with_name(topic(at))
            .with_partition_indexes(vec![0])
    };
    check!(
        running,
        DescribeProducersRequest::default().with_topics(all(one)),
        0
    );
    let one = |at| {
        fetch_request::FetchTopic::default()
            .with_topic(topic(at))
            .with_partitions(vec![Default::default()])
    };
    check!(running, FetchRequest::default().with_topics(all(one)), 12);
    running.abandon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_has_to_be_unpacked_waits_for_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let running = running(dir.path()).await;
    let records = build(&Draft {
        records: vec![(None, Some(b"value".to_vec()))],
        timestamp_ms: NOW_MS,
        producer: None,
        is_transactional: false,
    });
    let data = produce_request::PartitionProduceData::default().with_records(Some(records));
    let data = produce_request::TopicProduceData::default()
        .with_name(TopicName("t".into()))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![data]);
    running.call(request, 9).await;
    let look_up = |timestamp: i64| {
        let partition =
            list_offsets_request::ListOffsetsPartition::default().with_timestamp(timestamp);
        let topic = list_offsets_request::ListOffsetsTopic::default()
            .with_name(TopicName("t".into()))
            .with_partitions(vec![partition]);
        running.call(ListOffsetsRequest::default().with_topics(vec![topic]), 8)
    };
    // Somebody else of the cluster has its turn, and does not end.
    let (end, ended) = mpsc::channel::<()>();
    let held = running.cluster.turns().take(move || {
        let _ = ended.recv();
    });
    let mut held = pin!(held);
    while running.cluster.turns().is_free() {
        assert!(held.as_mut().now_or_never().is_none());
    }
    for timestamp in [-1, -2] {
        let answer = look_up(timestamp).now_or_never().unwrap();
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }
    for timestamp in [NOW_MS, -3] {
        assert!(look_up(timestamp).now_or_never().is_none(), "{timestamp}");
    }
    drop(end);
    held.await.unwrap();
    for timestamp in [NOW_MS, -3] {
        let answer = look_up(timestamp).await;
        let found = &answer.topics[0].partitions[0];
        assert_eq!((found.error_code, found.offset), (0, 0), "{timestamp}");
    }
    running.abandon().await;
}

/// Memory that an idle connection keeps for its next request.
const REQUEST_BYTES_MAX: usize = 4 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_at_rest_keeps_little_for_its_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let running = running(dir.path()).await;
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut context = Context::new(running.cluster.clone(), 0, "PLAINTEXT".into(), peer);
    let bytes = size_of_val(&handle(&mut context, Bytes::new()));
    assert!(bytes <= REQUEST_BYTES_MAX, "{bytes}");
    running.abandon().await;
}
