//! The tree that every transport of parameters becomes.

use std::fmt;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::Number;

/// Deepest nesting of a tree. The vendors' deepest request has 4 levels.
pub const DEPTH_MAX: usize = 16;

/// A parameter, or the object of all of them.
///
/// `Debug` shows names and shapes, not values: passwords are parameters.
#[derive(Clone, PartialEq)]
pub enum Param {
    /// JSON `null`; reads as absent.
    Null,
    /// A JSON boolean.
    Bool(bool),
    /// A JSON number.
    Number(Number),
    /// Text; the only leaf of a query or form.
    Text(String),
    /// A list.
    List(Vec<Param>),
    /// Named parameters, in the order of the request.
    Object(IndexMap<String, Param>),
}

impl Param {
    /// A member of an object by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The text of a leaf, as a query would carry it; `None` for lists, objects and `null`.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Sets a top-level parameter, for values that a transport carries elsewhere (a path, a header).
    pub fn set(&mut self, name: impl Into<String>, value: Self) {
        if let Self::Object(members) = self {
            members.insert(name.into(), value);
        }
    }

    /// Takes a top-level parameter out, for those that are common to all operations.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        match self {
            Self::Object(members) => members.shift_remove(name),
            _ => None,
        }
    }

    /// The kind of value, in words for an error.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Object(members) => f.debug_map().entries(members).finish(),
            leaf => f.write_str(leaf.kind()),
        }
    }
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members),
        }
    }
}
