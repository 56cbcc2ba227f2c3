//! Child processes: each in a process group of its own, with a time limit, its output in a log file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How much of a log is read back, bytes from its end.
const LOG_BYTES_MAX: u64 = 16 << 20;
/// The longest line that is heard of a child; a longer one is heard in pieces.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Lines that wait to be heard; more are found in the log only.
const LINES_MAX: usize = 1_024;
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

/// A running child and everything that it started. Dropping it kills them.
#[derive(Debug)]
pub struct Group {
    child: Child,
    group: Pid,
}

impl Group {
    /// Starts the command as the leader of a new process group.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
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

    /// Starts the command and returns the lines of its standard output. Both outputs go to `log`, and the pipe
    /// is emptied until the child ends, whether anyone listens or not: a child may die of a closed output, and
    /// waits at a full one.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_heard(command: &mut Command, log: File) -> Result<(Self, Receiver<String>)> {
        command.stdout(Stdio::piped()).stderr(log.try_clone()?);
        let mut group = Self::start(command)?;
        let output = group.child.stdout.take().context("stdout is piped")?;
        let (lines, heard) = sync_channel(LINES_MAX);
        thread::spawn(move || drain(output, log, &lines));
        Ok((group, heard))
    }

    /// The leader's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The leader's standard input, if it is a pipe that was not taken yet.
    pub fn stdin_take(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// How the leader ended, if it has.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends a signal to all.
    pub fn signal(&self, signal: Signal) {
        // A group that is gone already is what the caller wanted.
        let _ = kill_process_group(self.group, signal);
    }

    /// Waits for the leader; `None` when the limit passed first.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }
}

/// Reads to the end, whatever the bytes are.
fn drain(output: impl Read, mut log: impl Write, lines: &SyncSender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut output)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        if !read.is_ok_and(|read| read > 0) {
            return;
        }
        let _ = log.write_all(&line);
        let text = String::from_utf8_lossy(&line);
        // Who has heard enough, or listens too slowly, holds nobody up.
        let _ = lines.try_send(text.trim_end_matches('\n').to_owned());
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
    use std::fs::{self, File};
    use std::path::PathBuf;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{Group, Program};

    fn log() -> PathBuf {
        std::env::temp_dir().join(format!(
            "xtask-{}-{:?}.log",
            std::process::id(),
            std::thread::current().id()
        ))
    }

    fn shell(script: &str, limit: Duration) -> super::Ended {
        Program::new("sh", limit, log())
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

    /// What a child prints when nobody listens any more: more than a pipe holds, no UTF-8, and a line.
    #[test]
    fn a_child_is_heard_until_it_ends() {
        let script =
            "echo ready; head -c 300000 /dev/zero | tr '\\0' x; printf '\\n\\377\\n'; echo last";
        let log = log();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let file = File::create(&log).expect("a log");
        let (mut group, heard) = Group::start_heard(&mut command, file).expect("sh runs");
        assert_eq!(heard.recv().as_deref(), Ok("ready"));
        drop(heard);
        let ended = group.wait(Duration::from_secs(10)).expect("a child");
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
        // The last bytes may still be on their way.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !fs::read(&log).expect("a log").ends_with(b"\xff\nlast\n") {
            assert!(Instant::now() < deadline, "the end is not in the log");
            std::thread::sleep(super::POLL);
        }
    }
}
