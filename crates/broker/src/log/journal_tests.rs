use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::state::{ClusterState, CommittedOffset, Record};

fn open(path: &Path) -> Journal<ClusterState> {
    Journal::open(path.to_owned(), &FileCache::new(4), Durability::Process).unwrap()
}

fn offset(group: u8, partition: i32, offset: i64) -> Record {
    let at = CommittedOffset {
        offset,
        leader_epoch: 0,
        metadata: "x".repeat(20),
        committed_ms: 7,
    };
    Record::Offset {
        group: format!("g{group}"),
        topic: "t".to_owned(),
        partition,
        at,
    }
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        8 => (0..3u8, 0..3i32, 0..100i64).prop_map(|(group, partition, at)| offset(group, partition, at)),
        1 => (0..3u8).prop_map(|group| Record::GroupGone { group: format!("g{group}") }),
        1 => (0..9i64).prop_map(|next| Record::ProducerIds { next }),
        2 => (0..3u8, 0..2i64, 0..3i32).prop_map(|(group, producer_id, partition)| match offset(group, partition, 5) {
            Record::Offset { group, topic, partition, at } => Record::PendingOffset { group, producer_id, topic, partition, at },
            other => other,
        }),
        1 => (0..3u8, 0..2i64, any::<bool>()).prop_map(|(group, producer_id, is_committed)| Record::PendingEnd {
            group: format!("g{group}"), producer_id, is_committed,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_state_is_the_sum_of_what_was_written(records in proptest::collection::vec(record(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut model = ClusterState::default();
        let mut journal = open(&path);
        for (at, record) in records.into_iter().enumerate() {
            model.apply(record.clone());
            journal.append(vec![record]).unwrap();
            if at % 7 == 6 {
                journal = open(&path);
            }
            prop_assert!(journal.read(|state| *state == model));
        }
        // A snapshot leads to the same place, apart from groups that nothing is left of.
        let mut copy = ClusterState::default();
        model.snapshot().into_iter().for_each(|record| copy.apply(record));
        model.offsets.retain(|_, offsets| !offsets.committed.is_empty() || !offsets.pending.is_empty());
        for offsets in model.offsets.values_mut() {
            offsets.pending.retain(|_, pending| !pending.is_empty());
        }
        prop_assert!(copy == model);
    }
}

#[test]
fn a_journal_torn_at_any_byte_loses_its_last_record_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journal = open(&path);
    journal.append(vec![offset(0, 0, 1)]).unwrap();
    let first = std::fs::read(&path).unwrap().len();
    journal.append(vec![offset(0, 0, 2)]).unwrap();
    drop(journal);
    let whole = std::fs::read(&path).unwrap();
    for cut in first..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let journal = open(&path);
        let seen = journal.read(|state| state.offsets["g0"].committed[&("t".to_owned(), 0)].offset);
        assert_eq!(seen, 1, "cut at {cut}");
        journal.append(vec![offset(0, 0, 3)]).unwrap();
        drop(journal);
        let seen =
            open(&path).read(|state| state.offsets["g0"].committed[&("t".to_owned(), 0)].offset);
        assert_eq!(seen, 3);
    }
}

#[test]
fn a_journal_of_mostly_history_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journal = open(&path);
    for at in 0..10_000 {
        journal.append(vec![offset(0, 0, at)]).unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 2 * REWRITE_BYTES_MIN);
    drop(journal);
    let seen = open(&path).read(|state| state.offsets["g0"].committed[&("t".to_owned(), 0)].offset);
    assert_eq!(seen, 9_999);
}
