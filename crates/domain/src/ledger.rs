//! The double-entry ledger: accounts, transfers, holds, and the recomputation that checks them.
//!
//! A transfer debits one ledger account and credits another by the same amount, and is never changed. A *hold*
//! is a pending transfer: it reserves money until exactly one later transfer posts it (whole or in part) or
//! voids it. Corrections are new transfers. A transfer's id says what it pays for, so a repeat finds itself.

use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::id::{AccountId, TransferId};
use crate::money::{Currency, Money};

/// Name of the ledger account that holds a customer's money.
pub fn customer_account(account: &AccountId, currency: Currency) -> String {
    format!("customer:{account}:{}", currency.code())
}

/// Name of the ledger account that earns what customers pay.
pub fn revenue_account(currency: Currency) -> String {
    format!("house:revenue:{}", currency.code())
}

/// Name of the ledger account that top-ups come from.
pub fn funding_account(currency: Currency) -> String {
    format!("house:funding:{}", currency.code())
}

/// The account whose money a ledger account holds; `None` for the house's.
pub fn customer_of(name: &str) -> Option<&str> {
    let (account, _currency) = name.strip_prefix("customer:")?.rsplit_once(':')?;
    Some(account)
}

/// Whether the ledger account belongs to a customer, so that the balance rule holds for it.
pub fn is_customer_account(name: &str) -> bool {
    name.starts_with("customer:")
}

/// What a transfer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferKind {
    /// Moves money at once.
    Posted,
    /// Reserves money: a hold.
    Pending,
    /// Ends a hold by moving its amount or a part of it.
    PostPending,
    /// Ends a hold without moving anything.
    VoidPending,
}

impl TransferKind {
    /// All kinds, for tables.
    pub const ALL: [Self; 4] = [
        Self::Posted,
        Self::Pending,
        Self::PostPending,
        Self::VoidPending,
    ];

    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::Pending => "pending",
            Self::PostPending => "post_pending",
            Self::VoidPending => "void_pending",
        }
    }

    /// The kind of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One immutable entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Named after what it pays for.
    pub id: TransferId,
    /// What it does.
    pub kind: TransferKind,
    /// The hold that it ends.
    pub pending_id: Option<TransferId>,
    /// Ledger account that the money leaves.
    pub debit: String,
    /// Ledger account that it reaches.
    pub credit: String,
    /// Currency of the amount.
    pub currency: Currency,
    /// Never negative; zero is allowed (a free plan is still an entry).
    pub amount: Money,
    /// When, in business time.
    pub at: Moment,
}

/// The balance of one ledger account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Credits less debits that moved.
    pub posted: i128,
    /// Reserved by holds that are not ended.
    pub held: i128,
}

/// Something wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// An amount below zero.
    #[error("transfer {0} has a negative amount")]
    NegativeAmount(TransferId),
    /// A second end of one hold.
    #[error("hold {0} was ended twice")]
    EndedTwice(TransferId),
    /// The end of a hold that does not exist.
    #[error("transfer {0} ends a hold that does not exist")]
    EndOfNothing(TransferId),
    /// More was posted than held, or between other accounts.
    #[error("transfer {0} does not agree with its hold")]
    EndDisagrees(TransferId),
    /// The stored balance is not the sum of the transfers.
    #[error("account {account}: stored {stored:?}, transfers add up to {computed:?}")]
    BalanceDiffers {
        /// The ledger account.
        account: String,
        /// As stored.
        stored: Balance,
        /// As recomputed.
        computed: Balance,
    },
    /// A customer spent more than there was.
    #[error("account {account}: {posted} posted less {held} held is below the credit limit")]
    Overdrawn {
        /// The ledger account.
        account: String,
        /// Posted balance, micros.
        posted: i128,
        /// Held, micros.
        held: i128,
    },
    /// A customer may go below zero, and nobody has granted it.
    #[error("account {account}: a credit limit of {credit_limit} micros was never granted")]
    CreditNotGranted {
        /// The ledger account.
        account: String,
        /// As stored, micros.
        credit_limit: i64,
    },
    /// Rows were changed, forged or taken away behind the program's back.
    #[error("{of} of {}: they are not those that were written", whose(account))]
    RowsDiffer {
        /// The account; empty for all that belongs to none.
        account: String,
        /// Which rows.
        of: &'static str,
    },
    /// A list has not as many entries as it says: a start of the server counts them anew.
    #[error("account {account}: the list of each {of} of {profile} is counted wrong")]
    ListDiffers {
        /// Whose.
        account: String,
        /// Of what.
        of: &'static str,
        /// From which catalog.
        profile: String,
    },
    /// There is nothing to compare the rows with.
    #[error("the digests of all accounts are missing")]
    NoDigests,
    /// A row that this program cannot read.
    #[error("a row cannot be read: {0}")]
    Unreadable(String),
    /// An order's line and its money disagree.
    #[error("{0}")]
    LineDisagrees(String),
}

fn whose(account: &str) -> String {
    match account {
        "" => "all accounts together".to_owned(),
        account => format!("the account {account}"),
    }
}

/// Recomputes a ledger from its transfers, one at a time and in the order in which they were made.
#[derive(Debug, Default)]
pub struct Recomputation {
    balances: BTreeMap<String, Balance>,
    holds: BTreeMap<TransferId, (Transfer, bool)>,
    findings: Vec<Finding>,
    transfers: u64,
}

impl Recomputation {
    /// Takes the next transfer into account.
    pub fn add(&mut self, transfer: Transfer) {
        self.transfers += 1;
        if transfer.amount < Money::ZERO {
            self.findings
                .push(Finding::NegativeAmount(transfer.id.clone()));
        }
        match transfer.kind {
            TransferKind::Posted => self.move_money(&transfer),
            TransferKind::Pending => {
                self.reserve(&transfer.debit, transfer.amount, 1);
                self.holds.insert(transfer.id.clone(), (transfer, false));
            }
            TransferKind::PostPending | TransferKind::VoidPending => self.end_hold(&transfer),
        }
    }

    fn end_hold(&mut self, transfer: &Transfer) {
        let Some((hold, ended)) = transfer
            .pending_id
            .as_ref()
            .and_then(|id| self.holds.get_mut(id))
        else {
            self.findings
                .push(Finding::EndOfNothing(transfer.id.clone()));
            return;
        };
        if std::mem::replace(ended, true) {
            self.findings.push(Finding::EndedTwice(hold.id.clone()));
            return;
        }
        let agrees = hold.debit == transfer.debit
            && hold.credit == transfer.credit
            && hold.currency == transfer.currency
            && transfer.amount <= hold.amount;
        let (debit, held) = (hold.debit.clone(), hold.amount);
        self.reserve(&debit, held, -1);
        if !agrees {
            self.findings
                .push(Finding::EndDisagrees(transfer.id.clone()));
        } else if transfer.kind == TransferKind::PostPending {
            self.move_money(transfer);
        }
    }

    fn move_money(&mut self, transfer: &Transfer) {
        let amount = i128::from(transfer.amount.micros());
        self.balances
            .entry(transfer.debit.clone())
            .or_default()
            .posted -= amount;
        self.balances
            .entry(transfer.credit.clone())
            .or_default()
            .posted += amount;
    }

    fn reserve(&mut self, account: &str, amount: Money, sign: i128) {
        self.balances.entry(account.to_owned()).or_default().held +=
            sign * i128::from(amount.micros());
    }

    /// Compares with the stored balances of customers (`account, balance, credit limit in micros`) and reports
    /// everything that is wrong, and how many transfers were read.
    pub fn finish(
        mut self,
        stored: impl IntoIterator<Item = (String, Balance, i64)>,
    ) -> (u64, Vec<Finding>) {
        for (account, stored, credit_limit) in stored {
            let computed = self.balances.remove(&account).unwrap_or_default();
            if computed != stored {
                self.findings.push(Finding::BalanceDiffers {
                    account: account.clone(),
                    stored,
                    computed,
                });
            }
            if credit_limit != 0 {
                self.findings.push(Finding::CreditNotGranted {
                    account: account.clone(),
                    credit_limit,
                });
            }
            if computed.posted - computed.held < -i128::from(credit_limit) {
                let Balance { posted, held } = computed;
                self.findings.push(Finding::Overdrawn {
                    account,
                    posted,
                    held,
                });
            }
        }
        let unknown = self
            .balances
            .into_iter()
            .filter(|(account, _)| is_customer_account(account));
        for (account, computed) in unknown {
            let stored = Balance::default();
            self.findings.push(Finding::BalanceDiffers {
                account,
                stored,
                computed,
            });
        }
        (self.transfers, self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(id: &str, kind: TransferKind, pending: Option<&str>, amount: i64) -> Transfer {
        let account = AccountId::new("a");
        let (debit, credit) = match kind {
            TransferKind::Posted => (
                funding_account(Currency::Cny),
                customer_account(&account, Currency::Cny),
            ),
            _ => (
                customer_account(&account, Currency::Cny),
                revenue_account(Currency::Cny),
            ),
        };
        Transfer {
            id: TransferId::new(id),
            kind,
            pending_id: pending.map(TransferId::new),
            debit,
            credit,
            currency: Currency::Cny,
            amount: Money::from_micros(amount),
            at: Moment::from_seconds(0),
        }
    }

    fn check(transfers: &[Transfer], posted: i128, held: i128, expected: &[&str]) {
        let mut ledger = Recomputation::default();
        for one in transfers {
            ledger.add(one.clone());
        }
        let stored = [(
            customer_account(&AccountId::new("a"), Currency::Cny),
            Balance { posted, held },
            0,
        )];
        let (count, findings) = ledger.finish(stored);
        assert_eq!(count, u64::try_from(transfers.len()).unwrap());
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(findings, expected);
    }

    #[test]
    fn a_sound_ledger_has_no_findings() {
        use TransferKind::{Pending, PostPending, Posted, VoidPending};
        let ledger = [
            transfer("top-up", Posted, None, 100),
            transfer("h1", Pending, None, 30),
            transfer("h1:end", PostPending, Some("h1"), 20),
            transfer("h2", Pending, None, 40),
            transfer("h3", Pending, None, 10),
            transfer("h3:end", VoidPending, Some("h3"), 10),
        ];
        check(&ledger, 80, 40, &[]);
    }

    #[test]
    fn every_kind_of_damage_is_found() {
        use TransferKind::{Pending, PostPending, Posted};
        check(
            &[transfer("top-up", Posted, None, 100)],
            90,
            0,
            &[
                "account customer:a:CNY: stored Balance { posted: 90, held: 0 }, transfers add up to Balance { posted: 100, held: 0 }",
            ],
        );
        let hold = [
            transfer("top-up", Posted, None, 100),
            transfer("h", Pending, None, 30),
        ];
        let with = |more: &[Transfer]| [hold.as_slice(), more].concat();
        let end = transfer("e", PostPending, Some("h"), 30);
        check(
            &with(&[end.clone(), end.clone()]),
            70,
            0,
            &["hold h was ended twice"],
        );
        check(
            &with(&[transfer("e", PostPending, Some("x"), 1)]),
            100,
            30,
            &["transfer e ends a hold that does not exist"],
        );
        check(
            &with(&[transfer("e", PostPending, Some("h"), 31)]),
            100,
            0,
            &["transfer e does not agree with its hold"],
        );
        check(
            &[transfer("h", Pending, None, 30)],
            0,
            30,
            &["account customer:a:CNY: 0 posted less 30 held is below the credit limit"],
        );
    }
}
