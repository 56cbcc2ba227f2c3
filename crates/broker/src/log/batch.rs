//! Record batches of format version 2, exactly as they travel and as they lie on disk.
//!
//! Source: "Record Batch" in the Apache Kafka implementation guide (message format). A batch is validated
//! once, when it arrives; from then on its header can be trusted.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::record::{self, Compression, Packer, RecordError, RecordRef, UNPACKED_BYTES_MAX};
use crate::error::ErrorCode;

/// Bytes before the first record of a batch.
pub(crate) const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its length field does not count (base offset and the length itself).
pub(crate) const LENGTH_OVERHEAD_BYTES: usize = 12;
/// The checksum covers everything from here.
const CRC_START: usize = 21;
/// The only format served; older ones were retired with Kafka 4.0 (KIP-724).
const MAGIC: u8 = 2;
/// Where every format has its number.
const MAGIC_AT: usize = 16;
/// The smallest length field that any format has (Kafka's `LegacyRecord.RECORD_OVERHEAD_V0`).
const LENGTH_MIN: usize = 14;

const ATTRIBUTE_COMPRESSION: i16 = 0x07;
const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
const ATTRIBUTE_CONTROL: i16 = 0x20;
/// Attributes that producers set; the others are set by the broker, or not in use.
const ATTRIBUTES_OF_PRODUCERS: i16 = ATTRIBUTE_COMPRESSION | ATTRIBUTE_TRANSACTIONAL;

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
    /// Reads the header of a batch that was appended; `None` if there are too few bytes, the magic is not 2,
    /// or length and offsets cannot be.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes).filter(Self::has_sound_offsets)
    }

    /// Whether the header's offsets are plausible.
    pub(crate) fn has_sound_offsets(&self) -> bool {
        self.last_offset_delta >= 0 && self.base_offset >= 0
    }

    /// Reads a header without checking its offsets.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[MAGIC_AT] != MAGIC {
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
        (header.length >= length_min).then_some(header)
    }

    /// The bytes of the header.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        out[8..12].copy_from_slice(&self.length.to_be_bytes());
        out[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        out[MAGIC_AT] = MAGIC;
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[57..61].copy_from_slice(&self.records_count.to_be_bytes());
        out
    }

    /// The checksum of a batch with this header.
    fn crc_with(&self, body: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.encode()[CRC_START..]), body)
    }

    /// The header as the broker writes it, once the largest timestamp is known.
    fn recomputed(self, rules: &BatchRules, max_timestamp: i64) -> Self {
        let kept = self.attributes & ATTRIBUTES_OF_PRODUCERS;
        let (attributes, max_timestamp) = match rules.log_append_time_ms {
            Some(now_ms) => (kept | ATTRIBUTE_LOG_APPEND_TIME, now_ms),
            None => (kept, max_timestamp),
        };
        Self {
            attributes,
            max_timestamp,
            ..self
        }
    }

    fn with_codec(self, codec: i16) -> Self {
        Self {
            attributes: self.attributes & !ATTRIBUTE_COMPRESSION | codec,
            ..self
        }
    }

    /// The whole batch in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.length as usize + LENGTH_OVERHEAD_BYTES
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The largest timestamp, if a record has one: -1 is no time.
    pub(crate) fn time_ms(&self) -> Option<i64> {
        Some(self.max_timestamp).filter(|timestamp_ms| *timestamp_ms >= 0)
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
    /// As written to disk, except base offset and leader epoch, which are set at append.
    pub header: BatchHeader,
    /// What follows the header: the records, compressed or not.
    pub body: Bytes,
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
    /// Allowed timestamps of producers; not checked with LogAppendTime.
    pub timestamp_min_ms: i64,
    pub timestamp_max_ms: i64,
    /// Compression of the topic; `None`: as the producer did.
    pub compression: Option<Compression>,
    /// Most faulty records that are reported for one batch.
    pub record_faults_max: usize,
}

/// Epoch of a producer that has none.
const NO_PRODUCER_EPOCH: i16 = -1;
/// Timestamp of records that have none.
pub(crate) const NO_TIMESTAMP: i64 = -1;

/// What is wrong with one record of a batch (KIP-467).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordFault {
    /// Its place in the batch, from 0.
    pub index: i32,
    pub message: Cow<'static, str>,
}

/// Why a batch is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchRefusal {
    pub code: ErrorCode,
    pub message: Cow<'static, str>,
    /// The faulty records, in order; empty if the whole batch is at fault.
    pub records: Vec<RecordFault>,
}

impl BatchRefusal {
    /// A refusal of the whole batch.
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            records: Vec::new(),
        }
    }

    /// The refusal of a batch that decompresses to more than the limit.
    pub(crate) fn too_much() -> Self {
        let message = format!("the batch unpacks to more than {UNPACKED_BYTES_MAX} bytes");
        Self::new(ErrorCode::MessageTooLarge, message)
    }
}

fn refuse<T>(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Result<T, BatchRefusal> {
    Err(BatchRefusal::new(code, message))
}

/// The size of the batch that starts here; `None` if it does not end here.
///
/// Source: Kafka's `ByteBufferLogInputStream`.
fn size_at(bytes: &[u8]) -> Result<Option<usize>, BatchRefusal> {
    if bytes.len() <= MAGIC_AT {
        return Ok(None);
    }
    let length = i32::from_be_bytes(array(bytes, 8));
    let Some(length) = usize::try_from(length).ok().filter(|n| *n >= LENGTH_MIN) else {
        return refuse(
            ErrorCode::CorruptMessage,
            "the length of the batch cannot be",
        );
    };
    if bytes[MAGIC_AT] > MAGIC {
        return refuse(ErrorCode::CorruptMessage, "there is no such record format");
    }
    let size = length + LENGTH_OVERHEAD_BYTES;
    Ok((size <= bytes.len()).then_some(size))
}

/// Checks what a producer sent for one partition, up to its records: exactly one batch of format 2, checksum
/// right, not larger than the topic takes, offsets and count agreeing. Its records are validated by
/// [`Unopened::open`]. `header` is what [`BatchHeader::read`] made of the same bytes.
///
/// # Errors
/// Those of Kafka's `ProduceRequest.validateRecords`, `UnifiedLog` and `LogValidator.validateBatch`, in their
/// order.
pub(crate) fn check(
    bytes: &Bytes,
    header: Option<&BatchHeader>,
    message_bytes_max: usize,
) -> Result<Unopened, BatchRefusal> {
    let invalid = |message: &'static str| refuse(ErrorCode::InvalidRecord, message);
    let Some(size) = size_at(bytes)? else {
        return invalid("there is no whole batch");
    };
    if bytes[MAGIC_AT] < MAGIC {
        return invalid("the record format is older than 2");
    }
    // What follows and is not whole is left out.
    if size_at(&bytes[size..])?.is_some() {
        return invalid("there is more than one batch");
    }
    let Some(header) = header.copied() else {
        return refuse(ErrorCode::CorruptMessage, "the batch has no whole header");
    };
    if header.base_offset != 0 {
        return invalid("the base offset of a batch that is sent is 0");
    }
    if size > message_bytes_max {
        return refuse(
            ErrorCode::MessageTooLarge,
            format!("a batch of {size} bytes is larger than the topic's {message_bytes_max}"),
        );
    }
    if !crc_is_valid(&bytes[..size], &header) {
        return refuse(ErrorCode::CorruptMessage, "the checksum does not fit");
    }
    if header.records_count <= 0 || header.last_offset_delta != header.records_count - 1 {
        return invalid("the batch's offsets and its count of records do not agree");
    }
    if header.is_control() {
        return invalid("clients do not write control records");
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return invalid("a producer with an id numbers its batches");
    }
    if header.producer_id >= 0 && header.producer_epoch < NO_PRODUCER_EPOCH {
        let message = "there is no such epoch of a producer";
        return refuse(ErrorCode::InvalidProducerEpoch, message);
    }
    if header.compression() > COMPRESSION_ZSTD {
        let message = "there is no such compression";
        return refuse(ErrorCode::UnsupportedCompressionType, message);
    }
    Ok(Unopened {
        header,
        body: bytes.slice(HEADER_BYTES..size),
    })
}

/// A batch whose records have not been validated yet.
#[derive(Debug, Clone)]
pub(crate) struct Unopened {
    pub header: BatchHeader,
    pub body: Bytes,
}

/// Why a batch could not be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    Refused(BatchRefusal),
    /// It decompresses to more than the current limit.
    TooMuch,
}

impl From<BatchRefusal> for OpenError {
    fn from(refusal: BatchRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RecordError> for OpenError {
    fn from(error: RecordError) -> Self {
        let message = match error {
            RecordError::TooLarge => return Self::TooMuch,
            RecordError::Malformed => "the batch does not hold the records that its header says",
            RecordError::Decompress(_) => "the records cannot be unpacked",
        };
        BatchRefusal::new(ErrorCode::InvalidRecord, message).into()
    }
}

impl Unopened {
    /// Validates every record in one pass without copying, and recomputes the header: of the client's header
    /// only the base timestamp is trusted. Records are compressed again if the topic wants another codec, or
    /// if their offset deltas are not 0, 1, 2, ….
    ///
    /// # Errors
    /// Those of Kafka's `LogValidator`, with every faulty record; [`OpenError::TooMuch`] if more than
    /// `unpacked_bytes_max` would have to be unpacked.
    pub(crate) fn open(
        &self,
        rules: &BatchRules,
        unpacked_bytes_max: u64,
    ) -> Result<Batch, OpenError> {
        let codec = self.header.compression();
        let wanted = rules.compression.unwrap_or(codec.into());
        if wanted.codec != codec {
            return self.pack(rules, wanted, unpacked_bytes_max);
        }
        let mut pass = Pass::new(&self.header, rules);
        record::visit(&self.header, &self.body, unpacked_bytes_max, |record| {
            pass.look_at(record);
            ControlFlow::Continue(())
        })?;
        if !pass.is_numbered {
            // Kafka renumbers them, too: some older clients do it wrong.
            return self.pack(rules, wanted, unpacked_bytes_max);
        }
        let header = self.header.recomputed(rules, pass.finish()?);
        let body = self.body.clone();
        // The checksum costs another pass over the bytes; usually the client's is still right.
        Ok(match header == self.header {
            true => Batch { header, body },
            false => Batch::new(header, body),
        })
    }

    fn pack(
        &self,
        rules: &BatchRules,
        compression: Compression,
        unpacked_bytes_max: u64,
    ) -> Result<Batch, OpenError> {
        let mut pass = Pass::new(&self.header, rules);
        let body_bytes_max = rules.message_bytes_max.saturating_sub(HEADER_BYTES);
        let mut packer = Packer::new(compression).map_err(|error| cannot_pack(&error))?;
        let mut failed = None;
        record::visit(&self.header, &self.body, unpacked_bytes_max, |record| {
            let index = pass.look_at(record);
            if packer.packed_bytes() <= body_bytes_max
                && let Err(error) = packer.push_at(record, index)
            {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(cannot_pack(&error));
        }
        let max_timestamp = pass.finish()?;
        let body = packer.finish().map_err(|error| cannot_pack(&error))?;
        if body.len() > body_bytes_max {
            let message = "packed as the topic asks, the batch is larger than the topic takes";
            return Err(BatchRefusal::new(ErrorCode::MessageTooLarge, message).into());
        }
        let header = self.header.recomputed(rules, max_timestamp);
        Ok(Batch::new(
            header.with_codec(compression.codec),
            body.into(),
        ))
    }
}

fn cannot_pack(error: &io::Error) -> OpenError {
    tracing::error!(%error, "cannot compress");
    let message = "the records cannot be packed";
    BatchRefusal::new(ErrorCode::UnknownServerError, message).into()
}

/// What one pass over the records finds.
struct Pass<'a> {
    header: &'a BatchHeader,
    rules: &'a BatchRules,
    next_index: i32,
    max_timestamp: i64,
    is_numbered: bool,
    has_wrong_time: bool,
    faults: Vec<RecordFault>,
    faults_total: u64,
}

impl<'a> Pass<'a> {
    fn new(header: &'a BatchHeader, rules: &'a BatchRules) -> Self {
        Self {
            header,
            rules,
            next_index: 0,
            max_timestamp: NO_TIMESTAMP,
            is_numbered: true,
            has_wrong_time: false,
            faults: Vec::new(),
            faults_total: 0,
        }
    }

    /// Returns the record's place in the batch.
    #[inline]
    fn look_at(&mut self, record: &RecordRef<'_>) -> i32 {
        let index = self.next_index;
        self.next_index += 1;
        self.is_numbered &= record.offset_delta == index;
        let timestamp_ms = record.create_time_ms(self.header);
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        if self.rules.keys_required && record.key.is_none() {
            self.blame(index, "a compacted topic takes no record without a key");
        } else if self.is_wrong_time(timestamp_ms) {
            self.has_wrong_time = true;
            let rules = self.rules;
            let message = match rules.log_append_time_ms {
                Some(_) => {
                    Cow::Borrowed("only the broker says that records have the time of appending")
                }
                None => Cow::Owned(format!(
                    "the timestamp {timestamp_ms} is not from {} to {}",
                    rules.timestamp_min_ms, rules.timestamp_max_ms
                )),
            };
            self.blame(index, message);
        }
        index
    }

    fn is_wrong_time(&self, timestamp_ms: i64) -> bool {
        match self.rules.log_append_time_ms {
            Some(_) => self.header.is_log_append_time(),
            None if timestamp_ms == NO_TIMESTAMP => false,
            None => {
                timestamp_ms < self.rules.timestamp_min_ms
                    || timestamp_ms > self.rules.timestamp_max_ms
            }
        }
    }

    #[cold]
    fn blame(&mut self, index: i32, message: impl Into<Cow<'static, str>>) {
        self.faults_total += 1;
        if self.faults.len() < self.rules.record_faults_max {
            let message = message.into();
            self.faults.push(RecordFault { index, message });
        }
    }

    /// The largest timestamp.
    fn finish(self) -> Result<i64, BatchRefusal> {
        if self.faults_total == 0 {
            return Ok(self.max_timestamp);
        }
        let (code, kind) = match self.has_wrong_time {
            true => (ErrorCode::InvalidTimestamp, "timestamp"),
            false => (ErrorCode::InvalidRecord, "record"),
        };
        let message = format!("refused for {} invalid {kind}(s)", self.faults_total);
        Err(BatchRefusal {
            code,
            message: message.into(),
            records: self.faults,
        })
    }
}

impl Batch {
    /// A batch with this body, and the length and checksum that belong to it.
    fn new(header: BatchHeader, body: Bytes) -> Self {
        let mut header = BatchHeader {
            length: (HEADER_BYTES - LENGTH_OVERHEAD_BYTES + body.len()) as i32,
            ..header
        };
        header.crc = header.crc_with(&body);
        Self { header, body }
    }

    /// Its LogAppendTime; -1 with CreateTime.
    pub(crate) fn log_append_time_ms(&self) -> i64 {
        match self.header.is_log_append_time() {
            true => self.header.max_timestamp,
            false => NO_TIMESTAMP,
        }
    }

    /// The batch as it travels.
    #[cfg(test)]
    pub(crate) fn to_bytes(&self) -> Bytes {
        [&self.header.encode()[..], &self.body].concat().into()
    }
}

/// Checks and opens what a producer sent.
#[cfg(test)]
pub(crate) fn validate(bytes: &Bytes, rules: &BatchRules) -> Result<Batch, BatchRefusal> {
    let header = BatchHeader::read(bytes);
    let unopened = check(bytes, header.as_ref(), rules.message_bytes_max)?;
    unopened
        .open(rules, record::UNPACKED_BYTES_MAX)
        .map_err(|error| match error {
            OpenError::Refused(refusal) => refusal,
            OpenError::TooMuch => BatchRefusal::too_much(),
        })
}

/// The same batch with other records, packed by its codec already: offsets, timestamps and producer stay.
pub(crate) fn with_records(batch: &BatchHeader, records_count: i32, body: &[u8]) -> Vec<u8> {
    let mut header = BatchHeader {
        records_count,
        length: (HEADER_BYTES - LENGTH_OVERHEAD_BYTES + body.len()) as i32,
        ..*batch
    };
    header.crc = header.crc_with(body);
    [&header.encode()[..], body].concat()
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
    let mut body = vec![(record.len() as u8) << 1];
    body.extend(record);
    let header = BatchHeader {
        base_offset: 0,
        length: 0,
        leader_epoch: 0,
        crc: 0,
        attributes: ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL,
        last_offset_delta: 0,
        base_timestamp: now_ms,
        max_timestamp: now_ms,
        producer_id,
        producer_epoch,
        base_sequence: -1,
        records_count: 1,
    };
    Batch::new(header, body.into())
}

/// Reads the type of a control batch; `None` if it is not a transaction marker.
pub(crate) fn marker_of(header: &BatchHeader, body: &[u8]) -> Option<Marker> {
    let mut marker = None;
    record::visit(header, body, UNPACKED_BYTES_MAX, |record| {
        marker = match record.key.and_then(|key| key.get(2..4)) {
            Some([0, 0]) => Some(Marker::Abort),
            Some([0, 1]) => Some(Marker::Commit),
            _ => None,
        };
        ControlFlow::Break(())
    })
    .ok()?;
    marker
}

#[cfg(test)]
mod tests;
