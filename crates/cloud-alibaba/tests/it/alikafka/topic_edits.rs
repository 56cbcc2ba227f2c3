//! Changes of topics: what is said of them is so in Kafka, and is shown as it was said.

use std::collections::BTreeMap;

use brokerage_kafka_admin::NewRecord;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use super::{EXAMPLE, bought, done, refused, started, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";

/// A running instance of the edition whose topics have a retention of their own, with the topic `orders` in local storage.
async fn with_topic(plane: &Plane) -> String {
    let professional = [("SpecType", Some("professional"))];
    let (_, id) = bought(plane, &with(&EXAMPLE, &professional)).await;
    started(plane, &id, &[]).await;
    let topic = [
        ("InstanceId", id.as_str()),
        ("Topic", "orders"),
        ("Remark", "r"),
        ("PartitionNum", "2"),
        ("LocalTopic", "true"),
    ];
    done(plane, "CreateTopic", &topic).await;
    id
}

/// The settings that Kafka has of the topic.
async fn configs(plane: &Plane, id: &str) -> BTreeMap<String, String> {
    plane.topics(id).await.remove(0).configs
}

/// `TopicConfig`, as the JSON that it is.
async fn shown(plane: &Plane, id: &str) -> Value {
    let of = [("InstanceId", id), ("Topic", "orders")];
    let listed = done(plane, "GetTopicList", &of).await;
    let topic = &listed["TopicList"]["TopicVO"][0];
    assert_eq!(
        (&topic["Remark"], &topic["LocalTopic"]),
        (&json!("r"), &json!(true))
    );
    serde_json::from_str(topic["TopicConfig"].as_str().expect("a text")).expect("it is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_added_and_never_taken_away() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let of = [("InstanceId", id.as_str()), ("Topic", "orders")];
    let add = async |count: &str| {
        let params = with(&of, &[("AddPartitionNum", Some(count))]);
        done(&plane, "ModifyPartitionNum", &params).await;
        plane.topics(&id).await.remove(0).partitions
    };
    assert_eq!(add("16").await, 18);
    let listed = done(&plane, "GetTopicList", &of).await;
    assert_eq!(listed["TopicList"]["TopicVO"][0]["PartitionNum"], 18);
    for count in ["0", "-1", "343", "2147483647"] {
        let params = with(&of, &[("AddPartitionNum", Some(count))]);
        let answer = refused(&plane, "ModifyPartitionNum", &params).await;
        assert_eq!(answer, (400, FIELD.to_owned()), "{count}");
    }
    assert_eq!(add("1").await, 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_config_is_in_force_and_comes_back_as_it_was_sent() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let of = [
        ("InstanceId", id.as_str()),
        ("Topic", "orders"),
        ("Config", "skipConfig"),
        ("Value", "skipValue"),
    ];
    // As Terraform's tests change it, one after the other.
    for (insync, retention, version) in [("1", "3600000", "2.2.0"), ("2", "10800000", "2.0")] {
        let sent = json!({
            "message.format.version": version, "max.message.bytes": "10485760", "min.insync.replicas": insync,
            "replication-factor": "3", "retention.ms": retention,
        });
        let text = sent.to_string();
        let all = with(&of, &[("Configs", Some(text.as_str()))]);
        done(&plane, "UpdateTopicConfig", &all).await;
        assert_eq!(shown(&plane, &id).await, sent);
        let expected = [
            ("max.message.bytes", "10485760"),
            ("min.insync.replicas", insync),
            ("retention.ms", retention),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(configs(&plane, &id).await, expected.into());
    }
    // What is left out is the cluster's default again.
    let all = with(&of, &[("Configs", Some(r#"{"retention.ms":"7200000"}"#))]);
    done(&plane, "UpdateTopicConfig", &all).await;
    assert_eq!(shown(&plane, &id).await, json!({"retention.ms": "7200000"}));
    let left = [("retention.ms".to_owned(), "7200000".to_owned())];
    assert_eq!(configs(&plane, &id).await, left.into());
    // One by its name, beside what is there.
    let one = [
        ("Config", Some("message.timestamp.type")),
        ("Value", Some("LogAppendTime")),
    ];
    done(&plane, "UpdateTopicConfig", &with(&of, &one)).await;
    let both = json!({"retention.ms": "7200000", "message.timestamp.type": "LogAppendTime"});
    assert_eq!(shown(&plane, &id).await, both);
    let before = configs(&plane, &id).await;
    for changes in [
        vec![],
        vec![("Configs", Some("[]"))],
        vec![("Configs", Some(r#"{"cleanup.policy":"compact"}"#))],
        vec![("Configs", Some(r#"{"replication-factor":"2"}"#))],
        vec![("Configs", Some(r#"{"min.insync.replicas":"4"}"#))],
        vec![("Config", Some("retention.ms")), ("Value", Some("1"))],
    ] {
        let answer = refused(&plane, "UpdateTopicConfig", &with(&of, &changes)).await;
        assert_eq!(answer, (400, FIELD.to_owned()), "{changes:?}");
    }
    assert_eq!(configs(&plane, &id).await, before);
    let none = with(&of, &[("Topic", Some("none")), ("Configs", Some("{}"))]);
    let answer = refused(&plane, "UpdateTopicConfig", &none).await;
    assert_eq!(answer, (400, "BIZ_TOPIC_NOT_FOUND".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_deletes_each_topic_for_itself() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let of = [
        ("InstanceId", id.as_str()),
        ("Topics", r#"["none","orders","__consumer_offsets"]"#),
    ];
    let told = done(&plane, "BatchDeleteTopics", &of).await;
    let data = &told["Data"];
    assert_eq!(
        (&data["Total"], &data["SuccessCount"], &data["FailedCount"]),
        (&json!(3), &json!(1), &json!(2))
    );
    let items = &data["Results"]["TopicDeleteResultItemVO"];
    let item = |at: usize| {
        (
            &items[at]["Topic"],
            &items[at]["Success"],
            &items[at]["DynamicCode"],
        )
    };
    let gone = json!("BIZ_TOPIC_NOT_FOUND");
    assert_eq!(item(0), (&json!("none"), &json!(false), &gone));
    assert_eq!(item(1), (&json!("orders"), &json!(true), &json!("")));
    assert_eq!(item(2).2, &gone);
    assert_eq!(plane.topics(&id).await, []);
    for topics in ["[]", r#"["a","a"]"#] {
        let of = [("InstanceId", id.as_str()), ("Topics", topics)];
        let answer = refused(&plane, "BatchDeleteTopics", &of).await;
        assert_eq!(answer, (400, FIELD.to_owned()), "{topics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_topic_counts_its_records() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let record = |timestamp_ms| NewRecord {
        timestamp_ms,
        value: Some("v".into()),
        ..NewRecord::default()
    };
    let records = [record(1_795_400_000_000), record(1_795_400_001_000)];
    let mut kafka = plane.kafka(&id).await;
    let appended = kafka.records_append("orders", 1, &records).await;
    appended.expect("they are taken");
    let of = [("InstanceId", id.as_str()), ("Topic", "orders")];
    let told = done(&plane, "GetTopicStatus", &of).await;
    let offset = |partition: i64, max: i64, at: i64| {
        json!({
            "LastUpdateTimestamp": at, "MaxOffset": max, "MinOffset": 0, "Partition": partition, "Topic": "orders",
        })
    };
    let expected = json!({
        "LastTimeStamp": 1_795_400_001_000_i64, "TotalCount": 2,
        "OffsetTable": {"OffsetTable": [offset(0, 0, -1), offset(1, 2, 1_795_400_001_000)]},
    });
    assert_eq!(told["TopicStatus"], expected);
}
