//! What is stored of a password (RFC 5802, RFC 7677): salted keys, which cannot be turned back into the password and do
//! not suffice to log in with.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use crate::spec::security::SaslMechanism;

/// Fewest rounds of PBKDF2 (`minIterations` of Kafka's mechanisms); also what new passwords get.
pub(crate) const ITERATIONS_MIN: u32 = 4_096;
/// Most rounds of PBKDF2 (`MAX_ITERATIONS` of Kafka's controller).
pub(crate) const ITERATIONS_MAX: u32 = 16_384;
/// Salt of new passwords.
pub(crate) const SALT_BYTES: usize = 32;

/// A hash to do SCRAM with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum ScramMechanism {
    #[serde(rename = "SCRAM-SHA-256")]
    Sha256,
    #[serde(rename = "SCRAM-SHA-512")]
    Sha512,
}

impl ScramMechanism {
    pub(crate) const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The number that stands for it on the wire (KIP-554).
    pub(crate) fn number(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    pub(crate) fn by_number(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.number() == number)
    }

    pub(crate) fn sasl(self) -> SaslMechanism {
        match self {
            Self::Sha256 => SaslMechanism::ScramSha256,
            Self::Sha512 => SaslMechanism::ScramSha512,
        }
    }

    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }

    pub(crate) fn hash(self, bytes: &[u8]) -> digest::Digest {
        match self {
            Self::Sha256 => digest::digest(&digest::SHA256, bytes),
            Self::Sha512 => digest::digest(&digest::SHA512, bytes),
        }
    }

    /// `Hi(password, salt, iterations)` of the RFC; takes milliseconds on purpose.
    fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> SecretBytes {
        let (algorithm, bytes) = match self {
            Self::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, digest::SHA256_OUTPUT_LEN),
            Self::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, digest::SHA512_OUTPUT_LEN),
        };
        let iterations = std::num::NonZeroU32::new(iterations).unwrap_or(std::num::NonZeroU32::MIN);
        let mut out = vec![0; bytes];
        pbkdf2::derive(algorithm, iterations, salt, password, &mut out);
        SecretBytes(out)
    }
}

/// Bytes that must not appear in any log output.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretBytes(pub Vec<u8>);

impl fmt::Debug for SecretBytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[hidden]")
    }
}

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(D::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// What is kept of a password for one mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScramCredential {
    pub salt: SecretBytes,
    pub iterations: u32,
    pub stored_key: SecretBytes,
    pub server_key: SecretBytes,
}

impl ScramCredential {
    /// From the plain password. Takes milliseconds: not for an asynchronous thread.
    pub(crate) fn from_password(
        mechanism: ScramMechanism,
        password: &[u8],
        salt: Vec<u8>,
        iterations: u32,
    ) -> Self {
        let salted = mechanism.salted_password(password, &salt, iterations);
        Self::from_salted_password(mechanism, &salted.0, salt, iterations)
    }

    /// From `SaltedPassword`, which is what admin clients send (KIP-554).
    pub(crate) fn from_salted_password(
        mechanism: ScramMechanism,
        salted_password: &[u8],
        salt: Vec<u8>,
        iterations: u32,
    ) -> Self {
        let client_key = mechanism.hmac(salted_password, &[b"Client Key"]);
        let server_key = mechanism.hmac(salted_password, &[b"Server Key"]);
        Self {
            salt: SecretBytes(salt),
            iterations,
            stored_key: SecretBytes(mechanism.hash(client_key.as_ref()).as_ref().to_vec()),
            server_key: SecretBytes(server_key.as_ref().to_vec()),
        }
    }

    /// The credential of an unknown user: always the same for the same name, and no password matches it.
    pub(crate) fn imaginary(mechanism: ScramMechanism, secret: &[u8], user: &str) -> Self {
        let derive = |what: &[u8]| {
            let name = mechanism.sasl().name().as_bytes();
            let tag = mechanism.hmac(secret, &[what, b"\0", name, b"\0", user.as_bytes()]);
            tag.as_ref().to_vec()
        };
        let mut salt = derive(b"salt");
        salt.truncate(SALT_BYTES);
        Self {
            salt: SecretBytes(salt),
            iterations: ITERATIONS_MIN,
            stored_key: SecretBytes(derive(b"stored key")),
            server_key: SecretBytes(derive(b"server key")),
        }
    }

    /// Whether it was made from this password. Takes milliseconds, whatever the answer.
    pub(crate) fn has_password(&self, mechanism: ScramMechanism, password: &[u8]) -> bool {
        let salt = self.salt.0.clone();
        let other = Self::from_password(mechanism, password, salt, self.iterations);
        other.stored_key.0.ct_eq(&self.stored_key.0).into()
    }
}
