//! Values of parameters and columns: what both databases can hold.

use std::borrow::Cow;

use crate::error::StoreError;

/// One parameter or one column: BIGINT, TEXT, BYTEA/BLOB or NULL.
///
/// Money is in ledger units, time in microseconds since 1970 UTC, a flag is 0 or 1. There is no floating point.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(Cow<'a, str>),
    /// BYTEA in PostgreSQL, BLOB in SQLite.
    Blob(Cow<'a, [u8]>),
    /// NULL.
    Null,
}

impl Value<'_> {
    /// A text before all others.
    pub(crate) const EMPTY: Value<'static> = Value::Text(Cow::Borrowed(""));

    /// Name of the type, for errors. (The value itself may be a secret.)
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Int(_) => "int",
            Self::Text(_) => "text",
            Self::Blob(_) => "blob",
            Self::Null => "null",
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u16> for Value<'_> {
    fn from(value: u16) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(value: Cow<'a, str>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(Cow::Owned(value))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Characters of a row's name in an error.
const ROW_NAME_CHARS_MAX: usize = 64;

/// One row of a query. Reading a column as another type than it has is an error that names the statement.
#[derive(Clone, Debug)]
pub struct Row {
    statement: &'static str,
    cells: Box<[Value<'static>]>,
}

impl Row {
    pub(crate) const fn new(statement: &'static str, cells: Box<[Value<'static>]>) -> Self {
        Self { statement, cells }
    }

    /// A column that is not null, as an integer.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?
            .ok_or_else(|| self.mismatch(column, "int"))
    }

    /// A column as an integer, if it is not null.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.cells.get(column) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            Some(Value::Text(_) | Value::Blob(_)) | None => Err(self.mismatch(column, "int")),
        }
    }

    /// Whether a column is null; one that is not there is not.
    #[must_use]
    pub fn is_null(&self, column: usize) -> bool {
        matches!(self.cells.get(column), Some(Value::Null))
    }

    /// A column of 0 or 1.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn flag(&self, column: usize) -> Result<bool, StoreError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.mismatch(column, "0 or 1")),
        }
    }

    /// A column that is not null, as text.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?
            .ok_or_else(|| self.mismatch(column, "text"))
    }

    /// A column as text, if it is not null.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.cells.get(column) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            Some(Value::Int(_) | Value::Blob(_)) | None => Err(self.mismatch(column, "text")),
        }
    }

    /// A column that is not null, as bytes.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        self.opt_blob(column)?
            .ok_or_else(|| self.mismatch(column, "blob"))
    }

    /// A column as bytes, if it is not null.
    ///
    /// # Errors
    /// [`StoreError::Column`], if it is something else.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.cells.get(column) {
            Some(Value::Blob(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            Some(Value::Int(_) | Value::Text(_)) | None => Err(self.mismatch(column, "blob")),
        }
    }

    /// What the columns hold.
    pub(crate) fn cells(&self) -> &[Value<'static>] {
        &self.cells
    }

    /// Number of columns.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.cells.len()
    }

    /// The error for a column that holds something the reader cannot use: `expected` says what would have been right.
    /// For callers that parse text or numbers into narrower types.
    #[must_use]
    pub fn mismatch(&self, column: usize, expected: &'static str) -> StoreError {
        let row = match self.cells.first() {
            Some(Value::Text(first)) => first.chars().take(ROW_NAME_CHARS_MAX).collect(),
            _ => String::new(),
        };
        StoreError::Column {
            statement: self.statement,
            row,
            column,
            expected,
            found: self.cells.get(column).map_or("absent", Value::type_name),
        }
    }
}
