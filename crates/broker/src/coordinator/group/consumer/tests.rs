use proptest::prelude::*;

use super::*;
use crate::coordinator::group::pattern;
use crate::turn::{HostTurns, Turns};

fn topics(partitions: i32) -> Arc<TopicSizes> {
    Arc::new([("t".to_owned(), (Uuid::from_u128(1), partitions))].into())
}

fn heartbeat(member_id: &str, member_epoch: i32, owned: Option<Assigned>) -> HeartbeatRequest {
    let is_join = member_epoch == 0;
    HeartbeatRequest {
        member_id: member_id.to_owned(),
        member_epoch,
        instance_id: None,
        rack_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        rebalance_timeout: is_join.then_some(Duration::from_secs(5)),
        topics: is_join.then(|| ["t".to_owned()].into()),
        pattern: None,
        assignor: None,
        owned,
        hidden_topics: BTreeSet::new(),
    }
}

/// A client that follows its assignment at once.
#[derive(Debug, Default, Clone)]
struct Consumer {
    epoch: i32,
    owned: Assigned,
}

impl Consumer {
    fn heartbeat(
        &mut self,
        id: &str,
        group: &mut ConsumerGroup,
        sizes: &Arc<TopicSizes>,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        let owned = if self.epoch == 0 {
            Assigned::new()
        } else {
            self.owned.clone()
        };
        let answer = group.heartbeat(heartbeat(id, self.epoch, Some(owned)), sizes, none(), now)?;
        self.epoch = answer.member_epoch;
        if let Some(assignment) = answer.assignment {
            self.owned = assignment;
        }
        Ok(())
    }
}

#[test]
fn a_second_member_gets_its_half_only_after_the_first_gave_it_up() {
    let (now, sizes) = (Instant::now(), topics(6));
    let mut group = ConsumerGroup::default();
    let (mut a, mut b) = (Consumer::default(), Consumer::default());
    a.heartbeat("a", &mut group, &sizes, now).unwrap();
    assert_eq!((a.owned.len(), group.phase()), (6, ConsumerPhase::Stable));
    b.heartbeat("b", &mut group, &sizes, now).unwrap();
    assert_eq!((b.owned.len(), b.epoch), (0, 2), "everything is held by a");
    // a has to revoke three, and confirms with its next heartbeat.
    let owned = a.owned.clone();
    a.heartbeat("a", &mut group, &sizes, now).unwrap();
    assert_eq!((a.owned.len(), a.epoch), (3, 1));
    b.heartbeat("b", &mut group, &sizes, now).unwrap();
    assert_eq!(b.owned.len(), 0, "a has not confirmed yet");
    a.heartbeat("a", &mut group, &sizes, now).unwrap();
    assert_eq!(a.epoch, 2);
    b.heartbeat("b", &mut group, &sizes, now).unwrap();
    assert_eq!(b.owned.len(), 3);
    assert_eq!(
        a.owned.union(&b.owned).copied().collect::<Assigned>(),
        owned
    );
    assert_eq!(group.phase(), ConsumerPhase::Stable);
}

#[test]
fn epochs_are_checked() {
    let (now, sizes) = (Instant::now(), topics(2));
    let mut group = ConsumerGroup::default();
    let mut a = Consumer::default();
    a.heartbeat("a", &mut group, &sizes, now).unwrap();
    let check = |group: &mut ConsumerGroup, id: &str, epoch, expected| {
        assert_eq!(
            group
                .heartbeat(heartbeat(id, epoch, None), &sizes, none(), now)
                .map(|_| ()),
            Err(expected)
        );
    };
    check(&mut group, "a", 7, ErrorCode::FencedMemberEpoch);
    check(&mut group, "x", 1, ErrorCode::UnknownMemberId);
    assert_eq!(group.check("a", 1), Ok(()));
    assert_eq!(group.check("a", 0), Err(ErrorCode::StaleMemberEpoch));
    group
        .heartbeat(heartbeat("a", -1, None), &sizes, none(), now)
        .unwrap();
    assert_eq!(group.phase(), ConsumerPhase::Empty);
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_removed() {
    let (now, sizes) = (Instant::now(), topics(2));
    let mut group = ConsumerGroup::default();
    let (mut a, mut b) = (Consumer::default(), Consumer::default());
    a.heartbeat("a", &mut group, &sizes, now).unwrap();
    b.heartbeat("b", &mut group, &sizes, now).unwrap();
    let held = a.owned.clone();
    group
        .heartbeat(heartbeat("a", a.epoch, Some(held)), &sizes, none(), now)
        .unwrap();
    let deadline = group.next_deadline().unwrap();
    assert_eq!(deadline, now + Duration::from_secs(5));
    group.tick(deadline);
    b.heartbeat("b", &mut group, &sizes, deadline).unwrap();
    assert_eq!(b.owned.len(), 2);
    assert_eq!(
        a.heartbeat("a", &mut group, &sizes, deadline),
        Err(ErrorCode::UnknownMemberId)
    );
}

/// Looks for what the group asks for, and beats.
async fn beat_by_pattern(
    group: &mut ConsumerGroup,
    heartbeat: HeartbeatRequest,
    topics: &Arc<TopicSizes>,
    turns: &Turns,
) -> (usize, Result<HeartbeatResponse, ErrorCode>) {
    let unevaluated_patterns = group.unevaluated_patterns(heartbeat.pattern.as_deref(), topics);
    let mut found = BTreeMap::new();
    for text in &unevaluated_patterns {
        let all = pattern::find(turns, text, topics).await.unwrap();
        found.insert(text.clone(), all);
    }
    let beaten = group.heartbeat(heartbeat, topics, found, Instant::now());
    (unevaluated_patterns.len(), beaten)
}

fn joining_by_pattern(id: &str, text: &str) -> HeartbeatRequest {
    HeartbeatRequest {
        topics: None,
        pattern: Some(text.to_owned()),
        ..heartbeat(id, 0, None)
    }
}

#[tokio::test]
async fn a_pattern_is_looked_for_once_until_the_topics_change() {
    let turns = std::sync::Arc::new(HostTurns::default()).share();
    let (orders, others) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut sizes: TopicSizes = [
        ("orders-1".to_owned(), (orders, 1)),
        ("my-orders-1".to_owned(), (others, 1)),
    ]
    .into();
    let topics = Arc::new(sizes.clone());
    let mut group = ConsumerGroup::default();
    let joining = joining_by_pattern("a", "orders-.*");
    let (looked, answer) = beat_by_pattern(&mut group, joining.clone(), &topics, &turns).await;
    assert_eq!(looked, 1);
    assert_eq!(answer.unwrap().assignment, Some([(orders, 0)].into()));
    let (looked, answer) = beat_by_pattern(&mut group, joining, &topics, &turns).await;
    assert_eq!((looked, answer.is_ok()), (0, true));
    let next = heartbeat("a", 1, None);
    let (looked, answer) = beat_by_pattern(&mut group, next.clone(), &topics, &turns).await;
    assert_eq!((looked, answer.unwrap().member_epoch), (0, 1));

    let more = Uuid::from_u128(3);
    sizes.insert("orders-2".to_owned(), (more, 1));
    let topics = Arc::new(sizes);
    let (looked, answer) = beat_by_pattern(&mut group, next, &topics, &turns).await;
    assert_eq!(looked, 1);
    let expected = [(orders, 0), (more, 0)].into();
    assert_eq!(answer.unwrap().assignment, Some(expected));
}

#[tokio::test]
async fn a_restored_group_knows_what_its_patterns_find_with_the_first_heartbeat() {
    let turns = std::sync::Arc::new(HostTurns::default()).share();
    let topics = topics(4);
    let mut group = ConsumerGroup::default();
    for (id, text) in [("a", "t+"), ("b", "t.*")] {
        let joining = joining_by_pattern(id, text);
        beat_by_pattern(&mut group, joining, &topics, &turns)
            .await
            .1
            .unwrap();
    }
    let members = group.take_touched().into_iter();
    let mut state = ConsumerGroupState {
        at: group.record(),
        members: members.map(|(id, at)| (id, at.unwrap())).collect(),
    };
    // An older version took patterns that are too large now: nothing is compiled, and nothing is found.
    let large = "(((a?){20}){20}){20}b".to_owned();
    let mut old = state.members["a"].clone();
    old.pattern.clone_from(&large);
    state.members.insert("old".to_owned(), old);
    let mut group = ConsumerGroup::restore(&state, Instant::now());
    assert_eq!(
        group.unevaluated_patterns(None, &topics),
        [large.as_str(), "t+", "t.*"]
    );
    let mut found = BTreeMap::from([(large, Found::nothing(&topics))]);
    for text in ["t+", "t.*"] {
        let all = pattern::find(&turns, text, &topics).await.unwrap();
        found.insert(text.to_owned(), all);
    }
    let next = heartbeat("a", state.members["a"].epoch, None);
    let epoch = group.epoch;
    group
        .heartbeat(next, &topics, found, Instant::now())
        .unwrap();
    assert_eq!(group.epoch, epoch, "nothing has changed");
    assert!(group.unevaluated_patterns(None, &topics).is_empty());
}

#[test]
fn a_group_has_room_for_so_much() {
    let (now, sizes) = (Instant::now(), topics(1));
    let mut group = ConsumerGroup::default();
    let large = |id: &str, bytes: usize| HeartbeatRequest {
        topics: Some(["t".to_owned(), "x".repeat(bytes)].into()),
        ..heartbeat(id, 0, None)
    };
    let mut join = |id: &str, bytes: usize| {
        let joined = group.heartbeat(large(id, bytes), &sizes, none(), now);
        joined.map(drop)
    };
    let limit = MEMBER_BYTES_MAX - 200;
    assert_eq!(join("a", MEMBER_BYTES_MAX), Err(ErrorCode::InvalidRequest));
    let members = GROUP_BYTES_MAX / MEMBER_BYTES_MAX;
    for at in 0..members {
        assert_eq!(join(&format!("m{at}"), limit), Ok(()));
    }
    let full = Err(ErrorCode::GroupMaxSizeReached);
    assert_eq!(join("more", limit), full);
    assert_eq!(join("m0", limit), Ok(()), "who is in it may come again");
    assert_eq!(group.members.len(), members);

    let mut group = ConsumerGroup::default();
    let mut join = |at: usize| {
        let text = format!("t{at}");
        let found = [(text.clone(), Found::nothing(&sizes))].into();
        let joining = joining_by_pattern(&format!("m{at}"), &text);
        group.heartbeat(joining, &sizes, found, now).map(drop)
    };
    for at in 0..PATTERNS_MAX {
        assert_eq!(join(at), Ok(()));
    }
    assert_eq!(join(PATTERNS_MAX), full);
}

fn none() -> BTreeMap<String, Found> {
    BTreeMap::new()
}

proptest! {
    /// Members come, go and beat in any order while the topic grows: no partition ever has two owners,
    /// and when all have calmed down everything is owned.
    #[test]
    fn no_partition_has_two_owners(
        steps in proptest::collection::vec((0..4usize, 0..8u8), 1..80),
        partitions in 1..7i32,
    ) {
        let now = Instant::now();
        let mut sizes = topics(partitions);
        let mut group = ConsumerGroup::default();
        let mut members: Vec<Option<Consumer>> = vec![None; 4];
        for (at, action) in steps {
            let id = format!("m{at}");
            match action {
                0 => {
                    if members[at].take().is_some() {
                        group.heartbeat(heartbeat(&id, -1, None), &sizes, none(), now).unwrap();
                    }
                }
                1 => {
                    let count = sizes["t"].1 + 1;
                    sizes = topics(count.min(9));
                }
                _ => {
                    let member = members[at].get_or_insert_default();
                    member.heartbeat(&id, &mut group, &sizes, now).unwrap();
                }
            }
            let mut owners = Assigned::new();
            for member in members.iter().flatten() {
                for partition in &member.owned {
                    prop_assert!(owners.insert(*partition), "{:?} has two owners", partition);
                }
            }
        }
        for _ in 0..10 {
            for (at, member) in members.iter_mut().enumerate() {
                if let Some(member) = member {
                    member.heartbeat(&format!("m{at}"), &mut group, &sizes, now).unwrap();
                }
            }
        }
        let owned: usize = members.iter().flatten().map(|member| member.owned.len()).sum();
        let expected = if members.iter().flatten().count() == 0 { 0 } else { sizes["t"].1 as usize };
        prop_assert_eq!(owned, expected);
    }
}

#[test]
fn a_group_with_a_session_timeout_of_its_own_goes_by_it() {
    let (now, sizes) = (Instant::now(), topics(1));
    let check = |session_timeout: Option<u64>, kept_s: u64, gone_s: u64| {
        let mut group = ConsumerGroup {
            session_timeout: session_timeout.map(Duration::from_secs),
            ..ConsumerGroup::default()
        };
        let mut consumer = Consumer::default();
        consumer.heartbeat("a", &mut group, &sizes, now).unwrap();
        group.tick(now + Duration::from_secs(kept_s));
        assert_eq!(group.members.len(), 1, "{session_timeout:?}");
        group.tick(now + Duration::from_secs(gone_s));
        assert_eq!(group.members.len(), 0, "{session_timeout:?}");
    };
    check(None, 44, 46);
    check(Some(60), 59, 61);
}
