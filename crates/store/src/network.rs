//! Networks and subnets of an account.

use brokerage_domain::id::AccountId;
use brokerage_domain::network::{Network, Subnet};

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;

/// Networks or subnets that one account may have in one profile.
pub const NETWORKS_MAX: u32 = 5_000;

table! {
    network: Network { id, profile, region, name, cidr, created_at as created_at_us }
    and account_id
}

table! {
    subnet: Subnet { id, network_id, profile, region, zone, name, cidr, created_at as created_at_us }
    and account_id
}

crate::statements! {
    INSERT_NETWORK = sql![Network::INSERT, " ON CONFLICT DO NOTHING"];
    INSERT_SUBNET = sql![Subnet::INSERT, " ON CONFLICT DO NOTHING"];
    SELECT_NETWORK = sql![Network::SELECT, " WHERE account_id = $1 AND profile = $2 AND id = $3"];
    SELECT_SUBNET = sql![Subnet::SELECT, " WHERE account_id = $1 AND profile = $2 AND id = $3"];
    ZONE_SUBNET = "UPDATE subnet SET zone = $4 WHERE account_id = $1 AND profile = $2 AND id = $3";
    SELECT_NETWORKS = sql![Network::SELECT, " WHERE account_id = $1 AND profile = $2 \
                       ORDER BY created_at_us, id LIMIT CAST($3 AS BIGINT)"];
    SELECT_SUBNETS = sql![Subnet::SELECT, " WHERE account_id = $1 AND profile = $2 \
                      ORDER BY created_at_us, id LIMIT CAST($3 AS BIGINT)"];
    COUNT_NETWORKS = "SELECT (SELECT COUNT(*) FROM network WHERE account_id = $1 AND profile = $2), \
                      (SELECT COUNT(*) FROM subnet WHERE account_id = $1 AND profile = $2)";
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
    let mut values = network.bind();
    values.push(account.as_str().into());
    Ok(tx.execute(&INSERT_NETWORK, &values)? == 1)
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
    let mut values = subnet.bind();
    values.push(account.as_str().into());
    Ok(tx.execute(&INSERT_SUBNET, &values)? == 1)
}

/// Says which zone a subnet is in.
///
/// # Errors
/// As [`Tx::execute`].
pub fn subnet_zone_put(
    tx: &mut dyn Tx,
    account: &AccountId,
    subnet: &Subnet,
) -> Result<(), StoreError> {
    let Subnet {
        profile, id, zone, ..
    } = subnet;
    let (profile, zone) = (profile.as_str(), zone.as_str());
    let values = params![account.as_str(), profile, id.as_str(), zone];
    tx.execute(&ZONE_SUBNET, values)?;
    Ok(())
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
    let rows = tx.query(&SELECT_NETWORK, params![account.as_str(), profile, id])?;
    Network::read_first(&rows)
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
    let rows = tx.query(&SELECT_SUBNET, params![account.as_str(), profile, id])?;
    Subnet::read_first(&rows)
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
    let values = params![account.as_str(), profile, NETWORKS_MAX];
    Network::read_all(&tx.query(&SELECT_NETWORKS, values)?)
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
    let values = params![account.as_str(), profile, NETWORKS_MAX];
    Subnet::read_all(&tx.query(&SELECT_SUBNETS, values)?)
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
