//! Random requests of every API: of the right shape, small or up to 1 MB, and some of them damaged.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader};
use kafka_protocol::protocol::{Encodable, StrBytes};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::batch::{self, Codec};
use crate::shape::{Field, Kind, Shape, shapes};
use crate::target::Bought;

/// Clients that send at the same time.
const CLIENTS: usize = 16;
/// How long one of them waits for an answer: joins and fetches wait for others.
const PATIENCE: Duration = Duration::from_millis(200);
/// The largest request.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How many of all requests are large.
const LARGE_SHARE: f64 = 0.1;
/// Longest text that Kafka takes.
const TEXT_BYTES_MAX: usize = 32_767;
/// Elements of an array that is not made large.
const ELEMENTS_FEW: usize = 3;
/// Texts that mean something to a cluster that was used a little.
const TEXTS: &[&str] = &[
    "t",
    "u",
    "g",
    "h",
    "tx",
    "m",
    "",
    "*",
    "0",
    "-1",
    "range",
    "uniform",
    "consumer",
    "compact",
    "cleanup.policy",
    "retention.ms",
    "segment.bytes",
    "user",
    "client-id",
    "ip",
    "producer_byte_rate",
    "SCRAM-SHA-256",
    "User:ANONYMOUS",
    "PLAIN",
    "[a-z]+",
    "(a?){20}",
    "é",
];

/// An API with the versions that the server says it knows.
#[derive(Clone, Copy)]
struct Api {
    shape: &'static Shape,
    min: i16,
    max: i16,
}

/// Sends so many requests, or until the time is up, over several connections at once.
///
/// # Errors
/// If the server cannot be connected to any more.
pub(crate) fn flood(
    victim: &Bought,
    requests: u64,
    seed: u64,
    time: Option<Duration>,
) -> Result<()> {
    send_all(victim, requests, seed, time, LARGE_SHARE)
}

/// Sends so many small ones.
///
/// # Errors
/// As [`flood`].
pub(crate) fn drizzle(victim: &Bought, requests: u64) -> Result<()> {
    send_all(victim, requests, 0, None, 0.0)
}

fn send_all(
    victim: &Bought,
    requests: u64,
    seed: u64,
    time: Option<Duration>,
    large: f64,
) -> Result<()> {
    let apis = apis(victim)?;
    let batches = batches()?;
    let deadline = time.map(|time| Instant::now() + time);
    let each = requests.div_ceil(CLIENTS as u64);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (apis, batches) = (&apis, &batches);
                let mut chance = StdRng::seed_from_u64(seed << 8 | client as u64);
                scope.spawn(move || {
                    let mut connection = victim.connect(client)?;
                    connection.set_patience(PATIENCE)?;
                    for at in 0..each {
                        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                            break;
                        }
                        // Every API in turn, so that each has its share.
                        let api = apis[(client + at as usize) % apis.len()];
                        let frame = request(api, batches, large, &mut chance)?;
                        if !(connection.send(&frame) && connection.skip()) {
                            connection = victim.connect(client)?;
                            connection.set_patience(PATIENCE)?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
    })
}

fn apis(victim: &Bought) -> Result<Vec<Api>> {
    let told = victim.connect(0)?.call(&ApiVersionsRequest::default(), 0)?;
    let api = |shape: &'static Shape| {
        let told = told
            .api_keys
            .iter()
            .find(|told| told.api_key == shape.key as i16)?;
        Some(Api {
            shape,
            min: told.min_version,
            max: told.max_version,
        })
    };
    let apis: Vec<Api> = shapes().iter().filter_map(api).collect();
    ensure!(apis.len() > 40, "only {} APIs are served", apis.len());
    Ok(apis)
}

fn batches() -> Result<Vec<Bytes>> {
    let mut out = vec![batch::of_values(&[b"value"])?, batch::hollow(100_000)?];
    for codec in Codec::PACKED {
        out.push(batch::bomb(codec, 8, 64 << 10)?);
    }
    Ok(out)
}

/// A whole frame. Some bytes of some are wrong.
fn request(api: Api, batches: &[Bytes], large: f64, chance: &mut StdRng) -> Result<Bytes> {
    let (key, version) = (api.shape.key, chance.random_range(api.min..=api.max));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header(key, version).encode(&mut frame, key.request_header_version(version))?;
    let from = frame.len();
    let is_large = chance.random_bool(large);
    let mut writer = Writer {
        out: frame,
        version,
        is_flexible: version >= api.shape.flexible_from,
        batches,
        // One array of a large request has as many elements as there is room for.
        bytes_max: if is_large { REQUEST_BYTES_MAX } else { 0 },
        chance,
    };
    writer.structure(api.shape.fields);
    let Writer {
        mut out, chance, ..
    } = writer;
    if chance.random_bool(0.1) && out.len() > from {
        let at = chance.random_range(from..out.len());
        out[at] = chance.random();
    }
    let length = i32::try_from(out.len() - 4)?;
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out.freeze())
}

fn header(key: ApiKey, version: i16) -> RequestHeader {
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("malice")))
}

struct Writer<'a> {
    out: BytesMut,
    version: i16,
    is_flexible: bool,
    batches: &'a [Bytes],
    /// Arrays are as large as this allows; 0: they have few elements.
    bytes_max: usize,
    chance: &'a mut StdRng,
}

impl Writer<'_> {
    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.out.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }

    /// `None`: null.
    fn length(&mut self, length: Option<usize>, is_short: bool) {
        if self.is_flexible {
            return self.varint(length.map_or(0, |length| length + 1));
        }
        match is_short {
            true => self.out.put_i16(length.map_or(-1, |length| length as i16)),
            false => self.out.put_i32(length.map_or(-1, |length| length as i32)),
        }
    }

    fn structure(&mut self, fields: &'static [Field]) {
        let version = self.version;
        for field in fields.iter().filter(|field| field.is_in(version)) {
            self.field(field);
        }
        if self.is_flexible {
            self.varint(0);
        }
    }

    fn field(&mut self, field: &Field) {
        match field.kind {
            Kind::Fixed(count) => self.number(count, field.name),
            Kind::Text => self.text(),
            Kind::Bytes => self.bytes(),
            Kind::Nullable(fields) => {
                let is_there = self.chance.random_bool(0.7);
                self.out.put_i8(if is_there { 1 } else { -1 });
                if is_there {
                    self.structure(fields);
                }
            }
            Kind::Array(_) | Kind::List(_) if self.chance.random_bool(0.1) => {
                self.length(None, false);
            }
            Kind::Array(fields) => self.elements(|writer| writer.structure(fields)),
            Kind::List(fields) => {
                self.elements(|writer| fields.iter().for_each(|field| writer.field(field)));
            }
        }
    }

    /// A few elements, or as many as there is room for.
    fn elements(&mut self, mut one: impl FnMut(&mut Self)) {
        let before = std::mem::take(&mut self.out);
        let few = self.chance.random_range(0..=ELEMENTS_FEW);
        // Arrays in this one are small: many elements are worse than a few large ones.
        let room = std::mem::take(&mut self.bytes_max).saturating_sub(before.len());
        let mut count = 0;
        while count < few || self.out.len() < room {
            one(self);
            count += 1;
        }
        let elements = std::mem::replace(&mut self.out, before);
        self.length(Some(count), false);
        self.out.extend_from_slice(&elements);
    }

    fn text(&mut self) {
        match self.chance.random_range(0..20) {
            0 => self.length(None, true),
            1 => {
                let bytes = self.chance.random_range(0..=TEXT_BYTES_MAX);
                self.length(Some(bytes), true);
                self.out.put_bytes(b'x', bytes);
            }
            // One that was not named before.
            2..=6 => {
                let text = format!("{:x}", self.chance.random::<u32>());
                self.length(Some(text.len()), true);
                self.out.put_slice(text.as_bytes());
            }
            _ => {
                let text = TEXTS[self.chance.random_range(0..TEXTS.len())];
                self.length(Some(text.len()), true);
                self.out.put_slice(text.as_bytes());
            }
        }
    }

    fn bytes(&mut self) {
        let bytes = match self.chance.random_range(0..10) {
            0 => return self.length(None, false),
            1 => Bytes::from(vec![0; self.chance.random_range(0..REQUEST_BYTES_MAX / 4)]),
            _ => self.batches[self.chance.random_range(0..self.batches.len())].clone(),
        };
        self.length(Some(bytes.len()), false);
        self.out.put_slice(&bytes);
    }

    fn number(&mut self, count: usize, name: &str) {
        if name.contains("wait") {
            return self.out.put_i32(self.chance.random_range(-1..100));
        }
        let number = match self.chance.random_range(0..12) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => self.chance.random(),
            3 => i64::from(self.chance.random_range(0..50_000)),
            _ => self.chance.random_range(-2..4),
        };
        match count {
            1 => self.out.put_i8(number as i8),
            2 => self.out.put_i16(number as i16),
            4 => self.out.put_i32(number as i32),
            8 => self.out.put_i64(number),
            count => self.out.put_bytes(self.chance.random_range(0..3), count),
        }
    }
}
