//! FetchMessageListByTimestamp: records of a topic from a time on, without what is in them.

use brokerage_control::message::{MessageQuery, MessagesFrom};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use super::fetch_message_list_by_offset::count_max;
use crate::ckafka::answer::Answered;
use crate::ckafka::check;
use crate::ckafka::messages::ConsumerRecord;

pub struct FetchMessageListByTimestamp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic: String,
    partition: Option<i32>,
    start_time: Option<i64>,
    single_partition_record_number: Option<i64>,
}

impl Operation for FetchMessageListByTimestamp {
    const NAME: &'static str = "FetchMessageListByTimestamp";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Vec<ConsumerRecord>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        // From the first record on where nothing is said.
        let start_time = request.start_time.unwrap_or(0);
        let query = MessageQuery {
            topic: request.topic,
            // -1 is every partition, as where nothing is said.
            partition: request.partition.filter(|partition| *partition != -1),
            from: MessagesFrom::TimestampMs(check::within("StartTime", start_time, 0..=i64::MAX)?),
            count_max: count_max(request.single_partition_record_number)?,
        };
        let id = InstanceId::new(request.instance_id);
        let found = control.message_list(cx, &id, &query).await?;
        let listed = found.iter();
        let listed = listed.map(|message| ConsumerRecord::listed(&query.topic, message));
        Ok(Answered::new(listed.collect()))
    }
}
