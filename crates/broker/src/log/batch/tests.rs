//! Batches of producers are validated: their headers are not trusted.

use std::borrow::Cow;

use bytes::Bytes;

use crate::error::ErrorCode;
use crate::log::batch::{
    self, Batch, BatchHeader, BatchRefusal, BatchRules, HEADER_BYTES, NO_TIMESTAMP,
};
use crate::log::record::{self, Compression};
use crate::log::tests::RULES;
use crate::trace::{Draft, build};

const CODECS: std::ops::RangeInclusive<i16> = 0..=4;

/// A record of a batch that is sent.
#[derive(Clone)]
struct Sent {
    key: Option<&'static [u8]>,
    timestamp_delta: i64,
    offset_delta: i64,
    /// What the count of headers says.
    headers: i64,
    /// Behind the last header.
    rest: &'static [u8],
}

fn sent(at: i64) -> Sent {
    Sent {
        key: Some(b"k"),
        timestamp_delta: at * 1_000,
        offset_delta: at,
        headers: 0,
        rest: b"",
    }
}

fn three() -> Vec<Sent> {
    (0..3).map(sent).collect()
}

fn put_number(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn encode(record: &Sent) -> Vec<u8> {
    let mut body = vec![0];
    put_number(&mut body, record.timestamp_delta);
    put_number(&mut body, record.offset_delta);
    match record.key {
        None => put_number(&mut body, -1),
        Some(key) => {
            put_number(&mut body, key.len() as i64);
            body.extend(key);
        }
    }
    put_number(&mut body, 1);
    body.push(b'v');
    put_number(&mut body, record.headers);
    body.extend(record.rest);
    let mut out = Vec::new();
    put_number(&mut out, body.len() as i64);
    out.extend(body);
    out
}

/// The time that the batches here count from.
const BASE_MS: i64 = 1_700_000_000_000;

/// A batch of these records whose header is right, but for what `lie` makes of it; the checksum covers it.
fn batch_of(records: &[Sent], codec: i16, lie: impl Fn(&mut BatchHeader)) -> Bytes {
    let raw: Vec<Vec<u8>> = records.iter().map(encode).collect();
    let body = record::encode(codec, raw.iter().map(|raw| &raw[..])).unwrap();
    let plain = build(&Draft {
        records: vec![(None, None); records.len()],
        timestamp_ms: BASE_MS,
        producer: None,
        is_transactional: false,
    });
    let mut header = BatchHeader::parse(&plain).unwrap();
    header.attributes = codec;
    header.max_timestamp = BASE_MS + 1_000 * (records.len() as i64 - 1);
    lie(&mut header);
    batch::with_records(&header, header.records_count, &body).into()
}

fn opened(bytes: &Bytes, rules: &BatchRules) -> Result<Batch, BatchRefusal> {
    let batch = batch::validate(bytes, rules)?;
    let bytes = batch.to_bytes();
    assert!(batch::crc_is_valid(&bytes, &batch.header));
    Ok(batch)
}

#[test]
fn the_header_is_what_the_records_are() {
    let check = |records: &[Sent], lie: &dyn Fn(&mut BatchHeader), expected: (i64, &[i64])| {
        for codec in CODECS {
            let batch = opened(&batch_of(records, codec, lie), &RULES).unwrap();
            let seen = record::decode(&batch.to_bytes()).unwrap();
            let times: Vec<i64> = seen.iter().map(|record| record.timestamp_ms).collect();
            assert_eq!(
                (batch.header.max_timestamp, &times[..]),
                expected,
                "codec {codec}"
            );
            assert_eq!(batch.header.compression(), codec);
            assert!(!batch.header.is_log_append_time());
        }
    };
    let own = [BASE_MS, BASE_MS + 1_000, BASE_MS + 2_000];
    let last = BASE_MS + 2_000;
    check(&three(), &|_| {}, (last, &own));
    // Older clients of Go leave it out, others say what they like.
    check(&three(), &|header| header.max_timestamp = -1, (last, &own));
    let future = &|header: &mut BatchHeader| header.max_timestamp = i64::MAX;
    check(&three(), future, (last, &own));
    // The broker alone stamps records.
    check(&three(), &|header| header.attributes |= 0x08, (last, &own));
    // Attributes that are not the producer's.
    check(&three(), &|header| header.attributes |= 0x40, (last, &own));
    // The newest is not the last.
    let mut turned = three();
    turned[0].timestamp_delta = 9_000;
    let times = [BASE_MS + 9_000, BASE_MS + 1_000, BASE_MS + 2_000];
    check(&turned, &|_| {}, (BASE_MS + 9_000, &times));
    // No time is no time, whatever the header says.
    let timeless = [Sent {
        timestamp_delta: 0,
        ..sent(0)
    }];
    let lie = &|header: &mut BatchHeader| {
        header.base_timestamp = NO_TIMESTAMP;
        header.max_timestamp = 5;
    };
    check(&timeless, lie, (NO_TIMESTAMP, &[NO_TIMESTAMP]));
}

#[test]
fn a_batch_that_is_right_is_stored_as_it_came() {
    for codec in CODECS {
        let bytes = batch_of(&three(), codec, |_| {});
        assert_eq!(opened(&bytes, &RULES).unwrap().to_bytes(), bytes);
    }
}

#[test]
fn records_are_numbered_by_the_broker() {
    for codec in CODECS {
        let mut records = three();
        records
            .iter_mut()
            .for_each(|record| record.offset_delta = 70_000);
        let batch = opened(&batch_of(&records, codec, |_| {}), &RULES).unwrap();
        let right = batch_of(&three(), codec, |_| {});
        let decode = |bytes: &[u8]| record::decode(bytes).unwrap();
        assert_eq!(
            decode(&batch.to_bytes()),
            decode(&right),
            "codec {codec}: as if they had been numbered rightly"
        );
    }
}

/// What a client says of its batch that is not so.
type Lie<'a> = &'a dyn Fn(&mut BatchHeader);

#[test]
fn what_is_no_batch_is_refused_with_kafkas_codes() {
    use ErrorCode::{
        CorruptMessage, InvalidProducerEpoch, InvalidRecord, MessageTooLarge,
        UnsupportedCompressionType,
    };
    let check = |bytes: Bytes, expected: ErrorCode| {
        let refusal = opened(&bytes, &RULES).map(|batch| batch.header);
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code, expected, "{}", refusal.message);
        assert!(!refusal.message.is_empty());
        assert_eq!(refusal.records, []);
    };
    let good = batch_of(&three(), 0, |_| {});
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.to_vec();
        change(&mut bytes);
        Bytes::from(bytes)
    };
    check(Bytes::new(), InvalidRecord);
    check(changed(&|bytes| bytes.truncate(16)), InvalidRecord);
    check(changed(&|bytes| bytes.truncate(80)), InvalidRecord);
    check(changed(&|bytes| bytes[16] = 1), InvalidRecord);
    check(changed(&|bytes| bytes[16] = 3), CorruptMessage);
    check(
        changed(&|bytes| bytes[8..12].copy_from_slice(&9i32.to_be_bytes())),
        CorruptMessage,
    );
    check(
        changed(&|bytes| *bytes.last_mut().unwrap() ^= 1),
        CorruptMessage,
    );
    check(changed(&|bytes| bytes.extend(good.iter())), InvalidRecord);
    check(changed(&|bytes| bytes[7] = 5), InvalidRecord);
    check(changed(&|bytes| bytes[0] = 0xff), InvalidRecord);
    let large = BatchRules {
        message_bytes_max: good.len() - 1,
        ..RULES
    };
    let code = opened(&good, &large).map(|_| ()).map_err(|no| no.code);
    assert_eq!(code, Err(MessageTooLarge));
    let lies: [(Lie, ErrorCode); 11] = [
        (&|header| header.records_count = 4, InvalidRecord),
        (&|header| header.last_offset_delta = 1, InvalidRecord),
        (&|header| header.last_offset_delta = -1, InvalidRecord),
        (&|header| header.records_count = 0, InvalidRecord),
        (&|header| header.attributes |= 0x20, InvalidRecord),
        (&|header| header.producer_id = 7, InvalidRecord),
        (
            &|header| {
                (header.producer_id, header.base_sequence) = (7, 0);
                header.producer_epoch = -5;
            },
            InvalidProducerEpoch,
        ),
        (
            &|header| header.attributes |= 0x07,
            UnsupportedCompressionType,
        ),
        // The codec is another.
        (&|header| header.attributes |= 0x01, InvalidRecord),
        (&|header| header.attributes |= 0x03, InvalidRecord),
        (&|header| header.attributes |= 0x04, InvalidRecord),
    ];
    for (lie, expected) in lies {
        check(batch_of(&three(), 0, lie), expected);
    }
}

#[test]
fn records_that_are_none_are_refused() {
    let check = |what: &str, records: &[Sent], count: i32| {
        for codec in CODECS {
            let bytes = batch_of(records, codec, |header| {
                header.records_count = count;
                header.last_offset_delta = count - 1;
            });
            let code = opened(&bytes, &RULES).map(|_| ()).map_err(|no| no.code);
            assert_eq!(code, Err(ErrorCode::InvalidRecord), "{what}, codec {codec}");
        }
    };
    check("more than there are", &three(), 4);
    check("fewer than there are", &three(), 2);
    check("two thousand million", &three(), i32::MAX);
    let with = |change: &dyn Fn(&mut Sent)| {
        let mut records = three();
        change(&mut records[1]);
        records
    };
    let trailing = with(&|record| record.rest = b"x");
    check("longer than its parts", &trailing, 3);
    let missing = with(&|record| record.headers = 1);
    check("a header that is not there", &missing, 3);
    check("negative headers", &with(&|record| record.headers = -1), 3);
    let unnamed = with(&|record| (record.headers, record.rest) = (1, b"\x01\x01"));
    check("a header without a name", &unnamed, 3);
    let many = with(&|record| record.headers = i64::from(i32::MAX));
    check("headers without end", &many, 3);
    // Sound checksum, 39 bytes that are nothing.
    let mut nothing = batch_of(&three(), 0, |_| {})[..HEADER_BYTES].to_vec();
    nothing.extend([0xa5; 39]);
    let header = BatchHeader::parse(&nothing).unwrap();
    let bytes = batch::with_records(&header, 3, &nothing[HEADER_BYTES..]).into();
    assert_eq!(
        opened(&bytes, &RULES).unwrap_err().code,
        ErrorCode::InvalidRecord
    );
}

#[test]
fn headers_of_records_are_read_over() {
    let mut records = three();
    (records[0].headers, records[0].rest) = (2, b"\x02a\x02b\x02c\x01");
    for codec in CODECS {
        assert!(opened(&batch_of(&records, codec, |_| {}), &RULES).is_ok());
    }
}

#[test]
fn every_faulty_record_is_told() {
    let check =
        |rules: BatchRules, records: &[Sent], expected: (ErrorCode, &[i32]), message: &str| {
            for codec in CODECS {
                let refusal = opened(&batch_of(records, codec, |_| {}), &rules).unwrap_err();
                let indexes: Vec<i32> = refusal.records.iter().map(|fault| fault.index).collect();
                assert_eq!((refusal.code, &indexes[..]), expected, "codec {codec}");
                for fault in &refusal.records {
                    assert!(fault.message.contains(message), "{}", fault.message);
                }
            }
        };
    let compacted = BatchRules {
        keys_required: true,
        ..RULES
    };
    let mut keyless: Vec<Sent> = (0..5).map(sent).collect();
    (keyless[1].key, keyless[4].key) = (None, None);
    let invalid = ErrorCode::InvalidRecord;
    check(compacted, &keyless, (invalid, &[1, 4]), "without a key");
    let few = BatchRules {
        record_faults_max: 1,
        ..compacted
    };
    check(few, &keyless, (invalid, &[1]), "without a key");
    // The header says nothing of it: the record in the middle is too early.
    let mut early = three();
    early[1].timestamp_delta = -86_400_000;
    let hour = BatchRules {
        timestamp_min_ms: BASE_MS - 3_600_000,
        timestamp_max_ms: BASE_MS + 3_600_000,
        ..RULES
    };
    let wrong = ErrorCode::InvalidTimestamp;
    check(hour, &early, (wrong, &[1]), "1699913600000");
    let mut late = early;
    late[2].timestamp_delta = 3_600_001;
    check(hour, &late, (wrong, &[1, 2]), "is not from");
    // A missing key is reported rather than the timestamp of the same record, and the timestamp decides the
    // code.
    late[1].key = None;
    let both = BatchRules {
        keys_required: true,
        ..hour
    };
    check(both, &late, (wrong, &[1, 2]), "");
}

#[test]
fn records_without_a_time_have_any_time() {
    let bytes = batch_of(&[sent(0)], 0, |header| header.base_timestamp = NO_TIMESTAMP);
    let rules = BatchRules {
        timestamp_min_ms: BASE_MS,
        timestamp_max_ms: BASE_MS,
        ..RULES
    };
    assert!(opened(&bytes, &rules).is_ok());
}

#[test]
fn append_time_replaces_timestamps() {
    let rules = BatchRules {
        log_append_time_ms: Some(77),
        ..RULES
    };
    for codec in CODECS {
        let batch = opened(&batch_of(&three(), codec, |_| {}), &rules).unwrap();
        assert_eq!(batch.header.max_timestamp, 77);
        assert_eq!(batch.log_append_time_ms(), 77);
        let records = record::decode(&batch.to_bytes()).unwrap();
        assert!(records.iter().all(|record| record.timestamp_ms == 77));
        // Who stamps his records himself is refused (`LogValidator.validateTimestamp`).
        let stamped = batch_of(&three(), codec, |header| header.attributes |= 0x08);
        let refusal = opened(&stamped, &rules).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidTimestamp);
        assert_eq!(refusal.records.len(), 3);
    }
}

#[test]
fn topics_pack_records_their_way() {
    for from in CODECS {
        for codec in CODECS {
            for level in [None, Some(1), Some(9)] {
                let compression = Some(Compression { codec, level });
                let rules = BatchRules {
                    compression,
                    ..RULES
                };
                let bytes = batch_of(&three(), from, |header| header.max_timestamp = -1);
                let batch = opened(&bytes, &rules).unwrap();
                assert_eq!(batch.header.compression(), codec);
                let plain = record::decode(&batch_of(&three(), 0, |_| {})).unwrap();
                assert_eq!(record::decode(&batch.to_bytes()).unwrap(), plain);
                let size = batch.header.size_bytes();
                let fits = |message_bytes_max| {
                    let rules = BatchRules {
                        message_bytes_max,
                        ..rules
                    };
                    opened(&bytes, &rules).is_ok()
                };
                assert!(fits(size.max(bytes.len())));
                assert!(!fits(size - 1), "from {from} to {codec}");
            }
        }
    }
}

/// What is packed anew may be as long as it was: its checksum is another all the same.
#[test]
fn what_is_packed_anew_has_its_own_checksum() {
    let mut same_length = 0;
    for from in CODECS {
        for to in CODECS {
            for size in 0..60 {
                let key: &'static [u8] = (0..size)
                    .map(|at: u8| at.wrapping_mul(37))
                    .collect::<Vec<u8>>()
                    .leak();
                let mut records = three();
                records.iter_mut().for_each(|record| record.key = Some(key));
                // Numbers of the same length that are wrong.
                records[2].offset_delta = i64::from(size % 2);
                let rules = BatchRules {
                    compression: Some(Compression::from(to)),
                    ..RULES
                };
                let bytes = batch_of(&records, from, |_| {});
                let batch = opened(&bytes, &rules).unwrap();
                same_length +=
                    usize::from(batch.header.length == i32::try_from(bytes.len()).unwrap() - 12);
                assert_eq!(record::decode(&batch.to_bytes()).unwrap().len(), 3);
            }
        }
    }
    assert!(same_length > 100, "{same_length}");
}

/// Frames that decoders here can read, and those of clients cannot.
#[test]
fn only_frames_of_lz4_that_clients_read_are_taken() {
    let raw: Vec<u8> = three().iter().flat_map(encode).collect();
    let header = BatchHeader::parse(&batch_of(&three(), 3, |_| {})).unwrap();
    let is_taken =
        |body: &[u8]| opened(&batch::with_records(&header, 3, body).into(), &RULES).is_ok();
    let pack = |info: lz4_flex::frame::FrameInfo| {
        let mut packer = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        std::io::Write::write_all(&mut packer, &raw).unwrap();
        packer.finish().unwrap()
    };
    let info = lz4_flex::frame::FrameInfo::new;
    let sound = pack(info());
    assert!(is_taken(&sound));
    assert!(is_taken(&pack(
        info().content_checksum(true).block_checksums(true)
    )));
    assert!(is_taken(&pack(info().content_size(Some(raw.len() as u64)))));
    assert!(!is_taken(&sound[..sound.len() - 4]), "no end mark");
    let linked = info().block_mode(lz4_flex::frame::BlockMode::Linked);
    assert!(!is_taken(&pack(linked)), "blocks that need each other");
    let block = lz4_flex::block::compress(&raw);
    let mut old = 0x184c_2102_u32.to_le_bytes().to_vec();
    old.extend((block.len() as u32).to_le_bytes());
    old.extend(block);
    assert!(!is_taken(&old), "the old format");
    let again = [&sound[..], &sound[..]].concat();
    assert!(is_taken(&again), "what follows is not looked at");
}

/// Numbers of five bytes have room for 35 bits.
#[test]
fn bits_that_a_number_does_not_have_are_dropped() {
    let body = |key_length: &[u8]| {
        let mut body = vec![0, 0, 0];
        body.extend(key_length);
        body.extend(b"abc\x01\x00");
        let mut out = Vec::new();
        put_number(&mut out, body.len() as i64);
        out.extend(body);
        out
    };
    let header = BatchHeader::parse(&batch_of(&[sent(0)], 0, |_| {})).unwrap();
    let check = |key_length: &[u8], expected: Option<&[u8]>| {
        let bytes = batch::with_records(&header, 1, &body(key_length));
        let keys = record::decode(&bytes).map(|records| records[0].key.clone());
        assert_eq!(keys.ok().flatten().as_deref(), expected);
    };
    check(&[0x06], Some(b"abc"));
    check(&[0x86, 0x80, 0x80, 0x80, 0x00], Some(b"abc"));
    check(&[0x86, 0x80, 0x80, 0x80, 0x70], Some(b"abc"));
    check(&[0x86, 0x80, 0x80, 0x80, 0x10], Some(b"abc"));
    check(&[0x86, 0x80, 0x80, 0x80, 0x80, 0x00], None);
}

/// Snappy of producers that do not frame it.
#[test]
fn bare_snappy_is_read() {
    let raw: Vec<u8> = three().iter().flat_map(encode).collect();
    let packed = snap::raw::Encoder::new().compress_vec(&raw).unwrap();
    let framed = batch_of(&three(), 2, |_| {});
    let header = BatchHeader::parse(&framed).unwrap();
    let bare = batch::with_records(&header, 3, &packed).into();
    assert!(opened(&bare, &RULES).is_ok());
}

/// Records that do not fit into the window through which packed ones are read.
#[test]
fn large_records_are_read() {
    let value: &'static [u8] = vec![7; 300_000].leak();
    let mut records = three();
    records[1].key = Some(value);
    for codec in CODECS {
        assert!(opened(&batch_of(&records, codec, |_| {}), &RULES).is_ok());
    }
}

#[test]
fn a_look_may_be_given_up_and_done_again() {
    let mut records = three();
    records[1].key = Some(vec![7; 300_000].leak());
    for codec in 1..=4 {
        let unopened = {
            let sent = batch_of(&records, codec, |_| {});
            batch::check(&sent, BatchHeader::read(&sent).as_ref(), 1 << 20).unwrap()
        };
        let given_up = unopened.open(&RULES, 200_000).map(|_| ());
        assert_eq!(given_up, Err(batch::OpenError::TooMuch), "codec {codec}");
        assert!(unopened.open(&RULES, 400_000).is_ok(), "codec {codec}");
    }
    let message: Cow<'_, str> = BatchRefusal::too_much().message;
    assert!(message.contains("67108864"));
}
