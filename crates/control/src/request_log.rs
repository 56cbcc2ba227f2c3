//! Recent calls with their outcome, for people who debug their automation. No bodies, no secrets.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;

/// Calls that are remembered.
pub const REQUESTS_MAX: usize = 1_000;

/// One call, as it ended.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// When it was answered, `YYYY-MM-DDTHH:MM:SSZ`.
    pub at: String,
    /// Id of the call.
    pub request_id: String,
    /// The dialect that answered.
    pub dialect: &'static str,
    /// The operation as the caller named it.
    pub operation: String,
    /// The key that signed, if it got so far.
    pub access_key_id: Option<String>,
    /// HTTP status.
    pub status: u16,
    /// `ok`, or the vendor's error code.
    pub outcome: String,
    /// The message of a refusal; of a signature mismatch, what the server computed.
    pub message: Option<String>,
    /// Time from the request's last byte to the answer's first, microseconds.
    pub took_us: i64,
}

/// A ring of the last [`REQUESTS_MAX`] calls.
#[derive(Default)]
pub struct RequestLog(Mutex<VecDeque<RequestRecord>>);

impl RequestLog {
    /// Adds a call; the oldest is forgotten.
    pub fn push(&self, record: RequestRecord) {
        let mut ring = self.0.lock();
        if ring.len() >= REQUESTS_MAX {
            ring.pop_front();
        }
        ring.push_back(record);
    }

    /// The last `limit` calls, newest first.
    pub fn last(&self, limit: usize) -> Vec<RequestRecord> {
        self.0
            .lock()
            .iter()
            .rev()
            .take(limit.min(REQUESTS_MAX))
            .cloned()
            .collect()
    }
}
