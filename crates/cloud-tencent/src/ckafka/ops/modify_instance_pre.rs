//! ModifyInstancePre: other sizes of a prepaid cluster, paid for what is left of its term.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Deal};
use crate::ckafka::change::{Sizes, plan_changed, resize};
use crate::ckafka::check;

pub struct ModifyInstancePre;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    disk_size: Option<i64>,
    band_width: Option<i64>,
    partition: Option<i64>,
}

impl Operation for ModifyInstancePre {
    const NAME: &'static str = "ModifyInstancePre";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Deal>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let id = InstanceId::new(request.instance_id);
        let instance = call.control.instance_view(&call.cx, &id).await?;
        check::prepaid(&instance)?;
        let sizes = Sizes {
            bandwidth_mbps: request.band_width,
            partitions: request.partition,
            disk_gb: request.disk_size,
            public_mbit: None,
        };
        let plan = plan_changed(&call, &instance, sizes)?;
        // Where it has these sizes already there is no order, and the answer names that of its purchase.
        let mut deal = instance.order_id.clone();
        let mut edit = Edit::default();
        if plan.bought != instance.plan.bought {
            let resize = resize(&call, instance, plan);
            deal = resize.order_id.clone();
            edit.resize = Some(resize);
        }
        call.control.instance_edit(call.cx, &id, edit).await?;
        Ok(Answered::new(Deal::flowing(&deal, &id)))
    }
}
