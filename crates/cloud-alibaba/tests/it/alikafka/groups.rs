//! Consumer groups and messages: what is said of them is so in Kafka, and what Kafka clients do is seen.

use brokerage_kafka_admin::{NewRecord, PartitionOffset};
use brokerage_testkit::{Consumer, Plane};
use serde_json::{Value, json};

use super::{done, refused, running, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";
/// When the first record of a topic was made, in milliseconds; each is a second after the one before.
const MADE_MS: i64 = 1_795_400_000_000;

/// A running instance with a topic of two partitions, and so many records in each.
async fn with_records(plane: &Plane, counts: [usize; 2]) -> String {
    let id = running(plane).await;
    let topic = [
        ("InstanceId", id.as_str()),
        ("Topic", "orders"),
        ("Remark", "r"),
        ("PartitionNum", "2"),
    ];
    done(plane, "CreateTopic", &topic).await;
    for (partition, count) in (0..).zip(counts) {
        append(plane, &id, partition, count).await;
    }
    id
}

async fn append(plane: &Plane, id: &str, partition: i32, count: usize) {
    let record = |at: usize| NewRecord {
        timestamp_ms: MADE_MS + 1_000 * at as i64,
        key: Some(format!("key {at}").into()),
        value: Some(format!("value {partition}/{at}").into()),
        headers: Vec::new(),
    };
    let records: Vec<NewRecord> = (0..count).map(record).collect();
    if records.is_empty() {
        return;
    }
    let mut kafka = plane.kafka(id).await;
    let appended = kafka.records_append("orders", partition, &records).await;
    appended.expect("they are taken");
}

async fn commit(plane: &Plane, id: &str, group: &str, offsets: &[(i32, i64)]) {
    let offset = |&(partition, offset): &(i32, i64)| PartitionOffset {
        topic: "orders".to_owned(),
        partition,
        offset,
        metadata: String::new(),
    };
    let offsets: Vec<PartitionOffset> = offsets.iter().map(offset).collect();
    let set = plane
        .kafka(id)
        .await
        .group_offsets_set(group, &offsets)
        .await;
    set.expect("they are committed");
}

/// Where a group goes on, as its Kafka has it.
async fn committed(plane: &Plane, id: &str, group: &str) -> Vec<(i32, i64)> {
    let offsets = plane.kafka(id).await.group_offset_list(group).await;
    let offsets = offsets.expect("its Kafka answers").into_iter();
    offsets.map(|at| (at.partition, at.offset)).collect()
}

async fn groups(plane: &Plane, id: &str) -> Vec<(String, bool)> {
    let listed = done(plane, "GetConsumerList", &[("InstanceId", id)]).await;
    let rows = listed["ConsumerList"]["ConsumerVO"].as_array();
    let row = |row: &Value| {
        let name = row["ConsumerId"].as_str().expect("a name").to_owned();
        let is_automatic = row["AutomaticallyCreatedGroup"].as_bool();
        (name, is_automatic.expect("it is said"))
    };
    rows.expect("a list").iter().map(row).collect()
}

async fn quota(plane: &Plane, id: &str) -> (i64, i64) {
    let tip = done(plane, "GetQuotaTip", &[("InstanceId", id)]).await;
    let number = |name: &str| tip["QuotaData"][name].as_i64().expect("a number");
    (number("GroupUsed"), number("GroupLeft"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_there_from_its_making_or_its_first_client_until_it_is_deleted() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [1, 0]).await;
    let (used, left) = quota(&plane, &id).await;
    let made = [
        ("InstanceId", id.as_str()),
        ("ConsumerId", "made.here"),
        ("Remark", "r"),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "a"),
    ];
    done(&plane, "CreateConsumerGroup", &made).await;
    commit(&plane, &id, "theirs", &[(0, 1)]).await;
    let both = [("made.here".to_owned(), false), ("theirs".to_owned(), true)];
    assert_eq!(groups(&plane, &id).await, both);
    assert_eq!(quota(&plane, &id).await, (used + 2, left - 2));
    // Once it is used it is the same group, counted once.
    commit(&plane, &id, "made.here", &[(0, 1)]).await;
    assert_eq!(groups(&plane, &id).await, both);
    assert_eq!(quota(&plane, &id).await, (used + 2, left - 2));
    for (name, code) in [
        ("made.here", "BIZ_SUBSCRIPTION_EXISTED"),
        ("theirs", "BIZ_SUBSCRIPTION_EXISTED"),
        ("a b c", FIELD),
        ("ab", FIELD),
    ] {
        let again = with(&made, &[("ConsumerId", Some(name))]);
        let answer = refused(&plane, "CreateConsumerGroup", &again).await;
        assert_eq!(answer, (400, code.to_owned()), "{name}");
    }
    for name in ["made.here", "theirs"] {
        let of = [("InstanceId", id.as_str()), ("ConsumerId", name)];
        done(&plane, "DeleteConsumerGroup", &of).await;
        let gone = (400, "BIZ_SUBSCRIPTION_NOT_FOUND".to_owned());
        for action in ["DeleteConsumerGroup", "GetConsumerProgress"] {
            assert_eq!(refused(&plane, action, &of).await, gone, "{name}");
        }
    }
    assert_eq!(groups(&plane, &id).await, []);
    let left_over = plane.kafka(&id).await.group_list().await;
    assert_eq!(left_over.expect("its Kafka answers"), []);
    assert_eq!(quota(&plane, &id).await, (used, left));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_end_where_what_was_bought_ends_whoever_makes_them() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [1, 0]).await;
    let (_, left) = quota(&plane, &id).await;
    let create = async |name: &str| {
        let of = [("InstanceId", id.as_str()), ("ConsumerId", name)];
        let params = with(&of, &[("RegionId", Some(super::REGION))]);
        super::call(&plane, "CreateConsumerGroup", &params).await
    };
    for number in 0..left - 1 {
        assert_eq!(create(&format!("group-{number}")).await.status, 200);
    }
    commit(&plane, &id, "theirs", &[(0, 1)]).await;
    let refused = create("one-more").await;
    assert_eq!(refused.json["Code"], "BIZ_QUOTA_EXCEEDED");
    assert_eq!(quota(&plane, &id).await.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_groups_are_kept_whoever_made_them() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [1, 0]).await;
    let made = [("InstanceId", id.as_str()), ("ConsumerId", "made")];
    done(&plane, "CreateConsumerGroup", &made).await;
    commit(&plane, &id, "theirs", &[(0, 1)]).await;
    for name in ["made", "theirs"] {
        let resource = format!("Kafka_{id}_{name}");
        let of = [
            ("ResourceType", "CONSUMERGROUP"),
            ("ResourceId.1", resource.as_str()),
        ];
        let tag = [("Tag.1.Key", Some("team")), ("Tag.1.Value", Some("b"))];
        done(&plane, "TagResources", &with(&of, &tag)).await;
        let listed = done(&plane, "ListTagResources", &of).await;
        let expected = json!([{
            "ResourceId": resource, "ResourceType": "CONSUMERGROUP", "TagKey": "team", "TagValue": "b",
        }]);
        assert_eq!(listed["TagResources"]["TagResource"], expected);
        let shown = [("InstanceId", id.as_str()), ("ConsumerId", name)];
        let shown = done(&plane, "GetConsumerList", &shown).await;
        let shown = &shown["ConsumerList"]["ConsumerVO"][0];
        assert_eq!(
            (&shown["Tags"]["TagVO"], &shown["AutomaticallyCreatedGroup"]),
            (
                &json!([{"Key": "team", "Value": "b"}]),
                &json!(name == "theirs")
            )
        );
        let all = with(&of, &[("All", Some("true"))]);
        done(&plane, "UntagResources", &all).await;
        let listed = done(&plane, "ListTagResources", &of).await;
        assert_eq!(listed["TagResources"]["TagResource"], json!([]));
    }
    let none = format!("Kafka_{id}_nobody");
    let none = [
        ("ResourceType", "CONSUMERGROUP"),
        ("ResourceId.1", none.as_str()),
        ("Tag.1.Key", "team"),
    ];
    let gone = (400, "BIZ_SUBSCRIPTION_NOT_FOUND".to_owned());
    assert_eq!(refused(&plane, "TagResources", &none).await, gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_what_is_left_to_read_and_who_reads_it() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [5, 3]).await;
    commit(&plane, &id, "readers", &[(0, 2), (1, 0)]).await;
    let client = plane.kafka(&id).await.with_client_id("reader-1");
    let consumer = Consumer::join(client, "readers", "orders", &[0]).await;
    let of = [("InstanceId", id.as_str()), ("ConsumerId", "readers")];
    let told = done(&plane, "GetConsumerProgress", &of).await;
    let progress = &told["ConsumerProgress"];
    assert_eq!(
        (
            &progress["TotalDiff"],
            &progress["state"],
            &progress["LastTimestamp"]
        ),
        (&json!(6), &json!("STABLE"), &json!(MADE_MS + 1_000))
    );
    let topic = &progress["TopicList"]["TopicList"][0];
    assert_eq!(
        (&topic["Topic"], &topic["TotalDiff"]),
        (&json!("orders"), &json!(6))
    );
    let offsets = &topic["OffsetList"]["OffsetList"];
    let read = &offsets[0];
    assert_eq!(
        (
            &read["Accumulate"],
            &read["BrokerOffset"],
            &read["ConsumerOffset"]
        ),
        (&json!(3), &json!(5), &json!(2))
    );
    assert_eq!(
        (&read["ClientId"], &read["MemberId"], &read["LastTimestamp"]),
        (
            &json!("reader-1"),
            &json!(consumer.member_id),
            &json!(MADE_MS + 1_000)
        )
    );
    assert_eq!(
        (
            &offsets[1]["Accumulate"],
            &offsets[1]["MemberId"],
            &offsets[1]["LastTimestamp"]
        ),
        (&json!(3), &json!(""), &json!(-1)),
        "nobody has it, and nothing of it was read"
    );
    let hidden = with(&of, &[("HideLastTimestamp", Some("true"))]);
    let told = done(&plane, "GetConsumerProgress", &hidden).await;
    assert_eq!(told["ConsumerProgress"]["LastTimestamp"], -1);

    let topic = [("InstanceId", id.as_str()), ("Topic", "orders")];
    let status = done(&plane, "GetTopicSubscribeStatus", &topic).await;
    let readers = &status["TopicSubscribeStatus"]["ConsumerGroups"];
    assert_eq!(readers, &json!(["readers"]));

    // While it has a member it stays as it is.
    for (action, params) in [
        ("DeleteConsumerGroup", with(&of, &[])),
        (
            "UpdateConsumerOffset",
            with(&of, &[("Topic", Some("orders"))]),
        ),
    ] {
        let answer = refused(&plane, action, &params).await;
        assert_eq!(answer, (400, FIELD.to_owned()), "{action}");
    }
    assert_eq!(committed(&plane, &id, "readers").await, [(0, 2), (1, 0)]);
    let told = done(&plane, "ListRebalanceInfo", &of).await;
    let joined = &told["Data"]["RebalanceInfoList"];
    assert_eq!(joined.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(
        (
            &joined[0]["GroupId"],
            &joined[0]["Generation"],
            &joined[0]["RebalanceSuccess"]
        ),
        (&json!("readers"), &json!(1), &json!(true))
    );
    assert_eq!(&progress["RebalanceInfoList"]["RebalanceInfoList"], joined);
    consumer.leave().await;
    let told = done(&plane, "ListRebalanceInfo", &of).await;
    assert_eq!(
        told["Data"]["RebalanceInfoList"][0]["Reason"],
        "a member left"
    );
    done(&plane, "DeleteConsumerGroup", &of).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_go_where_they_are_set() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [5, 3]).await;
    commit(&plane, &id, "readers", &[(0, 2), (1, 0)]).await;
    let of = [
        ("InstanceId", id.as_str()),
        ("ConsumerId", "readers"),
        ("Topic", "orders"),
    ];
    let after_three = (MADE_MS + 2_500).to_string();
    let far = (MADE_MS + 999_000).to_string();
    let each = r#"[{"Partition":1,"Offset":2}]"#;
    for (changes, expected) in [
        (vec![], [(0, 5), (1, 3)]),
        (vec![("Time", Some("-2"))], [(0, 0), (1, 0)]),
        (vec![("Time", Some(after_three.as_str()))], [(0, 3), (1, 3)]),
        (
            vec![("Time", Some("-2")), ("Topic", Some(""))],
            [(0, 0), (1, 0)],
        ),
        (vec![("Time", Some(far.as_str()))], [(0, 5), (1, 3)]),
        (
            vec![("ResetType", Some("offset")), ("Offsets", Some(each))],
            [(0, 5), (1, 2)],
        ),
        (
            vec![("ResetType", Some("timestamp")), ("Time", Some("-1"))],
            [(0, 5), (1, 3)],
        ),
    ] {
        done(&plane, "UpdateConsumerOffset", &with(&of, &changes)).await;
        assert_eq!(
            committed(&plane, &id, "readers").await,
            expected,
            "{changes:?}"
        );
    }
    let unknown = r#"[{"Partition":2,"Offset":2}]"#;
    let twice = r#"[{"Partition":1,"Offset":2},{"Partition":1,"Offset":1}]"#;
    let topic_gone = "BIZ_TOPIC_NOT_FOUND";
    for (changes, code) in [
        (vec![("Time", Some("-3"))], FIELD),
        (vec![("Time", Some("noon"))], FIELD),
        (vec![("ResetType", Some("offset"))], FIELD),
        (vec![("ResetType", Some("other"))], FIELD),
        (vec![("Topic", Some("none"))], topic_gone),
        (
            vec![("ResetType", Some("offset")), ("Offsets", Some(unknown))],
            FIELD,
        ),
        (
            vec![("ResetType", Some("offset")), ("Offsets", Some(twice))],
            FIELD,
        ),
    ] {
        let answer = refused(&plane, "UpdateConsumerOffset", &with(&of, &changes)).await;
        assert_eq!(answer, (400, code.to_owned()), "{changes:?}");
    }
    assert_eq!(committed(&plane, &id, "readers").await, [(0, 5), (1, 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_the_records_of_the_topic() {
    let plane = Plane::sandbox().await;
    let id = with_records(&plane, [30, 2]).await;
    let of = [("InstanceId", id.as_str()), ("Topic", "orders")];
    let found = async |changes: &[(&str, Option<&str>)]| {
        let told = done(&plane, "QueryMessage", &with(&of, changes)).await;
        let rows = told["MessageList"].as_array().expect("a list").clone();
        let place = |row: &Value| (row["Partition"].as_i64(), row["Offset"].as_i64());
        (rows.iter().map(place).collect::<Vec<_>>(), rows)
    };
    let by_offset = [
        ("QueryType", Some("byOffset")),
        ("Partition", Some("0")),
        ("Offset", Some("7")),
    ];
    let (places, rows) = found(&by_offset).await;
    let expected: Vec<_> = (7..27).map(|at| (Some(0), Some(at))).collect();
    assert_eq!(places, expected, "twenty at most");
    let first = json!({
        "Checksum": 0, "Key": "key 7", "KeyTruncated": false, "Offset": 7, "Partition": 0, "SerializedKeySize": 5,
        "SerializedValueSize": 9, "Timestamp": MADE_MS + 7_000, "TimestampType": "CreateTime", "Topic": "orders",
        "TruncatedKeySize": 5, "TruncatedValueSize": 9, "Value": "value 0/7", "ValueTruncated": false,
    });
    assert_eq!(rows[0], first);
    let end = [
        ("QueryType", Some("byOffset")),
        ("Partition", Some("1")),
        ("Offset", Some("2")),
    ];
    assert_eq!(found(&end).await.0, [], "nothing is there yet");
    let since = (MADE_MS + 500).to_string();
    let by_time = [
        ("QueryType", Some("byTimestamp")),
        ("BeginTime", Some(since.as_str())),
    ];
    let (places, _) = found(&by_time).await;
    assert_eq!(
        places.len(),
        21,
        "twenty of one partition and one of the other"
    );
    assert_eq!(
        (places[0], places[20]),
        ((Some(0), Some(1)), (Some(1), Some(1)))
    );
    let large = NewRecord {
        timestamp_ms: MADE_MS,
        value: Some(vec![b'x'; 5_000].into()),
        ..NewRecord::default()
    };
    let mut kafka = plane.kafka(&id).await;
    let at = kafka
        .records_append("orders", 1, &[large])
        .await
        .expect("it is taken");
    let at = at.to_string();
    let last = [
        ("QueryType", Some("byOffset")),
        ("Partition", Some("1")),
        ("Offset", Some(at.as_str())),
    ];
    let (_, rows) = found(&last).await;
    let value = rows[0]["Value"].as_str().map(str::len);
    assert_eq!(
        (
            value,
            &rows[0]["SerializedValueSize"],
            &rows[0]["ValueTruncated"]
        ),
        (Some(1_024), &json!(5_000), &json!(true))
    );
    for changes in [
        vec![("QueryType", Some("byName"))],
        vec![("QueryType", Some("byOffset")), ("Offset", Some("0"))],
        vec![("QueryType", Some("byOffset")), ("Partition", Some("0"))],
        vec![("QueryType", Some("byTimestamp"))],
        vec![
            ("QueryType", Some("byTimestamp")),
            ("BeginTime", Some("-1")),
        ],
        vec![
            ("QueryType", Some("byOffset")),
            ("Partition", Some("2")),
            ("Offset", Some("0")),
        ],
        vec![
            ("QueryType", Some("byOffset")),
            ("Partition", Some("0")),
            ("Offset", Some("31")),
        ],
        vec![
            ("QueryType", Some("byOffset")),
            ("Partition", Some("x")),
            ("Offset", Some("1")),
        ],
    ] {
        let answer = refused(&plane, "QueryMessage", &with(&of, &changes)).await;
        assert_eq!(answer, (400, FIELD.to_owned()), "{changes:?}");
    }
}
