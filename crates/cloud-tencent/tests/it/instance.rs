//! Instances: listing, reading, changing and giving them up.

use brokerage_control::instance::{AfterRelease, Edit, Resize};
use brokerage_domain::Error;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{
    Phase, PrepaidRelease, ReleaseDenial, ReleaseTerms, TAGS_MAX, Tags,
};
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol};
use brokerage_domain::order::Payment;
use brokerage_testkit::{Plane, PlaneOptions};
use serde_json::{Value, json};

use crate::calls::{bought, call, check_refused, code, detail, example, result, running, with};

#[tokio::test(flavor = "multi_thread")]
async fn the_attributes_of_a_new_instance_are_what_terraform_reads() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let shown = result(
        &plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    assert_eq!(shown["Config"], Value::Null, "null until it is set");
    let off = json!({ "Enable": 0, "DiskQuotaPercentage": 0, "StepForwardPercentage": 0, "BottomRetention": 0 });
    assert_eq!(shown["RetentionTimeConfig"], off, "always an object");
    let absent: Vec<&String> = shown
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| value.is_null())
        .map(|(key, _)| key)
        .collect();
    assert_eq!(absent, ["Config"]);
    assert_eq!(shown["Vip"], shown["VipList"][0]["Vip"]);
    assert!(
        shown["Vport"]
            .as_str()
            .is_some_and(|port| port.parse::<u16>().is_ok()),
        "a port as text"
    );
    assert_eq!(
        shown["VipList"].as_array().map(Vec::len),
        Some(3),
        "one address a broker"
    );
    check_refused(
        &plane,
        "DescribeInstanceAttributes",
        vec![
            (
                json!({ "InstanceId": "ckafka-00000001" }),
                "InvalidParameterValue.InstanceNotExist",
            ),
            (json!({}), "MissingParameter"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_narrowed_by_each_parameter() {
    let plane = Plane::sandbox().await;
    let tagged =
        with(json!({ "InstanceName": "orders", "Tags": [{ "TagKey": "team", "TagValue": "a" }] }));
    let first = bought(&plane, &tagged).await;
    let second = bought(
        &plane,
        &with(json!({ "InstanceName": "payments", "VpcId": "vpc-2", "SubnetId": "subnet-2" })),
    )
    .await;
    for id in [&first, &second] {
        plane.wait_for("ckafka", id, Phase::Running).await;
    }
    let none = Vec::<&str>::new();
    let subnet = "subnet-2";
    for (action, request, expected) in [
        ("DescribeInstances", json!({}), vec![&*first, &*second]),
        (
            "DescribeInstances",
            json!({ "InstanceId": first }),
            vec![&*first],
        ),
        (
            "DescribeInstances",
            json!({ "SearchWord": "pay" }),
            vec![&*second],
        ),
        (
            "DescribeInstances",
            json!({ "Status": [0, 1] }),
            vec![&*first, &*second],
        ),
        ("DescribeInstances", json!({ "Status": [0] }), none.clone()),
        (
            "DescribeInstances",
            json!({ "TagKey": "team" }),
            vec![&*first],
        ),
        (
            "DescribeInstances",
            json!({ "VpcId": "vpc-2" }),
            vec![&*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "InstanceId": "" }),
            vec![&*first, &*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "SearchWord": "ord" }),
            vec![&*first],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "InstanceIdList": [first] }),
            vec![&*first],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "InstanceIds": format!("{first}, {second}") }),
            vec![&*first, &*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "Status": [2] }),
            none.clone(),
        ),
        (
            "DescribeInstancesDetail",
            json!({ "TagKey": "team" }),
            vec![&*first],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "TagList": [{ "TagKey": "team", "TagValue": "a" }] }),
            vec![&*first],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "TagList": [{ "TagKey": "team", "TagValue": "b" }] }),
            none.clone(),
        ),
        (
            "DescribeInstancesDetail",
            json!({ "Filters": [{ "Name": "VpcId", "Values": ["vpc-2"] }] }),
            vec![&*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "Filters": [{ "Name": "SubNetId", "Values": [subnet] }] }),
            vec![&*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "SearchWord": "vpc-2" }),
            vec![&*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "SearchWord": subnet }),
            vec![&*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "SearchWord": "450001" }),
            vec![&*first, &*second],
        ),
        (
            "DescribeInstancesDetail",
            json!({ "SearchWord": "none such" }),
            none.clone(),
        ),
        (
            "DescribeInstancesDetail",
            json!({ "InstanceId": "ckafka-00000001" }),
            none,
        ),
    ] {
        let found = result(&plane, action, request.clone()).await;
        let mut ids: Vec<&str> = found["InstanceList"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["InstanceId"].as_str().unwrap())
            .collect();
        ids.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(ids, expected, "{action} {request}");
        assert_eq!(found["TotalCount"], expected.len(), "{action} {request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_found_by_the_address_that_is_shown_of_it() {
    let mut options = PlaneOptions::default();
    let plain = vec![SecurityProtocol::Plaintext];
    options.settings.listeners = Listeners::new(Addressing::Loopback, plain).unwrap();
    let plane = Plane::start(options).await;
    let (first, second) = (running(&plane).await, running(&plane).await);
    let rows = async |request: Value| -> Vec<Value> {
        let found = result(&plane, "DescribeInstancesDetail", request).await;
        found["InstanceList"].as_array().unwrap().clone()
    };
    let mut vips = Vec::new();
    for id in [&first, &second] {
        let vip = rows(json!({ "InstanceId": id })).await[0]["Vip"].clone();
        let filters = json!([{ "Name": "Ip", "Values": [vip] }]);
        let found = rows(json!({ "Filters": filters })).await;
        let ids: Vec<&Value> = found.iter().map(|row| &row["InstanceId"]).collect();
        assert_eq!(ids, [id], "{vip}");
        vips.push(vip);
    }
    let both = json!([{ "Name": "Ip", "Values": vips }]);
    assert_eq!(rows(json!({ "Filters": both })).await.len(), 2);
    let none = json!([{ "Name": "Ip", "Values": ["10.0.0.1"] }]);
    assert_eq!(rows(json!({ "Filters": none })).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_and_count_all() {
    let plane = Plane::sandbox().await;
    bought(&plane, &with(json!({ "InstanceNum": 12 }))).await;
    for action in ["DescribeInstances", "DescribeInstancesDetail"] {
        let mut seen = Vec::new();
        for (page, expected) in [(json!({}), 10), (json!({ "Offset": 10, "Limit": 100 }), 2)] {
            let found = result(&plane, action, page).await;
            let list = found["InstanceList"].as_array().unwrap();
            assert_eq!(
                (list.len(), &found["TotalCount"]),
                (expected, &json!(12)),
                "{action}"
            );
            seen.extend(
                list.iter()
                    .map(|entry| entry["InstanceId"].as_str().unwrap().to_owned()),
            );
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 12, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_given_up_disappears_and_its_task_ends() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let deleted = result(&plane, "DeleteInstancePost", json!({ "InstanceId": id })).await;
    let flow = deleted["FlowId"].clone();
    assert!(flow.as_i64().is_some_and(|flow| flow > 0));
    plane.wait_for("ckafka", &id, Phase::Gone).await;
    assert_eq!(
        result(&plane, "DescribeTaskStatus", json!({ "FlowId": flow })).await["Status"],
        0
    );
    for action in ["DescribeInstances", "DescribeInstancesDetail"] {
        assert_eq!(
            result(&plane, action, json!({ "InstanceId": id })).await["TotalCount"],
            0,
            "{action}"
        );
    }
    let gone = json!({ "InstanceId": id });
    check_refused(
        &plane,
        "DeleteInstancePost",
        vec![(gone.clone(), "InvalidParameterValue.InstanceNotExist")],
    )
    .await;
    check_refused(
        &plane,
        "DescribeInstanceAttributes",
        vec![(gone, "InvalidParameterValue.InstanceNotExist")],
    )
    .await;
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_changes_is_shown_and_reaches_the_cluster() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let changes = json!({
        "InstanceId": id, "InstanceName": "renamed", "MsgRetentionTime": 1300,
        "Config": { "AutoCreateTopicEnable": true, "DefaultNumPartitions": 3, "DefaultReplicationFactor": 3 },
        "DynamicRetentionConfig": { "Enable": 1, "DiskQuotaPercentage": 75, "StepForwardPercentage": 10, "BottomRetention": 60 },
        "RebalanceTime": 1_795_406_400, "MaxMessageByte": 2_000_000, "UncleanLeaderElectionEnable": 1,
        "RetentionBytes": 1_073_741_824, "TransactionalIdExpirationMs": 3_600_000, "PublicNetwork": 3,
    });
    let answer = result(&plane, "ModifyInstanceAttributes", changes).await;
    assert_eq!(answer["ReturnCode"], "0");
    let shown = result(
        &plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    for (key, expected) in [
        ("InstanceName", json!("renamed")),
        ("MsgRetentionTime", json!(1300)),
        (
            "Config",
            json!({ "AutoCreateTopicsEnable": true, "DefaultNumPartitions": 3, "DefaultReplicationFactor": 3 }),
        ),
        (
            "RetentionTimeConfig",
            json!({ "Enable": 1, "DiskQuotaPercentage": 75, "StepForwardPercentage": 10, "BottomRetention": 60 }),
        ),
        ("MaxMessageByte", json!(2_000_000)),
        ("UncleanLeaderElectionEnable", json!(1)),
        ("RetentionBytes", json!(1_073_741_824)),
        ("TransactionalIdExpirationMs", json!(3_600_000)),
    ] {
        assert_eq!(shown[key], expected, "{key}");
    }
    assert_eq!(
        detail(&plane, &id).await["RebalanceTime"],
        "2026-11-23 12:00:00"
    );
    let task = json!({ "FlowId": answer["Data"]["FlowId"] });
    assert_eq!(
        result(&plane, "DescribeTaskStatus", task).await["Status"],
        0
    );
    let of = brokerage_domain::id::InstanceId::new(id.as_str());
    let wanted = |settings: &ClusterSettings| {
        settings.retention_ms == Some(78_000_000)
            && settings.message_bytes_max == Some(2_000_000)
            && settings.auto_create_topics == Some(true)
    };
    for _ in 0..100_000 {
        let seen = plane.control.instance_observe(&of).await.unwrap();
        if seen
            .and_then(|seen| seen.spec)
            .is_some_and(|spec| wanted(&spec.settings))
        {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the new settings did not reach the cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_outside_their_ranges_are_refused_and_change_nothing() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let before = result(
        &plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    let mut cases = Vec::new();
    for (name, value, expected) in [
        ("MsgRetentionTime", json!(-1), "InvalidParameterValue"),
        ("MsgRetentionTime", json!(129_601), "InvalidParameterValue"),
        (
            "InstanceName",
            json!("x".repeat(129)),
            "InvalidParameterValue",
        ),
        ("MaxMessageByte", json!(1023), "InvalidParameterValue"),
        ("MaxMessageByte", json!(12_582_913), "InvalidParameterValue"),
        (
            "UncleanLeaderElectionEnable",
            json!(2),
            "InvalidParameterValue",
        ),
        ("DeleteProtectionEnable", json!(2), "InvalidParameterValue"),
        ("RetentionBytes", json!(-2), "InvalidParameterValue"),
        ("RebalanceTime", json!(-1), "InvalidParameterValue"),
        (
            "TransactionalIdExpirationMs",
            json!(3_599_999),
            "InvalidParameterValue",
        ),
        (
            "Config",
            json!({ "DefaultNumPartitions": -1 }),
            "InvalidParameterValue",
        ),
        (
            "Config",
            json!({ "DefaultReplicationFactor": 4 }),
            "InvalidParameterValue",
        ),
        (
            "DynamicRetentionConfig",
            json!({ "Enable": 1, "DiskQuotaPercentage": 101 }),
            "InvalidParameterValue",
        ),
        ("PublicNetwork", json!(7), "InvalidParameterValue"),
        ("PublicNetwork", json!(2), "InvalidParameterValue"),
        ("PublicNetwork", json!(1_002), "InvalidParameterValue"),
        ("MsgRetentionTime", json!("60"), "InvalidParameter"),
        ("InstanceName", json!(7), "InvalidParameter"),
        ("Nonsense", json!(1), "UnknownParameter"),
    ] {
        cases.push((
            json!({ "InstanceId": id, "InstanceName": "changed", name: value }),
            expected,
        ));
    }
    check_refused(&plane, "ModifyInstanceAttributes", cases).await;
    assert_eq!(
        result(
            &plane,
            "DescribeInstanceAttributes",
            json!({ "InstanceId": id })
        )
        .await,
        before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_instance_is_not_given_up() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let protect = |on: i64| json!({ "InstanceId": id, "DeleteProtectionEnable": on });
    result(&plane, "ModifyInstanceAttributes", protect(1)).await;
    check_refused(
        &plane,
        "DeleteInstancePost",
        vec![(json!({ "InstanceId": id }), "OperationDenied")],
    )
    .await;
    result(&plane, "ModifyInstanceAttributes", protect(0)).await;
    result(&plane, "DeleteInstancePost", json!({ "InstanceId": id })).await;
    // Asked for again while it goes, it is still the one deletion.
    let again = call(&plane, "DeleteInstancePost", json!({ "InstanceId": id })).await;
    assert!(
        matches!(code(&again), "" | "InvalidParameterValue.InstanceNotExist"),
        "{}",
        again.body
    );
    plane.wait_for("ckafka", &id, Phase::Gone).await;
}

/// Whatever a caller saw before: it is decided where the instance is given up.
#[tokio::test(flavor = "multi_thread")]
async fn protection_that_is_switched_on_at_the_last_moment_holds() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let cx = plane.context("ckafka", "").await;
    let cluster = InstanceId::new(id.as_str());
    let seen = plane.control.instance_view(&cx, &cluster).await.unwrap();
    assert!(!seen.deletion_protected);
    let protect = json!({ "InstanceId": id, "DeleteProtectionEnable": 1 });
    result(&plane, "ModifyInstanceAttributes", protect).await;
    for prepaid in [
        PrepaidRelease::Permitted,
        PrepaidRelease::AfterTerm,
        PrepaidRelease::Denied,
    ] {
        let terms = ReleaseTerms {
            prepaid,
            under_way: true,
        };
        let released = plane
            .control
            .instance_release(
                plane.change("ckafka", "").await,
                &seen.id,
                AfterRelease::Gone,
                terms,
            )
            .await;
        assert!(
            matches!(
                released,
                Err(Error::ReleaseDenied {
                    denial: ReleaseDenial::Protected,
                    ..
                })
            ),
            "{released:?}"
        );
    }
    assert_eq!(detail(&plane, &id).await["Status"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_cannot_be_made_says_so_and_costs_nothing() {
    let plane = Plane::sandbox().await;
    plane
        .engine
        .script_ensure([brokerage_engine::fake::Fault::Refuse]);
    let id = bought(&plane, &example()).await;
    plane.wait_for("ckafka", &id, Phase::Failed).await;
    let shown = detail(&plane, &id).await;
    assert_eq!(
        (&shown["Status"], &shown["Healthy"]),
        (&json!(-1), &json!(3))
    );
    let flow = brokerage_cloud_tencent::ckafka::ids::flow_id(
        &brokerage_domain::id::InstanceId::new(id.as_str()),
    );
    assert_eq!(
        result(&plane, "DescribeTaskStatus", json!({ "FlowId": flow })).await["Status"],
        1
    );
    plane.assert_ledger().await;
}

async fn changed_to(plane: &Plane, id: &str, request: Value) -> Value {
    result(plane, "InstanceScalingDown", request).await;
    plane.wait_for("ckafka", id, Phase::Running).await;
    detail(plane, id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_change_both_ways_and_cost_the_difference() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let account = plane.context("ckafka", "").await.principal.account_id;
    let available = async || {
        let currency = brokerage_domain::money::Currency::Cny;
        plane
            .control
            .account_balance(&account, currency)
            .await
            .unwrap()
            .available()
            .micros()
    };
    let before = available().await;
    let larger = json!({ "InstanceId": id, "UpgradeStrategy": 1, "BandWidth": 40, "DiskSize": 300, "Partition": 800 });
    let shown = changed_to(&plane, &id, larger).await;
    let found = ["Bandwidth", "DiskSize", "MaxPartitionNumber", "Status"].map(|key| &shown[key]);
    assert_eq!(found, [&json!(320), &json!(300), &json!(800), &json!(1)]);
    // By the hour, each list price x 1.2 / 720 rounded up: 1990 for 1690, and 100 GB more at 35.
    assert_eq!(before - available().await, 3_316_667 - 2_816_667 + 58_334);
    let smaller =
        json!({ "InstanceId": id, "UpgradeStrategy": 2, "BandWidth": 20, "Partition": 400 });
    assert_eq!(changed_to(&plane, &id, smaller).await["Bandwidth"], 160);
    let topic = json!({ "InstanceId": id, "TopicName": "t", "PartitionNum": 101, "ReplicaNum": 3 });
    result(&plane, "CreateTopic", topic).await;
    let sizes = |changes: Value| {
        crate::calls::changed(json!({ "InstanceId": id, "UpgradeStrategy": 1 }), &changes)
    };
    check_refused(
        &plane,
        "InstanceScalingDown",
        vec![
            (sizes(json!({ "Partition": 300 })), "InvalidParameterValue"),
            (sizes(json!({ "DiskSize": 250 })), "InvalidParameterValue"),
            (sizes(json!({ "BandWidth": 30 })), "InvalidParameterValue"),
            (
                sizes(json!({ "UpgradeStrategy": 3, "BandWidth": 40 })),
                "InvalidParameterValue",
            ),
            (
                sizes(json!({ "UpgradeStrategy": null })),
                "MissingParameter",
            ),
            (
                sizes(json!({ "InstanceId": "ckafka-00000001" })),
                "InvalidParameterValue.InstanceNotExist",
            ),
        ],
    )
    .await;
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_must_fit_smaller_sizes() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let larger =
        json!({ "InstanceId": id, "UpgradeStrategy": 1, "DiskSize": 400, "Partition": 800 });
    changed_to(&plane, &id, larger).await;
    let topic = json!({ "InstanceId": id, "TopicName": "t", "PartitionNum": 151, "ReplicaNum": 3 });
    result(&plane, "CreateTopic", topic).await;
    // Each byte counts once for each replica, as the bought disk does.
    let cluster = InstanceId::new(id.as_str());
    plane.engine.use_up(&cluster, 0, 350 << 30);
    let check = async |sizes: Value, expected: &str| {
        let request =
            crate::calls::changed(json!({ "InstanceId": id, "UpgradeStrategy": 1 }), &sizes);
        let answer = call(&plane, "InstanceScalingDown", request).await;
        let error = &answer.json["Response"]["Error"];
        assert_eq!(
            (code(&answer), error["Message"].as_str().unwrap_or_default()),
            ("InvalidParameterValue", expected),
        );
    };
    check(
        json!({ "DiskSize": 300 }),
        "The parameter `DiskSize` is less than what is stored already.",
    )
    .await;
    check(
        json!({ "Partition": 400 }),
        "The parameter `Partition` is less than the 453 that are in use.",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_has_to_fit_the_smaller_size_that_is_on_its_way() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let larger = json!({ "InstanceId": id, "UpgradeStrategy": 1, "Partition": 800 });
    changed_to(&plane, &id, larger).await;
    plane
        .engine
        .script_ensure([brokerage_engine::fake::Fault::Fail]);
    let smaller = json!({ "InstanceId": id, "UpgradeStrategy": 1, "Partition": 400 });
    result(&plane, "InstanceScalingDown", smaller).await;
    assert_eq!(detail(&plane, &id).await["Status"], 7, "it is under way");
    let topic = |partitions: i64| json!({ "InstanceId": id, "TopicName": "t", "PartitionNum": partitions, "ReplicaNum": 3 });
    check_refused(&plane, "CreateTopic", vec![(topic(134), "LimitExceeded")]).await;
    result(&plane, "CreateTopic", topic(133)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_bandwidth_is_bought_with_the_free_part_counted() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    result(
        &plane,
        "ModifyInstanceAttributes",
        json!({ "InstanceId": id, "PublicNetwork": 9, "InstanceName": "wide" }),
    )
    .await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let shown = detail(&plane, &id).await;
    assert_eq!(
        (&shown["PublicNetwork"], &shown["InstanceName"]),
        (&json!(9), &json!("wide"))
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_size_and_of_everything_else_is_one_or_none() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let account = plane.context("ckafka", "").await.principal.account_id;
    let money = async || {
        let currency = brokerage_domain::money::Currency::Cny;
        plane
            .control
            .account_balance(&account, currency)
            .await
            .unwrap()
    };
    let shown = async || {
        let of = json!({ "InstanceId": id });
        result(&plane, "DescribeInstanceAttributes", of).await
    };
    let (before, money_before) = (shown().await, money().await);
    // The tags of the instance are as many as there can be, so that the record refuses what comes after the money.
    let cluster = InstanceId::new(id.as_str());
    let cx = plane.context("ckafka", "").await;
    let instance = plane.control.instance_view(&cx, &cluster).await.unwrap();
    let mut request = instance.plan.request(false);
    request.disk_gb = Some(500);
    let resize = Resize {
        plan: plane
            .control
            .catalog("ckafka")
            .unwrap()
            .plan(&request)
            .unwrap(),
        before: instance,
        order_id: OrderId::new("deal-1"),
        payment: Payment::OnDelivery,
    };
    let edit = Edit {
        resize: Some(resize),
        name: Some("n".into()),
        tags: (0..=TAGS_MAX)
            .map(|tag| (tag.to_string(), String::new()))
            .collect(),
        ..Edit::default()
    };
    let refused = plane
        .control
        .instance_edit(plane.change("ckafka", "").await, &cluster, edit.clone())
        .await;
    assert!(
        matches!(refused, Err(Error::LimitReached { .. })),
        "{refused:?}"
    );
    assert_eq!((shown().await, money().await), (before, money_before));
    // Of what is accepted everything is there at once.
    let edit = Edit {
        tags: Tags::new(),
        ..edit
    };
    plane
        .control
        .instance_edit(plane.change("ckafka", "").await, &cluster, edit)
        .await
        .unwrap();
    assert_eq!(shown().await["InstanceName"], "n");
    plane.wait_for("ckafka", &id, Phase::Running).await;
    assert_eq!(shown().await["DiskSize"], 500);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_standard_edition_only_the_disk_grows() {
    let plane = Plane::sandbox().await;
    let id = bought(
        &plane,
        &with(json!({
            "SpecificationsType": "standard", "DiskSize": null, "BandWidth": null, "Partition": null,
        })),
    )
    .await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let shown = changed_to(
        &plane,
        &id,
        json!({ "InstanceId": id, "UpgradeStrategy": 1, "DiskSize": 500 }),
    )
    .await;
    assert_eq!(
        (&shown["DiskSize"], &shown["Bandwidth"]),
        (&json!(500), &json!(320))
    );
    let wider = json!({ "InstanceId": id, "UpgradeStrategy": 1, "BandWidth": 100 });
    check_refused(
        &plane,
        "InstanceScalingDown",
        vec![(wider, "InvalidParameterValue")],
    )
    .await;
}
