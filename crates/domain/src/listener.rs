//! How Kafka clients reach the brokers of an instance.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Second octet of the loopback addresses of brokers: away from 127.0.0.1, where everything else listens.
const LOOPBACK_OCTET: u8 = 77;

/// How a listener is secured (Kafka's `security.protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
    /// Authenticated by user and password.
    #[serde(rename = "SASL_PLAINTEXT")]
    SaslPlaintext,
    /// Encrypted.
    #[serde(rename = "SSL")]
    Ssl,
    /// Both.
    #[serde(rename = "SASL_SSL")]
    SaslSsl,
}

impl SecurityProtocol {
    /// Every protocol.
    pub const ALL: [Self; 4] = [
        Self::Plaintext,
        Self::SaslPlaintext,
        Self::Ssl,
        Self::SaslSsl,
    ];

    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether users show who they are by a password.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Whether TLS is spoken.
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Its port on an address of its own. Ours: Kafka's 9092 for plain text, and the three after it in the order in which
    /// a cloud numbers its endpoints; encryption alone, which none sells, comes last.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Plaintext => 9092,
            Self::SaslSsl => 9093,
            Self::SaslPlaintext => 9094,
            Self::Ssl => 9095,
        }
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SecurityProtocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.name() == text)
            .ok_or_else(|| format!("{text:?} is no security protocol of Kafka"))
    }
}

/// How the listeners of one host are distinguished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addressing {
    /// Each has a port of its own, on the host's address.
    #[default]
    Port,
    /// Each broker has a loopback address of its own and listens at the usual ports there.
    Loopback,
    /// All share one port, and TLS names the broker that is meant (SNI).
    ServerName,
}

impl FromStr for Addressing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "port" => Ok(Self::Port),
            "loopback" => Ok(Self::Loopback),
            "server-name" => Ok(Self::ServerName),
            _ => Err(format!(
                "{text:?} is neither port nor loopback nor server-name"
            )),
        }
    }
}

/// The listeners that each broker of an instance has; decided when it is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// How they are distinguished.
    pub addressing: Addressing,
    /// One listener for each, the one that is shown first in front.
    pub security_protocols: Vec<SecurityProtocol>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            addressing: Addressing::Port,
            security_protocols: vec![SecurityProtocol::Plaintext],
        }
    }
}

impl Listeners {
    /// Puts them together.
    ///
    /// # Errors
    /// With the reason why they cannot be: none, one twice, or one that does not name its server on a shared port.
    pub fn new(
        addressing: Addressing,
        security_protocols: Vec<SecurityProtocol>,
    ) -> Result<Self, &'static str> {
        let mut sorted = security_protocols.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty() {
            return Err("a broker needs a listener");
        }
        if sorted.len() != security_protocols.len() {
            return Err("a broker has one listener for each security protocol");
        }
        if addressing == Addressing::ServerName {
            if sorted.iter().any(|protocol| !protocol.has_tls()) {
                return Err("without TLS a client does not name its server: use SSL or SASL_SSL");
            }
            if sorted.len() > 1 {
                return Err("one name of a shared port is one listener: use SSL or SASL_SSL");
            }
        }
        Ok(Self {
            addressing,
            security_protocols,
        })
    }

    /// The slots that each broker holds: ports, or the number of its loopback address.
    pub fn slots_per_broker(&self) -> u32 {
        match self.addressing {
            Addressing::Port => u32::try_from(self.security_protocols.len()).unwrap_or(u32::MAX),
            Addressing::Loopback => 1,
            Addressing::ServerName => 0,
        }
    }
}

/// The loopback address of a number.
pub fn loopback_address(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, LOOPBACK_OCTET, high, low)
}

/// The number of a loopback address; `None` for addresses that are nobody's.
pub fn loopback_number(address: Ipv4Addr) -> Option<u16> {
    match address.octets() {
        [127, LOOPBACK_OCTET, high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};

    #[test]
    fn listeners_say_what_they_need_or_why_they_cannot_be() {
        let check = |addressing, protocols: &[SecurityProtocol], expected: Result<u32, &str>| {
            let found = Listeners::new(addressing, protocols.to_vec());
            match (found, expected) {
                (Ok(listeners), Ok(slots)) => assert_eq!(listeners.slots_per_broker(), slots),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        check(Addressing::Port, &[Plaintext], Ok(1));
        check(
            Addressing::Port,
            &[Plaintext, SaslPlaintext, Ssl, SaslSsl],
            Ok(4),
        );
        check(Addressing::Loopback, &[Plaintext, SaslSsl], Ok(1));
        check(Addressing::ServerName, &[SaslSsl], Ok(0));
        check(Addressing::ServerName, &[SaslPlaintext], Err("TLS"));
        check(Addressing::ServerName, &[Ssl, SaslSsl], Err("one name"));
        check(Addressing::Port, &[], Err("needs a listener"));
        check(Addressing::Port, &[Ssl, Ssl], Err("each security protocol"));
    }

    #[test]
    fn every_number_has_an_address_of_its_own() {
        for number in [0, 1, 255, 256, 20_000, u16::MAX] {
            assert_eq!(loopback_number(loopback_address(number)), Some(number));
        }
        assert_eq!(loopback_number(Ipv4Addr::LOCALHOST), None);
    }

    #[test]
    fn names_are_read_back() {
        for protocol in SecurityProtocol::ALL {
            assert_eq!(protocol.name().parse(), Ok(protocol));
            assert_eq!(
                serde_json::to_value(protocol).unwrap(),
                serde_json::json!(protocol.name())
            );
        }
    }
}
