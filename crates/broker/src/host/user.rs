//! Users of a cluster, as the program that runs the host makes them.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};

use super::Host;
use crate::{
    error::{HostError, Refusal},
    security::user::{NAME_BYTES_MAX, RESERVED_NAME, RESERVED_NAMES, TooManyUsers, USERS_MAX},
    spec::UserDescription,
};

impl Host {
    /// Sets the password of a user of a running cluster for every mechanism, creating the user if needed.
    /// Only salted keys are kept. Connections that are open stay so. May be repeated: nothing is written
    /// then.
    ///
    /// # Errors
    /// If the cluster does not run, or name or password cannot be used: a name has 1 to 255 bytes of
    /// printable ASCII and is not reserved, a password is not empty.
    pub async fn ensure_user(
        &self,
        cluster_id: &str,
        name: &str,
        password: SecretString,
    ) -> Result<(), HostError> {
        let invalid = |reason: &str| {
            Err(HostError::InvalidUser {
                reason: reason.to_owned(),
            })
        };
        let cluster = self.running_cluster(cluster_id)?;
        if RESERVED_NAMES.contains(&name) {
            return invalid(RESERVED_NAME);
        }
        let is_printable = name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !is_printable {
            return invalid("a name has 1 to 255 bytes of printable ASCII");
        }
        if password.expose_secret().is_empty() || password.expose_secret().contains('\0') {
            return invalid("a password is not empty and has no NUL");
        }
        let ensured = cluster.security().ensure_user(name, password).await;
        ensured.map_err(|refusal| match refusal {
            Refusal::Decided(TooManyUsers) => HostError::InvalidUser {
                reason: format!("there are {USERS_MAX} users already"),
            },
            Refusal::Unwritten(error) => cluster.storage_error(error.into()),
        })
    }

    /// Makes a user a super user, who may do everything whatever ACLs say, or an ordinary one; at once, for
    /// open connections, too. Returns whether there is such a user. May be repeated.
    ///
    /// At listeners without authentication the user is `ANONYMOUS`: making it a super user opens a cluster
    /// that its ACLs have locked.
    ///
    /// # Errors
    /// If the cluster does not run, its metadata log cannot be written, or the name is reserved.
    pub async fn set_super_user(
        &self,
        cluster_id: &str,
        name: &str,
        is_super: bool,
    ) -> Result<bool, HostError> {
        let cluster = self.running_cluster(cluster_id)?;
        cluster.change_super_user(name, is_super).await
    }

    /// Deletes a user's password; it is no super user any more. Connections that are open stay so, as with
    /// Apache Kafka. May be repeated.
    ///
    /// # Errors
    /// If the cluster does not run or its metadata log cannot be written.
    pub async fn drop_user(&self, cluster_id: &str, name: &str) -> Result<(), HostError> {
        let cluster = self.running_cluster(cluster_id)?;
        let dropped = cluster.security().drop_user(name).await;
        dropped.map_err(|error| cluster.storage_error(error.into()))
    }

    /// The users of a running cluster who have a password or are super users, by name.
    ///
    /// # Errors
    /// If the cluster does not run.
    pub fn list_users(&self, cluster_id: &str) -> Result<Vec<UserDescription>, HostError> {
        let cluster = self.running_cluster(cluster_id)?;
        Ok(cluster.metadata_log().read(|state| {
            let names: BTreeSet<&String> = state.users.keys().chain(&*state.super_users).collect();
            let describe = |name: &String| UserDescription {
                name: name.clone(),
                is_super: state.super_users.contains(name),
            };
            names.into_iter().map(describe).collect()
        }))
    }
}
