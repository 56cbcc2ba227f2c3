//! CreateConsumer: makes a group that no consumer uses yet.

use brokerage_control::group::NewGroup;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Tags;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check::{filled, given};

pub struct CreateConsumer;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group_name: String,
    topic_name: Option<String>,
    topic_name_list: Option<Vec<String>>,
}

impl Operation for CreateConsumer {
    const NAME: &'static str = "CreateConsumer";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        filled("GroupName", &request.group_name)?;
        // The page wants a topic in one of the two places; Terraform sends none where its user names none.
        let mut topics: Vec<String> = Vec::new();
        let one = given(request.topic_name.as_ref()).map(str::to_owned);
        for topic in one
            .into_iter()
            .chain(request.topic_name_list.unwrap_or_default())
        {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        let new = NewGroup {
            name: request.group_name,
            remark: String::new(),
            tags: Tags::new(),
            topics,
        };
        let id = InstanceId::new(request.instance_id);
        control.group_create(cx, &id, new).await?;
        Ok(Answered::new(Operated::done()))
    }
}
