//! Batches of records, and what looks like one.

use std::io::{Read, Write as _};

use anyhow::Result;
use brokerage_domain::clock::{Clock as _, SystemClock};
use brokerage_kafka_admin::{NewRecord, record_batch};
use bytes::{BufMut, Bytes, BytesMut};

/// How records are packed, as the attributes of a batch say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

impl Codec {
    pub(crate) const PACKED: [Self; 4] = [Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];
}

fn now_ms() -> i64 {
    SystemClock.now().millis()
}

/// A sound batch of records with these values.
pub(crate) fn of_values(values: &[&[u8]]) -> Result<Bytes> {
    let record = |value: &&[u8]| NewRecord {
        timestamp_ms: now_ms(),
        value: Some(Bytes::copy_from_slice(value)),
        ..NewRecord::default()
    };
    Ok(record_batch(
        &values.iter().map(record).collect::<Vec<_>>(),
    )?)
}

fn put_varint(out: &mut Vec<u8>, value: usize) {
    let mut left = value << 1;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// The beginning of a record with a value of so many bytes, and what follows the value.
fn record_head(at: usize, value_bytes: usize) -> Vec<u8> {
    let mut body = vec![0, 0];
    put_varint(&mut body, at);
    // A key of one byte, so that compacted topics take it.
    put_varint(&mut body, 1);
    body.push(b'k');
    put_varint(&mut body, value_bytes);
    let mut head = Vec::new();
    put_varint(&mut head, body.len() + value_bytes + 1);
    head.extend(body);
    head
}

/// Packs what is read.
fn pack(codec: Codec, mut bytes: impl Read) -> Result<Vec<u8>> {
    Ok(match codec {
        Codec::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::copy(&mut bytes, &mut packer)?;
            packer.finish()?
        }
        Codec::Snappy => {
            let mut all = Vec::new();
            bytes.read_to_end(&mut all)?;
            snap::raw::Encoder::new().compress_vec(&all)?
        }
        Codec::Lz4 => {
            let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            std::io::copy(&mut bytes, &mut packer)?;
            packer.finish()?
        }
        Codec::Zstd => zstd::stream::encode_all(bytes, 3)?,
    })
}

/// Like [`pack`] with zstd, with a window of so many bits, which whoever unpacks it has to keep.
fn pack_with_window(bits: u32, mut bytes: impl Read) -> Result<Vec<u8>> {
    let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 1)?;
    packer.window_log(bits)?;
    std::io::copy(&mut bytes, &mut packer)?;
    packer.flush()?;
    Ok(packer.finish()?)
}

/// A batch with this body, whatever it holds.
pub(crate) fn with_body(codec: Codec, count: usize, body: &[u8]) -> Bytes {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let now_ms = now_ms();
    let mut tail = BytesMut::new();
    tail.put_i16(codec as i16);
    tail.put_i32(count - 1);
    tail.put_i64(now_ms);
    tail.put_i64(now_ms);
    tail.put_i64(-1);
    tail.put_i16(-1);
    tail.put_i32(-1);
    tail.put_i32(count);
    tail.put_slice(body);
    let mut out = BytesMut::new();
    out.put_i64(0);
    out.put_i32(i32::try_from(tail.len() + 9).unwrap_or(i32::MAX));
    out.put_i32(-1);
    out.put_u8(2);
    out.put_u32(crc32c::crc32c(&tail));
    out.put_slice(&tail);
    out.freeze()
}

/// Bytes of so many records with values of so many zeros.
fn zeros(count: usize, value_bytes: usize) -> impl Read {
    let mut at = 0;
    let mut head: Vec<u8> = Vec::new();
    let mut zeros = 0;
    ReadWith(move |out: &mut [u8]| {
        if head.is_empty() && zeros == 0 {
            if at == count {
                return 0;
            }
            head = record_head(at, value_bytes);
            head.reverse();
            // The value, and no headers.
            (at, zeros) = (at + 1, value_bytes + 1);
        }
        if let Some(byte) = head.pop() {
            out[0] = byte;
            return 1;
        }
        let some = zeros.min(out.len());
        out[..some].fill(0);
        zeros -= some;
        some
    })
}

struct ReadWith<F>(F);

impl<F: FnMut(&mut [u8]) -> usize> Read for ReadWith<F> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        Ok((self.0)(out))
    }
}

/// Many bytes in few: so many records with values of so many zeros.
pub(crate) fn bomb(codec: Codec, count: usize, value_bytes: usize) -> Result<Bytes> {
    let body = pack(codec, std::io::BufReader::new(zeros(count, value_bytes)))?;
    Ok(with_body(codec, count, &body))
}

/// The same with zstd, in a frame that wants a window of so many bits.
pub(crate) fn window_bomb(bits: u32, count: usize, value_bytes: usize) -> Result<Bytes> {
    let records = std::io::BufReader::new(zeros(count, value_bytes));
    let body = pack_with_window(bits, records)?;
    Ok(with_body(Codec::Zstd, count, &body))
}

/// Records of the fewest bytes, all with the same place: so many of them as no client would send.
pub(crate) fn hollow(count: usize) -> Result<Bytes> {
    let record: &[u8] = &[12, 0, 0, 0, 1, 1, 0];
    let mut left = count * record.len();
    let bytes = ReadWith(move |out: &mut [u8]| {
        let some = left.min(out.len() / record.len() * record.len());
        let whole = out[..some].chunks_exact_mut(record.len());
        whole.for_each(|place| place.copy_from_slice(record));
        left -= some;
        some
    });
    let body = pack(
        Codec::Zstd,
        std::io::BufReader::with_capacity(70_000, bytes),
    )?;
    Ok(with_body(Codec::Zstd, count, &body))
}
