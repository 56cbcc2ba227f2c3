//! DeleteTopic: deletes a topic and its messages, at once.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::ids;

pub struct DeleteTopic;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
}

impl Operation for DeleteTopic {
    const NAME: &'static str = "DeleteTopic";
    const ACTION: &'static str = "ckafka:DeleteTopic";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = Request;
    type Response = Answered<Operated>;

    fn resource(request: &Request) -> Option<String> {
        Some(ids::instance_resource(&request.instance_id))
    }

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
