//! DescribeVSwitchAttributes: which VPC and zone a vSwitch belongs to. Terraform asks this before it starts an
//! instance whose VPC is not configured.

use brokerage_domain::id::{ID_BYTES_MAX, NetworkId};
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::operation::{Call, Mode, Operation, RegionUse, ResourceId};
use serde::Deserialize;

use crate::vpc::convert::{VSwitch, v_switch};

pub struct DescribeVSwitchAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
    v_switch_id: String,
}

impl Operation for DescribeVSwitchAttributes {
    const NAME: &'static str = "DescribeVSwitchAttributes";
    const MODE: Mode = Mode::Read;
    const REGION: Option<RegionUse> = Some(RegionUse::Optional);
    type Request = Request;
    type Response = VSwitch;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.v_switch_id);

    async fn call(call: Call, request: Request) -> Result<VSwitch, CallError> {
        let Call { control, cx } = &call;
        let id = &request.v_switch_id;
        if id.is_empty() || id.len() > ID_BYTES_MAX - "vpc-".len() {
            return Err(invalid("VSwitchId", "not an id"));
        }
        // A vSwitch that is made because it was named has to be somewhere: without a region it stays unknown.
        let network = (!cx.region.is_empty()).then(|| network_of(id));
        let subnet = control.subnet_view(cx, id, network).await?;
        Ok(v_switch(subnet, cx.principal.account_number))
    }
}

/// The VPC of a vSwitch that is made because it was named.
fn network_of(subnet: &str) -> NetworkId {
    NetworkId::new(format!(
        "vpc-{}",
        subnet.strip_prefix("vsw-").unwrap_or(subnet)
    ))
}
