//! A host in a temporary directory, and a client that speaks one request at a time.

use std::{net::SocketAddr, path::Path, sync::Arc};

use brokerage_broker::{
    Authorization, BrokerSpec, Clock, ClusterLimits, ClusterSpec, Durability, Host, HostOptions,
    ListenerSpec, SaslSpec, SecurityProtocol, TopicDefaults, TopicSpec,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

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
    Host::open(HostOptions::new(dir.to_owned(), durability, clock, 1)).unwrap()
}

/// Brokers on ports that the system chooses.
pub fn spec(id: &str, brokers: i32) -> ClusterSpec {
    let broker = |id| BrokerSpec {
        id,
        listeners: vec![ListenerSpec {
            bind: ([127, 0, 0, 1], 0).into(),
            advertised_host: "127.0.0.1".to_owned(),
            advertised_port: 0,
            name: "PLAINTEXT".to_owned(),
            security: SecurityProtocol::Plaintext,
            sasl: SaslSpec::default(),
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
    }
}

pub fn topic(name: &str, partitions: i32) -> TopicSpec {
    TopicSpec {
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

/// Both ends of a connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection.
pub struct Client {
    stream: Box<dyn Stream>,
    correlation_id: i32,
}

impl Client {
    pub async fn connect(host: &Host, id: &str, broker_id: i32) -> Self {
        let stream = TcpStream::connect(address(host, id, broker_id))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    pub fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            correlation_id: 0,
        }
    }

    /// Sends a frame. The broker may have closed already; the answer tells.
    pub async fn send_raw(&mut self, frame: &[u8]) {
        let mut whole = (frame.len() as u32).to_be_bytes().to_vec();
        whole.extend(frame);
        let _ = self.stream.write_all(&whole).await;
        let _ = self.stream.flush().await;
    }

    /// The length of the next answer; `None` if the broker closed the connection.
    pub async fn receive_length(&mut self) -> Option<usize> {
        Some(self.stream.read_u32().await.ok()? as usize)
    }

    /// The next answer without its length; `None` if the broker closed the connection.
    pub async fn receive_raw(&mut self) -> Option<Bytes> {
        let length = self.receive_length().await?;
        self.receive_rest(length).await
    }

    /// What follows the length of an answer.
    pub async fn receive_rest(&mut self, length: usize) -> Option<Bytes> {
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame).await.ok()?;
        Some(frame.into())
    }

    pub fn frame<R: Request>(&mut self, request: &R, version: i16) -> Bytes {
        self.correlation_id += 1;
        let mut frame = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some("test".into()));
        header
            .encode(&mut frame, R::header_version(version))
            .unwrap();
        request.encode(&mut frame, version).unwrap();
        frame.freeze()
    }

    pub async fn call<R: Request>(&mut self, request: R, version: i16) -> R::Response {
        let frame = self.frame(&request, version);
        self.send_raw(&frame).await;
        let key = R::KEY;
        let answer = self
            .receive_raw()
            .await
            .unwrap_or_else(|| panic!("no answer to key {key} version {version}"));
        self.decode::<R>(answer, version)
    }

    /// Reads the answer to the last request.
    pub fn decode<R: Request>(&self, mut answer: Bytes, version: i16) -> R::Response {
        let key = R::KEY;
        let header =
            ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        let decoded = R::Response::decode(&mut answer, version).unwrap();
        assert!(
            !answer.has_remaining(),
            "{} bytes behind the answer to {key} v{version}",
            answer.remaining()
        );
        decoded
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
