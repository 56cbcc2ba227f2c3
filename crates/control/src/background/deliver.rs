//! Money, slots and times of a delivery: what is recorded when a cluster runs, and when it ends.

use brokerage_domain::Error;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::OrderId;
use brokerage_domain::instance::{Instance, Phase, Want};
use brokerage_domain::ledger::{Transfer, TransferKind};
use brokerage_domain::order::{
    Charge, LineState, Order, Payment, line_resolution_id, line_transfer_id,
};
use brokerage_store::Tx;
use brokerage_store::group::group_record_delete_all;
use brokerage_store::instance::Attention;
use brokerage_store::ledger::{transfer_by_id, transfer_end_hold, transfer_receive};
use brokerage_store::order::{order_by_id, order_line_move};
use brokerage_store::sasl_user::sasl_user_delete_all;
use brokerage_store::slot::slot_free;
use brokerage_store::topic::topic_record_delete_all;

use crate::control::TxResult;
use crate::failpoints::crash_point;
use crate::order::slots_give_back;

fn order_read(tx: &mut dyn Tx, id: &OrderId) -> TxResult<Order> {
    let missing = || Error::internal(format!("the order {id} is missing"));
    Ok(order_by_id(tx, id)?.ok_or_else(missing)?)
}

/// Running: the line is delivered, its money taken, its term begun, in one transaction. So is the line of a resize.
pub(super) fn record_running(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    now: Moment,
) -> TxResult<Option<Attention>> {
    if instance.want != Want::Running {
        return Ok(None);
    }
    let order = order_read(tx, &instance.order_id)?;
    if deliver_line(tx, &order, instance.order_line, now)? {
        instance.running_since = Some(now);
        instance.expires_at = instance.charge.expires_at(now);
        instance.billed_until = match instance.charge {
            Charge::Postpaid => Some(now.plus_seconds(3_600)),
            Charge::Prepaid { .. } => None,
        };
    }
    if let Some(resize) = instance.resize.take() {
        let order = order_read(tx, &resize.order_id)?;
        deliver_line(tx, &order, resize.order_line, now)?;
        slots_give_back(tx, &instance.id, &instance.slots, &resize.slots)?;
        instance.plan = resize.plan;
        instance.slots = resize.slots;
    }
    instance.phase = Phase::Running;
    instance.attempts = 0;
    instance.failure = None;
    crash_point("record_running_in_transaction");
    Ok(Some(Attention::Settled))
}

pub(super) fn record_stopped(instance: &mut Instance) -> Option<Attention> {
    (instance.want == Want::Stopped).then(|| {
        instance.phase = Phase::Stopped;
        Attention::Settled
    })
}

/// The end of an instance: slots freed, and the money of lines that were never delivered given back.
pub(super) fn record_end(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    phase: Phase,
    line_state: LineState,
    now: Moment,
) -> TxResult<Option<Attention>> {
    let order = order_read(tx, &instance.order_id)?;
    undo_line(tx, &order, instance.order_line, line_state, now)?;
    undo_resize(tx, instance, line_state, now)?;
    slot_free(tx, &instance.id)?;
    // They belong to the data.
    if instance.want != Want::ReleasedKept {
        topic_record_delete_all(tx, &instance.id)?;
        sasl_user_delete_all(tx, &instance.id)?;
        group_record_delete_all(tx, &instance.id)?;
    }
    instance.slots.clear();
    instance.phase = phase;
    crash_point("record_end_in_transaction");
    Ok(Some(Attention::Settled))
}

/// Takes back a resize that was not delivered: its money returns, its new slots are freed, the plan is as before.
pub(super) fn undo_resize(
    tx: &mut dyn Tx,
    instance: &mut Instance,
    line_state: LineState,
    now: Moment,
) -> TxResult<()> {
    let Some(resize) = instance.resize.take() else {
        return Ok(());
    };
    let order = order_read(tx, &resize.order_id)?;
    undo_line(tx, &order, resize.order_line, line_state, now)?;
    slots_give_back(tx, &instance.id, &resize.slots, &instance.slots)
}

/// A line is delivered: a hold of its money is posted. `false` when the line was ended before.
fn deliver_line(tx: &mut dyn Tx, order: &Order, line: u32, now: Moment) -> TxResult<bool> {
    if !order_line_move(tx, order, line, LineState::Placed, LineState::Delivered)? {
        return Ok(false);
    }
    if order.payment == Payment::OnDelivery {
        end_hold(tx, order, line, TransferKind::PostPending, now)?;
    }
    Ok(true)
}

/// A line will not be delivered: its money goes back. Nothing happens when the line was ended before.
fn undo_line(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    state: LineState,
    now: Moment,
) -> TxResult<()> {
    if !order_line_move(tx, order, line, LineState::Placed, state)? {
        return Ok(());
    }
    match order.payment {
        Payment::OnDelivery => end_hold(tx, order, line, TransferKind::VoidPending, now),
        Payment::AtOrder => refund(tx, order, line, now),
    }
}

fn taken(tx: &mut dyn Tx, order: &Order, line: u32) -> TxResult<Transfer> {
    let id = line_transfer_id(&order.id, line);
    let missing = || Error::internal(format!("the transfer {id} is missing"));
    Ok(transfer_by_id(tx, &id)?.ok_or_else(missing)?)
}

fn end_hold(
    tx: &mut dyn Tx,
    order: &Order,
    line: u32,
    kind: TransferKind,
    now: Moment,
) -> TxResult<()> {
    let hold = taken(tx, order, line)?;
    transfer_end_hold(tx, &hold, &line_resolution_id(&order.id, line), kind, now)?;
    Ok(())
}

/// Money that was taken at the order goes back by a new transfer; the old one stays.
fn refund(tx: &mut dyn Tx, order: &Order, line: u32, now: Moment) -> TxResult<()> {
    let paid = taken(tx, order, line)?;
    let back = Transfer {
        id: line_resolution_id(&order.id, line),
        kind: TransferKind::Posted,
        pending_id: None,
        debit: paid.credit,
        credit: paid.debit,
        currency: paid.currency,
        amount: paid.amount,
        at: now,
    };
    transfer_receive(tx, &back)?;
    Ok(())
}
