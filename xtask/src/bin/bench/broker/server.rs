//! The two servers, each a process of its own, and what the kernel says of them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::param::clock_ticks_per_second;
use xtask::{Program, Workspace};

use super::cell::Durability;
use crate::apache::{ApacheKafka, Node};

/// How long building the example may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
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
    process: Process,
    bootstrap: String,
    data: PathBuf,
    topic_configs: TopicConfigs,
}

#[derive(Debug)]
enum Process {
    Own(Child),
    Apache(Node),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Own(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
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
    /// The embedded broker on an empty directory.
    pub(super) fn own(
        workspace: &Workspace,
        binary: &Path,
        durability: Durability,
    ) -> Result<Self> {
        let data = workspace.scratch("data")?.join("bench-broker");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let mut command = Command::new(binary);
        command.arg(&data).args(["0", "1"]);
        if durability == Durability::Power {
            command.arg("power");
        }
        let log = fs::File::create(workspace.log("bench-broker-server")?)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("starting the broker")?;
        let mut process = Process::Own(child);
        let Process::Own(child) = &mut process else {
            unreachable!("made above");
        };
        let lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        let bootstrap = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned))
            .context("the broker ended before it listened")?;
        Ok(Self {
            process,
            bootstrap,
            data: data.join("example"),
            topic_configs: &[NO_RETENTION],
        })
    }

    /// One Apache Kafka node on an empty directory, with the same durability.
    pub(super) fn apache(apache: &ApacheKafka, durability: Durability) -> Result<Self> {
        let node = apache.serve("bench-broker")?;
        Ok(Self {
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
        match self.process {
            Process::Own(_) => super::report::OWN,
            Process::Apache(_) => super::report::APACHE,
        }
    }

    /// Settings of each topic.
    pub(super) fn topic_configs(&self) -> TopicConfigs {
        self.topic_configs
    }

    fn process_file(&self, file: &str) -> PathBuf {
        let id = match &self.process {
            Process::Own(child) => child.id(),
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
