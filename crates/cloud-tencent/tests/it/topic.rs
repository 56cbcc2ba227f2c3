//! Topics: their settings, limits and lists.

use brokerage_domain::instance::Phase;
use brokerage_kafka_admin::NewTopic;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{bought, call, changed, check_refused, result, running, with};

fn topic(id: &str, name: &str) -> Value {
    json!({ "InstanceId": id, "TopicName": name, "PartitionNum": 3, "ReplicaNum": 2 })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_reaches_kafka_under_its_own_name() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let request = changed(
        topic(&id, "orders"),
        &json!({
            "EnableWhiteList": 1, "IpWhiteList": ["10.0.0.1", "10.1.0.0/16"], "CleanUpPolicy": "compact", "Note": "n",
            "MinInsyncReplicas": 2, "UncleanLeaderElectionEnable": 1, "RetentionMs": 60_000, "SegmentMs": 86_400_000,
            "MaxMessageBytes": 1_048_588, "EnableAclRule": 0, "RetentionBytes": 1_073_741_824,
            "Tags": [{ "TagKey": "team", "TagValue": "a" }], "LogMsgTimestampType": "LogAppendTime",
        }),
    );
    let topic_id = result(&plane, "CreateTopic", request).await["TopicId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        topic_id
            .strip_prefix("topic-")
            .is_some_and(|rest| rest.len() == 8),
        "{topic_id}"
    );
    let made = plane.topics(&id).await;
    let configs: Vec<(&str, &str)> = made[0]
        .configs
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!((made[0].partitions, made[0].replication_factor), (3, 2));
    assert_eq!(
        configs,
        [
            ("cleanup.policy", "compact"),
            ("max.message.bytes", "1048588"),
            ("message.timestamp.type", "LogAppendTime"),
            ("min.insync.replicas", "2"),
            ("retention.bytes", "1073741824"),
            ("retention.ms", "60000"),
            ("segment.ms", "86400000"),
            ("unclean.leader.election.enable", "true"),
        ]
    );
    let listed = result(&plane, "DescribeTopic", json!({ "InstanceId": id })).await;
    let entry = json!({ "TopicId": topic_id, "TopicName": "orders", "Note": "n" });
    assert_eq!(listed, json!({ "TopicList": [entry], "TotalCount": 1 }));
    let config = json!({
        "Retention": 60_000, "MinInsyncReplicas": 2, "CleanUpPolicy": "compact", "SegmentMs": 86_400_000,
        "UncleanLeaderElectionEnable": 1, "SegmentBytes": 1_073_741_824, "MaxMessageBytes": 1_048_588,
        "RetentionBytes": 1_073_741_824, "LogMsgTimestampType": "LogAppendTime",
    });
    let detail = result(
        &plane,
        "DescribeTopicDetail",
        json!({ "InstanceId": id, "SearchWord": "ord", "Limit": 200 }),
    )
    .await;
    let detail = &detail["TopicList"][0];
    assert_eq!(
        (
            &detail["Config"],
            &detail["EnableWhiteList"],
            &detail["IpWhiteListCount"]
        ),
        (&config, &json!(true), &json!(2))
    );
    assert_eq!(
        detail["Tags"],
        json!([{ "TagKey": "team", "TagValue": "a" }])
    );
    assert_eq!(detail["CreateTime"], 1_795_406_400);
    let one = result(
        &plane,
        "DescribeTopicAttributes",
        json!({ "InstanceId": id, "TopicName": "orders" }),
    )
    .await;
    assert_eq!(
        (&one["Config"], &one["EnableWhiteList"], &one["TopicId"]),
        (&config, &json!(1), &json!(topic_id))
    );
    assert_eq!(one["IpWhiteList"], json!(["10.0.0.1", "10.1.0.0/16"]));
    assert_eq!(one["Partitions"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_topic_does_not_set_is_the_instances() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    result(&plane, "CreateTopic", topic(&id, "plain")).await;
    result(
        &plane,
        "ModifyInstanceAttributes",
        json!({ "InstanceId": id, "MsgRetentionTime": 60, "MaxMessageByte": 9000 }),
    )
    .await;
    let one = result(
        &plane,
        "DescribeTopicAttributes",
        json!({ "InstanceId": id, "TopicName": "plain" }),
    )
    .await;
    assert_eq!(
        one["Config"],
        json!({
            "Retention": 3_600_000, "MinInsyncReplicas": 1, "CleanUpPolicy": "delete", "SegmentMs": null,
            "UncleanLeaderElectionEnable": 0, "SegmentBytes": 1_073_741_824, "MaxMessageBytes": 9000, "RetentionBytes": -1,
            "LogMsgTimestampType": "CreateTime",
        })
    );
    let detail = result(&plane, "DescribeTopicDetail", json!({ "InstanceId": id })).await;
    assert_eq!(detail["TopicList"][0]["Config"], one["Config"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_a_topic_is_refused_with_its_code() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    result(&plane, "CreateTopic", topic(&id, "taken")).await;
    let mut cases = Vec::new();
    for (changes, expected) in [
        (json!({ "InstanceId": null }), "MissingParameter"),
        (json!({ "TopicName": null }), "MissingParameter"),
        (json!({ "PartitionNum": null }), "MissingParameter"),
        (json!({ "ReplicaNum": null }), "MissingParameter"),
        (
            json!({ "TopicName": "" }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (json!({ "TopicName": "a b" }), "InvalidParameterValue"),
        (
            json!({ "Tags": [{ "TagKey": "a", "TagValue": "v".repeat(256) }] }),
            "InvalidParameterValue",
        ),
        (
            json!({ "TopicName": "taken" }),
            "InvalidParameterValue.TopicNameAlreadyExist",
        ),
        (
            json!({ "InstanceId": "ckafka-00000001" }),
            "InvalidParameterValue.InstanceNotExist",
        ),
        (json!({ "PartitionNum": 0 }), "InvalidParameterValue"),
        (json!({ "PartitionNum": 3001 }), "InvalidParameterValue"),
        (json!({ "PartitionNum": 198 }), "LimitExceeded"),
        (json!({ "ReplicaNum": 0 }), "InvalidParameterValue"),
        (json!({ "ReplicaNum": 4 }), "InvalidParameterValue"),
        (json!({ "MinInsyncReplicas": 3 }), "InvalidParameterValue"),
        (json!({ "Note": "x".repeat(65) }), "InvalidParameterValue"),
        (json!({ "CleanUpPolicy": "burn" }), "InvalidParameterValue"),
        (
            json!({ "UncleanLeaderElectionEnable": 2 }),
            "InvalidParameterValue",
        ),
        (json!({ "EnableWhiteList": 3 }), "InvalidParameterValue"),
        (json!({ "IpWhiteList": ["here"] }), "InvalidParameterValue"),
        (
            json!({ "IpWhiteList": ["10.0.0.0/33"] }),
            "InvalidParameterValue",
        ),
        (json!({ "RetentionMs": 59_999 }), "InvalidParameterValue"),
        (
            json!({ "RetentionMs": 7_776_000_001_i64 }),
            "InvalidParameterValue",
        ),
        (json!({ "SegmentMs": 3_599_999 }), "InvalidParameterValue"),
        (json!({ "MaxMessageBytes": 1023 }), "InvalidParameterValue"),
        (
            json!({ "MaxMessageBytes": 12_582_913 }),
            "InvalidParameterValue",
        ),
        (json!({ "RetentionBytes": 1 }), "InvalidParameterValue"),
        (
            json!({ "EnableAclRule": 1 }),
            "InvalidParameterValue.NotAllowedEmpty",
        ),
        (
            json!({ "EnableAclRule": 1, "AclRuleName": "r" }),
            "ResourceNotFound",
        ),
        (
            json!({ "LogMsgTimestampType": "Never" }),
            "InvalidParameterValue",
        ),
        (
            json!({ "Tags": [{ "TagKey": "a", "TagValue": "" }, { "TagKey": "a", "TagValue": "" }] }),
            "InvalidParameterValue.RepetitionValue",
        ),
    ] {
        cases.push((changed(topic(&id, "new"), &changes), expected));
    }
    check_refused(&plane, "CreateTopic", cases).await;
    let listed = result(&plane, "DescribeTopic", json!({ "InstanceId": id })).await;
    assert_eq!(listed["TotalCount"], 1, "a refused topic leaves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_count_with_their_replicas_against_what_was_bought() {
    let plane = Plane::sandbox().await;
    let id = bought(&plane, &with(json!({ "Partition": 400, "TopicNum": 100 }))).await;
    plane.wait_for("ckafka", &id, Phase::Running).await;
    // The vendor's own example: 2 replicas x 4 partitions and twice 3 x 3 are 26.
    for (name, partitions, replicas) in [("a", 4, 2), ("b", 3, 3), ("c", 3, 3)] {
        let request = json!({ "InstanceId": id, "TopicName": name, "PartitionNum": partitions, "ReplicaNum": replicas });
        result(&plane, "CreateTopic", request).await;
    }
    let shown = result(
        &plane,
        "DescribeInstanceAttributes",
        json!({ "InstanceId": id }),
    )
    .await;
    let found = [
        "CreatedTopics",
        "CreatedPartitions",
        "RemainingTopics",
        "RemainingPartitions",
        "RemainderPartitions",
    ]
    .map(|key| &shown[key]);
    assert_eq!(
        found,
        [&json!(3), &json!(26), &json!(97), &json!(374), &json!(374)]
    );
    let request = |partitions: i64| json!({ "InstanceId": id, "TopicName": "d", "PartitionNum": partitions, "ReplicaNum": 1 });
    check_refused(&plane, "CreateTopic", vec![(request(375), "LimitExceeded")]).await;
    result(&plane, "CreateTopic", request(374)).await;
    result(
        &plane,
        "DeleteTopic",
        json!({ "InstanceId": id, "TopicName": "d" }),
    )
    .await;
    result(&plane, "CreateTopic", request(374)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_wait_for_their_instance() {
    let plane = Plane::sandbox().await;
    // An instance that fails again and again stays on its way.
    plane
        .engine
        .script_ensure([brokerage_engine::fake::Fault::Fail; 1]);
    let id = bought(&plane, &with(json!({}))).await;
    check_refused(
        &plane,
        "CreateTopic",
        vec![(topic(&id, "early"), "ResourceInUse")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_lists_are_narrowed_sorted_and_paged() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for (name, partitions) in [("orders", 2), ("Orders-archive", 9), ("payments", 4)] {
        plane.clock.set(plane.control.real_now().plus_seconds(1));
        result(
            &plane,
            "CreateTopic",
            changed(topic(&id, name), &json!({ "PartitionNum": partitions })),
        )
        .await;
    }
    for (action, request, expected, total) in [
        (
            "DescribeTopic",
            json!({}),
            vec!["Orders-archive", "orders", "payments"],
            3,
        ),
        (
            "DescribeTopic",
            json!({ "SearchWord": "rders" }),
            vec!["Orders-archive", "orders"],
            2,
        ),
        (
            "DescribeTopic",
            json!({ "Offset": 1, "Limit": 1 }),
            vec!["orders"],
            3,
        ),
        ("DescribeTopic", json!({ "AclRuleName": "r" }), vec![], 0),
        (
            "DescribeTopicDetail",
            json!({ "SearchWord": "orders" }),
            vec!["orders"],
            1,
        ),
        (
            "DescribeTopicDetail",
            json!({ "SearchWord": "orders", "SearchWordIgnoreCaseFlag": true }),
            vec!["Orders-archive", "orders"],
            2,
        ),
        (
            "DescribeTopicDetail",
            json!({ "OrderBy": "PartitionNum" }),
            vec!["orders", "payments", "Orders-archive"],
            3,
        ),
        (
            "DescribeTopicDetail",
            json!({ "OrderBy": "PartitionNum", "OrderType": 1 }),
            vec!["Orders-archive", "payments", "orders"],
            3,
        ),
        (
            "DescribeTopicDetail",
            json!({ "Filters": [{ "Name": "TopicName", "Values": ["payments"] }] }),
            vec!["payments"],
            1,
        ),
        (
            "DescribeTopicDetail",
            json!({ "Filters": [{ "Name": "ReplicaNum", "Values": ["9"] }] }),
            vec![],
            0,
        ),
        // The newest first where nothing is said.
        (
            "DescribeTopicDetail",
            json!({}),
            vec!["payments", "Orders-archive", "orders"],
            3,
        ),
        (
            "DescribeTopicDetail",
            json!({ "Offset": 2 }),
            vec!["orders"],
            3,
        ),
    ] {
        let found = result(
            &plane,
            action,
            changed(request.clone(), &json!({ "InstanceId": id })),
        )
        .await;
        let names: Vec<&str> = found["TopicList"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["TopicName"].as_str().unwrap())
            .collect();
        assert_eq!(
            (names, &found["TotalCount"]),
            (expected, &json!(total)),
            "{action} {request}"
        );
    }
    check_refused(
        &plane,
        "DescribeTopicDetail",
        vec![
            (
                json!({ "InstanceId": id, "OrderBy": "Colour" }),
                "InvalidParameterValue",
            ),
            (
                json!({ "InstanceId": id, "Filters": [{ "Name": "Colour", "Values": ["red"] }] }),
                "InvalidFilter",
            ),
        ],
    )
    .await;
}

/// Terraform compares ordered lists, and plans a value that is spelled otherwise again for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_what_was_sent_in_its_order() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let addresses = json!(["9.9.9.9", "1.1.1.1", "5.5.5.5"]);
    let tags = json!([{ "TagKey": "z", "TagValue": "1" }, { "TagKey": "a", "TagValue": "2" }]);
    let sent = json!({
        "EnableWhiteList": 1, "IpWhiteList": addresses, "Tags": tags, "CleanUpPolicy": "compact, delete",
        // Nobody set these.
        "RetentionMs": 0, "SegmentMs": 0, "MaxMessageBytes": 0, "RetentionBytes": 0, "MinInsyncReplicas": 0,
    });
    result(&plane, "CreateTopic", changed(topic(&id, "t"), &sent)).await;
    let one = json!({ "InstanceId": id, "TopicName": "t" });
    let one = result(&plane, "DescribeTopicAttributes", one).await;
    let listed = result(&plane, "DescribeTopicDetail", json!({ "InstanceId": id })).await;
    assert_eq!(one["IpWhiteList"], addresses);
    assert_eq!(listed["TopicList"][0]["Tags"], tags);
    for config in [&one["Config"], &listed["TopicList"][0]["Config"]] {
        assert_eq!(config["CleanUpPolicy"], "compact, delete");
        assert_eq!(
            (
                &config["Retention"],
                &config["SegmentMs"],
                &config["MinInsyncReplicas"]
            ),
            (&json!(86_400_000), &Value::Null, &json!(1))
        );
    }
    let made = &plane.topics(&id).await[0];
    assert_eq!(made.configs["cleanup.policy"], "compact,delete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_white_list_grows_and_shrinks() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    result(
        &plane,
        "CreateTopic",
        changed(topic(&id, "t"), &json!({ "EnableWhiteList": 1 })),
    )
    .await;
    let of = |list: Value| json!({ "InstanceId": id, "TopicName": "t", "IpWhiteList": list });
    let shown = async || {
        let one = json!({ "InstanceId": id, "TopicName": "t" });
        let one = result(&plane, "DescribeTopicAttributes", one).await;
        (one["IpWhiteList"].clone(), one["Note"].clone())
    };
    result(
        &plane,
        "CreateTopicIpWhiteList",
        of(json!(["10.0.0.1", "10.0.0.2"])),
    )
    .await;
    result(
        &plane,
        "CreateTopicIpWhiteList",
        of(json!(["10.0.0.2", "10.1.0.0/16"])),
    )
    .await;
    assert_eq!(
        shown().await.0,
        json!(["10.0.0.1", "10.0.0.2", "10.1.0.0/16"])
    );
    result(
        &plane,
        "DeleteTopicIpWhiteList",
        of(json!(["10.0.0.1", "10.9.9.9"])),
    )
    .await;
    assert_eq!(shown().await.0, json!(["10.0.0.2", "10.1.0.0/16"]));
    let many: Vec<String> = (0..99).map(|n| format!("10.2.0.{n}")).collect();
    let elsewhere = changed(of(json!(["10.0.0.1"])), &json!({ "TopicName": "none" }));
    for action in ["CreateTopicIpWhiteList", "DeleteTopicIpWhiteList"] {
        let cases = vec![
            (of(json!([])), "InvalidParameterValue.NotAllowedEmpty"),
            (elsewhere.clone(), "ResourceNotFound"),
            (
                json!({ "InstanceId": id, "TopicName": "t" }),
                "MissingParameter",
            ),
        ];
        check_refused(&plane, action, cases).await;
    }
    let cases = vec![
        (of(json!(["here"])), "InvalidParameterValue"),
        (of(json!(many)), "LimitExceeded"),
    ];
    check_refused(&plane, "CreateTopicIpWhiteList", cases).await;
    assert_eq!(
        shown().await.0,
        json!(["10.0.0.2", "10.1.0.0/16"]),
        "a refused list changes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_topic_is_gone() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    result(&plane, "CreateTopic", topic(&id, "t")).await;
    let one = json!({ "InstanceId": id, "TopicName": "t" });
    let deleted = result(&plane, "DeleteTopic", one.clone()).await;
    assert_eq!(
        deleted,
        json!({ "ReturnCode": "0", "ReturnMessage": "ok", "Data": null })
    );
    check_refused(
        &plane,
        "DeleteTopic",
        vec![(one.clone(), "ResourceNotFound")],
    )
    .await;
    check_refused(
        &plane,
        "DescribeTopicAttributes",
        vec![(one, "ResourceNotFound")],
    )
    .await;
    assert_eq!(
        result(&plane, "DescribeTopic", json!({ "InstanceId": id })).await["TotalCount"],
        0
    );
}

fn by_kafka(name: &str) -> NewTopic {
    NewTopic {
        name: name.into(),
        partitions: 1,
        replication_factor: 1,
        configs: Default::default(),
    }
}

/// One sentence, with one full stop.
fn assert_sentence(told: &str) {
    let first = told.chars().next();
    let is_sentence = first.is_some_and(char::is_uppercase)
        && told.ends_with('.')
        && !told.ends_with("..")
        && !told.contains(". ");
    assert!(is_sentence, "{told}");
}

/// Whoever refuses it, the control plane or Kafka: a sentence that has the topic's name once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_of_a_topic_is_told_in_one_sentence() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    // Topics of Kafka's own are not listed: Kafka itself has to refuse this one.
    let mut kafka = plane.kafka(&id).await;
    kafka.topic_create(&by_kafka("__hidden")).await.unwrap();
    result(&plane, "CreateTopic", topic(&id, "or.ders")).await;
    let many = changed(topic(&id, "new"), &json!({ "PartitionNum": 1_000 }));
    for (action, request, code, message) in [
        (
            "CreateTopic",
            topic(&id, "or.ders"),
            "InvalidParameterValue.TopicNameAlreadyExist",
            "The topic or.ders exists already.",
        ),
        (
            "CreateTopic",
            topic(&id, "__hidden"),
            "InvalidParameterValue.TopicNameAlreadyExist",
            "The topic __hidden exists already.",
        ),
        (
            "CreateTopic",
            topic(&id, "or_ders"),
            "InvalidParameterValue",
            "Topic 'or_ders' collides with existing topic: or.ders.",
        ),
        ("CreateTopic", many, "LimitExceeded", ""),
        (
            "DeleteTopic",
            json!({ "InstanceId": id, "TopicName": "gone" }),
            "ResourceNotFound",
            "The topic gone does not exist.",
        ),
    ] {
        let answer = call(&plane, action, request.clone()).await;
        let told = answer.json["Response"]["Error"]["Message"].as_str();
        let told = told.unwrap_or("");
        assert_eq!(
            crate::calls::code(&answer),
            code,
            "{action} {request}: {told}"
        );
        assert!(message.is_empty() || told == message, "{told}");
        assert_sentence(told);
    }
}

/// What is noted of a topic goes with it, also when a Kafka client deletes it and makes another of its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_by_a_kafka_client_shows_nothing_of_the_old_one() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let request = changed(topic(&id, "orders"), &json!({ "Note": "the first" }));
    result(&plane, "CreateTopic", request).await;
    let note = async || {
        let listed = result(&plane, "DescribeTopic", json!({ "InstanceId": id })).await;
        listed["TopicList"][0]["Note"].clone()
    };
    assert_eq!(note().await, "the first");
    let mut kafka = plane.kafka(&id).await;
    kafka.topic_delete("orders").await.unwrap();
    kafka.topic_create(&by_kafka("orders")).await.unwrap();
    assert_eq!(note().await, "");
}
