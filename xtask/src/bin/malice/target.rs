//! The server that is attacked, and what is seen of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use xtask::{Server, ServerSettings, Workspace};

use crate::wire::Connection;

/// How long an answer of the API may take while others attack.
const PATIENCE: Duration = Duration::from_secs(30);
/// The newest release that is sold.
pub(crate) const NEWEST: &str = "4.1";
/// What begins the write to `clear_refs` that sets the peak to what is resident now (proc_pid_clear_refs(5)).
const FORGET_PEAK: &[u8] = b"5";
/// The topic that each bought cluster has.
pub(crate) const TOPIC: &str = "t";
/// Its partitions.
const PARTITIONS: i32 = 4;

/// A running server, and the cluster of somebody who did nothing.
#[derive(Debug)]
pub(crate) struct Target {
    server: Server,
    pub(crate) neighbour: Bought,
}

/// A cluster that was bought.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    /// Its brokers.
    pub(crate) addresses: Vec<String>,
}

impl Bought {
    /// A connection to one of its brokers.
    pub(crate) fn connect(&self, at: usize) -> Result<Connection> {
        Connection::open(&self.addresses[at % self.addresses.len()])
    }

    /// A connection to the broker that leads the first partition of its topic.
    pub(crate) fn leader(&self, topic: &str) -> Result<Connection> {
        let address = self.connect(0)?.leader(topic)?;
        Connection::open(&address)
    }
}

impl Target {
    /// Starts it on a fresh data directory and buys the neighbour's cluster.
    pub(crate) fn start(workspace: &Workspace, binary: PathBuf) -> Result<Self> {
        let data = workspace.scratch("data")?.join("malice");
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let log = workspace.log("malice-server")?;
        let _ = std::fs::remove_file(&log);
        let arguments = ["--rate-limits", "off", "--metrics", "127.0.0.1:0"];
        let server = Server::start(ServerSettings {
            binary,
            data,
            log,
            broker_ports: None,
            arguments: arguments.map(Into::into).into(),
        })?;
        let neighbour = buy(&server, "neighbour", Some(NEWEST))?;
        Ok(Self { server, neighbour })
    }

    /// Buys a cluster with a topic; of JD Cloud's if a release is said, which sells all of them, otherwise of CKafka's,
    /// which sells the largest messages.
    pub(crate) fn buy(&self, name: &str, version: Option<&str>) -> Result<Bought> {
        buy(&self.server, name, version)
    }

    /// `host:port` of the API.
    pub(crate) fn api(&self) -> &str {
        self.server.api()
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.server.id()))
    }

    fn status_bytes(&self, field: &str) -> Result<u64> {
        let status =
            std::fs::read_to_string(self.proc("status")).context("the server has ended")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim_start_matches(':').trim().strip_suffix(" kB"));
        Ok(kib
            .with_context(|| format!("no {field}"))?
            .trim()
            .parse::<u64>()?
            << 10)
    }

    /// Memory that is resident now.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        self.status_bytes("VmRSS")
    }

    /// The most that was since it was forgotten.
    pub(crate) fn peak_bytes(&self) -> Result<u64> {
        self.status_bytes("VmHWM")
    }

    /// Lets the peak begin anew.
    pub(crate) fn peak_forget(&self) -> Result<()> {
        std::fs::write(self.proc("clear_refs"), FORGET_PEAK).context("the server has ended")
    }

    /// What the server says that it holds of its Kafka clients' requests.
    pub(crate) fn held_bytes(&self) -> Result<u64> {
        let metrics = self.server.metrics().context("no metrics are served")?;
        let text = http_get(metrics, "/metrics")?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("brokerage_held_bytes "));
        Ok(line.context("it does not say what it holds")?.parse()?)
    }

    /// Fails if the server has ended.
    pub(crate) fn is_running(&self) -> Result<()> {
        self.resident_bytes().map(drop)
    }

    /// Ends it gracefully.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }
}

fn buy(server: &Server, name: &str, version: Option<&str>) -> Result<Bought> {
    let more: Vec<String> = match version {
        Some(version) => vec![format!("instance.instanceVersion={version}")],
        None => vec!["BandWidth=80".to_owned()],
    };
    let dialect = if version.is_some() {
        "jdkafka"
    } else {
        "ckafka"
    };
    let addresses = server.buy(dialect, name, &more)?;
    let bought = Bought { addresses };
    bought.connect(0)?.create(TOPIC, PARTITIONS, &[])?;
    Ok(bought)
}

/// The answer to a GET, head and body.
pub(crate) fn http_get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 "), "no answer to GET {path}");
    Ok(answer)
}
