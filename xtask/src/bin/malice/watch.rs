//! The neighbour, and somebody who asks the API: they go on while a cluster is attacked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::batch;
use crate::target::{TOPIC, Target, http_get};

/// How long they wait before they ask again.
const PAUSE: Duration = Duration::from_millis(20);

/// Both of them, as threads of this program.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Vec<Duration>>>>,
}

/// How long answers took at most: records acknowledged, and the API.
pub(crate) struct Seen {
    produced: Vec<Duration>,
    asked: Vec<Duration>,
}

fn slowest(times: &[Duration]) -> u128 {
    times.iter().max().map_or(0, Duration::as_millis)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "neighbour {} answers within {} ms, API {} within {} ms",
            self.produced.len(),
            slowest(&self.produced),
            self.asked.len(),
            slowest(&self.asked)
        )
    }
}

/// Times one thing again and again until it is stopped; the first that fails ends it.
fn again(
    stop: Arc<AtomicBool>,
    mut ask: impl FnMut() -> Result<()> + Send + 'static,
) -> JoinHandle<Result<Vec<Duration>>> {
    std::thread::spawn(move || {
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let asked = Instant::now();
            ask()?;
            times.push(asked.elapsed());
            std::thread::sleep(PAUSE);
        }
        Ok(times)
    })
}

impl Watch {
    pub(crate) fn start(target: &Target) -> Result<Self> {
        let mut neighbour = target.neighbour.leader(TOPIC)?;
        let (stop, api) = (Arc::<AtomicBool>::default(), target.api().to_owned());
        let records = batch::of_values(&[b"neighbour"])?;
        let produce = move || {
            neighbour
                .produce(TOPIC, 0, &records)
                .context("the neighbour")
        };
        let ask = move || http_get(&api, "/").map(drop).context("the API");
        let threads = vec![again(stop.clone(), produce), again(stop.clone(), ask)];
        Ok(Self { stop, threads })
    }

    /// Ends both, and says what they saw.
    pub(crate) fn stop(&mut self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen = Vec::new();
        for thread in self.threads.drain(..) {
            seen.push(thread.join().map_err(|_| anyhow!("a watcher panicked"))??);
        }
        let asked = seen.pop().unwrap_or_default();
        let produced = seen.pop().unwrap_or_default();
        Ok(Seen { produced, asked })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
