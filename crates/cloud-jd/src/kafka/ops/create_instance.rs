//! createInstance: buys a cluster.

use brokerage_control::network::PlacementRequest;
use brokerage_control::order::{NewInstance, OrderRequest};
use brokerage_domain::Error;
use brokerage_domain::catalog::{Field, PlanRequest, Site};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{NetworkId, SubnetId};
use brokerage_domain::instance::Tags;
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, Payment};
use brokerage_wire::fault::{CallError, PlanParameter, invalid};
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::kafka::charge::ChargeSpec;
use crate::kafka::convert::{IP_V4, IP_V4_AND_V6, InstanceClassSpec};
use crate::kafka::ids;
use crate::kafka::notes::InstanceNotes;

/// Longest `instanceName`, in characters.
const NAME_CHARS_MAX: usize = 32;
/// Unit of `msgRetain`: the vendor's console counts retention in hours.
const MINUTES_OF_AN_HOUR: i64 = 60;

pub struct CreateInstance;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    instance: InstanceSpec,
    charge: Option<ChargeSpec>,
}

/// What is bought. `ip_version` comes with newer SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceSpec {
    vpc_id: String,
    subnet_id: String,
    ip_version: Option<String>,
    instance_version: String,
    instance_name: String,
    az_id: Vec<String>,
    instance_class_spec: Vec<InstanceClassSpec>,
    extension: Option<ReqExtension>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReqExtension {
    msg_retain: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    instance_id: String,
    buy_id: String,
}

impl Operation for CreateInstance {
    const NAME: &'static str = "createInstance";
    const MODE: Mode = Mode::Write;
    const PATH: &'static str = "/v1/regions/{regionId}/instances";
    type Request = Request;
    type Response = Response;
    const PLAN_PARAMETERS: fn(Field) -> Option<PlanParameter> = |field| {
        let named = PlanParameter::named;
        Some(match field {
            Field::Zone => named("instance.azId"),
            Field::Version => named("instance.instanceVersion"),
            Field::Nodes => named("instance.instanceClassSpec"),
            Field::NodeRole => named("instance.instanceClassSpec.role"),
            Field::NodeClass => named("instance.instanceClassSpec.nodeClassCode"),
            Field::NodeCount => named("instance.instanceClassSpec.nodeCount"),
            Field::Disk => named("instance.instanceClassSpec.nodeDiskGB"),
            Field::DiskType => named("instance.instanceClassSpec.nodeDiskType"),
            Field::Payment => named("charge.chargeMode"),
            Field::Retention => PlanParameter {
                size: MINUTES_OF_AN_HOUR,
                ..named("instance.extension.msgRetain")
            },
            _ => return None,
        })
    };

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let Request {
            instance, charge, ..
        } = request;
        let charge_spec = charge.unwrap_or_default();
        let charge = charge_spec.charge(control.now())?;
        instance.check()?;
        let plan = control
            .catalog(cx.profile)?
            .plan(&instance.plan_request(&cx.region, &charge)?)?;
        let id = ids::instance_id(control.chance());
        let buy_id = ids::buy_id(control.chance());
        let notes = InstanceNotes {
            ip_version: instance.ip_version.clone(),
            ..charge_spec.notes()
        };
        let order = OrderRequest {
            order_id: buy_id.clone(),
            instances: vec![NewInstance {
                id: id.clone(),
                name: instance.instance_name.clone(),
            }],
            placement: Some(instance.placement(&call).await?),
            settings: ClusterSettings {
                retention_ms: i64::try_from(plan.usable.retention_ms).ok(),
                ..ClusterSettings::default()
            },
            notes: Notes::of(&notes),
            tags: Tags::new(),
            plan,
            charge,
            payment: Payment::OnDelivery,
            start: true,
            token: None,
        };
        let placed = call.control.order_place(call.cx, order).await;
        placed.map_err(placement_refused)?;
        Ok(Response {
            instance_id: id.to_string(),
            buy_id: buy_id.to_string(),
        })
    }
}

/// The page has one refusal, for a network that is not there as for any other wrong parameter.
fn placement_refused(error: Error) -> CallError {
    let parameter = match &error {
        Error::NotFound {
            kind: Kind::Network,
            ..
        } => "instance.vpcId",
        Error::NotFound {
            kind: Kind::Subnet, ..
        } => "instance.subnetId",
        _ => return error.into(),
    };
    invalid(parameter, error.to_string())
}

/// Letters, digits, `_` and `-`, a letter first, at most 32 in all.
fn name_is_valid(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= NAME_CHARS_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

impl InstanceSpec {
    fn check(&self) -> Result<(), CallError> {
        for (name, text) in [
            ("instance.vpcId", &self.vpc_id),
            ("instance.subnetId", &self.subnet_id),
            ("instance.instanceVersion", &self.instance_version),
        ] {
            if text.is_empty() {
                return Err(invalid(name, "is empty"));
            }
        }
        if !name_is_valid(&self.instance_name) {
            let rule = format!(
                "must be 1 to {NAME_CHARS_MAX} letters, digits, underscores or hyphens and begin with a letter"
            );
            return Err(invalid("instance.instanceName", rule));
        }
        match self.ip_version.as_deref() {
            None | Some("" | IP_V4 | IP_V4_AND_V6) => Ok(()),
            Some(_) => Err(invalid(
                "instance.ipVersion",
                format!("must be empty, {IP_V4} or {IP_V4_AND_V6}"),
            )),
        }
    }

    fn plan_request(&self, region: &str, charge: &Charge) -> Result<PlanRequest, CallError> {
        let hours = self
            .extension
            .as_ref()
            .and_then(|extension| extension.msg_retain);
        let minutes = |hours: i64| {
            let minutes = hours.checked_mul(MINUTES_OF_AN_HOUR);
            minutes.ok_or_else(|| invalid("instance.extension.msgRetain", "is too large"))
        };
        Ok(PlanRequest {
            site: Site::Domestic,
            region: region.to_owned(),
            zones: self.az_id.clone(),
            version: Some(self.instance_version.clone()),
            retention_minutes: hours.map(minutes).transpose()?,
            nodes: self
                .instance_class_spec
                .iter()
                .cloned()
                .map(Into::into)
                .collect(),
            prepaid: charge.is_prepaid(),
            ..PlanRequest::default()
        })
    }

    /// Where: the zones may come in any order, the subnet has to be in one of them, and its zone is that of the
    /// access point.
    async fn placement(&self, call: &Call) -> Result<PlacementRequest, CallError> {
        let mut zones = self.az_id.clone();
        match call
            .control
            .subnet_view(&call.cx, &self.subnet_id, None)
            .await
        {
            Ok(subnet) => match zones.iter().position(|zone| *zone == subnet.zone) {
                Some(at) => zones[..=at].rotate_right(1),
                None => {
                    let reason = format!("does not name the zone {} of the subnet", subnet.zone);
                    return Err(invalid("instance.azId", reason));
                }
            },
            // Whether an unknown one is refused or made is for the order to decide.
            Err(Error::NotFound {
                kind: Kind::Subnet, ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(PlacementRequest {
            network_id: NetworkId::new(self.vpc_id.clone()),
            subnet_id: SubnetId::new(self.subnet_id.clone()),
            zones,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_what_the_page_says(name in "[a-zA-Z0-9_é .-]{0,34}") {
            let mut letters = name.chars();
            let first_is_letter = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
            let rest = letters.all(|letter| matches!(letter, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-'));
            prop_assert_eq!(name_is_valid(&name), first_is_letter && rest && name.chars().count() <= 32);
        }
    }
}
