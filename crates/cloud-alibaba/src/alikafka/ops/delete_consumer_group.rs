//! DeleteConsumerGroup: deletes a group that has no members, with its offsets.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

pub struct DeleteConsumerGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    consumer_id: String,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
}

impl Operation for DeleteConsumerGroup {
    const NAME: &'static str = "DeleteConsumerGroup";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let id = InstanceId::new(request.instance_id);
        Ok(call
            .control
            .group_delete(call.cx, &id, &request.consumer_id)
            .await?)
    }
}
