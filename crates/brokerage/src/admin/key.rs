//! Access keys, for the operator.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use brokerage_control::Control;
use brokerage_control::access_key::NewKey;
use brokerage_domain::access::Policy;
use brokerage_domain::id::AccessKeyId;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::account;

/// Bytes of an id that an operator chooses: as long as the clouds' are, or shorter.
const ID_BYTES: std::ops::RangeInclusive<usize> = 8..=64;

pub async fn create(
    control: &Control,
    account: &str,
    id: Option<String>,
    document: Option<String>,
) -> anyhow::Result<Value> {
    if let Some(id) = &id {
        let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        ensure!(
            is_plain && ID_BYTES.contains(&id.len()),
            "id: {} to {} letters and digits",
            ID_BYTES.start(),
            ID_BYTES.end()
        );
    }
    let account = control.account_view(account).await?;
    let policy = match document {
        Some(document) => Policy::from_document(&document).context("policy")?,
        None => Policy::allow_all(),
    };
    let new = NewKey {
        id: id.map(AccessKeyId::new),
        secret: None,
        session_token: None,
        policy,
    };
    let (id, secret) = control.access_key_create(&account.id, new).await?;
    Ok(json!({ "access_key_id": id.as_str(), "secret": secret.expose_secret() }))
}

pub async fn list(control: &Control, named: Option<String>) -> anyhow::Result<Value> {
    let accounts = account::some(control, named).await?.into_iter();
    let names: BTreeMap<_, _> = accounts.map(|of| (of.id, of.name)).collect();
    let keys = control.access_key_list().await?;
    let rows = keys.iter().filter_map(|key| {
        Some(json!({
            "access_key_id": key.id.as_str(),
            "account_id": key.account_id.as_str(),
            "account": names.get(&key.account_id)?,
            "active": key.active,
            "expires_at": key.expires_at.map(|at| at.iso()),
            "policy": match key.policy == Policy::allow_all() {
                true => "everything".to_owned(),
                false => format!("{} statements", key.policy.statements.len()),
            },
        }))
    });
    Ok(Value::Array(rows.collect()))
}

pub async fn rotate(control: &Control, id: &str) -> anyhow::Result<Value> {
    let (new, secret) = control.access_key_rotate(id).await?;
    Ok(json!({
        "access_key_id": new.as_str(),
        "secret": secret.expose_secret(),
        "replaces": id,
    }))
}

pub async fn set_active(control: &Control, id: &str, active: bool) -> anyhow::Result<Value> {
    control.access_key_set_active(id, active).await?;
    Ok(json!({ "access_key_id": id, "active": active }))
}
