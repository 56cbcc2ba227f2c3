//! Kafka's four codecs, to read what producers compressed.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use kafka_protocol::records::Compression;

/// Bytes that one batch may unpack to: a batch has at most some megabytes on the wire, and one that unpacks to more was
/// made to harm.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// What Snappy's blocks begin with when Java wrote them (`SnappyOutputStream` of xerial).
const SNAPPY_MAGIC: &[u8] = b"\x82SNAPPY\0";
/// Magic, version and compatible version.
const SNAPPY_HEADER_BYTES: usize = 16;

/// Unpacks the records of a batch.
pub(crate) fn unpack(packed: &mut Bytes, codec: Compression) -> anyhow::Result<Bytes> {
    let reader = packed.split_to(packed.len());
    Ok(match codec {
        Compression::None => reader,
        Compression::Gzip => read(flate2::read::MultiGzDecoder::new(&reader[..]))?,
        Compression::Lz4 => read(lz4_flex::frame::FrameDecoder::new(&reader[..]))?,
        Compression::Zstd => read(zstd::stream::read::Decoder::new(&reader[..])?)?,
        Compression::Snappy => snappy(reader)?,
    })
}

fn read(unpacked: impl Read) -> io::Result<Bytes> {
    let mut out = Vec::new();
    let bytes = unpacked
        .take(UNPACKED_BYTES_MAX + 1)
        .read_to_end(&mut out)?;
    match bytes as u64 > UNPACKED_BYTES_MAX {
        true => Err(io::Error::other("a batch unpacks to too much")),
        false => Ok(out.into()),
    }
}

fn snappy(mut packed: Bytes) -> io::Result<Bytes> {
    let mut out = Vec::new();
    if !packed.starts_with(SNAPPY_MAGIC) {
        snappy_block(&packed, &mut out)?;
        return Ok(out.into());
    }
    if packed.len() < SNAPPY_HEADER_BYTES {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    packed.advance(SNAPPY_HEADER_BYTES);
    while packed.has_remaining() {
        let length = packed.try_get_u32().map_err(io::Error::other)? as usize;
        if length > packed.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        snappy_block(&packed.split_to(length), &mut out)?;
    }
    Ok(out.into())
}

fn snappy_block(packed: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let bytes = snap::raw::decompress_len(packed).map_err(io::Error::other)?;
    if (out.len() + bytes) as u64 > UNPACKED_BYTES_MAX {
        return Err(io::Error::other("a batch unpacks to too much"));
    }
    let begin = out.len();
    out.resize(begin + bytes, 0);
    let unpacked = snap::raw::Decoder::new().decompress(packed, &mut out[begin..]);
    unpacked.map(|_| ()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(codec: Compression, packed: Vec<u8>) {
        let unpacked = unpack(&mut packed.into(), codec).expect("it is packed so");
        assert_eq!(unpacked, text(), "{codec:?}");
    }

    fn text() -> Vec<u8> {
        b"the same words again and again, ".repeat(100)
    }

    #[test]
    fn every_codec_is_unpacked() -> std::io::Result<()> {
        let text = text();
        check(Compression::None, text.clone());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text)?;
        check(Compression::Gzip, gzip.finish()?);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text)?;
        check(Compression::Lz4, lz4.finish().map_err(io::Error::other)?);
        check(Compression::Zstd, zstd::stream::encode_all(&text[..], 1)?);
        let block = |text: &[u8]| snap::raw::Encoder::new().compress_vec(text);
        check(Compression::Snappy, block(&text).map_err(io::Error::other)?);
        let mut java = [SNAPPY_MAGIC, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for part in text.chunks(1_000) {
            let block = block(part).map_err(io::Error::other)?;
            java.extend((block.len() as u32).to_be_bytes());
            java.extend(block);
        }
        check(Compression::Snappy, java);
        Ok(())
    }

    #[test]
    fn what_is_cut_off_is_no_text() {
        for codec in [
            Compression::Gzip,
            Compression::Lz4,
            Compression::Zstd,
            Compression::Snappy,
        ] {
            assert!(unpack(&mut Bytes::from_static(b"\x82SNAPPY\0\0"), codec).is_err());
        }
    }
}
