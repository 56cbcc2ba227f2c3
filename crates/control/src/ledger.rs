//! Checking the books: every balance is recomputed from transfers, every line compared with its money, and all rows with the
//! digests that were kept of them when they were written.
//!
//! A server checks its digests when it starts, as far as [`START_ROWS_MAX`] reaches, who may do what first. Where they differ,
//! rows were changed behind its back. It starts all the same, for everybody else: of the account that they belong to, keys are
//! refused if those are what differs, and whatever changes something otherwise, until an operator has looked
//! ([`Control::books_accept`]).

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::id::{AccountId, OrderId};
use brokerage_domain::ledger::{Balance, Finding, Recomputation, TransferKind};
use brokerage_domain::order::{
    LineState, OrderLine, Payment, line_resolution_id, line_transfer_id,
};
use brokerage_domain::{Error, Result};
use brokerage_store::digest::{
    DigestFinding, DigestReport, Digested, HOUSE, digest_accept, digest_check, digests_are_there,
};
use brokerage_store::instance::instance_exists;
use brokerage_store::ledger::{LEDGER_PAGE, balance_page, transfer_by_id, transfer_page};
use brokerage_store::list_repair::{WrongLists, lists_repair, lists_wrong};
use brokerage_store::order::{order_by_id, order_line_page, order_lines_begin};
use brokerage_store::scan::{Cursor, Page};
use brokerage_store::{StoreError, Tx};
use parking_lot::RwLock;

use crate::control::{Control, TxResult};

/// Rows whose digests are computed anew when a server starts: about a second's work.
pub const START_ROWS_MAX: u64 = 200_000;

/// What a check read and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerReport {
    /// Transfers read.
    pub transfers: u64,
    /// Order lines read.
    pub lines: u64,
    /// Rows compared with their digests.
    pub digested: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

/// Accounts whose rows were changed behind the program's back.
#[derive(Debug, Default)]
pub(crate) struct Distrusted(RwLock<BTreeMap<String, BTreeSet<Digested>>>);

impl Distrusted {
    /// Whether rows differ that say who may call in the account's name.
    fn keys_of(&self, account: &AccountId) -> bool {
        let accounts = self.0.read();
        let differing = accounts.get(account.as_str());
        differing.is_some_and(|of| of.contains(&Digested::Keys) || of.contains(&Digested::Accounts))
    }

    fn has(&self, account: &AccountId) -> bool {
        self.0.read().contains_key(account.as_str())
    }

    fn set(&self, findings: &[DigestFinding]) {
        let mut accounts: BTreeMap<String, BTreeSet<Digested>> = BTreeMap::new();
        for finding in findings {
            if let DigestFinding::Differs { scope, of } = finding
                && scope != HOUSE
            {
                accounts.entry(scope.clone()).or_default().insert(*of);
            }
        }
        *self.0.write() = accounts;
    }
}

impl Control {
    /// Compares the rows of the books with their digests: to be called once, before anything is written. In a database that
    /// is new, or that an older version kept, the rows are taken as they are.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store cannot be read, or has rows and no digests.
    pub async fn books_open(&self) -> Result<()> {
        let is_older = self.store.is_older_than_digests();
        let report = self
            .write("books_open", move |tx| {
                if !digests_are_there(tx)? && is_older {
                    digest_accept(tx, None)?;
                }
                Ok(digest_check(tx, START_ROWS_MAX)?)
            })
            .await?;
        if report.findings.contains(&DigestFinding::Missing) {
            return Err(Error::internal(format!(
                "{}: rows of accounts, keys, money and orders may have been changed. Put back a whole database; \
                 `brokerage ledger accept` takes what is there for right",
                Finding::NoDigests
            )));
        }
        for finding in report.findings.iter().map(finding_of) {
            tracing::error!(%finding, "the account's calls are refused until `brokerage ledger accept`");
        }
        if !report.left_out.is_empty() {
            let left_out: Vec<&str> = report.left_out.iter().map(|of| of.word()).collect();
            tracing::info!(
                rows = report.rows,
                left_out = left_out.join(", "),
                "rows were compared with their digests; `brokerage ledger check` compares all"
            );
        }
        self.distrusted.set(&report.findings);
        if !report.left_out.contains(&Digested::Orders) {
            self.lists_repair().await?;
        }
        Ok(())
    }

    /// Counts the entries of lists anew whose counts were lost or changed.
    async fn lists_repair(&self) -> Result<()> {
        let wrong = self.read("lists_wrong", |tx| Ok(lists_wrong(tx)?)).await?;
        for list in &wrong {
            let WrongLists {
                account_id,
                kind,
                profile,
            } = list;
            tracing::warn!(
                account = account_id,
                kind,
                profile,
                "the counts of a list were wrong: they are made anew"
            );
        }
        if wrong.is_empty() {
            return Ok(());
        }
        self.write("lists_repair", move |tx| {
            wrong.iter().try_for_each(|list| lists_repair(tx, list))?;
            Ok(())
        })
        .await
    }

    /// Takes the rows that are there for right, whatever their digests say: of one account, or of all.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store fails.
    pub async fn books_accept(&self, account: Option<&AccountId>) -> Result<()> {
        let only = account.map(|account| account.as_str().to_owned());
        tracing::warn!(account = only, "rows are taken for right by the operator");
        let report = self
            .write("books_accept", move |tx| {
                digest_accept(tx, only.as_deref())?;
                // Which accounts there are is the house's.
                if only.is_some() {
                    digest_accept(tx, Some(HOUSE))?;
                }
                Ok(digest_check(tx, START_ROWS_MAX)?)
            })
            .await?;
        self.distrusted.set(&report.findings);
        Ok(())
    }

    /// Refuses a caller whose account's keys were changed behind the program's back.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) fn keys_trusted(&self, account: &AccountId) -> Result<()> {
        match self.distrusted.keys_of(account) {
            true => Err(distrust(account)),
            false => Ok(()),
        }
    }

    /// Refuses a change by a caller of whose account rows were changed behind the program's back.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) fn books_trusted(&self, account: &AccountId) -> Result<()> {
        match self.distrusted.has(account) {
            true => Err(distrust(account)),
            false => Ok(()),
        }
    }

    /// Recomputes every balance from transfers, compares every order line with its money and its instance, and all rows with
    /// their digests. All on one snapshot, so that it may run beside a busy server.
    ///
    /// # Errors
    /// [`Error::Internal`] when the store cannot be read.
    pub async fn ledger_check(&self) -> Result<LedgerReport> {
        self.read("ledger_check", |tx| {
            let mut recomputation = Recomputation::default();
            let mut unreadable = Vec::new();
            for ends in [false, true] {
                each(
                    Cursor::start(),
                    &mut unreadable,
                    |after| transfer_page(tx, ends, after),
                    |transfer| recomputation.add(transfer),
                )?;
            }
            let mut balances: Vec<(String, Balance, i64)> = Vec::new();
            let page = |after: &Cursor| balance_page(tx, after);
            each(Cursor::start(), &mut unreadable, page, |balance| {
                balances.push(balance);
            })?;
            let (transfers, mut findings) = recomputation.finish(balances);
            let lines = check_lines(tx, &mut findings, &mut unreadable)?;
            let DigestReport {
                rows: digested,
                findings: differing,
                ..
            } = digest_check(tx, u64::MAX)?;
            findings.extend(unreadable);
            let wrong = lists_wrong(tx)?.into_iter();
            findings.extend(wrong.map(|list| Finding::ListDiffers {
                account: list.account_id,
                of: list.kind,
                profile: list.profile,
            }));
            findings.extend(differing.iter().map(finding_of));
            Ok(LedgerReport {
                transfers,
                lines,
                digested,
                findings,
            })
        })
        .await
    }
}

fn distrust(account: &AccountId) -> Error {
    Error::internal(format!(
        "rows of the account {account} were changed behind the program's back (`brokerage ledger check` says which)"
    ))
}

fn finding_of(finding: &DigestFinding) -> Finding {
    match finding {
        DigestFinding::Missing => Finding::NoDigests,
        DigestFinding::Differs { scope, of } => Finding::RowsDiffer {
            account: scope.clone(),
            of: of.word(),
        },
    }
}

/// Every row of a scan; those that cannot be read become findings.
fn each<T>(
    begin: Cursor,
    findings: &mut Vec<Finding>,
    mut page: impl FnMut(&Cursor) -> std::result::Result<Page<T>, StoreError>,
    mut work: impl FnMut(T),
) -> TxResult<()> {
    let mut next = Some(begin);
    while let Some(after) = next {
        let Page { rows, next: behind } = page(&after)?;
        for row in rows {
            match row {
                Ok(row) => work(row),
                Err(error) => findings.push(Finding::Unreadable(error.to_string())),
            }
        }
        next = behind;
    }
    Ok(())
}

fn check_lines(
    tx: &mut dyn Tx,
    findings: &mut Vec<Finding>,
    unreadable: &mut Vec<Finding>,
) -> TxResult<u64> {
    let mut count = 0;
    let mut next = Some(order_lines_begin());
    while let Some(after) = next {
        let page = order_line_page(tx, &after, LEDGER_PAGE)?;
        next = page.next;
        for row in page.rows {
            count += 1;
            let (order, line) = match row {
                Ok(row) => row,
                Err(error) => {
                    unreadable.push(Finding::Unreadable(error.to_string()));
                    continue;
                }
            };
            if let Some(what) = check_line(tx, &order, &line)? {
                findings.push(Finding::LineDisagrees(format!(
                    "order {order} line {}: {what}",
                    line.line
                )));
            }
        }
    }
    Ok(count)
}

/// What is read, or what is wrong with its row.
fn readable<T>(
    read: std::result::Result<T, StoreError>,
    what: &str,
) -> TxResult<std::result::Result<T, String>> {
    match read {
        Err(error @ StoreError::Column { .. }) => Ok(Err(format!("{what}: {error}"))),
        read => Ok(Ok(read?)),
    }
}

/// What is wrong between a line, its money and its instance.
fn check_line(tx: &mut dyn Tx, order_id: &OrderId, line: &OrderLine) -> TxResult<Option<String>> {
    let order = match readable(order_by_id(tx, order_id), "its order")? {
        Ok(order) => order,
        Err(what) => return Ok(Some(what)),
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
    let taken = transfer_by_id(tx, &line_transfer_id(order_id, line.line));
    let taken = match readable(taken, "its money")? {
        Ok(taken) => taken,
        Err(what) => return Ok(Some(what)),
    };
    let Some(taken) = taken else {
        return Ok(Some("its money was never taken or reserved".into()));
    };
    if taken.amount != line.amount {
        return Ok(Some(format!(
            "costs {}, but {} was taken",
            line.amount, taken.amount
        )));
    }
    if taken.currency != order.currency {
        return Ok(Some(format!(
            "costs {}, but {} was taken",
            order.currency.code(),
            taken.currency.code()
        )));
    }
    let end = transfer_by_id(tx, &line_resolution_id(order_id, line.line));
    let end = match readable(end, "the end of its money")? {
        Ok(end) => end.map(|end| end.kind),
        Err(what) => return Ok(Some(what)),
    };
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
