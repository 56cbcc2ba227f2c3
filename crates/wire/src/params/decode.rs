//! The typed reading of a tree: a serde `Deserializer` that coerces text and reports structurally.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::ignored::IGNORED;
use super::json::value_from_json;
use super::lenient::LENIENT;
use super::{Param, ParamError};

/// How often empty text may turn out to stand for an absent value in one request.
const EMPTY_TEXTS_MAX: usize = 64;

/// How a vendor counts the items of a list in the names of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexBase {
    /// `ZoneIds.0`.
    Zero,
    /// `Tag.1.Key`.
    One,
}

/// What the leaves of a tree are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Types {
    /// Texts that may mean numbers and booleans: a query, a form, JSON inside one text.
    InText,
    /// What they are: a JSON body. A text is no number there and a number no text, whatever it looks like.
    OfJson,
}

/// How a tree is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// How items are counted in the names of parameters.
    pub index_base: IndexBase,
    /// What the leaves are.
    pub types: Types,
}

impl Reading {
    /// Lists counted in this way, leaves of this kind.
    #[must_use]
    pub const fn of(index_base: IndexBase, types: Types) -> Self {
        Self { index_base, types }
    }
}

/// A request, and what it had beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<T> {
    /// The request.
    pub value: T,
    /// Parameters that the request type does not have, by full vendor path, in the order of the
    /// request. A dialect that refuses those answers with the first.
    pub unknown: Vec<String>,
    /// Parameters that were read as [`Ignored`](super::Ignored), by full vendor path.
    pub ignored: Vec<String>,
}

impl<T> Decoded<T> {
    /// The request, unless it had a parameter that its type does not have.
    ///
    /// # Errors
    /// [`ParamError::Unknown`] with the first such parameter.
    pub fn deny_unknown(self) -> Result<T, ParamError> {
        match self.unknown.into_iter().next() {
            None => Ok(self.value),
            Some(name) => Err(ParamError::Unknown { name }),
        }
    }
}

/// Reads a tree into a type.
///
/// - A number or boolean may come as text (`"900"`, `True`, `1`); a number or boolean may be read as
///   text.
/// - `null` is absent. So is empty text where something else than text is expected, since Terraform
///   sends `EipMax=` for what its user left out.
/// - `Option` is an optional parameter; any other field without `#[serde(default)]` is required.
/// - Flattened structs and untagged enums are not supported: serde hides paths and types there. Types
///   do not say `deny_unknown_fields`: unknown parameters are listed, and the dialect decides.
///
/// # Errors
/// [`ParamError::Missing`] or [`ParamError::Invalid`] with the full vendor path.
pub fn decode<T: DeserializeOwned>(
    params: &Param,
    index_base: IndexBase,
) -> Result<Decoded<T>, ParamError> {
    decode_as(params, Reading::of(index_base, Types::InText))
}

/// As [`decode`], of a tree whose leaves may have types: those of JSON are not read as one another, and empty text is
/// no absent number.
///
/// # Errors
/// As [`decode`].
pub fn decode_as<T: DeserializeOwned>(
    params: &Param,
    reading: Reading,
) -> Result<Decoded<T>, ParamError> {
    let Reading { index_base, types } = reading;
    let mut without_empty = None;
    for _ in 0..=EMPTY_TEXTS_MAX {
        let tree = without_empty.as_ref().unwrap_or(params);
        let unknown = RefCell::new(Vec::new());
        let ignored = RefCell::new(Vec::new());
        let reader = Reader {
            param: tree,
            path: &Path::Root,
            types,
            context: &Context {
                index_base,
                unknown: &unknown,
                ignored: &ignored,
                kinds: None,
            },
        };
        match T::deserialize(reader) {
            Ok(value) => {
                return Ok(Decoded {
                    value,
                    unknown: unknown.into_inner(),
                    ignored: ignored.into_inner(),
                });
            }
            Err(Fault {
                kind: FaultKind::EmptyText,
                path,
            }) => blank(without_empty.get_or_insert_with(|| params.clone()), &path),
            Err(fault) => return Err(fault.into_param_error(index_base)),
        }
    }
    Err(ParamError::Malformed {
        reason: format!("more than {EMPTY_TEXTS_MAX} empty values"),
    })
}

/// What a type reads a text as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Boolean,
}

/// What a text at a path is read as.
type Placed = (Vec<Segment>, Kind);

/// The tree with those texts as numbers and booleans that `T` reads so; whatever else it is stays as it is. It is what
/// a program would send for what a person typed.
pub fn typed<T: DeserializeOwned>(params: &Param, index_base: IndexBase) -> Param {
    let kinds = RefCell::new(Vec::new());
    let reader = Reader {
        param: params,
        path: &Path::Root,
        types: Types::InText,
        context: &Context {
            index_base,
            unknown: &RefCell::default(),
            ignored: &RefCell::default(),
            kinds: Some(&kinds),
        },
    };
    // What is missing or wrong is for who reads the request to tell.
    drop(T::deserialize(reader));
    let mut tree = params.clone();
    for (path, kind) in kinds.into_inner() {
        if let Some(leaf) = leaf(&mut tree, &path)
            && let Param::Text(text) = leaf
            && let Some(value) = of_kind(text, kind)
        {
            *leaf = value;
        }
    }
    tree
}

fn of_kind(text: &str, kind: Kind) -> Option<Param> {
    match kind {
        Kind::Number => text.parse().ok().map(Param::Number),
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Some(Param::Bool(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Some(Param::Bool(false)),
        Kind::Boolean => None,
    }
}

/// A parameter that arrives as one text of JSON, as some vendors send a whole structure; a client that
/// sends the structure itself is understood as well. Who writes a member into it means it: one that the type does not
/// have is refused, whatever the dialect does with unknown parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for JsonText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let param = match Param::deserialize(deserializer)? {
            Param::Text(text) => value_from_json(text.as_bytes()).map_err(D::Error::custom)?,
            structure => structure,
        };
        decode(&param, IndexBase::Zero)
            .and_then(Decoded::deny_unknown)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::json::deserialize(deserializer)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Name(String),
    Index(usize),
}

/// Where the reader is.
enum Path<'a> {
    Root,
    Name(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn segments(&self) -> Vec<Segment> {
        let (mut segments, last) = match self {
            Self::Root => return Vec::new(),
            Self::Name(parent, name) => (parent.segments(), Segment::Name((*name).to_owned())),
            Self::Index(parent, index) => (parent.segments(), Segment::Index(*index)),
        };
        segments.push(last);
        segments
    }
}

fn dotted(segments: &[Segment], index_base: IndexBase) -> String {
    let first_index = match index_base {
        IndexBase::Zero => 0,
        IndexBase::One => 1,
    };
    let texts: Vec<String> = segments
        .iter()
        .map(|segment| match segment {
            Segment::Name(name) => name.clone(),
            Segment::Index(index) => (index + first_index).to_string(),
        })
        .collect();
    texts.join(".")
}

fn leaf<'a>(tree: &'a mut Param, path: &[Segment]) -> Option<&'a mut Param> {
    path.iter()
        .try_fold(tree, |param, segment| match (param, segment) {
            (Param::Object(members), Segment::Name(name)) => members.get_mut(name),
            (Param::List(items), Segment::Index(index)) => items.get_mut(*index),
            _ => None,
        })
}

/// Replaces the leaf at a path by `null`.
fn blank(tree: &mut Param, path: &[Segment]) {
    if let Some(leaf) = leaf(tree, path) {
        *leaf = Param::Null;
    }
}

/// A fault on its way up, its path known from the root as soon as a [`Reader`] has seen it.
#[derive(Debug)]
struct Fault {
    kind: FaultKind,
    path: Vec<Segment>,
}

#[derive(Debug)]
enum FaultKind {
    /// Raised by serde inside a struct, which knows the member's name only.
    MissingMember(&'static str),
    /// As [`FaultKind::MissingMember`], the path complete.
    Missing,
    /// Raised by serde or a type, the path not yet known.
    Unplaced(String),
    /// Wrong type or form, the path complete.
    Invalid(String),
    /// Empty text where something else is expected, the path complete.
    EmptyText,
}

impl Fault {
    /// Completes the path of a fault that serde raised at `path`.
    fn placed(self, path: &Path<'_>) -> Self {
        match self.kind {
            FaultKind::MissingMember(name) => {
                let mut path = path.segments();
                path.push(Segment::Name(name.to_owned()));
                Self {
                    kind: FaultKind::Missing,
                    path,
                }
            }
            FaultKind::Unplaced(reason) => Self {
                kind: FaultKind::Invalid(reason),
                path: path.segments(),
            },
            FaultKind::Missing | FaultKind::Invalid(_) | FaultKind::EmptyText => self,
        }
    }

    fn into_param_error(self, index_base: IndexBase) -> ParamError {
        let name = dotted(&self.path, index_base);
        match self.kind {
            FaultKind::MissingMember(member) => ParamError::Missing {
                name: member.to_owned(),
            },
            FaultKind::Missing => ParamError::Missing { name },
            FaultKind::Unplaced(reason) | FaultKind::Invalid(reason) => {
                ParamError::Invalid { name, reason }
            }
            FaultKind::EmptyText => ParamError::invalid(name, "empty"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self {
            kind: FaultKind::Unplaced(reason.to_string()),
            path: Vec::new(),
        }
    }

    // Reasons are shown and logged, so none of them repeats a value.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("not {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("not {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("not one of {}", expected.join(", ")))
    }

    fn missing_field(name: &'static str) -> Self {
        Self {
            kind: FaultKind::MissingMember(name),
            path: Vec::new(),
        }
    }
}

struct Context<'a> {
    index_base: IndexBase,
    unknown: &'a RefCell<Vec<String>>,
    ignored: &'a RefCell<Vec<String>>,
    /// Where it is noted what texts are read as, if anybody wants to know.
    kinds: Option<&'a RefCell<Vec<Placed>>>,
}

/// One value of the tree, at its path.
#[derive(Clone, Copy)]
struct Reader<'a> {
    param: &'a Param,
    path: &'a Path<'a>,
    types: Types,
    context: &'a Context<'a>,
}

impl<'a> Reader<'a> {
    fn invalid(&self, reason: impl Into<String>) -> Fault {
        Fault {
            kind: FaultKind::Invalid(reason.into()),
            path: self.path.segments(),
        }
    }

    fn note(&self, kind: Kind) {
        if let Some(kinds) = self.context.kinds {
            kinds.borrow_mut().push((self.path.segments(), kind));
        }
    }

    /// The fault for a value that is not `expected`.
    fn unexpected(&self, expected: &str) -> Fault {
        match self.param {
            Param::Text(text) if text.is_empty() && self.types == Types::InText => Fault {
                kind: FaultKind::EmptyText,
                path: self.path.segments(),
            },
            Param::Text(_) => self.invalid(format!("not {expected}")),
            other => self.invalid(format!("{} is not {expected}", other.kind())),
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.note(Kind::Number);
        let text = match self.param {
            Param::Number(number) => number.to_string(),
            Param::Text(text) if self.types == Types::InText => text.clone(),
            _ => return Err(self.unexpected("an integer")),
        };
        // Decimal text with an optional minus; Rust's own parser would also take a plus.
        let visited = if text.starts_with('+') {
            return Err(self.unexpected("an integer"));
        } else if let Ok(value) = text.parse::<i64>() {
            visitor.visit_i64(value)
        } else if let Ok(value) = text.parse::<u64>() {
            visitor.visit_u64(value)
        } else {
            return Err(self.unexpected("an integer"));
        };
        visited.map_err(|_: Fault| self.invalid("out of range"))
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.note(Kind::Number);
        let value = match self.param {
            Param::Number(number) => number.as_f64(),
            Param::Text(text) if self.types == Types::InText => text.parse().ok(),
            _ => None,
        };
        let finite = value.filter(|value: &f64| value.is_finite());
        visitor.visit_f64(finite.ok_or_else(|| self.unexpected("a number"))?)
    }

    fn boolean(self) -> Result<bool, Fault> {
        self.note(Kind::Boolean);
        let truth = match self.param {
            Param::Bool(value) => Some(*value),
            _ if self.types == Types::OfJson => None,
            Param::Number(number) => match number.as_u64() {
                Some(1) => Some(true),
                Some(0) => Some(false),
                _ => None,
            },
            Param::Text(text) => match text.as_str() {
                "1" => Some(true),
                "0" => Some(false),
                word if word.eq_ignore_ascii_case("true") => Some(true),
                word if word.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
            _ => None,
        };
        truth.ok_or_else(|| self.unexpected("a boolean"))
    }

    fn text(self) -> Result<String, Fault> {
        let text = match (self.param, self.types) {
            (Param::Text(text), _) => Some(text.clone()),
            (_, Types::OfJson) => None,
            (other, Types::InText) => other.as_text(),
        };
        text.ok_or_else(|| self.unexpected("text"))
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Param::List(items) = self.param else {
            return Err(self.unexpected("a list"));
        };
        let access = Items {
            reader: self,
            items: items.iter().enumerate(),
        };
        visitor
            .visit_seq(access)
            .map_err(|fault| fault.placed(self.path))
    }

    fn object<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Param::Object(members) = self.param else {
            return Err(self.unexpected("an object"));
        };
        let access = Members {
            reader: self,
            members: members.iter(),
            value: None,
        };
        visitor
            .visit_map(access)
            .map_err(|fault| fault.placed(self.path))
    }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.integer(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.param {
            Param::Null => visitor.visit_unit(),
            Param::Bool(value) => visitor.visit_bool(*value),
            Param::Number(number) if number.is_f64() => self.float(visitor),
            Param::Number(_) => self.integer(visitor),
            Param::Text(text) => visitor.visit_str(text),
            Param::List(_) => self.list(visitor),
            Param::Object(_) => self.object(visitor),
        }
        .map_err(|fault| fault.placed(self.path))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.boolean()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.float(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.float(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor
            .visit_string(self.text()?)
            .map_err(|fault: Fault| fault.placed(self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.param {
            Param::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let types = match name {
            LENIENT => Types::InText,
            _ => self.types,
        };
        if name == IGNORED {
            let name = dotted(&self.path.segments(), self.context.index_base);
            self.context.ignored.borrow_mut().push(name);
        }
        visitor
            .visit_newtype_struct(Self { types, ..self })
            .map_err(|fault| fault.placed(self.path))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.object(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.object(visitor)
    }

    /// An enum of words, spelled as the vendor does.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = match self.param {
            Param::Text(text) if text.is_empty() => return Err(self.unexpected("a word")),
            _ => self.text()?,
        };
        let word: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
        visitor
            .visit_enum(word)
            .map_err(|fault| fault.placed(self.path))
    }

    /// Reached for members that the type does not have.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let name = dotted(&self.path.segments(), self.context.index_base);
        self.context.unknown.borrow_mut().push(name);
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'a> {
    reader: Reader<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Param>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((index, param)) = self.items.next() else {
            return Ok(None);
        };
        let path = Path::Index(self.reader.path, index);
        let reader = Reader {
            param,
            path: &path,
            types: self.reader.types,
            context: self.reader.context,
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|fault| fault.placed(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Members<'a> {
    reader: Reader<'a>,
    members: indexmap::map::Iter<'a, String, Param>,
    value: Option<(&'a str, &'a Param)>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        // A member that is null is absent.
        let next = self.members.find(|(_, param)| **param != Param::Null);
        let Some((name, param)) = next else {
            return Ok(None);
        };
        self.value = Some((name, param));
        let name: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, param) = self
            .value
            .take()
            .ok_or_else(|| Fault::custom("a value was asked for before its name"))?;
        let path = Path::Name(self.reader.path, name);
        let reader = Reader {
            param,
            path: &path,
            types: self.reader.types,
            context: self.reader.context,
        };
        seed.deserialize(reader)
            .map_err(|fault| fault.placed(&path))
    }
}

#[cfg(test)]
mod tests;
