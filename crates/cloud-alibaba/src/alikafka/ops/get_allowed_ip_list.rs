//! GetAllowedIpList: which addresses may connect, endpoint by endpoint.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::alikafka::allow_list::{DOORS, Door, INTERNET, VPC, ranges};
use crate::alikafka::convert;

pub struct GetAllowedIpList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    allowed_list: AllowedList,
}

/// Both lists are always there: Terraform reads them without looking.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AllowedList {
    deploy_type: i64,
    vpc_list: Vec<Allowed>,
    internet_list: Vec<Allowed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Allowed {
    port_range: &'static str,
    allowed_ip_list: Vec<String>,
    /// What each was said to be, by its text.
    allowed_ip_group: serde_json::Map<String, serde_json::Value>,
}

impl Operation for GetAllowedIpList {
    const NAME: &'static str = "GetAllowedIpList";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let lists = |list_type| {
            let doors = DOORS.iter().filter(move |door| door.list_type == list_type);
            doors.filter_map(|door| allowed(&instance, door)).collect()
        };
        Ok(Response {
            allowed_list: AllowedList {
                deploy_type: convert::deploy_type_of(&instance),
                vpc_list: lists(VPC),
                internet_list: lists(INTERNET),
            },
        })
    }
}

/// The list of an endpoint that is there, or was given one.
fn allowed(instance: &Instance, door: &Door) -> Option<Allowed> {
    let listeners = &instance.plan.listeners;
    let list = listeners.allowed_to(door.kind);
    let is_there = listeners.kinds().any(|kind| kind == door.kind);
    let is_shown = is_there || list.is_some() || door.port_range == DOORS[0].port_range;
    let ranges = is_shown.then(|| ranges(list))?;
    let described = ranges.iter().filter(|range| !range.description.is_empty());
    Some(Allowed {
        port_range: door.port_range,
        allowed_ip_group: described
            .map(|range| {
                let addresses = range.addresses.text().to_owned();
                (addresses, range.description.clone().into())
            })
            .collect(),
        allowed_ip_list: ranges
            .iter()
            .map(|range| range.addresses.text().to_owned())
            .collect(),
    })
}
