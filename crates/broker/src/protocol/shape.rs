//! The shape of each request, to be walked before it is decoded.
//!
//! The decoder makes room for as many elements as an array says that it has, before reading the first. A
//! walk over the bytes proves first that they are there, so that four bytes cannot ask for gigabytes.

#[cfg(test)]
pub(super) mod sample;
mod table;

use kafka_protocol::messages::ApiKey;

use table::SHAPES;

/// Array elements in one request, of all arrays together.
const ELEMENTS_MAX: usize = 1_000_000;
/// Up to the newest version.
const LAST: i16 = i16::MAX;

/// What a field looks like on the wire.
#[derive(Debug, Clone, Copy)]
enum Kind {
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
struct Field {
    name: &'static str,
    kind: Kind,
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
}

/// A request: its fields in order, without tagged ones (none of those holds an array).
struct Shape {
    key: ApiKey,
    /// From this version on lengths are compact and structures end with tagged fields (KIP-482).
    flexible_from: i16,
    fields: &'static [Field],
}

/// Why a request is not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShapeError {
    #[error("the request has no known shape")]
    Unknown,
    #[error("the request ends within {0:?}")]
    Short(&'static str),
    #[error("the request has more than {ELEMENTS_MAX} elements")]
    TooMany,
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    is_flexible: bool,
    elements: usize,
}

/// Walks the body of a request.
pub(crate) fn check(key: ApiKey, version: i16, body: &[u8]) -> Result<(), ShapeError> {
    let shape = SHAPES
        .iter()
        .find(|shape| shape.key == key)
        .ok_or(ShapeError::Unknown)?;
    let is_flexible = version >= shape.flexible_from;
    let mut walk = Walk {
        rest: body,
        version,
        is_flexible,
        elements: 0,
    };
    walk.structure(shape.fields)
}

impl Walk<'_> {
    fn skip(&mut self, count: usize, name: &'static str) -> Result<(), ShapeError> {
        self.rest = self.rest.get(count..).ok_or(ShapeError::Short(name))?;
        Ok(())
    }

    fn number<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], ShapeError> {
        let (number, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(ShapeError::Short(name))?;
        self.rest = rest;
        Ok(*number)
    }

    fn varint(&mut self, name: &'static str) -> Result<usize, ShapeError> {
        let mut value = 0usize;
        for shift in (0..35).step_by(7) {
            let [byte] = self.number::<1>(name)?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ShapeError::Short(name))
    }

    /// A length; null is 0.
    fn length(&mut self, is_short: bool, name: &'static str) -> Result<usize, ShapeError> {
        if self.is_flexible {
            return Ok(self.varint(name)?.saturating_sub(1));
        }
        let length = match is_short {
            true => i32::from(i16::from_be_bytes(self.number(name)?)),
            false => i32::from_be_bytes(self.number(name)?),
        };
        Ok(usize::try_from(length).unwrap_or(0))
    }

    fn structure(&mut self, fields: &'static [Field]) -> Result<(), ShapeError> {
        let version = self.version;
        for field in fields
            .iter()
            .filter(|field| (field.from..=field.to).contains(&version))
        {
            self.field(field)?;
        }
        if self.is_flexible {
            for _ in 0..self.varint("tagged fields")? {
                self.varint("tag")?;
                let size = self.varint("tag")?;
                self.skip(size, "tag")?;
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field) -> Result<(), ShapeError> {
        let name = field.name;
        match field.kind {
            Kind::Fixed(count) => self.skip(count, name),
            Kind::Text => {
                let length = self.length(true, name)?;
                self.skip(length, name)
            }
            Kind::Bytes => {
                let length = self.length(false, name)?;
                self.skip(length, name)
            }
            Kind::Nullable(fields) => {
                let [presence] = self.number::<1>(name)?;
                if (presence as i8) < 0 {
                    Ok(())
                } else {
                    self.structure(fields)
                }
            }
            Kind::Array(fields) => {
                for _ in 0..self.count(name)? {
                    self.structure(fields)?;
                }
                Ok(())
            }
            Kind::List(fields) => {
                for _ in 0..self.count(name)? {
                    fields.iter().try_for_each(|field| self.field(field))?;
                }
                Ok(())
            }
        }
    }

    fn count(&mut self, name: &'static str) -> Result<usize, ShapeError> {
        let count = self.length(false, name)?;
        self.elements = self.elements.saturating_add(count);
        if self.elements > ELEMENTS_MAX {
            Err(ShapeError::TooMany)
        } else {
            Ok(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_that_is_not_there_is_refused_before_it_is_decoded() {
        // Metadata version 1: an array of 2^31-1 topics, and nothing behind it.
        assert!(matches!(
            check(ApiKey::Metadata, 1, &[0x7f, 0xff, 0xff, 0xff]),
            Err(ShapeError::TooMany)
        ));
        // 100,000 topics claimed, none there.
        assert!(matches!(
            check(ApiKey::Metadata, 1, &100_000i32.to_be_bytes()),
            Err(ShapeError::Short(_))
        ));
        // The same in the compact form.
        assert!(matches!(
            check(ApiKey::Metadata, 9, &[0xa0, 0x8d, 0x06]),
            Err(ShapeError::Short(_))
        ));
    }

    #[test]
    fn null_arrays_and_strings_are_fine() {
        assert_eq!(check(ApiKey::Metadata, 1, &[0xff; 4]), Ok(()));
        assert_eq!(check(ApiKey::Metadata, 9, &[0, 0, 0, 0, 0]), Ok(()));
    }
}
