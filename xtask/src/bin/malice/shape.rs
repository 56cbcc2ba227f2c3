//! What requests look like: the broker's own table, which `cargo xtask shapes` makes from Kafka's definitions.

use kafka_protocol::messages::ApiKey;

#[path = "../../../../crates/broker/src/protocol/shape/table.rs"]
mod table;

/// Up to the newest version.
const LAST: i16 = i16::MAX;

/// What a field looks like on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A string, possibly null.
    Text,
    /// Bytes or records, possibly null.
    Bytes,
    /// An array of structures, possibly null.
    Array(&'static [Field]),
    /// An array of single values, possibly null.
    List(&'static [Field]),
    /// A structure that may be null.
    Nullable(&'static [Field]),
}

/// One field and the versions that have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    from: i16,
    to: i16,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            from: 0,
            to: LAST,
        }
    }

    const fn only(self, from: i16, to: i16) -> Self {
        Self { from, to, ..self }
    }

    pub(crate) fn is_in(&self, version: i16) -> bool {
        (self.from..=self.to).contains(&version)
    }
}

const fn fixed(name: &'static str, bytes: usize) -> Field {
    Field::new(name, Kind::Fixed(bytes))
}
const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}
const fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}
const fn array(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Array(fields))
}
const fn list(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::List(fields))
}
const fn nullable(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Nullable(fields))
}

/// A request: its fields in order.
pub(crate) struct Shape {
    pub(crate) key: ApiKey,
    /// From this version on lengths are compact and structures end with tagged fields.
    pub(crate) flexible_from: i16,
    pub(crate) fields: &'static [Field],
}

/// Every request that the broker knows.
pub(crate) fn shapes() -> &'static [Shape] {
    table::SHAPES
}
