//! Allow lists: which addresses may connect, by the port of the vendor's endpoint.

use brokerage_domain::listener::{AllowedRange, ListenerKind, SecurityProtocol};
use brokerage_wire::fault::CallError;

use super::fault::field;

/// What is shown of a list that nobody changed: everybody may connect.
pub const EVERYBODY: &str = "0.0.0.0/0";

/// An endpoint with a list of its own ("UpdateAllowedIp", PortRange). Brokers have other ports here; the vendor's say which
/// of their listeners is meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Door {
    /// `AllowedListType`.
    pub list_type: &'static str,
    /// `PortRange`.
    pub port_range: &'static str,
    /// Its listeners.
    pub kind: ListenerKind,
}

/// `AllowedListType`: in the VPC.
pub const VPC: &str = "vpc";
/// `AllowedListType`: from the internet.
pub const INTERNET: &str = "internet";

/// All of them, in the order of their ports.
pub static DOORS: [Door; 4] = [
    Door {
        list_type: VPC,
        port_range: "9092/9092",
        kind: ListenerKind::own(false, SecurityProtocol::Plaintext),
    },
    Door {
        list_type: INTERNET,
        port_range: "9093/9093",
        kind: ListenerKind::own(true, SecurityProtocol::SaslSsl),
    },
    Door {
        list_type: VPC,
        port_range: "9094/9094",
        kind: ListenerKind::own(false, SecurityProtocol::SaslPlaintext),
    },
    Door {
        list_type: VPC,
        port_range: "9095/9095",
        kind: ListenerKind::own(false, SecurityProtocol::SaslSsl),
    },
];

impl Door {
    /// The one that a call names.
    ///
    /// # Errors
    /// For a list or a port that is none of these.
    pub fn named(list_type: &str, port_range: &str) -> Result<&'static Self, CallError> {
        if list_type != VPC && list_type != INTERNET {
            return Err(field("AllowedListType", "not vpc or internet"));
        }
        let mut doors = DOORS.iter();
        let found = doors.find(|door| door.list_type == list_type && door.port_range == port_range);
        found.ok_or_else(|| field("PortRange", "not a port of that list"))
    }
}

/// The ranges of a list that may not have been changed yet.
pub fn ranges(list: Option<&[AllowedRange]>) -> Vec<AllowedRange> {
    match list {
        Some(list) => list.to_vec(),
        None => EVERYBODY
            .parse()
            .map(|addresses| AllowedRange {
                addresses,
                description: String::new(),
            })
            .into_iter()
            .collect(),
    }
}
