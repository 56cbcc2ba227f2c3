//! Compaction: of records with equal keys the last is kept (Apache Kafka's log cleaner).
//!
//! Sealed segments are rewritten into new files beside the old ones and take their place in one step.
//! Offsets do not change; batches keep their base offset, so that records are copied as they stand.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::batch::{self, BatchHeader, HEADER_BYTES};
use super::disk::{Disk, DiskWriter};
use super::file::FileCache;
use super::producer_state::AbortedTransaction;
use super::record::{self, Packer, RecordRef, UNPACKED_BYTES_MAX};
use super::segment::{self, Segment, file_name};
use super::unified_log::UnifiedLog;

/// Bytes of keys in memory in one run; what follows is left to the next (Kafka's
/// `log.cleaner.dedupe.buffer.size` is 128 MiB for all threads).
const KEY_BYTES_MAX: usize = 8 << 20;
/// What a key takes besides its bytes.
const KEY_OVERHEAD_BYTES: usize = 96;

/// What the topic asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompactionRules {
    pub min_dirty_ratio: f64,
    /// Records younger than this are left alone.
    pub min_lag_ms: i64,
    /// Records older than this are compacted whatever the ratio.
    pub max_lag_ms: i64,
    /// Tombstones live at least so long.
    pub delete_retention_ms: i64,
    pub segment_bytes: u64,
    pub index_interval_bytes: u64,
    pub now_ms: i64,
}

/// Segments to be compacted; listed under the partition's lock, compacted without it.
pub(crate) struct CompactionPlan {
    disk: Disk,
    dir: PathBuf,
    sources: Vec<Source>,
    /// Records below were compacted before.
    clean_offset: i64,
    /// Only records below are looked at.
    end_offset: i64,
    aborted: Vec<AbortedTransaction>,
    rules: CompactionRules,
}

struct Source {
    base_offset: i64,
    size_bytes: u64,
    /// When its last batch was appended, by the broker's clock.
    appended_ms: i64,
    file: super::file::CachedFile,
}

/// A rewritten segment that will replace others.
struct Cleaned {
    base_offset: i64,
    replaces: Vec<i64>,
    path: PathBuf,
}

/// What a run made.
pub(crate) struct Compacted {
    disk: Disk,
    dir: PathBuf,
    segments: Vec<Cleaned>,
    sizes: Vec<(i64, u64)>,
    /// Records below are compacted now.
    pub clean_offset: i64,
}

/// What remains to be done after segments were replaced.
#[derive(Default)]
pub(crate) struct Installed {
    pub freed_bytes: u64,
    /// Base offsets of segments whose records are in others now.
    leftovers: Vec<i64>,
}

impl Compacted {
    /// Removes the indexes of the segments to be replaced, durably: they hold positions in the old files. If
    /// compaction stops here, they are rebuilt when the log is opened.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        for (base_offset, _) in &self.sizes {
            self.remove(*base_offset, &["index", "timeindex"])?;
        }
        self.disk.sync_dir(&self.dir)
    }

    /// Removes what was replaced, when the new names are durable: until then the old files may be all
    /// that is left after a loss of power.
    pub(crate) fn finish(&self, installed: &Installed) -> io::Result<()> {
        if self.segments.is_empty() {
            return Ok(());
        }
        self.disk.sync_dir(&self.dir)?;
        for base_offset in &installed.leftovers {
            self.remove(*base_offset, &["log", "txnindex"])?;
        }
        Ok(())
    }

    fn remove(&self, base_offset: i64, extensions: &[&str]) -> io::Result<()> {
        extensions.iter().try_for_each(|extension| {
            let path = self.dir.join(file_name(base_offset, extension));
            self.disk.remove_file_if_there(&path)
        })
    }
}

impl UnifiedLog {
    /// What there is to compact below `limit_offset`; `None` if it is not worth it yet.
    pub(crate) fn compaction_plan(
        &self,
        clean_offset: i64,
        limit_offset: i64,
        rules: CompactionRules,
    ) -> Option<CompactionPlan> {
        let sealed = self.segments.len().checked_sub(1)?;
        let mut sources = Vec::new();
        let (mut dirty_bytes, mut clean_bytes, mut is_overdue) = (0, 0, false);
        for (at, segment) in self.segments[..sealed].iter().enumerate() {
            let end = self.segments[at + 1].base_offset;
            if end > limit_offset
                || segment.age_from_ms() > rules.now_ms.saturating_sub(rules.min_lag_ms)
            {
                break;
            }
            if end > clean_offset {
                dirty_bytes += segment.size_bytes;
                let oldest = segment.first_timestamp_ms.unwrap_or(rules.now_ms);
                is_overdue |= rules.now_ms.saturating_sub(oldest) > rules.max_lag_ms;
            } else {
                clean_bytes += segment.size_bytes;
            }
            let (base_offset, size_bytes) = (segment.base_offset, segment.size_bytes);
            sources.push(Source {
                base_offset,
                size_bytes,
                appended_ms: segment.appended_ms,
                file: segment.file().clone(),
            });
        }
        let ratio = dirty_bytes as f64 / ((dirty_bytes + clean_bytes) as f64).max(1.0);
        if dirty_bytes == 0 || !(is_overdue || ratio >= rules.min_dirty_ratio) {
            return None;
        }
        Some(CompactionPlan {
            disk: self.files.disk().clone(),
            dir: self.dir.clone(),
            end_offset: self.segments[sources.len()].base_offset,
            sources,
            clean_offset,
            aborted: self.aborted.clone(),
            rules,
        })
    }

    /// Puts the new segments in the place of the old ones, between [`Compacted::prepare`] and
    /// [`Compacted::finish`]. Does nothing if the old ones are gone.
    pub(crate) fn install(
        &mut self,
        compacted: &Compacted,
        index_interval_bytes: u64,
    ) -> io::Result<Installed> {
        let is_same = |(base, size): &(i64, u64)| {
            self.segments
                .iter()
                .any(|segment| segment.base_offset == *base && segment.size_bytes == *size)
        };
        if !compacted.sizes.iter().all(is_same) {
            for cleaned in &compacted.segments {
                self.files.disk().remove_file(&cleaned.path)?;
            }
            return Ok(Installed::default());
        }
        let mut installed = Installed::default();
        for cleaned in &compacted.segments {
            installed.freed_bytes += self.replace(cleaned, index_interval_bytes)?;
            let leftovers = cleaned
                .replaces
                .iter()
                .filter(|base| **base != cleaned.base_offset);
            installed.leftovers.extend(leftovers);
        }
        Ok(installed)
    }

    fn replace(&mut self, cleaned: &Cleaned, index_interval_bytes: u64) -> io::Result<u64> {
        let is_replaced = |segment: &Segment| cleaned.replaces.contains(&segment.base_offset);
        let before: u64 = self
            .segments
            .iter()
            .filter(|segment| is_replaced(segment))
            .map(|segment| segment.size_bytes)
            .sum();
        let at = self
            .segments
            .partition_point(|segment| segment.base_offset < cleaned.base_offset);
        for segment in self.segments.iter().filter(|segment| is_replaced(segment)) {
            segment.file().retire();
        }
        self.files.disk().rename(
            &cleaned.path,
            &self.dir.join(file_name(cleaned.base_offset, "log")),
        )?;
        self.segments
            .retain(|segment| !cleaned.replaces.contains(&segment.base_offset));
        let segment = read_anew(
            &self.dir,
            &self.files,
            cleaned.base_offset,
            index_interval_bytes,
        )?;
        let after = segment.size_bytes;
        self.first_dirty_segment = Some(
            self.first_dirty_segment
                .map_or(cleaned.base_offset, |first| first.min(cleaned.base_offset)),
        );
        self.segments.insert(at, segment);
        Ok(before.saturating_sub(after))
    }
}

/// Opens a segment that has no index yet.
fn read_anew(
    dir: &Path,
    files: &Arc<FileCache>,
    base_offset: i64,
    index_interval_bytes: u64,
) -> io::Result<Segment> {
    let mut segment = Segment::open(dir, files, base_offset)?;
    let file = segment.file().clone();
    let file_bytes = segment.size_bytes;
    segment.size_bytes = 0;
    segment::scan(&file, 0, file_bytes, |header, _, _| {
        segment.note(header, index_interval_bytes);
        true
    })?;
    segment.seal()?;
    Ok(segment)
}

impl CompactionPlan {
    /// Reads and writes everything; blocks on the disk.
    pub(crate) fn run(&self) -> io::Result<Compacted> {
        let (latest, end_offset) = self.latest_offsets()?;
        let mut out = Compacted {
            disk: self.disk.clone(),
            dir: self.dir.clone(),
            segments: Vec::new(),
            sizes: Vec::new(),
            clean_offset: end_offset,
        };
        let mut group: Vec<&Source> = Vec::new();
        let mut group_bytes = 0;
        for source in self
            .sources
            .iter()
            .filter(|source| source.base_offset < end_offset)
        {
            let first = group
                .first()
                .map_or(source.base_offset, |first| first.base_offset);
            let is_full = group_bytes + source.size_bytes > self.rules.segment_bytes
                || source.base_offset - first > i64::from(i32::MAX) / 2;
            if is_full && !group.is_empty() {
                self.write_group(&group, &latest, end_offset, &mut out)?;
                group.clear();
                group_bytes = 0;
            }
            group.push(source);
            group_bytes += source.size_bytes;
        }
        if !group.is_empty() {
            self.write_group(&group, &latest, end_offset, &mut out)?;
        }
        Ok(out)
    }

    /// The last offset of each key in the part that was not compacted yet, and how far it reaches.
    fn latest_offsets(&self) -> io::Result<(HashMap<Bytes, i64>, i64)> {
        let mut latest = HashMap::new();
        let (mut key_bytes, mut end_offset) = (0, self.end_offset);
        for (at, source) in self.sources.iter().enumerate() {
            let next = self
                .sources
                .get(at + 1)
                .map_or(self.end_offset, |next| next.base_offset);
            if next <= self.clean_offset {
                continue;
            }
            if key_bytes > KEY_BYTES_MAX {
                end_offset = end_offset.min(source.base_offset);
                break;
            }
            segment::scan(&source.file, 0, source.size_bytes, |header, _, bytes| {
                if header.is_control() || self.is_aborted(header) {
                    return true;
                }
                if key_bytes > KEY_BYTES_MAX {
                    end_offset = header.base_offset;
                    return false;
                }
                let body = &bytes[HEADER_BYTES..];
                // A batch that cannot be read to its end is kept as it is; the keys read so far count. So is the rest
                // of one that has too many.
                let _ = record::visit(header, body, UNPACKED_BYTES_MAX, |record| {
                    if let Some(key) = record.key
                        && latest
                            .insert(Bytes::copy_from_slice(key), record.offset(header))
                            .is_none()
                    {
                        key_bytes += key.len() + KEY_OVERHEAD_BYTES;
                    }
                    match key_bytes > 2 * KEY_BYTES_MAX {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                });
                true
            })?;
        }
        Ok((latest, end_offset))
    }

    fn is_aborted(&self, header: &BatchHeader) -> bool {
        let covers = |aborted: &AbortedTransaction| {
            aborted.producer_id == header.producer_id
                && (aborted.first_offset..=aborted.last_offset).contains(&header.base_offset)
        };
        header.is_transactional() && self.aborted.iter().any(covers)
    }

    fn write_group(
        &self,
        group: &[&Source],
        latest: &HashMap<Bytes, i64>,
        end_offset: i64,
        out: &mut Compacted,
    ) -> io::Result<()> {
        let base_offset = group[0].base_offset;
        let path = self.dir.join(file_name(base_offset, "log.cleaned"));
        let mut writer = BufWriter::new(DiskWriter::create(&self.disk, &path)?);
        for source in group {
            let mut failed = None;
            segment::scan(&source.file, 0, source.size_bytes, |header, _, bytes| {
                let kept = Kept {
                    plan: self,
                    header,
                    latest,
                    appended_ms: source.appended_ms,
                    is_aborted: self.is_aborted(header),
                };
                let written = kept.write(&mut writer, bytes, end_offset);
                failed = written.err();
                failed.is_none()
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            out.sizes.push((source.base_offset, source.size_bytes));
        }
        let writer = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        // Being compacted is no append.
        let appended_ms = group.iter().map(|source| source.appended_ms).max();
        writer.set_modified(appended_ms.unwrap_or(self.rules.now_ms))?;
        writer.sync()?;
        let replaces = group.iter().map(|source| source.base_offset).collect();
        out.segments.push(Cleaned {
            base_offset,
            replaces,
            path,
        });
        Ok(())
    }
}

/// Which records of a batch are kept.
struct Kept<'a> {
    plan: &'a CompactionPlan,
    header: &'a BatchHeader,
    latest: &'a HashMap<Bytes, i64>,
    appended_ms: i64,
    is_aborted: bool,
}

impl Kept<'_> {
    fn keeps(&self, record: &RecordRef<'_>) -> bool {
        let Some(key) = record.key else { return false };
        let offset = record.offset(self.header);
        let is_latest = self.latest.get(key).is_none_or(|last| offset >= *last);
        is_latest && !self.is_spent(record, offset) && !self.is_aborted
    }

    /// Whether it is a tombstone that every consumer had time to see. That time counts from the last append
    /// to the segment: the record's own may be long past (Kafka's delete horizon, by the clock of its broker).
    fn is_spent(&self, record: &RecordRef<'_>, offset: i64) -> bool {
        let rules = &self.plan.rules;
        record.is_tombstone
            && offset < self.plan.clean_offset
            && self.appended_ms < rules.now_ms.saturating_sub(rules.delete_retention_ms)
    }

    fn write(&self, writer: &mut impl Write, bytes: &[u8], end_offset: i64) -> io::Result<()> {
        let header = self.header;
        if header.is_control() || header.base_offset >= end_offset {
            return writer.write_all(bytes);
        }
        let body = &bytes[HEADER_BYTES..];
        let mut kept = 0;
        let read = record::visit(header, body, UNPACKED_BYTES_MAX, |record| {
            kept += i32::from(self.keeps(record));
            ControlFlow::Continue(())
        });
        // What cannot be read is kept as it is.
        if read.is_err() || kept == header.records_count {
            return writer.write_all(bytes);
        }
        // A producer's last batch stays even without records: its sequence number is still needed.
        if kept == 0 && (header.producer_id < 0 || self.is_aborted) {
            return Ok(());
        }
        let mut packer = Packer::new(header.compression())?;
        let mut failed = None;
        let read = record::visit(header, body, UNPACKED_BYTES_MAX, |record| {
            if self.keeps(record)
                && let Err(error) = packer.push(record)
            {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        read.map_err(io::Error::other)?;
        match failed {
            Some(error) => Err(error),
            None => writer.write_all(&batch::with_records(header, kept, &packer.finish()?)),
        }
    }
}
