//! Networks and subnets, for the operator.

use anyhow::bail;
use brokerage_control::Control;
use brokerage_domain::id::{NetworkId, SubnetId};
use brokerage_domain::network::{Network, Subnet};
use serde_json::{Value, json};

use super::{NetworkAsk, account};

pub async fn create(control: &Control, account: &str, ask: NetworkAsk) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let NetworkAsk {
        id,
        profile,
        region,
        cidr,
        name,
    } = ask;
    known_region(control, &profile, &region)?;
    let zones = zones(control, &profile, &region)?;
    let network = Network {
        id: NetworkId::new(&id),
        profile,
        region,
        name,
        cidr,
        created_at: control.now(),
    };
    control.network_create(&account.id, network).await?;
    Ok(json!({ "network_id": id, "zones": zones }))
}

pub async fn subnet_create(
    control: &Control,
    account: &str,
    ask: NetworkAsk,
    (network_id, zone): (String, String),
) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let NetworkAsk {
        id,
        profile,
        region,
        cidr,
        name,
    } = ask;
    known_region(control, &profile, &region)?;
    let zones = zones(control, &profile, &region)?;
    if !zones.contains(&zone) {
        bail!("zone: {zone} is none of {}", zones.join(", "));
    }
    let subnet = Subnet {
        id: SubnetId::new(&id),
        network_id: NetworkId::new(network_id),
        profile,
        region,
        zone,
        name,
        cidr,
        created_at: control.now(),
    };
    control.subnet_create(&account.id, subnet).await?;
    Ok(json!({ "subnet_id": id }))
}

/// The zones of a region that there is.
fn zones(control: &Control, profile: &str, region: &str) -> anyhow::Result<Vec<String>> {
    let catalog = control.catalog(profile)?;
    Ok(catalog
        .zones(region)
        .map(|known| known.id.clone())
        .collect())
}

fn known_region(control: &Control, profile: &str, region: &str) -> anyhow::Result<()> {
    let catalog = control.catalog(control.profile_named(profile)?)?;
    if catalog.region(region).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = catalog.regions().iter().map(|of| of.id.as_str()).collect();
    bail!("region: {region} is none of {}", known.join(", "))
}

/// A row for each subnet, and one for each network that has none.
pub async fn list(control: &Control, named: Option<String>) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    for account in account::some(control, named).await? {
        for profile in control.profiles() {
            let cx = control.operator_context(&account, profile, "NetworkList")?;
            let subnets = control.subnet_list(&cx).await?;
            for network in control.network_list(&cx).await? {
                let row = |subnet: Option<&Subnet>| {
                    json!({
                        "account": account.name,
                        "profile": profile,
                        "region": network.region,
                        "network_id": network.id.as_str(),
                        "subnet_id": subnet.map(|subnet| subnet.id.as_str()),
                        "zone": subnet.map(|subnet| &subnet.zone),
                        "cidr": subnet.map_or(&network.cidr, |subnet| &subnet.cidr),
                        "name": subnet.map_or(&network.name, |subnet| &subnet.name),
                    })
                };
                let before = rows.len();
                let inside = subnets.iter().filter(|of| of.network_id == network.id);
                rows.extend(inside.map(|subnet| row(Some(subnet))));
                if rows.len() == before {
                    rows.push(row(None));
                }
            }
        }
    }
    Ok(Value::Array(rows))
}
