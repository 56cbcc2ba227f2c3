//! The process of a node.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::node::{Distribution, FAST_FLAGS, JAVA};

/// How long a node may take to stop before it is killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a node that stops is looked at.
const POLL: Duration = Duration::from_millis(20);
/// The largest heap of a node.
const HEAP_FLAG: &str = "-Xmx256m";

/// A node that runs; dropping it kills it.
#[derive(Debug)]
pub(crate) struct NodeProcess(Child);

impl NodeProcess {
    /// Starts a node that is prepared; what it says is added to `log`.
    pub(crate) fn start(
        distribution: &Distribution,
        settings: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        let flags: Vec<&str> = [HEAP_FLAG].iter().chain(FAST_FLAGS).copied().collect();
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(JAVA)
            .args(distribution.node_arguments(&flags, settings))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Asks it to stop.
    pub(crate) fn stop_begin(&self) {
        // One that is gone already is what the caller wanted.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
    }

    /// Waits until it has ended; kills it when that takes too long. Blocks.
    pub(crate) fn stop_end(mut self) {
        let deadline = Instant::now() + STOP_TIME_MAX;
        while self.is_alive() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
