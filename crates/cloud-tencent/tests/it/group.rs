//! Consumer groups: what is said of them is so in Kafka, and what Kafka clients do is seen.

use brokerage_kafka_admin::{NewRecord, PartitionOffset};
use brokerage_testkit::{Consumer, Plane};
use serde_json::{Value, json};

use crate::calls::{changed, check_refused, result, running};

/// When the first record of a topic was made, in milliseconds; each is a second after the one before.
const MADE_MS: i64 = 1_795_400_000_000;

/// A running instance with a topic of two partitions, and so many records in each.
async fn with_records(plane: &Plane, counts: [usize; 2]) -> String {
    let id = running(plane).await;
    let topic =
        json!({ "InstanceId": id, "TopicName": "orders", "PartitionNum": 2, "ReplicaNum": 1 });
    result(plane, "CreateTopic", topic).await;
    for (partition, count) in (0..).zip(counts) {
        let record = |at: usize| NewRecord {
            timestamp_ms: MADE_MS + 1_000 * at as i64,
            key: Some(format!("key {at}").into()),
            value: Some(format!("value {partition}/{at}").into()),
            headers: vec![("h".to_owned(), Some("x".into()))],
        };
        let records: Vec<NewRecord> = (0..count).map(record).collect();
        if !records.is_empty() {
            let mut kafka = plane.kafka(&id).await;
            kafka
                .records_append("orders", partition, &records)
                .await
                .unwrap();
        }
    }
    id
}

async fn commit(plane: &Plane, id: &str, group: &str, offsets: &[(i32, i64)]) {
    let offset = |&(partition, offset): &(i32, i64)| PartitionOffset {
        topic: "orders".to_owned(),
        partition,
        offset,
        metadata: String::new(),
    };
    let offsets: Vec<PartitionOffset> = offsets.iter().map(offset).collect();
    let mut kafka = plane.kafka(id).await;
    kafka.group_offsets_set(group, &offsets).await.unwrap();
}

/// Where a group goes on, as its Kafka has it.
async fn committed(plane: &Plane, id: &str, group: &str) -> Vec<(i32, i64)> {
    let offsets = plane
        .kafka(id)
        .await
        .group_offset_list(group)
        .await
        .unwrap();
    let offsets = offsets.into_iter();
    offsets.map(|at| (at.partition, at.offset)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_finds_a_group_as_it_was_made_and_nothing_once_it_is_gone() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [2, 0]).await;
    result(
        &plane,
        "CreateConsumer",
        json!({ "InstanceId": id, "GroupName": "tf", "TopicNameList": ["orders"] }),
    )
    .await;
    let of = json!({ "InstanceId": id, "GroupName": "tf" });
    let topics = async || {
        let found = result(&plane, "DescribeConsumerGroup", of.clone()).await;
        let names = found["TopicList"].as_array().unwrap().iter();
        names
            .map(|topic| topic["TopicName"].clone())
            .collect::<Vec<Value>>()
    };
    assert_eq!(topics().await, ["orders"]);
    // A consumer that reads another topic is no reason to make the group anew.
    let other =
        json!({ "InstanceId": id, "TopicName": "other", "PartitionNum": 1, "ReplicaNum": 1 });
    result(&plane, "CreateTopic", other).await;
    let client = plane.kafka(&id).await;
    let consumer = Consumer::join(client, "tf", "other", &[0]).await;
    assert_eq!(topics().await, ["orders"]);
    let found = result(&plane, "DescribeConsumerGroup", of.clone()).await;
    let read = &found["GroupList"][0]["SubscribedInfo"];
    assert_eq!(
        (&read[0]["TopicName"], &read[0]["Partition"]),
        (&json!("other"), &json!([0])),
        "what it really reads"
    );
    let delete = json!({ "InstanceId": id, "Group": "tf" });
    check_refused(
        &plane,
        "DeleteGroup",
        vec![(delete.clone(), "OperationDenied")],
    )
    .await;
    consumer.leave().await;
    result(&plane, "DeleteGroup", delete).await;
    let gone = result(&plane, "DescribeConsumerGroup", of.clone()).await;
    assert_eq!(gone, Value::Null);
    assert_eq!(plane.kafka(&id).await.group_list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_clients_are_listed_with_their_members() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [5, 3]).await;
    commit(&plane, &id, "theirs", &[(0, 2), (1, 3)]).await;
    let client = plane.kafka(&id).await.with_client_id("reader-1");
    let consumer = Consumer::join(client, "live", "orders", &[1]).await;
    let listed = result(&plane, "DescribeGroup", json!({ "InstanceId": id })).await;
    assert_eq!(listed["TotalCount"], 2);
    let stable = json!({
        "InstanceId": id, "Filters": [{ "Name": "GroupState", "Values": ["Stable"] }],
    });
    let stable = result(&plane, "DescribeGroup", stable).await;
    assert_eq!(
        stable["GroupList"],
        json!([{ "Group": "live", "Protocol": "consumer" }])
    );
    let infos = json!({ "InstanceId": id, "GroupList": ["live", "none"] });
    let infos = result(&plane, "DescribeGroupInfo", infos).await;
    let member = &infos[0]["Members"][0];
    assert_eq!(
        (
            &infos[0]["State"],
            &infos[0]["Protocol"],
            &infos[1]["State"]
        ),
        (&json!("Stable"), &json!("range"), &json!("Dead"))
    );
    assert_eq!(
        (
            &member["ClientId"],
            &member["MemberId"],
            &member["Assignment"]["Topics"]
        ),
        (
            &json!("reader-1"),
            &json!(consumer.member_id),
            &json!([{ "Topic": "orders", "Partitions": [1] }])
        )
    );
    let readers = json!({ "InstanceId": id, "TopicName": "orders" });
    let readers = result(&plane, "DescribeTopicSubscribeGroup", readers).await;
    assert_eq!(
        (&readers["TotalCount"], &readers["StatusCountInfo"]),
        (&json!(2), &json!(r#"{"Empty":1,"Stable":1}"#))
    );
    let offsets = json!({ "InstanceId": id, "Group": "theirs" });
    let offsets = result(&plane, "DescribeGroupOffsets", offsets).await;
    let partitions = &offsets["TopicList"][0]["Partitions"];
    assert_eq!(
        (
            &partitions[0]["Offset"],
            &partitions[0]["LogEndOffset"],
            &partitions[0]["Lag"]
        ),
        (&json!(2), &json!(5), &json!(3))
    );
    assert_eq!(partitions[1]["Lag"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_go_where_they_are_set_by_the_strategy_alone() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [5, 3]).await;
    commit(&plane, &id, "readers", &[(0, 2), (1, 0)]).await;
    let all = json!({
        "InstanceId": id, "Group": "readers", "Topics": ["orders"], "Strategy": 2,
        "Shift": 0, "ShiftTimestamp": 0, "Offset": 0,
    });
    for (changes, expected) in [
        (json!({ "Offset": 1 }), [(0, 1), (1, 1)]),
        (
            json!({ "Strategy": 0, "Shift": 3, "Offset": 9 }),
            [(0, 4), (1, 3)],
        ),
        (json!({ "Strategy": 0, "Shift": -9 }), [(0, 0), (1, 0)]),
        (
            json!({ "Offset": 4, "Partitions": [0, 0] }),
            [(0, 4), (1, 0)],
        ),
        (
            json!({ "Strategy": 1, "ShiftTimestamp": -1 }),
            [(0, 5), (1, 3)],
        ),
        (
            json!({ "Strategy": 1, "ShiftTimestamp": MADE_MS + 1 }),
            [(0, 1), (1, 1)],
        ),
        (
            json!({ "Strategy": 1, "ShiftTimestamp": -2, "Topics": [] }),
            [(0, 0), (1, 0)],
        ),
    ] {
        result(&plane, "ModifyGroupOffsets", changed(all.clone(), &changes)).await;
        assert_eq!(
            committed(&plane, &id, "readers").await,
            expected,
            "{changes}"
        );
    }
    let batch = json!({
        "InstanceId": id, "GroupName": "readers",
        "Partitions": [{ "Partition": 0, "Offset": 3 }, { "Partition": 1, "Offset": 99 }],
    });
    result(&plane, "BatchModifyGroupOffsets", batch).await;
    assert_eq!(committed(&plane, &id, "readers").await, [(0, 3), (1, 3)]);
    let wrong = [
        (json!({ "Strategy": 3 }), "InvalidParameterValue"),
        (
            json!({ "Strategy": 0, "Shift": null }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (json!({ "Offset": -1 }), "InvalidParameterValue"),
        (
            json!({ "Strategy": 1, "ShiftTimestamp": -3 }),
            "InvalidParameterValue",
        ),
        (json!({ "Partitions": [2] }), "InvalidParameterValue"),
        (json!({ "Topics": ["none"] }), "ResourceNotFound"),
        (json!({ "Group": "none" }), "ResourceNotFound"),
    ];
    let wrong = wrong.map(|(changes, code)| (changed(all.clone(), &changes), code));
    check_refused(&plane, "ModifyGroupOffsets", wrong.to_vec()).await;
    let consumer = Consumer::join(plane.kafka(&id).await, "readers", "orders", &[0]).await;
    check_refused(&plane, "ModifyGroupOffsets", vec![(all, "OperationDenied")]).await;
    assert_eq!(committed(&plane, &id, "readers").await, [(0, 3), (1, 3)]);
    let forget = json!({ "InstanceId": id, "Group": "readers", "Topic": "orders" });
    let busy = vec![(forget.clone(), "OperationDenied")];
    check_refused(&plane, "DeleteGroupSubscribeTopic", busy).await;
    consumer.leave().await;
    result(&plane, "DeleteGroupSubscribeTopic", forget).await;
    assert_eq!(committed(&plane, &id, "readers").await, []);
}
