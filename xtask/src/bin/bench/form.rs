//! How much a benchmark does: all of it, or just enough to come to its result.

use clap::Args;

/// The long form, or the short one, which `cargo xtask test` runs.
#[derive(Debug, Args)]
pub(crate) struct Form {
    /// Few runs of small sizes: shows that it works, not how fast. Sizes that are named as well hold.
    #[arg(long)]
    pub(crate) short: bool,
}

impl Form {
    /// Warns whoever would take the figures for more than they are.
    pub(crate) fn print(&self) {
        if self.short {
            println!("short:  few runs of small sizes; the figures mean nothing");
        }
    }
}
