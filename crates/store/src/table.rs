//! One list a table: which field stands in which column is said once, and makes the names of the columns, the
//! placeholders, what is bound and what is read.
//!
//! How a type stands in a column is said once, too ([`Column`]). Statements with rules stay written out; they take the
//! names of the columns from the list.

use brokerage_domain::access::Policy;
use brokerage_domain::catalog::Plan;
use brokerage_domain::clock::Moment;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{
    AccessKeyId, AccountId, InstanceId, NetworkId, OrderId, SubnetId, TransferId,
};
use brokerage_domain::instance::{PendingResize, Phase, Tags, Want};
use brokerage_domain::ledger::TransferKind;
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::network::Placement;
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, LineState, OrderKind, Payment};

use crate::error::StoreError;
use crate::value::{Row, Value};

/// Bytes of the longest statement that is put together.
const STATEMENT_BYTES_MAX: usize = 2_048;

/// A type that stands in one column.
pub(crate) trait Column: Sized {
    /// What is bound for it.
    fn bind(&self) -> Value<'_>;

    /// What a column holds.
    ///
    /// # Errors
    /// [`StoreError::Column`].
    fn read(row: &Row, at: usize) -> Result<Self, StoreError>;
}

/// Something that stands in one row.
pub(crate) trait Record: Sized {
    /// The names of its columns: `id, name`.
    const COLUMNS: &'static str;
    /// How many they are.
    const COUNT: usize;
    /// `SELECT …columns… FROM table`.
    const SELECT: &'static str;
    /// `INSERT INTO table (…columns…) VALUES ($1, …)`, with the columns that statements have besides at the end.
    const INSERT: &'static str;
    /// The columns that change, for an UPDATE whose `$1` and `$2` say which row: `name = $3, plan = $4`.
    const CHANGES: &'static str;

    /// The values of all columns, in their order.
    fn bind(&self) -> Vec<Value<'_>>;

    /// The values of the columns that change, in their order.
    fn bind_changes(&self) -> Vec<Value<'_>>;

    /// Reads the first columns of a row.
    ///
    /// # Errors
    /// [`StoreError::Column`].
    fn read(row: &Row) -> Result<Self, StoreError>;

    /// Reads the first row, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Column`].
    fn read_first(rows: &[Row]) -> Result<Option<Self>, StoreError> {
        rows.first().map(Self::read).transpose()
    }

    /// Reads every row.
    ///
    /// # Errors
    /// [`StoreError::Column`].
    fn read_all(rows: &[Row]) -> Result<Vec<Self>, StoreError> {
        rows.iter().map(Self::read).collect()
    }
}

/// Declares the one list of a table: `table: Type { field, field as column, @set field_that_changes }`, then the columns
/// that statements have besides (`and …`), and the fields that stand elsewhere (`without …`, read as their default).
macro_rules! table {
    (
        $table:ident: $record:ident {
            $($(@$set:ident)? $field:ident $(as $column:ident)?),+ $(,)?
        }
        $(and $($besides:ident),+)?
        $(without $($elsewhere:ident),+)?
    ) => {
        impl $crate::table::Record for $record {
            const COLUMNS: &'static str = {
                const TEXT: &$crate::table::Text = &$crate::table::Text::new()
                    $(.item($crate::table::column!($field $($column)?)))+;
                TEXT.as_str()
            };
            const COUNT: usize = [$(stringify!($field)),+].len();
            const SELECT: &'static str = $crate::table::sql![
                "SELECT ", <$record as $crate::table::Record>::COLUMNS, " FROM ", stringify!($table)
            ];
            const INSERT: &'static str = {
                const BESIDES: &[&str] = &[$($(stringify!($besides)),+)?];
                const TEXT: &$crate::table::Text = &$crate::table::Text::new()
                    .push("INSERT INTO ")
                    .push(stringify!($table))
                    .push(" (")
                    .push(<$record as $crate::table::Record>::COLUMNS)
                    $($(.push(", ").push(stringify!($besides)))+)?
                    .push(") VALUES (")
                    .placeholders(<$record as $crate::table::Record>::COUNT + BESIDES.len())
                    .push(")");
                TEXT.as_str()
            };
            const CHANGES: &'static str = {
                const TEXT: &$crate::table::Text = &$crate::table::Text::new()
                    .changes(&[$($crate::table::changed!([$($set)?] $crate::table::column!($field $($column)?))),+]);
                TEXT.as_str()
            };

            fn bind(&self) -> Vec<$crate::Value<'_>> {
                let Self { $($field,)+ $($($elsewhere: _,)+)? } = self;
                vec![$($crate::table::Column::bind($field)),+]
            }

            fn bind_changes(&self) -> Vec<$crate::Value<'_>> {
                let changes = [$($crate::table::changes!($($set)?)),+];
                let values = self.bind().into_iter().zip(changes);
                values.filter_map(|(value, changes)| changes.then_some(value)).collect()
            }

            fn read(row: &$crate::Row) -> Result<Self, $crate::StoreError> {
                let mut cells = $crate::table::Cells::of(row);
                Ok(Self {
                    $($field: cells.next()?,)+
                    $($($elsewhere: Default::default(),)+)?
                })
            }
        }
    };
}
pub(crate) use table;

/// The name of a field's column: its own, where no other is given.
macro_rules! column {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $column:ident) => {
        stringify!($column)
    };
}
pub(crate) use column;

/// The name of a column that changes, and nothing of one that does not.
macro_rules! changed {
    ([] $column:expr) => {
        ""
    };
    ([set] $column:expr) => {
        $column
    };
}
pub(crate) use changed;

/// Whether a column changes.
macro_rules! changes {
    () => {
        false
    };
    (set) => {
        true
    };
}
pub(crate) use changes;

/// One statement of several texts, put together by the compiler.
macro_rules! sql {
    ($($part:expr),+ $(,)?) => {{
        const TEXT: &$crate::table::Text = &$crate::table::Text::new()$(.push($part))+;
        TEXT.as_str()
    }};
}
pub(crate) use sql;

/// A text that the compiler puts together.
pub(crate) struct Text {
    bytes: [u8; STATEMENT_BYTES_MAX],
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; STATEMENT_BYTES_MAX],
            len: 0,
        }
    }

    /// With a text behind it.
    pub(crate) const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() {
            self.bytes[self.len] = text[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    /// With one more item of a list.
    pub(crate) const fn item(self, text: &str) -> Self {
        let text_before = if self.len == 0 { "" } else { ", " };
        self.push(text_before).push(text)
    }

    /// With the placeholder of a number below 100.
    const fn placeholder(self, number: usize) -> Self {
        const DIGITS: &str = "0123456789";
        const fn digit(number: usize) -> &'static str {
            DIGITS.split_at(number % 10).1.split_at(1).0
        }
        let before = self.push("$");
        let before = if number >= 10 {
            before.push(digit(number / 10))
        } else {
            before
        };
        before.push(digit(number))
    }

    /// With as many placeholders, counted from 1.
    pub(crate) const fn placeholders(self, count: usize) -> Self {
        let mut text = self.placeholder(1);
        let mut number = 2;
        while number <= count {
            text = text.push(", ").placeholder(number);
            number += 1;
        }
        text
    }

    /// With a new value for each column that is not empty, counted from 3.
    pub(crate) const fn changes(self, columns: &[&str]) -> Self {
        let (mut text, mut number, mut at) = (self, 3, 0);
        while at < columns.len() {
            if !columns[at].is_empty() {
                text = text.item(columns[at]).push(" = ").placeholder(number);
                number += 1;
            }
            at += 1;
        }
        text
    }

    pub(crate) const fn as_str(&self) -> &str {
        match str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => panic!("texts put together are a text"),
        }
    }
}

/// The columns of a row, one after another.
pub(crate) struct Cells<'a> {
    row: &'a Row,
    at: usize,
}

impl<'a> Cells<'a> {
    pub(crate) const fn of(row: &'a Row) -> Self {
        Self { row, at: 0 }
    }

    pub(crate) fn next<T: Column>(&mut self) -> Result<T, StoreError> {
        self.at += 1;
        T::read(self.row, self.at - 1)
    }
}

impl<T: Column> Column for Option<T> {
    fn bind(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::bind)
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        match row.is_null(at) {
            true => Ok(None),
            false => T::read(row, at).map(Some),
        }
    }
}

impl Column for i64 {
    fn bind(&self) -> Value<'_> {
        (*self).into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        row.int(at)
    }
}

impl Column for u32 {
    fn bind(&self) -> Value<'_> {
        (*self).into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        Self::try_from(row.int(at)?).map_err(|_| row.mismatch(at, "a count"))
    }
}

impl Column for bool {
    fn bind(&self) -> Value<'_> {
        (*self).into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        row.flag(at)
    }
}

impl Column for String {
    fn bind(&self) -> Value<'_> {
        self.into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        row.text(at).map(str::to_owned)
    }
}

impl Column for Moment {
    fn bind(&self) -> Value<'_> {
        self.micros().into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        row.int(at).map(Self::from_micros)
    }
}

impl Column for Money {
    fn bind(&self) -> Value<'_> {
        self.micros().into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        row.int(at).map(Self::from_micros)
    }
}

impl Column for Currency {
    fn bind(&self) -> Value<'_> {
        self.code().into()
    }

    fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
        row.text(at)?
            .parse()
            .map_err(|_| row.mismatch(at, "a currency"))
    }
}

/// Identifiers stand as their text.
macro_rules! ids {
    ($($id:ty),+) => {
        $(impl Column for $id {
            fn bind(&self) -> Value<'_> {
                self.as_str().into()
            }

            fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
                row.text(at).map(Self::new)
            }
        })+
    };
}

ids!(
    AccessKeyId,
    AccountId,
    InstanceId,
    NetworkId,
    OrderId,
    SubnetId,
    TransferId
);

/// What has a few values stands as a word.
macro_rules! words {
    ($($word:ty: $expected:literal),+ $(,)?) => {
        $(impl Column for $word {
            fn bind(&self) -> Value<'_> {
                self.word().into()
            }

            fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
                Self::from_word(row.text(at)?).ok_or_else(|| row.mismatch(at, $expected))
            }
        })+
    };
}

words!(
    LineState: "a state of a line",
    OrderKind: "a kind of order",
    Phase: "a phase",
    TransferKind: "a kind of transfer",
    Want: "a want",
);

/// What the database never looks into stands as a JSON document.
macro_rules! documents {
    ($($document:ty),+ $(,)?) => {
        $(impl $crate::table::Column for $document {
            fn bind(&self) -> $crate::Value<'_> {
                $crate::document::write(self).into()
            }

            fn read(row: &$crate::Row, at: usize) -> Result<Self, $crate::StoreError> {
                $crate::document::read(row, at)
            }
        })+
    };
}
pub(crate) use documents;

documents!(
    Tags,
    Charge,
    ClusterSettings,
    Notes,
    Payment,
    Placement,
    Plan,
    PendingResize,
    Policy,
    Vec<u16>,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing {
        id: OrderId,
        name: String,
        at: Option<Moment>,
        is_on: bool,
        parts: Vec<u16>,
    }

    table! {
        thing: Thing { id, @set name, @set at as at_us, is_on }
        and owner, rank
        without parts
    }

    #[test]
    fn one_list_makes_every_text() {
        assert_eq!(Thing::COLUMNS, "id, name, at_us, is_on");
        assert_eq!(Thing::COUNT, 4);
        assert_eq!(Thing::SELECT, "SELECT id, name, at_us, is_on FROM thing");
        assert_eq!(
            Thing::INSERT,
            "INSERT INTO thing (id, name, at_us, is_on, owner, rank) VALUES ($1, $2, $3, $4, $5, $6)"
        );
        assert_eq!(Thing::CHANGES, "name = $3, at_us = $4");
        const COUNTED: &Text = &Text::new().placeholders(12);
        assert!(COUNTED.as_str().ends_with("$9, $10, $11, $12"));
    }

    #[test]
    fn what_is_bound_is_read() {
        for at in [None, Some(Moment::from_micros(7))] {
            let thing = Thing {
                id: OrderId::new("o"),
                name: "n".into(),
                at,
                is_on: true,
                parts: Vec::new(),
            };
            let at_value = at.map_or(Value::Null, |_| Value::Int(7));
            assert_eq!(
                thing.bind(),
                ["o".into(), "n".into(), at_value.clone(), Value::Int(1)]
            );
            assert_eq!(thing.bind_changes(), ["n".into(), at_value.clone()]);
            let cells = [
                Value::from("o".to_owned()),
                "n".to_owned().into(),
                at_value,
                1_i64.into(),
            ];
            assert_eq!(Thing::read(&Row::new("t", Box::new(cells))).unwrap(), thing);
        }
        let wrong = [
            Value::from("o".to_owned()),
            Value::Null,
            Value::Null,
            2_i64.into(),
        ];
        let error = Thing::read(&Row::new("t", Box::new(wrong))).unwrap_err();
        assert!(
            matches!(error, StoreError::Column { column: 1, .. }),
            "{error}"
        );
    }
}
