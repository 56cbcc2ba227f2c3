//! Parameters of a JSON body.

use std::cell::Cell;
use std::fmt;

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{DEPTH_MAX, Param, ParamError};

/// Most values of one body, nested ones included.
pub const NODES_MAX: usize = 8_192;

/// Builds the tree of a JSON body, which has to be one object.
///
/// # Errors
/// [`ParamError::Malformed`] if the body is not JSON, no object, nested deeper than [`DEPTH_MAX`],
/// larger than [`NODES_MAX`], or names a member twice.
pub fn from_json(body: &[u8]) -> Result<Param, ParamError> {
    match value_from_json(body)? {
        object @ Param::Object(_) => Ok(object),
        other => Err(ParamError::Malformed {
            reason: format!("the body is {}, not an object", other.kind()),
        }),
    }
}

/// Any JSON value as a tree.
pub(super) fn value_from_json(text: &[u8]) -> Result<Param, ParamError> {
    let malformed = |error: serde_json::Error| ParamError::Malformed {
        reason: error.to_string(),
    };
    let nodes = Cell::new(0);
    let seed = Seed {
        depth: 0,
        nodes: &nodes,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = seed.deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(value)
}

/// A tree out of any deserializer, with the same bounds.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Param, D::Error> {
    let nodes = Cell::new(0);
    let seed = Seed {
        depth: 0,
        nodes: &nodes,
    };
    seed.deserialize(deserializer)
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    nodes: &'a Cell<usize>,
}

impl Seed<'_> {
    /// The seed of a value inside this one.
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Param;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Param, D::Error> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODES_MAX {
            return Err(D::Error::custom(format!("more than {NODES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Param;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Param, E> {
        Ok(Param::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Param, E> {
        Ok(Param::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Param, E> {
        Ok(Param::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Param, E> {
        Ok(Param::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Param, E> {
        serde_json::Number::from_f64(value)
            .map(Param::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Param, E> {
        Ok(Param::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Param, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Param::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Param, A::Error> {
        let inner = self.inner()?;
        let mut object = IndexMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            // Readers differ on which of two members counts, so neither does.
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Param::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_body_is_one_bounded_object() {
        let deep = format!(
            "{}{}",
            "{\"a\":".repeat(DEPTH_MAX + 1),
            "1".to_owned() + &"}".repeat(DEPTH_MAX + 1)
        );
        let wide = format!("{{\"a\":[{}0]}}", "0,".repeat(NODES_MAX));
        for body in [
            "",
            "[]",
            "1",
            "{",
            "{\"a\":1}{",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1e999}",
            &deep,
            &wide,
        ] {
            let fault = from_json(body.as_bytes());
            assert!(
                matches!(fault, Err(ParamError::Malformed { .. })),
                "{body:.40}: {fault:?}"
            );
        }
        let deepest = format!("{}1{}", "{\"a\":".repeat(DEPTH_MAX), "}".repeat(DEPTH_MAX));
        assert!(from_json(deepest.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = from_json(&body);
        }
    }
}
