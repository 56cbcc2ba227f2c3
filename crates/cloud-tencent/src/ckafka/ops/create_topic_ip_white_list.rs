//! CreateTopicIpWhiteList: adds addresses to the white list of a topic.

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::{check, topics};

pub struct CreateTopicIpWhiteList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
    ip_white_list: Vec<String>,
}

impl Operation for CreateTopicIpWhiteList {
    const NAME: &'static str = "CreateTopicIpWhiteList";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        if request.ip_white_list.is_empty() {
            return Err(check::not_allowed_empty("IpWhiteList"));
        }
        topics::check_white_list(&request.ip_white_list)?;
        let id = InstanceId::new(request.instance_id);
        let edit = TopicEdit {
            allowed: request.ip_white_list,
            ..TopicEdit::default()
        };
        control
            .topic_edit(cx, &id, &request.topic_name, edit)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
