use proptest::prelude::*;

use super::*;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(5);

fn join(member_id: &str, fresh: &str) -> Join {
    Join {
        member_id: member_id.to_owned(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"meta"))],
        needs_member_id: false,
        fresh_member_id: fresh.to_owned(),
        can_skip_assignment: true,
    }
}

fn identity(member_id: &str) -> MemberIdentity<'_> {
    MemberIdentity {
        member_id,
        instance_id: None,
    }
}

fn ready<T>(step: Step<T>) -> T {
    match step {
        Step::Ready(answer) => answer,
        Step::Wait(mut receiver) => receiver.try_recv().expect("the answer is there"),
    }
}

fn waiting<T>(step: Step<T>) -> oneshot::Receiver<T> {
    match step {
        Step::Wait(mut receiver) => {
            assert!(receiver.try_recv().is_err(), "the answer came early");
            receiver
        }
        Step::Ready(_) => panic!("the answer came early"),
    }
}

/// Two members, `a` leading, both with their assignments.
fn stable(now: Instant) -> ClassicGroup {
    let mut group = ClassicGroup::default();
    ready(group.join(join("", "a"), now)).unwrap();
    let b = waiting(group.join(join("", "b"), now));
    let a = ready(group.join(join("a", ""), now)).unwrap();
    let mut b = b;
    let b = b.try_recv().unwrap().unwrap();
    assert_eq!((a.generation, b.generation, a.leader.as_str()), (2, 2, "a"));
    assert_eq!((a.members.len(), b.members.len()), (2, 0));
    let mut b = waiting(group.sync(identity("b"), 2, (None, None), Vec::new(), now));
    let shares = vec![
        ("a".to_owned(), Bytes::from_static(b"A")),
        ("b".to_owned(), Bytes::from_static(b"B")),
    ];
    let a = ready(group.sync(identity("a"), 2, (None, None), shares, now)).unwrap();
    assert_eq!(a.assignment, "A");
    assert_eq!(b.try_recv().unwrap().unwrap().assignment, "B");
    assert_eq!(group.phase, Phase::Stable);
    group
}

#[test]
fn the_leader_assigns_and_everyone_gets_its_share() {
    let now = Instant::now();
    let mut group = stable(now);
    assert_eq!(group.heartbeat(identity("a"), 2, now), Ok(()));
    assert_eq!(
        group.heartbeat(identity("a"), 1, now),
        Err(ErrorCode::IllegalGeneration)
    );
    assert_eq!(
        group.heartbeat(identity("x"), 2, now),
        Err(ErrorCode::UnknownMemberId)
    );
    // A lost answer is given again.
    let again = ready(group.sync(identity("b"), 2, (None, None), Vec::new(), now)).unwrap();
    assert_eq!(again.assignment, "B");
}

#[test]
fn a_new_dynamic_member_has_to_come_back_with_its_id() {
    let now = Instant::now();
    let mut group = ClassicGroup::default();
    let first = Join {
        needs_member_id: true,
        ..join("", "a")
    };
    let refused = ready(group.join(first, now)).unwrap_err();
    assert_eq!(
        (refused.code, refused.member_id.as_str()),
        (ErrorCode::MemberIdRequired, "a")
    );
    assert!(group.members.is_empty());
    ready(group.join(join("a", ""), now)).unwrap();
    let unknown = ready(group.join(join("ghost", ""), now)).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownMemberId);
}

#[test]
fn a_silent_member_is_removed_and_the_others_rebalance() {
    let now = Instant::now();
    let mut group = stable(now);
    let later = now + SESSION - Duration::from_millis(1);
    assert_eq!(group.heartbeat(identity("a"), 2, later), Ok(()));
    assert_eq!(group.next_deadline(), Some(now + SESSION));
    group.tick(now + SESSION);
    assert_eq!(group.phase, Phase::PreparingRebalance);
    assert_eq!(
        group.heartbeat(identity("a"), 2, now + SESSION),
        Err(ErrorCode::RebalanceInProgress)
    );
    let alone = ready(group.join(join("a", ""), now + SESSION)).unwrap();
    assert_eq!((alone.generation, alone.members.len()), (3, 1));
}

#[test]
fn a_rebalance_goes_on_without_those_who_do_not_join_in_time() {
    let now = Instant::now();
    let mut group = stable(now);
    let mut c = waiting(group.join(join("", "c"), now));
    group.tick(now + REBALANCE - Duration::from_millis(1));
    assert!(c.try_recv().is_err());
    group.tick(now + REBALANCE);
    let c = c.try_recv().unwrap().unwrap();
    assert_eq!(
        (c.generation, c.leader.as_str(), c.members.len()),
        (3, "c", 1)
    );
    assert_eq!(
        group.check(identity("a"), 2),
        Err(ErrorCode::UnknownMemberId)
    );
}

#[test]
fn a_group_whose_members_left_is_empty_and_starts_again() {
    let now = Instant::now();
    let mut group = stable(now);
    assert_eq!(group.leave(identity("a"), now), Ok(()));
    assert_eq!(
        group.leave(identity("a"), now),
        Err(ErrorCode::UnknownMemberId)
    );
    assert_eq!(group.leave(identity("b"), now), Ok(()));
    assert_eq!((group.phase, group.next_deadline()), (Phase::Empty, None));
    let other = Join {
        protocol_type: "connect".to_owned(),
        ..join("", "d")
    };
    assert_eq!(
        ready(group.join(other, now)).unwrap().protocol_type,
        "connect"
    );
    let mixed = ready(group.join(join("", "e"), now)).unwrap_err();
    assert_eq!(mixed.code, ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_former_self() {
    let now = Instant::now();
    let mut group = ClassicGroup::default();
    let with_instance = |id: &str, fresh: &str| Join {
        instance_id: Some("i".to_owned()),
        ..join(id, fresh)
    };
    let first = ready(group.join(with_instance("", "a"), now)).unwrap();
    let shares = vec![("a".to_owned(), Bytes::from_static(b"A"))];
    let named = |member_id| MemberIdentity {
        member_id,
        instance_id: Some("i"),
    };
    ready(group.sync(named("a"), first.generation, (None, None), shares, now)).unwrap();
    let back = ready(group.join(with_instance("", "b"), now)).unwrap();
    assert_eq!(
        (
            back.generation,
            back.member_id.as_str(),
            back.skip_assignment
        ),
        (first.generation, "b", true)
    );
    assert_eq!(
        group.heartbeat(named("a"), first.generation, now),
        Err(ErrorCode::FencedInstanceId)
    );
    let synced =
        ready(group.sync(named("b"), first.generation, (None, None), Vec::new(), now)).unwrap();
    assert_eq!(synced.assignment, "A", "it keeps what it had");
    let fenced = ready(group.join(with_instance("a", ""), now)).unwrap_err();
    assert_eq!(fenced.code, ErrorCode::FencedInstanceId);
    assert_eq!(
        group.leave(
            MemberIdentity {
                member_id: "",
                instance_id: Some("i")
            },
            now
        ),
        Ok(())
    );
    assert_eq!(group.phase, Phase::Empty);
}

#[derive(Debug, Clone)]
enum Step2 {
    Join { member: usize },
    Sync { member: usize },
    Beat { member: usize },
    Leave { member: usize },
    Wait { seconds: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step2>> {
    let step = prop_oneof![
        4 => (0..4usize).prop_map(|member| Step2::Join { member }),
        4 => (0..4usize).prop_map(|member| Step2::Sync { member }),
        3 => (0..4usize).prop_map(|member| Step2::Beat { member }),
        1 => (0..4usize).prop_map(|member| Step2::Leave { member }),
        2 => (0..6u64).prop_map(|seconds| Step2::Wait { seconds }),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    /// Members send any requests in any order: no request waits for ever, generations never go back, and all
    /// members that sync in a generation get the same protocol.
    #[test]
    fn no_order_of_requests_leaves_somebody_waiting(steps in steps()) {
        let mut now = Instant::now();
        let mut group = ClassicGroup::default();
        let mut known: Vec<Option<String>> = vec![None; 4];
        let mut joins: Vec<Option<oneshot::Receiver<JoinAnswer>>> = (0..4).map(|_| None).collect();
        let mut syncs: Vec<Option<oneshot::Receiver<SyncAnswer>>> = (0..4).map(|_| None).collect();
        let mut fresh = 0;
        let mut generation = 0;
        let mut seen = vec![0; 4];
        for step in steps {
            match step {
                Step2::Join { member } => {
                    fresh += 1;
                    let id = known[member].clone().unwrap_or_default();
                    match group.join(join(&id, &format!("m{fresh}")), now) {
                        Step::Ready(Ok(joined)) => {
                            known[member] = Some(joined.member_id);
                            seen[member] = joined.generation;
                        }
                        Step::Ready(Err(_)) => known[member] = None,
                        Step::Wait(receiver) => joins[member] = Some(receiver),
                    }
                }
                Step2::Sync { member } => {
                    let Some(id) = known[member].clone() else { continue };
                    let shares = group.members.keys().map(|id| (id.clone(), Bytes::from(id.clone()))).collect();
                    match group.sync(identity(&id), seen[member], (None, None), shares, now) {
                        Step::Ready(_) => {}
                        Step::Wait(receiver) => syncs[member] = Some(receiver),
                    }
                }
                Step2::Beat { member } => {
                    if let Some(id) = &known[member] {
                        let _ = group.heartbeat(identity(id), seen[member], now);
                    }
                }
                Step2::Leave { member } => {
                    if let Some(id) = known[member].take() {
                        let _ = group.leave(identity(&id), now);
                    }
                }
                Step2::Wait { seconds } => {
                    now += Duration::from_secs(seconds);
                    group.tick(now);
                }
            }
            collect(&mut joins, &mut known, &mut seen);
            prop_assert!(group.generation >= generation);
            generation = group.generation;
        }
        // However it stands, time alone answers everyone and empties the group.
        for _ in 0..20 {
            let Some(deadline) = group.next_deadline() else { break };
            now = now.max(deadline);
            group.tick(now);
            collect(&mut joins, &mut known, &mut seen);
        }
        prop_assert_eq!(group.phase, Phase::Empty);
        prop_assert!(joins.iter().all(Option::is_none), "somebody still waits to join");
        for receiver in syncs.iter_mut().flatten() {
            prop_assert!(receiver.try_recv() != Err(oneshot::error::TryRecvError::Empty));
        }
    }
}

fn collect(
    joins: &mut [Option<oneshot::Receiver<JoinAnswer>>],
    known: &mut [Option<String>],
    seen: &mut [i32],
) {
    for member in 0..joins.len() {
        let Some(receiver) = &mut joins[member] else {
            continue;
        };
        match receiver.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => {}
            Ok(Ok(joined)) => {
                known[member] = Some(joined.member_id);
                seen[member] = joined.generation;
                joins[member] = None;
            }
            Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => {
                known[member] = None;
                joins[member] = None;
            }
        }
    }
}

/// A group that waits for more members than the first, and when it began.
fn slow() -> (ClassicGroup, Instant) {
    let group = ClassicGroup {
        initial_rebalance_delay: Duration::from_secs(3),
        ..ClassicGroup::default()
    };
    (group, Instant::now())
}

#[test]
fn members_that_come_together_are_assigned_to_once() {
    let (mut group, start) = slow();
    let after = |ms: u64| start + Duration::from_millis(ms);
    let mut a = waiting(group.join(join("", "a"), start));
    let mut b = waiting(group.join(join("", "b"), after(10)));
    assert_eq!(group.phase, Phase::PreparingRebalance);
    assert_eq!(group.next_deadline(), Some(after(3_000)));
    // Somebody came: the wait is as long once more, within what members have for a rebalance, five seconds here.
    group.tick(after(3_000));
    assert_eq!(group.next_deadline(), Some(after(5_000)));
    assert!(a.try_recv().is_err() && b.try_recv().is_err());
    group.tick(after(5_000));
    let (a, b) = (a.try_recv().unwrap(), b.try_recv().unwrap());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.generation, b.generation), (1, 1));
    assert_eq!((a.members.len(), b.leader.as_str()), (2, "a"));
    // Who comes later starts a rebalance that waits for those who are there only.
    let mut c = waiting(group.join(join("", "c"), after(6_000)));
    waiting(group.join(join("a", ""), after(6_000)));
    ready(group.join(join("b", ""), after(6_001))).unwrap();
    assert_eq!(c.try_recv().unwrap().unwrap().generation, 2);
}

#[test]
fn one_member_alone_waits_once_and_an_empty_group_waits_again() {
    let (mut group, start) = slow();
    let after = |ms: u64| start + Duration::from_millis(ms);
    let mut a = waiting(group.join(join("", "a"), start));
    group.tick(after(2_999));
    assert!(a.try_recv().is_err());
    group.tick(after(3_000));
    assert_eq!(a.try_recv().unwrap().unwrap().generation, 1);
    assert_eq!(group.leave(identity("a"), after(3_100)), Ok(()));
    assert_eq!(group.phase, Phase::Empty);
    assert_eq!(group.protocol_type.as_deref(), Some("consumer"));
    // The first of the next leaves before the others are there: nobody is left to wait for.
    waiting(group.join(join("", "b"), after(4_000)));
    assert_eq!(group.leave(identity("b"), after(4_001)), Ok(()));
    assert_eq!(group.next_deadline(), Some(after(7_000)));
    group.tick(after(7_000));
    assert_eq!((group.phase, group.next_deadline()), (Phase::Empty, None));
}

#[test]
fn members_with_less_time_than_the_delay_wait_for_the_delay() {
    let (mut group, start) = slow();
    let hasty = |fresh: &str| Join {
        rebalance_timeout: Duration::from_secs(1),
        ..join("", fresh)
    };
    let mut a = waiting(group.join(hasty("a"), start));
    waiting(group.join(hasty("b"), start));
    group.tick(start + Duration::from_secs(3));
    assert_eq!(a.try_recv().unwrap().unwrap().members.len(), 2);
}
