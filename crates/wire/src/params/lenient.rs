//! Parameters that vendors' clients send with another type than the model has.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};

/// The name by which [`decode`](super::decode) recognises a [`Lenient`] value.
pub(super) const LENIENT: &str = "$lenient";

/// A parameter whose text is read as the type that is meant, although it travels as JSON: some clients send the number,
/// others the text that the model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lenient<T>(pub T);

struct Meant<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Meant<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the documented type")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Lenient<T>, D::Error> {
        T::deserialize(deserializer).map(Lenient)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LENIENT, Meant(PhantomData))
    }
}
