//! The tag service, as Terraform uses it.

use brokerage_testkit::{Answer, Plane};
use serde_json::{Value, json};

use crate::calls::{bought, code, detail, with};

const VERSION: &str = "2018-08-13";

async fn call(plane: &Plane, action: &str, request: &Value) -> Answer {
    plane.tencent(action, VERSION, &request.to_string()).await
}

fn query(ids: &[&str], changes: Value) -> Value {
    let request = json!({
        "ServiceType": "ckafka", "ResourcePrefix": "ckafkaId", "ResourceIds": ids, "ResourceRegion": "ap-guangzhou",
        "Offset": 0, "Limit": 20,
    });
    crate::calls::changed(request, &changes)
}

async fn tags(plane: &Plane, request: Value) -> Value {
    let answer = call(plane, "DescribeResourceTagsByResourceIds", &request).await;
    assert_eq!(code(&answer), "", "{}", answer.body);
    answer.json["Response"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tags_of_a_purchase_are_found_without_a_wrapper() {
    let plane = Plane::sandbox().await;
    let id = bought(
        &plane,
        &with(json!({ "Tags": [{ "TagKey": "env", "TagValue": "test" }] })),
    )
    .await;
    let found = tags(&plane, query(&[&id], json!({}))).await;
    let request_id = &found["RequestId"];
    assert_eq!(
        found,
        json!({
            "TotalCount": 1, "Offset": 0, "Limit": 20,
            "Tags": [{
                "TagKey": "env", "TagValue": "test", "ResourceId": id,
                "TagKeyMd5": "ff035a1dd7655da15295fa5fa89362a7", "TagValueMd5": "098f6bcd4621d373cade4e832627b4f6",
                "ServiceType": "ckafka", "Category": "Custom",
            }],
            "RequestId": request_id,
        })
    );
    for elsewhere in [
        query(&["ckafka-00000001"], json!({})),
        query(&[&id], json!({ "ServiceType": "cvm" })),
        query(&[&id], json!({ "ResourcePrefix": "instance" })),
        query(&[&id], json!({ "ResourceRegion": "ap-tokyo" })),
    ] {
        assert_eq!(
            tags(&plane, elsewhere.clone()).await["TotalCount"],
            0,
            "{elsewhere}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_tags_fill_a_page_and_the_next_one_ends_the_list() {
    let plane = Plane::sandbox().await;
    let list: Vec<Value> = (0..20)
        .map(|n| json!({ "TagKey": format!("k{n:02}"), "TagValue": "v" }))
        .collect();
    let id = bought(&plane, &with(json!({ "Tags": list }))).await;
    let first = tags(&plane, query(&[&id], json!({}))).await;
    let second = tags(&plane, query(&[&id], json!({ "Offset": 20 }))).await;
    assert_eq!(first["Tags"].as_array().map(Vec::len), Some(20));
    assert_eq!(
        (&second["TotalCount"], &second["Offset"], &second["Tags"]),
        (&json!(20), &json!(20), &json!([]))
    );
    let third = tags(&plane, query(&[&id], json!({ "Offset": 19, "Limit": 5 }))).await;
    assert_eq!(third["Tags"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_replaced_and_deleted() {
    let plane = Plane::sandbox().await;
    let id = bought(&plane, &with(json!({ "Tags": [{ "TagKey": "env", "TagValue": "a" }, { "TagKey": "old", "TagValue": "b" }] }))).await;
    let resource = format!("qcs::ckafka:ap-guangzhou:uin/:ckafkaId/{id}");
    let change = json!({
        "Resource": resource, "DeleteTags": [{ "TagKey": "old" }, { "TagKey": "never" }],
        "ReplaceTags": [{ "TagKey": "env", "TagValue": "test" }, { "TagKey": "new", "TagValue": "c" }],
    });
    let answer = call(&plane, "ModifyResourceTags", &change).await;
    let keys: Vec<&String> = answer.json["Response"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(keys, ["RequestId"], "{}", answer.body);
    let expected =
        json!([{ "TagKey": "env", "TagValue": "test" }, { "TagKey": "new", "TagValue": "c" }]);
    assert_eq!(detail(&plane, &id).await["Tags"], expected);
    for (changes, expected) in [
        (json!({ "Resource": null }), "MissingParameter"),
        (json!({ "Resource": "ckafka-1" }), "InvalidParameter"),
        (
            json!({ "Resource": "qcs::cvm:ap-guangzhou:uin/:instance/ins-1" }),
            "ResourceNotFound",
        ),
        (
            json!({ "Resource": "qcs::ckafka:ap-guangzhou:uin/:ckafkaId/ckafka-00000001" }),
            "ResourceNotFound",
        ),
        (
            json!({ "DeleteTags": null, "ReplaceTags": null }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "DeleteTags": [{ "TagKey": "env" }] }),
            "InvalidParameterValue.RepetitionValue",
        ),
    ] {
        let answer = call(
            &plane,
            "ModifyResourceTags",
            &crate::calls::changed(change.clone(), &changes),
        )
        .await;
        assert_eq!(
            (answer.status, code(&answer)),
            (200, expected),
            "{changes}: {}",
            answer.body
        );
    }
    let long = json!([{ "TagKey": "k", "TagValue": "v".repeat(256) }]);
    let long = json!({ "Resource": resource, "ReplaceTags": long });
    let answer = call(&plane, "ModifyResourceTags", &long).await;
    assert_eq!(code(&answer), "InvalidParameterValue");
    let many: Vec<Value> = (0..49)
        .map(|n| json!({ "TagKey": format!("k{n}"), "TagValue": "v" }))
        .collect();
    let answer = call(
        &plane,
        "ModifyResourceTags",
        &json!({ "Resource": resource, "ReplaceTags": many }),
    )
    .await;
    assert_eq!(code(&answer), "LimitExceeded");
}
