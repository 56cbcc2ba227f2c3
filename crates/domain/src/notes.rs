//! What a dialect has to show again as it was given: a document that only it can read.
//!
//! Nothing here or in control depends on what stands in notes. They are kept as texts by name; a dialect has one type
//! for those of its instances and one for those of its topics, and there is no other way to them:
//!
//! ```
//! use brokerage_domain::notes::{Notes, as_text};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Shown {
//!     alias: Option<String>,
//!     #[serde(default, with = "as_text")]
//!     weight: Option<i64>,
//! }
//!
//! let notes = Notes::of(&Shown { alias: None, weight: Some(3) });
//! assert_eq!(serde_json::to_string(&notes).unwrap(), r#"{"weight":"3"}"#);
//! assert_eq!(notes.read::<Shown>().weight, Some(3));
//! ```

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// Most that is noted of an instance or a topic, names and texts together, in bytes. Ours.
pub const NOTES_BYTES_MAX: usize = 64 << 10;

/// Notes of an instance or a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notes(BTreeMap<String, String>);

impl Notes {
    /// The notes that a dialect's type says. Fields are texts ([`as_text`] and [`as_json`] make them so); what is
    /// `None` is not there.
    pub fn of<T: Serialize>(notes: &T) -> Self {
        let Ok(Value::Object(fields)) = serde_json::to_value(notes) else {
            return Self::default();
        };
        let texts = fields.into_iter().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        });
        Self(texts.collect())
    }

    /// The notes as a dialect's type. Names that it does not know are read over: they are of an older version.
    pub fn read<T: DeserializeOwned + Default>(&self) -> T {
        let fields = self.0.iter();
        let fields = fields.map(|(name, text)| (name.clone(), Value::String(text.clone())));
        serde_json::from_value(Value::Object(fields.collect())).unwrap_or_default()
    }

    /// Puts `over` over what is there.
    pub fn extend(&mut self, over: Self) {
        self.0.extend(over.0);
    }

    /// Checks how much is noted.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`NOTES_BYTES_MAX`].
    pub fn check(&self) -> Result<()> {
        let bytes: usize = self
            .0
            .iter()
            .map(|(name, text)| name.len() + text.len())
            .sum();
        if bytes <= NOTES_BYTES_MAX {
            return Ok(());
        }
        let reason =
            format!("what is only kept and shown again takes at most {NOTES_BYTES_MAX} bytes");
        Err(Error::invalid("the request", reason))
    }

    /// Notes as a row has them.
    pub fn from_row(texts: BTreeMap<String, String>) -> Self {
        Self(texts)
    }
}

/// A field that is not a text, kept as one. What cannot be read is not there.
pub mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes it.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(String::deserialize(deserializer)?.parse().ok())
    }
}

/// A field with fields of its own, kept as JSON text. What cannot be read is not there.
pub mod as_json {
    use serde::de::DeserializeOwned;
    use serde::ser::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes it.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => {
                serializer.serialize_str(&serde_json::to_string(value).map_err(S::Error::custom)?)
            }
            None => serializer.serialize_none(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(serde_json::from_str(&String::deserialize(deserializer)?).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Shown {
        word: Option<String>,
        #[serde(with = "as_text")]
        number: Option<i64>,
        #[serde(with = "as_json")]
        list: Option<Vec<i64>>,
    }

    #[test]
    fn notes_are_texts_by_name_and_come_back() {
        let check = |shown: Shown, row: &str| {
            let notes = Notes::of(&shown);
            assert_eq!(serde_json::to_string(&notes).unwrap(), row);
            assert_eq!(notes.read::<Shown>(), shown);
        };
        check(Shown::default(), "{}");
        check(
            Shown {
                word: Some("7".into()),
                number: Some(7),
                list: Some(vec![7]),
            },
            r#"{"list":"[7]","number":"7","word":"7"}"#,
        );
    }

    #[test]
    fn what_cannot_be_read_takes_nothing_else_with_it() {
        let row = r#"{"gone":"x","list":"no list","number":"no number","word":"w"}"#;
        let mut notes: Notes = serde_json::from_str(row).unwrap();
        let expected = Shown {
            word: Some("w".into()),
            ..Shown::default()
        };
        assert_eq!(notes.read::<Shown>(), expected);
        notes.extend(Notes::of(&Shown {
            number: Some(1),
            ..Shown::default()
        }));
        assert_eq!(notes.read::<Shown>().number, Some(1));
    }
}
