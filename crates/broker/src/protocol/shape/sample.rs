//! Random requests of the right shape, for tests that send what no client would.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use rand::Rng;
use rand::rngs::StdRng;

use super::table::SHAPES;
use super::{Field, Kind};

/// Texts that mean something to a cluster that was used a little.
const TEXTS: &[&str] = &[
    "t",
    "t",
    "u",
    "g",
    "h",
    "tx",
    "m",
    "",
    "range",
    "uniform",
    "consumer",
    "compact",
    "cleanup.policy",
    "retention.ms",
    "segment.bytes",
    "0",
    "1",
    "-1",
    "user",
    "client-id",
    "ip",
    "producer_byte_rate",
    "SCRAM-SHA-256",
    "User:ANONYMOUS",
    "*",
    "PLAIN",
    "[a-z]+",
    "(",
    "é",
];
/// Most elements of an array.
const ELEMENTS_MAX: usize = 3;

/// The body of a request.
pub(crate) fn body(key: ApiKey, version: i16, batches: &[Bytes], chance: &mut StdRng) -> Bytes {
    let shape = SHAPES.iter().find(|shape| shape.key == key).unwrap();
    let mut writer = Writer {
        out: BytesMut::new(),
        version,
        is_flexible: version >= shape.flexible_from,
        batches,
        chance,
    };
    writer.structure(shape.fields);
    writer.out.freeze()
}

struct Writer<'a> {
    out: BytesMut,
    version: i16,
    is_flexible: bool,
    batches: &'a [Bytes],
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
        for field in fields
            .iter()
            .filter(|field| (field.from..=field.to).contains(&version))
        {
            self.field(field);
        }
        if self.is_flexible {
            self.varint(0);
        }
    }

    fn field(&mut self, field: &Field) {
        match field.kind {
            Kind::Fixed(count) => self.number(count, field.name),
            Kind::Text if self.chance.random_bool(0.1) => self.length(None, true),
            Kind::Text => {
                let text = TEXTS[self.chance.random_range(0..TEXTS.len())];
                self.length(Some(text.len()), true);
                self.out.put_slice(text.as_bytes());
            }
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
            Kind::Array(fields) => {
                let count = self.chance.random_range(0..=ELEMENTS_MAX);
                self.length(Some(count), false);
                (0..count).for_each(|_| self.structure(fields));
            }
            Kind::List(fields) => {
                let count = self.chance.random_range(0..=ELEMENTS_MAX);
                self.length(Some(count), false);
                (0..count).for_each(|_| fields.iter().for_each(|field| self.field(field)));
            }
        }
    }

    fn bytes(&mut self) {
        let bytes = match self.chance.random_range(0..10) {
            0 => return self.length(None, false),
            1 => Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\0\0\0\0"),
            _ => self.batches[self.chance.random_range(0..self.batches.len())].clone(),
        };
        self.length(Some(bytes.len()), false);
        self.out.put_slice(&bytes);
    }

    fn number(&mut self, count: usize, name: &str) {
        if name.contains("wait") {
            // Nobody waits for long here.
            return self.out.put_i32(self.chance.random_range(-1..3));
        }
        let few = self.chance.random_range(-2..4i64);
        let number = match self.chance.random_range(0..12) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => self.chance.random(),
            3 => i64::from(self.chance.random_range(0..50_000)),
            _ => few,
        };
        match count {
            1 => self.out.put_i8(number as i8),
            2 => self.out.put_i16(number as i16),
            4 => self.out.put_i32(number as i32),
            8 => self.out.put_i64(number),
            count => {
                let fill = self.chance.random_range(0..3u8);
                self.out.put_bytes(fill, count);
            }
        }
    }
}
