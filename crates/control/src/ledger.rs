//! Checking the whole ledger: everything is recomputed from transfers and compared with what is stored.

use brokerage_domain::Result;
use brokerage_domain::id::OrderId;
use brokerage_domain::ledger::{Finding, Recomputation, TransferKind};
use brokerage_domain::order::{
    LineState, OrderLine, Payment, line_resolution_id, line_transfer_id,
};
use brokerage_store::instance::instance_exists;
use brokerage_store::ledger::{LEDGER_PAGE, balance_page, transfer_by_id, transfer_page};
use brokerage_store::order::{order_by_id, order_line_page};
use brokerage_store::{StoreError, Tx};

use crate::control::{Control, TxResult};

/// What a check read and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerReport {
    /// Transfers read.
    pub transfers: u64,
    /// Order lines read.
    pub lines: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

impl Control {
    /// Recomputes every balance from transfers, and compares every order line with its money and its instance.
    /// All on one snapshot, so that it may run beside a busy server.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`] when the store cannot be read.
    pub async fn ledger_check(&self) -> Result<LedgerReport> {
        self.read("ledger_check", |tx| {
            let mut recomputation = Recomputation::default();
            for ends in [false, true] {
                let mut after = String::new();
                loop {
                    let page = transfer_page(tx, ends, &after)?;
                    let Some(last) = page.last() else { break };
                    after = last.id.as_str().to_owned();
                    page.into_iter()
                        .for_each(|transfer| recomputation.add(transfer));
                }
            }
            let (transfers, mut findings) = recomputation.finish(all_balances(tx)?);
            let lines = check_lines(tx, &mut findings)?;
            Ok(LedgerReport {
                transfers,
                lines,
                findings,
            })
        })
        .await
    }
}

fn all_balances(
    tx: &mut dyn Tx,
) -> TxResult<Vec<(String, brokerage_domain::ledger::Balance, i64)>> {
    let mut balances = Vec::new();
    let mut after = String::new();
    loop {
        let page = balance_page(tx, &after)?;
        let Some((last, ..)) = page.last() else {
            return Ok(balances);
        };
        after.clone_from(last);
        balances.extend(page);
    }
}

fn check_lines(tx: &mut dyn Tx, findings: &mut Vec<Finding>) -> TxResult<u64> {
    let mut count = 0;
    let mut after = (String::new(), -1);
    loop {
        let page = order_line_page(tx, (&after.0, after.1), LEDGER_PAGE)?;
        let Some((order, line)) = page.last() else {
            return Ok(count);
        };
        after = (order.as_str().to_owned(), line.line.into());
        for (order, line) in &page {
            count += 1;
            if let Some(what) = check_line(tx, order, line)? {
                findings.push(Finding::LineDisagrees(format!(
                    "order {order} line {}: {what}",
                    line.line
                )));
            }
        }
    }
}

/// What is wrong between a line, its money and its instance.
fn check_line(tx: &mut dyn Tx, order_id: &OrderId, line: &OrderLine) -> TxResult<Option<String>> {
    let order = match order_by_id(tx, order_id) {
        Err(error @ StoreError::Column { .. }) => return Ok(Some(format!("its order: {error}"))),
        order => order?,
    };
    let Some(order) = order else {
        return Ok(Some("its order is missing".into()));
    };
    if !instance_exists(tx, &line.instance_id)? {
        return Ok(Some(format!(
            "its instance {} is missing",
            line.instance_id
        )));
    }
    let Some(taken) = transfer_by_id(tx, &line_transfer_id(order_id, line.line))? else {
        return Ok(Some("its money was never taken or reserved".into()));
    };
    if taken.amount != line.amount {
        return Ok(Some(format!(
            "costs {}, but {} was taken",
            line.amount, taken.amount
        )));
    }
    let end = transfer_by_id(tx, &line_resolution_id(order_id, line.line))?.map(|end| end.kind);
    let expected: &[Option<TransferKind>] = match (order.payment, line.state) {
        (Payment::OnDelivery, LineState::Delivered) => &[Some(TransferKind::PostPending)],
        (Payment::OnDelivery, LineState::Failed | LineState::Cancelled) => {
            &[Some(TransferKind::VoidPending)]
        }
        (Payment::AtOrder, LineState::Failed | LineState::Cancelled) => {
            &[Some(TransferKind::Posted)]
        }
        (_, LineState::Placed | LineState::NeedsOperator)
        | (Payment::AtOrder, LineState::Delivered) => &[None],
    };
    if expected.contains(&end) {
        Ok(None)
    } else {
        Ok(Some(format!(
            "is {}, but its money ended as {end:?}",
            line.state.word()
        )))
    }
}
