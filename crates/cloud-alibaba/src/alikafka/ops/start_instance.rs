//! StartInstance: says where a bought instance is placed, and has it made.

use brokerage_control::instance::InstanceStart;
use brokerage_control::network::PlacementRequest;
use brokerage_domain::catalog::{Catalog, Field};
use brokerage_domain::id::{InstanceId, NetworkId, SubnetId};
use brokerage_domain::instance::Instance;
use brokerage_domain::notes::Notes;
use brokerage_wire::fault::{CallError, PlanParameter};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::{Ignored, given};
use serde::Deserialize;

use crate::alikafka::config::Config;
use crate::alikafka::convert::{json_text, zone_named};
use crate::alikafka::fault::{field, needed};
use crate::alikafka::notes::InstanceNotes;

/// Most vSwitches of one instance: one for each zone that a cluster can stand in, with room.
const SUBNETS_MAX: usize = 8;

pub struct StartInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    vpc_id: String,
    /// Required by the vendor's model, and left out or empty where `VSwitchIds` is there.
    v_switch_id: Option<String>,
    v_switch_ids: Option<Vec<String>>,
    zone_id: Option<String>,
    selected_zones: Option<String>,
    cross_zone: Option<bool>,
    deploy_module: Option<String>,
    name: Option<String>,
    service_version: Option<String>,
    config: Option<String>,
    security_group: Option<String>,
    #[serde(rename = "KMSKeyId")]
    kms_key_id: Option<String>,
    #[expect(dead_code, reason = "the address is the host's, whatever is said")]
    is_eip_inner: Option<Ignored<bool>>,
    #[expect(
        dead_code,
        reason = "the zones that are named are always the ones that are used"
    )]
    is_force_selected_zones: Option<Ignored<bool>>,
    #[expect(dead_code, reason = "no users are made at the start")]
    is_set_user_and_password: Option<Ignored<bool>>,
    #[expect(dead_code, reason = "no users are made at the start")]
    username: Option<Ignored<String>>,
    #[expect(dead_code, reason = "no users are made at the start")]
    password: Option<Ignored<String>>,
    #[expect(dead_code, reason = "nobody is notified")]
    notifier: Option<Ignored<String>>,
    #[expect(dead_code, reason = "nobody is notified")]
    user_phone_num: Option<Ignored<String>>,
}

impl Operation for StartInstance {
    const NAME: &'static str = "StartInstance";
    const MODE: Mode = Mode::Write;
    /// "The rate limit is 2 calls a second for each user."
    const CALLS_PER_SECOND: Option<u32> = Some(2);
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id.clone());
        let instance = control.instance_view(&cx, &id).await?;
        let catalog = control.catalog_of(&instance.plan)?;
        check_deploy_module(&request, &instance)?;
        let network_id = match request.vpc_id.as_str() {
            "" => return Err(needed("VpcId", "it says where the instance is placed")),
            id => NetworkId::new(id),
        };
        let subnets = subnets(&request)?;
        let config = match given(request.config.as_ref()) {
            Some(text) => Config::read(text, catalog, &instance)?,
            None => Config::default(),
        };
        let start = InstanceStart {
            placement: PlacementRequest {
                subnet_id: SubnetId::new(&subnets[0]),
                zones: zones(&request, catalog, &instance)?,
                network_id: network_id.clone(),
            },
            name: given(request.name.as_ref()).map(str::to_owned),
            version: version(&request, catalog)?,
            notes: Notes::of(&notes(&request, &config, &instance)),
            switched_security_protocols: config.listeners().unwrap_or_default(),
            settings: config.settings,
        };
        for subnet in &subnets[1..] {
            let found = control
                .subnet_view(&cx, subnet, Some(network_id.clone()))
                .await?;
            if found.network_id != network_id {
                return Err(field(
                    "VSwitchIds",
                    format!("{subnet} is not in {network_id}"),
                ));
            }
        }
        let started = control.instance_start(cx, &id, start).await;
        let of_list = given(request.zone_id.as_ref()).is_none()
            || given(request.selected_zones.as_ref()).is_some();
        started.map_err(|error| {
            let zones = PlanParameter::named("SelectedZones");
            let words = |field| (field == Field::Zone && of_list).then_some(zones);
            CallError::from(error).in_words(words)
        })
    }
}

/// The module says again what was bought. Terraform says `eip` as soon as its user wrote an `eip_max`, be it 0.
fn check_deploy_module(request: &Request, instance: &Instance) -> Result<(), CallError> {
    let public = instance.plan.bought.deploy_public;
    let eip_unused = InstanceNotes::of(instance).eip_unused.is_some();
    match (request.deploy_module.as_deref().unwrap_or_default(), public) {
        ("", _) | ("vpc", false) | ("eip", true) => Ok(()),
        ("eip", false) if !eip_unused => Ok(()),
        ("vpc" | "eip", _) => Err(field(
            "DeployModule",
            "it does not match the DeployType of the order",
        )),
        _ => Err(field("DeployModule", "must be vpc or eip")),
    }
}

/// The vSwitches, that of the access point first; the list wins.
fn subnets(request: &Request) -> Result<Vec<String>, CallError> {
    let mut list: Vec<String> = request
        .v_switch_ids
        .iter()
        .flatten()
        .filter(|id| !id.is_empty())
        .cloned()
        .collect();
    if list.is_empty() {
        list.extend(given(request.v_switch_id.as_ref()).map(str::to_owned));
    }
    match list.len() {
        0 => Err(needed(
            "VSwitchId",
            "one of VSwitchId and VSwitchIds says where the instance is placed",
        )),
        count if count > SUBNETS_MAX => Err(field(
            "VSwitchIds",
            format!("more than {SUBNETS_MAX} vSwitches"),
        )),
        _ => Ok(list),
    }
}

/// The zones, that of the access point first. `SelectedZones` holds candidates for the first and for the second
/// zone; without `CrossZone` there is no second.
fn zones(
    request: &Request,
    catalog: &Catalog,
    instance: &Instance,
) -> Result<Vec<String>, CallError> {
    let named = |zone: &String| zone_named(catalog, &instance.region, zone);
    let lists: Vec<Vec<String>> = match given(request.selected_zones.as_ref()) {
        Some(text) => json_text("SelectedZones", text.to_owned())?,
        None => Vec::new(),
    };
    let selected: Vec<Vec<String>> = lists
        .iter()
        .map(|list| list.iter().map(named).collect())
        .collect();
    if selected.len() > 2 {
        return Err(field("SelectedZones", "must be two lists of zones"));
    }
    let first_list = selected.first().map_or(&[][..], Vec::as_slice);
    let primary = given(request.zone_id.as_ref())
        .map(|zone| named(&zone.to_owned()))
        .or_else(|| first_list.first().cloned());
    let Some(primary) = primary else {
        return Ok(Vec::new());
    };
    if !first_list.is_empty() && !first_list.contains(&primary) {
        return Err(field("SelectedZones", "its first list must contain ZoneId"));
    }
    let second = match request.cross_zone {
        Some(false) => None,
        _ => selected
            .get(1)
            .and_then(|list| list.iter().find(|zone| **zone != primary)),
    };
    Ok(std::iter::once(primary.clone())
        .chain(second.cloned())
        .collect())
}

/// A version other than the ordered one, with the Kafka release that it is.
fn version(request: &Request, catalog: &Catalog) -> Result<Option<(String, String)>, CallError> {
    let Some(id) = given(request.service_version.as_ref()) else {
        return Ok(None);
    };
    match catalog.version_offered(id) {
        Some(version) => Ok(Some((version.id.clone(), version.kafka.clone()))),
        None => Err(catalog.version_not_offered(id).into()),
    }
}

fn notes(request: &Request, config: &Config, instance: &Instance) -> InstanceNotes {
    let list = request.v_switch_ids.as_ref();
    let list = list.filter(|list| !list.is_empty());
    InstanceNotes {
        zone: given(request.zone_id.as_ref()).map(str::to_owned),
        subnets: list.map(|list| list.join(",")),
        security_group: given(request.security_group.as_ref()).map(str::to_owned),
        kms_key: given(request.kms_key_id.as_ref()).map(str::to_owned),
        config: (!config.shown.is_empty()).then(|| config.over(instance)),
        ..InstanceNotes::default()
    }
}
