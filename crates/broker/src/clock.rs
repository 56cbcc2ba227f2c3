//! Where the broker learns the time of day.

/// The time of day, as record timestamps, retention and transaction time-outs see it.
///
/// Waiting (long polls, session time-outs, throttling) uses the monotonic timer of the runtime and
/// does not go through this trait.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
}
