//! DeleteGroup: deletes a group that has no members, with its offsets.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};

pub struct DeleteGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group: String,
}

impl Operation for DeleteGroup {
    const NAME: &'static str = "DeleteGroup";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        control.group_delete(cx, &id, &request.group).await?;
        Ok(Answered::new(Operated::done()))
    }
}
