//! Logging: to standard error, as text, filtered by the `log` setting.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;

use anyhow::Context as _;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging; panics are logged too.
///
/// # Errors
/// If the filter cannot be read, or logging was started before.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("log: {filter:?} is not a filter"))?;
    tracing::subscriber::set_global_default(subscriber(filter, io::stderr))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A subscriber that no log line can stop. (One that reports its own errors does so with `eprintln!`, which panics
/// when standard error is what fails.)
fn subscriber<M, W>(filter: EnvFilter, make: M) -> impl Subscriber
where
    M: Fn() -> W + Send + Sync + 'static,
    W: Write,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(Lossy(make))
        .finish()
}

/// Writes what can be written: a full disk or a reader that went away costs log lines, and nothing else.
struct Lossy<T>(T);

impl<'a, M, W> MakeWriter<'a> for Lossy<M>
where
    M: Fn() -> W,
    W: Write,
{
    type Writer = Lossy<W>;

    fn make_writer(&'a self) -> Self::Writer {
        Lossy((self.0)())
    }
}

impl<W: Write> Write for Lossy<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        drop(self.0.write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        drop(self.0.flush());
        Ok(())
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let text = panic.payload_as_str().unwrap_or("not a text");
    tracing::error!(place, "a task has panicked: {text}");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        tracing::error!("{trace}");
    }
}

/// Prints a line of a server on standard output, which may be gone: the server goes on.
pub fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        tracing::warn!(%error, line, "standard output cannot be written");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A full disk, which counts what it refuses.
    struct Full(Arc<AtomicUsize>);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_without_a_word() {
        let refused = Arc::new(AtomicUsize::new(0));
        let counter = refused.clone();
        let subscriber = subscriber(EnvFilter::new("info"), move || Full(counter.clone()));
        tracing::subscriber::with_default(subscriber, || tracing::warn!("full"));
        assert_eq!(refused.load(Ordering::SeqCst), 1);
        // Reporting an error is what panics.
        let mut writer = Lossy(Full(refused));
        assert_eq!(writer.write(b"line").expect("never fails"), 4);
        writer.flush().expect("never fails");
    }
}
