//! QueryMessage: records of a topic, by offset or by time.

use brokerage_control::message::{MESSAGES_MAX, Message, MessageQuery, MessagesFrom};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::fault::{field, needed};

/// Bytes of a key or value that are shown ("Each queried message displays a maximum of 1 KB of content").
const SHOWN_BYTES_MAX: usize = 1_024;

pub struct QueryMessage;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    begin_time: Option<i64>,
    instance_id: String,
    offset: Option<String>,
    partition: Option<String>,
    query_type: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    topic: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    message_list: Vec<Shown>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    /// Records have none of their own since format 2 (KIP-98).
    checksum: i64,
    key: String,
    key_truncated: bool,
    offset: i64,
    partition: i32,
    serialized_key_size: usize,
    serialized_value_size: usize,
    timestamp: i64,
    timestamp_type: &'static str,
    topic: String,
    truncated_key_size: usize,
    truncated_value_size: usize,
    value: String,
    value_truncated: bool,
}

impl Operation for QueryMessage {
    const NAME: &'static str = "QueryMessage";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let partition: Option<i32> = number("Partition", request.partition.as_ref())?;
        let from = match request.query_type.as_str() {
            "byOffset" => {
                let offset: Option<i64> = number("Offset", request.offset.as_ref())?;
                let offset = offset.ok_or_else(|| needed("Offset", "with QueryType byOffset"))?;
                if partition.is_none() {
                    return Err(needed("Partition", "with QueryType byOffset"));
                }
                MessagesFrom::Offset(offset)
            }
            "byTimestamp" => {
                let time = request.begin_time;
                let time = time.ok_or_else(|| needed("BeginTime", "with QueryType byTimestamp"))?;
                if time < 0 {
                    return Err(field("BeginTime", "must not be below 0"));
                }
                MessagesFrom::TimestampMs(time)
            }
            _ => return Err(field("QueryType", "must be byOffset or byTimestamp")),
        };
        let query = MessageQuery {
            topic: request.topic,
            partition,
            from,
            count_max: MESSAGES_MAX,
        };
        let id = InstanceId::new(request.instance_id);
        let found = control.message_list(cx, &id, &query).await?.into_iter();
        let shown = found.map(|message| shown(message, &query.topic));
        Ok(Response {
            message_list: shown.collect(),
        })
    }
}

/// A number that the model has as a text.
fn number<T: std::str::FromStr + PartialOrd + From<u8>>(
    name: &str,
    text: Option<&String>,
) -> Result<Option<T>, CallError> {
    let parsed = given(text).map(|text| text.parse().ok().filter(|number| *number >= T::from(0)));
    match parsed {
        None => Ok(None),
        Some(Some(number)) => Ok(Some(number)),
        Some(None) => Err(field(name, "must be a number from 0 on")),
    }
}

fn shown(message: Message, topic: &str) -> Shown {
    let Message { partition, record } = message;
    let key = record.key.as_deref().unwrap_or_default();
    let value = record.value.as_deref().unwrap_or_default();
    let text = |part: &[u8]| {
        let shown = &part[..part.len().min(SHOWN_BYTES_MAX)];
        String::from_utf8_lossy(shown).into_owned()
    };
    let is_long = |part: &[u8]| part.len() > SHOWN_BYTES_MAX;
    let cut = |part: &[u8]| part.len().min(SHOWN_BYTES_MAX);
    Shown {
        checksum: 0,
        key: text(key),
        key_truncated: is_long(key),
        offset: record.offset,
        partition,
        serialized_key_size: key.len(),
        serialized_value_size: value.len(),
        timestamp: record.timestamp_ms,
        timestamp_type: match record.is_append_time {
            true => "LogAppendTime",
            false => "CreateTime",
        },
        topic: topic.to_owned(),
        truncated_key_size: cut(key),
        truncated_value_size: cut(value),
        value: text(value),
        value_truncated: is_long(value),
    }
}
