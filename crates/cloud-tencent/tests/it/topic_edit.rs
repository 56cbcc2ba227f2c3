//! Changes of topics, and their records: what is said of them is so in Kafka.

use std::collections::BTreeMap;

use brokerage_kafka_admin::NewRecord;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{changed, check_refused, result, running};

/// When the first record of a topic was made, in milliseconds; each is a second after the one before.
const MADE_MS: i64 = 1_795_400_000_000;

fn topic(id: &str) -> Value {
    json!({
        "InstanceId": id, "TopicName": "orders", "ReplicaNum": 2, "PartitionNum": 2, "Note": "n", "EnableWhiteList": 1,
        "IpWhiteList": ["192.168.1.1"], "CleanUpPolicy": "delete", "MinInsyncReplicas": 1,
        "UncleanLeaderElectionEnable": 0, "SegmentMs": 86_400_000, "RetentionMs": 60_000, "MaxMessageBytes": 1_024,
    })
}

async fn with_topic(plane: &Plane) -> String {
    let id = running(plane).await;
    result(plane, "CreateTopic", topic(&id)).await;
    id
}

async fn attributes(plane: &Plane, id: &str) -> Value {
    let of = json!({ "InstanceId": id, "TopicName": "orders" });
    result(plane, "DescribeTopicAttributes", of).await
}

async fn configs(plane: &Plane, id: &str) -> BTreeMap<String, String> {
    plane.topics(id).await.remove(0).configs
}

/// As Terraform changes a topic: partitions first, then everything else, changed or not.
#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_topic_is_changed_and_read_back() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let more = json!({ "InstanceId": id, "TopicName": "orders", "PartitionNum": 3 });
    result(&plane, "CreatePartition", more).await;
    let all = json!({
        "InstanceId": id, "TopicName": "orders", "Note": "other", "EnableWhiteList": 1,
        "IpWhiteList": ["192.168.1.2"], "MinInsyncReplicas": 2, "UncleanLeaderElectionEnable": 1,
        "RetentionMs": 70_000, "MaxMessageBytes": 8_388_608, "SegmentMs": 87_400_000, "CleanUpPolicy": "compact, delete",
        "ReplicaNum": 2, "Tags": [{ "TagKey": "team", "TagValue": "b" }],
    });
    result(&plane, "ModifyTopicAttributes", all.clone()).await;
    let shown = attributes(&plane, &id).await;
    assert_eq!(
        (
            &shown["PartitionNum"],
            &shown["Note"],
            &shown["IpWhiteList"],
            &shown["ReplicaNum"]
        ),
        (
            &json!(3),
            &json!("other"),
            &json!(["192.168.1.2"]),
            &json!(2)
        )
    );
    let config = &shown["Config"];
    for (name, value) in [
        ("Retention", json!(70_000)),
        ("MinInsyncReplicas", json!(2)),
        ("CleanUpPolicy", json!("compact, delete")),
        ("SegmentMs", json!(87_400_000)),
        ("UncleanLeaderElectionEnable", json!(1)),
        ("MaxMessageBytes", json!(8_388_608)),
    ] {
        assert_eq!(config[name], value, "{name}");
    }
    let listed = json!({ "InstanceId": id, "SearchWord": "orders" });
    let listed = result(&plane, "DescribeTopicDetail", listed).await;
    let tags = json!([{ "TagKey": "team", "TagValue": "b" }]);
    assert_eq!(listed["TopicList"][0]["Tags"], tags);
    let kafka = configs(&plane, &id).await;
    for (name, value) in [
        ("retention.ms", "70000"),
        ("min.insync.replicas", "2"),
        ("cleanup.policy", "compact,delete"),
        ("segment.ms", "87400000"),
        ("unclean.leader.election.enable", "true"),
        ("max.message.bytes", "8388608"),
    ] {
        assert_eq!(kafka.get(name).map(String::as_str), Some(value), "{name}");
    }
    // What is not said stays; a white list that is switched off is empty.
    let off = json!({ "InstanceId": id, "TopicName": "orders", "EnableWhiteList": 0 });
    result(&plane, "ModifyTopicAttributes", off).await;
    assert_eq!(configs(&plane, &id).await, kafka);
    let shown = attributes(&plane, &id).await;
    assert_eq!(
        (
            &shown["Note"],
            &shown["EnableWhiteList"],
            &shown["IpWhiteList"]
        ),
        (&json!("other"), &json!(0), &json!([]))
    );
    let wrong = [
        json!({ "RetentionMs": 1 }),
        json!({ "MaxMessageBytes": 1 }),
        json!({ "CleanUpPolicy": "shrink" }),
        json!({ "MinInsyncReplicas": 4 }),
        json!({ "UncleanLeaderElectionEnable": 2 }),
        json!({ "IpWhiteList": ["nowhere"] }),
        json!({ "ReplicaNum": 4 }),
        json!({ "LogMsgTimestampType": "Never" }),
        json!({ "Note": "n".repeat(65) }),
    ];
    let wrong = wrong.map(|changes| (changed(all.clone(), &changes), "InvalidParameterValue"));
    check_refused(&plane, "ModifyTopicAttributes", wrong.to_vec()).await;
    assert_eq!(
        configs(&plane, &id).await,
        kafka,
        "nothing of it was changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_end_where_what_was_bought_ends() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let total =
        |count: i64| json!({ "InstanceId": id, "TopicName": "orders", "PartitionNum": count });
    // 400 were bought, and replicas count.
    let cases = vec![
        (total(201), "LimitExceeded"),
        (total(2), "InvalidParameterValue"),
        (total(1), "InvalidParameterValue"),
        (total(0), "InvalidParameterValue"),
        (total(3_001), "InvalidParameterValue"),
    ];
    check_refused(&plane, "CreatePartition", cases).await;
    result(&plane, "CreatePartition", total(200)).await;
    assert_eq!(plane.topics(&id).await.remove(0).partitions, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changes_each_topic_for_itself() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let batch = json!({ "InstanceId": id, "Topic": [
        { "TopicName": "none", "RetentionMs": 70_000 },
        { "TopicName": "orders", "RetentionMs": 70_000, "PartitionNum": 2, "UncleanLeaderElectionEnable": true },
    ] });
    let told = result(&plane, "BatchModifyTopicAttributes", batch).await;
    let codes = (&told[0]["ReturnCode"], &told[1]["ReturnCode"]);
    assert_eq!(codes, (&json!("ResourceNotFound"), &json!("0")));
    let kafka = configs(&plane, &id).await;
    assert_eq!(kafka["retention.ms"], "70000");
    assert_eq!(kafka["unclean.leader.election.enable"], "true");
    let wrong = json!({ "InstanceId": id, "Topic": [
        { "TopicName": "orders", "RetentionMs": 80_000 },
        { "TopicName": "orders2", "RetentionMs": 1 },
    ] });
    let cases = vec![(wrong, "InvalidParameterValue")];
    check_refused(&plane, "BatchModifyTopicAttributes", cases).await;
    assert_eq!(
        configs(&plane, &id).await,
        kafka,
        "it is read before anything is done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_away_are_out_of_sync() {
    let plane = Plane::sandbox().await;
    let id = with_topic(&plane).await;
    let of = json!({ "InstanceId": id, "TopicName": "orders", "OutOfSyncReplicaOnly": true });
    let found = result(&plane, "DescribeTopicSyncReplica", of.clone()).await;
    assert_eq!(found["TotalCount"], 0);
    let instance = brokerage_domain::id::InstanceId::new(&id);
    let all = changed(of.clone(), &json!({ "OutOfSyncReplicaOnly": null }));
    let whole = result(&plane, "DescribeTopicSyncReplica", all).await;
    let leader = whole["TopicInSyncReplicaList"][0]["Leader"]
        .as_i64()
        .unwrap();
    let leader = i32::try_from(leader).unwrap();
    plane.control.broker_stop(&instance, leader).await.unwrap();
    let found = result(&plane, "DescribeTopicSyncReplica", of).await;
    let away = &found["TopicInSyncReplicaList"][0];
    assert_eq!(
        (&away["OutOfSyncReplica"], away["Leader"] == json!(leader)),
        (&json!(leader.to_string()), false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_the_records_of_the_topic() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let large = changed(
        topic(&id),
        &json!({ "MaxMessageBytes": 8_388_608, "RetentionMs": null }),
    );
    result(&plane, "CreateTopic", large).await;
    let record = |at: i64| NewRecord {
        timestamp_ms: MADE_MS + 1_000 * at,
        key: Some(format!("key {at}").into()),
        value: Some(format!("value {at}").into()),
        headers: vec![("a".to_owned(), Some("1".into())), ("b".to_owned(), None)],
    };
    let records: Vec<NewRecord> = (0..30).map(record).collect();
    let mut kafka = plane.kafka(&id).await;
    kafka.records_append("orders", 0, &records).await.unwrap();
    kafka
        .records_append("orders", 1, &records[..1])
        .await
        .unwrap();
    let at = json!({ "InstanceId": id, "Topic": "orders", "Partition": 0, "Offset": 7 });
    let found = result(&plane, "FetchMessageByOffset", at.clone()).await;
    let expected = json!({
        "Topic": "orders", "Partition": 0, "Offset": 7, "Key": "key 7", "Value": "value 7",
        "Timestamp": MADE_MS + 7_000, "Headers": "a=1,b=",
    });
    assert_eq!(found, expected);
    let end = changed(at.clone(), &json!({ "Offset": 30 }));
    assert_eq!(
        result(&plane, "FetchMessageByOffset", end).await,
        Value::Null
    );
    let places = |found: &Value| -> Vec<(i64, i64)> {
        let rows = found.as_array().unwrap().iter();
        rows.map(|row| {
            assert_eq!(row["Value"], Value::Null, "lists leave it out");
            (
                row["Partition"].as_i64().unwrap(),
                row["Offset"].as_i64().unwrap(),
            )
        })
        .collect()
    };
    let twenty: Vec<(i64, i64)> = (7..27).map(|offset| (0, offset)).collect();
    let found = result(&plane, "FetchMessageListByOffset", at.clone()).await;
    assert_eq!(places(&found), twenty);
    let two = changed(at.clone(), &json!({ "SinglePartitionRecordNumber": 2 }));
    let found = result(&plane, "FetchMessageListByOffset", two).await;
    assert_eq!(places(&found), [(0, 7), (0, 8)]);
    let since = json!({
        "InstanceId": id, "Topic": "orders", "StartTime": MADE_MS + 28_500, "SinglePartitionRecordNumber": 5,
    });
    let found = result(&plane, "FetchMessageListByTimestamp", since).await;
    assert_eq!(places(&found), [(0, 29)]);
    let all = json!({ "InstanceId": id, "Topic": "orders", "SinglePartitionRecordNumber": 1 });
    let found = result(&plane, "FetchMessageListByTimestamp", all).await;
    assert_eq!(places(&found), [(0, 0), (1, 0)]);
    let wrong = [
        (json!({ "Partition": 2 }), "InvalidParameterValue"),
        (json!({ "Partition": -1 }), "InvalidParameterValue"),
        (json!({ "Offset": 31 }), "InvalidParameterValue"),
        (json!({ "Offset": -1 }), "InvalidParameterValue"),
        (json!({ "Topic": "none" }), "ResourceNotFound"),
    ];
    let wrong = wrong.map(|(changes, code)| (changed(at.clone(), &changes), code));
    check_refused(&plane, "FetchMessageByOffset", wrong.to_vec()).await;
    check_refused(&plane, "FetchMessageListByOffset", wrong.to_vec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_ranked_by_what_is_in_them() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for (name, count) in [("a-quiet", 1), ("busy", 50)] {
        let small = changed(
            topic(&id),
            &json!({ "TopicName": name, "MaxMessageBytes": 8_388_608 }),
        );
        result(&plane, "CreateTopic", small).await;
        let record = NewRecord {
            timestamp_ms: MADE_MS,
            value: Some(vec![b'x'; 100_000].into()),
            ..NewRecord::default()
        };
        let records = vec![record; count];
        let mut kafka = plane.kafka(&id).await;
        kafka.records_append(name, 0, &records).await.unwrap();
    }
    let of = json!({ "InstanceId": id, "RankingType": "PRO" });
    let told = result(&plane, "DescribeTopicFlowRanking", of).await;
    let rows = [0, 1].map(|at| {
        let row = &told["TopicMessageHeap"][at];
        (
            row["TopicName"].as_str().unwrap(),
            row["MessageHeap"].as_i64(),
        )
    });
    assert_eq!(rows, [("busy", Some(50)), ("a-quiet", Some(1))]);
    assert_eq!(told["TopicFlow"].as_array().map(Vec::len), Some(2));
}
