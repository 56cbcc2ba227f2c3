//! DeleteGroupSubscribeTopic: lets a group forget how far it has read a topic.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};

pub struct DeleteGroupSubscribeTopic;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group: String,
    topic: String,
}

impl Operation for DeleteGroupSubscribeTopic {
    const NAME: &'static str = "DeleteGroupSubscribeTopic";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        control
            .group_topic_forget(cx, &id, &request.group, &request.topic)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
