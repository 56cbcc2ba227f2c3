//! Tags of instances and topics.

use brokerage_domain::instance::Phase;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use super::{EXAMPLE, bought, done, refused, running, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";

async fn tags(plane: &Plane, kind: &str, resource: &str) -> Value {
    let params = [("ResourceType", kind), ("ResourceId.1", resource)];
    let mut answer = done(plane, "ListTagResources", &params).await;
    assert_eq!(
        (&answer["Code"], &answer["NextToken"]),
        (&Value::Null, &json!("")),
        "no code with tags"
    );
    answer["TagResources"]["TagResource"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_carries_tags() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(
        &plane,
        &with(
            &EXAMPLE,
            &[("Tag.1.Key", Some("a")), ("Tag.1.Value", Some("1"))],
        ),
    )
    .await;
    let of = [("ResourceType", "instance"), ("ResourceId.1", id.as_str())];
    let put = with(
        &of,
        &[
            ("Tag.1.Key", Some("a")),
            ("Tag.1.Value", Some("2")),
            ("Tag.2.Key", Some("b")),
        ],
    );
    let answer = done(&plane, "TagResources", &put).await;
    assert_eq!(
        answer
            .as_object()
            .map(|answer| answer.keys().collect::<Vec<_>>()),
        Some(vec![&"RequestId".to_owned()])
    );
    let tag = |key, value| json!({ "ResourceId": id, "ResourceType": "INSTANCE", "TagKey": key, "TagValue": value });
    assert_eq!(
        tags(&plane, "INSTANCE", &id).await,
        json!([tag("a", "2"), tag("b", "")])
    );
    done(
        &plane,
        "UntagResources",
        &with(
            &of,
            &[("TagKey.1", Some("a")), ("TagKey.2", Some("absent"))],
        ),
    )
    .await;
    assert_eq!(tags(&plane, "Instance", &id).await, json!([tag("b", "")]));
    done(
        &plane,
        "UntagResources",
        &with(&of, &[("All", Some("true"))]),
    )
    .await;
    assert_eq!(tags(&plane, "INSTANCE", &id).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_resources_all_are_tagged_or_none() {
    let plane = Plane::sandbox().await;
    let (one, two) = (running(&plane).await, running(&plane).await);
    done(&plane, "ReleaseInstance", &[("InstanceId", &two)]).await;
    plane.wait_for("alikafka", &two, Phase::Released).await;
    let put = [
        ("ResourceType", "INSTANCE"),
        ("ResourceId.1", one.as_str()),
        ("ResourceId.2", two.as_str()),
        ("Tag.1.Key", "a"),
    ];
    assert_eq!(
        refused(&plane, "TagResources", &put).await.1,
        "BIZ.INSTANCE.STATUS.ERROR"
    );
    assert_eq!(tags(&plane, "INSTANCE", &one).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_carries_tags() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    done(
        &plane,
        "CreateTopic",
        &[("InstanceId", &id), ("Topic", "a_b"), ("Remark", "kept")],
    )
    .await;
    let resource = format!("Kafka_{id}_a_b");
    let of = [
        ("ResourceType", "TOPIC"),
        ("ResourceId.1", resource.as_str()),
    ];
    done(
        &plane,
        "TagResources",
        &with(&of, &[("Tag.1.Key", Some("k")), ("Tag.1.Value", Some("v"))]),
    )
    .await;
    assert_eq!(
        tags(&plane, "topic", &resource).await,
        json!([{ "ResourceId": resource, "ResourceType": "TOPIC", "TagKey": "k", "TagValue": "v" }])
    );
    let listed = done(&plane, "GetTopicList", &[("InstanceId", &id)]).await;
    assert_eq!(listed["TopicList"]["TopicVO"][0]["Remark"], "kept");
    done(
        &plane,
        "UntagResources",
        &with(&of, &[("TagKey.1", Some("k"))]),
    )
    .await;
    assert_eq!(tags(&plane, "TOPIC", &resource).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_resources_of_a_request_are_tagged_or_none() {
    let plane = Plane::sandbox().await;
    let (_, first) = bought(&plane, &EXAMPLE).await;
    let (_, second) = bought(&plane, &EXAMPLE).await;
    let put = |other| {
        [
            ("ResourceType", "INSTANCE"),
            ("ResourceId.1", first.as_str()),
            ("ResourceId.2", other),
            ("Tag.1.Key", "k"),
        ]
    };
    let absent = "alikafka_post-cn-00000000000";
    assert_eq!(
        refused(&plane, "TagResources", &put(absent)).await.1,
        "AUTH_RESOURCE_OWNER_ERROR"
    );
    assert_eq!(tags(&plane, "INSTANCE", &first).await, json!([]));
    done(&plane, "TagResources", &put(&second)).await;
    assert_eq!(
        tags(&plane, "INSTANCE", &second)
            .await
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        tags(&plane, "INSTANCE", absent).await,
        json!([]),
        "what is not there has none"
    );
    let by_tag = done(
        &plane,
        "ListTagResources",
        &[("ResourceType", "INSTANCE"), ("Tag.1.Key", "k")],
    )
    .await;
    assert_eq!(
        by_tag["TagResources"]["TagResource"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_tags_is_refused_with_its_code() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &EXAMPLE).await;
    let base = [
        ("ResourceType", "INSTANCE"),
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "k"),
    ];
    for (changes, expected) in [
        (vec![("ResourceType", None)], "MissingResourceType"),
        (vec![("ResourceType", Some("BROKER"))], FIELD),
        (vec![("ResourceType", Some("TOPIC"))], FIELD),
        (vec![("ResourceType", Some("CONSUMERGROUP"))], FIELD),
        (vec![("ResourceId.1", None)], "MissingResourceId"),
        (vec![("Tag.1.Key", None)], "MissingTag"),
        (vec![("Tag.1.Key", Some("aliyunk"))], FIELD),
    ] {
        assert_eq!(
            refused(&plane, "TagResources", &with(&base, &changes)).await,
            (400, expected.to_owned()),
            "{changes:?}"
        );
    }
    for batch in 0..2 {
        let names: Vec<(String, String)> = (1..=11)
            .map(|n| (format!("Tag.{n}.Key"), format!("k{batch}-{n}")))
            .collect();
        let mut params = vec![("ResourceType", "INSTANCE"), ("ResourceId.1", id.as_str())];
        params.extend(
            names
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        match batch {
            0 => drop(done(&plane, "TagResources", &params).await),
            _ => assert_eq!(
                refused(&plane, "TagResources", &params).await.1,
                FIELD,
                "22 tags on one instance"
            ),
        }
    }
    let untag = [("ResourceType", "INSTANCE"), ("ResourceId.1", id.as_str())];
    assert_eq!(
        refused(&plane, "UntagResources", &untag).await.1,
        "MissingTagKey"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_tags_begins_behind_its_token() {
    let plane = Plane::sandbox().await;
    let mut ids = Vec::new();
    for value in ["1", "2", "1"] {
        let tag = [("Tag.1.Key", Some("k")), ("Tag.1.Value", Some(value))];
        ids.push((bought(&plane, &with(&EXAMPLE, &tag)).await.1, value));
    }
    bought(&plane, &EXAMPLE).await;
    ids.sort_unstable();
    let all = [("ResourceType", "INSTANCE")];
    let listed = async |more: &[(&'static str, &str)]| {
        let params = [&all[..], more].concat();
        let answer = done(&plane, "ListTagResources", &params).await;
        assert_eq!(answer["NextToken"], "", "{more:?}");
        let tags = answer["TagResources"]["TagResource"].as_array().unwrap();
        let id = |tag: &Value| tag["ResourceId"].as_str().unwrap().to_owned();
        tags.iter().map(id).collect::<Vec<_>>()
    };
    let behind = |count: usize| ids.iter().skip(count).map(|(id, _)| id.clone());
    assert_eq!(listed(&[]).await, behind(0).collect::<Vec<_>>());
    for (number, (id, _)) in (1..).zip(&ids) {
        let token = [("NextToken", id.as_str())];
        assert_eq!(listed(&token).await, behind(number).collect::<Vec<_>>());
    }
    let ones = ids.iter().filter(|(_, value)| *value == "1");
    let ones: Vec<String> = ones.map(|(id, _)| id.clone()).collect();
    let tag = [("Tag.1.Key", "k"), ("Tag.1.Value", "1")];
    assert_eq!(listed(&tag).await, ones);
    for token in ["no token", "garbage", "-1", "1000", "alikafka_"] {
        let token = [("ResourceType", "INSTANCE"), ("NextToken", token)];
        let refused = refused(&plane, "ListTagResources", &token).await;
        assert_eq!(refused.1, FIELD, "{token:?}");
    }
}
