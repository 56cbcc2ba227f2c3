//! DescribeRoute: how clients reach an instance: by the route that came with it, by the public one while public bandwidth
//! is bought, and by those that were made.

use brokerage_domain::id::InstanceId;
use brokerage_domain::listener::ListenerKind;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::convert::VipEntity;
use crate::ckafka::routes::{RouteView, routes};

/// `Status`: about to be there.
const CREATING: i64 = 1;
/// `Status`: there.
const READY: i64 = 2;

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
    note: Option<String>,
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
        let seen = control.instance_observe(&id).await?;
        let spec = seen.and_then(|seen| seen.spec);
        let is_there = |kind: ListenerKind| {
            let mut listeners = spec.iter().flat_map(|spec| &spec.listeners);
            listeners.any(|listener| listener.kind() == kind)
        };
        let is_wanted = |(at, view): (usize, RouteView)| {
            let is_told = match request.route_id {
                Some(id) => view.id == id,
                None => at > 0 || request.main_route_flag.unwrap_or(false),
            };
            let is_there = is_there(view.kind);
            is_told.then(|| route(view, is_there)).flatten()
        };
        let routes = routes(control, &instance).into_iter().enumerate();
        Ok(Answered::new(Routes {
            routers: routes.filter_map(is_wanted).collect(),
        }))
    }
}

fn route(view: RouteView, is_there: bool) -> Option<Route> {
    let first = view.broker_vips.first()?;
    let (vpc_id, subnet) = view.network.unzip();
    Some(Route {
        access_type: view.access_type,
        route_id: view.id,
        vip_type: view.vip_type,
        domain: first.vip.clone(),
        domain_port: first.vport.parse().ok()?,
        vip_list: view.vips,
        delete_timestamp: String::new(),
        subnet,
        broker_vip_list: view.broker_vips,
        vpc_id,
        note: view.note,
        status: if is_there { READY } else { CREATING },
    })
}
