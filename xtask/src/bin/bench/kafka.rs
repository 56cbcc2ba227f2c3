//! The least Kafka client: creates a topic, finds its leader, and has one record acknowledged by all.
//! The same one asks the product and Apache Kafka.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
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
use kafka_protocol::messages::{RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// Versions that both servers know.
const CREATE_TOPICS: i16 = 7;
const DELETE_TOPICS: i16 = 5;
const METADATA: i16 = 9;
const PRODUCE: i16 = 9;
/// The longest answer to these requests.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
const NO_ERROR: i16 = 0;
const TOPIC_ALREADY_EXISTS: i16 = 36;

/// A connection to one broker.
pub(crate) struct Broker {
    stream: TcpStream,
    correlation: i32,
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
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self {
            stream,
            correlation: 0,
        })
    }

    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
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
        let answer = self.ask(CREATE_TOPICS, &request)?;
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
        let answer = self.ask(DELETE_TOPICS, &request)?;
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
        let answer = self.ask(
            METADATA,
            &MetadataRequest::default().with_topics(Some(vec![asked])),
        )?;
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
        let answer = self.ask(PRODUCE, &request)?;
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
