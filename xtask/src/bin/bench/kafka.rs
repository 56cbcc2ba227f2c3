//! The least Kafka client: creates a topic, finds its leader, and has one record acknowledged by all.
//! The same one asks the product and Apache Kafka, of whatever release: it asks each server first which versions
//! it knows.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, FetchRequest, ListOffsetsRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// The version of ApiVersions that every server answers (KIP-511).
const API_VERSIONS: i16 = 0;
/// The longest answer to these requests.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
const NO_ERROR: i16 = 0;
const TOPIC_ALREADY_EXISTS: i16 = 36;

/// A request as this client writes it.
pub(crate) trait Spoken: Request {
    /// The versions that have every field that is set, and name topics by name.
    const SPOKEN: RangeInclusive<i16>;
}

impl Spoken for CreateTopicsRequest {
    const SPOKEN: RangeInclusive<i16> = 2..=7;
}

impl Spoken for DeleteTopicsRequest {
    const SPOKEN: RangeInclusive<i16> = 1..=5;
}

impl Spoken for MetadataRequest {
    const SPOKEN: RangeInclusive<i16> = 1..=9;
}

impl Spoken for ProduceRequest {
    const SPOKEN: RangeInclusive<i16> = 3..=9;
}

impl Spoken for FetchRequest {
    const SPOKEN: RangeInclusive<i16> = 4..=12;
}

impl Spoken for ListOffsetsRequest {
    const SPOKEN: RangeInclusive<i16> = 1..=7;
}

/// The versions of each request, by its key, that a server knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(BTreeMap<i16, RangeInclusive<i16>>);

impl Versions {
    /// The newest version that both sides know.
    pub(crate) fn of<R: Spoken>(&self) -> Result<i16> {
        let known = self.0.get(&R::KEY);
        let known =
            known.with_context(|| format!("the server does not know request {}", R::KEY))?;
        let newest = *known.end().min(R::SPOKEN.end());
        ensure!(
            newest >= *known.start().max(R::SPOKEN.start()),
            "the server knows request {} in {known:?}, this client in {:?}",
            R::KEY,
            R::SPOKEN
        );
        Ok(newest)
    }
}

/// A connection to one broker.
#[derive(Debug)]
pub(crate) struct Broker {
    stream: TcpStream,
    correlation: i32,
    versions: Versions,
}

/// Has one record acknowledged with acks=all, from nothing: topic, leader, record. Servers that are still
/// starting refuse; the caller asks again.
pub(crate) fn first_acknowledged(bootstrap: &str, topic: &str) -> Result<()> {
    let mut broker = Broker::connect(bootstrap)?;
    broker.create(topic, 1, &[])?;
    let leader = broker.leader(topic)?;
    let mut broker = if leader == bootstrap {
        broker
    } else {
        Broker::connect(&leader)?
    };
    broker.produce(topic)
}

impl Broker {
    /// Connects and asks what the server knows.
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut broker = Self {
            stream,
            correlation: 0,
            versions: Versions::default(),
        };
        let answer = broker.exchange(API_VERSIONS, &ApiVersionsRequest::default())?;
        ensure!(
            answer.error_code == NO_ERROR,
            "ApiVersions: error {}",
            answer.error_code
        );
        let known = answer.api_keys.iter();
        broker.versions = Versions(
            known
                .map(|api| (api.api_key, api.min_version..=api.max_version))
                .collect(),
        );
        Ok(broker)
    }

    /// What the server knows.
    pub(crate) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Asks in the newest version that both sides know.
    pub(crate) fn ask<R: Spoken>(&mut self, request: &R) -> Result<R::Response> {
        self.exchange(self.versions.of::<R>()?, request)
    }

    fn exchange<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("bench")));
        let mut body = BytesMut::new();
        header.encode(&mut body, R::header_version(version))?;
        request.encode(&mut body, version)?;
        let mut frame = u32::try_from(body.len())?.to_be_bytes().to_vec();
        frame.extend_from_slice(&body);
        self.stream.write_all(&frame)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        let mut answer = Bytes::from(answer);
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
        ensure!(
            header.correlation_id == self.correlation,
            "an answer to another request"
        );
        R::Response::decode(&mut answer, version)
    }

    /// Creates a topic of one replica with these settings; one that is there already will do.
    pub(crate) fn create(
        &mut self,
        topic: &str,
        partitions: i32,
        configs: &[(&'static str, &'static str)],
    ) -> Result<()> {
        let configs = configs.iter().map(|(key, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(key))
                .with_value(Some(StrBytes::from_static_str(value)))
        });
        let wanted = CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(10_000);
        let answer = self.ask(&request)?;
        match answer
            .topics
            .first()
            .context("no topic in the answer")?
            .error_code
        {
            NO_ERROR | TOPIC_ALREADY_EXISTS => Ok(()),
            code => bail!("CreateTopics: error {code}"),
        }
    }

    /// Deletes a topic.
    pub(crate) fn delete(&mut self, topic: &str) -> Result<()> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![name(topic)])
            .with_timeout_ms(10_000);
        let answer = self.ask(&request)?;
        let answered = answer.responses.first().context("no topic in the answer")?;
        ensure!(
            answered.error_code == NO_ERROR,
            "DeleteTopics: error {}",
            answered.error_code
        );
        Ok(())
    }

    fn leader(&mut self, topic: &str) -> Result<String> {
        let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
        let answer = self.ask(&MetadataRequest::default().with_topics(Some(vec![asked])))?;
        let partition = answer
            .topics
            .first()
            .and_then(|topic| topic.partitions.first())
            .context("no partition yet")?;
        ensure!(
            partition.error_code == NO_ERROR,
            "Metadata: error {}",
            partition.error_code
        );
        let leader = answer
            .brokers
            .iter()
            .find(|broker| broker.node_id == partition.leader_id);
        let leader = leader.context("no leader yet")?;
        Ok(format!("{}:{}", leader.host, leader.port))
    }

    fn produce(&mut self, topic: &str) -> Result<()> {
        let data = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(batch(100)?));
        let data = TopicProduceData::default()
            .with_name(name(topic))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![data]);
        let answer = self.ask(&request)?;
        let partition = answer
            .responses
            .first()
            .and_then(|topic| topic.partition_responses.first());
        match partition.context("no partition in the answer")?.error_code {
            NO_ERROR => Ok(()),
            code => bail!("Produce: error {code}"),
        }
    }
}

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// A batch of one record whose value has so many bytes.
pub(crate) fn batch(value_bytes: usize) -> Result<Bytes> {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: 0,
        timestamp: 1,
        key: None,
        value: Some(vec![b'x'; value_bytes].into()),
        headers: IndexMap::new(),
    };
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, [&record], &options)?;
    Ok(batch.freeze())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kafka_protocol::messages::{
        CreateTopicsRequest, DeleteTopicsRequest, FetchRequest, ListOffsetsRequest,
        MetadataRequest, ProduceRequest,
    };

    use super::{Spoken, Versions};

    const PRODUCE: i16 = <ProduceRequest as kafka_protocol::protocol::Request>::KEY;
    /// Every release that the product behaves as.
    const RELEASES: &str = include_str!("../../../../crates/broker/src/releases.txt");

    /// What each release knows of a request: `api KEY NAME RELEASE:FIRST-LAST…`.
    fn known_by_releases(key: i16) -> BTreeMap<&'static str, Versions> {
        let key = key.to_string();
        let words = |line: &'static str| line.split(' ').collect::<Vec<_>>();
        let line = RELEASES
            .lines()
            .map(words)
            .find(|words| words[0] == "api" && words[1] == key);
        let releases = line.expect("a request of Kafka").split_off(3);
        let range = |versions: &str| {
            let (first, last) = versions.split_once('-')?;
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        let known = releases.into_iter().map(|word| {
            let (release, versions) = word.split_once(':').expect("a release");
            let range = range(versions).expect("a range of versions");
            let key = key.parse().expect("a number");
            (release, Versions([(key, range)].into()))
        });
        known.collect()
    }

    /// Each release that changed a request is spoken to in a version that it knows; this one in `expected`.
    fn check<R: Spoken>(release: &str, expected: i16) {
        let codec = R::VERSIONS.min..=R::VERSIONS.max;
        assert!(codec.contains(R::SPOKEN.start()) && codec.contains(R::SPOKEN.end()));
        let known = known_by_releases(R::KEY);
        assert!(known.len() > 1);
        for (release, versions) in &known {
            let version = versions.of::<R>().expect(release);
            assert!(versions.0[&R::KEY].contains(&version) && R::SPOKEN.contains(&version));
        }
        assert_eq!(known[release].of::<R>().ok(), Some(expected), "{release}");
    }

    #[test]
    fn every_release_is_asked_in_a_version_that_it_knows() {
        check::<CreateTopicsRequest>("2.4.0", 5);
        check::<DeleteTopicsRequest>("2.4.0", 4);
        check::<MetadataRequest>("2.4.0", 9);
        check::<ProduceRequest>("2.4.0", 8);
        check::<FetchRequest>("2.3.0", 11);
        check::<ListOffsetsRequest>("2.2.0", 5);
        check::<ProduceRequest>("4.1.0", 9);
    }

    #[test]
    fn a_request_that_is_unknown_or_too_new_is_refused() {
        let versions = Versions([(PRODUCE, 10..=13)].into());
        assert!(versions.of::<ProduceRequest>().is_err());
        assert!(versions.of::<FetchRequest>().is_err());
    }
}
