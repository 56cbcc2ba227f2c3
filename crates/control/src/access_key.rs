//! Access keys: making them, finding them for a signature, and deciding what they may do.

use std::collections::HashMap;
use std::sync::Arc;

use brokerage_domain::access::{AccessKey, Attempt, Policy, STATEMENTS_MAX, decide};
use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{AccessKeyId, AccountId};
use brokerage_domain::{Error, Result};
use brokerage_store::access_key::{
    StoredKey, access_key_by_id, access_key_insert, access_key_page, access_key_set_active,
};
use parking_lot::RwLock;
use secrecy::SecretString;

use crate::context::{Context, Principal};
use crate::control::Control;
use crate::sandbox::SANDBOX_KEY_ID;

/// Keys whose secrets are kept open in memory.
pub const KEYS_CACHED_MAX: usize = 10_000;
/// How long a key is used as it was read, in microseconds: another process on the same database may have switched it
/// off or changed its policy meanwhile, which has to hold within a second.
pub const KEY_AGE_US_MAX: i64 = 500_000;
/// Longest id of an access key that is looked up, in bytes.
pub const KEY_ID_BYTES_MAX: usize = 128;
const KEY_ID_CHARS: usize = 24;
const SECRET_CHARS: usize = 40;
pub(crate) const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A key with its open secret, ready to check a signature.
pub struct OpenKey {
    /// The key.
    pub key: AccessKey,
    /// Its account's number.
    pub account_number: i64,
    /// The plain secret.
    pub secret: SecretString,
    /// SHA-256 of the session token that must come with it, as hex.
    pub session_token_hash: Option<String>,
}

impl OpenKey {
    /// The caller that this key stands for.
    pub fn principal(&self) -> Principal {
        Principal {
            account_id: self.key.account_id.clone(),
            account_number: self.account_number,
            key_id: Some(self.key.id.clone()),
        }
    }
}

/// Open keys by id, each for [`KEY_AGE_US_MAX`]. Only keys that exist are kept, so strangers cannot fill it.
#[derive(Default)]
pub struct KeyCache(RwLock<Cached>);

#[derive(Default)]
struct Cached {
    keys: HashMap<String, (Moment, Arc<OpenKey>)>,
    /// How often a key was changed here: what was read before a change is not kept after it.
    changes: u64,
}

impl KeyCache {
    /// The key as it was read less than [`KEY_AGE_US_MAX`] ago. A clock that stepped back makes it old.
    fn get(&self, id: &str, now: Moment) -> Option<Arc<OpenKey>> {
        let cached = self.0.read();
        let (read_at, key) = cached.keys.get(id)?;
        let age_us = now.micros() - read_at.micros();
        (0..KEY_AGE_US_MAX).contains(&age_us).then(|| key.clone())
    }

    /// To be taken before a key is read from the store, and given to [`KeyCache::keep`] with what was read.
    fn changes(&self) -> u64 {
        self.0.read().changes
    }

    /// Keeps what was read at `read_at`, unless a key was changed since `changes` was taken.
    fn keep(&self, id: &str, key: &Arc<OpenKey>, read_at: Moment, changes: u64) {
        let mut cached = self.0.write();
        if cached.changes != changes {
            return;
        }
        if cached.keys.len() >= KEYS_CACHED_MAX {
            cached.keys.clear();
        }
        cached.keys.insert(id.to_owned(), (read_at, key.clone()));
    }

    /// Forgets a key that was changed, also what is being read of it just now.
    fn forget(&self, id: &str) {
        let mut cached = self.0.write();
        cached.changes += 1;
        cached.keys.remove(id);
    }
}

/// A key to make.
pub struct NewKey {
    /// Its id; drawn when `None`.
    pub id: Option<AccessKeyId>,
    /// Its secret; drawn when `None`.
    pub secret: Option<SecretString>,
    /// A session token that must come with it, for temporary keys.
    pub session_token: Option<SecretString>,
    /// What it may do.
    pub policy: Policy,
}

impl Control {
    /// The key of this id, if there is one that may be used now. The sandbox's, whose secret is public, may not be
    /// used outside sandbox mode: it is unknown there, whatever the store has.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store or the seal fails.
    pub async fn access_key_open(&self, id: &str) -> Result<Option<Arc<OpenKey>>> {
        if id.is_empty() || id.len() > KEY_ID_BYTES_MAX {
            return Ok(None);
        }
        if id == SANDBOX_KEY_ID && !self.settings.sandbox {
            return Ok(None);
        }
        let key = match self.keys.get(id, self.real_now()) {
            Some(key) => key,
            None => match self.access_key_load(id).await? {
                Some(key) => key,
                None => return Ok(None),
            },
        };
        self.keys_trusted(&key.key.account_id)?;
        let expired = key.key.expires_at.is_some_and(|end| end <= self.real_now());
        Ok((key.key.active && !expired).then_some(key))
    }

    async fn access_key_load(&self, id: &str) -> Result<Option<Arc<OpenKey>>> {
        let (read_at, changes) = (self.real_now(), self.keys.changes());
        let wanted = id.to_owned();
        let stored = self
            .read("access_key_open", move |tx| {
                Ok(access_key_by_id(tx, &wanted)?)
            })
            .await?;
        let Some(StoredKey {
            mut key,
            account_number,
            sealed_secret,
            session_token_hash,
        }) = stored
        else {
            return Ok(None);
        };
        if let Err(error) = key.policy.check(&self.vocabulary) {
            tracing::error!(%error, key = id, "a policy is not understood: its key may do nothing");
            key.policy.statements.clear();
        }
        let secret = self
            .master_key
            .open(id, &sealed_secret)
            .map_err(Error::internal)?;
        let key = Arc::new(OpenKey {
            key,
            account_number,
            secret,
            session_token_hash,
        });
        self.keys.keep(id, &key, read_at, changes);
        Ok(Some(key))
    }

    /// Makes a key for an account and returns it with its secret: the only time that it is shown.
    ///
    /// # Errors
    /// [`Error::Exists`] when the id is taken, [`Error::LimitReached`] for a policy of too many statements,
    /// [`Error::Invalid`] for one that is not understood.
    pub async fn access_key_create(
        &self,
        account: &AccountId,
        new: NewKey,
    ) -> Result<(AccessKeyId, SecretString)> {
        if new.policy.statements.len() > STATEMENTS_MAX {
            return Err(Error::LimitReached {
                what: "statements in a policy",
                max: STATEMENTS_MAX as i64,
            });
        }
        let NewKey {
            id,
            secret,
            session_token,
            policy,
        } = new;
        policy
            .check(&self.vocabulary)
            .map_err(|error| Error::invalid("policy", error.to_string()))?;
        let id = id.unwrap_or_else(|| {
            AccessKeyId::new(format!("BK{}", self.chance.text(LETTERS, KEY_ID_CHARS - 2)))
        });
        let secret =
            secret.unwrap_or_else(|| SecretString::from(self.chance.text(LETTERS, SECRET_CHARS)));
        let sealed_secret = self
            .master_key
            .seal(id.as_str(), &secret, &self.chance)
            .map_err(Error::internal)?;
        let stored = StoredKey {
            key: AccessKey {
                id: id.clone(),
                account_id: account.clone(),
                active: true,
                policy,
                expires_at: None,
            },
            account_number: 0,
            sealed_secret,
            session_token_hash: session_token.as_ref().map(token_hash),
        };
        let now = self.real_now();
        let inserted = self
            .write("access_key_create", move |tx| {
                Ok(access_key_insert(tx, &stored, now)?)
            })
            .await?;
        match inserted {
            true => Ok((id, secret)),
            false => Err(Error::Exists {
                kind: Kind::AccessKey,
                id: id.as_str().to_owned(),
            }),
        }
    }

    /// The keys of every account, by id, without their secrets.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn access_key_list(&self) -> Result<Vec<AccessKey>> {
        self.read_all("access_key_list", access_key_page).await
    }

    /// Makes a key of the same account and policy as another one, which stays on until it is switched off: programs
    /// change from one to the other while both are good.
    ///
    /// # Errors
    /// [`Error::NotFound`]; as [`Control::access_key_create`].
    pub async fn access_key_rotate(&self, id: &str) -> Result<(AccessKeyId, SecretString)> {
        let wanted = id.to_owned();
        let found = self
            .read("access_key_rotate", move |tx| {
                Ok(access_key_by_id(tx, &wanted)?)
            })
            .await?;
        let old = found
            .ok_or_else(|| Error::not_found(Kind::AccessKey, id))?
            .key;
        let new = NewKey {
            id: None,
            secret: None,
            session_token: None,
            policy: old.policy,
        };
        self.access_key_create(&old.account_id, new).await
    }

    /// Switches a key on or off: in this process at once, in others on the same store within [`KEY_AGE_US_MAX`].
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn access_key_set_active(&self, id: &str, active: bool) -> Result<()> {
        let key = id.to_owned();
        let found = self
            .write("access_key_set_active", move |tx| {
                Ok(access_key_set_active(tx, &key, active)?)
            })
            .await?;
        self.keys.forget(id);
        if found {
            Ok(())
        } else {
            Err(Error::not_found(Kind::AccessKey, id))
        }
    }

    /// Whether the caller's key permits the attempt. The operator's own calls carry no key and are permitted.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn authorize(&self, cx: &Context, attempt: &Attempt<'_>) -> Result<()> {
        let Some(id) = &cx.principal.key_id else {
            return Ok(());
        };
        let key = self.access_key_open(id.as_str()).await?;
        match key {
            Some(key) if decide(&key.key.policy, attempt) => Ok(()),
            _ => Err(Error::Forbidden {
                action: attempt.action.to_owned(),
            }),
        }
    }
}

/// SHA-256 of a session token, as hex: tokens are compared by their hash, and never stored.
pub fn token_hash(token: &SecretString) -> String {
    use secrecy::ExposeSecret;
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(token.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Arc<OpenKey> {
        Arc::new(OpenKey {
            key: AccessKey {
                id: AccessKeyId::new(id),
                account_id: AccountId::new("account"),
                active: true,
                policy: Policy::allow_all(),
                expires_at: None,
            },
            account_number: 1,
            secret: SecretString::from("secret"),
            session_token_hash: None,
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = KeyCache::default();
        let at = Moment::from_seconds(1);
        let changes = cache.changes();
        cache.keep("k", &key("k"), at, changes);
        assert!(cache.get("k", at).is_some());

        // Read, then switched off, then kept: the order of the race.
        let changes = cache.changes();
        cache.forget("k");
        cache.keep("k", &key("k"), at, changes);
        assert!(cache.get("k", at).is_none());
    }

    #[test]
    fn a_key_is_used_for_less_than_a_second_as_it_was_read() {
        let cache = KeyCache::default();
        let at = Moment::from_micros;
        cache.keep("k", &key("k"), at(0), cache.changes());
        for (now_us, expected) in [
            (0, true),
            (KEY_AGE_US_MAX - 1, true),
            (KEY_AGE_US_MAX, false),
            (-1, false),
        ] {
            assert_eq!(cache.get("k", at(now_us)).is_some(), expected, "{now_us}");
        }
        const { assert!(KEY_AGE_US_MAX < 1_000_000) };
    }
}
