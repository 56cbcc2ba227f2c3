use std::path::Path;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::log::tests::damage::{cases, damage};
use crate::metadata::state::{
    ClusterState, CommittedOffset, MetadataRecord, SingleOffset, SinglePendingOffset,
};

fn open(path: &Path) -> MetadataLog<ClusterState> {
    MetadataLog::open(path.to_owned(), &FileCache::new(4), Durability::Process).unwrap()
}

fn offset(group: u8, partition: i32, offset: i64) -> MetadataRecord {
    let at = CommittedOffset {
        offset,
        leader_epoch: 0,
        metadata: "x".repeat(20),
        committed_ms: 7,
    };
    MetadataRecord::Offset(SingleOffset {
        group: format!("g{group}"),
        topic: "t".to_owned(),
        partition,
        at,
    })
}

fn record() -> impl Strategy<Value = MetadataRecord> {
    prop_oneof![
        8 => (0..3u8, 0..3i32, 0..100i64).prop_map(|(group, partition, at)| offset(group, partition, at)),
        1 => (0..3u8).prop_map(|group| MetadataRecord::GroupGone { group: format!("g{group}") }),
        1 => (0..9i64).prop_map(|next| MetadataRecord::ProducerIds { next }),
        2 => (0..3u8, 0..2i64, 0..3i32).prop_map(|(group, producer_id, partition)| match offset(group, partition, 5) {
            MetadataRecord::Offset(SingleOffset { group, topic, partition, at }) => MetadataRecord::PendingOffset(SinglePendingOffset { group, producer_id, topic, partition, at }),
            other => other,
        }),
        1 => (0..3u8, 0..2i64, any::<bool>()).prop_map(|(group, producer_id, is_committed)| MetadataRecord::PendingEnd {
            group: format!("g{group}"), producer_id, is_committed,
        }),
    ]
}

/// What earlier versions have written is still understood.
#[test]
fn records_with_one_offset_are_read() {
    let check = |json: &str, group: &str, is_committed: bool| {
        let mut state = ClusterState::default();
        state.apply(offset(0, 1, 4));
        state.apply(serde_json::from_str(json).unwrap());
        let offsets = state.offsets.get(group);
        let found = offsets.and_then(|offsets| offsets.committed.get(&("t".to_owned(), 1)));
        assert_eq!(found.is_some(), is_committed, "{json}");
        let record: MetadataRecord = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), json);
    };
    let at = r#"{"offset":9,"leader_epoch":0,"metadata":"","committed_ms":7}"#;
    let committed = r#""group":"g1","topic":"t","partition":1"#;
    check(
        &format!(r#"{{"t":"Offset",{committed},"at":{at}}}"#),
        "g1",
        true,
    );
    let gone = r#"{"t":"OffsetGone","group":"g0","topic":"t","partition":1}"#;
    check(gone, "g0", false);
    let pending =
        r#"{"t":"PendingOffset","group":"g1","producer_id":3,"topic":"t","partition":1,"at":"#;
    check(&format!("{pending}{at}}}"), "g1", false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_state_is_the_sum_of_what_was_written(records in proptest::collection::vec(record(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut model = ClusterState::default();
        let mut metadata_log = open(&path);
        for (at, record) in records.into_iter().enumerate() {
            model.apply(record.clone());
            metadata_log.append(vec![record]).unwrap();
            if at % 7 == 6 {
                metadata_log = open(&path);
            }
            prop_assert!(metadata_log.read(|state| *state == model));
        }
        // A snapshot leads to the same place, apart from groups that nothing is left of.
        let mut copy = ClusterState::default();
        model.snapshot().for_each(|record| copy.apply(record));
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
    let metadata_log = open(&path);
    metadata_log.append(vec![offset(0, 0, 1)]).unwrap();
    let first = std::fs::read(&path).unwrap().len();
    metadata_log.append(vec![offset(0, 0, 2)]).unwrap();
    drop(metadata_log);
    let whole = std::fs::read(&path).unwrap();
    for cut in first..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let metadata_log = open(&path);
        let seen =
            metadata_log.read(|state| state.offsets["g0"].committed[&("t".to_owned(), 0)].offset);
        assert_eq!(seen, 1, "cut at {cut}");
        metadata_log.append(vec![offset(0, 0, 3)]).unwrap();
        drop(metadata_log);
        let seen =
            open(&path).read(|state| state.offsets["g0"].committed[&("t".to_owned(), 0)].offset);
        assert_eq!(seen, 3);
    }
}

/// A metadata log of five records, a mark after the first three, and the position of the fourth.
async fn vouched(path: &Path, durability: Durability) -> usize {
    let files = FileCache::new(4);
    let metadata_log =
        MetadataLog::<ClusterState>::open(path.to_owned(), &files, durability).unwrap();
    for at in 0..3 {
        let position = metadata_log.append(vec![offset(0, at, 1)]).unwrap();
        metadata_log.flush(position).await.unwrap();
    }
    assert!(metadata_log.needs_mark(1_000));
    metadata_log.mark_durable(1_000).unwrap();
    assert!(!metadata_log.needs_mark(90_000), "all is vouched for");
    let vouched_bytes = std::fs::read(path).unwrap().len();
    for at in 3..5 {
        let position = metadata_log.append(vec![offset(0, at, 1)]).unwrap();
        metadata_log.flush(position).await.unwrap();
    }
    assert!(!metadata_log.needs_mark(5_999), "it was so just now");
    assert!(metadata_log.needs_mark(6_000));
    vouched_bytes
}

fn offsets(metadata_log: &MetadataLog<ClusterState>) -> usize {
    metadata_log.read(|state| {
        state
            .offsets
            .get("g0")
            .map_or(0, |group| group.committed.len())
    })
}

/// Damage before the mark is an error that names the line, and the file is left as it is; after the mark, a
/// torn tail is cut off.
#[tokio::test]
async fn a_bit_that_flips_in_what_is_vouched_for_is_damage_and_behind_it_a_torn_tail() {
    for durability in [Durability::Process, Durability::Power] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let vouched_bytes = vouched(&path, durability).await;
        let whole = std::fs::read(&path).unwrap();
        let lines: Vec<usize> = whole
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::len)
            .collect();
        assert_eq!(lines.len(), 6, "five records and a mark");
        let records_bytes: usize = lines[..3].iter().sum();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 7);
            std::fs::write(&path, &bytes).unwrap();
            let opened =
                MetadataLog::<ClusterState>::open(path.clone(), &FileCache::new(4), durability);
            match opened {
                Err(MetadataLogError::Damaged {
                    line,
                    durable_bytes,
                    ..
                }) => {
                    assert!(at < records_bytes, "{at}");
                    let before: usize = lines[..line - 1].iter().sum();
                    assert!(
                        (before..before + lines[line - 1]).contains(&at),
                        "{at}: {line}"
                    );
                    assert_eq!(durable_bytes as usize, records_bytes);
                    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing is changed");
                }
                Err(error) => panic!("{at}: {error}"),
                Ok(metadata_log) => {
                    assert!(at >= records_bytes, "{at}");
                    assert_eq!(
                        offsets(&metadata_log),
                        if at < vouched_bytes + lines[4] { 3 } else { 4 }
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn lines_that_are_gone_before_a_mark_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    vouched(&path, Durability::Process).await;
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for gone in 0..3 {
        let mut left = lines.clone();
        left.remove(gone);
        std::fs::write(&path, left.concat()).unwrap();
        let opened = MetadataLog::<ClusterState>::open(
            path.clone(),
            &FileCache::new(4),
            Durability::Process,
        );
        assert!(
            matches!(opened, Err(MetadataLogError::Damaged { .. })),
            "{gone}"
        );
    }
    // What is kept beside it shows that its end is missing.
    std::fs::write(&path, &whole).unwrap();
    open(&path).close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cut = |bytes: usize| {
        std::fs::write(&path, &whole[..bytes]).unwrap();
        let files = FileCache::new(4);
        let contents = || Ok(DirectoryContents::default());
        let power = Durability::Power;
        MetadataLog::<ClusterState>::open_in(path.clone(), &files, power, contents).map(drop)
    };
    assert!(cut(whole.len()).is_ok());
    for bytes in [0, 1, lines[0].len(), whole.len() - 1] {
        let opened = cut(bytes);
        assert!(
            matches!(opened, Err(MetadataLogError::Damaged { .. })),
            "{bytes}"
        );
    }
}

/// What was written before marks were is cut off at the first bad line: it may be a torn tail.
#[test]
fn a_journal_without_marks_opens_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let metadata_log = open(&path);
    for at in 0..3 {
        metadata_log.append(vec![offset(0, at, 1)]).unwrap();
    }
    drop(metadata_log);
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(offsets(&open(&path)), 3);
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(offsets(&open(&path)), 1);
}

#[test]
fn a_journal_that_is_missing_or_empty_beside_data_is_damage_and_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let open = |has_entries, has_records| {
        let contents = || {
            Ok(DirectoryContents {
                has_entries,
                has_records,
            })
        };
        let files = FileCache::new(4);
        MetadataLog::<ClusterState>::open_in(path.clone(), &files, Durability::Power, contents)
    };
    assert!(matches!(open(true, false), Err(MetadataLogError::Missing)));
    assert!(!path.exists());
    for content in [&b""[..], &[0; 5_000], b"not a line\n"] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(open(true, true), Err(MetadataLogError::Empty)));
        assert_eq!(std::fs::read(&path).unwrap(), content);
        assert!(open(true, false).is_ok(), "nothing was lost");
        std::fs::remove_file(&path).unwrap();
    }
    assert!(open(false, false).is_ok(), "a first start");
    assert!(path.exists());
}

#[test]
fn a_rewritten_journal_vouches_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let metadata_log = open(&path);
    let mut rewrites = 0;
    let mut size = 0;
    while rewrites < 2 {
        metadata_log
            .append(vec![offset(0, rewrites, size)])
            .unwrap();
        let before = std::mem::replace(&mut size, std::fs::metadata(&path).unwrap().len() as i64);
        rewrites += i32::from(size < before);
    }
    assert!(!metadata_log.needs_mark(0));
    drop(metadata_log);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(offsets(&open(&path)), 2);
    for at in 0..whole.iter().rposition(|byte| *byte == b' ').unwrap() - 8 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let files = FileCache::new(4);
        let opened = MetadataLog::<ClusterState>::open(path.clone(), &files, Durability::Process);
        assert!(
            matches!(opened, Err(MetadataLogError::Damaged { .. })),
            "{at}"
        );
    }
}

#[test]
fn a_journal_of_mostly_history_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let metadata_log = open(&path);
    for at in 0..10_000 {
        metadata_log.append(vec![offset(0, 0, at)]).unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 2 * REWRITE_BYTES_MIN);
    drop(metadata_log);
    let seen = open(&path).read(|state| state.offsets["g0"].committed[&("t".to_owned(), 0)].offset);
    assert_eq!(seen, 9_999);
}

#[test]
fn a_damaged_journal_gives_a_beginning_of_what_was_written() {
    let offset = |at: i64| {
        MetadataRecord::Offset(SingleOffset {
            group: "g".to_owned(),
            topic: "t".to_owned(),
            partition: 0,
            at: CommittedOffset {
                offset: at,
                leader_epoch: 0,
                metadata: String::new(),
                committed_ms: 0,
            },
        })
    };
    for case in 0..cases() {
        let mut chance = StdRng::seed_from_u64(case);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let open = || {
            let files = FileCache::new(4);
            MetadataLog::<ClusterState>::open(path.clone(), &files, Durability::Process)
        };
        let metadata_log = open().unwrap();
        for at in 1..30 {
            metadata_log.append(vec![offset(at)]).unwrap();
        }
        drop(metadata_log);
        damage(&path, &mut chance);
        let Ok(metadata_log) = open() else { continue };
        let seen = |metadata_log: &MetadataLog<ClusterState>| {
            metadata_log.read(|state| {
                let group = state.offsets.get("g")?;
                group
                    .committed
                    .get(&("t".to_owned(), 0))
                    .map(|at| at.offset)
            })
        };
        assert!(
            seen(&metadata_log).is_none_or(|seen| (1..30).contains(&seen)),
            "case {case}"
        );
        metadata_log.append(vec![offset(77)]).unwrap();
        drop(metadata_log);
        assert_eq!(seen(&open().unwrap()), Some(77), "case {case}");
    }
}
