//! Many small clusters in one process, the broker library's example `instances`, and a client that asks one
//! of them for one thing at a time.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use brokerage_kafka_admin as admin;
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use xtask::{Group, Program, Workspace};

use crate::cpu::process_cpu;
use crate::kafka::{Broker, batch, name};

/// How long building the example may take.
const BUILD_LIMIT: Duration = Duration::from_secs(1_800);
/// How long all instances may take to start, or to stop.
const START_LIMIT: Duration = Duration::from_secs(600);
/// A topic that each instance has.
pub(crate) const TOPIC: &str = "orders";
/// The newest version of Fetch that names topics.
pub(crate) const FETCH_BY_NAME: i16 = 12;
const NO_ERROR: i16 = 0;

/// The running process; it ends with this value, or with this program.
#[derive(Debug)]
pub(crate) struct Instances {
    group: Group,
    /// The example runs until this is closed.
    stdin: Option<ChildStdin>,
    /// From opening the host until all listeners accepted.
    pub(crate) ready: Duration,
    /// Plaintext listeners of the first two instances.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// The example's binary, built if none is given.
pub(crate) fn program(workspace: &Workspace, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(binary) = given {
        return Ok(binary.to_path_buf());
    }
    Program::new("cargo", BUILD_LIMIT, workspace.log("build-instances")?)
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "brokerage-broker",
        ])
        .args(["--example", "instances"])
        .folder(workspace.root())
        .succeed()?;
    Ok(workspace.target().join("release/examples/instances"))
}

/// An empty directory for the data of a benchmark.
pub(crate) fn fresh_data(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let data = workspace.scratch("data")?.join(format!("bench-{name}"));
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    Ok(data)
}

/// Lets children have as many descriptors as this process may ask for: a listener needs one.
pub(crate) fn raise_descriptors() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).context("raising the limit of open files")
}

impl Instances {
    /// Starts so many instances on the data that is there, and waits until all accept.
    pub(crate) fn start(
        program: &Path,
        data: &Path,
        count: usize,
        options: &[String],
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .arg(data)
            .arg(count.to_string())
            .args(options)
            .stdin(Stdio::piped());
        let log = File::create(data.with_extension("log"))?;
        let (mut group, lines) = Group::start_heard(&mut command, log)?;
        let mut this = Self {
            stdin: group.stdin_take(),
            group,
            ready: Duration::ZERO,
            addresses: Vec::new(),
        };
        let value = |name: &str| -> Result<String> {
            let line = lines.recv_timeout(START_LIMIT);
            let line =
                line.with_context(|| format!("no {name} was told: see {}.log", data.display()))?;
            let value = line.strip_prefix(name).context("another line was due")?;
            Ok(value.to_owned())
        };
        this.ready = Duration::from_secs_f64(value("ready_ms=")?.parse::<f64>()? / 1e3);
        for _ in 0..count.min(2) {
            this.addresses.push(value("address=")?.parse()?);
        }
        Ok(this)
    }

    /// Ends it gracefully.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.stdin.take());
        let status = self.group.wait(START_LIMIT)?;
        ensure!(
            status.is_some_and(|status| status.success()),
            "the instances ended with {status:?}"
        );
        Ok(())
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.group.id());
        std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }

    /// Memory that is resident, file pages of the program included.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no VmRSS")?.trim().parse::<u64>()? << 10)
    }

    /// CPU time used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        process_cpu(self.group.id())
    }

    /// Has the process stand still, so that it does not disturb a measurement of another.
    pub(crate) fn freeze(&self) {
        self.group.signal(Signal::STOP);
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.group.signal(Signal::CONT);
    }
}

/// A client of one instance.
pub(crate) struct Client(Broker);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self(Broker::connect(&address.to_string())?))
    }

    /// Has a batch acknowledged by all. The server may then be silent for as long as it told.
    pub(crate) fn produce(&mut self, partition: i32, records: &Bytes) -> Result<()> {
        let append = async |client: &mut admin::Client| {
            client.batch_append(TOPIC, partition, records.clone()).await
        };
        self.0.ask(append)?;
        Ok(())
    }

    /// Fetches from an offset; returns how many bytes of records came.
    pub(crate) fn fetch(&mut self, partition: i32, offset: i64, bytes_max: i32) -> Result<usize> {
        let wanted = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(bytes_max);
        let wanted = FetchTopic::default()
            .with_topic(name(TOPIC))
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_max_bytes(bytes_max)
            .with_min_bytes(1)
            .with_topics(vec![wanted]);
        let fetch =
            async |client: &mut admin::Client| client.call_up_to(&request, FETCH_BY_NAME).await;
        let answer = self.0.ask(fetch)?;
        let partition = answer
            .responses
            .first()
            .and_then(|topic| topic.partitions.first());
        let partition = partition.context("no partition in the answer")?;
        let code = partition.error_code;
        ensure!(code == NO_ERROR, "Fetch: error {code}");
        Ok(partition.records.as_ref().map_or(0, Bytes::len))
    }
}

/// Acknowledge latencies of one client that sends one record of 1 KiB after the other for so long.
pub(crate) fn latencies(address: SocketAddr, time: Duration) -> Result<Vec<Duration>> {
    let mut client = Client::connect(address)?;
    let records = batch(1 << 10)?;
    let mut out = Vec::new();
    let started = Instant::now();
    while started.elapsed() < time {
        let sent = Instant::now();
        client.produce(0, &records)?;
        out.push(sent.elapsed());
    }
    ensure!(!out.is_empty(), "nothing was acknowledged");
    Ok(out)
}
