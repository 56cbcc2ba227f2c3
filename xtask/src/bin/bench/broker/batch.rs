//! A record batch as a producer would send it, made once.

use anyhow::Result;
use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// The producer's default `batch.size`.
const BATCH_BYTES: usize = 16 << 10;
/// What a record needs besides its value.
const RECORD_OVERHEAD_BYTES: usize = 12;
/// Words that values are made of, so that they compress about as text does.
const WORDS: [&str; 16] = [
    "order ",
    "paid ",
    "item ",
    "north ",
    "2041 ",
    "7 ",
    "blue ",
    "ship ",
    "quantity ",
    "99.5 ",
    "to ",
    "return ",
    "x17 ",
    "basket ",
    "user ",
    "open ",
];

/// A batch without a producer id.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) records: usize,
    /// Bytes of the values.
    pub(super) payload_bytes: usize,
}

impl Batch {
    /// As many records as the producer's default batch holds.
    pub(super) fn new(record_bytes: usize, is_lz4: bool) -> Result<Self> {
        let count = (BATCH_BYTES / (record_bytes + RECORD_OVERHEAD_BYTES)).max(1);
        let mut text = Text(0x9e37_79b9_7f4a_7c15);
        let records: Vec<Record> = (0..count)
            .map(|at| record(at, text.take(record_bytes)))
            .collect();
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions {
            version: 2,
            compression: if is_lz4 {
                Compression::Lz4
            } else {
                Compression::None
            },
        };
        RecordBatchEncoder::encode_with_custom_compression(
            &mut bytes,
            &records,
            &options,
            Some(compress),
        )?;
        Ok(Self {
            bytes: bytes.freeze(),
            records: count,
            payload_bytes: count * record_bytes,
        })
    }
}

fn compress(plain: &mut BytesMut, out: &mut BytesMut, compression: Compression) -> Result<()> {
    if matches!(compression, Compression::Lz4) {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(out.writer());
        std::io::Write::write_all(&mut encoder, plain)?;
        encoder.finish()?;
    } else {
        out.put_slice(plain);
    }
    Ok(())
}

fn record(at: usize, value: Bytes) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: at as i64,
        sequence: at as i32,
        timestamp: 1,
        key: None,
        value: Some(value),
        headers: IndexMap::new(),
    }
}

/// The same text every time.
struct Text(u64);

impl Text {
    fn take(&mut self, bytes: usize) -> Bytes {
        let mut out = Vec::with_capacity(bytes + 16);
        while out.len() < bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            out.extend_from_slice(WORDS[(self.0 >> 60) as usize].as_bytes());
        }
        out.truncate(bytes);
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::{Compression, RecordBatchDecoder};

    use super::Batch;

    #[test]
    fn a_batch_holds_what_it_says() {
        for (record_bytes, is_lz4, records) in
            [(1024, false, 15), (1024, true, 15), (100, true, 146)]
        {
            let batch = Batch::new(record_bytes, is_lz4).expect("a batch");
            assert_eq!(
                (batch.records, batch.payload_bytes),
                (records, records * record_bytes)
            );
            let count = i32::from_be_bytes(batch.bytes[57..61].try_into().expect("four bytes"));
            assert_eq!(count as usize, records);
            if !is_lz4 {
                let mut bytes = batch.bytes.clone();
                let set = RecordBatchDecoder::decode(&mut bytes).expect("a sound batch");
                assert_eq!(set.records.len(), records);
                assert!(matches!(set.compression, Compression::None));
            }
        }
    }
}
