//! What orders bought, as it was ordered.

use brokerage_domain::id::OrderId;
use brokerage_domain::order::OrderPlan;

use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;

table! {
    order_plan: OrderPlan { plan, before as plan_before }
    and order_id
}

crate::statements! {
    INSERT = OrderPlan::INSERT;
    SELECT = sql![OrderPlan::SELECT, " WHERE order_id = $1"];
}

/// Writes what an order that is new bought.
///
/// # Errors
/// As [`Tx::execute`].
pub fn order_plan_insert(
    tx: &mut dyn Tx,
    order: &OrderId,
    bought: &OrderPlan,
) -> Result<(), StoreError> {
    let mut values = bought.bind();
    values.push(order.as_str().into());
    tx.execute(&INSERT, &values)?;
    Ok(())
}

/// What an order bought; `None` of one that was made before this was kept.
///
/// # Errors
/// As [`Tx::query`].
pub fn order_plan_of(tx: &mut dyn Tx, order: &OrderId) -> Result<Option<OrderPlan>, StoreError> {
    OrderPlan::read_first(&tx.query(&SELECT, params![order.as_str()])?)
}
