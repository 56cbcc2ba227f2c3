//! Users who administer a cluster.

use crate::cluster::Cluster;
use crate::error::HostError;
use crate::security::user::{ANONYMOUS, INTERNAL_USER, RESERVED_NAME};

impl Cluster {
    /// Makes a user a super user, or an ordinary one. Returns whether there is such a user.
    ///
    /// # Errors
    /// [`HostError::InvalidUser`] if the name is reserved; if the metadata log cannot be written.
    pub(crate) async fn change_super_user(
        &self,
        name: &str,
        is_super: bool,
    ) -> Result<bool, HostError> {
        let reason = match name {
            INTERNAL_USER => RESERVED_NAME,
            ANONYMOUS if is_super && self.spec().has_sasl() => {
                "who has no name administers nothing where users authenticate"
            }
            _ => {
                let changed = self.security.set_super_user(name, is_super).await;
                return changed.map_err(|error| self.storage_error(error.into()));
            }
        };
        Err(HostError::InvalidUser {
            reason: reason.to_owned(),
        })
    }
}
