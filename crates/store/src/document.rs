//! JSON documents in TEXT columns.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::value::Row;

/// The text of a document.
///
/// Domain documents are maps with text keys and plain values, which JSON can always write.
pub(crate) fn write(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("domain documents have text keys and plain values only")
}

/// The document in a column.
pub(crate) fn read<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, StoreError> {
    serde_json::from_str(row.text(column)?).map_err(|_| row.mismatch(column, "a JSON document"))
}
