//! The server as a process.

#![expect(clippy::unwrap_used, reason = "a test that panics shows the line")]

mod closed_outputs;
mod command_line;
mod first_hour;
mod serve;
mod strangers;
