//! CreatePartition: gives a topic more partitions, so that it has as many as are said.

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check;
use crate::ckafka::topic_settings::PARTITIONS;

pub struct CreatePartition;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
    partition_num: i64,
}

impl Operation for CreatePartition {
    const NAME: &'static str = "CreatePartition";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let total = check::within("PartitionNum", request.partition_num, PARTITIONS)?;
        let edit = TopicEdit {
            // It is in its range.
            partitions: i32::try_from(total).ok(),
            ..TopicEdit::default()
        };
        let id = InstanceId::new(request.instance_id);
        control
            .topic_edit(cx, &id, &request.topic_name, edit)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
