//! moto's server, the usual stand-in for a cloud in tests: its `create_cluster` keeps a cluster in memory and
//! starts nothing.

use std::fs::File;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use brokerage_engine_apache::HeldPort;
use bytes::Bytes;
use xtask::{Group, Install, Workspace, python_bench};

/// How long it may take to listen.
const LIMIT: Duration = Duration::from_secs(60);

/// A running moto server; dropping it kills it.
pub(crate) struct Moto {
    /// Ends with this value.
    _group: Group,
    address: String,
    /// Until it listens, and as long as it does.
    _port: HeldPort,
}

impl Moto {
    /// Starts it and waits until it listens.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let python = match python_bench(workspace) {
            Install::Ready(python) => python,
            Install::Missing(reason) => bail!("moto is needed to compare with: {reason}"),
        };
        let held = HeldPort::any()?;
        let port = held.port();
        let log = File::create(workspace.log("moto")?)?;
        let mut command = Command::new(python.with_file_name("moto_server"));
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let moto = Self {
            _group: Group::start(&mut command)?,
            address: format!("127.0.0.1:{port}"),
            _port: held,
        };
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(&moto.address).is_err() {
            ensure!(
                Instant::now() < deadline,
                "moto did not listen within {} s",
                LIMIT.as_secs()
            );
            thread::sleep(Duration::from_millis(50));
        }
        Ok(moto)
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// So many `create_cluster` requests, each for a cluster of its own. It does not check signatures.
    pub(crate) fn create_cluster(&self, count: usize) -> Vec<Bytes> {
        let request = |number: usize| {
            let body = format!(
                "{{\"brokerNodeGroupInfo\":{{\"instanceType\":\"kafka.m5.large\",\"clientSubnets\":[\"subnet-1\",\"subnet-2\",\"subnet-3\"]}},\
                 \"clusterName\":\"bench-{number}\",\"kafkaVersion\":\"3.6.0\",\"numberOfBrokerNodes\":3}}"
            );
            Bytes::from(format!(
                "POST /v1/clusters HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
                 authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/kafka/aws4_request, SignedHeaders=host, Signature=00\r\n\
                 content-length: {}\r\n\r\n{body}",
                self.address,
                body.len()
            ))
        };
        (0..count).map(request).collect()
    }
}
