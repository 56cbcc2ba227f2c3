//! Logging: to standard error, as text, filtered by the `log` setting.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;

use anyhow::Context as _;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::command::escaped_lines;

/// Starts logging; panics are logged too.
///
/// # Errors
/// If the filter cannot be read, or logging was started before.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let levels = levels(filter).with_context(|| format!("log: {filter:?} is not a filter"))?;
    tracing::subscriber::set_global_default(subscriber(levels, io::stderr))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// What is logged of which module: `info`, or `warn,brokerage_control=debug`. An empty filter leaves errors.
fn levels(filter: &str) -> anyhow::Result<Targets> {
    let words: Vec<&str> = filter.split(',').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Ok(Targets::new().with_default(LevelFilter::ERROR));
    }
    Ok(words.join(",").parse()?)
}

/// A subscriber that no log line can stop. (One that reports its own errors does so with `eprintln!`, which panics
/// when standard error is what fails.)
fn subscriber<M, W>(levels: Targets, make: M) -> impl Subscriber
where
    M: Fn() -> W + Send + Sync + 'static,
    W: Write,
{
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .log_internal_errors(false)
        .with_writer(Lossy(make))
        .finish()
        .with(levels)
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
    /// Writes one event. What callers chose is in it: it moves no terminal, and no line of it looks like another event.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = escaped_lines(&String::from_utf8_lossy(line));
        drop(self.0.write_all(format!("{shown}\n").as_bytes()));
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

    use tracing::Level;

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
        let levels = levels("info").expect("a filter");
        let subscriber = subscriber(levels, move || Full(counter.clone()));
        tracing::subscriber::with_default(subscriber, || tracing::warn!("full"));
        assert_eq!(refused.load(Ordering::SeqCst), 1);
        // Reporting an error is what panics.
        let mut writer = Lossy(Full(refused));
        assert_eq!(writer.write(b"line").expect("never fails"), 4);
        writer.flush().expect("never fails");
    }

    /// What was written.
    struct Kept(Arc<parking_lot::Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_callers_chose_is_one_event() {
        let kept: Arc<parking_lot::Mutex<Vec<u8>>> = Arc::default();
        let written = Arc::clone(&kept);
        let subscriber = subscriber(levels("info").expect("a filter"), move || {
            Kept(kept.clone())
        });
        let name = "a\n2026-01-01T00:00:00Z  INFO brokerage: fine \u{1b}[2J";
        tracing::subscriber::with_default(subscriber, || tracing::warn!(name = %name, "seen"));
        let text = String::from_utf8(written.lock().clone()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.iter().skip(1).all(|line| line.starts_with("  ")),
            "{text}"
        );
        assert!(!text.contains('\u{1b}') && text.ends_with('\n'), "{text}");
    }

    /// Levels from the most to the least severe: how many of them a filter lets pass, of two modules.
    fn check(filter: &str, passing: Option<(usize, usize)>) {
        let levels = levels(filter).ok();
        let all = [
            Level::ERROR,
            Level::WARN,
            Level::INFO,
            Level::DEBUG,
            Level::TRACE,
        ];
        let pass = |levels: &Targets, module: &str| {
            let passing = all
                .iter()
                .filter(|level| levels.would_enable(module, level));
            passing.count()
        };
        let counted = levels.map(|levels| {
            (
                pass(&levels, "brokerage_control::order"),
                pass(&levels, "hyper::proto"),
            )
        });
        assert_eq!(counted, passing, "{filter:?}");
    }

    #[test]
    fn a_filter_names_levels_and_modules() {
        check("", Some((1, 1)));
        check("off", Some((0, 0)));
        check("warn", Some((2, 2)));
        check("INFO", Some((3, 3)));
        check("4", Some((4, 4)));
        check("brokerage_control=debug", Some((4, 0)));
        check("brokerage_control", Some((5, 0)));
        check("warn,brokerage_control=trace,hyper=off", Some((5, 0)));
        check("warn,,brokerage_control::order=info", Some((3, 2)));
        check("brokerage_control=loud", None);
        check("a=b=c", None);
    }
}
