//! FetchMessageByOffset: one record of a topic, with what is in it.

use brokerage_control::message::{MessageQuery, MessagesFrom};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::Answered;
use crate::ckafka::messages::ConsumerRecord;

pub struct FetchMessageByOffset;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic: String,
    partition: i32,
    offset: i64,
}

impl Operation for FetchMessageByOffset {
    const NAME: &'static str = "FetchMessageByOffset";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    /// Null where no record is, which the page does not speak of: at the end, or where it is kept no longer.
    type Response = Answered<Option<ConsumerRecord>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let query = MessageQuery {
            topic: request.topic,
            partition: Some(request.partition),
            from: MessagesFrom::Offset(request.offset),
            count_max: 1,
        };
        let id = InstanceId::new(request.instance_id);
        let found = control.message_list(cx, &id, &query).await?;
        // Another one is there where this was compacted away, or where it is the end of a transaction.
        let mut exact = found.iter();
        let exact = exact.find(|message| message.record.offset == request.offset);
        let whole = exact.map(|message| ConsumerRecord::whole(&query.topic, message));
        Ok(Answered::new(whole))
    }
}
