//! A cluster behaves as the release that was bought.

use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{ClusterSpec, Durability, Host, HostError, serves_version};
use brokerage_kafka_admin::{ConfigResource, ErrorCode};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

fn release_spec(version: &str) -> ClusterSpec {
    ClusterSpec {
        kafka_version: version.to_owned(),
        ..spec("c", 1)
    }
}

/// A host with one cluster of a release and a topic `t`, and a connection.
struct Bench {
    host: Host,
    client: Client,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new(version: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = host_at(dir.path(), Durability::Process);
        host.ensure_cluster(release_spec(version)).await.unwrap();
        host.create_topic("c", topic("t", 1)).await.unwrap();
        let client = Client::connect(&host, "c", 0).await;
        Self {
            host,
            client,
            _dir: dir,
        }
    }

    /// Key, lowest and highest version.
    async fn told(&mut self) -> Vec<(i16, i16, i16)> {
        let told = self.client.call(ApiVersionsRequest::default(), 0).await;
        let row = |key: &api_versions_response::ApiVersion| {
            (key.api_key, key.min_version, key.max_version)
        };
        told.api_keys.iter().map(row).collect()
    }

    /// Sends a request without compact fields, and reads the answer behind its correlation id.
    async fn call_raw(&mut self, key: ApiKey, version: i16, body: &[u8]) -> Option<Bytes> {
        let mut frame = BytesMut::new();
        frame.put_i16(key as i16);
        frame.put_i16(version);
        frame.put_i32(77);
        frame.put_i16(-1);
        frame.put_slice(body);
        self.client.send_raw(&frame).await;
        let mut answer = self.client.receive_raw().await?;
        assert_eq!(answer.get_i32(), 77);
        Some(answer)
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut out = (text.len() as i16).to_be_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

fn get_text(answer: &mut Bytes) -> Option<String> {
    let bytes = usize::try_from(answer.get_i16()).ok()?;
    Some(String::from_utf8(answer.split_to(bytes).to_vec()).unwrap())
}

#[tokio::test]
async fn versions_outside_the_table_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    for version in [
        "0.10.2", "0.11.0", "1.2.0", "2.9.1", "3.10.0", "4.2.0", "4", "latest", "",
    ] {
        let refused = host.ensure_cluster(release_spec(version)).await;
        assert!(
            matches!(refused, Err(HostError::UnsupportedVersion { .. })),
            "{version}: {refused:?}"
        );
        assert!(!serves_version(version), "{version}");
    }
    assert!(host.observe("c").is_none());
    host.shutdown().await;
}

#[tokio::test]
async fn what_clients_are_told_is_what_their_release_had() {
    // Produce, Fetch, CreateTopics, DescribeConfigs, DescribeCluster, ConsumerGroupHeartbeat.
    let keys = [0, 1, 19, 32, 60, 68];
    let check = async |version: &str, expected: [Option<(i16, i16)>; 6]| {
        let mut bench = Bench::new(version).await;
        let told = bench.told().await;
        let found = keys.map(|key| {
            let row = told.iter().find(|(told, ..)| *told == key);
            row.map(|(_, min, max)| (*min, *max))
        });
        assert_eq!(found, expected, "{version}");
        bench.host.shutdown().await;
    };
    let some = |min, max| Some((min, max));
    check(
        "1.0.2",
        [some(0, 5), some(4, 6), some(0, 2), some(0, 0), None, None],
    )
    .await;
    check(
        "2.4.1",
        [some(0, 8), some(4, 11), some(0, 5), some(0, 2), None, None],
    )
    .await;
    check(
        "2.8.1",
        [
            some(0, 9),
            some(4, 12),
            some(0, 7),
            some(0, 4),
            some(0, 0),
            None,
        ],
    )
    .await;
    check(
        "3.9.1",
        [
            some(0, 11),
            some(4, 17),
            some(0, 7),
            some(0, 4),
            some(0, 1),
            some(0, 0),
        ],
    )
    .await;
    check(
        "4.0.1",
        [
            some(0, 12),
            some(4, 17),
            some(2, 7),
            some(1, 4),
            some(0, 2),
            some(0, 1),
        ],
    )
    .await;
    check(
        "4.1.0",
        [
            some(0, 13),
            some(4, 18),
            some(2, 7),
            some(1, 4),
            some(0, 2),
            some(0, 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_request_newer_than_the_release_ends_the_connection() {
    let mut bench = Bench::new("2.4.1").await;
    // DescribeCluster came with 2.8, CreateTopics 6 with 2.7.
    for (key, version) in [(ApiKey::DescribeCluster, 0), (ApiKey::CreateTopics, 6)] {
        assert!(
            bench.call_raw(key, version, &[0; 32]).await.is_none(),
            "{key:?}"
        );
        bench.client = Client::connect(&bench.host, "c", 0).await;
    }
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_version_of_api_versions_that_the_release_lacks_gets_the_first_answer() {
    for (version, asked, expected) in [
        ("1.0.2", 3, Vec::new()),
        ("2.3.1", 3, Vec::new()),
        ("2.4.1", 4, vec![(18, 0, 3)]),
        ("4.1.0", 5, vec![(18, 0, 4)]),
    ] {
        let mut bench = Bench::new(version).await;
        let mut answer = bench
            .call_raw(ApiKey::ApiVersions, asked, &[])
            .await
            .unwrap();
        assert_eq!(answer.get_i16(), 35, "{version}");
        let mut keys = Vec::new();
        for _ in 0..answer.get_i32() {
            keys.push((answer.get_i16(), answer.get_i16(), answer.get_i16()));
        }
        assert_eq!(keys, expected, "{version}");
        assert!(!answer.has_remaining());
        bench.host.shutdown().await;
    }
}

fn software(name: &str) -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_string(name.to_owned()))
        .with_client_software_version("1.0".into())
}

#[tokio::test]
async fn features_are_those_of_the_release() {
    type Names = Vec<(String, i16, i16)>;
    let check = async |version: &str, asked: i16, supported: &[&str], finalized: &[(&str, i16)]| {
        let mut bench = Bench::new(version).await;
        let answer = bench.client.call(software("test"), asked).await;
        let names = answer
            .supported_features
            .iter()
            .map(|found| found.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), supported, "{version}");
        let found: Names = answer
            .finalized_features
            .iter()
            .map(|found| {
                (
                    found.name.to_string(),
                    found.min_version_level,
                    found.max_version_level,
                )
            })
            .collect();
        let expected: Names = finalized
            .iter()
            .map(|(name, level)| ((*name).to_owned(), *level, *level))
            .collect();
        assert_eq!(found, expected, "{version}");
        assert_eq!(
            answer.finalized_features_epoch < 0,
            finalized.is_empty(),
            "{version}"
        );
        bench.host.shutdown().await;
    };
    check("2.8.1", 3, &[], &[]).await;
    check("3.9.1", 4, &[], &[]).await;
    let finalized_4_0 = [
        ("group.version", 1),
        ("transaction.version", 2),
        ("metadata.version", 25),
    ];
    check("4.0.0", 3, &["metadata.version"], &finalized_4_0).await;
    check(
        "4.1.0",
        4,
        &[
            "group.version",
            "transaction.version",
            "metadata.version",
            "kraft.version",
            "eligible.leader.replicas.version",
            "share.version",
        ],
        &[
            ("group.version", 1),
            ("transaction.version", 2),
            ("metadata.version", 27),
            ("eligible.leader.replicas.version", 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn software_names_that_kafka_does_not_take_are_refused() {
    let mut bench = Bench::new("4.1.0").await;
    for (name, expected) in [("librdkafka", 0), ("", 42), ("a b", 42), ("-", 42)] {
        let answer = bench.client.call(software(name), 3).await;
        assert_eq!(answer.error_code, expected, "{name:?}");
        assert_eq!(answer.api_keys.is_empty(), expected != 0, "{name:?}");
    }
    bench.host.shutdown().await;
}

/// A topic of one partition, `validate_only` only in version 1.
fn create_topic(name: &str, validate_only: Option<bool>) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1];
    body.extend(text(name));
    body.extend(1i32.to_be_bytes());
    body.extend(1i16.to_be_bytes());
    body.extend(0i32.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.extend(text("retention.ms"));
    body.extend(text("5000"));
    body.extend(1000i32.to_be_bytes());
    body.extend(validate_only.map(u8::from));
    body
}

#[tokio::test]
async fn topics_are_created_and_deleted_by_retired_versions() {
    let mut bench = Bench::new("2.4.1").await;
    for (version, name, validate_only, expected) in [
        (0, "a", None, (0, None)),
        (0, "a", None, (36, None)),
        (1, "b", Some(true), (0, None)),
        (1, "b", Some(false), (0, None)),
        (1, "b", Some(false), (36, Some("Topic 'b' already exists."))),
    ] {
        let body = create_topic(name, validate_only);
        let mut answer = bench
            .call_raw(ApiKey::CreateTopics, version, &body)
            .await
            .unwrap();
        assert_eq!(answer.get_i32(), 1);
        assert_eq!(get_text(&mut answer).as_deref(), Some(name));
        assert_eq!(answer.get_i16(), expected.0, "{name} {validate_only:?}");
        if version == 1 {
            assert_eq!(get_text(&mut answer).as_deref(), expected.1);
        }
        assert!(!answer.has_remaining());
    }
    let topics = bench.host.list_topics("c").await;
    let resource = [ConfigResource::topic("a")];
    let mut admin = bench.host.admin("c").await;
    let told = admin.configs_describe(&resource, Some(&["retention.ms"]));
    let retention = told.await.unwrap().remove(0).unwrap().remove(0);
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "t"]);
    assert_eq!(retention.value.as_deref(), Some("5000"));

    let mut body = vec![0, 0, 0, 2];
    body.extend(text("a"));
    body.extend(text("nowhere"));
    body.extend(1000i32.to_be_bytes());
    let mut answer = bench
        .call_raw(ApiKey::DeleteTopics, 0, &body)
        .await
        .unwrap();
    assert_eq!(answer.get_i32(), 2);
    for (name, code) in [("a", 0), ("nowhere", 3)] {
        assert_eq!(get_text(&mut answer).as_deref(), Some(name));
        assert_eq!(answer.get_i16(), code, "{name}");
    }
    assert!(!answer.has_remaining());
    assert_eq!(bench.host.list_topics("c").await.len(), 2);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn settings_are_described_by_the_retired_version() {
    let mut bench = Bench::new("1.0.2").await;
    let body = create_topic("a", None);
    bench
        .call_raw(ApiKey::CreateTopics, 0, &body)
        .await
        .unwrap();
    let mut body = vec![0, 0, 0, 2, 2];
    body.extend(text("a"));
    body.extend(2i32.to_be_bytes());
    body.extend(text("retention.ms"));
    body.extend(text("segment.ms"));
    body.push(2);
    body.extend(text("nowhere"));
    body.extend((-1i32).to_be_bytes());
    let mut answer = bench
        .call_raw(ApiKey::DescribeConfigs, 0, &body)
        .await
        .unwrap();
    assert_eq!((answer.get_i32(), answer.get_i32()), (0, 2));
    assert_eq!((answer.get_i16(), get_text(&mut answer)), (0, None));
    assert_eq!(
        (answer.get_i8(), get_text(&mut answer).as_deref()),
        (2, Some("a"))
    );
    assert_eq!(answer.get_i32(), 2);
    for (name, value, is_default) in [("retention.ms", "5000", 0), ("segment.ms", "604800000", 1)] {
        assert_eq!(get_text(&mut answer).as_deref(), Some(name));
        assert_eq!(get_text(&mut answer).as_deref(), Some(value));
        // Read-only, default, sensitive.
        assert_eq!(
            [answer.get_u8(), answer.get_u8(), answer.get_u8()],
            [0, is_default, 0]
        );
    }
    assert_eq!(answer.get_i16(), 3);
    assert!(get_text(&mut answer).is_some());
    assert_eq!(
        (answer.get_i8(), get_text(&mut answer).as_deref()),
        (2, Some("nowhere"))
    );
    assert_eq!(answer.get_i32(), 0);
    assert!(!answer.has_remaining());
    bench.host.shutdown().await;
}

#[tokio::test]
async fn log_dirs_are_described_by_the_retired_version() {
    let mut bench = Bench::new("1.0.2").await;
    let mut body = vec![0, 0, 0, 1];
    body.extend(text("t"));
    body.extend(1i32.to_be_bytes());
    body.extend(0i32.to_be_bytes());
    let mut answer = bench
        .call_raw(ApiKey::DescribeLogDirs, 0, &body)
        .await
        .unwrap();
    assert_eq!(
        (answer.get_i32(), answer.get_i32(), answer.get_i16()),
        (0, 1, 0)
    );
    assert_eq!(get_text(&mut answer).as_deref(), Some("/kafka-logs"));
    assert_eq!(answer.get_i32(), 1);
    assert_eq!(get_text(&mut answer).as_deref(), Some("t"));
    // Partition 0, no bytes, no lag, not a future log.
    assert_eq!((answer.get_i32(), answer.get_i32()), (1, 0));
    assert_eq!(
        (answer.get_i64(), answer.get_i64(), answer.get_u8()),
        (0, 0, 0)
    );
    assert!(!answer.has_remaining());
    bench.host.shutdown().await;
}

/// Topic `name`, principal, any host, read, allow.
fn acl(name: &str, principal: &str) -> Vec<u8> {
    let mut body = vec![2];
    body.extend(text(name));
    body.extend(text(principal));
    body.extend(text("*"));
    body.extend([3, 3]);
    body
}

fn get_acl(answer: &mut Bytes) -> Vec<u8> {
    let mut body = vec![answer.get_u8()];
    for _ in 0..3 {
        body.extend(text(&get_text(answer).unwrap()));
    }
    body.extend([answer.get_u8(), answer.get_u8()]);
    body
}

#[tokio::test]
async fn access_is_controlled_by_retired_versions() {
    let mut bench = Bench::new("1.0.2").await;
    let mut body = vec![0, 0, 0, 2];
    body.extend(acl("t", "User:a"));
    body.extend(acl("t", "nobody"));
    let mut answer = bench.call_raw(ApiKey::CreateAcls, 0, &body).await.unwrap();
    assert_eq!((answer.get_i32(), answer.get_i32()), (0, 2));
    assert_eq!((answer.get_i16(), get_text(&mut answer)), (0, None));
    assert_eq!(answer.get_i16(), 42);
    assert!(get_text(&mut answer).is_some() && !answer.has_remaining());

    // Topics of any name and principal.
    let filter = [2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1];
    let mut answer = bench
        .call_raw(ApiKey::DescribeAcls, 0, &filter)
        .await
        .unwrap();
    assert_eq!((answer.get_i32(), answer.get_i16()), (0, 0));
    assert_eq!((get_text(&mut answer), answer.get_i32()), (None, 1));
    assert_eq!(
        (answer.get_i8(), get_text(&mut answer).as_deref()),
        (2, Some("t"))
    );
    assert_eq!(answer.get_i32(), 1);
    assert_eq!(get_text(&mut answer).as_deref(), Some("User:a"));
    assert_eq!(get_text(&mut answer).as_deref(), Some("*"));
    assert_eq!((answer.get_i8(), answer.get_i8()), (3, 3));
    assert!(!answer.has_remaining());

    let mut body = vec![0, 0, 0, 1];
    body.extend(filter);
    let mut answer = bench.call_raw(ApiKey::DeleteAcls, 0, &body).await.unwrap();
    assert_eq!(
        (answer.get_i32(), answer.get_i32(), answer.get_i16()),
        (0, 1, 0)
    );
    assert_eq!((get_text(&mut answer), answer.get_i32()), (None, 1));
    assert_eq!((answer.get_i16(), get_text(&mut answer)), (0, None));
    assert_eq!(get_acl(&mut answer), acl("t", "User:a"));
    assert!(!answer.has_remaining());
    bench.host.shutdown().await;
}

#[tokio::test]
async fn retired_requests_that_end_early_end_the_connection() {
    let mut bench = Bench::new("1.0.2").await;
    let whole = create_topic("a", None);
    for key in [
        ApiKey::CreateTopics,
        ApiKey::DeleteTopics,
        ApiKey::DescribeConfigs,
        ApiKey::DescribeLogDirs,
        ApiKey::CreateAcls,
        ApiKey::DeleteAcls,
        ApiKey::DescribeAcls,
    ] {
        for bytes in [0, 3, 5, 6] {
            assert!(
                bench.call_raw(key, 0, &whole[..bytes]).await.is_none(),
                "{key:?} {bytes}"
            );
            bench.client = Client::connect(&bench.host, "c", 0).await;
        }
    }
    bench.host.shutdown().await;
}

#[tokio::test]
async fn the_consumer_protocol_is_there_from_4_0_on() {
    for (version, expected) in [("3.9.1", 35), ("4.0.0", 0)] {
        let mut bench = Bench::new(version).await;
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId("g".into()))
            .with_member_id("m".into())
            .with_rebalance_timeout_ms(1_000)
            .with_subscribed_topic_names(Some(vec![TopicName("t".into())]))
            .with_topic_partitions(Some(Vec::new()));
        let answer = bench.client.call(request, 0).await;
        assert_eq!(answer.error_code, expected, "{version}");
        let request =
            ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId("g".into())]);
        let answer = bench.client.call(request, 0).await;
        assert_eq!(answer.groups[0].error_code, expected, "{version}");
        bench.host.shutdown().await;
    }
}

#[tokio::test]
async fn special_timestamps_need_the_version_that_brought_them() {
    let mut bench = Bench::new("4.1.0").await;
    for (timestamp, first_version) in [
        (0, 1),
        (-1, 1),
        (-2, 1),
        (-3, 7),
        (-4, 8),
        (-5, 9),
        (-6, 11),
        (-7, 99),
    ] {
        for version in 1..=10 {
            let wanted =
                list_offsets_request::ListOffsetsPartition::default().with_timestamp(timestamp);
            let wanted = list_offsets_request::ListOffsetsTopic::default()
                .with_name(TopicName("t".into()))
                .with_partitions(vec![wanted]);
            let request = ListOffsetsRequest::default().with_topics(vec![wanted]);
            let answer = bench.client.call(request, version).await;
            let code = answer.topics[0].partitions[0].error_code;
            let expected = if version >= first_version { 0 } else { 35 };
            assert_eq!(code, expected, "{timestamp} in version {version}");
        }
    }
    bench.host.shutdown().await;
}

/// A batch that is compressed with zstd.
fn zstd_batch() -> Bytes {
    let plain = batch(&["a"]);
    let mut bytes = BytesMut::from(&plain[..61]);
    bytes.extend(zstd::stream::encode_all(&plain[61..], 1).unwrap());
    let length = (bytes.len() - 12) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[22] |= 4;
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.freeze()
}

#[tokio::test]
async fn zstd_is_for_versions_that_know_it() {
    let mut bench = Bench::new("2.4.1").await;
    for version in 3..=8 {
        let data = PartitionProduceData::default().with_records(Some(zstd_batch()));
        let data = TopicProduceData::default()
            .with_name(TopicName("t".into()))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_topic_data(vec![data]);
        let answer = bench.client.call(request, version).await;
        let code = answer.responses[0].partition_responses[0].error_code;
        assert_eq!(code, if version >= 7 { 0 } else { 76 }, "version {version}");
    }
    let mut zstd = topic("z", 1);
    zstd.configs
        .insert("compression.type".to_owned(), "zstd".to_owned());
    bench.host.create_topic("c", zstd.clone()).await.unwrap();
    for version in 4..=11 {
        let wanted = fetch_request::FetchPartition::default().with_partition_max_bytes(1 << 20);
        let wanted = fetch_request::FetchTopic::default()
            .with_topic(TopicName("z".into()))
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default().with_topics(vec![wanted]);
        let answer = bench.client.call(request, version).await;
        let code = answer.responses[0].partitions[0].error_code;
        assert_eq!(
            code,
            if version >= 10 { 0 } else { 76 },
            "version {version}"
        );
    }
    bench.host.shutdown().await;
    // Before 2.1 topics cannot ask for it either.
    let bench = Bench::new("2.0.1").await;
    let refused = bench.host.create_topic("c", zstd).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidConfig));
    bench.host.shutdown().await;
}

#[tokio::test]
async fn topics_have_the_settings_of_the_release() {
    let check = async |version: &str, name: &str, expected: bool| {
        let mut bench = Bench::new(version).await;
        let wanted = describe_configs_request::DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name("t".into())
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![wanted]);
        let answer = bench.client.call(request, 1).await;
        let mut shown = answer.results[0].configs.iter();
        assert_eq!(
            shown.any(|found| found.name.as_str() == name),
            expected,
            "{name} in {version}"
        );
        let mut asked = topic("x", 1);
        asked.configs.insert(name.to_owned(), "100".to_owned());
        let created = bench.host.create_topic("c", asked).await;
        assert_eq!(
            created.is_ok(),
            expected,
            "{name} in {version}: {created:?}"
        );
        bench.host.shutdown().await;
    };
    check("2.2.0", "max.compaction.lag.ms", false).await;
    check("2.3.1", "max.compaction.lag.ms", true).await;
    check("3.5.2", "message.timestamp.after.max.ms", false).await;
    check("3.6.2", "message.timestamp.after.max.ms", true).await;
    check("3.9.1", "message.timestamp.difference.max.ms", true).await;
    check("4.0.0", "message.timestamp.difference.max.ms", false).await;
}

#[tokio::test]
async fn timestamps_may_differ_as_the_release_allows() {
    let check = async |version: &str, setting: Option<&str>, expected: i16| {
        let mut bench = Bench::new(version).await;
        let mut asked = topic("x", 1);
        let setting = setting.map(|name| (name.to_owned(), "1000".to_owned()));
        asked.configs.extend(setting.clone());
        bench.host.create_topic("c", asked).await.unwrap();
        let data = PartitionProduceData::default().with_records(Some(late_batch()));
        let data = TopicProduceData::default()
            .with_name(TopicName("x".into()))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_topic_data(vec![data]);
        let answer = bench.client.call(request, 3).await;
        let code = answer.responses[0].partition_responses[0].error_code;
        assert_eq!(code, expected, "{version} {setting:?}");
        bench.host.shutdown().await;
    };
    check("4.1.0", None, 32).await;
    check("3.9.1", None, 0).await;
    check("3.9.1", Some("message.timestamp.after.max.ms"), 32).await;
    check("3.9.1", Some("message.timestamp.difference.max.ms"), 32).await;
    check("1.0.2", Some("message.timestamp.difference.max.ms"), 32).await;
    check("1.0.2", None, 0).await;
}

/// Two hours after the broker's clock.
fn late_batch() -> Bytes {
    let mut bytes = BytesMut::from(&batch(&["a"])[..]);
    let late_ms = crate::support::NOW_MS + 7_200_000;
    bytes[27..35].copy_from_slice(&late_ms.to_be_bytes());
    bytes[35..43].copy_from_slice(&late_ms.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.freeze()
}
