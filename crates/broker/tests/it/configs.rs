//! Settings of brokers and topics in answers to clients.

use crate::support::{Administration, Client, host_at, spec, topic};
use brokerage_broker::{ClusterSpec, Durability, Host, TopicDefaults};
use brokerage_kafka_admin::NewTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a value comes from.
const FROM_TOPIC: i8 = 1;
const FROM_BROKER: i8 = 4;
const FROM_DEFAULT: i8 = 5;

async fn described(
    client: &mut Client,
    kind: i8,
    name: &'static str,
) -> Vec<DescribeConfigsResourceResult> {
    described_at(client, kind, name, 4).await
}

async fn described_at(
    client: &mut Client,
    kind: i8,
    name: &'static str,
    version: i16,
) -> Vec<DescribeConfigsResourceResult> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(name.into())
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true);
    let mut answer = client.call(request, version).await;
    assert_eq!(answer.results[0].error_code, 0);
    answer.results.remove(0).configs
}

/// Name, value and source, and then the same of each synonym.
fn told(
    configs: &[DescribeConfigsResourceResult],
    name: &str,
) -> Vec<(String, Option<String>, i8)> {
    let found = configs
        .iter()
        .find(|config| config.name.as_str() == name)
        .unwrap();
    let text = |value: &Option<kafka_protocol::protocol::StrBytes>| {
        value.as_ref().map(|value| value.to_string())
    };
    let own = (name.to_owned(), text(&found.value), found.config_source);
    let synonyms = found.synonyms.iter();
    let synonyms = synonyms.map(|synonym| {
        (
            synonym.name.to_string(),
            text(&synonym.value),
            synonym.source,
        )
    });
    std::iter::once(own).chain(synonyms).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_holds_for_topics_is_told_of_brokers_under_their_own_names() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let spec = ClusterSpec {
        defaults: TopicDefaults {
            retention_ms: 1_000_000,
            ..TopicDefaults::default()
        },
        ..spec("c", 1)
    };
    host.ensure_cluster(spec).await.unwrap();
    let topic = NewTopic {
        name: "t".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: [("max.message.bytes".to_owned(), "2000".to_owned())].into(),
    };
    host.create_topic("c", topic).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    let row =
        |name: &str, value: &str, source: i8| (name.to_owned(), Some(value.to_owned()), source);

    let broker = described(&mut client, BROKER, "0").await;
    let forever = i64::MAX.to_string();
    let check = |name: &str, value: &str, source: i8| {
        let row = row(name, value, source);
        assert_eq!(told(&broker, name), [row.clone(), row]);
    };
    check("log.flush.interval.messages", &forever, FROM_DEFAULT);
    check("log.retention.ms", "1000000", FROM_BROKER);
    check("message.max.bytes", "1048588", FROM_DEFAULT);
    check("node.id", "0", FROM_BROKER);

    let topic = described(&mut client, TOPIC, "t").await;
    let check = |name: &str, expected: &[(String, Option<String>, i8)]| {
        assert_eq!(told(&topic, name), expected);
    };
    check(
        "max.message.bytes",
        &[
            row("max.message.bytes", "2000", FROM_TOPIC),
            row("max.message.bytes", "2000", FROM_TOPIC),
            row("message.max.bytes", "1048588", FROM_DEFAULT),
        ],
    );
    check(
        "retention.ms",
        &[
            row("retention.ms", "1000000", FROM_BROKER),
            row("log.retention.ms", "1000000", FROM_BROKER),
        ],
    );
}

const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const FROM_CLIENT_METRICS: i8 = 7;
const FROM_GROUP: i8 = 8;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;

/// A cluster of the newest release with a topic `t`.
struct Bench {
    host: Host,
    client: Client,
    _dir: tempfile::TempDir,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(spec("c", 1)).await.unwrap();
    host.create_topic("c", topic("t", 1)).await.unwrap();
    let client = Client::connect(&host, "c", 0).await;
    Bench {
        host,
        client,
        _dir: dir,
    }
}

impl Bench {
    /// Does these changes, and returns code and text of the answer.
    async fn alter(
        &mut self,
        kind: i8,
        name: &'static str,
        changes: &[(&'static str, i8, Option<&'static str>)],
    ) -> (i16, Option<String>) {
        let configs = changes.iter().map(|(name, operation, value)| {
            AlterableConfig::default()
                .with_name((*name).into())
                .with_config_operation(*operation)
                .with_value(value.map(Into::into))
        });
        let resource = AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(name.into())
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let answer = self.client.call(request, 1).await.responses.remove(0);
        let text = answer.error_message.map(|text| text.to_string());
        (answer.error_code, text)
    }

    async fn value(&mut self, kind: i8, name: &'static str, setting: &str) -> (String, i8) {
        let all = described(&mut self.client, kind, name).await;
        let (_, value, source) = told(&all, setting).remove(0);
        (value.unwrap(), source)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_names_of_settings_mean_all_of_them() {
    let mut bench = bench().await;
    for (kind, name) in [(TOPIC, "t"), (BROKER, "0"), (GROUP, "g")] {
        let mut counts = Vec::new();
        for keys in [None, Some(Vec::new())] {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(name.into())
                .with_configuration_keys(keys);
            let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
            let answer = bench.client.call(request, 4).await;
            let configs = &answer.results[0].configs;
            assert!(configs.iter().all(|config| config.documentation.is_none()));
            counts.push(configs.len());
        }
        assert!(
            counts[0] > 1 && counts[0] == counts[1],
            "{kind}: {counts:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_topics_are_read_shown_and_checked_together_as_by_kafka() {
    let mut bench = bench().await;
    let wanted = [
        ("preallocate", "True", "true"),
        ("cleanup.policy", "compact, delete", "compact,delete"),
        ("retention.ms", " 86400000", "86400000"),
        ("min.cleanable.dirty.ratio", ".5", "0.5"),
        ("compression.type", " gzip", "gzip"),
        ("message.timestamp.type", "CreateTime ", "CreateTime"),
        ("unclean.leader.election.enable", "False", "false"),
    ];
    let config = |(name, value, _): &(&'static str, &'static str, &str)| {
        CreatableTopicConfig::default()
            .with_name((*name).into())
            .with_value(Some((*value).into()))
    };
    let made = CreatableTopic::default()
        .with_name(TopicName("made".into()))
        .with_num_partitions(1)
        .with_replication_factor(1)
        .with_configs(wanted.iter().map(config).collect());
    let request = CreateTopicsRequest::default().with_topics(vec![made]);
    let answer = bench.client.call(request, 7).await.topics.remove(0);
    assert_eq!((answer.error_code, answer.error_message), (0, None));
    let shown = answer.configs.unwrap();
    let described = described(&mut bench.client, TOPIC, "made").await;
    for (name, _, expected) in wanted {
        let made = shown.iter().find(|config| config.name.as_str() == name);
        assert_eq!(made.unwrap().value.as_deref(), Some(expected), "{name}");
        let told = told(&described, name).remove(0);
        assert_eq!(told.1.as_deref(), Some(expected), "{name}");
    }

    let set = |name, value| (name, SET, Some(value));
    for (changes, code) in [
        (vec![set("retention.ms", " 5")], 0),
        (
            vec![set("retention.ms", "5"), set("retention.ms", "6")],
            INVALID_REQUEST,
        ),
        (vec![("retention.ms", SET, None)], INVALID_REQUEST),
        (vec![("retention.ms", DELETE, None)], 0),
        (vec![("no.such.thing", DELETE, None)], 0),
        (vec![set("no.such.thing", "1")], INVALID_CONFIG),
        (vec![("retention.ms", APPEND, Some("1"))], INVALID_CONFIG),
        (
            vec![
                set("min.compaction.lag.ms", "100"),
                set("max.compaction.lag.ms", "50"),
            ],
            INVALID_CONFIG,
        ),
        (vec![set("max.compaction.lag.ms", "50")], 0),
        (vec![set("min.compaction.lag.ms", "51")], INVALID_CONFIG),
        (vec![set("min.compaction.lag.ms", "50")], 0),
        (vec![set("remote.storage.enable", "True")], INVALID_CONFIG),
        (vec![set("remote.storage.enable", "False")], 0),
    ] {
        let answer = bench.alter(TOPIC, "t", &changes).await;
        assert_eq!(answer.0, code, "{changes:?}: {answer:?}");
        assert_eq!(answer.1.is_none(), code == 0, "{changes:?}: {answer:?}");
    }
    for (operation, value, expected) in [
        (APPEND, " compact", "delete,compact"),
        (APPEND, "compact", "delete,compact"),
        (SUBTRACT, "delete ,nothing", "compact"),
    ] {
        let change = [("cleanup.policy", operation, Some(value))];
        assert_eq!(bench.alter(TOPIC, "t", &change).await, (0, None));
        let shown = bench.value(TOPIC, "t", "cleanup.policy").await;
        assert_eq!(shown, (expected.to_owned(), FROM_TOPIC));
    }

    // What is replaced as a whole needs values, too.
    let without = alter_configs_request::AlterableConfig::default()
        .with_name("retention.ms".into())
        .with_value(None);
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name("t".into());
    for (configs, code) in [(vec![without], INVALID_REQUEST), (Vec::new(), 0)] {
        let resource = resource.clone().with_configs(configs);
        let request = AlterConfigsRequest::default().with_resources(vec![resource]);
        let answer = bench.client.call(request, 2).await.responses.remove(0);
        assert_eq!(answer.error_code, code);
        assert_eq!(answer.error_message.is_none(), code == 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_and_subscriptions_to_metrics_have_settings() {
    let mut bench = bench().await;
    let (session, heartbeat) = (
        "consumer.session.timeout.ms",
        "consumer.heartbeat.interval.ms",
    );
    assert_eq!(
        bench.value(GROUP, "g", session).await,
        ("45000".to_owned(), FROM_DEFAULT)
    );
    let set = |name, value| [(name, SET, Some(value))];
    for (kind, name, changes, code) in [
        (GROUP, "g", set(session, " 50000"), 0),
        (GROUP, "g", set(heartbeat, "7000"), 0),
        (GROUP, "g", set(session, "60001"), INVALID_CONFIG),
        (GROUP, "g", set("retention.ms", "1"), INVALID_CONFIG),
        (GROUP, "", set(session, "50000"), INVALID_REQUEST),
        (CLIENT_METRICS, "m", set("interval.ms", "1000"), 0),
        (
            CLIENT_METRICS,
            "m",
            set("interval.ms", "99"),
            INVALID_CONFIG,
        ),
        (
            CLIENT_METRICS,
            "m",
            set("match", "client_id=a.*, client_source_port=1"),
            0,
        ),
        (
            CLIENT_METRICS,
            "m",
            set("match", "somebody=a"),
            INVALID_CONFIG,
        ),
        (
            CLIENT_METRICS,
            "m",
            [("metrics", APPEND, Some("org.apache.kafka."))],
            0,
        ),
        (64, "x", set("x", "y"), INVALID_REQUEST),
    ] {
        let answer = bench.alter(kind, name, &changes).await;
        assert_eq!(answer.0, code, "{changes:?}: {answer:?}");
    }
    // They are kept over a restart.
    bench.host.stop_cluster("c").await.unwrap();
    bench.host.ensure_cluster(spec("c", 1)).await.unwrap();
    bench.client = Client::connect(&bench.host, "c", 0).await;
    for (kind, name, setting, value, source) in [
        (GROUP, "g", session, "50000", FROM_GROUP),
        (GROUP, "g", heartbeat, "7000", FROM_GROUP),
        (GROUP, "h", heartbeat, "5000", FROM_DEFAULT),
        (
            CLIENT_METRICS,
            "m",
            "interval.ms",
            "1000",
            FROM_CLIENT_METRICS,
        ),
        (
            CLIENT_METRICS,
            "m",
            "match",
            "client_id=a.*,client_source_port=1",
            FROM_CLIENT_METRICS,
        ),
        (
            CLIENT_METRICS,
            "m",
            "metrics",
            "org.apache.kafka.",
            FROM_CLIENT_METRICS,
        ),
    ] {
        let shown = bench.value(kind, name, setting).await;
        assert_eq!(shown, (value.to_owned(), source), "{setting}");
    }
    // Members of the group are told what holds for it.
    for (group, interval_ms) in [("g", 7_000), ("h", 5_000)] {
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(group.into()))
            .with_member_id("m".into())
            .with_rebalance_timeout_ms(1_000)
            .with_subscribed_topic_names(Some(vec![TopicName("t".into())]))
            .with_topic_partitions(Some(Vec::new()));
        let answer = bench.client.call(request, 1).await;
        assert_eq!(
            (answer.error_code, answer.heartbeat_interval_ms),
            (0, interval_ms)
        );
    }

    let listed = async |client: &mut Client, version: i16, types: Vec<i8>| {
        let request = ListConfigResourcesRequest::default().with_resource_types(types);
        let answer = client.call(request, version).await;
        let resources = answer.config_resources.iter();
        let resources: Vec<(i8, String)> = resources
            .map(|found| (found.resource_type, found.resource_name.to_string()))
            .collect();
        (answer.error_code, resources)
    };
    let row = |kind: i8, name: &str| (kind, name.to_owned());
    let client = &mut bench.client;
    let group = row(GROUP, "g");
    assert_eq!(
        listed(client, 1, vec![GROUP, GROUP]).await,
        (0, vec![group.clone()])
    );
    assert_eq!(listed(client, 1, vec![64]).await, (35, Vec::new()));
    let all = [
        row(TOPIC, "t"),
        row(BROKER, "0"),
        row(8, "0"),
        row(CLIENT_METRICS, "m"),
        group,
    ];
    assert_eq!(listed(client, 1, Vec::new()).await, (0, all.to_vec()));

    let gone = [(session, DELETE, None), (heartbeat, DELETE, None)];
    assert_eq!(bench.alter(GROUP, "g", &gone).await, (0, None));
    assert_eq!(
        listed(&mut bench.client, 1, vec![GROUP]).await,
        (0, Vec::new())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_tells_what_user_interfaces_ask_of_it() {
    let check = async |version: &str, expected: &[(&str, Option<&str>)]| {
        let dir = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), Durability::Process);
        let spec = ClusterSpec {
            kafka_version: version.to_owned(),
            ..spec("c", 1)
        };
        host.ensure_cluster(spec).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        let broker = described_at(&mut client, BROKER, "0", 1).await;
        for (name, value) in expected {
            let found = broker.iter().find(|config| config.name.as_str() == *name);
            let found = found.map(|config| config.value.as_deref().unwrap());
            assert_eq!(found, *value, "{version}: {name}");
        }
    };
    let protocol = "inter.broker.protocol.version";
    let everywhere = [
        ("group.initial.rebalance.delay.ms", Some("0")),
        ("group.max.session.timeout.ms", Some("1800000")),
        ("log.dirs", Some("/kafka-logs")),
        ("offsets.retention.minutes", Some("10080")),
        ("transaction.max.timeout.ms", Some("900000")),
    ];
    let session = "group.consumer.session.timeout.ms";
    for (version, protocol_version, session_ms) in [
        ("1.1.1", Some("1.1-IV0"), None),
        ("2.4.1", Some("2.4-IV1"), None),
        ("3.9.0", Some("3.9-IV0"), None),
        ("4.1.0", None, Some("45000")),
    ] {
        let mut expected = everywhere.to_vec();
        expected.extend([(protocol, protocol_version), (session, session_ms)]);
        check(version, &expected).await;
    }
}
