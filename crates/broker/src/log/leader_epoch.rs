//! At which offset each leader epoch of a log starts (KIP-101), in Kafka's `leader-epoch-checkpoint` file.
//!
//! The file is needed only when a log has more than one epoch: what the first batch says holds otherwise.

use std::io;
use std::path::Path;

use super::disk::Disk;

/// Kafka's name for the file.
const FILE_NAME: &str = "leader-epoch-checkpoint";
/// Format of the file.
const VERSION: u32 = 0;
/// Epochs that are remembered per log; beyond it the oldest is forgotten, as if retention had passed it.
const EPOCHS_MAX: usize = 1_000;

/// An epoch and the offset of its first batch.
type EpochStart = (i32, i64);

/// Epochs in ascending order; their offsets ascend, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs(Vec<EpochStart>);

impl LeaderEpochs {
    /// Takes note of a batch. Returns whether its epoch is a new one.
    pub(crate) fn note(&mut self, epoch: i32, offset: i64) -> bool {
        if self.0.last().is_some_and(|(last, _)| *last >= epoch) {
            return false;
        }
        if self.0.len() >= EPOCHS_MAX {
            self.0.remove(0);
        }
        self.0.push((epoch, offset));
        true
    }

    /// Forgets epochs that start at or behind the end of the log, which a crash has cut off.
    pub(crate) fn truncate(&mut self, end_offset: i64) {
        self.0.retain(|(_, start)| *start < end_offset);
    }

    /// The epochs of records that are still there: the first of them starts at the start of the log.
    fn present(&self, log_start_offset: i64) -> Vec<EpochStart> {
        let covers = self
            .0
            .partition_point(|(_, start)| *start <= log_start_offset);
        let mut present = self.0[covers.saturating_sub(1)..].to_vec();
        if let Some(first) = present.first_mut() {
            first.1 = first.1.max(log_start_offset);
        }
        present
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        let behind = self.0.partition_point(|(_, start)| *start <= offset);
        behind.checked_sub(1).map(|at| self.0[at].0)
    }

    /// The newest epoch that is not newer than `epoch`, and where it ended; `None` if `epoch` is newer
    /// than all. `current` is the epoch of the leader, which may not have written yet.
    pub(crate) fn end_of(
        &self,
        epoch: i32,
        current: i32,
        log_start_offset: i64,
        end_offset: i64,
    ) -> Option<EpochStart> {
        let mut epochs = self.present(log_start_offset);
        if epochs.last().is_none_or(|(last, _)| *last < current) {
            epochs.push((current, end_offset));
        }
        if epoch == current {
            return Some((epoch, end_offset));
        }
        let higher = epochs.partition_point(|(known, _)| *known <= epoch);
        let (_, end) = *epochs.get(higher)?;
        let found = higher.checked_sub(1).map_or(epoch, |at| epochs[at].0);
        Some((found, end))
    }

    /// Writes the file unless the first batch alone implies it.
    pub(crate) fn save(&self, disk: &Disk, dir: &Path) -> io::Result<()> {
        if self.0.len() < 2 {
            return Ok(());
        }
        let mut text = format!("{VERSION}\n{}\n", self.0.len());
        for (epoch, start) in &self.0 {
            text.push_str(&format!("{epoch} {start}\n"));
        }
        // Durable before the index is written, since recovery skips batches that the index covers.
        disk.replace_file(&dir.join(FILE_NAME), text.as_bytes())?;
        disk.sync_dir(dir)
    }

    /// Reads the file; no epochs if there is none or it makes no sense.
    pub(crate) fn load(dir: &Path) -> io::Result<Self> {
        let bytes = match std::fs::read(dir.join(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other?,
        };
        let loaded = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        if loaded.is_none() {
            tracing::warn!(dir = %dir.display(), "{FILE_NAME} cannot be read");
        }
        Ok(loaded.unwrap_or_default())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version: u32 = lines.next()?.trim().parse().ok()?;
        let count: usize = lines.next()?.trim().parse().ok()?;
        if version != VERSION {
            return None;
        }
        let mut epochs = Self::default();
        for line in lines.by_ref().take(count) {
            let (epoch, start) = line.trim().split_once(' ')?;
            epochs.note(epoch.parse().ok()?, start.parse().ok()?);
        }
        (epochs.0.len() == count).then_some(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[EpochStart]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in entries {
            epochs.note(*epoch, *start);
        }
        epochs
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next() {
        let known = epochs(&[(0, 0), (2, 10), (3, 15)]);
        let check = |epoch, current, log_start, expected| {
            assert_eq!(
                known.end_of(epoch, current, log_start, 20),
                expected,
                "epoch {epoch} under leader {current} from {log_start}"
            );
        };
        check(0, 3, 0, Some((0, 10)));
        check(1, 3, 0, Some((0, 10)));
        check(2, 3, 0, Some((2, 15)));
        check(3, 3, 0, Some((3, 20)));
        check(4, 3, 0, None);
        // The leader of epoch 5 has written nothing yet.
        check(3, 5, 0, Some((3, 20)));
        check(4, 5, 0, Some((3, 20)));
        check(5, 5, 0, Some((5, 20)));
        check(6, 5, 0, None);
        // Records of epoch 0 and some of epoch 2 are gone.
        check(0, 3, 12, Some((0, 12)));
        check(2, 3, 12, Some((2, 15)));
        // An empty log.
        assert_eq!(epochs(&[]).end_of(0, 0, 0, 0), Some((0, 0)));
        assert_eq!(epochs(&[]).end_of(0, 1, 0, 0), Some((0, 0)));
    }

    #[test]
    fn epochs_are_read_back_from_kafkas_file_and_cut_with_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut known = epochs(&[(0, 0), (2, 10), (3, 15)]);
        known.save(&Disk::default(), dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(text, "0\n3\n0 0\n2 10\n3 15\n");
        assert_eq!(LeaderEpochs::load(dir.path()).unwrap(), known);
        known.truncate(15);
        assert_eq!(known, epochs(&[(0, 0), (2, 10)]));
        assert_eq!(known.epoch_at(9), Some(0));
        assert_eq!(known.epoch_at(10), Some(2));
        for damaged in [
            "",
            "1\n0\n",
            "0\n2\n0 0\n",
            "0\n1\nx y\n",
            "0\n2\n3 0\n2 5\n",
        ] {
            assert_eq!(LeaderEpochs::parse(damaged), None, "{damaged:?}");
        }
    }
}
