//! Child processes: each in a process group of its own, with a time limit, its output in a log file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How much of a log is read back, bytes from its end.
const LOG_BYTES_MAX: u64 = 16 << 20;
/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(10);

/// Process groups that are running, so that none outlives this program.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Ends every child's process group, and then this program, on SIGINT and SIGTERM.
///
/// # Errors
/// If the handlers cannot be installed.
pub fn end_children_on_signal() -> Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
    ])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            for group in GROUPS
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain(..)
            {
                let _ = kill_process_group(group, Signal::KILL);
            }
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// A running child and everything that it started.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    group: Pid,
}

impl Group {
    /// Starts the command as the leader of a new process group.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        let group = Pid::from_child(&child);
        GROUPS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(group);
        Ok(Self { child, group })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // A group that is gone already is what the caller wanted.
        let _ = kill_process_group(self.group, signal);
    }

    /// Waits for the leader; `None` when the limit passed first.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        GROUPS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|group| *group != self.group);
    }
}

/// A program to run to its end.
#[derive(Debug)]
pub struct Program {
    command: Command,
    limit: Duration,
    log: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// It left with 0, in time.
    pub success: bool,
    /// What it printed on both outputs, at most the last 16 MiB.
    pub output: String,
    /// How it ended, in words.
    pub how: String,
    /// Where the whole output is.
    pub log: PathBuf,
}

impl Program {
    /// A program with a time limit, whose output goes to `log`.
    pub fn new(program: impl AsRef<OsStr>, limit: Duration, log: PathBuf) -> Self {
        Self {
            command: Command::new(program),
            limit,
            log,
        }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets its working folder.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it; a bad end is an answer, not an error.
    ///
    /// # Errors
    /// If it cannot be started or its log not be written.
    pub fn run(mut self) -> Result<Ended> {
        let log =
            File::create(&self.log).with_context(|| format!("creating {}", self.log.display()))?;
        self.command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut group = Group::start(&mut self.command)?;
        let status = group.wait(self.limit)?;
        drop(group);
        let (success, how) = match status {
            Some(status) => (status.success(), status.to_string()),
            None => (
                false,
                format!("ended after {} s, its limit", self.limit.as_secs()),
            ),
        };
        Ok(Ended {
            success,
            output: read_end(&self.log)?,
            how,
            log: self.log,
        })
    }

    /// Runs it; anything but success is an error that shows the end of its output.
    ///
    /// # Errors
    /// As [`Self::run`], and if it did not succeed.
    pub fn succeed(self) -> Result<Ended> {
        let shown = format!("{:?}", self.command.get_program());
        let ended = self.run()?;
        if !ended.success {
            bail!("{shown}: {}\n{}", ended.how, ended.tail(30));
        }
        Ok(ended)
    }
}

impl Ended {
    /// The last lines of the output.
    pub fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self.output.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

fn read_end(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Program;

    fn shell(script: &str, limit: Duration) -> super::Ended {
        let log = std::env::temp_dir().join(format!(
            "xtask-{}-{:?}.log",
            std::process::id(),
            std::thread::current().id()
        ));
        Program::new("sh", limit, log)
            .args(["-c", script])
            .run()
            .expect("sh runs")
    }

    #[test]
    fn both_outputs_and_the_status_are_told() {
        let ended = shell("echo out; echo err >&2; exit 3", Duration::from_secs(10));
        assert_eq!(
            (ended.success, ended.output.as_str()),
            (false, "out\nerr\n")
        );
        assert!(ended.how.contains('3'), "{}", ended.how);
    }

    #[test]
    fn a_program_past_its_limit_ends_with_its_children() {
        let started = Instant::now();
        let ended = shell("sleep 30 & wait", Duration::from_millis(200));
        assert!(
            !ended.success && ended.how.contains("limit"),
            "{}",
            ended.how
        );
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
