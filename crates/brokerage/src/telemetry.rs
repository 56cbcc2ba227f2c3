//! Logging: to standard error, as text, filtered by the `log` setting.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Starts logging.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("log: {filter:?} is not a filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would complain with a macro that panics when nobody reads.
        .log_internal_errors(false)
        .init();
    Ok(())
}
