//! Kafka as the benchmarks ask for it: `kafka-admin`, one thing at a time, from a thread that waits. The same client asks
//! the product and Apache Kafka, of whatever release: it asks each server first which versions it knows.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use brokerage_kafka_admin::{AdminError, Client, ErrorCode, NewRecord, NewTopic, record_batch};
use bytes::Bytes;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

const NO_ERROR: i16 = 0;

/// A connection to one broker.
#[derive(Debug)]
pub(crate) struct Broker {
    runtime: Runtime,
    client: Client,
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
    let batch = batch(100)?;
    broker.ask(async |client| client.batch_append(topic, 0, batch).await)?;
    Ok(())
}

impl Broker {
    /// Connects and asks what the server knows.
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            anyhow::Ok(Client::connect(stream).await?)
        })?;
        Ok(Self { runtime, client })
    }

    /// Waits for what is asked of the server.
    pub(crate) fn ask<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        self.runtime.block_on(work(&mut self.client))
    }

    /// The newest version of a request that both sides know, and no newer than this.
    pub(crate) fn version_up_to<R: Request>(&self, newest: i16) -> Result<i16> {
        Ok(self.client.version_up_to::<R>(newest)?)
    }

    /// Creates a topic of one replica with these settings; one that is there already will do.
    pub(crate) fn create(
        &mut self,
        topic: &str,
        partitions: i32,
        configs: &[(&'static str, &'static str)],
    ) -> Result<()> {
        let configs = configs.iter();
        let configs: BTreeMap<String, String> = configs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let wanted = NewTopic {
            name: topic.to_owned(),
            partitions,
            replication_factor: 1,
            configs,
        };
        match self.ask(async |client| client.topic_create(&wanted).await) {
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }

    /// Deletes a topic.
    pub(crate) fn delete(&mut self, topic: &str) -> Result<()> {
        Ok(self.ask(async |client| client.topic_delete(topic).await)?)
    }

    /// Where the leader of the first partition is, in one request.
    fn leader(&mut self, topic: &str) -> Result<String> {
        let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        let answer = self.ask(async |client| client.call(&request).await)?;
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
}

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// A batch of one record whose value has so many bytes.
pub(crate) fn batch(value_bytes: usize) -> Result<Bytes> {
    let record = NewRecord {
        timestamp_ms: 1,
        value: Some(vec![b'x'; value_bytes].into()),
        ..NewRecord::default()
    };
    Ok(record_batch(&[record])?)
}
