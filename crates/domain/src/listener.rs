//! How Kafka clients reach the brokers of an instance.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::AddressRange;
use crate::id::{NetworkId, SubnetId};

/// Routes of an instance at once. Ours.
pub const ROUTES_MAX: usize = 10;
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

/// The listeners that each broker of an instance has; decided when it is ordered, and again when public access is bought
/// or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// How they are distinguished.
    pub addressing: Addressing,
    /// One listener for each, the one that is shown first in front.
    pub security_protocols: Vec<SecurityProtocol>,
    /// Private ones that the owner switched on; they come after these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switched_security_protocols: Vec<SecurityProtocol>,
    /// The same for clients of the public network. Those that the operator offers; of an instance, none where public
    /// access was not bought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_security_protocols: Vec<SecurityProtocol>,
    /// Those that the owner had made one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// How many routes were ever made: no number is used twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub routes_made: u16,
    /// Where clients of a listener may come from, also of one that is not there now. From everywhere, where nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<AllowedAddresses>,
}

fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// A listener of each broker that an owner had made, besides those that come with the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Counted from 1 for each instance.
    pub number: u16,
    /// Whether clients come from the public network.
    pub is_public: bool,
    /// How it is secured.
    pub security_protocol: SecurityProtocol,
    /// The network and subnet that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<(NetworkId, SubnetId)>,
    /// The address that its owner asked for, which is only shown: listeners are where the host has room.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address_asked: String,
    /// What its owner says of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Route {
    /// Its listener.
    pub const fn kind(&self) -> ListenerKind {
        ListenerKind {
            is_public: self.is_public,
            security_protocol: self.security_protocol,
            route: self.number,
        }
    }
}

/// Where clients of one listener may come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedAddresses {
    /// Which listener.
    pub kind: ListenerKind,
    /// Nobody, where it is empty.
    pub ranges: Vec<AllowedRange>,
}

/// One of the ranges that clients may come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedRange {
    /// The addresses.
    pub addresses: AddressRange,
    /// What its owner says of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Which of its broker's listeners one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerKind {
    /// Whether clients come from the public network.
    pub is_public: bool,
    /// How it is secured.
    pub security_protocol: SecurityProtocol,
    /// The number of its [`Route`]; 0 for one that came with the instance or with public access.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub route: u16,
}

impl ListenerKind {
    /// One that came with the instance or with public access.
    pub const fn own(is_public: bool, security_protocol: SecurityProtocol) -> Self {
        Self {
            is_public,
            security_protocol,
            route: 0,
        }
    }
}

impl fmt::Display for ListenerKind {
    /// The listener's name, in Kafka's manner.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.route != 0 {
            write!(f, "ROUTE_{}_", self.route)?;
        }
        let network = if self.is_public { "PUBLIC_" } else { "" };
        write!(f, "{network}{}", self.security_protocol)
    }
}

/// What holds one slot: a listener with a port of its own, or all of a broker's listeners at one loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotHolder {
    /// The broker, counted from 0.
    pub broker_id: u32,
    /// Whether clients come from the public network.
    pub is_public: bool,
    /// Of the one listener; `None` where several share an address.
    pub security_protocol: Option<SecurityProtocol>,
    /// The number of the one [`Route`]; 0 for the others. Each has an address of its own.
    pub route: u16,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            addressing: Addressing::Port,
            security_protocols: vec![SecurityProtocol::Plaintext],
            switched_security_protocols: Vec::new(),
            public_security_protocols: Vec::new(),
            routes: Vec::new(),
            routes_made: 0,
            allowed: Vec::new(),
        }
    }
}

impl Listeners {
    /// Puts them together, without public ones.
    ///
    /// # Errors
    /// With the reason why they cannot be: none, one twice, or one that does not name its server on a shared port.
    pub fn new(
        addressing: Addressing,
        security_protocols: Vec<SecurityProtocol>,
    ) -> Result<Self, &'static str> {
        check_protocols(addressing, &security_protocols)?;
        Ok(Self {
            addressing,
            security_protocols,
            ..Self::default()
        })
    }

    /// These, with public ones.
    ///
    /// # Errors
    /// As [`Listeners::new`].
    pub fn with_public(
        self,
        public_security_protocols: Vec<SecurityProtocol>,
    ) -> Result<Self, &'static str> {
        check_protocols(self.addressing, &public_security_protocols)?;
        Ok(Self {
            public_security_protocols,
            ..self
        })
    }

    /// These of an instance that has public access or not, where `offered` are the operator's.
    #[must_use]
    pub fn with_public_access(self, is_public: bool, offered: &Self) -> Self {
        let public_security_protocols = match (is_public, self.public_security_protocols) {
            (false, _) => Vec::new(),
            (true, none) if none.is_empty() => offered.public_security_protocols.clone(),
            (true, some) => some,
        };
        Self {
            public_security_protocols,
            ..self
        }
    }

    /// Where clients of a listener may come from; `None`: from everywhere.
    pub fn allowed_to(&self, kind: ListenerKind) -> Option<&[AllowedRange]> {
        let mut lists = self.allowed.iter();
        let list = lists.find(|list| list.kind == kind)?;
        Some(&list.ranges)
    }

    /// Sets where clients of a listener may come from; `None`: from everywhere.
    pub fn allow(&mut self, kind: ListenerKind, ranges: Option<Vec<AllowedRange>>) {
        self.allowed.retain(|list| list.kind != kind);
        if let Some(ranges) = ranges {
            self.allowed.push(AllowedAddresses { kind, ranges });
        }
    }

    /// The listeners of each broker, the one that is shown first in front, then public ones, and routes last. What was
    /// switched on is left out where the operator has it already, and without TLS where a name tells listeners apart.
    pub fn kinds(&self) -> impl Iterator<Item = ListenerKind> {
        let kind = |is_public| {
            move |&security_protocol: &SecurityProtocol| {
                ListenerKind::own(is_public, security_protocol)
            }
        };
        let is_added = |protocol: &&SecurityProtocol| {
            !self.security_protocols.contains(protocol)
                && (self.addressing != Addressing::ServerName || protocol.has_tls())
        };
        let switched = self.switched_security_protocols.iter().filter(is_added);
        let private = self.security_protocols.iter().chain(switched);
        let public = self.public_security_protocols.iter();
        let own = private.map(kind(false)).chain(public.map(kind(true)));
        own.chain(self.routes.iter().map(Route::kind))
    }

    /// The holder of a listener's slot; `None` where a name tells listeners apart.
    pub fn slot_holder(&self, broker_id: u32, kind: ListenerKind) -> Option<SlotHolder> {
        let security_protocol = match self.addressing {
            Addressing::Port => Some(kind.security_protocol),
            Addressing::Loopback => None,
            Addressing::ServerName => return None,
        };
        Some(SlotHolder {
            broker_id,
            is_public: kind.is_public,
            security_protocol,
            route: kind.route,
        })
    }

    /// What holds the slots of so many brokers, in the order of the slots.
    pub fn slot_holders(&self, brokers: u32) -> Vec<SlotHolder> {
        let of_broker = |broker_id| {
            let holder = move |kind| self.slot_holder(broker_id, kind);
            self.kinds().filter_map(holder)
        };
        let mut holders: Vec<SlotHolder> = (0..brokers).flat_map(of_broker).collect();
        holders.dedup();
        holders
    }
}

fn check_protocols(
    addressing: Addressing,
    security_protocols: &[SecurityProtocol],
) -> Result<(), &'static str> {
    let mut sorted = security_protocols.to_vec();
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
    Ok(())
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
        let check = |addressing, protocols: &[SecurityProtocol], expected: Result<usize, &str>| {
            let found = Listeners::new(addressing, protocols.to_vec());
            match (found, expected) {
                (Ok(listeners), Ok(slots)) => {
                    assert_eq!(listeners.slot_holders(1).len(), slots);
                    let found = listeners.with_public(protocols.to_vec());
                    assert_eq!(found.unwrap().slot_holders(3).len(), 3 * 2 * slots);
                }
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
    fn public_listeners_come_with_public_access_and_go_with_it() {
        let offered = Listeners::default().with_public(vec![SaslSsl]).unwrap();
        let bought = Listeners::default().with_public_access(true, &offered);
        assert_eq!(bought.public_security_protocols, [SaslSsl]);
        let names: Vec<String> = bought.kinds().map(|kind| kind.to_string()).collect();
        assert_eq!(names, ["PLAINTEXT", "PUBLIC_SASL_SSL"]);
        // What an instance has stays as it was when it came.
        let other = Listeners::default()
            .with_public(vec![SaslPlaintext])
            .unwrap();
        let kept = bought.clone().with_public_access(true, &other);
        assert_eq!(kept, bought);
        let given_up = kept.with_public_access(false, &offered);
        assert_eq!(given_up, Listeners::default());
        // Rows of older versions have no word of public listeners.
        let old = r#"{"addressing":"port","security_protocols":["PLAINTEXT"]}"#;
        assert_eq!(serde_json::from_str::<Listeners>(old).unwrap(), given_up);
        assert_eq!(serde_json::to_string(&given_up).unwrap(), old);
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
