//! Assignment of partitions in a KIP-848 group: the two assignors of Kafka's brokers.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::consumer::Assigned;

/// The assignors, by the names that clients use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assignor {
    Uniform,
    Range,
}

impl Assignor {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }
}

/// Subscription and last assignment of a member.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscription {
    /// Topics with their numbers of partitions.
    pub topics: BTreeSet<(Uuid, i32)>,
    pub current: Assigned,
}

/// Gives every partition of every subscribed topic to exactly one of its subscribers.
pub(crate) fn assign(
    assignor: Assignor,
    members: &BTreeMap<String, Subscription>,
) -> BTreeMap<String, Assigned> {
    match assignor {
        Assignor::Uniform => uniform(members),
        Assignor::Range => range(members),
    }
}

/// Members with equal subscriptions get numbers that differ by at most one, and keep their partitions as far
/// as that allows.
fn uniform(members: &BTreeMap<String, Subscription>) -> BTreeMap<String, Assigned> {
    let mut out: BTreeMap<String, Assigned> = members
        .keys()
        .map(|id| (id.clone(), Assigned::new()))
        .collect();
    let mut free: Assigned = members
        .values()
        .flat_map(|member| member.topics.iter())
        .flat_map(|(topic, count)| (0..*count).map(|index| (*topic, index)))
        .collect();
    // Members keep the partitions that they own, if they still subscribe to them; the surplus is removed
    // below.
    for (id, member) in members {
        let wants = |topic: &Uuid| member.topics.iter().any(|(wanted, _)| wanted == topic);
        for partition in &member.current {
            if wants(&partition.0) && free.remove(partition) {
                out.entry(id.clone()).or_default().insert(*partition);
            }
        }
    }
    for partition in free {
        let taker = subscribers(members, &partition.0)
            .min_by_key(|id| out[*id].len())
            .cloned();
        if let Some(taker) = taker {
            out.entry(taker).or_default().insert(partition);
        }
    }
    balance(members, &mut out);
    out
}

fn subscribers<'a>(
    members: &'a BTreeMap<String, Subscription>,
    topic: &'a Uuid,
) -> impl Iterator<Item = &'a String> {
    members
        .iter()
        .filter(move |(_, member)| member.topics.iter().any(|(wanted, _)| wanted == topic))
        .map(|(id, _)| id)
}

/// Moves partitions from members that have at least two more than another member that could own them.
fn balance(members: &BTreeMap<String, Subscription>, out: &mut BTreeMap<String, Assigned>) {
    loop {
        let mut by_size: Vec<(&String, usize)> =
            out.iter().map(|(id, has)| (id, has.len())).collect();
        by_size.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let mut found = None;
        'search: for (giver, size) in &by_size {
            // The partition assigned last is moved first.
            for partition in out[*giver].iter().rev() {
                let taker = subscribers(members, &partition.0).min_by_key(|id| out[*id].len());
                if let Some(taker) = taker.filter(|taker| out[*taker].len() + 1 < *size) {
                    found = Some(((*giver).clone(), taker.clone(), *partition));
                    break 'search;
                }
            }
        }
        let Some((giver, taker, partition)) = found else {
            return;
        };
        out.entry(giver).or_default().remove(&partition);
        out.entry(taker).or_default().insert(partition);
    }
}

/// Each topic is cut into ranges over its subscribers, so that equal partition numbers of different
/// topics meet at one member.
fn range(members: &BTreeMap<String, Subscription>) -> BTreeMap<String, Assigned> {
    let mut out: BTreeMap<String, Assigned> = members
        .keys()
        .map(|id| (id.clone(), Assigned::new()))
        .collect();
    let topics: BTreeSet<(Uuid, i32)> = members
        .values()
        .flat_map(|member| member.topics.iter().copied())
        .collect();
    for (topic, count) in topics {
        let takers: Vec<&String> = subscribers(members, &topic).collect();
        let each = count / takers.len().max(1) as i32;
        let more = count % takers.len().max(1) as i32;
        let mut next = 0;
        for (at, taker) in takers.into_iter().enumerate() {
            let size = each + i32::from((at as i32) < more);
            out.entry(taker.clone())
                .or_default()
                .extend((next..next + size).map(|index| (topic, index)));
            next += size;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(index: u8) -> Uuid {
        Uuid::from_u128(u128::from(index) + 1)
    }

    fn members() -> impl Strategy<Value = BTreeMap<String, Subscription>> {
        let sizes = proptest::collection::vec(0..9i32, 1..4);
        let subscriptions =
            proptest::collection::vec((proptest::bits::u8::between(0, 3), any::<u8>()), 1..6);
        (sizes, subscriptions).prop_map(|(sizes, subscriptions)| {
            let all: Vec<(Uuid, i32)> = sizes
                .iter()
                .enumerate()
                .map(|(at, size)| (topic(at as u8), *size))
                .collect();
            let member = |(at, (mask, held)): (usize, &(u8, u8))| {
                let topics = all
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| mask & (1 << bit) != 0)
                    .map(|(_, one)| *one);
                let current = all
                    .iter()
                    .flat_map(|(id, size)| (0..*size).map(|index| (*id, index)));
                let current = current
                    .filter(|(_, index)| (*index as u8).wrapping_add(*held) % 3 == 0)
                    .collect();
                (
                    format!("m{at}"),
                    Subscription {
                        topics: topics.collect(),
                        current,
                    },
                )
            };
            subscriptions.iter().enumerate().map(member).collect()
        })
    }

    proptest! {
        #[test]
        fn every_partition_goes_to_exactly_one_subscriber(members in members(), is_range in any::<bool>()) {
            let assignor = if is_range { Assignor::Range } else { Assignor::Uniform };
            let out = assign(assignor, &members);
            let mut seen = BTreeSet::new();
            for (id, assigned) in &out {
                for partition in assigned {
                    prop_assert!(seen.insert(*partition), "{partition:?} twice");
                    prop_assert!(members[id].topics.iter().any(|(topic, _)| *topic == partition.0));
                }
            }
            let wanted: BTreeSet<(Uuid, i32)> = members
                .values()
                .flat_map(|member| member.topics.iter())
                .flat_map(|(topic, count)| (0..*count).map(|index| (*topic, index)))
                .collect();
            prop_assert_eq!(seen, wanted);
        }

        #[test]
        fn uniform_is_balanced_among_equal_subscriptions(count in 1..5usize, partitions in 0..20i32) {
            let topics: BTreeSet<(Uuid, i32)> = [(topic(0), partitions)].into();
            let one = Subscription { topics, current: Assigned::new() };
            let members: BTreeMap<_, _> = (0..count).map(|at| (format!("m{at}"), one.clone())).collect();
            let first = assign(Assignor::Uniform, &members);
            let sizes: Vec<usize> = first.values().map(BTreeSet::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            // One more member takes its share and nothing else moves.
            let mut more: BTreeMap<_, _> = members
                .iter()
                .map(|(id, member)| (id.clone(), Subscription { current: first[id].clone(), ..member.clone() }))
                .collect();
            more.insert("new".to_owned(), one);
            let second = assign(Assignor::Uniform, &more);
            for id in members.keys() {
                prop_assert!(second[id].is_subset(&first[id]));
            }
        }
    }
}
