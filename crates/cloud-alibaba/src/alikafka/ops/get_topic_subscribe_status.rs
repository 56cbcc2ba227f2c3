//! GetTopicSubscribeStatus: the groups that read a topic.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

pub struct GetTopicSubscribeStatus;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    topic: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    topic_subscribe_status: TopicSubscribeStatus,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TopicSubscribeStatus {
    consumer_groups: Vec<String>,
    topic: String,
}

impl Operation for GetTopicSubscribeStatus {
    const NAME: &'static str = "GetTopicSubscribeStatus";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let groups = control.topic_group_list(cx, &id, &request.topic).await?;
        Ok(Response {
            topic_subscribe_status: TopicSubscribeStatus {
                consumer_groups: groups.into_iter().map(|group| group.id).collect(),
                topic: request.topic,
            },
        })
    }
}
