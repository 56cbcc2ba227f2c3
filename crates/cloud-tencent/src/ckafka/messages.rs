//! Records as CKafka shows them.

use brokerage_control::message::Message;
use serde::Serialize;

/// `ConsumerRecord`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConsumerRecord {
    topic: String,
    partition: i32,
    offset: i64,
    key: Option<String>,
    value: Option<String>,
    timestamp: i64,
    headers: Option<String>,
}

impl ConsumerRecord {
    /// A record with what is in it.
    pub fn whole(topic: &str, message: &Message) -> Self {
        let text = |part: &Option<_>| {
            let part = part.as_deref();
            part.map(|bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned())
        };
        Self {
            key: text(&message.record.key),
            value: text(&message.record.value),
            headers: headers(message),
            ..Self::listed(topic, message)
        }
    }

    /// A record of a list: without what is in it ("To query the message content, call FetchMessageByOffset").
    pub fn listed(topic: &str, message: &Message) -> Self {
        Self {
            topic: topic.to_owned(),
            partition: message.partition,
            offset: message.record.offset,
            key: None,
            value: None,
            timestamp: message.record.timestamp_ms,
            headers: None,
        }
    }
}

/// `Headers`, `name=value` with commas between them; null where there are none. The page does not say how they are written.
fn headers(message: &Message) -> Option<String> {
    let headers = message.record.headers.iter().map(|(name, value)| {
        let value = value.as_deref().unwrap_or_default();
        format!("{name}={}", String::from_utf8_lossy(value))
    });
    let headers: Vec<String> = headers.collect();
    (!headers.is_empty()).then(|| headers.join(","))
}
