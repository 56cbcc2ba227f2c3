//! CreateConsumerGroup: makes a group that no consumer uses yet.

use brokerage_control::group::NewGroup;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::convert::{Tag, tags_from};
use crate::alikafka::group_words::check_name;
use crate::alikafka::topic_words::check_remark;

pub struct CreateConsumerGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    consumer_id: String,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    remark: Option<String>,
    tag: Option<Vec<Tag>>,
}

impl Operation for CreateConsumerGroup {
    const NAME: &'static str = "CreateConsumerGroup";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        control.instance_view(&cx, &id).await?;
        check_name(&request.consumer_id)?;
        let remark = request.remark.unwrap_or_default();
        check_remark(&remark)?;
        let new = NewGroup {
            name: request.consumer_id,
            remark,
            tags: tags_from(request.tag)?,
            topics: Vec::new(),
        };
        Ok(control.group_create(cx, &id, new).await?)
    }
}
