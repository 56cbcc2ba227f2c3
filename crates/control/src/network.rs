//! Networks and subnets: where instances are placed.

use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{AccountId, NetworkId, SubnetId};
use brokerage_domain::network::{Network, Placement, Subnet};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::network::{
    NETWORKS_MAX, network_by_id, network_count, network_insert, network_list, subnet_by_id,
    subnet_insert, subnet_list, subnet_zone_put,
};

use crate::context::Context;
use crate::control::{Control, TxResult};

/// Longest id of a network or a subnet, in bytes. Ours: the clouds' have about twenty.
const ID_BYTES_MAX: usize = 255;
/// Characters of a longer one that its refusal shows.
const ID_CHARS_SHOWN: usize = 64;

/// The zone of a subnet that was made because it was looked at, until something is placed in it.
const ZONE_OPEN: &str = "";

/// Where a buyer wants an instance, as far as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementRequest {
    /// The network.
    pub network_id: NetworkId,
    /// The subnet of the default access point.
    pub subnet_id: SubnetId,
    /// The zones that were named, the access point's first; empty means the subnet's own.
    pub zones: Vec<String>,
}

/// Where a placement has to be: whose networks, in which region.
pub(crate) struct NetworkScope {
    pub(crate) account: AccountId,
    pub(crate) profile: String,
    pub(crate) region: String,
    /// The zone of subnets that are made because they were named.
    pub(crate) zone_default: String,
    pub(crate) make_unknown: bool,
    pub(crate) now: Moment,
}

/// Finds (or, in sandbox mode, makes) the network and subnet of a placement and checks that they belong together.
pub(crate) fn placement_resolve(
    tx: &mut dyn Tx,
    scope: &NetworkScope,
    wanted: &PlacementRequest,
) -> TxResult<Placement> {
    let NetworkScope {
        account, profile, ..
    } = scope;
    let (network, subnet) = (wanted.network_id.as_str(), wanted.subnet_id.as_str());
    network_resolve(tx, scope, wanted)?;
    let first_zone = || wanted.zones.first().unwrap_or(&scope.zone_default).clone();
    let found = match subnet_by_id(tx, account, profile, subnet)? {
        // Made because somebody looked at it: it is in the zone in which something is first placed.
        Some(mut found) if found.zone == ZONE_OPEN => {
            found.zone = first_zone();
            subnet_zone_put(tx, account, &found)?;
            found
        }
        Some(found) => found,
        None if scope.make_unknown => make_subnet(tx, scope, wanted, first_zone())?,
        None => return Err(Error::not_found(Kind::Subnet, subnet).into()),
    };
    let elsewhere = |kind, place: &str| Error::SubnetElsewhere {
        subnet: subnet.to_owned(),
        kind,
        place: place.to_owned(),
    };
    if found.network_id != wanted.network_id {
        return Err(elsewhere(Kind::Network, network).into());
    }
    match wanted.zones.first() {
        Some(zone) if *zone != found.zone => return Err(elsewhere(Kind::Zone, zone).into()),
        _ => {}
    }
    let zones = if wanted.zones.is_empty() {
        vec![found.zone]
    } else {
        wanted.zones.clone()
    };
    Ok(Placement {
        network_id: wanted.network_id.clone(),
        subnet_id: wanted.subnet_id.clone(),
        zones,
    })
}

/// Finds (or, in sandbox mode, makes) the network that is named beside a subnet.
fn network_resolve(
    tx: &mut dyn Tx,
    scope: &NetworkScope,
    wanted: &PlacementRequest,
) -> TxResult<()> {
    let (network, subnet) = (wanted.network_id.as_str(), wanted.subnet_id.as_str());
    // Nothing so long is there, and none is made.
    for (kind, id) in [(Kind::Network, network), (Kind::Subnet, subnet)] {
        if id.len() > ID_BYTES_MAX {
            let start: String = id.chars().take(ID_CHARS_SHOWN).collect();
            return Err(Error::not_found(kind, format!("{start}…")).into());
        }
    }
    match network_by_id(tx, &scope.account, &scope.profile, network)? {
        Some(found) if found.region == scope.region => Ok(()),
        None if scope.make_unknown => make_network(tx, scope, &wanted.network_id),
        _ => Err(Error::not_found(Kind::Network, network).into()),
    }
}

/// Makes the subnet that somebody looks at, and its network, unless another call just did.
fn subnet_make(
    tx: &mut dyn Tx,
    scope: &NetworkScope,
    wanted: &PlacementRequest,
) -> TxResult<Subnet> {
    let NetworkScope {
        account, profile, ..
    } = scope;
    let subnet = wanted.subnet_id.as_str();
    if let Some(found) = subnet_by_id(tx, account, profile, subnet)? {
        return Ok(found);
    }
    network_resolve(tx, scope, wanted)?;
    make_subnet(tx, scope, wanted, ZONE_OPEN.to_owned())
}

fn make_network(tx: &mut dyn Tx, scope: &NetworkScope, id: &NetworkId) -> TxResult<()> {
    let (networks, _) = network_count(tx, &scope.account, &scope.profile)?;
    if networks >= i64::from(NETWORKS_MAX) {
        return Err(Error::LimitReached {
            what: "networks",
            max: NETWORKS_MAX.into(),
        }
        .into());
    }
    let network = Network {
        id: id.clone(),
        profile: scope.profile.clone(),
        region: scope.region.clone(),
        name: id.as_str().to_owned(),
        cidr: "10.0.0.0/8".to_owned(),
        created_at: scope.now,
    };
    network_insert(tx, &scope.account, &network)?;
    Ok(())
}

fn make_subnet(
    tx: &mut dyn Tx,
    scope: &NetworkScope,
    wanted: &PlacementRequest,
    zone: String,
) -> TxResult<Subnet> {
    let (_, subnets) = network_count(tx, &scope.account, &scope.profile)?;
    if subnets >= i64::from(NETWORKS_MAX) {
        return Err(Error::LimitReached {
            what: "subnets",
            max: NETWORKS_MAX.into(),
        }
        .into());
    }
    let subnet = Subnet {
        id: wanted.subnet_id.clone(),
        network_id: wanted.network_id.clone(),
        profile: scope.profile.clone(),
        region: scope.region.clone(),
        zone,
        name: wanted.subnet_id.as_str().to_owned(),
        // Ranges do not matter to a broker on this host; each made subnet shows one of its own.
        cidr: format!("10.{}.{}.0/24", subnets / 256 % 256, subnets % 256),
        created_at: scope.now,
    };
    subnet_insert(tx, &scope.account, &subnet)?;
    Ok(subnet)
}

impl Control {
    pub(crate) fn network_scope(&self, cx: &Context, region: &str) -> Result<NetworkScope> {
        let zone = self
            .catalog_of_region(cx.profile, region)?
            .zones(region)
            .next()
            .map(|zone| zone.id.clone());
        Ok(NetworkScope {
            account: cx.account().clone(),
            profile: cx.profile.to_owned(),
            region: region.to_owned(),
            zone_default: zone.unwrap_or_default(),
            make_unknown: self.settings.sandbox,
            now: self.now(),
        })
    }

    /// The account's networks in the call's region.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn network_list(&self, cx: &Context) -> Result<Vec<Network>> {
        let (account, profile) = (cx.account().clone(), cx.profile);
        let all = self
            .read("network_list", move |tx| {
                Ok(network_list(tx, &account, profile)?)
            })
            .await?;
        Ok(all
            .into_iter()
            .filter(|network| cx.covers(&network.region))
            .collect())
    }

    /// The account's subnets in the call's region.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn subnet_list(&self, cx: &Context) -> Result<Vec<Subnet>> {
        let (account, profile) = (cx.account().clone(), cx.profile);
        let all = self
            .read("subnet_list", move |tx| {
                Ok(subnet_list(tx, &account, profile)?)
            })
            .await?;
        Ok(all
            .into_iter()
            .filter(|subnet| cx.covers(&subnet.region))
            .map(|subnet| self.subnet_shown(cx, subnet))
            .collect())
    }

    /// A subnet whose zone is open, in the one that it would be in.
    fn subnet_shown(&self, cx: &Context, mut subnet: Subnet) -> Subnet {
        if subnet.zone == ZONE_OPEN {
            let scope = self.network_scope(cx, &subnet.region);
            subnet.zone = scope.map(|scope| scope.zone_default).unwrap_or_default();
        }
        subnet
    }

    /// One subnet of the account in the call's region.
    ///
    /// In sandbox mode an unknown one is made, in a network whose id is derived from the subnet's; which zone it is in is
    /// decided by what is first placed in it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn subnet_view(
        &self,
        cx: &Context,
        id: &str,
        network_of_unknown: Option<NetworkId>,
    ) -> Result<Subnet> {
        let (account, profile, wanted) = (cx.account().clone(), cx.profile, id.to_owned());
        let found = self
            .read("subnet_view", move |tx| {
                Ok(subnet_by_id(tx, &account, profile, &wanted)?)
            })
            .await?;
        let missing = || Error::not_found(Kind::Subnet, id);
        if let Some(subnet) = found {
            return match cx.covers(&subnet.region) {
                true => Ok(self.subnet_shown(cx, subnet)),
                false => Err(missing()),
            };
        }
        let network_id = network_of_unknown
            .filter(|_| self.settings.sandbox)
            .ok_or_else(missing)?;
        let scope = self.network_scope(cx, &cx.region)?;
        let wanted = PlacementRequest {
            network_id,
            subnet_id: SubnetId::new(id),
            zones: Vec::new(),
        };
        let made = self
            .write("subnet_make", move |tx| subnet_make(tx, &scope, &wanted))
            .await?;
        Ok(self.subnet_shown(cx, made))
    }

    /// Makes a network (the operator's command line).
    ///
    /// # Errors
    /// [`Error::Exists`].
    pub async fn network_create(&self, account: &AccountId, network: Network) -> Result<()> {
        let account = account.clone();
        let id = network.id.as_str().to_owned();
        let made = self
            .write("network_create", move |tx| {
                Ok(network_insert(tx, &account, &network)?)
            })
            .await?;
        if made {
            Ok(())
        } else {
            Err(Error::Exists {
                kind: Kind::Network,
                id,
            })
        }
    }

    /// Makes a subnet in a network that is there (the operator's command line).
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotFound`] for its network.
    pub async fn subnet_create(&self, account: &AccountId, subnet: Subnet) -> Result<()> {
        let account = account.clone();
        let id = subnet.id.as_str().to_owned();
        let made = self
            .write("subnet_create", move |tx| {
                let network =
                    network_by_id(tx, &account, &subnet.profile, subnet.network_id.as_str())?;
                if network.is_none() {
                    return Err(Error::not_found(Kind::Network, subnet.network_id.as_str()).into());
                }
                Ok(subnet_insert(tx, &account, &subnet)?)
            })
            .await?;
        if made {
            Ok(())
        } else {
            Err(Error::Exists {
                kind: Kind::Subnet,
                id,
            })
        }
    }
}
