//! ModifyTopicRemark: changes what is noted beside a topic.

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::topic_words::check_remark;

pub struct ModifyTopicRemark;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    topic: String,
    remark: Option<String>,
}

impl Operation for ModifyTopicRemark {
    const NAME: &'static str = "ModifyTopicRemark";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let remark = request.remark.unwrap_or_default();
        check_remark(&remark)?;
        let id = InstanceId::new(request.instance_id);
        let edit = TopicEdit {
            remark: Some(remark),
            ..TopicEdit::default()
        };
        Ok(call
            .control
            .topic_edit(call.cx, &id, &request.topic, edit)
            .await?)
    }
}
