//! Kafka users of an instance: who may come in through its SASL listeners. For the operator; they are Kafka's own
//! SCRAM users, kept with the cluster, and only as salted keys.

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_domain::{Error, Result};
use brokerage_engine::{EngineError, User};
use brokerage_store::instance::instance_by_id;
use secrecy::SecretString;

use crate::access_key::LETTERS;
use crate::control::Control;

/// Characters of a password that nobody chose.
const PASSWORD_CHARS: usize = 24;

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
        self.engine
            .ensure_user(id, name, &password)
            .await
            .map_err(user_error)?;
        if let Some(is_super) = is_super {
            self.set_super_user(id, name, is_super).await?;
        }
        Ok(Some(password))
    }

    async fn set_super_user(&self, id: &InstanceId, name: &str, is_super: bool) -> Result<bool> {
        let set = self.engine.set_super_user(id, name, is_super).await;
        set.map_err(user_error)
    }

    /// Takes a user away; nothing happens where there is none. Connections that are open stay so, as with Kafka.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when the instance does not run.
    pub async fn user_delete(&self, id: &InstanceId, name: &str) -> Result<()> {
        self.check_running(id).await?;
        self.engine.drop_user(id, name).await.map_err(user_error)
    }

    /// The users of a running instance, sorted by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when the instance does not run.
    pub async fn user_list(&self, id: &InstanceId) -> Result<Vec<User>> {
        self.check_running(id).await?;
        self.engine.list_users(id).await.map_err(user_error)
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

fn user_error(error: EngineError) -> Error {
    match error {
        EngineError::Refused { reason } => Error::invalid("the user", reason),
        other => Error::internal(other),
    }
}
