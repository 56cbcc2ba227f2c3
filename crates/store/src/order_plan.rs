//! What orders bought, as it was ordered.

use brokerage_domain::id::OrderId;
use brokerage_domain::order::OrderPlan;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, table};
use crate::tx::Tx;
use crate::value::Value;

table! {
    order_plan: OrderPlan { plan, before as plan_before }
    and order_id
}

crate::statements! {
    KEEP = "INSERT INTO kept_plan (hash, plan) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    INSERT = "INSERT INTO order_plan (order_id, plan_hash, plan_before_hash) VALUES ($1, $2, $3)";
    SELECT = "SELECT bought.plan, earlier.plan FROM order_plan JOIN kept_plan AS bought ON bought.hash = plan_hash \
              LEFT JOIN kept_plan AS earlier ON earlier.hash = plan_before_hash WHERE order_id = $1";
}

/// Writes what an order that is new bought. Plans are kept once, by their hash.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_plan_insert(
    tx: &mut dyn Tx,
    order: &OrderId,
    bought: &OrderPlan,
) -> Result<(), StoreError> {
    let mut values: Vec<Value<'_>> = vec![order.as_str().into()];
    for plan in bought.bind() {
        values.push(match &plan {
            Value::Text(text) => {
                let hash = hex(&Sha256::digest(text.as_bytes()));
                tx.execute(&KEEP, &[hash.clone().into(), plan])?;
                hash.into()
            }
            _ => Value::Null,
        });
    }
    tx.execute(&INSERT, &values)?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an order bought; `None` of one that was made before this was kept.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_plan_of(tx: &mut dyn Tx, order: &OrderId) -> Result<Option<OrderPlan>, StoreError> {
    OrderPlan::read_first(&tx.query(&SELECT, params![order.as_str()])?)
}
