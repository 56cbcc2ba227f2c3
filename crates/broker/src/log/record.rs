//! Single records inside a batch: read one after the other without copying.
//!
//! Source: "Record" in the Apache Kafka implementation guide (message format 2), and `DefaultRecord`.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use parking_lot::{ReentrantMutex, ReentrantMutexGuard};

use super::batch::BatchHeader;

/// Largest decompressed batch in bytes. Clients' batches are bounded by `message.max.bytes` as they are sent;
/// this bounds the work that a small one can ask for.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 64 << 20;

/// Largest part of a batch that is held at once while it is unpacked: a record, a block of snappy. Larger ones are
/// refused: the largest message that is sold has 12 MiB, and what clients send is bounded before they pack it, too
/// (`max.request.size`).
const PART_BYTES_MAX: usize = 13 << 20;
/// Largest window of a zstd frame that is held, in bits: that of compression levels up to 19 …
const ZSTD_WINDOW_BITS: u32 = 23;
/// … and that of the higher ones, for batches that unpack to no more than [`PART_BYTES_MAX`].
const ZSTD_WINDOW_BITS_MAX: u32 = 27;
/// Of parts larger than this there is one at a time in a process, whoever unpacks it.
const LARGE_PART_BYTES: usize = 1 << 20;
/// Unpacked bytes that are held at once; a larger record is held as a whole.
const WINDOW_BYTES: usize = 64 << 10;
/// The window of a small batch.
const WINDOW_BYTES_MIN: usize = 4 << 10;
/// Most bytes of a 32-bit number of variable length.
const VARINT_BYTES_MAX: usize = 5;
/// Most bytes of a 64-bit number of variable length.
const VARLONG_BYTES_MAX: usize = 10;

/// How the framing of the xerial snappy library begins.
const XERIAL: &[u8] = b"\x82SNAPPY\x00";
/// Bytes of that framing before the first block: magic, version, compatible version.
const XERIAL_HEADER_BYTES: usize = 16;
/// Block size of that library.
const SNAPPY_BLOCK_BYTES: usize = 32 << 10;
/// A snappy block unpacks to at most so many times its size (64 bytes for a copy of three).
const SNAPPY_RATIO_MAX: usize = 22;

/// Held by the thread that unpacks a large part. It is never held for longer than one batch takes.
static LARGE: ReentrantMutex<()> = ReentrantMutex::new(());

/// Waits until no other thread unpacks a large part, if this one is.
fn large(bytes: usize) -> Option<ReentrantMutexGuard<'static, ()>> {
    (bytes > LARGE_PART_BYTES).then(|| LARGE.lock())
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the batch does not hold the records it says")]
    Malformed,
    #[error("the batch unpacks to more bytes than may be unpacked")]
    TooLarge,
    #[error("the batch cannot be unpacked")]
    Decompress(#[source] io::Error),
}

/// One record, as far as the broker reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordRef<'a> {
    timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    /// Whether the value is null: a tombstone in a compacted topic.
    pub is_tombstone: bool,
    /// The record's bytes with its length prefix.
    pub raw: &'a [u8],
    /// Attributes and timestamp: what stands between the length and the offset.
    before_offset: &'a [u8],
    /// Key, value and headers.
    after_offset: &'a [u8],
}

/// Reads numbers and texts from the start of a slice.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// The bits of a number, before their sign is put in its place.
    fn bits(&mut self, bytes_max: usize) -> Option<u64> {
        // Most numbers have one byte.
        if let [byte @ 0..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Some(u64::from(*byte));
        }
        let mut value: u64 = 0;
        for (at, byte) in self.0.iter().take(bytes_max).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Some(value);
            }
        }
        None
    }

    fn varint(&mut self) -> Option<i32> {
        // Five bytes have room for more than 32 bits: readers drop them before the sign is looked at.
        let bits = self.bits(VARINT_BYTES_MAX)? as u32;
        Some((bits >> 1) as i32 ^ -((bits & 1) as i32))
    }

    fn varlong(&mut self) -> Option<i64> {
        let bits = self.bits(VARLONG_BYTES_MAX)?;
        Some((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    fn take(&mut self, length: i32) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// A text that is null if its length is negative.
    fn nullable(&mut self) -> Option<Option<&'a [u8]>> {
        match self.varint()? {
            ..0 => Some(None),
            length => self.take(length).map(Some),
        }
    }
}

impl<'a> RecordRef<'a> {
    /// Reads one record; `None` if its parts do not fill it exactly. `prefix_bytes` of `raw` are its length.
    fn parse(raw: &'a [u8], prefix_bytes: usize) -> Option<Self> {
        let body = raw.get(prefix_bytes..)?;
        let mut cursor = Cursor(body);
        cursor.take(1)?;
        let timestamp_delta = cursor.varlong()?;
        let before_offset = &body[..body.len() - cursor.0.len()];
        let offset_delta = cursor.varint()?;
        let after_offset = cursor.0;
        let key = cursor.nullable()?;
        let is_tombstone = cursor.nullable()?.is_none();
        let headers = usize::try_from(cursor.varint()?).ok()?;
        for _ in 0..headers {
            let name_bytes = cursor.varint()?;
            cursor.take(name_bytes)?;
            cursor.nullable()?;
        }
        cursor.0.is_empty().then_some(Self {
            timestamp_delta,
            offset_delta,
            key,
            is_tombstone,
            raw,
            before_offset,
            after_offset,
        })
    }

    pub(crate) fn offset(&self, header: &BatchHeader) -> i64 {
        header.base_offset.wrapping_add(self.offset_delta.into())
    }

    /// CreateTime of the record; -1 if it has none.
    pub(crate) fn create_time_ms(&self, header: &BatchHeader) -> i64 {
        header.base_timestamp.wrapping_add(self.timestamp_delta)
    }

    /// The timestamp that consumers see.
    pub(crate) fn timestamp_ms(&self, header: &BatchHeader) -> i64 {
        match header.is_log_append_time() {
            true => header.max_timestamp,
            false => self.create_time_ms(header),
        }
    }

    /// Writes the record with another offset delta.
    fn write_at(&self, offset_delta: i32, out: &mut Vec<u8>) {
        let mut number = Vec::with_capacity(VARINT_BYTES_MAX);
        put_varint(&mut number, offset_delta);
        let body_bytes = self.before_offset.len() + number.len() + self.after_offset.len();
        put_varint(out, body_bytes as i32);
        out.extend_from_slice(self.before_offset);
        out.extend_from_slice(&number);
        out.extend_from_slice(self.after_offset);
    }
}

fn put_varint(out: &mut Vec<u8>, value: i32) {
    let mut rest = ((value << 1) ^ (value >> 31)) as u32;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes that come one after the other.
trait Source {
    /// Makes at least `count` bytes ready, fewer only at the end. What is ready may be more.
    fn fill(&mut self, count: usize) -> Result<&[u8], RecordError>;
    fn advance(&mut self, count: usize);
}

/// Records that are not packed are read where they are.
struct Plain<'a>(&'a [u8]);

impl Source for Plain<'_> {
    fn fill(&mut self, _count: usize) -> Result<&[u8], RecordError> {
        Ok(self.0)
    }

    fn advance(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }
}

/// What has been unpacked and not been looked at yet.
struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How much more may be unpacked.
    left_bytes: u64,
    large: Option<ReentrantMutexGuard<'static, ()>>,
}

impl<R: Read> Window<R> {
    fn new(reader: R, packed_bytes: usize, unpacked_bytes_max: u64) -> Self {
        let size = packed_bytes.saturating_mul(4);
        Self {
            reader,
            buffer: vec![0; size.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES)],
            start: 0,
            end: 0,
            left_bytes: unpacked_bytes_max,
            large: None,
        }
    }
}

impl<R: Read> Source for Window<R> {
    fn fill(&mut self, count: usize) -> Result<&[u8], RecordError> {
        if count > PART_BYTES_MAX {
            return Err(RecordError::TooLarge);
        }
        if self.large.is_none() {
            self.large = large(count);
        }
        while self.end - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.end == self.buffer.len() {
                // Room for all of it, once; memory is used as the data comes, not as the length field says.
                self.buffer.reserve_exact(count - self.buffer.len());
                self.buffer.resize((self.buffer.len() * 2).min(count), 0);
            }
            let read = match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(RecordError::Decompress(error)),
            };
            self.end += read;
            self.left_bytes = self
                .left_bytes
                .checked_sub(read as u64)
                .ok_or(RecordError::TooLarge)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
    }
}

/// Unpacks snappy as the xerial library frames it, block by block.
struct Xerial<'a> {
    packed: &'a [u8],
    block: Vec<u8>,
    at: usize,
    large: Option<ReentrantMutexGuard<'static, ()>>,
}

fn snappy_block(packed: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let bytes = snap::raw::decompress_len(packed).map_err(io::Error::other)?;
    if bytes
        > packed
            .len()
            .saturating_mul(SNAPPY_RATIO_MAX)
            .min(PART_BYTES_MAX)
    {
        return Err(io::Error::other("a snappy block cannot be as large"));
    }
    out.resize(bytes, 0);
    snap::raw::Decoder::new()
        .decompress(packed, out)
        .map(drop)
        .map_err(io::Error::other)
}

impl Read for Xerial<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            let Some((length, rest)) = self.packed.split_first_chunk::<4>() else {
                return match self.packed {
                    [] => Ok(0),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            };
            let length = u32::from_be_bytes(*length) as usize;
            let (block, rest) = rest
                .split_at_checked(length)
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            if self.large.is_none() {
                self.large = large(block.len().saturating_mul(SNAPPY_RATIO_MAX));
            }
            snappy_block(block, &mut self.block)?;
            (self.packed, self.at) = (rest, 0);
        }
        let count = out.len().min(self.block.len() - self.at);
        out[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// The one frame that Kafka's clients read: of the present format, with blocks that do not need each other, and
/// whole to its end mark (`Lz4BlockInputStream`). What follows it is not looked at.
fn lz4_frame(packed: &[u8]) -> Option<&[u8]> {
    const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
    const HAS_CONTENT_SIZE: u8 = 0x08;
    const HAS_CONTENT_CHECKSUM: u8 = 0x04;
    const HAS_BLOCK_CHECKSUMS: u8 = 0x10;
    /// Version 1, independent blocks, nothing reserved.
    const FLAGS_MASK: u8 = 0xe3;
    const FLAGS: u8 = 0x60;
    let flags = *packed.strip_prefix(&MAGIC)?.first()?;
    if flags & FLAGS_MASK != FLAGS {
        return None;
    }
    let optional = |flag: u8, bytes: usize| if flags & flag == 0 { 0 } else { bytes };
    // Magic, flags, block descriptor, checksum of the header.
    let mut at = 7 + optional(HAS_CONTENT_SIZE, 8);
    loop {
        let size = u32::from_le_bytes(*packed.get(at..)?.first_chunk()?);
        at += 4;
        if size == 0 {
            return packed.get(..at + optional(HAS_CONTENT_CHECKSUM, 4));
        }
        // The highest bit says that the block is not compressed.
        at += (size & 0x7fff_ffff) as usize + optional(HAS_BLOCK_CHECKSUMS, 4);
    }
}

/// Whether the first frame says that it needs a window of more than [`ZSTD_WINDOW_BITS`] (RFC 8878, section 3.1.1.1). A
/// frame of one segment is its own window.
fn has_large_window(packed: &[u8]) -> bool {
    const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
    const IS_ONE_SEGMENT: u8 = 0x20;
    let Some([descriptor, window, ..]) = packed.strip_prefix(&MAGIC) else {
        return false;
    };
    if descriptor & IS_ONE_SEGMENT != 0 {
        return true;
    }
    let (exponent, mantissa) = (u32::from(window >> 3), window & 7);
    let bits = 10 + exponent + u32::from(mantissa > 0);
    bits > ZSTD_WINDOW_BITS
}

/// Shows every record of a batch to `visitor`, in order, until it breaks off. Memory is bounded by a window,
/// or by the largest record.
///
/// # Errors
/// If the body does not consist of exactly as many well-formed records as the header says, if it cannot be
/// unpacked, or if it unpacks to more than `unpacked_bytes_max`. Records shown before the error must be
/// discarded.
pub(crate) fn visit(
    header: &BatchHeader,
    body: &[u8],
    unpacked_bytes_max: u64,
    visitor: impl FnMut(&RecordRef<'_>) -> ControlFlow<()>,
) -> Result<(), RecordError> {
    let count = header.records_count;
    let packed_bytes = body.len();
    match header.compression() {
        0 => walk(Plain(body), count, visitor),
        1 => {
            let reader = flate2::read::MultiGzDecoder::new(body);
            let window = Window::new(reader, packed_bytes, unpacked_bytes_max);
            walk(window, count, visitor)
        }
        2 if body.starts_with(XERIAL) => {
            let reader = Xerial {
                packed: body
                    .get(XERIAL_HEADER_BYTES..)
                    .ok_or(RecordError::Malformed)?,
                block: Vec::new(),
                at: 0,
                large: None,
            };
            let window = Window::new(reader, packed_bytes, unpacked_bytes_max);
            walk(window, count, visitor)
        }
        2 => {
            // Without framing it is one block.
            let bytes = snap::raw::decompress_len(body).map_err(|_| RecordError::Malformed)?;
            if bytes as u64 > unpacked_bytes_max.min(PART_BYTES_MAX as u64) {
                return Err(RecordError::TooLarge);
            }
            let (_large, mut block) = (large(bytes), Vec::new());
            snappy_block(body, &mut block).map_err(RecordError::Decompress)?;
            walk(Plain(&block), count, visitor)
        }
        3 => {
            let frame = lz4_frame(body).ok_or(RecordError::Malformed)?;
            let reader = lz4_flex::frame::FrameDecoder::new(frame);
            let window = Window::new(reader, packed_bytes, unpacked_bytes_max);
            walk(window, count, visitor)
        }
        4 => {
            let reader = zstd::stream::read::Decoder::with_buffer(body);
            let mut reader = reader.map_err(RecordError::Decompress)?;
            let is_large = has_large_window(body);
            let _large = large(if is_large { PART_BYTES_MAX } else { 0 });
            let (bits, bytes_max) = match is_large {
                true => (ZSTD_WINDOW_BITS_MAX, PART_BYTES_MAX as u64),
                false => (ZSTD_WINDOW_BITS, unpacked_bytes_max),
            };
            let limited = reader.window_log_max(bits);
            limited.map_err(RecordError::Decompress)?;
            let window = Window::new(reader, packed_bytes, unpacked_bytes_max.min(bytes_max));
            walk(window, count, visitor)
        }
        _ => Err(RecordError::Malformed),
    }
}

fn walk(
    mut source: impl Source,
    count: i32,
    mut visitor: impl FnMut(&RecordRef<'_>) -> ControlFlow<()>,
) -> Result<(), RecordError> {
    for _ in 0..count {
        let ready = source.fill(VARINT_BYTES_MAX)?;
        let mut cursor = Cursor(ready);
        let length = cursor.varint().ok_or(RecordError::Malformed)?;
        let prefix_bytes = ready.len() - cursor.0.len();
        let length = usize::try_from(length).map_err(|_| RecordError::Malformed)?;
        let size = prefix_bytes + length;
        let raw = source.fill(size)?.get(..size);
        let record = raw.and_then(|raw| RecordRef::parse(raw, prefix_bytes));
        if visitor(&record.ok_or(RecordError::Malformed)?).is_break() {
            return Ok(());
        }
        source.advance(size);
    }
    match source.fill(1)? {
        [] => Ok(()),
        _ => Err(RecordError::Malformed),
    }
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

/// Puts records together again, one after the other.
pub(crate) struct Packer {
    codec: Codec,
    /// A record on its way.
    record: Vec<u8>,
}

enum Codec {
    None(Vec<u8>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    /// What is packed, and the block that is not full yet.
    Snappy(Vec<u8>, Vec<u8>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    pub(crate) fn new(compression: impl Into<Compression>) -> io::Result<Self> {
        let Compression { codec, level } = compression.into();
        let codec = match codec {
            1 => {
                let level = level.and_then(|level| u32::try_from(level).ok());
                let level =
                    level.map_or_else(flate2::Compression::default, flate2::Compression::new);
                Codec::Gzip(flate2::write::GzEncoder::new(Vec::new(), level))
            }
            2 => {
                // Java readers know the framing of the xerial library only.
                let mut out = XERIAL.to_vec();
                out.extend([0, 0, 0, 1, 0, 0, 0, 1]);
                Codec::Snappy(out, Vec::new())
            }
            3 => Codec::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
            // Level 0 is the library's word for its default, as it is Kafka's: 3.
            4 => Codec::Zstd(zstd::stream::write::Encoder::new(
                Vec::new(),
                level.unwrap_or(0),
            )?),
            _ => Codec::None(Vec::new()),
        };
        let record = Vec::new();
        Ok(Self { codec, record })
    }

    /// Adds a record as it is.
    pub(crate) fn push(&mut self, record: &RecordRef<'_>) -> io::Result<()> {
        self.codec.write(record.raw)
    }

    /// Adds a record at another place in the batch.
    pub(crate) fn push_at(&mut self, record: &RecordRef<'_>, offset_delta: i32) -> io::Result<()> {
        if record.offset_delta == offset_delta {
            return self.push(record);
        }
        self.record.clear();
        record.write_at(offset_delta, &mut self.record);
        self.codec.write(&self.record)
    }

    /// How large the result is at least.
    pub(crate) fn packed_bytes(&self) -> usize {
        match &self.codec {
            Codec::None(out) | Codec::Snappy(out, _) => out.len(),
            Codec::Gzip(encoder) => encoder.get_ref().len(),
            Codec::Lz4(encoder) => encoder.get_ref().len(),
            Codec::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self.codec {
            Codec::None(out) => Ok(out),
            Codec::Gzip(encoder) => encoder.finish(),
            Codec::Snappy(mut out, block) => {
                pack_snappy(&block, &mut out)?;
                Ok(out)
            }
            Codec::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Codec::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Codec {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(out) => out.extend_from_slice(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes)?,
            Self::Lz4(encoder) => encoder.write_all(bytes)?,
            Self::Zstd(encoder) => encoder.write_all(bytes)?,
            Self::Snappy(out, block) => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (now, later) =
                        rest.split_at(rest.len().min(SNAPPY_BLOCK_BYTES - block.len()));
                    block.extend_from_slice(now);
                    rest = later;
                    if block.len() == SNAPPY_BLOCK_BYTES {
                        pack_snappy(block, out)?;
                        block.clear();
                    }
                }
            }
        }
        Ok(())
    }
}

fn pack_snappy(block: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    if block.is_empty() {
        return Ok(());
    }
    let packed = snap::raw::Encoder::new()
        .compress_vec(block)
        .map_err(io::Error::other)?;
    out.extend((packed.len() as u32).to_be_bytes());
    out.extend(packed);
    Ok(())
}

/// A record that was read, for tests.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub is_tombstone: bool,
    pub raw: Vec<u8>,
}

/// The records of one whole batch.
#[cfg(test)]
pub(crate) fn decode(batch: &[u8]) -> Result<Vec<Record>, RecordError> {
    let header = BatchHeader::parse(batch).ok_or(RecordError::Malformed)?;
    let body = &batch[super::batch::HEADER_BYTES..];
    let mut records = Vec::new();
    visit(&header, body, UNPACKED_BYTES_MAX, |record| {
        records.push(Record {
            offset: record.offset(&header),
            timestamp_ms: record.timestamp_ms(&header),
            key: record.key.map(<[u8]>::to_vec),
            is_tombstone: record.is_tombstone,
            raw: record.raw.to_vec(),
        });
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

/// Puts raw records together again.
#[cfg(test)]
pub(crate) fn encode<'a>(
    compression: impl Into<Compression>,
    records: impl Iterator<Item = &'a [u8]>,
) -> io::Result<Vec<u8>> {
    let mut packer = Packer::new(compression)?;
    for record in records {
        packer.codec.write(record)?;
    }
    packer.finish()
}
