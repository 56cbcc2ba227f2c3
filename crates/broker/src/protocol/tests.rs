//! Requests that no usual client sends.

mod fuzz;
mod turns;
