//! Parameters that are accepted, checked for their type, and have no effect.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};

/// The name by which [`decode`](super::decode) recognises an [`Ignored`] value.
pub(super) const IGNORED: &str = "$ignored";

/// A parameter that the vendor's operation has and that has no effect here. Its type is checked as everywhere; its
/// path is kept in [`Decoded::ignored`](super::Decoded), so that a test can hold it against the documented list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored<T>(PhantomData<T>);

struct Checked<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Checked<T> {
    type Value = Ignored<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the documented type")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Ignored<T>, D::Error> {
        T::deserialize(deserializer).map(|_| Ignored(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ignored<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(IGNORED, Checked(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use crate::params::{IndexBase, ParamError, decode, from_dotted};

    use super::Ignored;

    #[derive(Debug, serde::Deserialize)]
    struct Request {
        #[expect(dead_code, reason = "that is what it is for")]
        cluster: Option<Ignored<i64>>,
    }

    #[test]
    fn an_ignored_parameter_is_named_and_its_type_is_checked() {
        let check = |pairs: &[(&str, &str)]| {
            let decoded = decode::<Request>(&from_dotted(pairs.iter().copied())?, IndexBase::Zero)?;
            Ok::<_, ParamError>((decoded.ignored, decoded.unknown))
        };
        assert_eq!(
            check(&[("cluster", "5")]).unwrap(),
            (vec!["cluster".to_owned()], vec![])
        );
        assert_eq!(check(&[]).unwrap(), (vec![], vec![]));
        assert_eq!(check(&[("cluster", "five")]).unwrap_err().name(), "cluster");
    }
}
