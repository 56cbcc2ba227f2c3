//! A server goes on when nobody reads what it prints, as under `| head -1` or a supervisor that has seen enough.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long the server may take to answer operators, or to stop.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// The server; dropping it kills it.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Served {
    /// Looks at the running process until `seen` says that it is enough.
    fn wait<T>(&mut self, mut seen: impl FnMut(Option<ExitStatus>) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            let ended = self.0.try_wait().expect("a child can be asked");
            if let Some(seen) = seen(ended) {
                return seen;
            }
            assert!(Instant::now() < deadline, "nothing happened in time");
            thread::sleep(PAUSE);
        }
    }
}

/// Whether the server in this directory answers its operators.
fn is_answering(data: &Path) -> bool {
    let asked = Command::new(env!("CARGO_BIN_EXE_brokerage"))
        .args(["instances", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.expect("the binary runs").success()
}

/// Serves with pipes for both outputs that nobody reads from the beginning, and stops it as an operator would.
fn check(more: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut child = Command::new(env!("CARGO_BIN_EXE_brokerage"))
        .args(["serve", "--sandbox", "--listen", "127.0.0.1:0"])
        // What is logged is written to the other pipe.
        .args(["--log", "trace", "--data"])
        .arg(&data)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop((child.stdout.take(), child.stderr.take()));
    let mut served = Served(child);
    served.wait(|ended| {
        assert_eq!(ended, None, "{more:?}: it ended before it served");
        is_answering(&data).then_some(())
    });
    kill_process(Pid::from_child(&served.0), Signal::TERM).expect("it runs");
    let ended = served.wait(|ended| ended);
    assert!(ended.success(), "{more:?}: it ended with {ended}");
}

#[test]
fn a_server_that_nobody_reads_serves_on() {
    check(&[]);
    check(&["--json"]);
}
