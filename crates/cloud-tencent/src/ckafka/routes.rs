//! Routes: how clients reach an instance, by the vendor's numbers.

use brokerage_control::Control;
use brokerage_domain::address::AddressRange;
use brokerage_domain::error::Kind;
use brokerage_domain::instance::Instance;
use brokerage_domain::listener::{AllowedRange, ListenerKind, SecurityProtocol};
use brokerage_domain::{Error, Result};
use brokerage_wire::fault::CallError;
use serde::{Deserialize, Serialize};

use crate::ckafka::check;
use crate::ckafka::convert::{self, VipEntity};

/// `VipType`: from the public network.
pub const PUBLIC: i64 = 1;
/// `VipType`: in the VPC.
pub const VPC: i64 = 3;
/// What one kind's ids begin with, of routes that came with the instance or with public bandwidth. Ours: each kind and
/// protocol is there once, so its id says which it is.
const ID_STEP: i64 = 10;
/// Ids of routes that were made one by one come after this. Ours.
const MADE_IDS: i64 = 100;
/// `AccessType` of every protocol, by its SDK text.
const ACCESS_TYPES: [(i64, SecurityProtocol); 4] = [
    (0, SecurityProtocol::Plaintext),
    (1, SecurityProtocol::SaslPlaintext),
    (2, SecurityProtocol::Ssl),
    (3, SecurityProtocol::SaslSsl),
];
/// Those of a route of the VPC, what is meant where nothing is said in front ("CreateRoute"). 4 and 5, which are 1 with one
/// mechanism of SCRAM alone, are not there.
pub const VPC_ACCESS_TYPES: [(i64, SecurityProtocol); 3] = [
    (0, SecurityProtocol::Plaintext),
    (1, SecurityProtocol::SaslPlaintext),
    (3, SecurityProtocol::SaslSsl),
];
/// Those of a public route.
pub const PUBLIC_ACCESS_TYPES: [(i64, SecurityProtocol); 2] = [
    (3, SecurityProtocol::SaslSsl),
    (1, SecurityProtocol::SaslPlaintext),
];

/// A route as answers show it.
pub struct RouteView {
    /// Which listener it is.
    pub kind: ListenerKind,
    /// `RouteId`.
    pub id: i64,
    /// `VipType`.
    pub vip_type: i64,
    /// `AccessType`.
    pub access_type: i64,
    /// The address that was asked for, or those that clients connect to.
    pub vips: Vec<VipEntity>,
    /// The addresses that clients connect to, the first broker's first.
    pub broker_vips: Vec<VipEntity>,
    /// Network and subnet.
    pub network: Option<(String, String)>,
    /// What its owner says of it.
    pub note: Option<String>,
}

/// Every route, the one that came with the instance first.
pub fn routes(control: &Control, instance: &Instance) -> Vec<RouteView> {
    let listeners = &instance.plan.listeners;
    let kinds = listeners.kinds();
    let views = kinds.filter_map(|kind| {
        let broker_vips = convert::vips_of(control, instance, kind);
        let first = broker_vips.first()?.clone();
        let made = listeners.routes.iter().find(|route| route.kind() == kind);
        let placement = instance.placement.as_ref().filter(|_| !kind.is_public);
        let own = || {
            let placed = placement?;
            Some((placed.network_id.to_string(), placed.subnet_id.to_string()))
        };
        let network = match made {
            Some(route) => {
                let network = route.network.as_ref();
                network.map(|(network, subnet)| (network.to_string(), subnet.to_string()))
            }
            None => own(),
        };
        let asked = made.map(|route| route.address_asked.as_str());
        let vips = match asked.filter(|address| !address.is_empty()) {
            Some(address) => vec![VipEntity {
                vip: address.to_owned(),
                vport: first.vport,
            }],
            None => broker_vips.clone(),
        };
        Some(RouteView {
            kind,
            id: id_of(kind),
            vip_type: vip_type(kind),
            access_type: access_type(kind.security_protocol),
            vips,
            broker_vips,
            network,
            note: made.map(|route| route.note.clone()),
        })
    });
    views.collect()
}

fn vip_type(kind: ListenerKind) -> i64 {
    if kind.is_public { PUBLIC } else { VPC }
}

fn access_type(protocol: SecurityProtocol) -> i64 {
    let mut all = ACCESS_TYPES.iter();
    let known = all.find(|(_, of)| *of == protocol);
    known.map_or(0, |(number, _)| *number)
}

/// `RouteId` of a route that was made one by one.
pub fn route_id(number: u16) -> i64 {
    MADE_IDS + i64::from(number)
}

fn id_of(kind: ListenerKind) -> i64 {
    match kind.route {
        0 => vip_type(kind) * ID_STEP + access_type(kind.security_protocol),
        number => route_id(number),
    }
}

/// The listener of a `RouteId`.
///
/// # Errors
/// [`Error::NotFound`].
pub fn kind_of(instance: &Instance, route_id: i64) -> Result<ListenerKind> {
    let mut kinds = instance.plan.listeners.kinds();
    let found = kinds.find(|kind| id_of(*kind) == route_id);
    found.ok_or_else(|| Error::not_found(Kind::Route, route_id.to_string()))
}

/// `IpWhitelistDTO`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpRange {
    cidr_block: Option<String>,
    policy_description: Option<String>,
}

impl IpRange {
    /// As answers show it.
    pub fn of(range: &AllowedRange) -> Self {
        Self {
            cidr_block: Some(range.addresses.text().to_owned()),
            policy_description: Some(range.description.clone()),
        }
    }
}

/// The ranges of a list; an empty one is none, and lets everybody in.
///
/// # Errors
/// A text that is no range, and one that is there twice.
pub fn allowed(
    list: Option<&[IpRange]>,
) -> std::result::Result<Option<Vec<AllowedRange>>, CallError> {
    let mut ranges: Vec<AllowedRange> = Vec::new();
    for (at, range) in list.unwrap_or_default().iter().enumerate() {
        let name = format!("IpWhitelist.{at}.CidrBlock");
        let text = range.cidr_block.as_deref().unwrap_or_default();
        check::filled(&name, text)?;
        let addresses: AddressRange = text
            .parse()
            .map_err(|_| check::value(&name, "must be an address or a range of addresses"))?;
        if ranges.iter().any(|known| known.addresses == addresses) {
            return Err(check::repetition(format!(
                "The range {text} is given twice."
            )));
        }
        ranges.push(AllowedRange {
            addresses,
            description: range.policy_description.clone().unwrap_or_default(),
        });
    }
    Ok((!ranges.is_empty()).then_some(ranges))
}
