//! Kafka users of an instance: who may come in through its SASL listeners. For the operator; they are Kafka's own
//! SCRAM users, kept with the cluster, and only as salted keys.

use std::collections::BTreeSet;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_domain::user::{user_name_check, user_password_check};
use brokerage_domain::{Error, Result};
use brokerage_kafka_admin::{ErrorCode, ScramCredential, ScramMechanism};
use brokerage_store::instance::instance_by_id;
use secrecy::{ExposeSecret, SecretString};

use crate::access_key::LETTERS;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// Characters of a password that nobody chose.
const PASSWORD_CHARS: usize = 24;
/// Salt of a password, for each mechanism; as much as SHA-256 gives.
const SALT_BYTES: usize = 32;

/// A Kafka user of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Whether it may do everything, whatever ACLs say.
    pub is_super: bool,
}

impl Control {
    /// Makes a user of a running instance, or gives it another password. Without a password one is drawn; it is
    /// returned here and kept nowhere. `is_super` makes it a super user or takes that away, at once; where that is all
    /// that is asked of a user who is there, its password stays and nothing is returned.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when the instance does not run, [`Error::Invalid`] for a name or a
    /// password that Kafka cannot take.
    pub async fn user_put(
        &self,
        id: &InstanceId,
        name: &str,
        password: Option<SecretString>,
        is_super: Option<bool>,
    ) -> Result<Option<SecretString>> {
        self.check_running(id).await?;
        if let (None, Some(is_super)) = (&password, is_super)
            && self.set_super_user(id, name, is_super).await?
        {
            return Ok(None);
        }
        let password = password
            .unwrap_or_else(|| SecretString::from(self.chance.text(LETTERS, PASSWORD_CHARS)));
        user_name_check(name)?;
        user_password_check(password.expose_secret())?;
        let credentials = self.credentials(&password).await?;
        self.put_credentials(id, name, &credentials)
            .await
            .map_err(user_error)?;
        if let Some(is_super) = is_super {
            self.set_super_user(id, name, is_super).await?;
        }
        Ok(Some(password))
    }

    /// One for every mechanism.
    pub(crate) async fn credentials(
        &self,
        password: &SecretString,
    ) -> Result<Vec<ScramCredential>> {
        let salted = ScramMechanism::ALL.map(|mechanism| {
            let mut salt = vec![0; SALT_BYTES];
            self.chance.fill(&mut salt);
            (mechanism, salt)
        });
        let password = password.clone();
        let derive = move || -> Vec<ScramCredential> {
            let salted = salted.into_iter();
            salted
                .map(|(mechanism, salt)| ScramCredential::derive(mechanism, &password, salt))
                .collect()
        };
        let derived = tokio::task::spawn_blocking(derive).await;
        derived.map_err(Error::internal)
    }

    pub(crate) async fn put_credentials(
        &self,
        id: &InstanceId,
        name: &str,
        credentials: &[ScramCredential],
    ) -> std::result::Result<(), Failure> {
        let mut kafka = self.kafka(id).await?;
        // One by one: Kafka takes one change of a user in a request.
        for credential in credentials {
            kafka.user_put(name, credential).await?;
        }
        Ok(())
    }

    /// Returns whether there is such a user.
    async fn set_super_user(&self, id: &InstanceId, name: &str, is_super: bool) -> Result<bool> {
        let set = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.super_user_set(name, is_super).await?)
        };
        set.await.map_err(user_error)
    }

    /// Takes a user away; nothing happens where there is none. Connections that are open stay so, as with Kafka.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when the instance does not run.
    pub async fn user_delete(&self, id: &InstanceId, name: &str) -> Result<()> {
        self.check_running(id).await?;
        let delete = async {
            let known = self.kafka(id).await?.user_list().await?;
            let known = known.into_iter().filter(|user| user.name == name);
            for mechanism in known.flat_map(|user| user.mechanisms) {
                self.mechanism_delete(id, name, mechanism).await?;
            }
            Ok::<_, Failure>(())
        };
        delete.await.map_err(user_error)
    }

    /// Takes the password of a user for one mechanism away; nothing happens where there is none.
    pub(crate) async fn mechanism_delete(
        &self,
        id: &InstanceId,
        name: &str,
        mechanism: ScramMechanism,
    ) -> std::result::Result<(), Failure> {
        let mut kafka = self.kafka(id).await?;
        match kafka.user_delete(name, mechanism).await {
            Err(error) if error.code() == Some(ErrorCode::ResourceNotFound) => Ok(()),
            other => Ok(other?),
        }
    }

    /// The users of a running instance, sorted by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when the instance does not run.
    pub async fn user_list(&self, id: &InstanceId) -> Result<Vec<User>> {
        self.check_running(id).await?;
        let list = async {
            let mut kafka = self.kafka(id).await?;
            let users = kafka.user_list().await?;
            Ok::<_, Failure>((users, kafka.super_user_list().await?))
        };
        let (users, super_users) = list.await.map_err(user_error)?;
        let super_users: BTreeSet<String> = super_users.into_iter().collect();
        let mut names: BTreeSet<String> = users.into_iter().map(|user| user.name).collect();
        names.extend(super_users.iter().cloned());
        let user = |name: String| User {
            is_super: super_users.contains(&name),
            name,
        };
        Ok(names.into_iter().map(user).collect())
    }

    pub(crate) async fn check_running(&self, id: &InstanceId) -> Result<()> {
        let wanted = id.clone();
        let found = self
            .read("user", move |tx| Ok(instance_by_id(tx, &wanted)?))
            .await?;
        match found {
            Some(instance) if matches!(instance.phase, Phase::Running | Phase::Changing) => Ok(()),
            Some(instance) if instance.phase != Phase::Gone => Err(instance.wrong_phase()),
            _ => Err(Error::not_found(Kind::Instance, id.as_str())),
        }
    }
}

fn user_error(failure: Failure) -> Error {
    refusal(failure, About::User)
}
