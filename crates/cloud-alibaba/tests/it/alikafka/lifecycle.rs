//! From StartInstance to DeleteInstance, as Terraform walks it.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use super::{EXAMPLE, bought, done, refused, running, shown, started, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";
const STATUS: &str = "BIZ.INSTANCE.STATUS.ERROR";

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_lives_from_its_start_to_its_deletion() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &EXAMPLE).await;
    let of = [("InstanceId", id.as_str())];
    assert_eq!(
        refused(&plane, "DeleteInstance", &of).await,
        (400, STATUS.to_owned()),
        "not released"
    );
    started(&plane, &id, &[("Name", Some("orders"))]).await;
    let start = [
        ("InstanceId", id.as_str()),
        ("VpcId", "vpc-1"),
        ("VSwitchId", "vsw-1"),
    ];
    assert_eq!(
        refused(&plane, "StartInstance", &start).await.1,
        STATUS,
        "started before"
    );
    let instance = shown(&plane, &id).await;
    assert_eq!(
        (
            &instance["ServiceStatus"],
            &instance["ViewInstanceStatusCode"]
        ),
        (&json!(5), &json!(2))
    );
    assert_eq!(
        (
            &instance["Name"],
            &instance["VpcId"],
            &instance["VSwitchId"]
        ),
        (&json!("orders"), &json!("vpc-1"), &json!("vsw-1"))
    );
    let endpoint = instance["EndPoint"].as_str().unwrap();
    assert_eq!(
        endpoint
            .split(',')
            .filter(|address| address.starts_with("127.0.0.1:"))
            .count(),
        3,
        "{endpoint}"
    );
    assert_eq!(instance["DomainEndpoint"], instance["EndPoint"]);

    done(
        &plane,
        "ReleaseInstance",
        &with(&of, &[("ForceDeleteInstance", Some("true"))]),
    )
    .await;
    plane.wait_for("alikafka", &id, Phase::Released).await;
    assert_eq!(
        shown(&plane, &id).await["ServiceStatus"],
        15,
        "listed until it is deleted"
    );
    // A destroy that was interrupted here begins with the release again.
    done(&plane, "ReleaseInstance", &of).await;
    assert_eq!(shown(&plane, &id).await["ServiceStatus"], 15);
    // What was in it is gone, and is read so.
    assert_eq!(done(&plane, "GetTopicList", &of).await["Total"], 0);
    done(&plane, "DeleteInstance", &of).await;
    assert_eq!(shown(&plane, &id).await, Value::Null);
    for action in ["ReleaseInstance", "DeleteInstance"] {
        assert_eq!(
            refused(&plane, action, &of).await,
            (404, "AUTH_RESOURCE_OWNER_ERROR".to_owned()),
            "gone"
        );
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_never_started_can_be_released() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &EXAMPLE).await;
    for _ in 0..2 {
        done(&plane, "ReleaseInstance", &[("InstanceId", &id)]).await;
    }
    plane.wait_for("alikafka", &id, Phase::Released).await;
    done(&plane, "DeleteInstance", &[("InstanceId", &id)]).await;
    plane.assert_ledger().await;
}

/// Terraform keeps 0 for a number that is not answered, and "changes" it at every update.
#[tokio::test(flavor = "multi_thread")]
async fn the_default_number_of_partitions_is_shown_as_it_is_in_force() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &EXAMPLE).await;
    let waiting = shown(&plane, &id).await;
    assert_eq!(waiting["DefaultPartitionNum"], 12);
    // An absent list is what an order has until it is started; null ends Terraform.
    assert!(waiting.get("VSwitchIds").is_none(), "{waiting}");
    started(&plane, &id, &[]).await;
    assert_eq!(shown(&plane, &id).await["DefaultPartitionNum"], 12);
    let seen = plane.control.instance_observe(&InstanceId::new(&id)).await;
    let spec = seen.unwrap().unwrap().spec.unwrap();
    assert_eq!(spec.settings.partitions, Some(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_start_says_is_shown_again() {
    let plane = Plane::sandbox().await;
    let professional = with(&EXAMPLE, &[("SpecType", Some("professional"))]);
    for (start, key, expected) in [
        (vec![("ZoneId", Some("zoneh"))], "ZoneId", json!("zoneh")),
        (
            vec![("ZoneId", Some("zoneh"))],
            "StandardZoneId",
            json!("cn-hangzhou-h"),
        ),
        (
            vec![("ZoneId", Some("cn-hangzhou-h"))],
            "StandardZoneId",
            json!("cn-hangzhou-h"),
        ),
        (
            vec![("SelectedZones", Some(r#"[["zoneh"],["zonek"]]"#))],
            "BackupZoneId",
            json!("cn-hangzhou-k"),
        ),
        (
            vec![("SelectedZones", Some(r#"[["zoneh"],["zonek"]]"#))],
            "ZoneId",
            json!("cn-hangzhou-h"),
        ),
        (
            vec![
                ("SelectedZones", Some(r#"[["zoneh"],["zonek"]]"#)),
                ("CrossZone", Some("False")),
            ],
            "BackupZoneId",
            json!(null),
        ),
        (
            vec![("ServiceVersion", Some("2.6.2"))],
            "UpgradeServiceDetailInfo",
            json!({ "Current2OpenSourceVersion": "2.6.2" }),
        ),
        (
            vec![("ServiceVersion", Some("4.1"))],
            "UpgradeServiceDetailInfo",
            json!({ "Current2OpenSourceVersion": "4.1" }),
        ),
        (
            vec![("ServiceVersion", Some(""))],
            "UpgradeServiceDetailInfo",
            json!({ "Current2OpenSourceVersion": "2.2.0" }),
        ),
        (
            vec![
                ("VSwitchId", Some("")),
                ("VSwitchIds.1", Some("vsw-a")),
                ("VSwitchIds.2", Some("vsw-b")),
            ],
            "VSwitchIds",
            json!({ "VSwitchIds": ["vsw-a", "vsw-b"] }),
        ),
        (
            vec![("VSwitchIds.1", Some("vsw-c"))],
            "VSwitchId",
            json!("vsw-c"),
        ),
        (vec![], "VSwitchIds", json!({ "VSwitchIds": ["vsw-1"] })),
        (
            vec![("SecurityGroup", Some("sg-1"))],
            "SecurityGroup",
            json!("sg-1"),
        ),
        (
            vec![("KMSKeyId", Some("key-1"))],
            "KmsKeyId",
            json!("key-1"),
        ),
        (vec![("DeployModule", Some("vpc"))], "DeployType", json!(5)),
        (
            vec![("DeployModule", Some("eip")), ("IsEipInner", Some("true"))],
            "DeployType",
            json!(5),
        ),
        (
            vec![("Config", Some(r#"{"kafka.log.retention.hours":"24"}"#))],
            "MsgRetain",
            json!(24),
        ),
        (
            vec![(
                "Config",
                Some(r#"{"enable.vpc_sasl_ssl":"true","enable.acl":"true"}"#),
            )],
            "AllConfig",
            json!(
                r#"{"enable.acl":"true","enable.vpc_sasl_ssl":"true","kafka.log.retention.hours":"72","kafka.message.max.bytes":"1048576"}"#
            ),
        ),
    ] {
        // A plane each: a vSwitch that was made for one start has its zone for all later ones.
        let plane = if start.iter().any(|(name, _)| name.contains("Zone")) {
            &Plane::sandbox().await
        } else {
            &plane
        };
        let (_, id) = bought(plane, &professional).await;
        started(plane, &id, &start).await;
        assert_eq!(shown(plane, &id).await[key], expected, "{start:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_breaks_a_rule_is_refused_and_can_be_said_again() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &EXAMPLE).await;
    let start = [
        ("InstanceId", id.as_str()),
        ("VpcId", "vpc-1"),
        ("VSwitchId", "vsw-1"),
    ];
    for (changes, expected) in [
        (vec![("InstanceId", None)], "MissingInstanceId"),
        (
            vec![("InstanceId", Some("alikafka_post-cn-00000000000"))],
            "AUTH_RESOURCE_OWNER_ERROR",
        ),
        (vec![("VpcId", None)], "MissingVpcId"),
        (vec![("VpcId", Some(""))], FIELD),
        (vec![("VSwitchId", Some(""))], FIELD),
        (vec![("ZoneId", Some("cn-hangzhou-zz"))], FIELD),
        (
            vec![("SelectedZones", Some(r#"[["zoneh"],["zonek"]]"#))],
            FIELD,
        ),
        (vec![("SelectedZones", Some("zoneh"))], FIELD),
        (
            vec![
                ("SelectedZones", Some(r#"[["zoneh"]]"#)),
                ("ZoneId", Some("zonek")),
            ],
            FIELD,
        ),
        (vec![("DeployModule", Some("internet"))], FIELD),
        (vec![("ServiceVersion", Some("0.10.2"))], FIELD),
        (vec![("Config", Some("[]"))], FIELD),
        (
            vec![("Config", Some(r#"{"kafka.log.retention.hours":null}"#))],
            FIELD,
        ),
        (
            vec![("Config", Some(r#"{"kafka.log.retention.hours":23}"#))],
            FIELD,
        ),
        (
            vec![("Config", Some(r#"{"kafka.offsets.retention.minutes":"0"}"#))],
            FIELD,
        ),
        (
            vec![("Config", Some(r#"{"kafka.log.retention.hours":"23"}"#))],
            FIELD,
        ),
        (
            vec![("Config", Some(r#"{"kafka.log.retention.hours":"481"}"#))],
            FIELD,
        ),
        (
            vec![("Config", Some(r#"{"kafka.message.max.bytes":"1048575"}"#))],
            FIELD,
        ),
        (
            vec![("Config", Some(r#"{"kafka.message.max.bytes":"10485761"}"#))],
            FIELD,
        ),
        (vec![("Config", Some(r#"{"enable.acl":"yes"}"#))], FIELD),
        (vec![("Config", Some(r#"{"enable.acl":"true"}"#))], FIELD),
        (vec![("Config", Some(r#"{"num.partitions":"3"}"#))], FIELD),
    ] {
        let status = match expected {
            "AUTH_RESOURCE_OWNER_ERROR" => 404,
            _ => 400,
        };
        assert_eq!(
            refused(&plane, "StartInstance", &with(&start, &changes)).await,
            (status, expected.to_owned()),
            "{changes:?}"
        );
    }
    assert_eq!(shown(&plane, &id).await["ServiceStatus"], 0);
    started(&plane, &id, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_of_the_start_must_match_what_was_bought() {
    let plane = Plane::sandbox().await;
    for (order, module, accepted) in [
        (
            vec![("DeployType", Some("4")), ("EipMax", Some("3"))],
            "eip",
            true,
        ),
        (
            vec![("DeployType", Some("4")), ("EipMax", Some("3"))],
            "vpc",
            false,
        ),
        (vec![("EipMax", Some("0"))], "eip", true),
        (vec![("EipMax", Some("3"))], "eip", false),
    ] {
        let (_, id) = bought(&plane, &with(&EXAMPLE, &order)).await;
        let start = [
            ("InstanceId", id.as_str()),
            ("VpcId", "vpc-1"),
            ("VSwitchId", "vsw-1"),
            ("DeployModule", module),
        ];
        if accepted {
            done(&plane, "StartInstance", &start).await;
        } else {
            assert_eq!(
                refused(&plane, "StartInstance", &start).await.1,
                FIELD,
                "{order:?} {module}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_found_by_id_order_tag_and_group() {
    let plane = Plane::sandbox().await;
    let tagged = with(
        &EXAMPLE,
        &[
            ("Tag.1.Key", Some("team")),
            ("Tag.1.Value", Some("a")),
            ("ResourceGroupId", Some("rg-1")),
        ],
    );
    let (order, first) = bought(&plane, &tagged).await;
    let (_, second) = bought(&plane, &EXAMPLE).await;
    for (filter, expected) in [
        (vec![], 2),
        (vec![("InstanceId.1", first.as_str())], 1),
        (
            vec![
                ("InstanceId.1", first.as_str()),
                ("InstanceId.2", second.as_str()),
            ],
            2,
        ),
        (
            vec![
                ("InstanceId.1", second.as_str()),
                ("OrderId", order.as_str()),
            ],
            0,
        ),
        (vec![("InstanceId.1", "alikafka_post-cn-00000000000")], 0),
        (vec![("OrderId", order.as_str())], 1),
        (vec![("Tag.1.Key", "team"), ("Tag.1.Value", "a")], 1),
        (vec![("Tag.1.Key", "team")], 1),
        (vec![("Tag.1.Key", "team"), ("Tag.1.Value", "b")], 0),
        (vec![("ResourceGroupId", "rg-1")], 1),
        (vec![("ResourceGroupId", "rg-2")], 0),
        (vec![("Series", "v2")], 2),
        (vec![("Series", "v3")], 0),
        (
            vec![("Series", "confluent"), ("InstanceId.1", first.as_str())],
            0,
        ),
        (vec![("Series", "")], 2),
    ] {
        let listed = done(&plane, "GetInstanceList", &filter).await;
        assert_eq!(
            listed["InstanceList"]["InstanceVO"]
                .as_array()
                .map(Vec::len),
            Some(expected),
            "{filter:?}"
        );
    }
    assert_eq!(
        refused(&plane, "GetInstanceList", &[("Series", "v4")])
            .await
            .1,
        FIELD
    );
    let elsewhere = plane
        .aliyun(
            "GetInstanceList",
            super::VERSION,
            &[("RegionId", "cn-beijing"), ("InstanceId.1", &first)],
        )
        .await;
    assert_eq!(elsewhere.json["InstanceList"]["InstanceVO"], json!([]));
    let ids = done(&plane, "GetAllInstanceIdList", &[]).await;
    assert_eq!(
        ids["InstanceIds"][super::REGION].as_array().map(Vec::len),
        Some(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_settings_can_be_changed() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    done(
        &plane,
        "ModifyInstanceName",
        &[("InstanceId", &id), ("InstanceName", "renamed")],
    )
    .await;
    let config = [
        ("InstanceId", id.as_str()),
        ("Config", r#"{"kafka.log.retention.hours":"100"}"#),
    ];
    done(&plane, "UpdateInstanceConfig", &config).await;
    let other = [
        ("InstanceId", id.as_str()),
        ("Config", r#"{"kafka.message.max.bytes":"2097152"}"#),
    ];
    done(&plane, "UpdateInstanceConfig", &other).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    let instance = shown(&plane, &id).await;
    assert_eq!(
        (&instance["Name"], &instance["MsgRetain"]),
        (&json!("renamed"), &json!(100))
    );
    let all: Value = serde_json::from_str(instance["AllConfig"].as_str().unwrap()).unwrap();
    assert_eq!(
        (
            &all["kafka.log.retention.hours"],
            &all["kafka.message.max.bytes"]
        ),
        (&json!("100"), &json!("2097152"))
    );
    let bad = [
        ("InstanceId", id.as_str()),
        ("Config", r#"{"kafka.log.retention.hours":"1"}"#),
    ];
    assert_eq!(refused(&plane, "UpdateInstanceConfig", &bad).await.1, FIELD);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_repeat_their_inner_name_in_xml() {
    let plane = Plane::sandbox().await;
    let tagged = with(
        &EXAMPLE,
        &[
            ("Tag.1.Key", Some("a")),
            ("Tag.1.Value", Some("<1>")),
            ("Tag.2.Key", Some("b")),
        ],
    );
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (_, id) = bought(&plane, &tagged).await;
        started(
            &plane,
            &id,
            &[
                ("VSwitchIds.1", Some("vsw-a")),
                ("VSwitchIds.2", Some("vsw-b")),
            ],
        )
        .await;
        ids.push(id);
    }
    let answer = plane
        .aliyun_as(
            "XML",
            "GetInstanceList",
            super::VERSION,
            &[("RegionId", super::REGION)],
        )
        .await;
    ids.sort();
    let between = |from: &str| {
        answer
            .body
            .split_once(from)
            .map_or("", |(_, rest)| rest)
            .to_owned()
    };
    let list = between("<GetInstanceListResponse>");
    assert!(
        list.contains("<Message>operation success.</Message><InstanceList><InstanceVO>"),
        "{list}"
    );
    for id in &ids {
        assert!(
            list.contains(&format!("<InstanceVO><InstanceId>{id}</InstanceId>")),
            "{id}: {list}"
        );
    }
    for (part, times) in [
        (
            "<VSwitchIds><VSwitchIds>vsw-a</VSwitchIds><VSwitchIds>vsw-b</VSwitchIds></VSwitchIds>",
            2,
        ),
        (
            "<TagVO><Key>a</Key><Value>&lt;1&gt;</Value></TagVO><TagVO><Key>b</Key><Value></Value></TagVO>",
            2,
        ),
        (
            "<ScheduledRetirement>false</ScheduledRetirement></InstanceVO>",
            2,
        ),
        (
            "</InstanceVO></InstanceList><Code>200</Code><Success>true</Success></GetInstanceListResponse>",
            1,
        ),
    ] {
        assert_eq!(
            answer.body.matches(part).count(),
            times,
            "{part}: {}",
            answer.body
        );
    }
}
