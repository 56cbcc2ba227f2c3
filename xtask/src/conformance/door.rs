//! The doors of a cluster: what is spoken at a listener, and how one shows who one is.

use std::path::Path;

use crate::program::Program;

/// The only user of a cluster under test: a super user.
pub(crate) const USER: &str = "admin";
/// That user's password; the cluster lives for one run on loopback.
pub(crate) const PASSWORD: &str = "example-secret-admin";

/// Kafka's `security.protocol`, one listener each. The order is that of the ports of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecurityProtocol {
    Plaintext,
    SaslPlaintext,
    Ssl,
    SaslSsl,
}

impl SecurityProtocol {
    pub(crate) const ALL: [Self; 4] = [
        Self::Plaintext,
        Self::SaslPlaintext,
        Self::Ssl,
        Self::SaslSsl,
    ];
    /// Those where nobody is asked for a name.
    pub(crate) const NAMELESS: [Self; 2] = [Self::Plaintext, Self::Ssl];

    /// Kafka's own name of it, which is the listener's too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    fn encrypts(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

/// A listener, and the mechanism that a client uses there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    /// What `--door` takes.
    pub(crate) name: &'static str,
    pub(crate) protocol: SecurityProtocol,
    /// Kafka's `sasl.mechanism`, where the listener asks for one.
    pub(crate) mechanism: Option<&'static str>,
}

const fn door(
    name: &'static str,
    protocol: SecurityProtocol,
    mechanism: Option<&'static str>,
) -> Door {
    Door {
        name,
        protocol,
        mechanism,
    }
}

/// Every door.
pub(crate) const DOORS: [Door; 8] = [
    door("plaintext", SecurityProtocol::Plaintext, None),
    door(
        "sasl-plaintext-plain",
        SecurityProtocol::SaslPlaintext,
        Some("PLAIN"),
    ),
    door(
        "sasl-plaintext-scram-256",
        SecurityProtocol::SaslPlaintext,
        Some("SCRAM-SHA-256"),
    ),
    door(
        "sasl-plaintext-scram-512",
        SecurityProtocol::SaslPlaintext,
        Some("SCRAM-SHA-512"),
    ),
    door("ssl", SecurityProtocol::Ssl, None),
    door("sasl-ssl-plain", SecurityProtocol::SaslSsl, Some("PLAIN")),
    door(
        "sasl-ssl-scram-256",
        SecurityProtocol::SaslSsl,
        Some("SCRAM-SHA-256"),
    ),
    door(
        "sasl-ssl-scram-512",
        SecurityProtocol::SaslSsl,
        Some("SCRAM-SHA-512"),
    ),
];

impl Door {
    /// Tells a script how to come in: see `acceptance/README.md` for the variables.
    pub(crate) fn tell(self, mut script: Program, authority: &Path) -> Program {
        if let Some(mechanism) = self.mechanism {
            script = script
                .env("SASL_MECHANISM", mechanism)
                .env("SASL_USERNAME", USER)
                .env("SASL_PASSWORD", PASSWORD);
        }
        if self.protocol.encrypts() {
            script = script.env("SSL_CA", authority);
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::DOORS;

    #[test]
    fn every_door_is_named_after_its_protocol_and_asks_for_a_user_where_kafka_does() {
        for door in DOORS {
            let protocol = door.protocol.name().to_lowercase().replace('_', "-");
            assert!(door.name.starts_with(&protocol), "{}", door.name);
            assert_eq!(
                door.mechanism.is_some(),
                door.protocol.name().starts_with("SASL"),
                "{}",
                door.name
            );
        }
    }
}
