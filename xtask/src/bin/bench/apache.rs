//! One Apache Kafka node. It starts either in its fastest way (a formatted folder as template, a class data
//! archive, a small heap, the serial collector and only the first compiler), or under the flags of its own
//! start script, which is how it is run to serve.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use brokerage_engine_apache::{
    Distribution, FAST_FLAGS, FEW_THREADS, HeldPort, JAVA, NodeSettings, node_folder_make,
};
use rustix::process::Signal;
use xtask::{Group, Install, Program, Workspace, kafka_server_libs};

use crate::kafka::first_acknowledged;

/// The largest heap of a node that starts fast.
const HEAP_FLAG: &str = "-Xmx256m";
/// The flags of `kafka-server-start.sh` and `kafka-run-class.sh`.
pub(crate) const START_SCRIPT: &[&str] = &[
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];
/// How long a node may take to acknowledge its first record, or to stop.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a node that is not ready is left alone between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// What every start uses.
pub(crate) struct ApacheKafka {
    distribution: Distribution,
    folder: PathBuf,
    archive: PathBuf,
}

impl ApacheKafka {
    /// Formats the template and makes the class data archive, neither of which is timed.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self> {
        let libs = match kafka_server_libs(workspace) {
            Install::Ready(libs) => libs,
            Install::Missing(reason) => bail!("Apache Kafka is needed to compare with: {reason}"),
        };
        let folder = workspace.scratch("kafka/run")?;
        let kafka = Self {
            distribution: Distribution::at(&libs),
            archive: folder.join("kafka.jsa"),
            folder,
        };
        kafka.format(workspace)?;
        if !kafka.archive.exists() {
            let create = format!("-XX:ArchiveClassesAtExit={}", kafka.archive.display());
            kafka.run(&create, "archive")?;
            ensure!(kafka.archive.exists(), "no class data archive was made");
        }
        Ok(kafka)
    }

    fn format(&self, workspace: &Workspace) -> Result<()> {
        let template = self.folder.join("template");
        if template.join("meta.properties").exists() {
            return Ok(());
        }
        let settings = self.settings("template", [29_191, 29_193], FEW_THREADS)?;
        Program::new(JAVA, LIMIT, workspace.log("kafka-format")?)
            .args(self.distribution.format_arguments(&settings, &[]))
            .succeed()?;
        Ok(())
    }

    /// Writes `server.properties` for a data folder and returns its path.
    fn settings(&self, data: &str, ports: [u16; 2], more: &str) -> Result<PathBuf> {
        let path = self.folder.join(format!("{data}.properties"));
        let [port, controller_port] = ports;
        let settings = NodeSettings {
            node: 0,
            controller_ports: &[controller_port],
            listeners: &[("PLAINTEXT", port)],
            data: &self.folder.join(data),
            more,
        };
        settings.write(&path)?;
        Ok(path)
    }

    /// From nothing to the first record that is acknowledged by all.
    pub(crate) fn start_to_first_acknowledged(&self, number: usize) -> Result<Duration> {
        let use_archive = format!("-XX:SharedArchiveFile={}", self.archive.display());
        self.run(&use_archive, &format!("data-{number}"))
    }

    /// A node under the flags of its own start script with the broker's default settings, ready to serve.
    /// Files of deleted topics go at once, from the beginning on, so that they do not become part of what is
    /// measured next.
    pub(crate) fn serve(&self, data: &str) -> Result<Node> {
        let at_once = "log.segment.delete.delay.ms=1\nlog.initial.task.delay.ms=1\n";
        self.start(START_SCRIPT, data, at_once)
    }

    fn run(&self, archive: &str, data: &str) -> Result<Duration> {
        let lean = [HEAP_FLAG].iter().chain(FAST_FLAGS).copied();
        let flags: Vec<&str> = lean.chain([archive, "-Xshare:auto"]).collect();
        let mut node = self.start(&flags, data, FEW_THREADS)?;
        let acknowledged = node.acknowledged;
        node.stop()?;
        fs::remove_dir_all(self.folder.join(data))?;
        Ok(acknowledged)
    }

    /// Starts a node on a fresh copy of the template and waits for its first acknowledged record.
    fn start(&self, flags: &[&str], data: &str, more: &str) -> Result<Node> {
        let held = [HeldPort::any()?, HeldPort::any()?];
        let ports = [held[0].port(), held[1].port()];
        let settings = self.settings(data, ports, more)?;
        let log = File::create(self.folder.join(format!("{data}.log")))?;
        let folder = self.folder.join(data);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let started = Instant::now();
        node_folder_make(&self.folder.join("template"), &folder, 0)?;
        let mut command = Command::new(JAVA);
        command
            .args(self.distribution.node_arguments(flags, &settings))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut node = Node {
            group: Group::start(&mut command)?,
            bootstrap: format!("127.0.0.1:{}", ports[0]),
            data: folder,
            acknowledged: Duration::ZERO,
            _ports: held,
        };
        node.acknowledged = loop {
            match first_acknowledged(&node.bootstrap, "first") {
                Ok(()) => break started.elapsed(),
                Err(error) if started.elapsed() > LIMIT => {
                    return Err(error.context("Apache Kafka did not become ready"));
                }
                Err(_) => thread::sleep(PAUSE),
            }
        };
        Ok(node)
    }
}

/// A running node; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Node {
    group: Group,
    bootstrap: String,
    data: PathBuf,
    /// From nothing to the first record that was acknowledged by all.
    acknowledged: Duration,
    /// Until it listens, and as long as it does.
    _ports: [HeldPort; 2],
}

impl Node {
    /// `host:port` of its plaintext listener.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where its partitions lie.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.group.id()
    }

    /// Stops it as an operator would; a class data archive is written only then.
    fn stop(&mut self) -> Result<()> {
        self.group.signal(Signal::TERM);
        let ended = self.group.wait(LIMIT)?;
        ensure!(ended.is_some(), "Apache Kafka did not stop");
        Ok(())
    }
}
