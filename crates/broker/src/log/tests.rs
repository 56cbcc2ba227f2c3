//! The log against a plain model, and torn tails.

pub(crate) mod damage;

use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::batch::{self, Batch, BatchHeader, BatchRules, Marker};
use super::file::FileCache;
use super::file_records::ReadPlan;
use super::{LogOptions, UnifiedLog, recovery};
use crate::error::ErrorCode;
use crate::trace::{Draft, build};

const OPTIONS: LogOptions = LogOptions {
    segment_bytes: 600,
    segment_ms: i64::MAX,
    index_interval_bytes: 100,
};
pub(crate) const RULES: BatchRules = BatchRules {
    message_bytes_max: 1 << 20,
    log_append_time_ms: None,
    keys_required: false,
    timestamp_min_ms: i64::MIN,
    timestamp_max_ms: i64::MAX,
    compression: None,
    record_faults_max: 100,
};
/// The broker's clock while logs are filled.
pub(crate) const NOW_MS: i64 = 0;

fn plain(count: usize, timestamp_ms: i64) -> Draft {
    let record = |at: usize| (Some(vec![at as u8]), Some(vec![b'v'; 10]));
    Draft {
        records: (0..count).map(record).collect(),
        timestamp_ms,
        producer: None,
        is_transactional: false,
    }
}

pub(crate) fn valid(draft: &Draft) -> Batch {
    batch::validate(&build(draft), &RULES).unwrap()
}

pub(crate) fn open(dir: &Path) -> UnifiedLog {
    recovery::open(
        dir.to_owned(),
        FileCache::new(64),
        0,
        OPTIONS.index_interval_bytes,
    )
    .unwrap()
}

/// The bytes that a plan leads to.
fn read(plan: &ReadPlan, max_bytes: usize, at_least_one: bool) -> Bytes {
    let mut bytes = BytesMut::new();
    if let Some(records) = plan.locate(max_bytes, at_least_one).unwrap() {
        records.read_into(&mut bytes).unwrap();
        assert_eq!(bytes.len(), records.length);
    }
    bytes.freeze()
}

/// Base offset and number of records of every batch from `offset` on.
fn read_all(log: &mut UnifiedLog, offset: i64) -> Vec<(i64, i32)> {
    let mut out = Vec::new();
    let mut target = offset;
    while let Some(plan) = log.plan(target, log.end_offset(), 1 << 20).unwrap() {
        let bytes = read(&plan, 1 << 20, true);
        let mut at = 0;
        while let Some(header) = BatchHeader::parse(&bytes[at..]) {
            assert!(batch::crc_is_valid(
                &bytes[at..at + header.size_bytes()],
                &header
            ));
            out.push((header.base_offset, header.records_count));
            at += header.size_bytes();
        }
        target = match (out.last(), plan.next_base_offset) {
            (_, Some(next)) if bytes.is_empty() => next,
            (Some((base, count)), _) if !bytes.is_empty() => base + i64::from(*count),
            _ => break,
        };
    }
    out
}

#[derive(Debug, Clone)]
enum Step {
    Append { records: usize },
    Checkpoint,
    Reopen,
    DeleteBefore { percent: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..6usize).prop_map(|records| Step::Append { records }),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => (0..=100u8).prop_map(|percent| Step::DeleteBefore { percent }),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_log_gives_back_what_was_appended(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t-0");
        let mut log = open(&path);
        let mut model: Vec<(i64, i32, i64)> = Vec::new();
        let (mut end, mut start, mut clock) = (0i64, 0i64, 1_000i64);
        for step in steps {
            match step {
                Step::Append { records } => {
                    let info = log.append(&valid(&plain(records, clock)), 0, &OPTIONS, NOW_MS).unwrap();
                    prop_assert_eq!(info.base_offset, end);
                    model.push((end, records as i32, clock));
                    end += records as i64;
                    clock += 10;
                }
                Step::Checkpoint => {
                    if let Some(checkpoint) = log.checkpoint() {
                        checkpoint.save().unwrap();
                        log.note_checkpoint(&checkpoint);
                    }
                }
                Step::Reopen => {
                    drop(log);
                    log = recovery::open(path.clone(), FileCache::new(64), start, OPTIONS.index_interval_bytes).unwrap();
                }
                Step::DeleteBefore { percent } => {
                    let target = start + (end - start) * i64::from(percent) / 100;
                    log.delete_before(target, NOW_MS).unwrap();
                    start = target;
                }
            }
            prop_assert_eq!((log.log_start_offset(), log.end_offset()), (start, end));
        }
        // Whole batches come back: the first may begin before the start of the log.
        let expected: Vec<(i64, i32)> = model
            .iter()
            .filter(|(base, count, _)| base + i64::from(*count) > start)
            .map(|(base, count, _)| (*base, *count))
            .collect();
        prop_assert_eq!(read_all(&mut log, start), expected.clone());
        for (base, count) in &expected {
            for offset in (*base).max(start)..base + i64::from(*count) {
                prop_assert_eq!(read_all(&mut log, offset)[0].0, *base);
            }
        }
        for wanted in (990..clock + 10).step_by(3) {
            let all = model.iter().flat_map(|(base, count, at)| {
                (0..i64::from(*count)).map(move |delta| (base + delta, at + delta))
            });
            let first = all.filter(|(offset, _)| *offset >= start).find(|(_, at)| *at >= wanted);
            let batch = |from| log.batch_of_time(wanted, from);
            let found = super::find_timestamp(end, batch).unwrap().map(|found| (found.offset, found.timestamp_ms));
            prop_assert_eq!(found, first, "timestamp {}", wanted);
        }
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_at_the_last_whole_batch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    for clock in 0..3 {
        log.append(
            &valid(&plain(2, clock)),
            0,
            &LogOptions {
                segment_bytes: 1 << 20,
                ..OPTIONS
            },
            NOW_MS,
        )
        .unwrap();
    }
    drop(log);
    let file = path.join("00000000000000000000.log");
    let whole = std::fs::read(&file).unwrap();
    let batch_bytes = whole.len() / 3;
    for cut in (2 * batch_bytes)..whole.len() {
        std::fs::write(&file, &whole[..cut]).unwrap();
        assert_eq!(open(&path).end_offset(), 4, "cut at {cut}");
        assert_eq!(std::fs::read(&file).unwrap().len(), 2 * batch_bytes);
        // The same length, but the end was never written.
        let mut zeroed = whole.clone();
        zeroed[cut..].fill(0);
        std::fs::write(&file, &zeroed).unwrap();
        let end = open(&path).end_offset();
        let expected = if zeroed == whole { 6 } else { 4 };
        assert_eq!(end, expected, "zeroed from {cut}");
    }
}

#[test]
fn segments_behind_a_torn_one_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    for clock in 0..20 {
        log.append(&valid(&plain(3, clock)), 0, &OPTIONS, NOW_MS)
            .unwrap();
    }
    assert!(log.segments.len() > 3);
    let second = log.segments[1].base_offset;
    drop(log);
    let file = path.join(super::segment::file_name(second, "log"));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let log = open(&path);
    assert_eq!(log.segments.len(), 2);
    assert!(log.end_offset() > second);
}

#[test]
fn a_log_without_records_keeps_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    for clock in 0..20 {
        log.append(&valid(&plain(3, clock)), 0, &OPTIONS, NOW_MS)
            .unwrap();
    }
    log.expire(Some(1_000), None, log.end_offset(), 2_000)
        .unwrap();
    assert_eq!(log.size_bytes(), 0);
    for _ in 0..2 {
        assert_eq!((log.log_start_offset(), log.end_offset()), (60, 60));
        drop(log);
        log = open(&path);
    }
    assert_eq!(
        log.append(&valid(&plain(1, 50)), 0, &OPTIONS, NOW_MS)
            .unwrap()
            .base_offset,
        60
    );
}

#[test]
fn a_checkpoint_follows_one_after_which_indexes_were_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    for clock in 0..40 {
        log.append(&valid(&plain(3, clock)), 0, &OPTIONS, NOW_MS)
            .unwrap();
        if clock % 3 == 0 {
            let checkpoint = log.checkpoint().unwrap();
            checkpoint.save().unwrap();
            log.note_checkpoint(&checkpoint);
            assert!(!log.is_dirty());
        }
        log.unload_indexes();
    }
    let before = read_all(&mut log, 0);
    drop(log);
    assert_eq!(read_all(&mut open(&path), 0), before);
    assert_eq!(before.len(), 40);
}

#[test]
fn every_batch_in_flight_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    for sequence in (0..16).step_by(2) {
        log.append(&sequenced(sequence, 0), 0, &OPTIONS, NOW_MS)
            .unwrap();
    }
    let checkpoint = log.checkpoint().unwrap();
    checkpoint.save().unwrap();
    drop(log);
    let mut log = open(&path);
    for sequence in [6, 8, 10, 12, 14] {
        let info = log
            .append(&sequenced(sequence, 0), 0, &OPTIONS, NOW_MS)
            .unwrap();
        assert_eq!(
            (info.base_offset, info.is_duplicate),
            (i64::from(sequence), true)
        );
    }
    let forgotten = log
        .append(&sequenced(4, 0), 0, &OPTIONS, NOW_MS)
        .map(|_| ());
    assert_eq!(forgotten, Err(ErrorCode::OutOfOrderSequenceNumber));
}

fn sequenced(sequence: i32, epoch: i16) -> Batch {
    let draft = Draft {
        producer: Some((7, epoch, sequence)),
        ..plain(2, 5)
    };
    valid(&draft)
}

#[test]
fn sequences_are_checked_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    let append = |log: &mut UnifiedLog, sequence, epoch| {
        log.append(&sequenced(sequence, epoch), 0, &OPTIONS, NOW_MS)
            .map(|info| (info.base_offset, info.is_duplicate))
    };
    assert_eq!(append(&mut log, 0, 0), Ok((0, false)));
    assert_eq!(append(&mut log, 2, 0), Ok((2, false)));
    assert_eq!(
        append(&mut log, 0, 0),
        Ok((0, true)),
        "a retry is told the first offset"
    );
    assert_eq!(
        append(&mut log, 6, 0),
        Err(ErrorCode::OutOfOrderSequenceNumber)
    );
    for is_checkpointed in [false, true] {
        if is_checkpointed {
            let checkpoint = log.checkpoint().unwrap();
            checkpoint.save().unwrap();
            log.note_checkpoint(&checkpoint);
        }
        drop(log);
        log = open(&path);
        assert_eq!(append(&mut log, 2, 0), Ok((2, true)), "after a restart");
        assert_eq!(
            append(&mut log, 6, 0),
            Err(ErrorCode::OutOfOrderSequenceNumber)
        );
    }
    assert_eq!(
        append(&mut log, 3, 1),
        Err(ErrorCode::OutOfOrderSequenceNumber),
        "a new epoch starts at 0"
    );
    assert_eq!(append(&mut log, 0, 1), Ok((4, false)));
    assert_eq!(append(&mut log, 4, 0), Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn an_open_transaction_holds_back_the_stable_offset_until_its_marker() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    let transactional = |sequence| {
        valid(&Draft {
            producer: Some((7, 0, sequence)),
            is_transactional: true,
            ..plain(2, 5)
        })
    };
    log.append(&valid(&plain(1, 1)), 0, &OPTIONS, NOW_MS)
        .unwrap();
    log.append(&transactional(0), 0, &OPTIONS, NOW_MS).unwrap();
    assert_eq!(log.last_stable_offset(log.end_offset()), 1);
    log.append(
        &batch::marker_batch(Marker::Abort, 7, 0, 9),
        0,
        &OPTIONS,
        NOW_MS,
    )
    .unwrap();
    for _ in 0..2 {
        assert_eq!(log.last_stable_offset(log.end_offset()), 4);
        let aborted = log.aborted_in(0, 4);
        assert_eq!(
            (
                aborted.len(),
                aborted[0].first_offset,
                aborted[0].last_offset
            ),
            (1, 1, 3)
        );
        if let Some(checkpoint) = log.checkpoint() {
            checkpoint.save().unwrap();
            log.note_checkpoint(&checkpoint);
        }
        drop(log);
        log = open(&path);
    }
    log.append(&transactional(2), 0, &OPTIONS, NOW_MS).unwrap();
    log.append(
        &batch::marker_batch(Marker::Commit, 7, 0, 9),
        0,
        &OPTIONS,
        NOW_MS,
    )
    .unwrap();
    assert_eq!(log.aborted_in(4, 100).len(), 0);
}

#[test]
fn a_region_is_readable_after_its_segment_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t-0");
    let mut log = open(&path);
    for at in 0..20 {
        log.append(&valid(&plain(5, at)), 0, &OPTIONS, NOW_MS)
            .unwrap();
    }
    let plan = log.plan(0, log.end_offset(), 1 << 20).unwrap().unwrap();
    let before = read(&plan, 1 << 20, true);
    assert!(!before.is_empty());
    assert!(log.delete_before(log.end_offset(), NOW_MS).unwrap() > 0);
    assert!(!path.join(super::segment::file_name(0, "log")).exists());
    assert_eq!(read(&plan, 1 << 20, true), before);
}

#[test]
fn files_stay_within_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let files = FileCache::new(16);
    let mut logs: Vec<UnifiedLog> = (0..100)
        .map(|at| UnifiedLog::empty(dir.path().join(format!("t-{at}")), files.clone(), 0))
        .collect();
    for _ in 0..3 {
        for log in &mut logs {
            log.append(&valid(&plain(1, 1)), 0, &OPTIONS, NOW_MS)
                .unwrap();
        }
    }
    assert!(files.open_count() <= 16, "{}", files.open_count());
    logs.iter_mut()
        .for_each(|log| assert_eq!(read_all(log, 0).len(), 3));
    files.close_idle();
    files.close_idle();
    assert_eq!(files.open_count(), 0);
    let _keep: Arc<FileCache> = files;
}

mod compaction {
    use std::collections::BTreeMap;

    use super::*;
    use crate::log::compaction::CompactionRules;

    const RULES: CompactionRules = CompactionRules {
        min_dirty_ratio: 0.0,
        min_lag_ms: 0,
        max_lag_ms: i64::MAX,
        delete_retention_ms: 0,
        segment_bytes: 2_000,
        index_interval_bytes: 100,
        now_ms: 1_000_000,
    };

    type Contents = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    /// Key to value, and all offsets, as a reader from the start sees them.
    fn contents(log: &mut UnifiedLog) -> (Contents, Vec<i64>) {
        let (mut latest, mut offsets) = (BTreeMap::new(), Vec::new());
        let mut target = 0;
        while let Some(plan) = log.plan(target, log.end_offset(), 1 << 20).unwrap() {
            let bytes = read(&plan, 1 << 20, true);
            let mut at = 0;
            while let Some(header) = BatchHeader::parse(&bytes[at..]) {
                let batch = &bytes[at..at + header.size_bytes()];
                assert!(batch::crc_is_valid(batch, &header));
                for record in super::super::record::decode(batch).unwrap() {
                    offsets.push(record.offset);
                    latest.insert(
                        record.key.unwrap().to_vec(),
                        (!record.is_tombstone).then(Vec::new),
                    );
                }
                at += header.size_bytes();
                target = header.last_offset() + 1;
            }
            if bytes.is_empty() {
                let Some(next) = plan.next_base_offset else {
                    break;
                };
                target = next;
            }
        }
        (latest, offsets)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_last_record_of_each_key_stays_where_it_was(
            batches in proptest::collection::vec(proptest::collection::vec((0..8u8, any::<bool>()), 1..5), 5..60),
            reopen in any::<bool>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t-0");
            let mut log = open(&path);
            let mut clean_offset = 0;
            for (at, keys) in batches.iter().enumerate() {
                let record = |(key, alive): &(u8, bool)| (Some(vec![*key]), alive.then(|| vec![b'v'; 20]));
                let draft = Draft { records: keys.iter().map(record).collect(), ..plain(0, at as i64) };
                log.append(&valid(&draft), 0, &OPTIONS, NOW_MS).unwrap();
                if at % 20 == 19 {
                    let (before, offsets_before) = contents(&mut log);
                    if let Some(plan) = log.compaction_plan(clean_offset, log.end_offset(), RULES) {
                        let done = plan.run().unwrap();
                        done.prepare().unwrap();
                        let installed = log.install(&done, RULES.index_interval_bytes).unwrap();
                        done.finish(&installed).unwrap();
                        clean_offset = done.clean_offset;
                    }
                    if reopen {
                        drop(log);
                        log = open(&path);
                    }
                    let (after, offsets_after) = contents(&mut log);
                    // Tombstones may go; nothing else changes for a reader.
                    let alive = |map: &Contents| {
                        map.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key.clone()).collect::<Vec<_>>()
                    };
                    prop_assert_eq!(alive(&before), alive(&after));
                    prop_assert!(offsets_after.is_sorted());
                    prop_assert!(offsets_after.iter().all(|offset| offsets_before.contains(offset)));
                    let sealed = offsets_after.iter().filter(|offset| **offset < clean_offset).count();
                    prop_assert!(sealed <= 8, "{sealed} records for 8 keys below {clean_offset}");
                }
            }
        }
    }
}

mod regions {
    use super::*;

    /// What a reader gets of a segment whose batches have these base offsets, ends and sizes.
    fn expected(
        batches: &[(i64, i64, usize)],
        (target, limit, max_bytes, at_least_one): (i64, i64, usize, bool),
    ) -> Vec<i64> {
        let (mut bases, mut total) = (Vec::new(), 0);
        for (base, end, size) in batches {
            if *end <= target {
                continue;
            }
            let is_first = bases.is_empty() && at_least_one;
            if *base >= limit || (total + size > max_bytes && !is_first) {
                break;
            }
            total += size;
            bases.push(*base);
        }
        bases
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_region_holds_the_batches_that_fit(
            counts in proptest::collection::vec(1..30usize, 1..60),
            questions in proptest::collection::vec((0..600i64, 0..900i64, 0..6_000usize, any::<bool>()), 1..40),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let options = LogOptions { segment_bytes: 1 << 20, ..OPTIONS };
            let mut log = open(&dir.path().join("t-0"));
            let mut batches = Vec::new();
            for count in counts {
                let batch = valid(&plain(count, 0));
                let info = log.append(&batch, 0, &options, NOW_MS).unwrap();
                batches.push((info.base_offset, info.end_offset, batch.header.size_bytes()));
            }
            for (target, limit, max_bytes, at_least_one) in questions {
                let target = target.min(log.end_offset() - 1);
                // A watermark is always where a batch ends.
                let ends = batches.iter().map(|(_, end, _)| *end);
                let limit = ends.filter(|end| *end <= limit).max().unwrap_or(0);
                if limit <= target {
                    continue;
                }
                let plan = log.plan(target, limit, max_bytes).unwrap().unwrap();
                let bytes = read(&plan, max_bytes, at_least_one);
                let (mut at, mut bases) = (0, Vec::new());
                while let Some(header) = BatchHeader::parse(&bytes[at..]) {
                    prop_assert!(batch::crc_is_valid(&bytes[at..at + header.size_bytes()], &header));
                    bases.push(header.base_offset);
                    at += header.size_bytes();
                }
                prop_assert_eq!(at, bytes.len());
                let asked = (target, limit, max_bytes, at_least_one);
                prop_assert_eq!(bases, expected(&batches, asked));
            }
        }
    }
}
