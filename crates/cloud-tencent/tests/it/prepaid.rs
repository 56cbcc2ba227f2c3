//! Prepaid clusters: bought, changed, renewed, isolated and given back, with the money right after each.

use std::sync::Arc;

use brokerage_domain::clock::Moment;
use brokerage_domain::instance::Phase;
use brokerage_domain::money::Currency;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{REGION, call, check_refused, code, detail, example, result, running, with};

/// 2026-11-23T04:00:00Z, when test time begins.
const BEGINNING_S: i64 = 1_795_406_400;
const DAY_S: i64 = 86_400;

/// What has been paid since the account had `of`, in millionths.
async fn available(plane: &Plane) -> i64 {
    let account = plane.context("ckafka", REGION).await.principal.account_id;
    let balance = plane.control.account_balance(&account, Currency::Cny).await;
    balance.unwrap().available().micros()
}

/// The example for a month: 1690 for 20 MB/s, and 200 GB at 35 for each hundred.
const MONTH: i64 = 1_760_000_000;

fn purchase(changes: Value) -> Value {
    let month = json!({ "Period": "1m", "PublicNetworkMonthly": null });
    crate::calls::changed(with(month), &changes)
}

async fn bought(plane: &Plane, changes: Value) -> String {
    let answer = result(plane, "CreateInstancePre", purchase(changes)).await;
    answer["Data"]["InstanceId"].as_str().unwrap().to_owned()
}

async fn at_day(plane: &Plane, day: i64) {
    plane
        .clock
        .set(Moment::from_seconds(BEGINNING_S + day * DAY_S));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_is_bought_changed_renewed_and_given_back() {
    let plane = Plane::sandbox().await;
    let before = available(&plane).await;
    let paid = async || before - available(&plane).await;
    let id = bought(&plane, json!({})).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(paid().await, MONTH);
    plane.assert_ledger().await;
    let shown = detail(&plane, &id).await;
    assert_eq!(shown["ExpireTime"], BEGINNING_S + 30 * DAY_S);
    assert_eq!(shown["RenewFlag"], 0);
    let attributes = result(
        &plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    assert_eq!(attributes["InstanceChargeType"], "PREPAID");

    // 100 GB more, for the twenty days that are left of thirty; every size is said, as Terraform does.
    at_day(&plane, 10).await;
    let sizes = json!({ "InstanceId": id, "DiskSize": 300, "BandWidth": 20, "Partition": 400 });
    let modified = result(&plane, "ModifyInstancePre", sizes.clone()).await;
    assert!(modified["Data"]["DealNames"][0].is_string(), "{modified}");
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(detail(&plane, &id).await["DiskSize"], 300);
    let difference = 23_333_334;
    assert_eq!(paid().await, MONTH + difference);
    // What is there already is no order.
    result(&plane, "ModifyInstancePre", sizes).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(paid().await, MONTH + difference);
    plane.assert_ledger().await;

    // Two months behind the one that runs; they are priced as an inquiry says.
    let inquiry = json!({
        "InstanceType": "profession", "CategoryAction": "renew", "InstanceId": id,
        "InstanceChargeParam": { "InstanceChargeType": "PREPAID", "InstanceChargePeriod": 2 },
    });
    let price = result(&plane, "InquireCkafkaPrice", inquiry).await;
    assert_eq!(price["InstancePrice"]["DiscountPrice"], 3_590.0);
    let renew = json!({ "InstanceId": id, "TimeSpan": 2 });
    result(&plane, "RenewCkafkaInstance", renew).await;
    assert_eq!(paid().await, MONTH + difference + 3_590_000_000);
    let months = [30, 31, 31].map(|days| days * DAY_S);
    let end = BEGINNING_S + months.iter().sum::<i64>();
    assert_eq!(detail(&plane, &id).await["ExpireTime"], end);
    plane.assert_ledger().await;

    // A change for what is left of all three months.
    let sizes = json!({ "InstanceId": id, "DiskSize": 400 });
    result(&plane, "ModifyInstancePre", sizes).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let second = 3 * 35_000_000 * 82 / 92 + 1;
    assert_eq!(paid().await, MONTH + difference + 3_590_000_000 + second);

    // 82 of 92 days come back, at the present price of 1830 a month.
    let before_refund = paid().await;
    let deleted = result(&plane, "DeleteInstancePre", json!({ "InstanceId": id })).await;
    assert_eq!(deleted["Data"]["InstanceId"], id.as_str());
    let back = 3 * 1_830_000_000 * 82 / 92;
    assert_eq!(before_refund - paid().await, back);
    plane.wait_for("ckafka", &id, Phase::Gone).await;
    assert_eq!(detail(&plane, &id).await, Value::Null);
    assert_eq!(before_refund - paid().await, back);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_ran_is_paid_back_whole() {
    let plane = Plane::sandbox().await;
    let before = available(&plane).await;
    let id = bought(&plane, json!({ "InstanceNum": 2 })).await;
    assert_eq!(before - available(&plane).await, 2 * MONTH);
    // Before it runs or just after: no time has passed.
    let delete = json!({ "InstanceId": id });
    result(&plane, "DeleteInstancePre", delete.clone()).await;
    let again = call(&plane, "DeleteInstancePre", delete).await;
    assert!(
        ["", "InvalidParameterValue.InstanceNotExist"].contains(&code(&again)),
        "{}",
        again.body
    );
    plane.wait_for("ckafka", &id, Phase::Gone).await;
    assert_eq!(before - available(&plane).await, MONTH);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_cluster_keeps_its_data_until_it_is_renewed() {
    let plane = Plane::sandbox().await;
    let id = bought(&plane, json!({ "RenewFlag": 1 })).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(detail(&plane, &id).await["RenewFlag"], 1);
    let topic =
        json!({ "InstanceId": id, "TopicName": "kept", "PartitionNum": 1, "ReplicaNum": 2 });
    result(&plane, "CreateTopic", topic.clone()).await;
    let paid = available(&plane).await;
    let of = json!({ "InstanceId": id });
    let isolated = result(&plane, "IsolatedInstancePre", of.clone()).await;
    plane.wait_for("ckafka", &id, Phase::Stopped).await;
    let shown = detail(&plane, &id).await;
    assert_eq!(
        (&shown["Status"], shown["RenewFlag"].as_i64()),
        (&json!(5), Some(1))
    );
    let flow = json!({ "FlowId": isolated["Data"]["FlowId"] });
    assert_eq!(
        result(&plane, "DescribeTaskStatus", flow).await["Status"],
        0
    );
    assert_eq!(
        available(&plane).await,
        paid,
        "isolating costs and gives nothing"
    );
    let refused = call(&plane, "CreateTopic", topic).await;
    assert_ne!(code(&refused), "", "nothing can be made in it");
    // Terraform's word for one month.
    result(
        &plane,
        "RenewCkafkaInstance",
        json!({ "InstanceId": id, "TimeSpan": 0 }),
    )
    .await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let names: Vec<String> = plane
        .topics(&id)
        .await
        .into_iter()
        .map(|t| t.name)
        .collect();
    assert_eq!(names, ["kept"]);
    assert_eq!(paid - available(&plane).await, MONTH);
    assert_eq!(
        detail(&plane, &id).await["ExpireTime"],
        BEGINNING_S + 61 * DAY_S
    );
    plane.assert_ledger().await;
}

/// Renewals at once: each is paid and lengthens the term, or is neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn renewals_at_once_are_all_paid_or_refused() {
    let plane = Arc::new(Plane::sandbox().await);
    let id = bought(&plane, json!({})).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let before = available(&plane).await;
    let calls = (0..12).map(|_| {
        let (plane, id) = (plane.clone(), id.clone());
        tokio::spawn(async move {
            let renew = json!({ "InstanceId": id, "TimeSpan": 1 });
            let answer = call(&plane, "RenewCkafkaInstance", renew).await;
            let code = code(&answer).to_owned();
            assert!(
                ["", "ResourceInUse"].contains(&code.as_str()),
                "{}",
                answer.body
            );
            code.is_empty()
        })
    });
    let mut renewed = 0;
    for call in calls.collect::<Vec<_>>() {
        renewed += u32::from(call.await.unwrap());
    }
    assert!(renewed >= 1);
    let end = Moment::from_seconds(BEGINNING_S).plus_months(1 + renewed);
    assert_eq!(detail(&plane, &id).await["ExpireTime"], end.seconds());
    assert_eq!(before - available(&plane).await, i64::from(renewed) * MONTH);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_by_the_hour_has_no_term() {
    let plane = Plane::sandbox().await;
    let (post, pre) = (running(&plane).await, bought(&plane, json!({})).await);
    plane.wait_for("ckafka", &pre, Phase::Running).await;
    for action in [
        "DeleteInstancePre",
        "IsolatedInstancePre",
        "ModifyInstancePre",
        "RenewCkafkaInstance",
    ] {
        let more = match action {
            "ModifyInstancePre" => json!({ "DiskSize": 300 }),
            "RenewCkafkaInstance" => json!({ "TimeSpan": 1 }),
            _ => json!({}),
        };
        let of = |id: &str| crate::calls::changed(json!({ "InstanceId": id }), &more);
        let cases = vec![
            (of(&post), "InvalidParameterValue.WrongAction"),
            (
                of("ckafka-00000001"),
                "InvalidParameterValue.InstanceNotExist",
            ),
        ];
        check_refused(&plane, action, cases).await;
    }
    check_refused(
        &plane,
        "DeleteInstancePost",
        vec![(json!({ "InstanceId": pre }), "OperationDenied")],
    )
    .await;
    // Protection holds for it, too.
    let protect = json!({ "InstanceId": pre, "DeleteProtectionEnable": 1 });
    result(&plane, "ModifyInstanceAttributes", protect).await;
    check_refused(
        &plane,
        "DeleteInstancePre",
        vec![(json!({ "InstanceId": pre }), "OperationDenied")],
    )
    .await;
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_and_editions_are_checked() {
    let plane = Plane::sandbox().await;
    let value = "InvalidParameterValue";
    let cases = [
        (
            json!({ "Period": "" }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (json!({ "Period": "0m" }), value),
        (json!({ "Period": "37m" }), value),
        (json!({ "Period": "-1m" }), value),
        (json!({ "Period": "+1m" }), value),
        (json!({ "Period": "1" }), value),
        (json!({ "Period": "1M" }), value),
        (json!({ "Period": "99999999999m" }), value),
        (json!({ "Period": null }), "MissingParameter"),
        (json!({ "ZoneId": null }), "MissingParameter"),
        (json!({ "RenewFlag": 3 }), value),
        (json!({ "RenewFlag": -1 }), value),
        (json!({ "TopicNum": 800 }), "UnknownParameter"),
        (json!({ "InstanceType": 2 }), value),
        (json!({ "InstanceNum": 51 }), value),
    ];
    let cases = cases.map(|(changes, code)| (purchase(changes), code));
    check_refused(&plane, "CreateInstancePre", cases.into()).await;
    // The standard edition is sold by the month, by its bandwidth.
    let standard = json!({
        "SpecificationsType": "standard", "BandWidth": 100, "Partition": null, "DiskSize": null, "DiskType": null,
        "Period": "12m",
    });
    let before = available(&plane).await;
    let id = bought(&plane, standard).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(before - available(&plane).await, 12 * 524_000_000);
    let days_of_a_year = 365 * DAY_S;
    assert_eq!(
        detail(&plane, &id).await["ExpireTime"],
        BEGINNING_S + days_of_a_year
    );
    // Nothing of a refused purchase is there.
    let listed = result(&plane, "DescribeInstances", json!({})).await;
    assert_eq!(listed["TotalCount"], 1);
    assert_eq!(example()["BandWidth"], 20);
    plane.assert_ledger().await;
}

/// A cluster that is upgraded is told so: its Kafka is another, and never an older one.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_changes_the_release_of_the_cluster() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let upgrade =
        json!({ "InstanceId": id, "Type": 1, "SourceVersion": "2.4.2", "TargetVersion": "3.2.3" });
    let upgraded = result(&plane, "UpgradeBrokerVersion", upgrade).await;
    let flow = json!({ "FlowId": upgraded["Data"]["FlowId"] });
    crate::calls::flow_done(&plane, &flow).await;
    let spec = crate::effect::spec(&plane, &id).await;
    assert_eq!(spec.kafka_version, "3.2.3");
    assert_eq!(detail(&plane, &id).await["Version"], "3.2.3");
    let told = result(&plane, "DescribeCkafkaVersion", json!({ "InstanceId": id })).await;
    assert_eq!(told["KafkaVersion"], "3.2.3");
    // What was bought can be changed as before.
    let larger = json!({ "InstanceId": id, "UpgradeStrategy": 1, "DiskSize": 300 });
    result(&plane, "InstanceScalingDown", larger).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let spec = crate::effect::spec(&plane, &id).await;
    assert_eq!(spec.kafka_version, "3.2.3");
}
