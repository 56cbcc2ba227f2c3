//! Slices of segment files that responses are sent from, without the partition's lock and without copying the
//! records into this process (Kafka's `FileRecords`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::BytesMut;

use super::batch::{BatchHeader, HEADER_BYTES};

/// Bytes read at a time to walk from one batch's header to the next: several small batches, or little of a
/// large one.
const WALK_BYTES: usize = 2 << 10;

/// Whole batches in a file. The bytes never change: appends follow them, and a file that compaction or
/// retention removes stays readable while it is held here.
#[derive(Debug, Clone)]
pub(crate) struct FileRecords {
    pub file: Arc<File>,
    pub position: u64,
    pub length: usize,
}

impl FileRecords {
    /// Appends the bytes to `out`.
    ///
    /// # Errors
    /// If the disk fails, or the file is shorter than it was.
    pub(crate) fn read_into(&self, out: &mut BytesMut) -> io::Result<()> {
        let start = out.len();
        out.resize(start + self.length, 0);
        self.file.read_exact_at(&mut out[start..], self.position)
    }
}

/// Where to look for a range of offsets in one segment.
pub(crate) struct ReadPlan {
    pub file: Arc<File>,
    /// A batch starts here, at or before the one that holds `target`.
    pub position: u64,
    /// A batch boundary: all batches between `position` and here are visible to the reader, so their headers
    /// need not be read.
    pub sure_end: u64,
    /// End of the segment when the plan was made.
    pub end: u64,
    pub target: i64,
    /// The reader sees batches below this offset only.
    pub limit_offset: i64,
    /// The next segment, if this one has nothing at or after the target.
    pub next_base_offset: Option<i64>,
}

impl ReadPlan {
    /// Whole batches from the target on, at most `max_bytes`; with `at_least_one` the first is returned
    /// whatever its size (KIP-74).
    pub(crate) fn locate(
        &self,
        max_bytes: usize,
        at_least_one: bool,
    ) -> io::Result<Option<FileRecords>> {
        let mut walk = Walk::new(self);
        let Some((start, first)) = walk.find(self.position, self.target)? else {
            return Ok(None);
        };
        let first_end = start + first.size_bytes() as u64;
        if first.base_offset >= self.limit_offset
            || first_end > self.end
            || (first.size_bytes() > max_bytes && !at_least_one)
        {
            return Ok(None);
        }
        let stop = start.saturating_add(max_bytes as u64).min(self.end);
        let mut end = if self.sure_end <= stop {
            self.sure_end.max(first_end)
        } else {
            first_end
        };
        while let Some(header) = walk.header_at(end)? {
            let next = end + header.size_bytes() as u64;
            if next > stop || header.base_offset >= self.limit_offset {
                break;
            }
            end = next;
        }
        Ok(Some(FileRecords {
            file: self.file.clone(),
            position: start,
            length: (end - start) as usize,
        }))
    }
}

/// Reads headers of batches, keeping the bytes read last.
struct Walk<'a> {
    plan: &'a ReadPlan,
    chunk: [u8; WALK_BYTES],
    chunk_position: u64,
    chunk_length: usize,
}

impl<'a> Walk<'a> {
    fn new(plan: &'a ReadPlan) -> Self {
        Self {
            plan,
            chunk: [0; WALK_BYTES],
            chunk_position: 0,
            chunk_length: 0,
        }
    }

    /// The header at a position; `None` at the end of the segment.
    fn header_at(&mut self, position: u64) -> io::Result<Option<BatchHeader>> {
        if position + HEADER_BYTES as u64 > self.plan.end {
            return Ok(None);
        }
        let chunk_end = self.chunk_position + self.chunk_length as u64;
        if position < self.chunk_position || position + HEADER_BYTES as u64 > chunk_end {
            let want = WALK_BYTES.min((self.plan.end - position) as usize);
            self.plan
                .file
                .read_exact_at(&mut self.chunk[..want], position)?;
            (self.chunk_position, self.chunk_length) = (position, want);
        }
        let at = (position - self.chunk_position) as usize;
        Ok(BatchHeader::parse(&self.chunk[at..self.chunk_length]))
    }

    /// The first batch from `position` on that reaches `target`.
    fn find(&mut self, position: u64, target: i64) -> io::Result<Option<(u64, BatchHeader)>> {
        let mut at = position;
        while let Some(header) = self.header_at(at)? {
            if header.last_offset() >= target {
                return Ok(Some((at, header)));
            }
            at += header.size_bytes() as u64;
        }
        Ok(None)
    }
}
