//! Users of a cluster and their credentials.

use std::collections::BTreeMap;
use std::convert::Infallible;

use secrecy::{ExposeSecret, SecretString};

use crate::error::Unwritten;
use crate::metadata::credential::{ScramCredential, ScramMechanism, SecretBytes};
use crate::metadata::state::{ClusterState, MetadataRecord};
use crate::security::Security;

/// The user on listeners without authentication.
pub(crate) const ANONYMOUS: &str = "ANONYMOUS";
/// Users with a password in one cluster.
pub(crate) const USERS_MAX: usize = 10_000;
/// Longest user name; the longest that every client has to be able to send (RFC 4616).
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// The user of internal connections: a super user that cannot be created or authenticated as.
pub(crate) const INTERNAL_USER: &str = "__internal";
/// Names that no user can have: the host's own, and that of those who have none.
pub(crate) const RESERVED_NAMES: [&str; 2] = [INTERNAL_USER, ANONYMOUS];
/// The error message for such a name.
pub(crate) const RESERVED_NAME: &str = "the name is reserved";
/// Key from which the salts of users who do not exist are derived.
const IMAGINARY_SECRET_BYTES: usize = 32;

/// What is kept of a user's passwords. A reserved name has none, whatever an older metadata log says.
fn known<'s>(
    state: &'s ClusterState,
    user: &str,
) -> Option<&'s BTreeMap<ScramMechanism, ScramCredential>> {
    let is_reserved = RESERVED_NAMES.contains(&user);
    state.users.get(user).filter(|_| !is_reserved)
}

impl Security {
    /// The credential of a user; for an unknown user, one that no password matches.
    pub(crate) fn credential(&self, mechanism: ScramMechanism, user: &str) -> ScramCredential {
        let find = |state: &ClusterState| known(state, user)?.get(&mechanism).cloned();
        let found = self.metadata_log.read(find);
        found.unwrap_or_else(|| self.imaginary(mechanism, user))
    }

    /// One that no password matches.
    fn imaginary(&self, mechanism: ScramMechanism, user: &str) -> ScramCredential {
        ScramCredential::imaginary(mechanism, &self.imaginary_secret().0, user)
    }

    /// Created when first needed and kept, so that a restart does not reveal which salts are real.
    fn imaginary_secret(&self) -> SecretBytes {
        if let Some(secret) = self
            .metadata_log
            .read(|state| state.imaginary_secret.clone())
        {
            return secret;
        }
        let made = SecretBytes(self.process.secret(IMAGINARY_SECRET_BYTES));
        let kept = self.metadata_log.change(|state| {
            let (records, secret) = match &state.imaginary_secret {
                Some(secret) => (Vec::new(), secret.clone()),
                None => (
                    vec![MetadataRecord::ImaginarySecret {
                        secret: made.clone(),
                    }],
                    made.clone(),
                ),
            };
            Ok::<_, Infallible>((records, secret))
        });
        match kept {
            Ok((secret, _)) => secret,
            Err(error) => {
                Unwritten::from(error).log();
                made
            }
        }
    }

    /// Whether this is the password of a user who may show it. Who has the keys of one mechanism of SCRAM alone was made
    /// for it alone, and never sends the password: as if it were no user. Users who do not exist cost as much as those
    /// who do.
    pub(crate) async fn check_password(&self, user: &str, password: SecretString) -> bool {
        let first = |state: &ClusterState| {
            let keys = known(state, user)?;
            let (mechanism, credential) = keys.first_key_value()?;
            let is_restricted = keys.len() < ScramMechanism::ALL.len();
            (!is_restricted).then(|| (*mechanism, credential.clone()))
        };
        let found = self.metadata_log.read(first);
        let (mechanism, credential) = found.unwrap_or_else(|| {
            let mechanism = ScramMechanism::Sha256;
            (mechanism, self.imaginary(mechanism, user))
        });
        self.derivations
            .take(move || credential.has_password(mechanism, password.expose_secret().as_bytes()))
            .await
            .unwrap_or(false)
    }

    /// Makes a user a super user, or an ordinary one. Returns whether there is such a user.
    ///
    /// # Errors
    /// If the metadata log cannot be written.
    pub(crate) async fn set_super_user(
        &self,
        name: &str,
        is_super: bool,
    ) -> Result<bool, Unwritten> {
        let (is_there, position) = self.metadata_log.change(|state| {
            let is_there = name == ANONYMOUS || state.users.contains_key(name);
            let is_changed = is_there && state.super_users.contains(name) != is_super;
            let record = is_changed.then(|| MetadataRecord::SuperUser {
                user: name.to_owned(),
                is_super,
            });
            Ok::<_, Infallible>((Vec::from_iter(record), is_there))
        })?;
        self.note_change();
        self.metadata_log.flush(position).await?;
        Ok(is_there)
    }
}
