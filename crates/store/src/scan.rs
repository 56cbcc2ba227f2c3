//! Reading a whole table page by page, whatever its rows hold: one that cannot be read is told and keeps the others from
//! nobody.

use crate::error::StoreError;
use crate::table::Record;
use crate::value::{Row, Value};

/// Where a scan goes on: behind the row with these keys, which may themselves be damaged.
#[derive(Debug, Clone)]
pub struct Cursor(Vec<Value<'static>>);

impl Cursor {
    pub(crate) fn before(first: impl IntoIterator<Item = Value<'static>>) -> Self {
        Self(first.into_iter().collect())
    }

    /// Before the first text.
    #[must_use]
    pub fn start() -> Self {
        Self::before([Value::EMPTY])
    }

    /// Behind a text.
    #[must_use]
    pub fn after(text: String) -> Self {
        Self::before([text.into()])
    }

    /// The parameters of a statement that reads `rows` behind it.
    pub(crate) fn values(&self, rows: u32) -> Vec<Value<'static>> {
        let mut values = self.0.clone();
        values.push(rows.into());
        values
    }

    /// Behind the last row of a page whose keys stand in these columns; `None` behind the last of all.
    pub(crate) fn behind(page: &[Row], limit: u32, columns: &[usize]) -> Option<Self> {
        let last = page.last().filter(|_| page.len() == limit as usize)?;
        let key = columns.iter().map(|at| last.cells()[*at].clone());
        Some(Self::before(key))
    }
}

/// A page of a scan.
#[derive(Debug)]
pub struct Page<T, E = StoreError> {
    /// Each row, or why it cannot be read.
    pub rows: Vec<Result<T, E>>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
}

impl<T, E> Page<T, E> {
    pub(crate) fn read(
        rows: &[Row],
        (limit, columns): (u32, &[usize]),
        read: impl FnMut(&Row) -> Result<T, E>,
    ) -> Self {
        Self {
            rows: rows.iter().map(read).collect(),
            next: Cursor::behind(rows, limit, columns),
        }
    }
}

/// A page of rows whose first column is their key.
pub(crate) fn page_by_first<T: Record>(rows: &[Row], limit: u32) -> Page<T> {
    Page::read(rows, (limit, &[0]), T::read)
}
