//! The audit trail, for the operator.

use brokerage_control::Control;
use brokerage_domain::clock::Moment;
use serde_json::{Value, json};

pub async fn list(control: &Control, account: Option<String>, last: u32) -> anyhow::Result<Value> {
    let account = match account {
        None => None,
        Some(named) => Some(control.account_view(&named).await?.id),
    };
    let rows = control.audit_list(account.as_ref(), last).await?;
    let rows = rows.iter().map(|row| {
        json!({
            "at": Moment::from_micros(row.at_us).iso(),
            "account_id": row.account_id,
            "access_key_id": row.access_key_id,
            "request_id": row.request_id,
            "action": row.action,
            "resource": row.resource,
            "decision": row.decision,
            "decided_by": row.decided_by,
        })
    });
    Ok(Value::Array(rows.collect()))
}

pub async fn verify(control: &Control) -> anyhow::Result<Value> {
    let report = control.audit_verify().await?;
    Ok(json!({ "rows": report.rows, "pruned": report.pruned, "finding": report.finding }))
}
