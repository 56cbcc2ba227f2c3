//! Instances, for the operator.

use std::collections::BTreeMap;

use brokerage_control::Control;
use brokerage_control::instance::{AfterRelease, Edit, Unreadable};
use brokerage_domain::catalog::{Plan, Term};
use brokerage_domain::instance::{Instance, Phase, PrepaidRelease, ReleaseTerms};
use brokerage_domain::order::Charge;
use serde_json::{Value, json};

use super::account::{self, DECIMALS};

pub async fn list(control: &Control, named: Option<String>) -> anyhow::Result<Value> {
    let is_all = named.is_none();
    let accounts = account::some(control, named).await?.into_iter();
    let names: BTreeMap<_, _> = accounts.map(|of| (of.id, of.name)).collect();
    let mut values = Vec::new();
    for row in control.instance_list_all().await? {
        match row {
            Ok(instance) => {
                if let Some(account) = names.get(&instance.account_id) {
                    values.push(value(control, &instance, account).await);
                }
            }
            Err(row) if is_all => values.push(unreadable(&row)),
            Err(_) => {}
        }
    }
    Ok(Value::Array(values))
}

pub async fn show(control: &Control, instance: &str) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let account = control.account_view(instance.account_id.as_str()).await?;
    let mut shown = value(control, &instance, &account.name).await;
    let placement = instance.placement.as_ref();
    let renew_months = match instance.charge {
        Charge::Prepaid { renew_months, .. } => renew_months,
        Charge::Postpaid => None,
    };
    let observed = control.instance_observe(&instance.id).await?;
    let observed = observed.filter(|observed| observed.running);
    let more = json!({
        "network_id": placement.map(|of| of.network_id.as_str()),
        "subnet_id": placement.map(|of| of.subnet_id.as_str()),
        "zones": placement.map_or(&instance.plan.zones, |of| &of.zones),
        "version": instance.plan.version,
        "expires_at": instance.expires_at.map(|at| at.iso()),
        "renews_months": renew_months,
        "topics": observed.as_ref().map(|of| of.topics),
        "partitions": observed.as_ref().map(|of| of.partitions),
        "groups": observed.as_ref().map(|of| of.groups),
        "connections": observed.as_ref().map(|of| of.connections),
        "stored_bytes": observed.as_ref().map(|of| of.bytes_stored),
        "deletion_protected": instance.deletion_protected,
        "tags": instance.tags,
        "settings": instance.settings,
        "notes": instance.notes,
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    Ok(shown)
}

pub async fn release(control: &Control, instance: &str) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let call = control.operator_call(&instance, "InstanceRelease").await?;
    let terms = ReleaseTerms {
        prepaid: PrepaidRelease::Permitted,
        under_way: true,
    };
    control
        .instance_release(call, &instance.id, AfterRelease::Gone, terms)
        .await?;
    Ok(json!({ "instance_id": instance.id.as_str(), "phase": Phase::Releasing.word() }))
}

pub async fn rename(control: &Control, instance: &str, name: String) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let call = control.operator_call(&instance, "InstanceRename").await?;
    let edit = Edit {
        name: Some(name.clone()),
        ..Edit::default()
    };
    control.instance_edit(call, &instance.id, edit).await?;
    Ok(json!({ "instance_id": instance.id.as_str(), "name": name }))
}

/// An instance as lists show it.
async fn value(control: &Control, instance: &Instance, account: &str) -> Value {
    // Where nothing has been started, nothing listens.
    let is_made = !matches!(instance.phase, Phase::AwaitingStart);
    let listeners = match is_made {
        true => control.instance_bootstraps(instance),
        false => Vec::new(),
    };
    let stopped = match instance.phase {
        Phase::Running | Phase::Changing => {
            let seen = control.instance_observe(&instance.id).await.ok().flatten();
            seen.map(|seen| seen.stopped_brokers)
        }
        _ => None,
    };
    let quote = control
        .price_quote(&instance.plan, &instance.charge, 1)
        .ok();
    json!({
        "instance_id": instance.id.as_str(),
        "account_id": instance.account_id.as_str(),
        "account": account,
        "profile": instance.profile,
        "region": instance.region,
        "name": instance.name,
        "order_id": instance.order_id.as_str(),
        "phase": instance.phase.word(),
        "created_at": instance.created_at.iso(),
        "size": size(&instance.plan),
        "kafka_version": instance.plan.kafka_version,
        "brokers": instance.plan.brokers,
        "brokers_stopped": stopped.unwrap_or_default(),
        "price": quote.as_ref().map(|quote| quote.instance_total.to_decimal(DECIMALS)),
        "currency": quote.as_ref().map(|quote| quote.currency.code()),
        "price_for": quote.as_ref().map(|quote| for_what(quote.term)),
        "bootstrap": listeners.first().map_or("", |first| &first.addresses),
        "listeners": listeners
            .iter()
            .map(|one| (one.kind.to_string(), &one.addresses))
            .collect::<BTreeMap<_, _>>(),
        "failure": instance.failure,
    })
}

/// The same keys as of an instance that can be read, as far as lists have them.
fn unreadable(row: &Unreadable) -> Value {
    json!({
        "instance_id": row.id.as_str(),
        "account_id": "",
        "account": "",
        "profile": "",
        "region": "",
        "name": "",
        "order_id": "",
        "phase": "unreadable",
        "created_at": null,
        "size": "",
        "kafka_version": "",
        "brokers": null,
        "brokers_stopped": [],
        "price": null,
        "currency": null,
        "price_for": null,
        "bootstrap": "",
        "listeners": {},
        "failure": row.to_string(),
    })
}

/// The time that a price is for: `hour`, `month`, `12 months`.
pub fn for_what(term: Term) -> String {
    match term {
        Term::Hour => "hour".to_owned(),
        Term::Months(1) => "month".to_owned(),
        Term::Months(months) => format!("{months} months"),
    }
}

/// What was bought, in a line.
pub fn size(plan: &Plan) -> String {
    let bought = &plan.bought;
    let nodes = bought.nodes.iter().map(|node| {
        let (count, class) = (node.count.unwrap_or(1), node.class.as_deref().unwrap_or(""));
        format!("{count} × {class}")
    });
    let mut parts: Vec<String> = nodes.collect();
    let figures = [
        (bought.bandwidth_mbps, "MB/s"),
        (bought.topics, "topics"),
        (bought.partitions, "partitions"),
        (Some(bought.disk_gb), "GB"),
        (
            Some(bought.public_mbit).filter(|mbit| *mbit > 0),
            "Mbit/s public bought",
        ),
    ];
    let figures = figures.into_iter();
    parts.extend(figures.filter_map(|(figure, unit)| Some(format!("{} {unit}", figure?))));
    parts.join(", ")
}
