//! How far a metadata log was durable, kept in a file of its own: marks inside of the log go with it when it is cut.
//!
//! The file (`cluster.mark`) has two places for a line as marks are, written in turn, so that one that is torn leaves the other.
//! It is written behind what is durable and never flushed for itself: it may say less than is there, and never more. Before the
//! log is rewritten, and becomes shorter, both say nothing, and that is durable.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::metadata_log::{content_of, encode_place, mark_of};
use crate::log::file::{CachedFile, FileCache};

/// Bytes of a place: a checksum, a space, `@`, twenty digits and a line feed.
const PLACE_BYTES: usize = 31;
/// Places.
const PLACES: usize = 2;

/// The file of a metadata log.
pub(crate) struct HighWater {
    file: CachedFile,
    /// The place that is written next.
    next: usize,
    is_there: bool,
}

impl HighWater {
    /// That of the metadata log at `path`, and what it says: 0 where there is none, or none that can be read.
    pub(crate) fn beside(path: &Path, files: &Arc<FileCache>) -> io::Result<(Self, u64)> {
        let path = path.with_extension("mark");
        let (bytes, is_there) = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), false),
            other => (other?, true),
        };
        let places = bytes.chunks(PLACE_BYTES).take(PLACES);
        let said: Vec<u64> = places
            .map(|place| content_of(place).and_then(mark_of).unwrap_or(0))
            .collect();
        let highest = said.iter().copied().max().unwrap_or(0);
        let of_highest = said.iter().position(|bytes| *bytes == highest);
        let high_water = Self {
            file: CachedFile::new(files, path),
            next: of_highest.map_or(0, |place| (place + 1) % PLACES),
            is_there,
        };
        Ok((high_water, highest))
    }

    /// Says that the metadata log is durable up to here.
    pub(crate) fn raise(&mut self, durable_bytes: u64) -> io::Result<()> {
        if !self.is_there {
            self.file.create()?;
            self.is_there = true;
        }
        self.write(self.next, durable_bytes)?;
        self.next = (self.next + 1) % PLACES;
        Ok(())
    }

    /// Says nothing any more, for good.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        if !self.is_there {
            return Ok(());
        }
        (0..PLACES).try_for_each(|place| self.write(place, 0))?;
        self.file.sync()
    }

    fn write(&self, place: usize, durable_bytes: u64) -> io::Result<()> {
        let line = encode_place(durable_bytes);
        let position = (place * PLACE_BYTES) as u64;
        self.file.write_parts_at([&line, &[]], position)
    }
}
