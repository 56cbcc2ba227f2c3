//! Requests that no client would send: the connection is closed or a proper answer given, and the cluster
//! goes on. `FUZZ_CASES=n` tries `n` of each version of each request instead of a few.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader, ResponseKind,
};
use kafka_protocol::protocol::{Decodable, Encodable};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::log::batch::{self, BatchRules};
use crate::log::durability::Durability;
use crate::log::record;
use crate::protocol::api::SERVED;
use crate::protocol::shape::sample;
use crate::trace::{Draft, NOW_MS, TracedCluster, build};

/// Requests that wait for others are given up after this.
const PATIENCE: Duration = Duration::from_millis(20);
/// No answer to a request as small as these is larger.
const ANSWER_BYTES_MAX: usize = 1 << 20;

fn cases() -> u64 {
    std::env::var("FUZZ_CASES").map_or(2, |cases| cases.parse().unwrap())
}

/// Batches that are valid or almost.
fn batches() -> Vec<Bytes> {
    let record = (Some(b"key".to_vec()), Some(b"value".to_vec()));
    let draft = |producer, is_transactional| Draft {
        records: vec![record.clone(), record.clone()],
        timestamp_ms: NOW_MS,
        producer,
        is_transactional,
    };
    let drafts = [
        draft(None, false),
        draft(Some((0, 0, 0)), false),
        draft(Some((1, 0, 0)), true),
        draft(Some((1, 1, 2)), true),
    ];
    let mut out: Vec<Bytes> = drafts.iter().map(build).collect();
    let mut cut = out[0].to_vec();
    cut.truncate(70);
    out.push(cut.into());
    out.push(bomb(4));
    out
}

fn with_body(codec: i16, count: i32, body: &[u8]) -> Bytes {
    let plain = build(&Draft {
        records: vec![(Some(b"k".to_vec()), None)],
        timestamp_ms: NOW_MS,
        producer: None,
        is_transactional: false,
    });
    let header = batch::BatchHeader::parse(&plain).unwrap();
    let mut out = batch::with_records(&header, count, body);
    out[21..23].copy_from_slice(&codec.to_be_bytes());
    out[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    let crc = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out.into()
}

/// A small batch that unpacks to a gigabyte of zeros, or says so.
fn bomb(codec: i16) -> Bytes {
    const UNPACKED_BYTES: u64 = 1 << 30;
    let zeros = || std::io::Read::take(std::io::repeat(0), UNPACKED_BYTES);
    let body = match codec {
        1 => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            // As much as is refused is enough: gzip is slow.
            std::io::copy(&mut std::io::Read::take(zeros(), 80 << 20), &mut packer).unwrap();
            packer.finish().unwrap()
        }
        2 => {
            // A length of almost 4 GiB, and nothing behind it.
            vec![0xff, 0xff, 0xff, 0xff, 0x0f]
        }
        3 => {
            let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            std::io::copy(&mut std::io::Read::take(zeros(), 80 << 20), &mut packer).unwrap();
            packer.finish().unwrap()
        }
        _ => {
            let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            std::io::copy(&mut std::io::Read::take(zeros(), 80 << 20), &mut packer).unwrap();
            packer.finish().unwrap()
        }
    };
    with_body(codec, 1, &body)
}

const RULES: BatchRules = BatchRules {
    message_bytes_max: 1 << 20,
    log_append_time_ms: None,
    keys_required: true,
    timestamp_min_ms: i64::MIN,
    timestamp_max_ms: i64::MAX,
    compression: None,
    record_faults_max: 10,
};

#[test]
fn a_batch_that_unpacks_to_too_much_is_refused() {
    for codec in 1..=4 {
        let bomb = bomb(codec);
        assert!(
            bomb.len() < RULES.message_bytes_max,
            "codec {codec}: {} bytes",
            bomb.len()
        );
        assert!(record::decode(&bomb).is_err(), "codec {codec}");
        assert!(batch::validate(&bomb, &RULES).is_err(), "codec {codec}");
    }
    // Two thousand million records in no bytes.
    for codec in 0..=4 {
        let hollow = with_body(codec, i32::MAX, &[]);
        assert!(record::decode(&hollow).is_err(), "codec {codec}");
        assert!(batch::validate(&hollow, &RULES).is_err(), "codec {codec}");
    }
}

#[test]
fn damaged_batches_are_refused_or_read() {
    let mut chance = StdRng::seed_from_u64(7);
    let all = batches();
    for _ in 0..cases() * 2_000 {
        let mut bytes = all[chance.random_range(0..4)].to_vec();
        damage(&mut bytes, &mut chance);
        // Sound checksums let the damage in further.
        if bytes.len() > 61 && chance.random_bool(0.7) {
            let length = (bytes.len() - 12) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            let crc = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        let _ = record::decode(&bytes);
        if let Some(header) = batch::BatchHeader::parse(&bytes) {
            let _ = batch::marker_of(&header, &bytes[batch::HEADER_BYTES..]);
        }
        let _ = batch::validate(&bytes.into(), &RULES);
    }
}

/// Some bytes become others, come, or go.
fn damage(bytes: &mut Vec<u8>, chance: &mut StdRng) {
    for _ in 0..chance.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = chance.random_range(0..bytes.len());
        match chance.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, chance.random()),
            2 => bytes[at] = 0xff,
            3 => bytes[at] ^= 1 << chance.random_range(0..8),
            _ => bytes[at] = chance.random(),
        }
    }
}

fn frame(key: ApiKey, version: i16, body: &[u8]) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(77)
        .with_client_id(Some("fuzz".into()));
    let mut out = BytesMut::new();
    header
        .encode(&mut out, key.request_header_version(version))
        .unwrap();
    out.extend_from_slice(body);
    out.freeze()
}

/// Sends one frame. What is answered must be an answer to it.
async fn send(running: &TracedCluster, frame: Bytes, what: &str) {
    let answered = AssertUnwindSafe(running.answer(frame.clone())).catch_unwind();
    let Ok(answered) = tokio::time::timeout(PATIENCE, answered).await else {
        return;
    };
    let answered = answered.unwrap_or_else(|_| panic!("{what}: {frame:?}"));
    let Ok(Some(mut answer)) = answered else {
        return;
    };
    let key = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    assert!(
        answer.len() <= ANSWER_BYTES_MAX,
        "{what}: {} bytes",
        answer.len()
    );
    assert_eq!(answer.get_i32() as usize, answer.len(), "{what}: {frame:?}");
    let key = ApiKey::try_from(key).unwrap();
    let is_old = key == ApiKey::ApiVersions && version > 4 || version < 0;
    let version = if is_old { 0 } else { version };
    let header = ResponseHeader::decode(&mut answer, key.response_header_version(version));
    assert_eq!(
        header.unwrap().correlation_id.to_be_bytes()[..],
        frame[4..8],
        "{what}"
    );
    let decoded = ResponseKind::decode(key, &mut answer, version);
    assert!(decoded.is_ok(), "{what}: {decoded:?}: {frame:?}");
    assert!(answer.is_empty(), "{what}: {} bytes too many", answer.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_request_is_answered_or_its_connection_closed() {
    let dir = tempfile::tempdir().unwrap();
    let running = TracedCluster::open(dir.path(), None, Durability::Process);
    let batches = batches();
    for served in SERVED {
        for version in served.served_min..=served.max {
            for case in 0..cases() {
                let seed = case << 32 | (served.key as u64) << 16 | version as u64;
                let mut chance = StdRng::seed_from_u64(seed);
                let body = sample::body(served.key, version, &batches, &mut chance);
                let what = format!("{:?} version {version} case {case}", served.key);
                send(&running, frame(served.key, version, &body), &what).await;
                let mut damaged = frame(served.key, version, &body).to_vec();
                // Key and version stay; the rest is anybody's guess.
                let mut tail = damaged.split_off(4);
                damage(&mut tail, &mut chance);
                damaged.extend(tail);
                send(&running, damaged.into(), &format!("{what}, damaged")).await;
            }
        }
    }
    let mut chance = StdRng::seed_from_u64(1);
    for case in 0..cases() * 500 {
        let noise: Vec<u8> = (0..chance.random_range(0..64))
            .map(|_| chance.random())
            .collect();
        send(&running, noise.into(), &format!("noise {case}")).await;
    }
    // Whatever was done to it, it still works.
    let answer = running.call(ApiVersionsRequest::default(), 0).await;
    assert_eq!(answer.error_code, 0);
    running.close().await;
    let running = TracedCluster::open(dir.path(), None, Durability::Process);
    assert_eq!(
        running
            .call(ApiVersionsRequest::default(), 0)
            .await
            .error_code,
        0
    );
    running.abandon().await;
}
