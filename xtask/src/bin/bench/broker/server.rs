//! The servers, each a process of its own, and what the kernel says of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::param::clock_ticks_per_second;
use xtask::{Group, Program, Workspace};

use super::cell::Durability;
use crate::apache::{ApacheKafka, Node};

/// How long building the example may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
/// How long the broker may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_secs(60);
/// How long the files of a deleted topic may stay.
const DELETE_LIMIT: Duration = Duration::from_secs(60);
/// How long is waited between two looks at the disk.
const PAUSE: Duration = Duration::from_millis(20);
/// What the example prints before the address that it listens at.
const LISTENING: &str = "PLAINTEXT ";

/// Settings of a topic. Retention would remove prepared batches, whose timestamps are old.
type TopicConfigs = &'static [(&'static str, &'static str)];
const NO_RETENTION: (&str, &str) = ("retention.ms", "-1");

/// A running server.
#[derive(Debug)]
pub(super) struct Served {
    name: &'static str,
    process: Process,
    bootstrap: String,
    data: PathBuf,
    topic_configs: TopicConfigs,
}

#[derive(Debug)]
enum Process {
    Own(Group),
    Apache(Node),
}

/// The example that is measured: as given, or built now.
pub(super) fn binary(workspace: &Workspace, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(binary) = given {
        return Ok(binary.to_path_buf());
    }
    Program::new("cargo", BUILD_LIMIT, workspace.log("build-release")?)
        .args(["build", "--quiet", "--release"])
        .args(["--package", "brokerage-broker", "--example", "cluster"])
        .folder(workspace.root())
        .succeed()?;
    Ok(workspace.target().join("release/examples/cluster"))
}

impl Served {
    /// A build of the embedded broker on an empty directory.
    pub(super) fn own(
        workspace: &Workspace,
        binary: &Path,
        name: &'static str,
        durability: Durability,
    ) -> Result<Self> {
        let data = workspace
            .scratch("data")?
            .join(format!("bench-broker-{name}"));
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let mut command = Command::new(binary);
        command.arg(&data).args(["0", "1"]).stdin(Stdio::null());
        if durability == Durability::Power {
            command.arg("power");
        }
        let log = workspace.log(&format!("bench-broker-{name}"))?;
        let (group, lines) = Group::start_heard(&mut command, fs::File::create(&log)?)?;
        let bootstrap = loop {
            let line = lines.recv_timeout(LISTEN_LIMIT);
            let line =
                line.with_context(|| format!("{name} did not listen: see {}", log.display()))?;
            if let Some(bootstrap) = line.strip_prefix(LISTENING) {
                break bootstrap.to_owned();
            }
        };
        Ok(Self {
            name,
            process: Process::Own(group),
            bootstrap,
            data: data.join("example"),
            topic_configs: &[NO_RETENTION],
        })
    }

    /// One Apache Kafka node on an empty directory, with the same durability.
    pub(super) fn apache(apache: &ApacheKafka, durability: Durability) -> Result<Self> {
        let node = apache.serve("bench-broker")?;
        Ok(Self {
            name: super::report::APACHE,
            bootstrap: node.bootstrap().to_owned(),
            data: node.data().to_path_buf(),
            process: Process::Apache(node),
            topic_configs: match durability {
                Durability::Process => &[NO_RETENTION],
                Durability::Power => &[NO_RETENTION, ("flush.messages", "1")],
            },
        })
    }

    /// `host:port` of its plaintext listener.
    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Settings of each topic.
    pub(super) fn topic_configs(&self) -> TopicConfigs {
        self.topic_configs
    }

    fn process_file(&self, file: &str) -> PathBuf {
        let id = match &self.process {
            Process::Own(group) => group.id(),
            Process::Apache(node) => node.process_id(),
        };
        PathBuf::from(format!("/proc/{id}/{file}"))
    }

    /// CPU time that it used so far, in the kernel and outside.
    pub(super) fn cpu(&self) -> Result<Duration> {
        cpu_of(&self.process_file("stat"))
    }

    /// Forgets the peak of memory.
    pub(super) fn reset_peak_memory(&self) -> Result<()> {
        // 5: reset the peak resident set (proc(5), clear_refs).
        Ok(fs::write(self.process_file("clear_refs"), "5")?)
    }

    /// The largest resident set since the last reset.
    pub(super) fn peak_memory_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(self.process_file("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
        let kib: u64 = kib.context("no VmHWM")?.trim().parse()?;
        Ok(kib << 10)
    }

    /// Waits until nothing of a deleted topic is on the disk.
    pub(super) fn wait_until_deleted(&self, topic: &str) -> Result<()> {
        let deadline = Instant::now() + DELETE_LIMIT;
        loop {
            let mut is_there = false;
            for entry in fs::read_dir(&self.data)? {
                is_there |= entry?.file_name().to_string_lossy().starts_with(topic);
            }
            if !is_there {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{topic} stays on the disk");
            thread::sleep(PAUSE);
        }
    }
}

/// CPU time of this process, the client.
pub(super) fn own_cpu() -> Result<Duration> {
    cpu_of(Path::new("/proc/self/stat"))
}

fn cpu_of(stat: &Path) -> Result<Duration> {
    let stat = fs::read_to_string(stat)?;
    let ticks = ticks_of(&stat).context("no times in stat")?;
    Ok(Duration::from_secs_f64(
        ticks as f64 / clock_ticks_per_second() as f64,
    ))
}

/// `utime` and `stime`, the 14th and 15th field; the second is in brackets and may hold anything.
fn ticks_of(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::ticks_of;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(ticks_of(stat), Some(300));
        assert_eq!(ticks_of("7 (a) S 1"), None);
    }
}
