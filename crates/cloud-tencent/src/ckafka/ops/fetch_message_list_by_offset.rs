//! FetchMessageListByOffset: records of a partition from an offset on, without what is in them.

use brokerage_control::message::{MESSAGES_MAX, MessageQuery, MessagesFrom};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::Answered;
use crate::ckafka::check;
use crate::ckafka::messages::ConsumerRecord;

pub struct FetchMessageListByOffset;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic: String,
    partition: i32,
    offset: i64,
    single_partition_record_number: Option<i64>,
}

impl Operation for FetchMessageListByOffset {
    const NAME: &'static str = "FetchMessageListByOffset";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Vec<ConsumerRecord>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let query = MessageQuery {
            topic: request.topic,
            partition: Some(request.partition),
            from: MessagesFrom::Offset(request.offset),
            count_max: count_max(request.single_partition_record_number)?,
        };
        let id = InstanceId::new(request.instance_id);
        let found = control.message_list(cx, &id, &query).await?;
        let listed = found.iter();
        let listed = listed.map(|message| ConsumerRecord::listed(&query.topic, message));
        Ok(Answered::new(listed.collect()))
    }
}

/// `SinglePartitionRecordNumber`: 20 where nothing is said, and at most; 0 is what typed clients send for nothing.
pub(super) fn count_max(said: Option<i64>) -> Result<usize, CallError> {
    let most = i64::try_from(MESSAGES_MAX).unwrap_or(i64::MAX);
    let said = said.filter(|number| *number != 0).unwrap_or(most);
    let count = check::within("SinglePartitionRecordNumber", said, 1..=most)?;
    Ok(usize::try_from(count).unwrap_or(MESSAGES_MAX))
}
