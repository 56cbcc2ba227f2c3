//! Files that were damaged: opening never panics, and batches that no index covers are not served if their
//! checksum is wrong. `FUZZ_CASES=n` tries `n` hundred logs instead of one hundred.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{NOW_MS, open, valid};
use crate::log::batch::{self, BatchHeader, Marker};
use crate::log::file::FileCache;
use crate::log::{LogOptions, UnifiedLog, find_timestamp, recovery};
use crate::trace::Draft;

const OPTIONS: LogOptions = LogOptions {
    segment_bytes: 900,
    segment_ms: i64::MAX,
    index_interval_bytes: 100,
};

pub(crate) fn cases() -> u64 {
    let cases = std::env::var("FUZZ_CASES").map_or(1, |cases| cases.parse().unwrap());
    100 * cases
}

fn draft(producer: Option<(i64, i16, i32)>, is_transactional: bool, at: i64) -> Draft {
    Draft {
        records: vec![(Some(vec![at as u8]), Some(vec![b'v'; 20])); 2],
        timestamp_ms: 1_000 + at,
        producer,
        is_transactional,
    }
}

/// A log with all that there is: several segments, producers, transactions, indexes, snapshots.
fn fill(path: &Path, is_checkpointed: bool) {
    let mut log = open(path);
    let mut sequence = 0;
    for round in 0..12 {
        let producer = Some((5, 0, sequence));
        sequence += 2;
        log.append(&valid(&draft(None, false, round)), 0, &OPTIONS, NOW_MS)
            .unwrap();
        log.append(&valid(&draft(producer, true, round)), 0, &OPTIONS, NOW_MS)
            .unwrap();
        let marker = if round % 2 == 0 {
            Marker::Abort
        } else {
            Marker::Commit
        };
        log.append(
            &batch::marker_batch(marker, 5, 0, round),
            round as i32 / 4,
            &OPTIONS,
            NOW_MS,
        )
        .unwrap();
        if is_checkpointed && round % 5 == 4 {
            let checkpoint = log.checkpoint().unwrap();
            checkpoint.save().unwrap();
            log.note_checkpoint(&checkpoint);
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Something happens to one file.
pub(crate) fn damage(path: &Path, chance: &mut StdRng) {
    let mut bytes = std::fs::read(path).unwrap();
    for _ in 0..chance.random_range(1..4) {
        let at = chance.random_range(0..=bytes.len());
        match chance.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, chance.random()),
            2 => bytes[at..].fill(0),
            3 => bytes.extend((0..chance.random_range(1..200)).map(|_| chance.random::<u8>())),
            4 => {
                let end = bytes.len().min(at + 8);
                bytes[at..end].fill(0xff);
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << chance.random_range(0..8),
            _ => {}
        }
    }
    match chance.random_range(0..12) {
        0 => std::fs::remove_file(path).unwrap(),
        _ => std::fs::write(path, bytes).unwrap(),
    }
}

/// Reads as consumers do. Returns batches with wrong checksums.
fn read(log: &mut UnifiedLog) -> usize {
    let (mut target, mut wrong, mut steps) = (log.log_start_offset(), 0, 0);
    while let Some(plan) = log.plan(target, log.end_offset(), 300).unwrap() {
        let mut bytes = BytesMut::new();
        let records = plan.locate(300, true);
        // The index may point beyond the end of its file now: that is an error.
        let Ok(()) = records.and_then(|records| match records {
            Some(records) => records.read_into(&mut bytes),
            None => Ok(()),
        }) else {
            return wrong + 1;
        };
        let mut at = 0;
        let mut next = plan.next_base_offset;
        while let Some(header) = BatchHeader::parse(&bytes[at..]) {
            let end = (at + header.size_bytes()).min(bytes.len());
            wrong += usize::from(!batch::crc_is_valid(&bytes[at..end], &header));
            next = Some(header.last_offset() + 1);
            at = end;
        }
        match next.filter(|next| *next > target) {
            Some(next) => target = next,
            None => break,
        }
        steps += 1;
        assert!(steps < 1_000, "reading comes to no end");
    }
    for timestamp_ms in [Some(1_005), log.max_timestamp_ms()].into_iter().flatten() {
        let end = log.end_offset();
        find_timestamp(end, |from| log.batch_of_time(timestamp_ms, from)).unwrap();
    }
    log.aborted_in(0, i64::MAX);
    wrong
}

/// What is in a directory.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    };
    files(dir).into_iter().map(read).collect()
}

/// Whether every segment is as it was: indexes are made of them.
fn is_kept(before: &[(PathBuf, Vec<u8>)], after: &[(PathBuf, Vec<u8>)]) -> bool {
    let segments = before
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|name| name == "log"));
    segments.into_iter().all(|segment| after.contains(segment))
}

fn check(is_checkpointed: bool) {
    let mut refused = 0;
    for case in 0..cases() {
        let mut chance = StdRng::seed_from_u64(case);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t-0");
        fill(&path, is_checkpointed);
        let files = files(&path);
        for _ in 0..chance.random_range(1..3) {
            let file = &files[chance.random_range(0..files.len())];
            if file.exists() {
                damage(file, &mut chance);
            }
        }
        let before = contents(&path);
        let opened = recovery::open(path.clone(), FileCache::new(64), 0, 100);
        let Ok(mut log) = opened else {
            // What was on stable storage is not there: it is for people to look at, as it is.
            assert!(is_checkpointed, "case {case}");
            assert!(is_kept(&before, &contents(&path)), "case {case}");
            refused += 1;
            continue;
        };
        let wrong = read(&mut log);
        // Without an index everything is read when the log is opened.
        assert!(
            is_checkpointed || wrong == 0,
            "case {case}: {wrong} wrong batches"
        );
        let end = log.end_offset();
        log.append(&valid(&draft(None, false, 9)), 9, &OPTIONS, NOW_MS)
            .unwrap_or_else(|code| panic!("case {case}: {code}"));
        if let Some(checkpoint) = log.checkpoint() {
            checkpoint.save().unwrap();
            log.note_checkpoint(&checkpoint);
        }
        drop(log);
        let mut log = open(&path);
        // Damage in batches that the index covers is found when the whole log has to be read.
        let is_found_later = wrong > 0 && log.end_offset() <= end;
        assert!(
            is_found_later || log.end_offset() == end + 2,
            "case {case}: {} instead of {}",
            log.end_offset(),
            end + 2
        );
        read(&mut log);
    }
    let is_some_refused = refused > 0;
    assert_eq!(is_some_refused, is_checkpointed, "{refused} refused");
}

/// Ten batches, the first `durable` of them under a checkpoint, in one segment without an index.
fn half_durable(path: &Path, durable: i64) {
    let options = LogOptions {
        segment_bytes: 1 << 20,
        index_interval_bytes: 1 << 20,
        ..OPTIONS
    };
    let mut log = open(path);
    for at in 0..10 {
        log.append(&valid(&draft(None, false, at)), 0, &options, NOW_MS)
            .unwrap();
        if at + 1 == durable {
            let checkpoint = log.checkpoint().unwrap();
            checkpoint.save().unwrap();
            log.note_checkpoint(&checkpoint);
        }
    }
}

#[test]
fn what_was_durable_and_is_not_there_is_damage() {
    const DURABLE: i64 = 6;
    // Batches hold two records each.
    let check = |what: &str, damage: &dyn Fn(&Path, usize), expected: Option<i64>| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t-0");
        half_durable(&path, DURABLE);
        let segment = path.join("00000000000000000000.log");
        let batch_bytes = std::fs::read(&segment).unwrap().len() / 10;
        damage(&segment, batch_bytes);
        let before = contents(&path);
        for _ in 0..2 {
            let opened = recovery::open(path.clone(), FileCache::new(64), 0, 100);
            let end = opened.as_ref().ok().map(UnifiedLog::end_offset);
            assert_eq!(end, expected, "{what}");
            if expected.is_none() {
                assert!(contents(&path) == before, "{what}: nothing was changed");
            }
        }
    };
    let flip = |batch: usize, byte: usize| {
        move |segment: &Path, batch_bytes: usize| {
            let mut bytes = std::fs::read(segment).unwrap();
            bytes[batch * batch_bytes + byte] ^= 1;
            std::fs::write(segment, bytes).unwrap();
        }
    };
    let cut = |batches: usize| {
        move |segment: &Path, batch_bytes: usize| {
            let file = std::fs::OpenOptions::new().write(true).open(segment);
            file.unwrap()
                .set_len((batches * batch_bytes) as u64)
                .unwrap();
        }
    };
    check("as it was", &|_, _| {}, Some(20));
    check("a bit of the first batch", &flip(0, 70), None);
    check("a bit of the first length", &flip(0, 11), None);
    check("a bit of the last durable batch", &flip(5, 70), None);
    check("a bit behind the checkpoint", &flip(6, 70), Some(12));
    check("a bit of the last batch", &flip(9, 70), Some(18));
    check("cut before the checkpoint", &cut(5), None);
    check("cut behind the checkpoint", &cut(7), Some(14));
    check("emptied", &cut(0), None);
    let gone = |segment: &Path, _: usize| std::fs::remove_file(segment).unwrap();
    check("gone", &gone, None);
}

#[test]
fn a_damaged_log_without_indexes_serves_sound_batches_only() {
    check(false);
}

#[test]
fn a_damaged_log_with_indexes_can_be_opened_and_goes_on() {
    check(true);
}
