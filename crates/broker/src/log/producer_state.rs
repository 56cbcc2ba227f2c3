//! What a partition knows of its producers: epochs, the last sequence numbers (KIP-98) and open transactions.
//! Saved beside the segments as Kafka's `.snapshot` files.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::batch::{BatchHeader, sequence_add};
use crate::error::ErrorCode;

/// Batches per producer that can be recognised as duplicates; Kafka's clients keep at most as many in flight.
const BATCHES_REMEMBERED: usize = 5;
/// Producers remembered per partition; beyond it the one that was silent longest is forgotten.
const PRODUCERS_MAX: usize = 10_000;
const SNAPSHOT_VERSION: i16 = 1;
const SNAPSHOT_ENTRY_BYTES: usize = 46;
/// Precedes data that Kafka's format has no field for and its readers ignore: the batches before the last of
/// each producer. Without them the repetition of a batch that was not the last would be refused after a
/// restart, though it is there.
const EARLIER_MAGIC: &[u8; 8] = b"earlier1";
/// Producer id and one batch.
const EARLIER_ENTRY_BYTES: usize = 36;

/// One batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchMetadata {
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub timestamp_ms: i64,
}

impl BatchMetadata {
    pub(crate) fn base_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// One producer in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    pub epoch: i16,
    pub batches: VecDeque<BatchMetadata>,
    /// Timestamp of its last batch.
    pub last_timestamp_ms: i64,
    /// When its last batch was appended, by the broker's clock: its records may be of any time.
    pub last_append_ms: i64,
    pub coordinator_epoch: i32,
    /// First offset of the transaction that is open here.
    pub transaction_first_offset: Option<i64>,
}

/// A transaction that was aborted: `read_committed` consumers skip its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
    /// Offset of the abort marker.
    pub last_offset: i64,
}

/// Answer to "may this batch be appended?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceCheck {
    Append,
    /// It is already there.
    Duplicate(BatchMetadata),
}

/// All producers of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProducerStates {
    entries: HashMap<i64, ProducerEntry>,
    /// First offset of every open transaction, to find the last stable offset.
    open: BTreeMap<i64, i64>,
}

impl ProducerStates {
    /// Kafka's `ProducerAppendInfo` rules for a batch that carries a producer id.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<SequenceCheck, ErrorCode> {
        let Some(entry) = self.entries.get(&header.producer_id) else {
            return Ok(SequenceCheck::Append);
        };
        if header.producer_epoch < entry.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if header.producer_epoch > entry.epoch {
            return if header.base_sequence == 0 {
                Ok(SequenceCheck::Append)
            } else {
                Err(ErrorCode::OutOfOrderSequenceNumber)
            };
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        let same =
            |batch: &&BatchMetadata| batch.first_sequence == first && batch.last_sequence == last;
        if let Some(duplicate) = entry.batches.iter().find(same) {
            return Ok(SequenceCheck::Duplicate(*duplicate));
        }
        let expected = match entry.batches.back() {
            Some(batch) => sequence_add(batch.last_sequence, 1),
            None => 0,
        };
        if first == expected {
            Ok(SequenceCheck::Append)
        } else {
            Err(ErrorCode::OutOfOrderSequenceNumber)
        }
    }

    /// Takes note of a batch that was appended at `append_ms`, or that recovery found. A marker ends the
    /// producer's transaction; the range is returned if one was open.
    pub(crate) fn note(&mut self, header: &BatchHeader, append_ms: i64) -> Option<(i64, i64)> {
        if header.producer_id < 0 {
            return None;
        }
        self.make_room(header.producer_id);
        let entry = self
            .entries
            .entry(header.producer_id)
            .or_insert_with(|| ProducerEntry {
                epoch: header.producer_epoch,
                batches: VecDeque::new(),
                last_timestamp_ms: header.max_timestamp,
                last_append_ms: append_ms,
                coordinator_epoch: -1,
                transaction_first_offset: None,
            });
        if header.producer_epoch != entry.epoch {
            entry.epoch = header.producer_epoch;
            entry.batches.clear();
        }
        entry.last_timestamp_ms = header.max_timestamp;
        entry.last_append_ms = append_ms;
        if header.is_control() {
            entry.coordinator_epoch = 0;
            let first = entry.transaction_first_offset.take()?;
            self.open.remove(&first);
            return Some((first, header.base_offset));
        }
        if entry.batches.len() == BATCHES_REMEMBERED {
            entry.batches.pop_front();
        }
        entry.batches.push_back(BatchMetadata {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp_ms: header.max_timestamp,
        });
        if header.is_transactional() && entry.transaction_first_offset.is_none() {
            entry.transaction_first_offset = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer_id);
        }
        None
    }

    fn make_room(&mut self, producer_id: i64) {
        if self.entries.len() < PRODUCERS_MAX || self.entries.contains_key(&producer_id) {
            return;
        }
        let oldest = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.transaction_first_offset.is_none())
            .min_by_key(|(_, entry)| entry.last_append_ms)
            .map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            self.entries.remove(&oldest);
        }
    }

    /// Forgets producers that have appended nothing since `before_ms` (`producer.id.expiration.ms`). Kafka
    /// looks at the time of their records; that of the append is the same for those who write the present, and
    /// keeps those who write the past.
    pub(crate) fn expire(&mut self, before_ms: i64) {
        self.entries.retain(|_, entry| {
            entry.transaction_first_offset.is_some() || entry.last_append_ms > before_ms
        });
    }

    /// First offset of the oldest open transaction.
    pub(crate) fn first_open_offset(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// Whether this producer has a transaction open here.
    pub(crate) fn is_open(&self, producer_id: i64) -> bool {
        self.entries
            .get(&producer_id)
            .is_some_and(|entry| entry.transaction_first_offset.is_some())
    }

    /// Whether it has one open in this epoch.
    pub(crate) fn is_open_in(&self, producer_id: i64, epoch: i16) -> bool {
        let entry = self.entries.get(&producer_id);
        entry.is_some_and(|entry| entry.transaction_first_offset.is_some() && entry.epoch == epoch)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// The bytes of a `.snapshot` file (Kafka's `ProducerStateManager`, version 1).
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(4 + self.entries.len() * SNAPSHOT_ENTRY_BYTES);
        body.extend((self.entries.len() as i32).to_be_bytes());
        for (id, entry) in &self.entries {
            let last = entry.batches.back();
            body.extend(id.to_be_bytes());
            body.extend(entry.epoch.to_be_bytes());
            body.extend(last.map_or(-1, |batch| batch.last_sequence).to_be_bytes());
            body.extend(last.map_or(-1, |batch| batch.last_offset).to_be_bytes());
            body.extend(last.map_or(0, |batch| batch.offset_delta).to_be_bytes());
            body.extend(entry.last_timestamp_ms.to_be_bytes());
            body.extend(entry.coordinator_epoch.to_be_bytes());
            body.extend(entry.transaction_first_offset.unwrap_or(-1).to_be_bytes());
        }
        body.extend(self.encode_earlier());
        let mut out = Vec::with_capacity(6 + body.len());
        out.extend(SNAPSHOT_VERSION.to_be_bytes());
        out.extend(crc32c::crc32c(&body).to_be_bytes());
        out.extend(body);
        out
    }

    fn encode_earlier(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, entry) in &self.entries {
            let last = entry.batches.len().saturating_sub(1);
            for batch in entry.batches.iter().take(last) {
                out.extend(id.to_be_bytes());
                out.extend(batch.first_sequence.to_be_bytes());
                out.extend(batch.last_sequence.to_be_bytes());
                out.extend(batch.last_offset.to_be_bytes());
                out.extend(batch.offset_delta.to_be_bytes());
                out.extend(batch.timestamp_ms.to_be_bytes());
            }
        }
        if !out.is_empty() {
            out.splice(0..0, *EARLIER_MAGIC);
        }
        out
    }

    /// Puts the batches before the last of each producer in their places, oldest first.
    fn decode_earlier(&mut self, bytes: &[u8]) -> Option<()> {
        if bytes.is_empty() {
            return Some(());
        }
        let entries = bytes.strip_prefix(EARLIER_MAGIC)?;
        if !entries.len().is_multiple_of(EARLIER_ENTRY_BYTES) {
            return None;
        }
        for entry in entries.chunks_exact(EARLIER_ENTRY_BYTES) {
            let i64_at =
                |at: usize| Some(i64::from_be_bytes(entry.get(at..at + 8)?.try_into().ok()?));
            let i32_at =
                |at: usize| Some(i32::from_be_bytes(entry.get(at..at + 4)?.try_into().ok()?));
            let batches = &mut self.entries.get_mut(&i64_at(0)?)?.batches;
            if batches.is_empty() || batches.len() >= BATCHES_REMEMBERED {
                return None;
            }
            let earlier = BatchMetadata {
                first_sequence: i32_at(8)?,
                last_sequence: i32_at(12)?,
                last_offset: i64_at(16)?,
                offset_delta: i32_at(24)?,
                timestamp_ms: i64_at(28)?,
            };
            batches.insert(batches.len() - 1, earlier);
        }
        Some(())
    }

    /// Reads a `.snapshot` file; `None` if it is damaged (recovery then reads the log instead). The file does
    /// not say when producers appended: no later than `append_ms`.
    pub(crate) fn decode(bytes: &[u8], append_ms: i64) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let (crc, body) = rest.split_first_chunk::<4>()?;
        if i16::from_be_bytes(*version) != SNAPSHOT_VERSION
            || u32::from_be_bytes(*crc) != crc32c::crc32c(body)
        {
            return None;
        }
        let (count, entries) = body.split_first_chunk::<4>()?;
        let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
        let (entries, earlier) =
            entries.split_at_checked(count.checked_mul(SNAPSHOT_ENTRY_BYTES)?)?;
        let mut states = Self::default();
        for entry in entries.chunks_exact(SNAPSHOT_ENTRY_BYTES) {
            states.decode_entry(entry, append_ms)?;
        }
        states.decode_earlier(earlier)?;
        Some(states)
    }

    fn decode_entry(&mut self, bytes: &[u8], last_append_ms: i64) -> Option<()> {
        let i64_at = |at: usize| Some(i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let i32_at = |at: usize| Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let producer_id = i64_at(0)?;
        let epoch = i16::from_be_bytes(bytes.get(8..10)?.try_into().ok()?);
        let (last_sequence, last_offset, offset_delta) = (i32_at(10)?, i64_at(14)?, i32_at(22)?);
        let last_timestamp_ms = i64_at(26)?;
        let first_offset = i64_at(38)?;
        let mut batches = VecDeque::new();
        if last_sequence >= 0 {
            let modulus = i64::from(i32::MAX) + 1;
            let first = (i64::from(last_sequence) - i64::from(offset_delta)).rem_euclid(modulus);
            batches.push_back(BatchMetadata {
                first_sequence: first as i32,
                last_sequence,
                last_offset,
                offset_delta,
                timestamp_ms: last_timestamp_ms,
            });
        }
        let transaction_first_offset = (first_offset >= 0).then_some(first_offset);
        if let Some(first) = transaction_first_offset {
            self.open.insert(first, producer_id);
        }
        let coordinator_epoch = i32_at(34)?;
        let entry = ProducerEntry {
            epoch,
            batches,
            last_timestamp_ms,
            last_append_ms,
            coordinator_epoch,
            transaction_first_offset,
        };
        self.entries.insert(producer_id, entry);
        Some(())
    }
}
