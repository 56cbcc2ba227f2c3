//! DescribeRoute: how clients reach an instance. A public route is there while public bandwidth is bought.

use brokerage_control::Control;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::listener::{ListenerKind, SecurityProtocol};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::convert::{self, VipEntity};

/// `VipType`: from the public network, and in the VPC.
const PUBLIC: i64 = 1;
const VPC: i64 = 3;
/// `Status`: there.
const READY: i64 = 2;
/// What one kind's ids begin with. Ours: a route of each kind and protocol is there once, so its id says which it is.
const ID_STEP: i64 = 10;

pub struct DescribeRoute;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    route_id: Option<i64>,
    /// Whether the route that came with the instance is told, too.
    main_route_flag: Option<bool>,
}

/// `RouteResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Routes {
    routers: Vec<Route>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Route {
    access_type: i64,
    route_id: i64,
    vip_type: i64,
    vip_list: Vec<VipEntity>,
    domain: String,
    domain_port: u16,
    delete_timestamp: String,
    subnet: Option<String>,
    broker_vip_list: Vec<VipEntity>,
    vpc_id: Option<String>,
    status: i64,
}

impl Operation for DescribeRoute {
    const NAME: &'static str = "DescribeRoute";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Routes>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let is_wanted = |(at, route): (usize, Route)| {
            let is_told = match request.route_id {
                Some(id) => route.route_id == id,
                None => at > 0 || request.main_route_flag.unwrap_or(false),
            };
            is_told.then_some(route)
        };
        let routes = routes(control, &instance).into_iter().enumerate();
        Ok(Answered::new(Routes {
            routers: routes.filter_map(is_wanted).collect(),
        }))
    }
}

/// Every route, the one that came with the instance first.
fn routes(control: &Control, instance: &Instance) -> Vec<Route> {
    let of_kind = |kind| route(instance, kind, convert::vips_of(control, instance, kind));
    instance
        .plan
        .listeners
        .kinds()
        .filter_map(of_kind)
        .collect()
}

fn route(instance: &Instance, kind: ListenerKind, vips: Vec<VipEntity>) -> Option<Route> {
    let first = vips.first()?;
    let placement = instance.placement.as_ref().filter(|_| !kind.is_public);
    let vip_type = if kind.is_public { PUBLIC } else { VPC };
    let access_type = access_type(kind.security_protocol);
    Some(Route {
        access_type,
        route_id: vip_type * ID_STEP + access_type,
        vip_type,
        domain: first.vip.clone(),
        domain_port: first.vport.parse().ok()?,
        vip_list: vips.clone(),
        delete_timestamp: String::new(),
        subnet: placement.map(|placement| placement.subnet_id.to_string()),
        broker_vip_list: vips,
        vpc_id: placement.map(|placement| placement.network_id.to_string()),
        status: READY,
    })
}

/// `AccessType`, by its SDK text.
fn access_type(protocol: SecurityProtocol) -> i64 {
    match protocol {
        SecurityProtocol::Plaintext => 0,
        SecurityProtocol::SaslPlaintext => 1,
        SecurityProtocol::Ssl => 2,
        SecurityProtocol::SaslSsl => 3,
    }
}
