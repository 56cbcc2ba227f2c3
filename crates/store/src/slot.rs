//! The slots of brokers: numbers out of the host's range, each a TCP port or a loopback address (`Instance::slots`).
//! The table and its column are named after ports, which were the first.

use brokerage_domain::id::InstanceId;

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

crate::statements! {
    FILL = "INSERT INTO broker_port (port) WITH RECURSIVE range (port) AS (SELECT CAST($1 AS BIGINT) UNION ALL \
            SELECT port + 1 FROM range WHERE port < $2) SELECT port FROM range WHERE true ON CONFLICT DO NOTHING";
    DELETE_OUTSIDE = "DELETE FROM broker_port WHERE instance_id IS NULL AND (port < $1 OR port > $2)";
    UNBLOCK = "UPDATE broker_port SET blocked = 0 WHERE blocked = 1";
    TAKE = "UPDATE broker_port SET instance_id = $1 WHERE port IN (SELECT port FROM broker_port \
            WHERE instance_id IS NULL AND blocked = 0 ORDER BY port LIMIT CAST($2 AS BIGINT)) AND instance_id IS NULL RETURNING port";
    BLOCK = "UPDATE broker_port SET instance_id = NULL, blocked = 1 WHERE port = $1 AND instance_id = $2";
    GIVE_BACK = "UPDATE broker_port SET instance_id = NULL WHERE port = $1 AND instance_id = $2";
    FREE = "UPDATE broker_port SET instance_id = NULL WHERE instance_id = $1";
}

/// Makes the free slots those of `first..=last`. Slots that instances hold stay theirs wherever they are; blocked
/// ones get another chance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_set_range(tx: &mut dyn Tx, first: u16, last: u16) -> Result<(), StoreError> {
    tx.execute(&DELETE_OUTSIDE, params![first, last])?;
    tx.execute(&UNBLOCK, params![])?;
    tx.execute(&FILL, params![first, last])?;
    Ok(())
}

/// Takes the `count` lowest free slots for an instance, sorted; fewer when there are not so many. The caller ends
/// the transaction with an error then, which frees them again.
///
/// # Errors
/// As [`Tx::query`].
pub fn slot_take(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    count: u32,
) -> Result<Vec<u16>, StoreError> {
    let rows = tx.query(&TAKE, params![instance.as_str(), count])?;
    let mut slots = rows
        .iter()
        .map(|row| u16::try_from(row.int(0)?).map_err(|_| row.mismatch(0, "a slot")))
        .collect::<Result<Vec<u16>, StoreError>>()?;
    slots.sort_unstable();
    Ok(slots)
}

/// Takes a slot away from its instance because another program of the host uses it.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_block(tx: &mut dyn Tx, instance: &InstanceId, slot: u16) -> Result<(), StoreError> {
    tx.execute(&BLOCK, params![slot, instance.as_str()])?;
    Ok(())
}

/// Frees one slot of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_give_back(tx: &mut dyn Tx, instance: &InstanceId, slot: u16) -> Result<(), StoreError> {
    tx.execute(&GIVE_BACK, params![slot, instance.as_str()])?;
    Ok(())
}

/// Frees all slots of an instance.
///
/// # Errors
/// As [`Tx::execute`].
pub fn slot_free(tx: &mut dyn Tx, instance: &InstanceId) -> Result<(), StoreError> {
    tx.execute(&FREE, params![instance.as_str()])?;
    Ok(())
}
