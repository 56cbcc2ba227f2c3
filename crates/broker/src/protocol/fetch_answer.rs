//! The answer to a fetch, written so that records need not be in memory.
//!
//! Everything but the frame around the partitions is left to the message types; the records are the last
//! field of a partition, so that a slice of a file can replace them.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{ApiKey, FetchResponse, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Encodable, HeaderVersion};
use uuid::Uuid;

use super::ProtocolError;
use crate::log::file_records::FileRecords;
use crate::memory::Held;
use crate::protocol::answer::{Answer, Part};

/// Fewer bytes than these are copied: that costs less than one more call to the kernel …
const COPIED_BYTES_MAX: usize = 8 << 10;
/// … as long as an answer has not copied as much as this.
const COPIED_BYTES_TOTAL_MAX: usize = 64 << 10;
/// The first version with compact lengths and tagged fields (KIP-482).
const FLEXIBLE: i16 = 12;
/// The first version that names topics by id (KIP-516).
const TOPIC_IDS: i16 = 13;
/// The first version with an error code and a session (KIP-227).
const SESSIONS: i16 = 7;
/// Room for what belongs to one partition besides its records.
const PARTITION_BYTES: usize = 96;
/// Room for a transaction that was aborted.
const ABORTED_BYTES: usize = 17;

/// One partition of an answer.
#[derive(Debug, Clone)]
pub(super) struct PartitionAnswer {
    /// Everything but the records.
    pub data: PartitionData,
    pub records: Option<FileRecords>,
}

impl PartitionAnswer {
    pub(super) fn records_bytes(&self) -> usize {
        self.records.as_ref().map_or(0, |records| records.length)
    }
}

/// Partitions of one topic that follow each other.
#[derive(Debug)]
pub(super) struct TopicAnswer {
    /// Empty where the topic is named by id.
    pub name: TopicName,
    pub id: Uuid,
    pub partitions: Vec<PartitionAnswer>,
}

/// A whole answer.
#[derive(Debug, Default)]
pub(crate) struct FetchAnswer {
    /// Everything but the topics.
    pub(super) head: FetchResponse,
    pub(super) topics: Vec<TopicAnswer>,
    /// What it holds of the cluster's share.
    pub(super) _building: Option<Held>,
}

fn unwritable(version: i16, reason: impl std::fmt::Display) -> ProtocolError {
    ProtocolError::Unwritable {
        key: ApiKey::Fetch as i16,
        version,
        reason: reason.to_string(),
    }
}

/// Parts, the last of which still grows.
struct Writer {
    version: i16,
    parts: Vec<Part>,
    tail: BytesMut,
    /// Bytes of `parts`.
    length: usize,
    /// Bytes of records in them that were copied.
    copied: usize,
}

impl FetchAnswer {
    /// The same, counted as so much until it is encoded.
    pub(super) fn building(self, building: Option<Held>) -> Self {
        Self {
            _building: building,
            ..self
        }
    }

    /// About how much of it will be in memory.
    pub(super) fn bytes(&self) -> usize {
        let mut copied = 0;
        let mut bytes = PARTITION_BYTES;
        for topic in &self.topics {
            bytes += topic.name.len() + PARTITION_BYTES;
            for partition in &topic.partitions {
                let aborted = partition.data.aborted_transactions.as_ref();
                bytes += PARTITION_BYTES + aborted.map_or(0, Vec::len) * ABORTED_BYTES;
                let records = partition.records_bytes();
                copied += if records <= COPIED_BYTES_MAX {
                    records
                } else {
                    0
                };
            }
        }
        bytes + copied.min(COPIED_BYTES_TOTAL_MAX + COPIED_BYTES_MAX)
    }

    /// The answer with its length and header.
    pub(crate) fn encode(
        &self,
        version: i16,
        correlation_id: i32,
    ) -> Result<Answer, ProtocolError> {
        let failed = |error| unwritable(version, error);
        let count: usize = self.topics.iter().map(|topic| topic.partitions.len()).sum();
        let mut writer = Writer {
            version,
            parts: Vec::new(),
            tail: BytesMut::with_capacity((count + 1) * PARTITION_BYTES),
            length: 0,
            copied: 0,
        };
        writer.tail.put_u32(0);
        ResponseHeader::default()
            .with_correlation_id(correlation_id)
            .encode(&mut writer.tail, FetchResponse::header_version(version))
            .map_err(failed)?;
        let mut frame = BytesMut::new();
        self.head.encode(&mut frame, version).map_err(failed)?;
        // The head has no topics: where they go, an empty array stands.
        let topics_at = if version >= SESSIONS { 10 } else { 4 };
        let array_bytes = if version >= FLEXIBLE { 1 } else { 4 };
        writer.tail.put_slice(&frame[..topics_at]);
        writer.put_length(self.topics.len())?;
        for topic in &self.topics {
            writer.put_topic(topic)?;
        }
        writer.tail.put_slice(&frame[topics_at + array_bytes..]);
        writer.finish()
    }
}

impl Writer {
    /// The length of an array.
    fn put_length(&mut self, length: usize) -> Result<(), ProtocolError> {
        if self.version >= FLEXIBLE {
            self.put_varint(length + 1)
        } else {
            let length = i32::try_from(length).map_err(|error| unwritable(self.version, error))?;
            self.tail.put_i32(length);
            Ok(())
        }
    }

    fn put_varint(&mut self, value: usize) -> Result<(), ProtocolError> {
        let mut value = u32::try_from(value).map_err(|error| unwritable(self.version, error))?;
        while value >= 0x80 {
            self.tail.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.tail.put_u8(value as u8);
        Ok(())
    }

    fn put_topic(&mut self, topic: &TopicAnswer) -> Result<(), ProtocolError> {
        if self.version >= TOPIC_IDS {
            self.tail.put_slice(topic.id.as_bytes());
        } else if self.version >= FLEXIBLE {
            self.put_varint(topic.name.len() + 1)?;
            self.tail.put_slice(topic.name.as_bytes());
        } else {
            let length = i16::try_from(topic.name.len());
            self.tail
                .put_i16(length.map_err(|error| unwritable(self.version, error))?);
            self.tail.put_slice(topic.name.as_bytes());
        }
        self.put_length(topic.partitions.len())?;
        for partition in &topic.partitions {
            self.put_partition(partition)?;
        }
        if self.version >= FLEXIBLE {
            self.tail.put_u8(0);
        }
        Ok(())
    }

    fn put_partition(&mut self, partition: &PartitionAnswer) -> Result<(), ProtocolError> {
        let failed = |error: &dyn std::fmt::Display| unwritable(self.version, error);
        partition
            .data
            .encode(&mut self.tail, self.version)
            .map_err(|error| failed(&error))?;
        let Some(records) = &partition.records else {
            return Ok(());
        };
        // What was written ends with empty records, and an empty list of tagged fields in versions that
        // have them: only partitions without records have any.
        if self.version >= FLEXIBLE {
            self.tail.truncate(self.tail.len() - 2);
            self.put_varint(records.length + 1)?;
        } else {
            let length = i32::try_from(records.length).map_err(|error| failed(&error))?;
            self.tail.truncate(self.tail.len() - 4);
            self.tail.put_i32(length);
        }
        if records.length <= COPIED_BYTES_MAX && self.copied < COPIED_BYTES_TOTAL_MAX {
            self.copied += records.length;
            records
                .read_into(&mut self.tail)
                .map_err(|error| unwritable(self.version, error))?;
        } else {
            let before = self.tail.split().freeze();
            self.length += before.len() + records.length;
            self.parts.push(Part::Bytes(before));
            self.parts.push(Part::Records(records.clone()));
        }
        if self.version >= FLEXIBLE {
            self.tail.put_u8(0);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Answer, ProtocolError> {
        let length = i32::try_from(self.length + self.tail.len() - 4)
            .map_err(|error| unwritable(self.version, error))?
            .to_be_bytes();
        self.parts.push(Part::Bytes(self.tail.freeze()));
        if let Some(Part::Bytes(first)) = self.parts.first_mut() {
            let mut head = BytesMut::from(std::mem::take(first));
            head[..4].copy_from_slice(&length);
            *first = head.freeze();
        }
        Ok(Answer::from(self.parts))
    }
}

/// A partition without records, as far as the message types go.
pub(super) fn without_records() -> PartitionData {
    PartitionData::default().with_records(Some(Bytes::new()))
}

#[cfg(test)]
mod tests;
