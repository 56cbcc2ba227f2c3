//! Users of a cluster: what is known of their passwords, and who may make them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    cluster::Cluster,
    error::HostError,
    host::Host,
    metadata::state::{ClusterState, Record},
    protocol::ANONYMOUS,
    security::scram::{ITERATIONS_MIN, SALT_BYTES, ScramCredential, ScramMechanism, SecretBytes},
    spec::UserDescription,
};

/// Users with a password in one cluster.
pub(crate) const USERS_MAX: usize = 10_000;
/// Longest user name; the longest that every client has to be able to send (RFC 4616).
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Who the host itself is: a super user that nobody can make or authenticate as.
pub(crate) const INTERNAL_USER: &str = "__internal";
/// Names that no user can have: the host's own, and that of those who have none.
pub(crate) const RESERVED_NAMES: [&str; 2] = [INTERNAL_USER, ANONYMOUS];
/// What is told of such a name.
pub(crate) const RESERVED_NAME: &str = "the name is reserved";
/// Key from which the salts of users who do not exist are derived.
const IMAGINARY_SECRET_BYTES: usize = 32;

/// Why a user was not written down.
enum EnsureError {
    TooMany,
    Io(std::io::Error),
}

impl From<std::io::Error> for EnsureError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is kept of a user's passwords. A reserved name has none, whatever an older journal says.
fn known<'s>(
    state: &'s ClusterState,
    user: &str,
) -> Option<&'s BTreeMap<ScramMechanism, ScramCredential>> {
    let is_reserved = RESERVED_NAMES.contains(&user);
    state.users.get(user).filter(|_| !is_reserved)
}

impl Cluster {
    /// What is kept of a user's password; for a user without one, something that no password fits.
    pub(crate) fn credential(&self, mechanism: ScramMechanism, user: &str) -> ScramCredential {
        let find = |state: &ClusterState| known(state, user)?.get(&mechanism).cloned();
        let found = self.journal.read(find);
        found.unwrap_or_else(|| {
            ScramCredential::imaginary(mechanism, &self.imaginary_secret().0, user)
        })
    }

    /// Made when it is needed first and kept, so that a restart does not tell which salts are real.
    fn imaginary_secret(&self) -> SecretBytes {
        if let Some(secret) = self.journal.read(|state| state.imaginary_secret.clone()) {
            return secret;
        }
        let made = SecretBytes(self.shared.secret(IMAGINARY_SECRET_BYTES));
        let kept = self.journal.change(|state| {
            let (records, secret) = match &state.imaginary_secret {
                Some(secret) => (Vec::new(), secret.clone()),
                None => (
                    vec![Record::ImaginarySecret {
                        secret: made.clone(),
                    }],
                    made.clone(),
                ),
            };
            Ok::<_, std::io::Error>((records, secret))
        });
        match kept {
            Ok((secret, _)) => secret,
            Err(error) => {
                tracing::error!(%error, cluster = %self.id, "the journal cannot be written");
                made
            }
        }
    }

    /// Whether this is the user's password. Users who do not exist cost as much as those who do.
    pub(crate) async fn check_password(&self, user: &str, password: SecretString) -> bool {
        // Both are kept for users made by the host, one may be missing for those made by clients.
        let first = |state: &ClusterState| {
            let (mechanism, credential) = known(state, user)?.first_key_value()?;
            Some((*mechanism, credential.clone()))
        };
        let found = self.journal.read(first);
        let (mechanism, credential) = found.unwrap_or_else(|| {
            let mechanism = ScramMechanism::Sha256;
            (mechanism, self.credential(mechanism, user))
        });
        self.shared
            .derive_keys(move || {
                credential.has_password(mechanism, password.expose_secret().as_bytes())
            })
            .await
            .unwrap_or(false)
    }

    async fn ensure_user(
        self: &Arc<Self>,
        name: &str,
        password: SecretString,
    ) -> Result<(), HostError> {
        let known = self
            .journal
            .read(|state| state.users.get(name).cloned())
            .unwrap_or_default();
        let salts = ScramMechanism::ALL.map(|_| self.shared.secret(SALT_BYTES));
        let derived = self
            .shared
            .derive_keys(move || {
                let password = password.expose_secret().as_bytes();
                let fits = |mechanism: &ScramMechanism| {
                    let known = known.get(mechanism);
                    known.is_some_and(|known| known.has_password(*mechanism, password))
                };
                let wanted = ScramMechanism::ALL.into_iter().zip(salts);
                let changed = wanted.filter(|(mechanism, _)| !fits(mechanism));
                let derive = |(mechanism, salt)| {
                    let credential =
                        ScramCredential::from_password(mechanism, password, salt, ITERATIONS_MIN);
                    (mechanism, credential)
                };
                changed.map(derive).collect::<Vec<_>>()
            })
            .await;
        let storage = |source| HostError::Storage {
            path: self.dir.clone(),
            source,
        };
        let derived = derived.ok_or_else(|| {
            storage(std::io::Error::other(
                "keys were not derived: the host stops",
            ))
        })?;
        let changed = self.journal.change(|state| {
            if !state.users.contains_key(name) && state.users.len() >= USERS_MAX {
                return Err(EnsureError::TooMany);
            }
            let records = derived
                .into_iter()
                .map(|(mechanism, credential)| Record::Scram {
                    user: name.to_owned(),
                    mechanism,
                    credential,
                });
            Ok((records.collect(), ()))
        });
        let ((), position) = changed.map_err(|error| match error {
            EnsureError::TooMany => HostError::InvalidUser {
                reason: format!("there are {USERS_MAX} users already"),
            },
            EnsureError::Io(source) => storage(source),
        })?;
        self.journal.flush(position).await.map_err(storage)
    }

    async fn drop_user(&self, name: &str) -> Result<(), HostError> {
        let storage = |source| HostError::Storage {
            path: self.dir.clone(),
            source,
        };
        let gone = |state: &ClusterState| {
            let mechanisms = state
                .users
                .get(name)
                .into_iter()
                .flat_map(|known| known.keys());
            let records = mechanisms.map(|mechanism| Record::ScramGone {
                user: name.to_owned(),
                mechanism: *mechanism,
            });
            Ok::<_, std::io::Error>((records.collect(), ()))
        };
        let ((), position) = self.journal.change(gone).map_err(storage)?;
        self.authorizer.note_change(&self.journal);
        self.journal.flush(position).await.map_err(storage)
    }

    /// As [`Host::set_super_user`].
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
            _ => return self.set_super_user(name, is_super).await,
        };
        Err(HostError::InvalidUser {
            reason: reason.to_owned(),
        })
    }

    /// Returns whether there is such a user.
    async fn set_super_user(&self, name: &str, is_super: bool) -> Result<bool, HostError> {
        let storage = |source| HostError::Storage {
            path: self.dir.clone(),
            source,
        };
        let (is_there, position) = self
            .journal
            .change(|state| {
                let is_there = name == ANONYMOUS || state.users.contains_key(name);
                let is_changed = is_there && state.super_users.contains(name) != is_super;
                let record = is_changed.then(|| Record::SuperUser {
                    user: name.to_owned(),
                    is_super,
                });
                Ok::<_, std::io::Error>((Vec::from_iter(record), is_there))
            })
            .map_err(storage)?;
        self.authorizer.note_change(&self.journal);
        self.journal.flush(position).await.map_err(storage)?;
        Ok(is_there)
    }
}

impl Host {
    /// Makes a user of a running cluster have this password for every mechanism. Only salted keys are
    /// kept. Connections that are open stay so. May be repeated: nothing is written then.
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
        cluster.ensure_user(name, password).await
    }

    /// Makes a user a super user, who may do everything whatever ACLs say, or takes that away; at once, for
    /// open connections, too. Returns whether there is such a user. May be repeated.
    ///
    /// Where nobody authenticates, `ANONYMOUS` can be made one: that opens a cluster that its ACLs have locked.
    ///
    /// # Errors
    /// If the cluster does not run, its journal cannot be written, or the name is reserved.
    pub async fn set_super_user(
        &self,
        cluster_id: &str,
        name: &str,
        is_super: bool,
    ) -> Result<bool, HostError> {
        let cluster = self.running_cluster(cluster_id)?;
        cluster.change_super_user(name, is_super).await
    }

    /// Forgets a user's password, and that it is a super user. Connections that are open stay so, as with
    /// Apache Kafka. May be repeated.
    ///
    /// # Errors
    /// If the cluster does not run or its journal cannot be written.
    pub async fn drop_user(&self, cluster_id: &str, name: &str) -> Result<(), HostError> {
        self.running_cluster(cluster_id)?.drop_user(name).await
    }

    /// The users of a running cluster who have a password or are super users, by name.
    ///
    /// # Errors
    /// If the cluster does not run.
    pub fn list_users(&self, cluster_id: &str) -> Result<Vec<UserDescription>, HostError> {
        let cluster = self.running_cluster(cluster_id)?;
        Ok(cluster.journal.read(|state| {
            let names: BTreeSet<&String> = state.users.keys().chain(&*state.super_users).collect();
            let describe = |name: &String| UserDescription {
                name: name.clone(),
                is_super: state.super_users.contains(name),
            };
            names.into_iter().map(describe).collect()
        }))
    }
}
