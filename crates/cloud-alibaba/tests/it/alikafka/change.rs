//! Upgrades and downgrades of what was bought.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_engine::Engine;
use brokerage_engine::fake::Fault;
use brokerage_testkit::Plane;
use serde_json::json;

use super::{EXAMPLE, REGION, bought, call, code, done, refused, running, shown, started, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_changes_what_it_names_and_nothing_else() {
    let plane = Plane::sandbox().await;
    // Terraform says all of these, changed or not.
    let terraform = [
        ("DiskSize", "900"),
        ("SpecType", "normal"),
        ("EipModel", "false"),
        ("EipMax", "0"),
    ];
    for (changes, key, expected) in [
        (vec![("DiskSize", "1000")], "DiskSize", json!(1_000)),
        (
            vec![("IoMax", "30")],
            "IoMaxSpec",
            json!("alikafka.hw.3xlarge"),
        ),
        (
            vec![("IoMax", "120"), ("IoMaxSpec", "alikafka.hw.3xlarge")],
            "IoMax",
            json!(30),
        ),
        (vec![("TopicQuota", "60")], "TopicNumLimit", json!(60)),
        (vec![("PartitionNum", "50")], "TopicNumLimit", json!(1_050)),
        (
            vec![("SpecType", "professional")],
            "SpecType",
            json!("professional"),
        ),
        (
            vec![("EipModel", "true"), ("EipMax", "3")],
            "DeployType",
            json!(4),
        ),
        (
            vec![("EipModel", "true"), ("EipMax", "3")],
            "EipMax",
            json!(3),
        ),
    ] {
        let id = running(&plane).await;
        let before = shown(&plane, &id).await;
        let named: Vec<(&str, Option<&str>)> = changes
            .iter()
            .map(|(name, value)| (*name, Some(*value)))
            .collect();
        let params = with(
            &with(&terraform, &named),
            &[("InstanceId", Some(id.as_str()))],
        );
        done(&plane, "UpgradePostPayOrder", &params).await;
        plane.wait_for("alikafka", &id, Phase::Running).await;
        let after = shown(&plane, &id).await;
        assert_eq!(after[key], expected, "{changes:?}");
        for key in [
            "EndPoint",
            "Name",
            "DiskType",
            "PaidType",
            "CreateTime",
            "MsgRetain",
        ] {
            assert_eq!(after[key], before[key], "{changes:?}: {key}");
        }
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_goes_the_other_way_is_refused() {
    let plane = Plane::sandbox().await;
    let order = with(
        &EXAMPLE,
        &[
            ("SpecType", Some("professional")),
            ("IoMaxSpec", Some("alikafka.hw.3xlarge")),
        ],
    );
    let (_, id) = bought(&plane, &order).await;
    let of = |changes: &[(&'static str, &'static str)]| {
        let mut params = vec![("InstanceId", id.as_str())];
        params.extend_from_slice(changes);
        params
    };
    let up = "UpgradePostPayOrder";
    assert_eq!(
        refused(&plane, up, &of(&[("DiskSize", "1000")])).await.1,
        "BIZ.INSTANCE.STATUS.ERROR",
        "not started"
    );
    started(&plane, &id, &[]).await;
    for (action, changes) in [
        (up, vec![("DiskSize", "800")]),
        (up, vec![("DiskSize", "950")]),
        (up, vec![("IoMaxSpec", "alikafka.hw.2xlarge")]),
        (up, vec![("SpecType", "normal")]),
        (up, vec![("TopicQuota", "40")]),
        (up, vec![("EipModel", "true")]),
        ("DowngradePostPayOrder", vec![("DiskSize", "1000")]),
        ("DowngradePostPayOrder", vec![("SpecType", "normal")]),
        ("UpgradePrePayOrder", vec![("DiskSize", "1000")]),
    ] {
        assert_eq!(
            refused(&plane, action, &of(&changes)).await,
            (400, FIELD.to_owned()),
            "{action} {changes:?}"
        );
    }
    done(
        &plane,
        "DowngradePostPayOrder",
        &of(&[("IoMaxSpec", "alikafka.hw.2xlarge"), ("DiskSize", "800")]),
    )
    .await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    let after = shown(&plane, &id).await;
    assert_eq!(
        (&after["IoMax"], &after["DiskSize"]),
        (&json!(20), &json!(800))
    );
    plane.assert_ledger().await;
}

/// Terraform says all of these with each change: 0 and false for what its user did not write.
#[tokio::test(flavor = "multi_thread")]
async fn zero_and_what_is_there_already_change_nothing() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let before = shown(&plane, &id).await;
    let quota =
        async || done(&plane, "GetQuotaTip", &[("InstanceId", &id)]).await["QuotaData"].clone();
    let quota_before = quota().await;
    for changes in [
        vec![],
        vec![
            ("PartitionNum", "0"),
            ("TopicQuota", "0"),
            ("DiskSize", "0"),
            ("IoMax", "0"),
        ],
        vec![("EipModel", "false"), ("EipMax", "0")],
        vec![
            ("DiskSize", "900"),
            ("SpecType", "normal"),
            ("TopicQuota", "50"),
            ("PartitionNum", "0"),
        ],
    ] {
        for action in ["UpgradePostPayOrder", "DowngradePostPayOrder"] {
            let mut params = vec![("InstanceId", id.as_str())];
            params.extend_from_slice(&changes);
            done(&plane, action, &params).await;
            assert_eq!(shown(&plane, &id).await, before, "{action} {changes:?}");
            assert_eq!(quota().await, quota_before, "{action} {changes:?}");
        }
    }
    // Beside a change, too.
    let larger = [
        ("InstanceId", id.as_str()),
        ("DiskSize", "1000"),
        ("PartitionNum", "0"),
    ];
    done(&plane, "UpgradePostPayOrder", &larger).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    assert_eq!(shown(&plane, &id).await["DiskSize"], 1_000);
    assert_eq!(quota().await, quota_before);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_becomes_public_and_private_again() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for (eip_model, eip_max, expected) in [
        ("true", "5", (json!(4), json!(5))),
        // 0 beside what stays public is no bandwidth that was asked for.
        ("true", "0", (json!(4), json!(5))),
        ("false", "5", (json!(5), json!(0))),
        ("true", "3", (json!(4), json!(3))),
        ("false", "0", (json!(5), json!(0))),
    ] {
        let params = [
            ("InstanceId", id.as_str()),
            ("EipModel", eip_model),
            ("EipMax", eip_max),
        ];
        done(&plane, "UpgradePostPayOrder", &params).await;
        plane.wait_for("alikafka", &id, Phase::Running).await;
        let after = shown(&plane, &id).await;
        assert_eq!(
            (after["DeployType"].clone(), after["EipMax"].clone()),
            expected,
            "{eip_model} {eip_max}"
        );
    }
    let public = [
        ("InstanceId", id.as_str()),
        ("EipModel", "true"),
        ("EipMax", "3"),
    ];
    assert_eq!(
        refused(&plane, "DowngradePostPayOrder", &public).await.1,
        FIELD
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_must_fit_a_downgrade() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &with(&EXAMPLE, &[("TopicQuota", Some("60"))])).await;
    started(&plane, &id, &[]).await;
    let before = shown(&plane, &id).await;
    let cluster = InstanceId::new(id.as_str());
    let check = async |change: (&str, &str), expected: &str| {
        let params = [("InstanceId", id.as_str()), change, ("RegionId", REGION)];
        let answer = call(&plane, "DowngradePostPayOrder", &params).await;
        let message = answer.json["Message"].as_str().unwrap_or_default();
        assert_eq!((answer.status, code(&answer)), (400, FIELD), "{change:?}");
        assert!(message.contains(expected), "{change:?}: {message}");
    };
    // A third of the bought disk holds messages: 300 GB now, 266 GB after.
    plane.engine.use_up(&cluster, 0, 280 << 30);
    check(("DiskSize", "800"), "DiskSize").await;
    // Two groups a topic.
    plane.engine.use_up(&cluster, 101, 0);
    check(("TopicQuota", "50"), "TopicQuota").await;
    plane.engine.use_up(&cluster, 0, 0);
    // 400 partitions come with 50 topics, and 16 with each further one.
    for name in ["one", "two"] {
        let topic = [
            ("InstanceId", id.as_str()),
            ("Topic", name),
            ("Remark", "r"),
            ("PartitionNum", "204"),
        ];
        done(&plane, "CreateTopic", &topic).await;
    }
    check(("TopicQuota", "50"), "PartitionNum").await;
    assert_eq!(shown(&plane, &id).await["DiskSize"], before["DiskSize"]);
    // What still fits is sold.
    let fits = [("InstanceId", id.as_str()), ("TopicQuota", "51")];
    done(&plane, "DowngradePostPayOrder", &fits).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    assert_eq!(shown(&plane, &id).await["TopicNumLimit"], 51);
    plane.assert_ledger().await;
}

/// After a start of the process nobody knows what a cluster uses until the engine has started it, too.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_becomes_smaller_that_cannot_be_seen() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let cluster = InstanceId::new(id.as_str());
    // The reconciler looks once more after its last step: what it then misses it cannot bring back.
    plane.engine.script_ensure(vec![Fault::Fail; 20]);
    plane.engine.stop_cluster(&cluster).await.unwrap();
    let smaller = [("InstanceId", id.as_str()), ("DiskSize", "800")];
    assert_eq!(
        refused(&plane, "DowngradePostPayOrder", &smaller).await.1,
        "BIZ.INSTANCE.STATUS.ERROR"
    );
    let larger = [("InstanceId", id.as_str()), ("DiskSize", "1000")];
    done(&plane, "UpgradePostPayOrder", &larger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_upgraded_by_an_order() {
    let plane = Plane::sandbox().await;
    let order = done(&plane, "CreatePrePayOrder", &EXAMPLE).await["OrderId"]
        .as_str()
        .unwrap()
        .to_owned();
    let listed = done(&plane, "GetInstanceList", &[("OrderId", &order)]).await;
    let id = listed["InstanceList"]["InstanceVO"][0]["InstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    started(&plane, &id, &[]).await;
    let answer = done(
        &plane,
        "UpgradePrePayOrder",
        &[("InstanceId", &id), ("DiskSize", "1000"), ("PaidType", "0")],
    )
    .await;
    assert!(
        answer["OrderId"].as_str().is_some_and(|paid| paid != order),
        "{answer}"
    );
    plane.wait_for("alikafka", &id, Phase::Running).await;
    assert_eq!(shown(&plane, &id).await["DiskSize"], 1_000);
    plane.assert_ledger().await;
}
