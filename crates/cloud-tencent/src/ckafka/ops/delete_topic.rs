//! DeleteTopic: deletes a topic and its messages, at once.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};

pub struct DeleteTopic;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
}

impl Operation for DeleteTopic {
    const NAME: &'static str = "DeleteTopic";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        control
            .topic_delete(
                cx,
                &InstanceId::new(request.instance_id),
                &request.topic_name,
            )
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
