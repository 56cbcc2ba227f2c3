//! A host in a temporary directory, a client that says which versions it speaks, and what is made in clusters.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use brokerage_broker::{
    Authorization, BrokerSpec, Clock, ClusterLimits, ClusterSpec, Durability, Host, HostOptions,
    ListenerSpec, SaslSpec, SecurityProtocol, TRANSACTIONAL_ID_EXPIRATION_MS, TopicDefaults,
};
use brokerage_kafka_admin::{
    self as admin, Acl, AclFilter, AdminError, Bounds, KafkaError, NewTopic, ScramCredential,
    ScramMechanism, Stream, Topic,
};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A clock that stands still.
pub struct FixedClock(pub i64);

impl Clock for FixedClock {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

pub const NOW_MS: i64 = 1_700_000_000_000;

pub fn host_at(dir: &Path, durability: Durability) -> Host {
    let clock = Arc::new(FixedClock(NOW_MS));
    Host::open(HostOptions {
        group_initial_rebalance_delay: Duration::ZERO,
        ..HostOptions::new(dir.to_owned(), durability, clock, 1)
    })
    .unwrap()
}

/// Brokers on ports that the system chooses.
pub fn spec(id: &str, brokers: i32) -> ClusterSpec {
    let broker = |id| BrokerSpec {
        id,
        rack: None,
        listeners: vec![ListenerSpec {
            bind: ([127, 0, 0, 1], 0).into(),
            advertised_host: "127.0.0.1".to_owned(),
            advertised_port: 0,
            name: "PLAINTEXT".to_owned(),
            security: SecurityProtocol::Plaintext,
            sasl: SaslSpec::default(),
            is_public: false,
        }],
    };
    ClusterSpec {
        id: id.to_owned(),
        kafka_version: "4.1.0".to_owned(),
        brokers: (0..brokers).map(broker).collect(),
        limits: ClusterLimits::default(),
        auto_create_topics: false,
        authorization: Authorization::default(),
        defaults: TopicDefaults::default(),
        transactional_id_expiration_ms: TRANSACTIONAL_ID_EXPIRATION_MS,
    }
}

/// The same with a listener for the public network beside, on each broker.
pub fn public_spec(id: &str, brokers: i32) -> ClusterSpec {
    let mut spec = spec(id, brokers);
    for broker in &mut spec.brokers {
        broker.listeners.push(ListenerSpec {
            name: PUBLIC.to_owned(),
            is_public: true,
            ..broker.listeners[0].clone()
        });
    }
    spec
}

/// The name of its public listeners.
pub const PUBLIC: &str = "PUBLIC";

pub fn topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        configs: Default::default(),
    }
}

pub fn address(host: &Host, id: &str, broker_id: i32) -> SocketAddr {
    let seen = host.observe(id).unwrap();
    seen.listeners
        .iter()
        .find(|listener| listener.broker_id == broker_id)
        .unwrap()
        .local_address
}

/// How long a test waits for an answer.
const BOUNDS: Bounds = Bounds {
    request_time_max: Duration::from_secs(120),
    answer_bytes_max: 200 << 20,
};

/// One connection, in versions that the test chooses. What is malformed goes through [`Client::send_raw`].
pub struct Client(admin::Client);

impl Client {
    pub async fn connect(host: &Host, id: &str, broker_id: i32) -> Self {
        let stream = TcpStream::connect(address(host, id, broker_id))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    pub fn over(stream: impl Stream + 'static) -> Self {
        Self(admin::Client::over(stream, BOUNDS).with_client_id("test"))
    }

    /// Sends a frame. The broker may have closed already; then there is no answer.
    pub async fn send_raw(&mut self, frame: &[u8]) {
        let mut whole = (frame.len() as u32).to_be_bytes().to_vec();
        whole.extend(frame);
        let stream = self.0.stream_mut();
        let _ = stream.write_all(&whole).await;
        let _ = stream.flush().await;
    }

    /// Says that a frame of so many bytes comes, and sends fewer.
    pub async fn announce(&mut self, bytes: usize, sent: usize) {
        let stream = self.0.stream_mut();
        let _ = stream.write_all(&(bytes as u32).to_be_bytes()).await;
        let _ = stream.write_all(&vec![0; sent]).await;
        let _ = stream.flush().await;
    }

    /// The length of the next answer; `None` if the broker closed the connection.
    pub async fn receive_length(&mut self) -> Option<usize> {
        Some(self.0.stream_mut().read_u32().await.ok()? as usize)
    }

    /// The next answer without its length; `None` if the broker closed the connection.
    pub async fn receive_raw(&mut self) -> Option<Bytes> {
        let length = self.receive_length().await?;
        self.receive_rest(length).await
    }

    /// What follows the length of an answer.
    pub async fn receive_rest(&mut self, length: usize) -> Option<Bytes> {
        let mut frame = vec![0; length];
        self.0.stream_mut().read_exact(&mut frame).await.ok()?;
        Some(frame.into())
    }

    /// A request for [`Client::send_raw`].
    pub fn frame<R: Request>(&mut self, request: &R, version: i16) -> Bytes {
        self.0.frame(request, version).unwrap().split_off(4)
    }

    pub async fn call<R: Request>(&mut self, request: R, version: i16) -> R::Response {
        let answer = self.0.call_at(&request, version).await;
        answer.unwrap_or_else(|error| panic!("key {} version {version}: {error:?}", R::KEY))
    }

    /// Reads the answer to the last request.
    pub fn decode<R: Request>(&mut self, answer: Bytes, version: i16) -> R::Response {
        self.0.read_answer::<R>(answer, version).unwrap()
    }
}

/// What tests make in a cluster: all of it goes through the host's own connection.
pub trait Administration {
    async fn admin(&self, id: &str) -> admin::Client;

    async fn create_topic(&self, id: &str, topic: NewTopic) -> Result<(), AdminError> {
        let mut admin = self.admin(id).await;
        admin.topic_create(&topic).await.map(|_| ())
    }

    async fn delete_topic(&self, id: &str, name: &str) -> Result<(), AdminError> {
        self.admin(id).await.topic_delete(name).await
    }

    async fn list_topics(&self, id: &str) -> Vec<Topic> {
        self.admin(id).await.topic_list().await.unwrap()
    }

    /// The first that is refused ends it.
    async fn create_acls(&self, id: &str, acls: Vec<Acl>) -> Result<(), AdminError> {
        let created = self.admin(id).await.acls_create(&acls).await?;
        let created: Result<(), KafkaError> = created.into_iter().collect();
        Ok(created?)
    }

    async fn delete_acls(&self, id: &str, filter: AclFilter) -> Result<Vec<Acl>, AdminError> {
        self.admin(id).await.acls_delete(&filter).await
    }

    async fn list_acls(&self, id: &str, filter: &AclFilter) -> Vec<Acl> {
        self.admin(id).await.acl_list(filter).await.unwrap()
    }

    /// Makes a user have this password for every mechanism.
    async fn put_user(&self, id: &str, name: &str, password: &str) -> Result<(), AdminError> {
        for mechanism in ScramMechanism::ALL {
            let salt = format!("a salt for {name} and {password}").into_bytes();
            let credential = ScramCredential::derive(mechanism, &password.into(), salt);
            self.admin(id).await.user_put(name, &credential).await?;
        }
        Ok(())
    }

    /// Returns whether there is such a user.
    async fn set_super_user(
        &self,
        id: &str,
        name: &str,
        is_super: bool,
    ) -> Result<bool, AdminError> {
        self.admin(id).await.super_user_set(name, is_super).await
    }

    /// Takes all passwords of a user away.
    async fn delete_user(&self, id: &str, name: &str) -> Result<(), AdminError> {
        for mechanism in ScramMechanism::ALL {
            self.admin(id).await.user_delete(name, mechanism).await?;
        }
        Ok(())
    }
}

impl Administration for Host {
    async fn admin(&self, id: &str) -> admin::Client {
        let stream = self.connect(id).unwrap();
        admin::Client::connect_within(stream, BOUNDS).await.unwrap()
    }
}

/// A batch of records with these values and no keys.
pub fn batch(values: &[&str]) -> Bytes {
    producer_batch(
        values,
        ProducerBatch {
            producer_id: -1,
            epoch: -1,
            sequence: -1,
            is_transactional: false,
        },
    )
}

/// What an idempotent or transactional producer writes into its batches.
#[derive(Debug, Clone, Copy)]
pub struct ProducerBatch {
    pub producer_id: i64,
    pub epoch: i16,
    pub sequence: i32,
    pub is_transactional: bool,
}

/// The same from a producer that has an id.
pub fn producer_batch(values: &[&str], producer: ProducerBatch) -> Bytes {
    let mut records = Vec::new();
    let varint = |out: &mut Vec<u8>, value: usize| {
        let mut value = (value as u64) << 1;
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    };
    for (at, value) in values.iter().enumerate() {
        let mut body = vec![0, 0];
        varint(&mut body, at);
        body.push(1); // no key
        varint(&mut body, value.len());
        body.extend(value.as_bytes());
        body.push(0);
        varint(&mut records, body.len());
        records.extend(body);
    }
    let count = values.len() as i32;
    let mut tail = BytesMut::new();
    tail.put_i16(if producer.is_transactional { 0x10 } else { 0 });
    tail.put_i32(count - 1);
    tail.put_i64(NOW_MS);
    tail.put_i64(NOW_MS);
    tail.put_i64(producer.producer_id);
    tail.put_i16(producer.epoch);
    tail.put_i32(producer.sequence);
    tail.put_i32(count);
    tail.put_slice(&records);
    let mut out = BytesMut::new();
    out.put_i64(0);
    out.put_i32((tail.len() + 9) as i32);
    out.put_i32(-1);
    out.put_u8(2);
    out.put_u32(crc32c::crc32c(&tail));
    out.put_slice(&tail);
    out.freeze()
}
