//! Accounts and their money, for the operator.

use anyhow::{Context as _, ensure};
use brokerage_control::Control;
use brokerage_control::account::TOP_UP_UNITS_MAX;
use brokerage_domain::account::Account;
use brokerage_domain::money::{Currency, Money};
use serde_json::{Value, json};

/// Fewest decimals of an amount that people read.
pub const DECIMALS: usize = 2;

pub async fn create(control: &Control, name: &str, balance: Option<&str>) -> anyhow::Result<Value> {
    // The amount is read and checked first, so that a wrong one makes no account.
    let balance: Option<Money> = balance.map(str::parse).transpose().context("balance")?;
    if let Some(amount) = balance {
        let max = Money::from_units(TOP_UP_UNITS_MAX)?;
        ensure!(
            (Money::ZERO..=max).contains(&amount),
            "balance: 0 to {TOP_UP_UNITS_MAX}"
        );
    }
    let account = control.account_create(name).await?;
    if let Some(amount) = balance.filter(|amount| !amount.is_zero()) {
        control
            .account_top_up(&account.id, amount, Currency::Cny, "opening")
            .await?;
    }
    value(control, &account).await
}

pub async fn list(control: &Control) -> anyhow::Result<Value> {
    let mut list = Vec::new();
    for account in control.account_list().await? {
        list.push(value(control, &account).await?);
    }
    Ok(Value::Array(list))
}

/// Every account, or the one that is named.
pub async fn some(control: &Control, named: Option<String>) -> anyhow::Result<Vec<Account>> {
    match named {
        Some(account) => Ok(vec![control.account_view(&account).await?]),
        None => Ok(control.account_list().await?),
    }
}

pub async fn show(control: &Control, account: &str) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let mut shown = value(control, &account).await?;
    for currency in Currency::ALL {
        let balance = control.account_balance(&account.id, currency).await?;
        let code = currency.code().to_ascii_lowercase();
        for (what, amount) in [
            ("balance", balance.posted),
            ("held", balance.held),
            ("credit", balance.credit_limit),
        ] {
            shown[format!("{what}_{code}")] = amount.to_decimal(DECIMALS).into();
        }
    }
    let keys = control.access_key_list().await?;
    let is_its = |owner: &brokerage_domain::id::AccountId| *owner == account.id;
    shown["keys"] = keys
        .iter()
        .filter(|key| is_its(&key.account_id))
        .count()
        .into();
    let instances = control.instance_list_all().await?;
    let instances = instances.iter().flatten();
    shown["instances"] = instances
        .filter(|instance| is_its(&instance.account_id))
        .count()
        .into();
    Ok(shown)
}

pub async fn top_up(
    control: &Control,
    account: &str,
    (amount, currency): (&str, &str),
    reference: &str,
) -> anyhow::Result<Value> {
    let account = control.account_view(account).await?;
    let (amount, currency): (Money, Currency) = (amount.parse()?, currency.parse()?);
    let added = control
        .account_top_up(&account.id, amount, currency, reference)
        .await?;
    let balance = control.account_balance(&account.id, currency).await?;
    let available = balance.available().to_decimal(DECIMALS);
    Ok(json!({ "account_id": account.id.as_str(), "added": added, "available": available }))
}

async fn value(control: &Control, account: &Account) -> anyhow::Result<Value> {
    let mut value = json!({
        "account_id": account.id.as_str(),
        "name": account.name,
        "number": account.number.to_string(),
        "created_at": account.created_at.iso(),
    });
    for currency in Currency::ALL {
        let balance = control.account_balance(&account.id, currency).await?;
        let code = currency.code().to_ascii_lowercase();
        value[format!("available_{code}")] = balance.available().to_decimal(DECIMALS).into();
        value[format!("held_{code}")] = balance.held.to_decimal(DECIMALS).into();
    }
    Ok(value)
}
