//! Kafka users that an owner makes for an instance. Kafka keeps salted keys; what vendors show again of a user, its
//! password among it, is kept beside, sealed ([`crate::seal`]): one of them lists passwords in clear, and Terraform changes a
//! user at every plan where they are missing.

use std::collections::BTreeMap;

use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::user::{user_name_check, user_password_check};
use brokerage_domain::{Error, Result};
pub use brokerage_kafka_admin::ScramMechanism;
use brokerage_store::sasl_user::{SaslUserRecord, sasl_user_delete, sasl_user_list, sasl_user_put};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;

use crate::call::Call;
use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// Users of an instance.
pub const SASL_USERS_MAX: i64 = 1_000;

/// A user to make, or the same with another password.
#[derive(Debug)]
pub struct NewSaslUser {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: SecretString,
    /// The one mechanism of SCRAM that it may use; `None` is every one, and PLAIN.
    pub mechanism: Option<ScramMechanism>,
}

/// Whether a user may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslUserPut {
    /// It may not.
    Create,
    /// It may, and has the new password then.
    Replace,
}

/// A user as its owner sees it.
#[derive(Debug)]
pub struct SaslUserView {
    /// Its name.
    pub name: String,
    /// The mechanisms of SCRAM that it has a password for.
    pub mechanisms: Vec<ScramMechanism>,
    /// What the control plane knows; `None` for users that Kafka clients or the operator made.
    pub known: Option<KnownSaslUser>,
}

/// What is known of a user that was made through the control plane.
#[derive(Debug)]
pub struct KnownSaslUser {
    /// The password that it was given last.
    pub password: SecretString,
    /// When it was made.
    pub created_at: Moment,
    /// When it was given its password.
    pub updated_at: Moment,
}

impl Control {
    /// Makes a user of a running instance of the caller's, or gives it another password.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or password that no client can send, [`Error::Exists`], [`Error::LimitReached`],
    /// [`Error::NotFound`], [`Error::WrongPhase`].
    pub async fn sasl_user_put(
        &self,
        call: Call,
        id: &InstanceId,
        new: NewSaslUser,
        put: SaslUserPut,
    ) -> Result<()> {
        let instance = self.running_instance(&call, id).await?;
        user_name_check(&new.name)?;
        user_password_check(new.password.expose_secret())?;
        let users = self.kafka_users(id).await?;
        let is_there = users.contains_key(&new.name);
        if is_there && put == SaslUserPut::Create {
            return Err(Error::Exists {
                kind: Kind::User,
                id: new.name,
            });
        }
        if !is_there && users.len() as i64 >= SASL_USERS_MAX {
            return Err(Error::LimitReached {
                what: "users",
                max: SASL_USERS_MAX,
            });
        }
        let sealed_password = self.password_seal(&instance.id, &new.name, &new.password)?;
        // First: a call that was made before changes nothing.
        self.audited_write(call, &format!("{id}/{}", new.name), |_| Ok(()))
            .await?;
        let of = instance.id;
        self.credentials_put(&of, &new).await?;
        let now = self.now();
        let record = SaslUserRecord {
            name: new.name,
            sealed_password,
            created_at: now,
            updated_at: now,
        };
        self.write("sasl_user_put", move |tx| {
            if !is_there {
                // What is known of one that Kafka has forgotten is not of this one.
                sasl_user_delete(tx, &of, &record.name)?;
            }
            Ok(sasl_user_put(tx, &of, &record)?)
        })
        .await
    }

    /// Gives a user of the caller's another password, if `present` is the one that it has.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong or new password, [`Error::NotFound`] for instance or user, [`Error::WrongPhase`].
    pub async fn sasl_user_password_change(
        &self,
        call: Call,
        id: &InstanceId,
        name: &str,
        present: &SecretString,
        new: SecretString,
    ) -> Result<()> {
        let users = self.sasl_user_list(&call, id).await?;
        let user = users.into_iter().find(|user| user.name == name);
        let user = user.ok_or_else(|| Error::not_found(Kind::User, name))?;
        // Only salted keys are there of a user that somebody else made: its password cannot be compared.
        let known = user.known.filter(|known| {
            let (known, present) = (known.password.expose_secret(), present.expose_secret());
            known.as_bytes().ct_eq(present.as_bytes()).into()
        });
        if known.is_none() {
            return Err(Error::invalid(
                "the user",
                "this is not its present password",
            ));
        }
        let new = NewSaslUser {
            name: name.to_owned(),
            password: new,
            mechanism: match user.mechanisms[..] {
                [only] => Some(only),
                _ => None,
            },
        };
        self.sasl_user_put(call, id, new, SaslUserPut::Replace)
            .await
    }

    /// The users of a running instance of the caller's, by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when it does not run.
    pub async fn sasl_user_list(&self, cx: &Context, id: &InstanceId) -> Result<Vec<SaslUserView>> {
        let instance = self.running_instance(cx, id).await?;
        let users = self.kafka_users(id).await?;
        let of = instance.id.clone();
        let records = self
            .read("sasl_user_list", move |tx| Ok(sasl_user_list(tx, &of)?))
            .await?;
        let mut records: BTreeMap<String, SaslUserRecord> = records
            .into_iter()
            .map(|record| (record.name.clone(), record))
            .collect();
        let view = |(name, mechanisms): (String, Vec<ScramMechanism>)| {
            let known = match records.remove(&name) {
                None => None,
                Some(record) => Some(KnownSaslUser {
                    password: self.password_open(&instance.id, &record)?,
                    created_at: record.created_at,
                    updated_at: record.updated_at,
                }),
            };
            Ok(SaslUserView {
                name,
                mechanisms,
                known,
            })
        };
        users.into_iter().map(view).collect()
    }

    /// Takes a user of the caller's away. Connections that are open stay so, as with Kafka.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or user, [`Error::WrongPhase`].
    pub async fn sasl_user_delete(&self, call: Call, id: &InstanceId, name: &str) -> Result<()> {
        let instance = self.running_instance(&call, id).await?;
        if !self.kafka_users(id).await?.contains_key(name) {
            return Err(Error::not_found(Kind::User, name));
        }
        self.audited_write(call, &format!("{id}/{name}"), |_| Ok(()))
            .await?;
        self.user_delete(id, name).await?;
        let (of, name) = (instance.id, name.to_owned());
        self.write("sasl_user_delete", move |tx| {
            Ok(sasl_user_delete(tx, &of, &name)?)
        })
        .await
    }

    /// The users that Kafka has, with their mechanisms.
    async fn kafka_users(&self, id: &InstanceId) -> Result<BTreeMap<String, Vec<ScramMechanism>>> {
        let list = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.user_list().await?)
        };
        let users = list
            .await
            .map_err(|failure| refusal(failure, About::User))?;
        Ok(users
            .into_iter()
            .map(|user| (user.name, user.mechanisms))
            .collect())
    }

    /// Gives Kafka the keys of a user, and takes those of other mechanisms away.
    async fn credentials_put(&self, id: &InstanceId, new: &NewSaslUser) -> Result<()> {
        let mut credentials = self.credentials(&new.password).await?;
        credentials.retain(|credential| {
            new.mechanism
                .is_none_or(|only| credential.mechanism() == only)
        });
        let others = ScramMechanism::ALL.into_iter();
        let others =
            others.filter(|mechanism| new.mechanism.is_some_and(|only| only != *mechanism));
        let put = async {
            self.put_credentials(id, &new.name, &credentials).await?;
            for other in others {
                self.mechanism_delete(id, &new.name, other).await?;
            }
            Ok::<_, Failure>(())
        };
        put.await.map_err(|failure| refusal(failure, About::User))
    }

    fn password_seal(
        &self,
        of: &InstanceId,
        name: &str,
        password: &SecretString,
    ) -> Result<String> {
        let sealed = self
            .master_key
            .seal(&row_id(of, name), password, &self.chance);
        sealed.map_err(Error::internal)
    }

    fn password_open(&self, of: &InstanceId, record: &SaslUserRecord) -> Result<SecretString> {
        let row = row_id(of, &record.name);
        let opened = self.master_key.open(&row, &record.sealed_password);
        opened.map_err(Error::internal)
    }
}

/// What a password is sealed for. Ids of instances have no slash.
fn row_id(of: &InstanceId, name: &str) -> String {
    format!("sasl_user/{of}/{name}")
}
