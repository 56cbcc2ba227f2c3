//! InstanceScalingDown: other sizes of a cluster, smaller or, whatever its name says, larger ones.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::change::{Sizes, plan_changed, resize};
use crate::ckafka::check;

/// `UpgradeStrategy`: steady, fast. Sizes change without moving data here, so that both are the same.
const STRATEGIES: std::ops::RangeInclusive<i64> = 1..=2;

pub struct InstanceScalingDown;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    upgrade_strategy: i64,
    disk_size: Option<i64>,
    band_width: Option<i64>,
    partition: Option<i64>,
}

/// `ScalingDownResp`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Scaling {
    deal_names: Vec<String>,
}

impl Operation for InstanceScalingDown {
    const NAME: &'static str = "InstanceScalingDown";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Scaling>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        check::within("UpgradeStrategy", request.upgrade_strategy, STRATEGIES)?;
        let id = InstanceId::new(request.instance_id);
        let instance = call.control.instance_view(&call.cx, &id).await?;
        let sizes = Sizes {
            bandwidth_mbps: request.band_width,
            partitions: request.partition,
            disk_gb: request.disk_size,
            public_mbit: None,
        };
        let plan = plan_changed(&call, &instance, sizes)?;
        // Where it has these sizes already there is no order, and the answer names that of its purchase.
        let mut deal_name = instance.order_id.to_string();
        let mut edit = Edit::default();
        if plan.bought != instance.plan.bought {
            let resize = resize(&call, instance, plan);
            deal_name = resize.order_id.to_string();
            edit.resize = Some(resize);
        }
        call.control.instance_edit(call.cx, &id, edit).await?;
        Ok(Answered::new(Scaling {
            deal_names: vec![deal_name],
        }))
    }
}
