//! One Apache Kafka node. It starts either in its fastest way (a formatted folder as template, a class data
//! archive, a small heap, the serial collector and only the first compiler), or under the flags of its own
//! start script, which is how it is run to serve.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;
use xtask::{Group, Install, Program, Workspace, kafka_server_libs};

use crate::kafka::first_acknowledged;

const LEAN: &[&str] = &[
    "-Xmx256m",
    "-Xms64m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
];
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
/// Threads as a small node is given them, to start fast.
const FEW_THREADS: &str = "num.network.threads=2\nnum.io.threads=2\nbackground.threads=2\n\
     log.cleaner.dedupe.buffer.size=8388608\nlog.cleaner.io.buffer.size=262144\n";
/// How long a node may take to acknowledge its first record, or to stop.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a node that is not ready is left alone between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// What every start uses.
pub(crate) struct ApacheKafka {
    class_path: String,
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
            class_path: format!("{}/*", libs.display()),
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
        let settings = self.settings("template", 29_191, 29_193, FEW_THREADS)?;
        let random = |word: &str| {
            Program::new("java", LIMIT, workspace.log(&format!("kafka-{word}"))?)
                .args([
                    "-cp",
                    &self.class_path,
                    "kafka.tools.StorageTool",
                    "random-uuid",
                ])
                .succeed()
        };
        let cluster_id = random("cluster-id")?
            .output
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .to_owned();
        Program::new("java", LIMIT, workspace.log("kafka-format")?)
            .args([
                "-cp",
                &self.class_path,
                "kafka.tools.StorageTool",
                "format",
                "-t",
                &cluster_id,
                "-c",
            ])
            .args([&settings])
            .succeed()?;
        Ok(())
    }

    /// Writes `server.properties` for a data folder and returns its path.
    fn settings(&self, data: &str, port: u16, controller_port: u16, more: &str) -> Result<PathBuf> {
        let path = self.folder.join(format!("{data}.properties"));
        let log_dir = self.folder.join(data);
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller_port}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=4\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             {more}log.dirs={}\n",
            log_dir.display()
        );
        fs::write(&path, text)?;
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
        let flags: Vec<&str> = LEAN
            .iter()
            .copied()
            .chain([archive, "-Xshare:auto"])
            .collect();
        let mut node = self.start(&flags, data, FEW_THREADS)?;
        let acknowledged = node.acknowledged;
        node.stop()?;
        fs::remove_dir_all(self.folder.join(data))?;
        Ok(acknowledged)
    }

    /// Starts a node on a fresh copy of the template and waits for its first acknowledged record.
    fn start(&self, flags: &[&str], data: &str, more: &str) -> Result<Node> {
        let [port, controller_port] = free_ports()?;
        let settings = self.settings(data, port, controller_port, more)?;
        let log = File::create(self.folder.join(format!("{data}.log")))?;
        let folder = self.folder.join(data);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let started = Instant::now();
        copy_folder(&self.folder.join("template"), &folder)?;
        let mut command = Command::new("java");
        command
            .args(flags)
            .args(["-cp", &self.class_path, "kafka.Kafka"])
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut node = Node {
            group: Group::start(&mut command)?,
            bootstrap: format!("127.0.0.1:{port}"),
            data: folder,
            acknowledged: Duration::ZERO,
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

fn free_ports() -> Result<[u16; 2]> {
    let listeners = [(), ()].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let [first, second] = listeners;
    Ok([first?.local_addr()?.port(), second?.local_addr()?.port()])
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
