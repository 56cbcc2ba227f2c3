//! The calls of Terraform's provider, in its order: what it reads back has to be what its configuration says, or its
//! next plan shows a change.

use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{bought, call, code, detail, result};

/// What the provider reads of an instance, in the words and units of its configuration.
async fn state(plane: &Plane, id: &str) -> Value {
    let listed = result(
        plane,
        "DescribeInstancesDetail",
        json!({ "InstanceId": id }),
    )
    .await;
    let list = listed["InstanceList"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{listed}");
    let shown = &list[0];
    let tags = json!({
        "ServiceType": "ckafka", "ResourcePrefix": "ckafkaId", "ResourceIds": [id], "ResourceRegion": "ap-guangzhou",
        "Offset": 0, "Limit": 20,
    });
    let tags = plane
        .tencent(
            "DescribeResourceTagsByResourceIds",
            "2018-08-13",
            &tags.to_string(),
        )
        .await;
    let attributes = result(
        plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    assert!(
        attributes["RetentionTimeConfig"].is_object(),
        "dereferenced without a check"
    );
    json!({
        "instance_name": shown["InstanceName"],
        "zone_id": shown["ZoneId"],
        "zone_ids": shown["ZoneIds"],
        "vpc_id": shown["VpcId"],
        "subnet_id": shown["SubnetId"],
        "kafka_version": shown["Version"],
        "disk_size": shown["DiskSize"],
        "disk_type": shown["DiskType"],
        "band_width": shown["Bandwidth"].as_i64().unwrap() / 8,
        "partition": shown["MaxPartitionNumber"],
        "specifications_type": shown["InstanceType"],
        "public_network": attributes["PublicNetwork"],
        "msg_retention_time": attributes["MsgRetentionTime"],
        "config": attributes["Config"],
        "postpaid": shown["ExpireTime"] == 0,
        "tags": tags.json["Response"]["TotalCount"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_is_read_back_until_it_is_destroyed() {
    let plane = Plane::sandbox().await;
    let create = json!({
        "VpcId": "vpc-rmcgxxxx", "SubnetId": "subnet-mnzcxxxx", "InstanceName": "tf-test", "InstanceType": 1,
        "KafkaVersion": "2.4.1", "SpecificationsType": "profession", "DiskType": "CLOUD_BASIC", "BandWidth": 20,
        "DiskSize": 500, "Partition": 400, "ZoneId": 100003,
    });
    let id = bought(&plane, &create).await;
    assert_ne!(
        detail(&plane, &id).await,
        Value::Null,
        "listed at once, or its id is lost"
    );
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let mut expected = json!({
        "instance_name": "tf-test", "zone_id": 100003, "zone_ids": [100003], "vpc_id": "vpc-rmcgxxxx",
        "subnet_id": "subnet-mnzcxxxx", "kafka_version": "2.4.1", "disk_size": 500, "disk_type": "CLOUD_BASIC",
        "band_width": 20, "partition": 400, "specifications_type": "profession", "public_network": 3,
        "msg_retention_time": 1440, "config": null, "postpaid": true, "tags": 0,
    });
    assert_eq!(state(&plane, &id).await, expected);

    let modify = json!({ "InstanceId": id, "MsgRetentionTime": 1300 });
    result(&plane, "ModifyInstanceAttributes", modify).await;
    let scale = json!({ "InstanceId": id, "UpgradeStrategy": 1, "BandWidth": 40 });
    result(&plane, "InstanceScalingDown", scale).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    let tags = json!({
        "Resource": format!("qcs::ckafka:ap-guangzhou:uin/:ckafkaId/{id}"),
        "ReplaceTags": [{ "TagKey": "env", "TagValue": "test" }],
    });
    let answer = plane
        .tencent("ModifyResourceTags", "2018-08-13", &tags.to_string())
        .await;
    assert_eq!(code(&answer), "", "{}", answer.body);
    for (key, value) in [
        ("msg_retention_time", 1300),
        ("band_width", 40),
        ("tags", 1),
    ] {
        expected[key] = value.into();
    }
    assert_eq!(state(&plane, &id).await, expected);

    let topic = json!({
        "InstanceId": id, "TopicName": "t1", "PartitionNum": 3, "ReplicaNum": 2, "EnableWhiteList": 0,
        "CleanUpPolicy": "delete", "Note": "n", "MinInsyncReplicas": 1, "UncleanLeaderElectionEnable": 0, "RetentionMs": 60_000,
    });
    result(&plane, "CreateTopic", topic).await;
    let search = json!({ "InstanceId": id, "SearchWord": "t1", "Offset": 0, "Limit": 200 });
    let listed = result(&plane, "DescribeTopicDetail", search.clone()).await;
    let null = listed["TopicList"][0]
        .as_object()
        .unwrap()
        .values()
        .any(Value::is_null);
    assert!(!null, "{listed}");
    result(
        &plane,
        "DeleteTopic",
        json!({ "InstanceId": id, "TopicName": "t1" }),
    )
    .await;
    assert_eq!(
        result(&plane, "DescribeTopicDetail", search).await["TopicList"],
        json!([])
    );

    result(&plane, "DeleteInstancePost", json!({ "InstanceId": id })).await;
    plane.wait_for("ckafka", &id, Phase::Gone).await;
    let gone = call(
        &plane,
        "DescribeInstancesDetail",
        json!({ "InstanceId": id }),
    )
    .await;
    assert_eq!(
        gone.json["Response"]["Result"],
        json!({ "TotalCount": 0, "InstanceList": [] })
    );
    plane.assert_ledger().await;
}
