//! Topics and what they take of an instance.

use brokerage_domain::id::InstanceId;
use brokerage_kafka_admin::{AlterConfig, ConfigChange, ConfigResource, NewTopic};
use brokerage_store::topic::{topic_record_list, topic_record_put};
use brokerage_store::{Store, StoreError};
use brokerage_testkit::{Plane, PlaneOptions};
use serde_json::{Value, json};

use super::{EXAMPLE, bought, call, done, refused, running, shown, started, with};

const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";

async fn listed(plane: &Plane, id: &str, filter: &[(&str, &str)]) -> Value {
    let mut params = vec![("InstanceId", id)];
    params.extend_from_slice(filter);
    done(plane, "GetTopicList", &params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_listed_and_deleted() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let topic = [
        ("InstanceId", id.as_str()),
        ("Topic", "orders.v1_x-2"),
        ("Remark", "all orders"),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "a"),
        ("CompactTopic", "false"),
    ];
    done(&plane, "CreateTopic", &topic).await;
    let answer = listed(&plane, &id, &[("Topic", "orders.v1_x-2")]).await;
    let at = &answer["TopicList"]["TopicVO"][0]["CreateTime"];
    assert!(at.as_i64().is_some_and(|at| at > 1_600_000_000_000), "{at}");
    assert_eq!(
        (
            &answer["Total"],
            &answer["CurrentPage"],
            &answer["PageSize"]
        ),
        (&json!(1), &json!(1), &json!(10))
    );
    assert_eq!(
        answer["TopicList"],
        json!({ "TopicVO": [{
            "Topic": "orders.v1_x-2", "InstanceId": id, "RegionId": "cn-hangzhou", "PartitionNum": 12,
            "Remark": "all orders", "Status": 0, "StatusName": "Running", "CreateTime": at, "LocalTopic": false,
            "CompactTopic": false, "AutoCreate": false, "TopicConfig": "{}",
            "Tags": { "TagVO": [{ "Key": "team", "Value": "a" }] },
        }] })
    );
    assert_eq!(
        refused(&plane, "CreateTopic", &topic).await,
        (400, "BIZ_TOPIC_EXISTED".to_owned())
    );
    let of = [("InstanceId", id.as_str()), ("Topic", "orders.v1_x-2")];
    done(
        &plane,
        "ModifyTopicRemark",
        &with(&of, &[("Remark", Some("new"))]),
    )
    .await;
    assert_eq!(
        listed(&plane, &id, &[]).await["TopicList"]["TopicVO"][0]["Remark"],
        "new"
    );
    done(&plane, "DeleteTopic", &of).await;
    assert_eq!(
        listed(&plane, &id, &[]).await["TopicList"],
        json!({ "TopicVO": [] })
    );
    for action in ["DeleteTopic", "ModifyTopicRemark"] {
        assert_eq!(
            refused(&plane, action, &of).await,
            (400, "BIZ_TOPIC_NOT_FOUND".to_owned()),
            "{action}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_storage_has_settings_of_its_own() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(
        &plane,
        &with(&EXAMPLE, &[("SpecType", Some("professional"))]),
    )
    .await;
    started(&plane, &id, &[]).await;
    let local = [
        ("InstanceId", id.as_str()),
        ("Topic", "local"),
        ("Remark", ""),
        ("LocalTopic", "True"),
        ("PartitionNum", "1"),
        ("CompactTopic", "true"),
        ("ReplicationFactor", "2"),
        ("MinInsyncReplicas", "2"),
        (
            "Config",
            r#"{"retention.ms":"3600000","max.message.bytes":2097152,"message.timestamp.type":"LogAppendTime"}"#,
        ),
    ];
    done(&plane, "CreateTopic", &local).await;
    let topic = &listed(&plane, &id, &[]).await["TopicList"]["TopicVO"][0];
    assert_eq!(
        (
            &topic["LocalTopic"],
            &topic["CompactTopic"],
            &topic["PartitionNum"]
        ),
        (&json!(true), &json!(true), &json!(1))
    );
    assert_eq!(
        config_of(topic),
        json!({
            "retention.ms": "3600000", "max.message.bytes": 2_097_152, "message.timestamp.type": "LogAppendTime",
        })
    );
    check_kafka(
        &plane,
        &id,
        2,
        json!({
            "cleanup.policy": "compact", "max.message.bytes": "2097152", "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": "2", "retention.ms": "3600000",
        }),
    )
    .await;
}

fn config_of(topic: &Value) -> Value {
    serde_json::from_str(topic["TopicConfig"].as_str().expect("a text")).expect("JSON")
}

/// The one topic of an instance as its Kafka has it.
async fn check_kafka(plane: &Plane, id: &str, replicas: i16, configs: Value) {
    let topics = plane.topics(id).await;
    assert_eq!(topics.len(), 1);
    assert_eq!(
        (topics[0].replication_factor, json!(topics[0].configs)),
        (replicas, configs)
    );
}

/// A professional instance with a topic of this `Config`, in local or cloud storage, and what is answered of it.
async fn configured(config: &str, storage: &[(&str, &str)]) -> (Plane, String, Value) {
    let plane = Plane::sandbox().await;
    let professional = with(&EXAMPLE, &[("SpecType", Some("professional"))]);
    let (_, id) = bought(&plane, &professional).await;
    started(&plane, &id, &[]).await;
    let mut params = vec![
        ("InstanceId", id.as_str()),
        ("Topic", "topic"),
        ("Remark", ""),
        ("Config", config),
    ];
    params.extend_from_slice(storage);
    done(&plane, "CreateTopic", &params).await;
    let topic = listed(&plane, &id, &[]).await["TopicList"]["TopicVO"][0].take();
    (plane, id, topic)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topics_config_is_the_object_that_was_sent_and_in_force() {
    // Terraform's own example.
    let example = r#"{"message.format.version":"2.2.0","max.message.bytes":"10485760","min.insync.replicas":"1",
        "replication-factor":"2","retention.ms":"3600000"}"#;
    let of_example = json!({
        "max.message.bytes": "10485760", "min.insync.replicas": "1", "retention.ms": "3600000"
    });
    let mut compacted = of_example.clone();
    compacted["cleanup.policy"] = json!("compact");
    for (config, storage, replicas, configs) in [
        (example, &[][..], 2, of_example),
        (
            example,
            &[("LocalTopic", "true"), ("CompactTopic", "true")],
            2,
            compacted,
        ),
        (r#"{"replications":1}"#, &[], 1, json!({})),
        (
            r#"{"replications":1,"replication-factor":"1"}"#,
            &[("LocalTopic", "true"), ("ReplicationFactor", "1")],
            1,
            json!({}),
        ),
        (
            r#"{"min.insync.replicas":2}"#,
            &[("LocalTopic", "true"), ("MinInsyncReplicas", "2")],
            3,
            json!({ "min.insync.replicas": "2" }),
        ),
        ("{}", &[], 3, json!({})),
        ("", &[], 3, json!({})),
    ] {
        let (plane, id, topic) = configured(config, storage).await;
        let sent = if config.is_empty() { "{}" } else { config };
        let sent: Value = serde_json::from_str(sent).unwrap();
        assert_eq!(config_of(&topic), sent, "{storage:?}");
        check_kafka(&plane, &id, replicas, configs).await;
    }
}

/// What a Kafka client changes later is shown as it is then; what it makes itself, as far as it could be sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_topics_config_shows_nothing_that_is_not_in_force() {
    let config = r#"{"retention.ms":3600000,"max.message.bytes":"2097152","replication-factor":2}"#;
    let (plane, id, _) = configured(config, &[]).await;
    let id = InstanceId::new(id);
    let topic = plane.topics(id.as_str()).await.remove(0);
    let mut kafka = plane.kafka(id.as_str()).await;
    let changes = [
        ("max.message.bytes", ConfigChange::Delete),
        ("cleanup.policy", ConfigChange::Set("compact")),
    ];
    let changes = changes.map(|(name, change)| AlterConfig { name, change });
    let resource = ConfigResource::topic(&topic.name);
    kafka.configs_alter(resource, &changes).await.unwrap();
    let mut topic = NewTopic {
        name: topic.name,
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs,
    };
    topic.replication_factor = 3;
    topic.configs.remove("max.message.bytes");
    topic
        .configs
        .insert("cleanup.policy".into(), "compact".into());
    topic.name = "others".into();
    kafka.topic_create(&topic).await.unwrap();
    for (name, expected) in [
        (
            "topic",
            json!({ "retention.ms": 3_600_000, "replication-factor": 2 }),
        ),
        ("others", json!({ "retention.ms": "3600000" })),
    ] {
        let answer = listed(&plane, id.as_str(), &[("Topic", name)]).await;
        assert_eq!(
            config_of(&answer["TopicList"]["TopicVO"][0]),
            expected,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_topics_config_that_cannot_be_is_refused_by_name() {
    let plane = Plane::sandbox().await;
    let professional = with(&EXAMPLE, &[("SpecType", Some("professional"))]);
    let (_, id) = bought(&plane, &professional).await;
    started(&plane, &id, &[]).await;
    let long = format!(r#"{{"message.format.version":"{}"}}"#, "1".repeat(33));
    let too_long = format!(r#"{{"retention.ms":"{}"}}"#, "1".repeat(4_096));
    for (config, storage, named) in [
        (r#"{"nonsense.key":"7"}"#, "", "nonsense.key"),
        (
            r#"{"retention.ms":"3600000","cleanup.policy":"compact"}"#,
            "",
            "cleanup.policy",
        ),
        (r#"{"retention.hours":"24"}"#, "", "retention.hours"),
        (r#"{"replication-factor":"4"}"#, "", "replication-factor"),
        (r#"{"replications":0}"#, "", "replications"),
        (r#"{"replications":1.5}"#, "", "replications"),
        (r#"{"replications":[1]}"#, "", "replications"),
        (r#"{"replications":1,"replication-factor":2}"#, "", "Config"),
        (
            r#"{"replication-factor":"1","min.insync.replicas":"2"}"#,
            "",
            "min.insync.replicas",
        ),
        (r#"{"min.insync.replicas":true}"#, "", "min.insync.replicas"),
        (r#"{"retention.ms":"3599999"}"#, "", "retention.ms"),
        (r#"{"max.message.bytes":"many"}"#, "", "max.message.bytes"),
        (
            r#"{"message.timestamp.type":"Other"}"#,
            "",
            "message.timestamp.type",
        ),
        (
            r#"{"message.format.version":""}"#,
            "",
            "message.format.version",
        ),
        (long.as_str(), "", "message.format.version"),
        (too_long.as_str(), "", "Config"),
        (r#"{"retention.ms":1,"retention.ms":2}"#, "", "Config"),
        ("[]", "", "Config"),
        ("{", "", "Config"),
        (
            r#"{"replications":2}"#,
            "ReplicationFactor",
            "ReplicationFactor",
        ),
        (
            r#"{"min.insync.replicas":2}"#,
            "MinInsyncReplicas",
            "MinInsyncReplicas",
        ),
    ] {
        let mut params = vec![
            ("InstanceId", id.as_str()),
            ("Topic", "topic"),
            ("Remark", ""),
            ("LocalTopic", "true"),
            ("Config", config),
        ];
        params.extend((!storage.is_empty()).then_some((storage, "1")));
        params.push(("RegionId", super::REGION));
        let answer = super::call(&plane, "CreateTopic", &params).await;
        let message = answer.json["Message"].as_str().unwrap_or_default();
        assert_eq!(
            (answer.status, super::code(&answer), message.contains(named)),
            (400, FIELD, true),
            "{config}: {}",
            answer.body
        );
    }
    assert_eq!(listed(&plane, &id, &[]).await["Total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_a_topic_is_refused_with_its_code() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let long = "x".repeat(65);
    let base = [
        ("InstanceId", id.as_str()),
        ("Topic", "name"),
        ("Remark", ""),
    ];
    for (changes, expected) in [
        (vec![("Remark", None)], "MissingRemark"),
        (vec![("Topic", None)], "MissingTopic"),
        (vec![("InstanceId", None)], "MissingInstanceId"),
        (
            vec![("InstanceId", Some("alikafka_post-cn-00000000000"))],
            "AUTH_RESOURCE_OWNER_ERROR",
        ),
        (vec![("Topic", Some("ab"))], FIELD),
        (vec![("Topic", Some(long.as_str()))], FIELD),
        (vec![("Topic", Some("a b c"))], FIELD),
        (vec![("Remark", Some(long.as_str()))], FIELD),
        (vec![("PartitionNum", Some("1"))], FIELD),
        (vec![("PartitionNum", Some("361"))], FIELD),
        (vec![("PartitionNum", Some("some"))], "InvalidPartitionNum"),
        (vec![("CompactTopic", Some("true"))], FIELD),
        (
            vec![("LocalTopic", Some("true")), ("PartitionNum", Some("-1"))],
            FIELD,
        ),
        (
            vec![
                ("LocalTopic", Some("true")),
                ("ReplicationFactor", Some("4")),
            ],
            FIELD,
        ),
        (
            vec![
                ("LocalTopic", Some("true")),
                ("ReplicationFactor", Some("1")),
                ("MinInsyncReplicas", Some("2")),
            ],
            FIELD,
        ),
        (
            vec![
                ("LocalTopic", Some("true")),
                ("Config", Some(r#"{"retention.ms":"3600000"}"#)),
            ],
            FIELD,
        ),
        (
            vec![
                ("LocalTopic", Some("true")),
                ("Config", Some(r#"{"max.message.bytes":"1"}"#)),
            ],
            FIELD,
        ),
        (
            vec![("LocalTopic", Some("true")), ("Config", Some("{"))],
            FIELD,
        ),
    ] {
        let status = match expected {
            "AUTH_RESOURCE_OWNER_ERROR" => 404,
            _ => 400,
        };
        assert_eq!(
            refused(&plane, "CreateTopic", &with(&base, &changes)).await,
            (status, expected.to_owned()),
            "{changes:?}"
        );
    }
    let (_, waiting) = bought(&plane, &EXAMPLE).await;
    let not_started = with(&base, &[("InstanceId", Some(waiting.as_str()))]);
    assert_eq!(
        refused(&plane, "CreateTopic", &not_started).await.1,
        "BIZ.INSTANCE.STATUS.ERROR"
    );
}

/// What clients send that say every parameter: 0, false and empty stand for what nobody chose, in either storage.
#[tokio::test(flavor = "multi_thread")]
async fn zeros_of_a_topic_are_what_nobody_chose() {
    const ZEROS: [(&str, Option<&str>); 5] = [
        ("PartitionNum", Some("0")),
        ("CompactTopic", Some("false")),
        ("ReplicationFactor", Some("0")),
        ("MinInsyncReplicas", Some("0")),
        ("Config", Some("")),
    ];
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for (name, local, zeros) in [
        ("bare", None, &[][..]),
        ("cloud", Some("false"), &ZEROS),
        ("local-bare", Some("true"), &[]),
        ("local", Some("true"), &ZEROS),
    ] {
        let base = [("InstanceId", id.as_str()), ("Topic", name), ("Remark", "")];
        let storage = with(&base, &[("LocalTopic", local)]);
        done(&plane, "CreateTopic", &with(&storage, zeros)).await;
    }
    let topics = plane.topics(&id).await;
    let found = |name: &str| {
        let topic = topics.iter().find(|topic| topic.name == name).unwrap();
        let count = (topic.partitions, topic.replication_factor);
        (count, topic.configs.clone())
    };
    assert_eq!(found("bare").0, (12, 3));
    assert_eq!(found("cloud"), found("bare"));
    assert_eq!(found("local"), found("local-bare"));
    let cloud = &listed(&plane, &id, &[("Topic", "cloud")]).await["TopicList"]["TopicVO"][0];
    assert_eq!(config_of(cloud), json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_come_in_pages_and_the_filter_is_exact() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for number in 1..=12 {
        let name = format!("topic-{number}");
        done(
            &plane,
            "CreateTopic",
            &[
                ("InstanceId", &id),
                ("Topic", &name),
                ("Remark", ""),
                ("PartitionNum", "2"),
            ],
        )
        .await;
    }
    for (filter, expected, total) in [
        (vec![], 10, 12),
        (vec![("CurrentPage", "2")], 2, 12),
        (vec![("CurrentPage", "9")], 0, 12),
        (vec![("PageSize", "5"), ("CurrentPage", "3")], 2, 12),
        (vec![("PageSize", "100")], 12, 12),
        (vec![("Topic", "topic-1")], 1, 1),
        (vec![("Topic", "topic")], 0, 0),
        (vec![("Topic", "")], 10, 12),
    ] {
        let answer = listed(&plane, &id, &filter).await;
        let count = answer["TopicList"]["TopicVO"].as_array().map(Vec::len);
        assert_eq!(
            (count, &answer["Total"]),
            (Some(expected), &json!(total)),
            "{filter:?}"
        );
    }
    assert_eq!(shown(&plane, &id).await["UsedTopicCount"], 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_repeats_what_was_bought() {
    let plane = Plane::sandbox().await;
    for (changes, expected) in [
        (
            vec![("TopicQuota", None), ("PartitionNum", Some("50"))],
            json!({
                "TopicNumOfBuy": 0, "TopicQuota": 1050, "TopicUsed": 1, "TopicLeft": 1049, "IsPartitionBuy": 1,
                "PartitionNumOfBuy": 50, "PartitionQuota": 1050, "PartitionUsed": 12, "PartitionLeft": 1038,
                "GroupUsed": 0, "GroupLeft": 2100,
            }),
        ),
        (
            vec![],
            json!({
                "TopicNumOfBuy": 50, "TopicQuota": 1000, "TopicUsed": 1, "TopicLeft": 49, "IsPartitionBuy": 0,
                "PartitionNumOfBuy": 0, "PartitionQuota": 400, "PartitionUsed": 12, "PartitionLeft": 388,
                "GroupUsed": 0, "GroupLeft": 100,
            }),
        ),
    ] {
        let (_, id) = bought(&plane, &with(&EXAMPLE, &changes)).await;
        let waiting = done(&plane, "GetQuotaTip", &[("InstanceId", &id)]).await;
        assert_eq!(
            waiting["QuotaData"]["PartitionNumOfBuy"], expected["PartitionNumOfBuy"],
            "before the start"
        );
        started(&plane, &id, &[]).await;
        done(
            &plane,
            "CreateTopic",
            &[("InstanceId", &id), ("Topic", "one"), ("Remark", "")],
        )
        .await;
        let answer = done(&plane, "GetQuotaTip", &[("InstanceId", &id)]).await;
        assert_eq!(answer["QuotaData"], expected, "{changes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_beyond_what_was_bought_is_refused() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let big = [
        ("InstanceId", id.as_str()),
        ("Topic", "first"),
        ("Remark", ""),
        ("PartitionNum", "360"),
    ];
    done(&plane, "CreateTopic", &big).await;
    let more = with(&big, &[("Topic", Some("second"))]);
    assert_eq!(
        refused(&plane, "CreateTopic", &more).await,
        (400, "BIZ_QUOTA_EXCEEDED".to_owned())
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
    let mut kafka = plane.kafka(&id).await;
    // Topics of Kafka's own are not listed: Kafka itself has to refuse this one.
    kafka.topic_create(&by_kafka("__hidden")).await.unwrap();
    let create = |name, changes: &[(&'static str, &'static str)]| {
        let mut params = vec![
            ("InstanceId", id.as_str()),
            ("Topic", name),
            ("Remark", "r"),
        ];
        params.extend_from_slice(changes);
        params
    };
    done(&plane, "CreateTopic", &create("or.ders", &[])).await;
    for (action, params, code, message) in [
        (
            "CreateTopic",
            create("or.ders", &[]),
            "BIZ_TOPIC_EXISTED",
            "The topic or.ders exists already.",
        ),
        (
            "CreateTopic",
            create("__hidden", &[]),
            "BIZ_TOPIC_EXISTED",
            "The topic __hidden exists already.",
        ),
        (
            "CreateTopic",
            create("or_ders", &[]),
            FIELD,
            "Topic 'or_ders' collides with existing topic: or.ders.",
        ),
        (
            "CreateTopic",
            create("new", &[("Config", r#"{"retention.ms":"x"}"#)]),
            FIELD,
            "",
        ),
        (
            "DeleteTopic",
            create("gone", &[])[..2].to_vec(),
            "BIZ_TOPIC_NOT_FOUND",
            "The topic gone does not exist.",
        ),
    ] {
        let answer = call(
            &plane,
            action,
            &with(&params, &[("RegionId", Some("cn-hangzhou"))]),
        )
        .await;
        let told = answer.json["Message"].as_str().unwrap_or("");
        assert_eq!(super::code(&answer), code, "{action} {params:?}: {told}");
        assert!(message.is_empty() || told == message, "{told}");
        assert_sentence(told);
    }
}

/// What is noted of a topic goes with it, also when a Kafka client deletes it and makes another of its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_by_a_kafka_client_shows_nothing_of_the_old_one() {
    check_made_anew(false).await;
}

/// Records of versions that did not note Kafka's ids get them when their topics are first seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_an_id_is_of_the_topic_that_is_there_when_it_is_first_seen() {
    check_made_anew(true).await;
}

async fn check_made_anew(is_of_an_older_version: bool) {
    let store = Store::open_sqlite_in_memory().expect("a store");
    let plane = Plane::start(PlaneOptions {
        store: Some(store.clone()),
        ..PlaneOptions::default()
    })
    .await;
    let id = running(&plane).await;
    let topic = [
        ("InstanceId", id.as_str()),
        ("Topic", "orders"),
        ("Remark", "the first"),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "a"),
    ];
    done(&plane, "CreateTopic", &topic).await;
    if is_of_an_older_version {
        let of = InstanceId::new(id.as_str());
        let forget = store.write("older_version", move |tx| {
            for mut record in topic_record_list(tx, &of)? {
                record.kafka_id = None;
                topic_record_put(tx, &of, &record)?;
            }
            Ok::<_, StoreError>(())
        });
        forget.await.expect("forgotten");
    }
    let shown = async || {
        let answer = listed(&plane, &id, &[]).await;
        let topic = &answer["TopicList"]["TopicVO"][0];
        (topic["Remark"].clone(), topic["Tags"]["TagVO"].clone())
    };
    let team = json!([{ "Key": "team", "Value": "a" }]);
    assert_eq!(shown().await, (json!("the first"), team));
    let mut kafka = plane.kafka(&id).await;
    kafka.topic_delete("orders").await.expect("deleted");
    kafka.topic_create(&by_kafka("orders")).await.expect("made");
    assert_eq!(shown().await, (json!(""), json!([])));
    done(
        &plane,
        "ModifyTopicRemark",
        &with(&topic[..2], &[("Remark", Some("the second"))]),
    )
    .await;
    assert_eq!(shown().await, (json!("the second"), json!([])));
}
