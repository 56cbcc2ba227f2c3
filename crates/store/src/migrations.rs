//! Forward-only migrations, one folder for both databases.

use crate::error::{DatabaseError, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Brings a database to the newest version.
///
/// # Errors
/// [`StoreError::Migrate`], also if the database was migrated by a newer program or by an edited file.
pub(crate) fn run<C: refinery::Migrate>(connection: &mut C) -> Result<(), StoreError> {
    embedded::migrations::runner()
        .set_abort_divergent(true)
        .set_abort_missing(true)
        .run(connection)
        .map(drop)
        .map_err(|error| StoreError::Migrate {
            source: DatabaseError::outside(&error),
        })
}
