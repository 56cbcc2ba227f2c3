use proptest::prelude::*;

use super::*;

fn topics(partitions: i32) -> TopicSizes {
    [("t".to_owned(), (Uuid::from_u128(1), partitions))].into()
}

fn beat(member_id: &str, member_epoch: i32, owned: Option<Assigned>) -> Beat {
    let is_join = member_epoch == 0;
    Beat {
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

/// A client that does what it is told, at once.
#[derive(Debug, Default, Clone)]
struct Consumer {
    epoch: i32,
    owned: Assigned,
}

impl Consumer {
    fn beat(
        &mut self,
        id: &str,
        group: &mut ConsumerGroup,
        sizes: &TopicSizes,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        let owned = if self.epoch == 0 {
            Assigned::new()
        } else {
            self.owned.clone()
        };
        let answer = group.heartbeat(beat(id, self.epoch, Some(owned)), sizes, now)?;
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
    a.beat("a", &mut group, &sizes, now).unwrap();
    assert_eq!((a.owned.len(), group.phase()), (6, ConsumerPhase::Stable));
    b.beat("b", &mut group, &sizes, now).unwrap();
    assert_eq!((b.owned.len(), b.epoch), (0, 2), "everything is held by a");
    // a is told to give three up, and says so with the next heartbeat.
    let owned = a.owned.clone();
    a.beat("a", &mut group, &sizes, now).unwrap();
    assert_eq!((a.owned.len(), a.epoch), (3, 1));
    b.beat("b", &mut group, &sizes, now).unwrap();
    assert_eq!(b.owned.len(), 0, "a has not confirmed yet");
    a.beat("a", &mut group, &sizes, now).unwrap();
    assert_eq!(a.epoch, 2);
    b.beat("b", &mut group, &sizes, now).unwrap();
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
    a.beat("a", &mut group, &sizes, now).unwrap();
    let check = |group: &mut ConsumerGroup, id: &str, epoch, expected| {
        assert_eq!(
            group
                .heartbeat(beat(id, epoch, None), &sizes, now)
                .map(|_| ()),
            Err(expected)
        );
    };
    check(&mut group, "a", 7, ErrorCode::FencedMemberEpoch);
    check(&mut group, "x", 1, ErrorCode::UnknownMemberId);
    assert_eq!(group.check("a", 1), Ok(()));
    assert_eq!(group.check("a", 0), Err(ErrorCode::StaleMemberEpoch));
    group.heartbeat(beat("a", -1, None), &sizes, now).unwrap();
    assert_eq!(group.phase(), ConsumerPhase::Empty);
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_removed() {
    let (now, sizes) = (Instant::now(), topics(2));
    let mut group = ConsumerGroup::default();
    let (mut a, mut b) = (Consumer::default(), Consumer::default());
    a.beat("a", &mut group, &sizes, now).unwrap();
    b.beat("b", &mut group, &sizes, now).unwrap();
    let held = a.owned.clone();
    group
        .heartbeat(beat("a", a.epoch, Some(held)), &sizes, now)
        .unwrap();
    let deadline = group.next_deadline().unwrap();
    assert_eq!(deadline, now + Duration::from_secs(5));
    group.tick(deadline);
    b.beat("b", &mut group, &sizes, deadline).unwrap();
    assert_eq!(b.owned.len(), 2);
    assert_eq!(
        a.beat("a", &mut group, &sizes, deadline),
        Err(ErrorCode::UnknownMemberId)
    );
}

#[test]
fn a_pattern_subscribes_to_whole_names() {
    let now = Instant::now();
    let sizes: TopicSizes = [
        ("orders-1".to_owned(), (Uuid::from_u128(1), 1)),
        ("my-orders-1".to_owned(), (Uuid::from_u128(2), 1)),
    ]
    .into();
    let mut group = ConsumerGroup::default();
    let matcher = regex_lite::Regex::new("orders-.*").unwrap();
    let joining = Beat {
        topics: None,
        pattern: Some(("orders-.*".to_owned(), Some(matcher))),
        ..beat("a", 0, None)
    };
    let answer = group.heartbeat(joining, &sizes, now).unwrap();
    assert_eq!(answer.assignment, Some([(Uuid::from_u128(1), 0)].into()));
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
                        group.heartbeat(beat(&id, -1, None), &sizes, now).unwrap();
                    }
                }
                1 => {
                    let count = sizes["t"].1 + 1;
                    sizes = topics(count.min(9));
                }
                _ => {
                    let member = members[at].get_or_insert_default();
                    member.beat(&id, &mut group, &sizes, now).unwrap();
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
                    member.beat(&format!("m{at}"), &mut group, &sizes, now).unwrap();
                }
            }
        }
        let owned: usize = members.iter().flatten().map(|member| member.owned.len()).sum();
        let expected = if members.iter().flatten().count() == 0 { 0 } else { sizes["t"].1 as usize };
        prop_assert_eq!(owned, expected);
    }
}
