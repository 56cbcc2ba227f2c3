//! Users who authenticate with SCRAM (KIP-554). A password never leaves this process: brokers are sent salted keys.

use std::num::NonZeroU32;

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest,
        alter_user_scram_credentials_request::{ScramCredentialDeletion, ScramCredentialUpsertion},
    },
    protocol::{Request, StrBytes},
};
use ring::{digest, pbkdf2};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    ALL_BROKERS, AdminError, AlterConfig, Client, ConfigChange, ErrorCode,
    client::{only, refused},
};

/// Rounds of PBKDF2 (`minIterations` of Kafka's mechanisms, what its own tools take).
const ITERATIONS: u32 = 4_096;

/// Kafka's setting of who may do everything.
const SUPER_USERS: &str = "super.users";
/// What principals of users begin with.
const PRINCIPAL_PREFIX: &str = "User:";

/// The principals of a list: separated by semicolons; one of a name is written `\;`, a backslash `\\`.
fn principals(value: &str) -> impl Iterator<Item = String> {
    let mut principals = vec![String::new()];
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, principals.last_mut()) {
            (';', _) => principals.push(String::new()),
            ('\\', Some(last)) => last.extend(letters.next()),
            (other, Some(last)) => last.push(other),
            (_, None) => {}
        }
    }
    principals.into_iter()
}

/// A hash to do SCRAM with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramMechanism {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// Its name in SASL (`ScramMechanism.mechanismName`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The mechanism of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }

    fn number(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }
}

/// A user and the mechanisms that it has a password for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// In order; those that this client does not know are left out.
    pub mechanisms: Vec<ScramMechanism>,
}

/// What a broker is given of a password.
#[derive(Clone)]
pub struct ScramCredential {
    mechanism: ScramMechanism,
    salt: Vec<u8>,
    salted_password: Vec<u8>,
}

impl std::fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramCredential")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

impl ScramCredential {
    /// What it is for.
    pub fn mechanism(&self) -> ScramMechanism {
        self.mechanism
    }

    /// Salts a password (`Hi` of RFC 5802). Takes milliseconds on purpose: not for an asynchronous thread. The salt is
    /// drawn by the caller, anew for each credential.
    pub fn derive(mechanism: ScramMechanism, password: &SecretString, salt: Vec<u8>) -> Self {
        let (algorithm, bytes) = match mechanism {
            ScramMechanism::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, digest::SHA256_OUTPUT_LEN),
            ScramMechanism::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, digest::SHA512_OUTPUT_LEN),
        };
        let mut salted_password = vec![0; bytes];
        let iterations = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
        let secret = password.expose_secret().as_bytes();
        pbkdf2::derive(algorithm, iterations, &salt, secret, &mut salted_password);
        Self {
            mechanism,
            salt,
            salted_password,
        }
    }
}

impl Client {
    /// Users with a password, by name.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn user_list(&mut self) -> Result<Vec<User>, AdminError> {
        let request = DescribeUserScramCredentialsRequest::default().with_users(None);
        let answer = self.call(&request).await?;
        refused(answer.error_code, answer.error_message.as_deref())?;
        let mut users = Vec::with_capacity(answer.results.len());
        for row in answer.results {
            refused(row.error_code, row.error_message.as_deref())?;
            let numbers = row.credential_infos.iter().map(|info| info.mechanism);
            let mechanisms = numbers.filter_map(|number| {
                let mut known = ScramMechanism::ALL.into_iter();
                known.find(|mechanism| mechanism.number() == number)
            });
            users.push(User {
                mechanisms: mechanisms.collect(),
                name: row.user.to_string(),
            });
        }
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    /// Makes a user have this credential, in place of an earlier one of the same mechanism.
    ///
    /// # Errors
    /// [`AdminError`]; UNACCEPTABLE_CREDENTIAL for a name that no user can have.
    pub async fn user_put(
        &mut self,
        name: &str,
        credential: &ScramCredential,
    ) -> Result<(), AdminError> {
        let upsertion = ScramCredentialUpsertion::default()
            .with_name(StrBytes::from_string(name.to_owned()))
            .with_mechanism(credential.mechanism.number())
            .with_iterations(i32::try_from(ITERATIONS).unwrap_or(i32::MAX))
            .with_salt(Bytes::from(credential.salt.clone()))
            .with_salted_password(Bytes::from(credential.salted_password.clone()));
        let request = AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]);
        self.alter_user(&request).await
    }

    /// Takes the credential of one mechanism away from a user.
    ///
    /// # Errors
    /// [`AdminError`]; RESOURCE_NOT_FOUND where there is none.
    pub async fn user_delete(
        &mut self,
        name: &str,
        mechanism: ScramMechanism,
    ) -> Result<(), AdminError> {
        let deletion = ScramCredentialDeletion::default()
            .with_name(StrBytes::from_string(name.to_owned()))
            .with_mechanism(mechanism.number());
        let request = AlterUserScramCredentialsRequest::default().with_deletions(vec![deletion]);
        self.alter_user(&request).await
    }

    /// Who was made a super user, by name: Kafka's `super.users`, as far as it can be changed while brokers run.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn super_user_list(&mut self) -> Result<Vec<String>, AdminError> {
        let answers = self
            .configs_describe(&[ALL_BROKERS], Some(&[SUPER_USERS]))
            .await?;
        let mut users = Vec::new();
        for entry in answers.into_iter().flatten().flatten() {
            let value = entry.value.unwrap_or_default();
            users.extend(principals(&value).filter_map(|principal| {
                principal.strip_prefix(PRINCIPAL_PREFIX).map(str::to_owned)
            }));
        }
        users.sort();
        Ok(users)
    }

    /// Makes a user a super user or takes that away. Returns whether there is such a user.
    ///
    /// # Errors
    /// [`AdminError`]; POLICY_VIOLATION on connections that may not, INVALID_REQUEST for names that no super user has.
    pub async fn super_user_set(&mut self, name: &str, is_super: bool) -> Result<bool, AdminError> {
        let escaped = name.replace('\\', "\\\\").replace(';', "\\;");
        let principal = format!("{PRINCIPAL_PREFIX}{escaped}");
        let change = AlterConfig {
            name: SUPER_USERS,
            change: match is_super {
                true => ConfigChange::Append(&principal),
                false => ConfigChange::Subtract(&principal),
            },
        };
        match self.configs_alter(ALL_BROKERS, &[change]).await {
            Err(error) if error.code() == Some(ErrorCode::ResourceNotFound) => Ok(false),
            other => other.map(|()| true),
        }
    }

    async fn alter_user(
        &mut self,
        request: &AlterUserScramCredentialsRequest,
    ) -> Result<(), AdminError> {
        let answer = self.call(request).await?;
        let altered = only(AlterUserScramCredentialsRequest::KEY, answer.results)?;
        refused(altered.error_code, altered.error_message.as_deref())
    }
}
