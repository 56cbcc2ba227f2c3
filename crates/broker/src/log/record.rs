//! Single records inside a batch: needed for look-ups by time, for compaction and to compress them anew.

use std::io::{self, Read, Write};

use bytes::Bytes;

use super::batch::{BatchHeader, HEADER_BYTES};

/// Largest decompressed batch that the broker unpacks for a question about single records (64 MiB);
/// above it the batch is treated as one unit.
const DECOMPRESSED_BYTES_MAX: u64 = 64 << 20;

/// How the framing of the xerial snappy library begins.
const XERIAL: &[u8] = b"\x82SNAPPY\x00";
/// Block size of that library.
const SNAPPY_BLOCK_BYTES: usize = 32 << 10;

/// One record, as far as the broker looks into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Bytes>,
    /// Whether the value is null: a tombstone in a compacted topic.
    pub is_tombstone: bool,
    /// The record's bytes with its length prefix, as they stood in the (decompressed) batch.
    pub raw: Bytes,
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the batch does not hold the records it says")]
    Malformed,
    #[error("the batch unpacks to more than {DECOMPRESSED_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the batch cannot be unpacked")]
    Decompress(#[source] std::io::Error),
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn varint(&mut self) -> Option<i64> {
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(((value >> 1) as i64) ^ -((value & 1) as i64));
            }
        }
        None
    }

    fn take(&mut self, length: i64) -> Option<(usize, usize)> {
        let length = usize::try_from(length).ok()?;
        let end = self.at.checked_add(length)?;
        if end > self.bytes.len() {
            return None;
        }
        let start = self.at;
        self.at = end;
        Some((start, end))
    }
}

fn decompress(codec: i16, packed: &[u8]) -> Result<Bytes, RecordError> {
    fn drain(reader: impl Read) -> Result<Bytes, RecordError> {
        let mut out = Vec::new();
        reader
            .take(DECOMPRESSED_BYTES_MAX + 1)
            .read_to_end(&mut out)
            .map_err(RecordError::Decompress)?;
        if out.len() as u64 > DECOMPRESSED_BYTES_MAX {
            return Err(RecordError::TooLarge);
        }
        Ok(out.into())
    }
    match codec {
        1 => drain(flate2::read::MultiGzDecoder::new(packed)),
        2 => snappy(packed),
        3 => drain(lz4_flex::frame::FrameDecoder::new(packed)),
        4 => drain(zstd::stream::read::Decoder::new(packed).map_err(RecordError::Decompress)?),
        _ => Err(RecordError::Malformed),
    }
}

/// Snappy comes bare or in the framing of the xerial library, which Java producers use.
fn snappy(packed: &[u8]) -> Result<Bytes, RecordError> {
    let block = |block: &[u8], out: &mut Vec<u8>| {
        let length = snap::raw::decompress_len(block).map_err(|_| RecordError::Malformed)?;
        if (out.len() + length) as u64 > DECOMPRESSED_BYTES_MAX {
            return Err(RecordError::TooLarge);
        }
        let start = out.len();
        out.resize(start + length, 0);
        snap::raw::Decoder::new()
            .decompress(block, &mut out[start..])
            .map_err(|_| RecordError::Malformed)?;
        Ok(())
    };
    let mut out = Vec::new();
    if !packed.starts_with(XERIAL) {
        block(packed, &mut out)?;
        return Ok(out.into());
    }
    let mut rest = packed.get(16..).ok_or(RecordError::Malformed)?;
    while !rest.is_empty() {
        let (length, tail) = rest
            .split_first_chunk::<4>()
            .ok_or(RecordError::Malformed)?;
        let length = u32::from_be_bytes(*length) as usize;
        block(tail.get(..length).ok_or(RecordError::Malformed)?, &mut out)?;
        rest = &tail[length..];
    }
    Ok(out.into())
}

/// The records of one whole batch.
pub(crate) fn decode(batch: &[u8]) -> Result<Vec<Record>, RecordError> {
    let header = BatchHeader::parse(batch).ok_or(RecordError::Malformed)?;
    let packed = &batch[HEADER_BYTES..];
    let records = match header.compression() {
        0 => Bytes::copy_from_slice(packed),
        codec => decompress(codec, packed)?,
    };
    let mut cursor = Cursor {
        bytes: &records,
        at: 0,
    };
    let mut out = Vec::new();
    while cursor.at < records.len() && out.len() < header.records_count.max(0) as usize {
        out.push(decode_one(&records, &mut cursor, &header).ok_or(RecordError::Malformed)?);
    }
    if out.len() != header.records_count.max(0) as usize {
        return Err(RecordError::Malformed);
    }
    Ok(out)
}

/// How records are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compression {
    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub codec: i16,
    /// In the codec's own terms; `None` is its default. Only gzip and zstd have levels here.
    pub level: Option<i32>,
}

impl From<i16> for Compression {
    fn from(codec: i16) -> Self {
        Self { codec, level: None }
    }
}

/// Puts raw records together again.
pub(crate) fn encode<'a>(
    compression: impl Into<Compression>,
    records: impl Iterator<Item = &'a [u8]>,
) -> io::Result<Vec<u8>> {
    let Compression { codec, level } = compression.into();
    let plain: Vec<u8> = records.flatten().copied().collect();
    match codec {
        1 => {
            let level = level.and_then(|level| u32::try_from(level).ok());
            let level = level.map_or_else(flate2::Compression::default, flate2::Compression::new);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&plain)?;
            encoder.finish()
        }
        2 => {
            // Java readers know the framing of the xerial library only: magic, version, compatible version.
            let mut out = XERIAL.to_vec();
            out.extend([0, 0, 0, 1, 0, 0, 0, 1]);
            for block in plain.chunks(SNAPPY_BLOCK_BYTES) {
                let packed = snap::raw::Encoder::new()
                    .compress_vec(block)
                    .map_err(io::Error::other)?;
                out.extend((packed.len() as u32).to_be_bytes());
                out.extend(packed);
            }
            Ok(out)
        }
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(&plain)?;
            encoder.finish().map_err(io::Error::other)
        }
        // Level 0 is the library's word for its default, as it is Kafka's: 3.
        4 => zstd::stream::encode_all(&plain[..], level.unwrap_or(0)),
        _ => Ok(plain),
    }
}

fn decode_one(records: &Bytes, cursor: &mut Cursor<'_>, header: &BatchHeader) -> Option<Record> {
    let start = cursor.at;
    let length = cursor.varint()?;
    let (_, end) = cursor.take(length)?;
    let mut body = Cursor {
        bytes: &records[..end],
        at: end - usize::try_from(length).ok()?,
    };
    body.take(1)?;
    let timestamp_delta = body.varint()?;
    let offset_delta = body.varint()?;
    let key = match body.varint()? {
        -1 => None,
        length => {
            let (from, to) = body.take(length)?;
            Some(records.slice(from..to))
        }
    };
    let is_tombstone = body.varint()? < 0;
    let timestamp_ms = if header.is_log_append_time() {
        header.max_timestamp
    } else {
        header.base_timestamp.wrapping_add(timestamp_delta)
    };
    Some(Record {
        offset: header.base_offset.wrapping_add(offset_delta),
        timestamp_ms,
        key,
        is_tombstone,
        raw: records.slice(start..end),
    })
}

/// Whether every record of a batch has a key (compacted topics ask for it).
pub(crate) fn all_have_keys(batch: &[u8]) -> bool {
    decode(batch).is_ok_and(|records| records.iter().all(|record| record.key.is_some()))
}
