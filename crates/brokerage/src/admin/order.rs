//! Orders and prices, for the operator.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use brokerage_control::Control;
use brokerage_control::call::{Call, Inquiry};
use brokerage_domain::Error;
use brokerage_domain::account::Account;
use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{AccountId, OrderId};
use brokerage_domain::order::{Charge, Order};
use brokerage_wire::client::{Place, Purchase};
use brokerage_wire::operation::Call as OperationCall;
use brokerage_wire::params::{Param, Reading, Types};
use serde_json::{Value, json};

use super::account::{self, DECIMALS};
use super::{PriceAsk, instance};
use crate::serve::CLOUDS;

/// Most orders that one list shows.
const LAST_MAX: u32 = 1_000;

pub async fn list(control: &Control, named: Option<String>, last: u32) -> anyhow::Result<Value> {
    let last = last.min(LAST_MAX);
    let ever = (Moment::from_micros(i64::MIN), Moment::from_micros(i64::MAX));
    let mut found: Vec<(Order, String)> = Vec::new();
    for account in account::some(control, named).await? {
        for profile in control.profiles() {
            let cx = control.operator_context(&account, profile, "OrderList")?;
            let (orders, _) = control.order_list(&cx, ever, |_| true, (0, last)).await?;
            found.extend(orders.into_iter().map(|of| (of, account.name.clone())));
        }
    }
    found.sort_by_key(|(order, _)| std::cmp::Reverse(order.created_at));
    found.truncate(last as usize);
    let rows = found.iter().map(|(order, account)| value(order, account));
    Ok(Value::Array(rows.collect()))
}

pub async fn show(control: &Control, id: &str) -> anyhow::Result<Value> {
    let order = match control.order_find(&OrderId::new(id)).await {
        // An instance stands for the order that bought it.
        Err(Error::NotFound { .. }) => match control.instance_find(id).await {
            Ok(instance) => control.order_find(&instance.order_id).await?,
            Err(_) => bail!(Error::not_found(Kind::Order, id)),
        },
        found => found?,
    };
    let account = control.account_view(order.account_id.as_str()).await?;
    let mut shown = value(&order, &account.name);
    let lines = order.lines.iter().map(|line| {
        json!({
            "instance_id": line.instance_id.as_str(),
            "amount": line.amount.to_decimal(DECIMALS),
            "state": line.state.word(),
        })
    });
    if let Some(bought) = control.order_plan(&order).await? {
        shown["size"] = instance::size(&bought.plan).into();
        shown["size_before"] = bought.before.as_ref().map(instance::size).into();
    }
    shown["catalog_version"] = order.catalog_version.clone().into();
    shown["lines"] = lines.collect::<Vec<_>>().into();
    Ok(shown)
}

fn value(order: &Order, account: &str) -> Value {
    let months = match order.charge {
        Charge::Prepaid { months, .. } => Some(months),
        Charge::Postpaid => None,
    };
    json!({
        "order_id": order.id.as_str(),
        "account": account,
        "profile": order.profile,
        "region": order.region,
        "kind": order.kind.word(),
        "state": order.state().word(),
        "created_at": order.created_at.iso(),
        "total": order.total.to_decimal(DECIMALS),
        "currency": order.currency.code(),
        "prepaid_months": months,
        "instances": order.lines.len(),
    })
}

/// What a purchase would cost: the order goes the way of every order, as far as its price.
pub async fn price(control: &Arc<Control>, ask: PriceAsk) -> anyhow::Result<Value> {
    let purchase = CLOUDS
        .purchases()
        .find(|purchase| purchase.dialect == ask.dialect)
        .with_context(|| format!("dialect: nothing is sold by {}", ask.dialect))?;
    let region = ask.region.as_deref().unwrap_or(purchase.region);
    let place = Place {
        region: region.to_owned(),
        // Prices depend on the region and not on what is in it.
        network: "any".to_owned(),
        subnet: "any".to_owned(),
        zone: zone(control, purchase, region)?,
    };
    let step = (purchase.order)(&place, ask.set)?;
    let row = step
        .table
        .row(step.operation)
        .with_context(|| format!("{} has no {}", step.table.dialect, step.operation))?;
    let mut params = step.params;
    let cloud = CLOUDS
        .of_service(step.table)
        .with_context(|| format!("no cloud serves {}", step.table.dialect))?;
    params.set(
        cloud.wire.region_parameter(),
        Param::Text(region.to_owned()),
    );
    control.region_check(step.table.profile, region)?;
    let reading = Reading::of(step.table.index_base, Types::InText);
    let prepared = match (row.prepare)(&params, reading) {
        Ok(prepared) => prepared,
        Err(error) => bail!("--set {error}"),
    };
    let named = cloud.wire.region_parameter();
    if let Some(name) = prepared.unknown().iter().find(|name| *name != named) {
        bail!("--set {name}: {} has no such parameter", step.operation);
    }
    let mut cx = control.operator_context(&nobody(control), step.table.profile, row.name)?;
    cx.region = region.to_owned();
    cx.region_named = region.to_owned();
    let inquiry = Inquiry::default();
    let call = OperationCall {
        control: control.clone(),
        cx: Call::inquiring(cx, inquiry.clone()),
    };
    let refused = prepared.run(call).await.err();
    let Some(quote) = inquiry.get() else {
        match refused {
            Some(error) => bail!("{}", (step.table.fault)(&error).message),
            None => bail!("{} places no order", row.name),
        }
    };
    let items = quote.items.iter().map(|item| {
        Ok(json!({
            "item": serde_json::to_value(item.kind)?,
            "units": item.units,
            "unit_price": item.unit_price.to_decimal(DECIMALS),
            "amount": item.amount.to_decimal(DECIMALS),
        }))
    });
    Ok(json!({
        "dialect": purchase.dialect,
        "region": region,
        "price": quote.total.to_decimal(DECIMALS),
        "currency": quote.currency.code(),
        "price_for": instance::for_what(quote.term),
        "instances": quote.quantity,
        "items": items.collect::<anyhow::Result<Vec<_>>>()?,
    }))
}

/// Whoever asks for a price has nothing.
fn nobody(control: &Control) -> Account {
    Account {
        id: AccountId::new("nobody"),
        number: 0,
        name: String::new(),
        created_at: control.now(),
    }
}

/// The first zone of a region, in the catalog that the purchase sells from.
fn zone(control: &Control, purchase: &Purchase, region: &str) -> anyhow::Result<String> {
    let tables = CLOUDS.services();
    let profile = tables
        .filter(|table| table.dialect == purchase.dialect)
        .map(|table| table.profile)
        .next()
        .unwrap_or(purchase.dialect);
    let catalog = control.catalog(profile)?;
    let zone = catalog.zones(region).next().map(|zone| zone.id.clone());
    Ok(zone.unwrap_or_default())
}
