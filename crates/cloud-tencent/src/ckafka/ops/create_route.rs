//! CreateRoute: a further way to the brokers of a cluster, a listener of each with the security protocol that is asked for.

use brokerage_control::instance::NewRoute;
use brokerage_control::network::PlacementRequest;
use brokerage_domain::Error;
use brokerage_domain::id::{InstanceId, NetworkId, SubnetId};
use brokerage_domain::instance::Instance;
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::{Ignored, given};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::convert;
use crate::ckafka::routes::{self, IpRange, PUBLIC, VPC};
use crate::ckafka::{check, ids};

/// `PublicNetwork` is sold in steps of this many Mbit/s.
const PUBLIC_STEP_MBIT: i64 = 3;

pub struct CreateRoute;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    vip_type: i64,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    access_type: Option<i64>,
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    auth_flag: Option<Ignored<i64>>,
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    caller_appid: Option<Ignored<i64>>,
    public_network: Option<i64>,
    ip: Option<String>,
    note: Option<String>,
    security_group_ids: Option<Vec<String>>,
    ip_whitelist: Option<Vec<IpRange>>,
}

impl Operation for CreateRoute {
    const NAME: &'static str = "CreateRoute";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(&request.instance_id);
        let instance = control.instance_view(&cx, &id).await?;
        let new = request.route(&instance)?;
        let number = match control.route_create(cx, &id, new).await {
            Err(error @ Error::LimitReached { what: "routes", .. }) => {
                let fault = crate::fault::fault(&error.into());
                return Err(Fault::new("LimitExceeded.RouteOverLimit", 200, fault.message).into());
            }
            made => made?,
        };
        let route_id = routes::route_id(number);
        Ok(Answered::new(Operated::routed(ids::flow_id(&id), route_id)))
    }
}

impl Request {
    fn route(&self, instance: &Instance) -> Result<NewRoute, CallError> {
        let (is_public, protocols) = match self.vip_type {
            PUBLIC => (true, &routes::PUBLIC_ACCESS_TYPES[..]),
            VPC => (false, &routes::VPC_ACCESS_TYPES[..]),
            _ => return Err(check::value("VipType", "must be 1 or 3")),
        };
        let access_type = self.access_type.unwrap_or(protocols[0].0);
        let known = protocols.iter().find(|(number, _)| *number == access_type);
        let security_protocol = known.map(|(_, protocol)| *protocol);
        let security_protocol = security_protocol
            .ok_or_else(|| check::value("AccessType", "is not one that such a route can have"))?;
        self.check_public_network(instance, is_public)?;
        if self
            .security_group_ids
            .iter()
            .flatten()
            .any(|id| !id.is_empty())
        {
            return Err(check::unsupported("Routes have no security groups here."));
        }
        let address = given(self.ip.as_ref()).unwrap_or_default();
        if !address.is_empty() && address.parse::<std::net::Ipv4Addr>().is_err() {
            return Err(check::value("Ip", "must be an address"));
        }
        Ok(NewRoute {
            is_public,
            security_protocol,
            placement: self.placement(is_public)?,
            address_asked: address.to_owned(),
            note: given(self.note.as_ref()).unwrap_or_default().to_owned(),
            allowed: routes::allowed(self.ip_whitelist.as_deref())?,
        })
    }

    /// A route of the VPC is in a subnet.
    fn placement(&self, is_public: bool) -> Result<Option<PlacementRequest>, CallError> {
        if is_public {
            return Ok(None);
        }
        let named = |name, value: &Option<String>| {
            let value = given(value.as_ref()).map(str::to_owned);
            value.ok_or_else(|| check::not_allowed_empty(name))
        };
        Ok(Some(PlacementRequest {
            network_id: NetworkId::new(named("VpcId", &self.vpc_id)?),
            subnet_id: SubnetId::new(named("SubnetId", &self.subnet_id)?),
            zones: Vec::new(),
        }))
    }

    /// A public route has the bandwidth of the instance, the free part or what was bought; more of it is bought with
    /// ModifyInstanceAttributes. One of the VPC has none, whatever is said: Terraform's tests say it all the same.
    fn check_public_network(&self, instance: &Instance, is_public: bool) -> Result<(), CallError> {
        let Some(mbit) = self.public_network.filter(|mbit| *mbit != 0) else {
            return Ok(());
        };
        if mbit < 0 || mbit % PUBLIC_STEP_MBIT != 0 {
            return Err(check::value("PublicNetwork", "must be a multiple of 3"));
        }
        let bought = convert::public_network(instance);
        if is_public && mbit != bought {
            let reason = format!(
                "is not that of the instance, {bought}: ModifyInstanceAttributes changes it"
            );
            return Err(check::value("PublicNetwork", reason));
        }
        Ok(())
    }
}
