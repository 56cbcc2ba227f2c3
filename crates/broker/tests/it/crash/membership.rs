//! Members of groups go on after the broker was killed: nobody has to join again.

use brokerage_broker::Durability;
use brokerage_broker::trace::TracedCluster;
use bytes::Bytes;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    OffsetCommitRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::expectation::topic_name;
use super::storage::{Crash, Recorder, Storage};
use super::{Call, scratch, workload};

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

/// A cluster with topic `t`, before and after a crash that leaves as little as it may.
async fn crashed<T>(
    durability: Durability,
    before: impl AsyncFnOnce(&TracedCluster) -> T,
    after: impl AsyncFnOnce(&TracedCluster, T),
) {
    let dir = scratch();
    let recorder = Recorder::new(dir.path());
    let running = TracedCluster::open(dir.path(), Some(recorder.clone()), durability);
    let mut workload = workload::Workload::new(running, recorder.clone());
    workload.create("t", 4, &[]).await.unwrap();
    let told = before(&workload.running).await;
    let events = recorder.take();
    workload.running.abandon().await;
    let mut storage = Storage::new();
    events.iter().for_each(|event| storage.apply(event));
    let crash = match durability {
        Durability::Power => Crash::Nothing,
        Durability::Process => Crash::Kill,
    };
    let dir = scratch();
    storage.after(crash).write_to(dir.path());
    let running = TracedCluster::open(dir.path(), None, durability);
    after(&running, told).await;
    running.abandon().await;
}

fn join(member_id: &str, instance_id: Option<&str>) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"what I read"));
    JoinGroupRequest::default()
        .with_group_id(group("classic"))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(text(member_id))
        .with_group_instance_id(instance_id.map(text))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

async fn heartbeat(running: &TracedCluster, member_id: &str, generation: i32) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group("classic"))
        .with_generation_id(generation)
        .with_member_id(text(member_id));
    running.call(request, 4).await.error_code
}

fn sync(member_id: &str, generation: i32, assignment: Option<&'static [u8]>) -> SyncGroupRequest {
    let assigned = assignment.map(|assignment| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member_id))
            .with_assignment(Bytes::from_static(assignment))
    });
    SyncGroupRequest::default()
        .with_group_id(group("classic"))
        .with_generation_id(generation)
        .with_member_id(text(member_id))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(assigned.into_iter().collect())
}

/// Joins as the only member; returns its id and generation.
async fn become_member(running: &TracedCluster) -> (String, i32) {
    let given = running.call(join("", None), 9).await;
    assert_eq!(given.error_code, 79, "a member id is required");
    let joined = running.call(join(&given.member_id, None), 9).await;
    assert_eq!((joined.error_code, &joined.leader), (0, &joined.member_id));
    let id = joined.member_id.to_string();
    let synced = running
        .call(sync(&id, joined.generation_id, Some(b"all of it")), 5)
        .await;
    assert_eq!(
        (synced.error_code, &synced.assignment[..]),
        (0, &b"all of it"[..])
    );
    (id, joined.generation_id)
}

async fn classic_members_go_on(durability: Durability) {
    crashed(
        durability,
        become_member,
        async |running, (id, generation)| {
            assert_eq!(heartbeat(running, &id, generation).await, 0);
            assert_eq!(
                heartbeat(running, &id, generation - 1).await,
                22,
                "another generation"
            );
            assert_eq!(heartbeat(running, "stranger", generation).await, 25);
            let synced = running.call(sync(&id, generation, None), 5).await;
            assert_eq!(
                (synced.error_code, &synced.assignment[..]),
                (0, &b"all of it"[..])
            );
            let offset = OffsetCommitRequestPartition::default().with_committed_offset(3);
            let topic = OffsetCommitRequestTopic::default()
                .with_name(topic_name("t"))
                .with_partitions(vec![offset]);
            let commit = OffsetCommitRequest::default()
                .with_group_id(group("classic"))
                .with_generation_id_or_member_epoch(generation)
                .with_member_id(text(&id))
                .with_topics(vec![topic]);
            let committed = running.call(commit, 8).await;
            assert_eq!(committed.topics[0].partitions[0].error_code, 0);
            // The next rebalance counts on.
            let joined = running.call(join(&id, None), 9).await;
            assert_eq!(
                (joined.error_code, joined.generation_id),
                (0, generation + 1)
            );
        },
    )
    .await;
}

#[tokio::test]
async fn classic_members_go_on_after_a_kill() {
    classic_members_go_on(Durability::Process).await;
}

#[tokio::test]
async fn classic_members_go_on_after_a_loss_of_power() {
    classic_members_go_on(Durability::Power).await;
}

#[tokio::test]
async fn a_static_member_that_came_back_is_known_by_its_new_id_after_a_restart() {
    let before = async |running: &TracedCluster| {
        let first = running.call(join("", Some("i")), 9).await;
        let id = first.member_id.to_string();
        let request = sync(&id, first.generation_id, Some(b"all of it"));
        let request = request.with_group_instance_id(Some(text("i")));
        assert_eq!(running.call(request, 5).await.error_code, 0);
        let second = running.call(join("", Some("i")), 9).await;
        assert_eq!(
            (second.error_code, second.generation_id),
            (0, first.generation_id)
        );
        (id, second.member_id.to_string(), second.generation_id)
    };
    crashed(
        Durability::Power,
        before,
        async |running, (old, new, generation)| {
            assert_eq!(heartbeat(running, &new, generation).await, 0);
            assert_eq!(heartbeat(running, &old, generation).await, 25);
        },
    )
    .await;
}

fn beat(member_id: &str, epoch: i32, owned: Vec<TopicPartitions>) -> ConsumerGroupHeartbeatRequest {
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group("consumer"))
        .with_member_id(text(member_id))
        .with_member_epoch(epoch);
    if epoch != 0 {
        return request
            .with_rebalance_timeout_ms(-1)
            .with_topic_partitions(Some(owned));
    }
    request
        .with_rebalance_timeout_ms(10_000)
        .with_subscribed_topic_names(Some(vec![topic_name("t")]))
        .with_topic_partitions(Some(Vec::new()))
}

async fn consumer_members_go_on(durability: Durability) {
    let before = async |running: &TracedCluster| {
        let joined = running.call(beat("m", 0, Vec::new()), 1).await;
        assert_eq!(joined.error_code, 0);
        let assigned = joined.assignment.unwrap().topic_partitions;
        assert_eq!(assigned[0].partitions.len(), 4);
        let owned = TopicPartitions::default()
            .with_topic_id(assigned[0].topic_id)
            .with_partitions(assigned[0].partitions.clone());
        (joined.member_epoch, owned)
    };
    crashed(durability, before, async |running, (epoch, owned)| {
        let again = running.call(beat("m", epoch, vec![owned.clone()]), 1).await;
        assert_eq!(
            (again.error_code, again.member_epoch),
            (0, epoch),
            "nothing has changed"
        );
        assert_eq!(again.assignment, None);
        // A second member gets its share when the first has given it up.
        let second = running.call(beat("n", 0, Vec::new()), 1).await;
        assert_eq!(second.error_code, 0);
        assert!(second.member_epoch > epoch);
        assert!(second.assignment.unwrap().topic_partitions.is_empty());
        let first = running.call(beat("m", epoch, vec![owned]), 1).await;
        assert_eq!(
            first.assignment.unwrap().topic_partitions[0]
                .partitions
                .len(),
            2
        );
    })
    .await;
}

#[tokio::test]
async fn consumer_members_go_on_after_a_kill() {
    consumer_members_go_on(Durability::Process).await;
}

#[tokio::test]
async fn consumer_members_go_on_after_a_loss_of_power() {
    consumer_members_go_on(Durability::Power).await;
}
