//! A Kafka connection on which anything may be sent.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use brokerage_kafka_admin::{read_answer, request_frame};
use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, FindCoordinatorRequest, MetadataRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 128 << 20;
/// Bytes that are sent at a time.
const CHUNK_BYTES: usize = 64 << 10;
const CLIENT_ID: &str = "malice";
const CORRELATION_ID: i32 = 7;

/// One connection, on which one thing is asked after the other, or everything at once.
#[derive(Debug)]
pub(crate) struct Connection(TcpStream);

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A request with its length.
pub(crate) fn frame<R: Request>(request: &R, version: i16) -> Result<Bytes> {
    Ok(request_frame(request, version, CORRELATION_ID, CLIENT_ID)?)
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// How long an answer is waited for, and until something is taken.
    pub(crate) fn set_patience(&mut self, patience: Duration) -> Result<()> {
        self.0.set_read_timeout(Some(patience))?;
        self.0.set_write_timeout(Some(patience))?;
        Ok(())
    }

    /// Sends bytes as they are. The other side may have closed already, or take nothing: then not all is sent.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        bytes
            .chunks(CHUNK_BYTES)
            .all(|chunk| self.0.write_all(chunk).is_ok())
    }

    /// The next answer without its length; `None` if the connection was closed, or nothing came in time.
    pub(crate) fn receive(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let length = usize::try_from(i32::from_be_bytes(length)).ok()?;
        let mut answer = vec![0; Some(length).filter(|length| *length <= ANSWER_BYTES_MAX)?];
        self.0.read_exact(&mut answer).ok()?;
        Some(answer.into())
    }

    /// Drops an answer of which nothing is looked at; false if there was none.
    pub(crate) fn skip(&mut self) -> bool {
        let mut length = [0; 4];
        if self.0.read_exact(&mut length).is_err() {
            return false;
        }
        let length = u64::from(u32::from_be_bytes(length));
        let copied = io::copy(&mut (&self.0).take(length), &mut io::sink());
        copied.is_ok_and(|copied| copied == length)
    }

    /// Asks, and reads the answer.
    pub(crate) fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        self.send(&frame(request, version)?);
        let answer = self.receive();
        let answer = answer.with_context(|| format!("key {} was not answered", R::KEY))?;
        Ok(read_answer::<R>(answer, version, CORRELATION_ID)?)
    }

    /// Makes a topic with these settings; one that is there will do.
    pub(crate) fn create(
        &mut self,
        topic: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let config = |(name, value): &(&str, &str)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        };
        let wanted = CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.iter().map(config).collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(10_000);
        let answer = self.call(&request, 4)?;
        let code = answer.topics.first().map_or(0, |topic| topic.error_code);
        const EXISTS: i16 = 36;
        ensure!(
            code == 0 || code == EXISTS,
            "CreateTopics {topic}: error {code}"
        );
        Ok(())
    }

    /// Where the leader of the first partition of a topic is.
    pub(crate) fn leader(&mut self, topic: &str) -> Result<String> {
        let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        let answer = self.call(&request, 5)?;
        let mut partitions = answer
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter());
        let first = partitions.find(|partition| partition.partition_index == 0);
        let leader = first.context("no partition")?.leader_id;
        let broker = answer
            .brokers
            .iter()
            .find(|broker| broker.node_id == leader);
        let broker = broker.context("no leader")?;
        Ok(format!("{}:{}", broker.host, broker.port))
    }

    /// Where the coordinator of a group (0) or a transactional id (1) is.
    pub(crate) fn coordinator(&mut self, key: &str, kind: i8) -> Result<String> {
        let request = FindCoordinatorRequest::default()
            .with_key(text(key))
            .with_key_type(kind);
        let answer = self.call(&request, 1)?;
        ensure!(
            answer.error_code == 0,
            "FindCoordinator: error {}",
            answer.error_code
        );
        Ok(format!("{}:{}", answer.host, answer.port))
    }

    /// Has a batch acknowledged.
    pub(crate) fn produce(&mut self, topic: &str, partition: i32, records: &Bytes) -> Result<()> {
        let answer = self.call(&produce_request(topic, &[(partition, records)]), 7)?;
        let mut partitions = answer
            .responses
            .iter()
            .flat_map(|topic| topic.partition_responses.iter());
        let code = partitions.next().context("an empty answer")?.error_code;
        ensure!(code == 0, "Produce: error {code}");
        Ok(())
    }
}

/// A request to produce these batches.
pub(crate) fn produce_request(topic: &str, batches: &[(i32, &Bytes)]) -> ProduceRequest {
    let data = batches.iter().map(|(partition, records)| {
        PartitionProduceData::default()
            .with_index(*partition)
            .with_records(Some((*records).clone()))
    });
    let data = TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(data.collect());
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![data])
}
