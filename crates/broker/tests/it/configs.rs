//! Settings of brokers and topics in answers to clients.

use crate::support::{Administration, Client, host_at, spec};
use brokerage_broker::{ClusterSpec, Durability, TopicDefaults};
use brokerage_kafka_admin::NewTopic;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
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
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(name.into())
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true);
    let mut answer = client.call(request, 4).await;
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
