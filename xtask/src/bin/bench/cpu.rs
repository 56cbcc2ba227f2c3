//! CPU time that a process has used, seen from outside.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The kernel counts CPU time in hundredths of a second (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process, threads that have ended included.
pub(crate) fn process_cpu(pid: u32) -> Result<Duration> {
    cpu_of(&format!("/proc/{pid}/stat"))
}

/// User and system time of the threads of a process that have this name and still run.
pub(crate) fn thread_cpu(pid: u32, name: &str) -> Result<Duration> {
    let mut cpu = Duration::ZERO;
    let threads = format!("/proc/{pid}/task");
    for thread in fs::read_dir(&threads).with_context(|| format!("reading {threads}"))? {
        let thread = thread?.path();
        // Threads come and go while they are counted.
        if fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim_end() == name) {
            cpu += cpu_of(&thread.join("stat").to_string_lossy())?;
        }
    }
    Ok(cpu)
}

fn cpu_of(path: &str) -> Result<Duration> {
    let stat = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    // The name stands in parentheses and may hold anything.
    let fields = stat.rsplit_once(')').context("no fields")?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("no time")?.parse()?) };
    Ok(Duration::from_secs_f64(
        (ticks()? + ticks()?) / TICKS_PER_SECOND,
    ))
}
