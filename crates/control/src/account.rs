//! Accounts and their money.

use brokerage_domain::account::{Account, account_name_is_valid};
use brokerage_domain::error::Kind;
use brokerage_domain::id::{AccountId, TransferId};
use brokerage_domain::ledger::{
    Balance, Transfer, TransferKind, customer_account, funding_account,
};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::{Error, Result};
use brokerage_store::account::{account_by_id, account_by_name, account_insert, account_page};
use brokerage_store::ledger::{Entered, balance_by_name, ledger_account_open, transfer_receive};

use crate::control::Control;

/// Largest single top-up, in whole currency units: far from the bounds of a balance.
pub const TOP_UP_UNITS_MAX: i64 = 1_000_000_000;

/// What an account has in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountBalance {
    /// The currency.
    pub currency: Currency,
    /// Money that is there, reserved or not.
    pub posted: Money,
    /// Reserved by holds.
    pub held: Money,
    /// How far the account may go below zero.
    pub credit_limit: Money,
}

impl AccountBalance {
    /// What a new order may spend.
    pub fn available(&self) -> Money {
        let sum = i128::from(self.posted.micros()) - i128::from(self.held.micros())
            + i128::from(self.credit_limit.micros());
        Money::from_micros(i64::try_from(sum).unwrap_or(i64::MAX))
    }
}

/// Checks an amount that is to be added to an account.
///
/// # Errors
/// [`Error::Invalid`] for nothing, less than that, or more than [`TOP_UP_UNITS_MAX`].
fn top_up_check(amount: Money) -> Result<()> {
    let max = Money::from_units(TOP_UP_UNITS_MAX).map_err(Error::internal)?;
    if amount > Money::ZERO && amount <= max {
        return Ok(());
    }
    let reason = format!("more than 0 and at most {TOP_UP_UNITS_MAX}");
    Err(Error::invalid("amount", reason))
}

impl Control {
    /// Opens an account with an empty balance in every currency.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name, [`Error::Exists`] for a taken one.
    pub async fn account_create(&self, name: &str) -> Result<Account> {
        if !account_name_is_valid(name) {
            return Err(Error::invalid(
                "name",
                "1 to 64 letters, digits, '.', '_' or '-'",
            ));
        }
        let digits = self.chance.digits(16);
        let account = Account {
            id: AccountId::new(format!(
                "acct-{}",
                self.chance
                    .text(brokerage_domain::id::LOWER_ALPHANUMERIC, 12)
            )),
            number: digits.parse().map_err(Error::internal)?,
            name: name.to_owned(),
            created_at: self.now(),
        };
        let made = account.clone();
        self.write("account_create", move |tx| {
            if !account_insert(tx, &account)? {
                return Err(Error::Exists {
                    kind: Kind::Account,
                    id: account.name.clone(),
                }
                .into());
            }
            for currency in Currency::ALL {
                ledger_account_open(
                    tx,
                    &customer_account(&account.id, currency),
                    &account.id,
                    currency,
                )?;
            }
            Ok(())
        })
        .await?;
        Ok(made)
    }

    /// An account by its id or its name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn account_view(&self, id_or_name: &str) -> Result<Account> {
        let wanted = id_or_name.to_owned();
        self.read("account_view", move |tx| {
            let found = match account_by_id(tx, &AccountId::new(wanted.as_str()))? {
                Some(account) => Some(account),
                None => account_by_name(tx, &wanted)?,
            };
            found.ok_or_else(|| Error::not_found(Kind::Account, wanted.clone()).into())
        })
        .await
    }

    /// Every account, by id.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn account_list(&self) -> Result<Vec<Account>> {
        self.read_all("account_list", account_page).await
    }

    /// Adds money. `reference` names the payment: the same reference adds nothing a second time and answers `false`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for amounts that are not positive or too large.
    pub async fn account_top_up(
        &self,
        account: &AccountId,
        amount: Money,
        currency: Currency,
        reference: &str,
    ) -> Result<bool> {
        top_up_check(amount)?;
        let transfer = Transfer {
            id: TransferId::new(format!("top-up:{account}:{reference}")),
            kind: TransferKind::Posted,
            pending_id: None,
            debit: funding_account(currency),
            credit: customer_account(account, currency),
            currency,
            amount,
            at: self.now(),
        };
        let account = account.clone();
        self.write("account_top_up", move |tx| {
            ledger_account_open(tx, &transfer.credit, &account, currency)?;
            Ok(transfer_receive(tx, &transfer)? == Entered::Entered)
        })
        .await
    }

    /// What the account has in one currency.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn account_balance(
        &self,
        account: &AccountId,
        currency: Currency,
    ) -> Result<AccountBalance> {
        let name = customer_account(account, currency);
        let stored = self
            .read("account_balance", move |tx| Ok(balance_by_name(tx, &name)?))
            .await?;
        let (Balance { posted, held }, credit_limit) = stored.unwrap_or_default();
        let money = |micros: i128| {
            i64::try_from(micros)
                .map(Money::from_micros)
                .map_err(Error::internal)
        };
        Ok(AccountBalance {
            currency,
            posted: money(posted)?,
            held: money(held)?,
            credit_limit: Money::from_micros(credit_limit),
        })
    }
}
