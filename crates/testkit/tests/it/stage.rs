//! An operation where its sample succeeds, for what holds for every operation.

use std::collections::BTreeMap;

use brokerage_control::access_key::NewKey;
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::id::AccessKeyId;
use brokerage_testkit::calls::{Example, Operation, Player};
use brokerage_testkit::{Answer, HOST, Plane};
use brokerage_wire::WireRequest;
use brokerage_wire::client::{ClientCall, Refusal};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::Table;
use brokerage_wire::params::Param;
use secrecy::SecretString;
use serde_json::{Value, json};

/// The secret of every key that [`key`] makes.
pub const SECRET: &str = "secret";

/// A player that has played what an operation needs.
pub async fn prepared(plane: &Plane, operation: Operation) -> Player<'_, Plane> {
    let mut player = Player::new(plane);
    let played = player.prepare(operation).await;
    played.unwrap_or_else(|fault| panic!("{operation}: {fault:?}"));
    player
}

/// The calls of an operation that are not refused.
pub fn accepted(operation: Operation) -> impl Iterator<Item = &'static Example> {
    let calls = operation.file().calls.iter();
    calls.filter(|example| example.refused.is_none())
}

/// What was saved of what was bought: a sandbox makes the networks that whoever names.
pub fn bought(player: &Player<'_, Plane>) -> BTreeMap<String, Value> {
    let mut bought = player.saved().clone();
    bought.retain(|name, _| !["network", "subnet"].contains(&name.as_str()));
    bought
}

/// Whether a call names something that was saved.
pub fn names_saved(example: &Example, saved: &BTreeMap<String, Value>) -> bool {
    let text = Value::Object(example.send.clone()).to_string();
    saved
        .keys()
        .any(|name| text.contains(&format!("{{{name}}}")))
}

/// Whether an answer tells of something that was saved.
pub fn tells(answer: &Answer, saved: &BTreeMap<String, Value>) -> bool {
    let mut texts = saved.values().filter_map(Value::as_str);
    texts.any(|text| answer.body.contains(&format!("\"{text}\"")))
}

/// The request of a call in a region; not signed.
pub fn request(operation: Operation, params: &Param, region: &str) -> WireRequest {
    let call = ClientCall {
        table: operation.table,
        row: operation.row,
        host: HOST,
        region,
        params,
    };
    (operation.cloud.client.request)(&call).expect("a request")
}

/// A request signed by a key. What its scope is limited to is not the region of the call.
pub fn signed_by(
    plane: &Plane,
    operation: Operation,
    request: WireRequest,
    (id, secret): (&str, &str),
) -> WireRequest {
    let (scheme, service) = (operation.cloud.client.scheme, operation.table.service);
    plane.signed_by(id, secret, request, scheme, operation.region(), service)
}

/// The code of a refusal; empty for a success.
pub fn code(operation: Operation, answer: &Answer) -> String {
    let refusal = (operation.cloud.client.refusal)(&answer.json);
    refusal.map_or_else(String::new, |Refusal { code, .. }| code)
}

/// How a dialect says that what was named is not there.
pub fn not_there(table: &Table) -> &'static [&'static str] {
    match table.dialect {
        "alikafka" => &["AUTH_RESOURCE_OWNER_ERROR"],
        "aliyun-vpc" => &["InvalidVSwitchId.NotFound"],
        "bss" => &["InvalidInstanceId", "InvalidOrderId"],
        "ckafka" => &["InvalidParameterValue.InstanceNotExist", "ResourceNotFound"],
        "ckafka-tag" => &["ResourceNotFound"],
        "jdkafka" | "jdvpc" => &["NOT_FOUND"],
        other => panic!("say how {other} has nothing"),
    }
}

/// Whether a caller was told that it may not.
pub fn is_forbidden(operation: Operation, answer: &Answer) -> bool {
    let not_permitted = CallError::Domain(Error::Forbidden {
        action: String::new(),
    });
    code(operation, answer) == (operation.table.fault)(&not_permitted).code
}

/// Makes a key of the sandbox account.
///
/// # Errors
/// Where its policy means nothing.
pub async fn key(plane: &Plane, id: &str, policy: Value) -> Result<(), Error> {
    let account = plane.control.account_view("sandbox").await?;
    let policy: Policy = serde_json::from_value(policy).expect("a policy");
    let new = NewKey {
        id: Some(AccessKeyId::new(id)),
        secret: Some(SecretString::from(SECRET)),
        session_token: None,
        policy,
    };
    let made = plane.control.access_key_create(&account.id, new).await;
    made.map(drop)
}

/// A statement of a policy about every action.
pub fn statement(effect: &str, resources: &[String]) -> Value {
    json!({ "effect": effect, "actions": ["*"], "resources": resources })
}
