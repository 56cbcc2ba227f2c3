//! What full-state clients send with a change, and the words of refusals.

use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{call, changed, result, running};

/// Clients that say all of it with each change send what is there already, and 0 for what nobody set.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_changes_nothing() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let shown = async || {
        let id = json!({ "InstanceId": id });
        result(&plane, "DescribeInstanceAttributes", id).await
    };
    let before = shown().await;
    for (action, request) in [
        ("InstanceScalingDown", json!({ "UpgradeStrategy": 1 })),
        (
            "InstanceScalingDown",
            json!({ "UpgradeStrategy": 1, "BandWidth": 0, "Partition": 0, "DiskSize": 0 }),
        ),
        (
            "InstanceScalingDown",
            json!({ "UpgradeStrategy": 1, "BandWidth": 20, "Partition": 400, "DiskSize": 200 }),
        ),
        (
            "ModifyInstanceAttributes",
            json!({
                "InstanceName": "", "MsgRetentionTime": 0, "MaxMessageByte": 0, "PublicNetwork": 0,
                "UncleanLeaderElectionEnable": 0, "DeleteProtectionEnable": 0, "TransactionalIdExpirationMs": 0,
            }),
        ),
        (
            "ModifyInstanceAttributes",
            json!({ "MsgRetentionTime": 1440, "PublicNetwork": 3 }),
        ),
    ] {
        let request = changed(json!({ "InstanceId": id }), &request);
        result(&plane, action, request.clone()).await;
        plane.wait_for("ckafka", &id, Phase::Running).await;
        assert_eq!(shown().await, before, "{action} {request}");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_of_the_message_size_are_taken() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for bytes in [1_024, 12_582_912] {
        let request = json!({ "InstanceId": id, "MaxMessageByte": bytes });
        result(&plane, "ModifyInstanceAttributes", request).await;
        let id = json!({ "InstanceId": id });
        let shown = result(&plane, "DescribeInstanceAttributes", id).await;
        assert_eq!(shown["MaxMessageByte"], bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_names_and_units_of_their_operation() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let inquiry = |changes: Value| {
        let request = json!({
            "InstanceType": "profession", "Bandwidth": 20, "Partition": 400,
            "InquiryDiskParam": { "DiskType": "CLOUD_BASIC", "DiskSize": 200 },
        });
        changed(request, &changes)
    };
    for (action, request, expected) in [
        (
            "ModifyInstanceAttributes",
            json!({ "InstanceId": id, "PublicNetwork": 5 }),
            "`PublicNetwork`: the public bandwidth is sold from 3 in steps of 3, not as 5.",
        ),
        (
            "InquireCkafkaPrice",
            inquiry(json!({ "ZoneIds": [900_001] })),
            "`ZoneIds`: the zone \"900001\" is not offered here: it is one of ",
        ),
        (
            "InquireCkafkaPrice",
            inquiry(json!({ "InstanceType": "x" })),
            "`InstanceType`: the edition \"x\" is not offered here: it is one of ",
        ),
        (
            "InquireCkafkaPrice",
            inquiry(json!({ "Bandwidth": 30 })),
            "`Bandwidth`: the bandwidth is sold from 20 in steps of 20, not as 30.",
        ),
        (
            "InquireCkafkaPrice",
            inquiry(json!({ "MessageRetention": 10_000 })),
            "`MessageRetention`: the retention must be from 1 to 2160, not 10000.",
        ),
        (
            "InquireCkafkaPrice",
            inquiry(json!({ "InquiryDiskParam": { "DiskSize": 250 } })),
            "`InquiryDiskParam.DiskSize`: ",
        ),
    ] {
        let answer = call(&plane, action, request.clone()).await;
        let message = answer.json["Response"]["Error"]["Message"].as_str();
        assert!(
            message.is_some_and(|message| message.starts_with(expected)),
            "{request}: {message:?}"
        );
    }
}
