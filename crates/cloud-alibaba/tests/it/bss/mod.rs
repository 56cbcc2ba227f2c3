//! The order system of Alibaba Cloud, bytes in and bytes out, over a whole control plane without Kafka.

#![expect(clippy::unwrap_used, reason = "a test panics where it goes wrong")]

mod conformance;
mod order;
mod price;
mod purchase;
mod query;
mod term;
mod token;

use brokerage_testkit::{Answer, Plane};
use serde_json::Value;

/// Version of the order system.
const VERSION: &str = "2017-12-14";

/// A call with its parameters, JSON asked for.
async fn call(plane: &Plane, action: &str, params: &[(&str, &str)]) -> Answer {
    plane.aliyun(action, VERSION, params).await
}

/// `Data` of a call that has to succeed.
async fn data(plane: &Plane, action: &str, params: &[(&str, &str)]) -> Value {
    let answer = call(plane, action, params).await;
    assert_eq!(
        answer.json["Success"], true,
        "{action} {params:?}: {}",
        answer.body
    );
    answer.json["Data"].clone()
}

/// Parameters of a purchase: the given ones, then `Parameter.N` of the properties.
fn purchase(params: &[(&str, &str)], properties: &[(&str, &str)]) -> Vec<(String, String)> {
    let plain = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let numbered = (1..).zip(properties).flat_map(|(number, (code, value))| {
        [
            (format!("Parameter.{number}.Code"), (*code).to_owned()),
            (format!("Parameter.{number}.Value"), (*value).to_owned()),
        ]
    });
    plain.chain(numbered).collect()
}

/// Buys with such parameters.
async fn buy(plane: &Plane, params: &[(&str, &str)], properties: &[(&str, &str)]) -> Answer {
    let pairs = purchase(params, properties);
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    call(plane, "CreateInstance", &pairs).await
}

/// Pay-as-you-go.
const POST: &[(&str, &str)] = &[
    ("ProductCode", "alikafka"),
    ("ProductType", "alikafka_post"),
    ("SubscriptionType", "PayAsYouGo"),
];
/// A year in advance.
const PRE: &[(&str, &str)] = &[
    ("ProductCode", "alikafka"),
    ("ProductType", "alikafka_pre"),
    ("SubscriptionType", "Subscription"),
    ("Period", "12"),
];
/// The smallest cluster that the price list works an example for: 3.22 CNY an hour, 1908.50 CNY a month.
const SMALL: &[(&str, &str)] = &[
    ("RegionId", "cn-hangzhou"),
    ("SpecType", "normal"),
    ("IoMaxSpec", "alikafka.hw.2xlarge"),
    ("DiskType", "1"),
    ("DiskSize", "500"),
    ("TopicQuota", "50"),
];

/// The code of a refusal.
fn code(answer: &Answer) -> &str {
    answer.json["Code"].as_str().unwrap_or("")
}

/// A list with some pairs changed; an empty value takes one away.
fn with<'a>(
    base: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let kept = base
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes.iter().filter(|(_, value)| !value.is_empty()))
        .copied()
        .collect()
}
