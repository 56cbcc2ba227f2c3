//! Networks and subnets of an account.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, NetworkId, SubnetId};
use brokerage_domain::network::{Network, Subnet};

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// Networks or subnets that one account may have in one profile.
pub const NETWORKS_MAX: u32 = 5_000;

crate::statements! {
    INSERT_NETWORK = "INSERT INTO network (account_id, profile, id, region, name, cidr, created_at_us) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    INSERT_SUBNET = "INSERT INTO subnet (account_id, profile, id, network_id, region, zone, name, cidr, \
                     created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    SELECT_NETWORK = "SELECT id, profile, region, name, cidr, created_at_us FROM network \
                      WHERE account_id = $1 AND profile = $2 AND id = $3";
    SELECT_SUBNET = "SELECT id, network_id, profile, region, zone, name, cidr, created_at_us FROM subnet \
                     WHERE account_id = $1 AND profile = $2 AND id = $3";
    SELECT_NETWORKS = "SELECT id, profile, region, name, cidr, created_at_us FROM network \
                       WHERE account_id = $1 AND profile = $2 ORDER BY created_at_us, id LIMIT CAST($3 AS BIGINT)";
    SELECT_SUBNETS = "SELECT id, network_id, profile, region, zone, name, cidr, created_at_us FROM subnet \
                      WHERE account_id = $1 AND profile = $2 ORDER BY created_at_us, id LIMIT CAST($3 AS BIGINT)";
    COUNT_NETWORKS = "SELECT (SELECT COUNT(*) FROM network WHERE account_id = $1 AND profile = $2), \
                      (SELECT COUNT(*) FROM subnet WHERE account_id = $1 AND profile = $2)";
}

fn read_network(row: &Row) -> Result<Network, StoreError> {
    Ok(Network {
        id: NetworkId::new(row.text(0)?),
        profile: row.text(1)?.to_owned(),
        region: row.text(2)?.to_owned(),
        name: row.text(3)?.to_owned(),
        cidr: row.text(4)?.to_owned(),
        created_at: Moment::from_micros(row.int(5)?),
    })
}

fn read_subnet(row: &Row) -> Result<Subnet, StoreError> {
    Ok(Subnet {
        id: SubnetId::new(row.text(0)?),
        network_id: NetworkId::new(row.text(1)?),
        profile: row.text(2)?.to_owned(),
        region: row.text(3)?.to_owned(),
        zone: row.text(4)?.to_owned(),
        name: row.text(5)?.to_owned(),
        cidr: row.text(6)?.to_owned(),
        created_at: Moment::from_micros(row.int(7)?),
    })
}

/// Inserts a network; `false` when its id is taken.
///
/// # Errors
/// As [`Tx::execute`].
pub fn network_insert(
    tx: &mut dyn Tx,
    account: &AccountId,
    network: &Network,
) -> Result<bool, StoreError> {
    let Network {
        id,
        profile,
        region,
        name,
        cidr,
        created_at,
    } = network;
    let values = params![
        account.as_str(),
        profile,
        id.as_str(),
        region,
        name,
        cidr,
        created_at.micros()
    ];
    Ok(tx.execute(&INSERT_NETWORK, values)? == 1)
}

/// Inserts a subnet; `false` when its id is taken.
///
/// # Errors
/// As [`Tx::execute`].
pub fn subnet_insert(
    tx: &mut dyn Tx,
    account: &AccountId,
    subnet: &Subnet,
) -> Result<bool, StoreError> {
    let Subnet {
        id,
        network_id,
        profile,
        region,
        zone,
        name,
        cidr,
        created_at,
    } = subnet;
    let values = params![
        account.as_str(),
        profile,
        id.as_str(),
        network_id.as_str(),
        region,
        zone,
        name,
        cidr,
        created_at.micros(),
    ];
    Ok(tx.execute(&INSERT_SUBNET, values)? == 1)
}

/// One network.
///
/// # Errors
/// As [`Tx::query`].
pub fn network_by_id(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    id: &str,
) -> Result<Option<Network>, StoreError> {
    let row = tx.query_first(&SELECT_NETWORK, params![account.as_str(), profile, id])?;
    row.as_ref().map(read_network).transpose()
}

/// One subnet.
///
/// # Errors
/// As [`Tx::query`].
pub fn subnet_by_id(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    id: &str,
) -> Result<Option<Subnet>, StoreError> {
    let row = tx.query_first(&SELECT_SUBNET, params![account.as_str(), profile, id])?;
    row.as_ref().map(read_subnet).transpose()
}

/// The account's networks in one profile, oldest first, at most [`NETWORKS_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn network_list(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
) -> Result<Vec<Network>, StoreError> {
    tx.query(
        &SELECT_NETWORKS,
        params![account.as_str(), profile, NETWORKS_MAX],
    )?
    .iter()
    .map(read_network)
    .collect()
}

/// The account's subnets in one profile, oldest first, at most [`NETWORKS_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn subnet_list(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
) -> Result<Vec<Subnet>, StoreError> {
    tx.query(
        &SELECT_SUBNETS,
        params![account.as_str(), profile, NETWORKS_MAX],
    )?
    .iter()
    .map(read_subnet)
    .collect()
}

/// How many networks and subnets the account has in one profile.
///
/// # Errors
/// As [`Tx::query`].
pub fn network_count(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
) -> Result<(i64, i64), StoreError> {
    let row = tx.query_first(&COUNT_NETWORKS, params![account.as_str(), profile])?;
    row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
}
