//! Sandbox mode: a well-known account with money and a well-known key, for people who test offline.

use brokerage_domain::access::Policy;
use brokerage_domain::error::Kind;
use brokerage_domain::id::AccessKeyId;
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::{Error, Result};
use secrecy::SecretString;

use crate::access_key::NewKey;
use crate::control::Control;

/// Name of the account.
pub const SANDBOX_ACCOUNT: &str = "sandbox";
/// Id of its key.
pub const SANDBOX_KEY_ID: &str = "BROKERAGESANDBOX";
/// Secret of its key: public, which is why sandbox mode listens on loopback only.
pub const SANDBOX_SECRET: &str = "brokerage-sandbox-secret";
/// What it starts with, in whole units of every currency.
pub const SANDBOX_UNITS: i64 = 100_000_000;

impl Control {
    /// Makes what sandbox mode brings, as far as it is not there yet.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store fails.
    pub async fn sandbox_prepare(&self) -> Result<()> {
        let account = match self.account_create(SANDBOX_ACCOUNT).await {
            Ok(account) => account,
            Err(Error::Exists {
                kind: Kind::Account,
                ..
            }) => self.account_view(SANDBOX_ACCOUNT).await?,
            Err(error) => return Err(error),
        };
        let money = Money::from_units(SANDBOX_UNITS).map_err(Error::internal)?;
        for currency in Currency::ALL {
            self.account_top_up(
                &account.id,
                money,
                currency,
                &format!("sandbox:{}", currency.code()),
            )
            .await?;
        }
        let key = NewKey {
            id: Some(AccessKeyId::new(SANDBOX_KEY_ID)),
            secret: Some(SecretString::from(SANDBOX_SECRET)),
            session_token: None,
            policy: Policy::allow_all(),
        };
        match self.access_key_create(&account.id, key).await {
            Ok(_)
            | Err(Error::Exists {
                kind: Kind::AccessKey,
                ..
            }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
