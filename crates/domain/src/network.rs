//! Networks, subnets and zones: where an instance is placed.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{NetworkId, SubnetId};

/// A private network of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The id that its owner's cloud shows.
    pub id: NetworkId,
    /// The profile (catalog name) of the cloud that it belongs to.
    pub profile: String,
    /// The region that it is in.
    pub region: String,
    /// What people call it.
    pub name: String,
    /// Its address range, `a.b.c.d/n`.
    pub cidr: String,
    /// When it was made.
    pub created_at: Moment,
}

/// A subnet: a part of a network in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The id that its owner's cloud shows.
    pub id: SubnetId,
    /// The network that it is a part of.
    pub network_id: NetworkId,
    /// The profile (catalog name) of the cloud that it belongs to.
    pub profile: String,
    /// The region that it is in.
    pub region: String,
    /// The zone that it is in.
    pub zone: String,
    /// What people call it.
    pub name: String,
    /// Its address range, `a.b.c.d/n`.
    pub cidr: String,
    /// When it was made.
    pub created_at: Moment,
}

/// Where a buyer wants an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The network.
    pub network_id: NetworkId,
    /// The subnet of the default access point.
    pub subnet_id: SubnetId,
    /// The zones, the access point's first.
    pub zones: Vec<String>,
}
