//! A copy of a database while others use it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::backends::sqlite::{BUSY_TIMEOUT, open_error};
use crate::error::{DatabaseError, StoreError};

/// Every page in one step, and so of one moment.
const ALL_PAGES: i32 = -1;

/// Copies an SQLite database into a new file, as it is at one moment, page by page. Whoever uses it goes on: it keeps a
/// write-ahead log.
///
/// # Errors
/// [`StoreError::Open`] if there is no database, the file cannot be made, or the copy does not come about.
pub fn sqlite_copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| open_error(&error);
    let existing = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, existing).map_err(failed)?;
    source.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let mut copy = Connection::open_with_flags(to, existing | OpenFlags::SQLITE_OPEN_CREATE)
        .map_err(failed)?;
    let backup = Backup::new(&source, &mut copy).map_err(failed)?;
    match backup.step(ALL_PAGES).map_err(failed)? {
        StepResult::Done => {}
        other => {
            return Err(StoreError::Open {
                source: DatabaseError {
                    code: String::new(),
                    message: format!("the copy is not whole: {other:?}"),
                },
            });
        }
    }
    drop(backup);
    // One file, without a log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(failed)?;
    copy.close().map_err(|(_, error)| open_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::sqlite::Durability;
    use crate::store::Store;

    #[tokio::test]
    async fn a_copy_is_whole_while_others_write() {
        let dir = tempfile::tempdir().expect("a directory");
        let (from, to) = (dir.path().join("a.sqlite"), dir.path().join("b.sqlite"));
        let store = Store::open_sqlite(&from, Durability::Process).expect("a database");
        sqlite_copy(&from, &to).expect("a copy");
        store.close().await;
        assert!(!dir.path().join("b.sqlite-wal").exists());
        let copy = Store::open_sqlite_existing(&to, Durability::Process).expect("a database");
        copy.close().await;
        assert!(sqlite_copy(&dir.path().join("none"), &to).is_err());
    }
}
