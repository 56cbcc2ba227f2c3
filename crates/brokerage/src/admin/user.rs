//! Kafka users of instances, for the operator.

use brokerage_control::Control;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Password;

pub async fn put(
    control: &Control,
    instance: &str,
    (name, password): (String, Option<Password>),
    is_super: Option<bool>,
) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let chosen = password.map(|given| given.0);
    let is_drawn = chosen.is_none();
    let password = control
        .user_put(&instance.id, &name, chosen, is_super)
        .await?;
    let mut shown = json!({ "user": name });
    if let Some(is_super) = is_super {
        shown["super"] = json!(is_super);
    }
    if let Some(password) = password.filter(|_| is_drawn) {
        shown["password"] = json!(password.expose_secret());
    }
    let mut kinds = instance.plan.listeners.kinds();
    if !kinds.any(|kind| kind.security_protocol.has_sasl()) {
        shown["warning"] = json!(
            "no listener of this instance asks for a password: it was ordered while serve had no SASL in \
             --broker-security"
        );
    }
    Ok(shown)
}

pub async fn delete(control: &Control, instance: &str, name: &str) -> anyhow::Result<Value> {
    let id = control.instance_find(instance).await?.id;
    control.user_delete(&id, name).await?;
    Ok(json!({ "user": name, "deleted": true }))
}

pub async fn list(control: &Control, instance: &str) -> anyhow::Result<Value> {
    let id = control.instance_find(instance).await?.id;
    let users = control.user_list(&id).await?;
    let rows = users
        .iter()
        .map(|user| json!({ "user": user.name, "super": user.is_super }));
    Ok(Value::Array(rows.collect()))
}
