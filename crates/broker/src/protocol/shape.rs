//! The shape of each request, to be walked before it is decoded.
//!
//! The decoder allocates an array by its length field before it reads the first element, and an element of
//! four bytes may take a hundred in memory. Walking over the bytes first proves that the elements are there,
//! that they are small when decoded, and that no text is longer than Kafka allows. The bytes of records and
//! texts are stepped over, not read.

#[cfg(test)]
pub(super) mod sample;
mod table;

use kafka_protocol::messages::ApiKey;

use table::SHAPES;

/// Longest text in a request in bytes: Kafka's generated readers refuse a string field of more than
/// `Short.MAX_VALUE`, also where its length is a varint (KIP-482).
const TEXT_BYTES_MAX: usize = i16::MAX as usize;
/// What the arrays of one request may take when they are decoded. The texts and bytes in them are slices of
/// the request and are not counted.
pub(super) const DECODED_BYTES_MAX: usize = 8 << 20;
/// What a decoded text or a run of bytes takes: a slice of the request.
const SLICE_BYTES: usize = size_of::<bytes::Bytes>();
/// What is made of one single value of an array, such as the number of a partition, takes at least this.
const VALUE_BYTES_MIN: usize = 32;
/// What a decoded array or map takes besides its elements.
const COLLECTION_BYTES: usize = 24;
/// What a tagged field of an unknown kind takes: its place in a tree.
const TAG_BYTES: usize = 64;
/// The first version of a request's header with tagged fields (KIP-482).
const FLEXIBLE_HEADER: i16 = 2;
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

impl Kind {
    /// What a field takes in memory, without what is counted by itself: elements of arrays.
    fn decoded_bytes(self) -> usize {
        match self {
            Self::Fixed(count) => count,
            Self::Text | Self::Bytes => SLICE_BYTES,
            Self::Array(_) | Self::List(_) => COLLECTION_BYTES,
            Self::Nullable(fields) => structure_bytes(fields),
        }
    }
}

/// What a structure takes in memory. It has room for the fields of all versions.
fn structure_bytes(fields: &[Field]) -> usize {
    let fields: usize = fields.iter().map(|field| field.kind.decoded_bytes()).sum();
    // Tagged fields that are not known.
    fields + COLLECTION_BYTES
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
    #[error("the request would take more than {DECODED_BYTES_MAX} bytes")]
    TooLarge,
    #[error("{0:?} is longer than {TEXT_BYTES_MAX} bytes")]
    TextTooLong(&'static str),
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    is_flexible: bool,
    /// What has been walked over takes so much when it is decoded.
    decoded_bytes: usize,
}

/// Walks the header of a request behind its correlation id.
///
/// # Errors
/// If it ends too early, or has more tagged fields than are taken.
pub(crate) fn check_header(version: i16, rest: &[u8]) -> Result<(), ShapeError> {
    let mut walk = Walk {
        rest,
        version,
        is_flexible: false,
        decoded_bytes: 0,
    };
    // Not compact in any version.
    walk.text("client_id")?;
    match version >= FLEXIBLE_HEADER {
        true => walk.tags(),
        false => Ok(()),
    }
}

/// Walks the body of a request. Returns what its arrays take when they are decoded.
///
/// # Errors
/// If it ends too early, has a text that Kafka would refuse, or would take too much memory.
pub(crate) fn check(key: ApiKey, version: i16, body: &[u8]) -> Result<usize, ShapeError> {
    let shape = SHAPES
        .iter()
        .find(|shape| shape.key == key)
        .ok_or(ShapeError::Unknown)?;
    let is_flexible = version >= shape.flexible_from;
    let mut walk = Walk {
        rest: body,
        version,
        is_flexible,
        decoded_bytes: 0,
    };
    walk.structure(shape.fields)?;
    Ok(walk.decoded_bytes)
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
            self.tags()
        } else {
            Ok(())
        }
    }

    fn tags(&mut self) -> Result<(), ShapeError> {
        let count = self.varint("tagged fields")?;
        self.take(count, TAG_BYTES)?;
        for _ in 0..count {
            self.varint("tag")?;
            let size = self.varint("tag")?;
            self.skip(size, "tag")?;
        }
        Ok(())
    }

    fn text(&mut self, name: &'static str) -> Result<(), ShapeError> {
        let length = self.length(true, name)?;
        if length > TEXT_BYTES_MAX {
            return Err(ShapeError::TextTooLong(name));
        }
        self.skip(length, name)
    }

    fn field(&mut self, field: &Field) -> Result<(), ShapeError> {
        let name = field.name;
        match field.kind {
            Kind::Fixed(count) => self.skip(count, name),
            Kind::Text => self.text(name),
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
                for _ in 0..self.count(structure_bytes(fields), name)? {
                    self.structure(fields)?;
                }
                Ok(())
            }
            Kind::List(fields) => {
                let each: usize = fields.iter().map(|field| field.kind.decoded_bytes()).sum();
                for _ in 0..self.count(each.max(VALUE_BYTES_MIN), name)? {
                    fields.iter().try_for_each(|field| self.field(field))?;
                }
                Ok(())
            }
        }
    }

    /// The number of elements of an array, each of which takes `each` bytes when it is decoded.
    fn count(&mut self, each: usize, name: &'static str) -> Result<usize, ShapeError> {
        let count = self.length(false, name)?;
        self.take(count, each)?;
        Ok(count)
    }

    fn take(&mut self, count: usize, each: usize) -> Result<(), ShapeError> {
        let bytes = count.saturating_mul(each);
        self.decoded_bytes = self.decoded_bytes.saturating_add(bytes);
        match self.decoded_bytes > DECODED_BYTES_MAX {
            true => Err(ShapeError::TooLarge),
            false => Ok(()),
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
            Err(ShapeError::TooLarge)
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
        assert_eq!(check(ApiKey::Metadata, 1, &[0xff; 4]), Ok(0));
        assert_eq!(check(ApiKey::Metadata, 9, &[0, 0, 0, 0, 0]), Ok(0));
    }

    /// A compact length, and as many bytes.
    fn compact(length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut left = length + 1;
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
        out.resize(out.len() + length, b'x');
        out
    }

    #[test]
    fn a_text_is_as_long_as_kafka_allows() {
        let check = |length: usize, expected: Result<usize, ShapeError>| {
            // InitProducerId: transactional id, time-out, producer id and epoch, no tags.
            let mut body = compact(length);
            body.extend([0; 4 + 8 + 2 + 1]);
            assert_eq!(
                check(ApiKey::InitProducerId, 4, &body),
                expected,
                "{length}"
            );
        };
        check(0, Ok(0));
        check(32_767, Ok(0));
        check(32_768, Err(ShapeError::TextTooLong("transactional_id")));
        check(20 << 20, Err(ShapeError::TextTooLong("transactional_id")));
    }

    #[test]
    fn bytes_are_no_text() {
        // SaslAuthenticate: bytes, no tags.
        let mut body = compact(1 << 20);
        body.push(0);
        assert_eq!(check(ApiKey::SaslAuthenticate, 2, &body), Ok(0));
    }

    #[test]
    fn what_a_request_takes_is_at_least_what_its_elements_take() {
        use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
        use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
        use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
        fn check<T>(key: ApiKey, version: i16, body: &[u8], elements: usize) {
            let counted = super::check(key, version, body).unwrap();
            let taken = elements * size_of::<T>();
            assert!(
                counted + elements * 8 >= taken,
                "{key:?}: {counted} of {taken}"
            );
        }
        let topics = |count: u32, each: &[u8]| {
            let mut body = count.to_be_bytes().to_vec();
            (0..count).for_each(|_| body.extend(each));
            body
        };
        let body = topics(1_000, &[0, 1, b't']);
        check::<MetadataRequestTopic>(ApiKey::Metadata, 1, &body, 1_000);
        let mut body = topics(1_000, &[2, 0, 1, b't', 0xff, 0xff, 0xff, 0xff]);
        body.push(0);
        check::<DescribeConfigsResource>(ApiKey::DescribeConfigs, 1, &body, 1_000);
        let partitions = topics(1_000, &[0; 12]);
        let body = [&[0xff; 4][..], &[0, 0, 0, 1, 0, 1, b't'], &partitions].concat();
        check::<ListOffsetsPartition>(ApiKey::ListOffsets, 1, &body, 1_000);
    }

    #[test]
    fn elements_are_bounded_by_what_they_take() {
        // DescribeConfigs version 1: resources of a type, a name and no keys, in eight bytes each.
        let body = |count: u32| {
            let mut body = count.to_be_bytes().to_vec();
            (0..count).for_each(|_| body.extend([2, 0, 1, b't', 0xff, 0xff, 0xff, 0xff]));
            body.push(0);
            body
        };
        assert!(check(ApiKey::DescribeConfigs, 1, &body(40_000)).is_ok());
        let too_large = Err(ShapeError::TooLarge);
        assert_eq!(
            check(ApiKey::DescribeConfigs, 1, &body(1_000_000)),
            too_large
        );
    }

    #[test]
    fn tagged_fields_count() {
        // Metadata version 9: no topics, three switches, and so many tagged fields without bytes.
        let tags = |count: usize| {
            let mut out = compact(count - 1);
            out.truncate(out.len() - (count - 1));
            (0..count).for_each(|_| out.extend([0x40, 0]));
            out
        };
        let body = |count: usize| [&[0, 0, 0, 0][..], &tags(count)].concat();
        assert!(check(ApiKey::Metadata, 9, &body(10)).is_ok());
        let too_large = Err(ShapeError::TooLarge);
        assert_eq!(check(ApiKey::Metadata, 9, &body(1_000_000)), too_large);
        let header = |count: usize| [&[0xff, 0xff][..], &tags(count)].concat();
        assert_eq!(check_header(2, &header(10)), Ok(()));
        assert_eq!(
            check_header(2, &header(1_000_000)),
            Err(ShapeError::TooLarge)
        );
        assert_eq!(check_header(1, &[0, 1, b'x']), Ok(()));
        assert!(matches!(
            check_header(1, &[0, 1]),
            Err(ShapeError::Short(_))
        ));
    }
}
