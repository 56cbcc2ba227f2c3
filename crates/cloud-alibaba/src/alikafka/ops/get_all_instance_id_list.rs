//! GetAllInstanceIdList: the ids of the caller's instances in every region.

use std::collections::BTreeMap;

use brokerage_control::instance::{InstanceWalk, Slices};
use serde::{Deserialize, Serialize};

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, RegionUse};

pub struct GetAllInstanceIdList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
}

/// The answer. The vendor's model leaves the object open: lists of ids by region are ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    instance_ids: BTreeMap<String, Vec<String>>,
}

impl Operation for GetAllInstanceIdList {
    const NAME: &'static str = "GetAllInstanceIdList";
    const MODE: Mode = Mode::Read;
    const REGION: Option<RegionUse> = Some(RegionUse::Optional);
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, _request: Request) -> Result<Response, CallError> {
        let mut instance_ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut walk = InstanceWalk::over(Slices::All);
        while let Some(slice) = call.control.instance_slice(&call.cx, &mut walk).await? {
            for instance in slice {
                let ids = instance_ids.entry(instance.region).or_default();
                ids.push(instance.id.to_string());
            }
        }
        Ok(Response { instance_ids })
    }
}
