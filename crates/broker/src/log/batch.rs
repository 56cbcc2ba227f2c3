//! Record batches of format version 2, exactly as they travel and as they lie on disk.
//!
//! Source: "Record Batch" in the Apache Kafka implementation guide (message format). Batches are
//! never decoded beyond this header unless a question is about single records.

use bytes::{Bytes, BytesMut};

use super::record::{Compression, RecordError};
use crate::error::ErrorCode;

/// Bytes before the first record of a batch.
pub(crate) const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its length field does not count (base offset and the length itself).
pub(crate) const LENGTH_OVERHEAD_BYTES: usize = 12;
/// The checksum covers everything from here.
const CRC_START: usize = 21;
/// Bytes that the broker fills in at append (base offset, length, leader epoch); not under the checksum.
pub(crate) const PREFIX_BYTES: usize = 16;
/// The only format served; older ones were retired with Kafka 4.0 (KIP-724).
const MAGIC: u8 = 2;

const ATTRIBUTE_COMPRESSION: i16 = 0x07;
const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
const ATTRIBUTE_CONTROL: i16 = 0x20;

/// The fixed part of a record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub base_offset: i64,
    pub length: i32,
    pub leader_epoch: i32,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub records_count: i32,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl BatchHeader {
    /// Reads a header; `None` if there are too few bytes, the magic is not 2 or the length cannot be.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[16] != MAGIC {
            return None;
        }
        let header = Self {
            base_offset: i64::from_be_bytes(array(bytes, 0)),
            length: i32::from_be_bytes(array(bytes, 8)),
            leader_epoch: i32::from_be_bytes(array(bytes, 12)),
            crc: u32::from_be_bytes(array(bytes, 17)),
            attributes: i16::from_be_bytes(array(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(array(bytes, 23)),
            base_timestamp: i64::from_be_bytes(array(bytes, 27)),
            max_timestamp: i64::from_be_bytes(array(bytes, 35)),
            producer_id: i64::from_be_bytes(array(bytes, 43)),
            producer_epoch: i16::from_be_bytes(array(bytes, 51)),
            base_sequence: i32::from_be_bytes(array(bytes, 53)),
            records_count: i32::from_be_bytes(array(bytes, 57)),
        };
        let length_min = (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32;
        (header.length >= length_min && header.last_offset_delta >= 0 && header.base_offset >= 0)
            .then_some(header)
    }

    /// The whole batch in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.length as usize + LENGTH_OVERHEAD_BYTES
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & ATTRIBUTE_TRANSACTIONAL != 0
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & ATTRIBUTE_CONTROL != 0
    }

    pub(crate) fn is_log_append_time(&self) -> bool {
        self.attributes & ATTRIBUTE_LOG_APPEND_TIME != 0
    }

    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub(crate) fn compression(&self) -> i16 {
        self.attributes & ATTRIBUTE_COMPRESSION
    }

    /// The sequence number of the last record; sequences wrap to 0 after `i32::MAX`.
    pub(crate) fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        sequence_add(self.base_sequence, self.last_offset_delta)
    }
}

/// Adds to a sequence number, wrapping to 0 after `i32::MAX` as producers do.
pub(crate) fn sequence_add(sequence: i32, delta: i32) -> i32 {
    ((i64::from(sequence) + i64::from(delta)) % (i64::from(i32::MAX) + 1)) as i32
}

/// Whether the checksum of one whole batch is right.
pub(crate) fn crc_is_valid(batch: &[u8], header: &BatchHeader) -> bool {
    batch.len() == header.size_bytes() && crc32c::crc32c(&batch[CRC_START..]) == header.crc
}

/// A batch that passed validation, ready to be appended.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub header: BatchHeader,
    /// The batch as it came; its first [`PREFIX_BYTES`] are replaced on the way to disk.
    pub bytes: Bytes,
}

/// The highest number of a compression.
pub(crate) const COMPRESSION_ZSTD: i16 = 4;

/// What a topic asks of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchRules {
    pub message_bytes_max: usize,
    /// `Some(now)` if the topic stamps records with the time of appending.
    pub log_append_time_ms: Option<i64>,
    /// Compacted topics refuse records without a key.
    pub keys_required: bool,
    /// Timestamps that producers may give; not asked of batches that are stamped here.
    pub timestamp_min_ms: i64,
    pub timestamp_max_ms: i64,
}

/// Timestamp of records that have none.
const NO_TIMESTAMP: i64 = -1;

/// Checks what a producer sent for one partition: exactly one batch of format 2, checksum right,
/// not larger than the topic takes, offsets and count agreeing.
///
/// Errors are those of Kafka's `LogValidator` and `ProduceRequest`.
pub(crate) fn validate(bytes: Bytes, rules: BatchRules) -> Result<Batch, ErrorCode> {
    if bytes.len() < HEADER_BYTES {
        return Err(ErrorCode::CorruptMessage);
    }
    if bytes[16] < MAGIC {
        return Err(ErrorCode::UnsupportedForMessageFormat);
    }
    let header = BatchHeader::parse(&bytes).ok_or(ErrorCode::CorruptMessage)?;
    if header.size_bytes() > bytes.len() {
        return Err(ErrorCode::CorruptMessage);
    }
    if header.size_bytes() < bytes.len() {
        return Err(ErrorCode::InvalidRecord);
    }
    if header.size_bytes() > rules.message_bytes_max {
        return Err(ErrorCode::MessageTooLarge);
    }
    if !crc_is_valid(&bytes, &header) {
        return Err(ErrorCode::CorruptMessage);
    }
    if header.is_control()
        || header.records_count <= 0
        || header.last_offset_delta != header.records_count - 1
    {
        return Err(ErrorCode::InvalidRecord);
    }
    if header.compression() > COMPRESSION_ZSTD {
        return Err(ErrorCode::UnsupportedCompressionType);
    }
    if header.producer_id >= 0 && header.base_sequence < 0 && !header.is_control() {
        return Err(ErrorCode::InvalidRecord);
    }
    if rules.keys_required && !super::record::all_have_keys(&bytes) {
        return Err(ErrorCode::InvalidRecord);
    }
    let is_early =
        header.base_timestamp != NO_TIMESTAMP && header.base_timestamp < rules.timestamp_min_ms;
    if rules.log_append_time_ms.is_none()
        && (is_early || header.max_timestamp > rules.timestamp_max_ms)
    {
        return Err(ErrorCode::InvalidTimestamp);
    }
    match rules.log_append_time_ms {
        Some(now_ms) => Ok(stamp(&bytes, now_ms)),
        None => Ok(Batch { header, bytes }),
    }
}

/// Rewrites the header for a topic with `message.timestamp.type=LogAppendTime`.
fn stamp(bytes: &Bytes, now_ms: i64) -> Batch {
    let mut out = BytesMut::from(&bytes[..]);
    let attributes = i16::from_be_bytes(array(&out, 21)) | ATTRIBUTE_LOG_APPEND_TIME;
    out[21..23].copy_from_slice(&attributes.to_be_bytes());
    out[35..43].copy_from_slice(&now_ms.to_be_bytes());
    let crc = crc32c::crc32c(&out[CRC_START..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    let bytes = out.freeze();
    let header = BatchHeader::parse(&bytes).expect("a valid header stays valid when stamped");
    Batch { header, bytes }
}

/// The same batch with other records, packed by `codec` already: offsets, timestamps and producer stay.
pub(crate) fn with_records(batch: &[u8], codec: i16, records_count: i32, body: &[u8]) -> Vec<u8> {
    let mut out = batch[..HEADER_BYTES].to_vec();
    let attributes = i16::from_be_bytes(array(&out, 21)) & !ATTRIBUTE_COMPRESSION | codec;
    out[21..23].copy_from_slice(&attributes.to_be_bytes());
    out.extend_from_slice(body);
    let length = (out.len() - LENGTH_OVERHEAD_BYTES) as i32;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    out[57..61].copy_from_slice(&records_count.to_be_bytes());
    let crc = crc32c::crc32c(&out[CRC_START..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out
}

/// The same records packed in another way (a topic whose `compression.type` is not `producer`).
///
/// # Errors
/// INVALID_RECORD if the batch does not hold the records it says, MESSAGE_TOO_LARGE if it has become larger
/// than the topic takes.
pub(crate) fn recompress(
    batch: &Batch,
    compression: Compression,
    message_bytes_max: usize,
) -> Result<Batch, ErrorCode> {
    let records = super::record::decode(&batch.bytes).map_err(|error| match error {
        RecordError::TooLarge => ErrorCode::MessageTooLarge,
        RecordError::Malformed | RecordError::Decompress(_) => ErrorCode::InvalidRecord,
    })?;
    let offsets = (batch.header.base_offset..).zip(&records);
    if offsets
        .into_iter()
        .any(|(offset, record)| record.offset != offset)
    {
        return Err(ErrorCode::InvalidRecord);
    }
    let raw = records.iter().map(|record| &record.raw[..]);
    let body = super::record::encode(compression, raw).map_err(|error| {
        tracing::error!(%error, codec = compression.codec, "cannot compress");
        ErrorCode::UnknownServerError
    })?;
    let count = batch.header.records_count;
    let bytes = Bytes::from(with_records(&batch.bytes, compression.codec, count, &body));
    if bytes.len() > message_bytes_max {
        return Err(ErrorCode::MessageTooLarge);
    }
    let header = BatchHeader::parse(&bytes).expect("a valid header stays valid with other records");
    Ok(Batch { header, bytes })
}

/// How a transaction ended, as its marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Abort,
    Commit,
}

/// Builds the control batch that ends a transaction in one partition (one record: key is version and
/// type, value is version and coordinator epoch).
pub(crate) fn marker_batch(
    marker: Marker,
    producer_id: i64,
    producer_epoch: i16,
    now_ms: i64,
) -> Batch {
    let kind: i16 = match marker {
        Marker::Abort => 0,
        Marker::Commit => 1,
    };
    let mut record = vec![0u8; 1]; // attributes
    record.extend([0, 0]); // timestamp delta, offset delta (zig-zag 0)
    record.push(8); // key of 4 bytes
    record.extend(0i16.to_be_bytes());
    record.extend(kind.to_be_bytes());
    record.push(12); // value of 6 bytes
    record.extend(0i16.to_be_bytes());
    record.extend(0i32.to_be_bytes());
    record.push(0); // no headers
    let attributes = ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL;
    let mut body = Vec::with_capacity(HEADER_BYTES + 16);
    body.extend(attributes.to_be_bytes());
    body.extend(0i32.to_be_bytes());
    body.extend(now_ms.to_be_bytes());
    body.extend(now_ms.to_be_bytes());
    body.extend(producer_id.to_be_bytes());
    body.extend(producer_epoch.to_be_bytes());
    body.extend((-1i32).to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.push((record.len() as u8) << 1);
    body.extend(&record);
    let mut bytes = BytesMut::with_capacity(CRC_START + body.len());
    bytes.extend(0i64.to_be_bytes());
    bytes.extend(((CRC_START - LENGTH_OVERHEAD_BYTES + body.len()) as i32).to_be_bytes());
    bytes.extend(0i32.to_be_bytes());
    bytes.extend([MAGIC]);
    bytes.extend(crc32c::crc32c(&body).to_be_bytes());
    bytes.extend(body);
    let bytes = bytes.freeze();
    let header = BatchHeader::parse(&bytes).expect("the marker is built to the format");
    Batch { header, bytes }
}

/// Reads the type of a control batch; `None` if it is not a transaction marker.
pub(crate) fn marker_of(batch: &[u8]) -> Option<Marker> {
    let records = super::record::decode(batch).ok()?;
    let key = records.first()?.key.as_ref()?;
    match key.get(2..4)? {
        [0, 0] => Some(Marker::Abort),
        [0, 1] => Some(Marker::Commit),
        _ => None,
    }
}
