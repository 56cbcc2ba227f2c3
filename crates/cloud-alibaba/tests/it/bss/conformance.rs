//! The table held against the vendor's model, through the committed lists of what is not served.

use std::path::PathBuf;

use brokerage_cloud_alibaba::bss::TABLE;
use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use brokerage_testkit::conformance::{Answers, Conformance, Model, assert_listed};

use super::{PRE, SMALL, VERSION, buy, with};

fn conformance() -> Conformance {
    Conformance {
        table: &TABLE,
        model: Model::read(include_str!("../../../../../models/bss.json")),
    }
}

fn list(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("coverage/bss")
        .join(name)
}

#[test]
fn operations_without_a_row_are_listed() {
    assert_eq!(TABLE.version, VERSION);
    assert_listed(&list("unimplemented.txt"), &conformance().unimplemented());
}

#[test]
fn parameters_without_effect_are_listed_with_a_reason() {
    assert_listed(&list("ignored-parameters.txt"), &conformance().ignored());
}

#[test]
fn required_parameters_are_named_when_they_are_missing() {
    conformance().assert_required(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_hold_the_models_keys_and_types_or_the_keys_are_listed() {
    let plane = Plane::sandbox().await;
    let conformance = conformance();
    let mut answers = Answers::default();
    let renewing = with(
        PRE,
        &[("RenewalStatus", "AutoRenewal"), ("RenewPeriod", "12")],
    );
    let bought = buy(&plane, &renewing, SMALL).await;
    answers.record(&conformance.model, "CreateInstance", &bought.json);
    let instance = bought.json["Data"]["InstanceId"]
        .as_str()
        .expect(&bought.body)
        .to_owned();
    let order = bought.json["Data"]["OrderId"]
        .as_str()
        .expect(&bought.body)
        .to_owned();
    super::purchase::start(&plane, &instance, Phase::Running).await;
    let module = [
        ("ModuleList.1.ModuleCode", "DiskSize"),
        (
            "ModuleList.1.Config",
            "DiskType:1,DiskSize:500,RegionId:cn-hangzhou",
        ),
    ];
    let pre = [
        ("ProductCode", "alikafka"),
        ("SubscriptionType", "Subscription"),
        ("OrderType", "NewOrder"),
    ];
    let post = [
        ("ProductCode", "alikafka"),
        ("SubscriptionType", "PayAsYouGo"),
    ];
    for (action, params) in [
        ("DescribePricingModule", post.to_vec()),
        ("GetOrderDetail", vec![("OrderId", order.as_str())]),
        ("GetPayAsYouGoPrice", [&post[..], &module].concat()),
        ("GetSubscriptionPrice", [&pre[..], &module].concat()),
        ("QueryAccountBalance", vec![]),
        ("QueryAvailableInstances", vec![]),
        ("QueryOrders", vec![]),
        (
            "QueryProductList",
            vec![("PageNum", "1"), ("QueryTotalCount", "true")],
        ),
    ] {
        let answer = super::call(&plane, action, &params).await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.body);
        answers.record(&conformance.model, action, &answer.json);
    }
    assert_listed(
        &list("absent-response-keys.txt"),
        &answers.absent(&conformance),
    );
}
