//! Recent calls with their outcome, for people who debug their automation. No bodies, no secrets.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;

/// Calls that are remembered.
pub const REQUESTS_MAX: usize = 1_000;

/// Longest message that is kept, in bytes: refusals repeat what the caller sent.
pub const MESSAGE_BYTES_MAX: usize = 1_024;

/// Longest of the other texts that are kept, in bytes: callers choose names, paths and key ids.
pub const FIELD_BYTES_MAX: usize = 256;

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

impl RequestRecord {
    /// The same with every text within its bound.
    fn bounded(self) -> Self {
        let field = |text| cut(text, FIELD_BYTES_MAX);
        Self {
            at: field(self.at),
            request_id: field(self.request_id),
            operation: field(self.operation),
            access_key_id: self.access_key_id.map(field),
            outcome: field(self.outcome),
            message: self.message.map(|text| cut(text, MESSAGE_BYTES_MAX)),
            ..self
        }
    }
}

/// The beginning of a text that takes at most `bytes_max`, and no more memory than that.
fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text.shrink_to_fit();
    text
}

/// A ring of the last [`REQUESTS_MAX`] calls.
#[derive(Default)]
pub struct RequestLog(Mutex<VecDeque<RequestRecord>>);

impl RequestLog {
    /// Adds a call, its texts cut to their bounds; the oldest is forgotten.
    pub fn push(&self, record: RequestRecord) {
        let record = record.bounded();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_send_is_kept_up_to_its_bound() {
        // Two bytes a character, behind one of one byte: no bound falls between characters.
        let long = format!("x{}", "é".repeat(1 << 20));
        let log = RequestLog::default();
        log.push(RequestRecord {
            at: long.clone(),
            request_id: long.clone(),
            dialect: "test",
            operation: long.clone(),
            access_key_id: Some(long.clone()),
            status: 400,
            outcome: long.clone(),
            message: Some(long.clone()),
            took_us: 1,
        });
        let kept = log.0.lock()[0].clone();
        let texts = [
            (Some(&kept.at), FIELD_BYTES_MAX),
            (Some(&kept.request_id), FIELD_BYTES_MAX),
            (Some(&kept.operation), FIELD_BYTES_MAX),
            (kept.access_key_id.as_ref(), FIELD_BYTES_MAX),
            (Some(&kept.outcome), FIELD_BYTES_MAX),
            (kept.message.as_ref(), MESSAGE_BYTES_MAX),
        ];
        for (at, (text, bytes_max)) in texts.into_iter().enumerate() {
            let text = text.expect("it is there");
            assert!(long.starts_with(text.as_str()), "text {at}");
            assert_eq!(text.len(), bytes_max - 1, "text {at}");
        }
        assert!(
            cut(long, 16).capacity() <= 16,
            "what was cut off is given back"
        );
    }
}
