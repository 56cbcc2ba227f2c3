//! Security of listeners.

use std::fmt;
use std::str::FromStr;

/// What lies between the socket and the Kafka protocol, by Kafka's names (`security.protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SecurityProtocol {
    /// Nothing; everybody is `ANONYMOUS`.
    #[default]
    Plaintext,
    /// Users authenticate.
    SaslPlaintext,
    /// TLS; everybody is `ANONYMOUS` (Kafka's `ssl.client.auth=none`).
    Ssl,
    /// TLS, and users authenticate.
    SaslSsl,
}

impl SecurityProtocol {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Plaintext,
        Self::SaslPlaintext,
        Self::Ssl,
        Self::SaslSsl,
    ];

    /// Kafka's name, e.g. `SASL_SSL`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether users authenticate.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Whether TLS is spoken.
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

/// A way to authenticate, by its name in the SASL registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SaslMechanism {
    /// The password itself (RFC 4616).
    Plain,
    /// A proof of it (RFC 5802, RFC 7677).
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// The registered name, e.g. `SCRAM-SHA-256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A name that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not known")]
pub struct UnknownName {
    /// The name as given.
    pub name: String,
}

fn by_name<T: Copy>(
    all: &[T],
    name_of: fn(T) -> &'static str,
    name: &str,
) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|item| name_of(*item) == name);
    found.ok_or_else(|| UnknownName {
        name: name.to_owned(),
    })
}

impl FromStr for SecurityProtocol {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name(&Self::ALL, Self::name, name)
    }
}

impl FromStr for SaslMechanism {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name(&Self::ALL, Self::name, name)
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// How users authenticate on a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslSpec {
    /// Kafka's `sasl.enabled.mechanisms`; not empty where users authenticate.
    pub mechanisms: Vec<SaslMechanism>,
    /// Kafka's `connections.max.reauth.ms` (KIP-368): a session has to be renewed within this time.
    /// 0: it lasts as long as its connection, and cannot be renewed.
    pub session_lifetime_ms_max: u64,
}

impl Default for SaslSpec {
    fn default() -> Self {
        Self {
            mechanisms: SaslMechanism::ALL.to_vec(),
            session_lifetime_ms_max: 0,
        }
    }
}
