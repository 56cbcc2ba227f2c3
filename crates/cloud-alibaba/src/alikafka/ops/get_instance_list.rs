//! GetInstanceList: the caller's instances, all of them in one answer. Clients find a new one by its order.

use brokerage_control::instance::{InstanceWalk, Slices};
use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::listener::{ListenerKind, SecurityProtocol};
use brokerage_domain::network::Placement;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::config;
use crate::alikafka::convert::{self, Tag, TagVoList};
use crate::alikafka::fault::field;
use crate::alikafka::notes::InstanceNotes;

/// Most ids in one request.
const IDS_MAX: usize = 100;
const BYTES_PER_MB: u64 = 1 << 20;
/// `Series` of what is sold here, and all that the vendor has.
const SERIES: &str = "v2";
const ALL_SERIES: [&str; 3] = [SERIES, "v3", "confluent"];

pub struct GetInstanceList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    order_id: Option<String>,
    instance_id: Option<Vec<String>>,
    resource_group_id: Option<String>,
    tag: Option<Vec<Tag>>,
    series: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    instance_list: InstanceList,
}

#[derive(Debug, Serialize)]
struct InstanceList {
    #[serde(rename = "InstanceVO")]
    instance_vo: Vec<InstanceVo>,
}

/// What clients read of an instance. Numbers and truths are no texts: Terraform would keep its old state.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceVo {
    instance_id: String,
    name: String,
    region_id: String,
    service_status: i64,
    view_instance_status_code: i64,
    paid_type: i64,
    deploy_type: i64,
    spec_type: String,
    io_max_spec: Option<String>,
    io_max: Option<i64>,
    io_max_read: Option<u64>,
    io_max_write: Option<u64>,
    disk_type: i64,
    disk_size: i64,
    eip_max: i64,
    topic_num_limit: u64,
    default_partition_num: i64,
    msg_retain: u64,
    all_config: String,
    end_point: Option<String>,
    domain_endpoint: Option<String>,
    ssl_end_point: Option<String>,
    ssl_domain_endpoint: Option<String>,
    sasl_end_point: Option<String>,
    sasl_domain_endpoint: Option<String>,
    vpc_sasl_end_point: Option<String>,
    vpc_sasl_domain_endpoint: Option<String>,
    vpc_id: Option<String>,
    v_switch_id: Option<String>,
    v_switch_ids: Option<VSwitchIds>,
    zone_id: Option<String>,
    standard_zone_id: Option<String>,
    backup_zone_id: Option<String>,
    security_group: String,
    kms_key_id: Option<String>,
    resource_group_id: String,
    create_time: i64,
    expired_time: i64,
    upgrade_service_detail_info: UpgradeServiceDetailInfo,
    tags: TagVoList,
    used_topic_count: u32,
    used_partition_count: u32,
    used_group_count: u64,
    recommended_partition_count: u64,
    auto_create_topic_enable: bool,
    auto_create_group_enable: bool,
    series: &'static str,
    scheduled_retirement: bool,
}

/// The doubled name is the vendor's.
#[derive(Debug, Serialize)]
struct VSwitchIds {
    #[serde(rename = "VSwitchIds")]
    ids: Vec<String>,
}

/// Terraform reads this object without looking whether it is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UpgradeServiceDetailInfo {
    #[serde(rename = "Current2OpenSourceVersion")]
    current_version: String,
}

impl Operation for GetInstanceList {
    const NAME: &'static str = "GetInstanceList";
    const MODE: Mode = Mode::Read;
    /// Ours, and high: Terraform asks in a loop without a pause until its order is listed.
    const CALLS_PER_SECOND: Option<u32> = Some(500);
    type Request = Request;
    type Response = Response;

    fn resources(request: &Request) -> Vec<String> {
        let ids = request.instance_id.iter().flatten();
        ids.filter(|id| !id.is_empty()).cloned().collect()
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let tags = convert::tags_from(request.tag.clone())?;
        let group = given(request.resource_group_id.as_ref()).map(str::to_owned);
        let series = given(request.series.as_ref()).unwrap_or(SERIES);
        if !ALL_SERIES.contains(&series) {
            let all = ALL_SERIES.join(", ");
            return Err(field("Series", format!("not one of {all}")));
        }
        let is_ours = series == SERIES;
        let wanted = |instance: &Instance| {
            let group_of = InstanceNotes::of(instance).resource_group;
            is_ours
                && instance.phase != Phase::Gone
                && group
                    .as_ref()
                    .is_none_or(|group| group_of.as_ref() == Some(group))
                && tags.iter().all(|(key, value)| {
                    instance
                        .tags
                        .get(key)
                        .is_some_and(|has| value.is_empty() || has == value)
                })
        };
        let mut instance_vo = Vec::new();
        if let Some(named) = named(&call, &request).await? {
            for instance in named.into_iter().filter(wanted) {
                instance_vo.push(shown(&call, instance).await?);
            }
        } else {
            // All of them: what is read of one slice is forgotten before the next is read.
            let mut walk = InstanceWalk::over(Slices::All);
            while let Some(slice) = call.control.instance_slice(&call.cx, &mut walk).await? {
                for instance in slice.into_iter().filter(wanted) {
                    instance_vo.push(shown(&call, instance).await?);
                }
            }
        }
        Ok(Response {
            instance_list: InstanceList { instance_vo },
        })
    }
}

/// The instances that the ids of a request name; `None` when it names none. Whoever asks by id expects an empty list
/// for what is not there.
async fn named(call: &Call, request: &Request) -> Result<Option<Vec<Instance>>, CallError> {
    let Call { control, cx } = call;
    let absent = |error: &Error| {
        matches!(
            error,
            Error::NotFound {
                kind: Kind::Instance | Kind::Order,
                ..
            }
        )
    };
    let ids: Vec<&String> = request
        .instance_id
        .iter()
        .flatten()
        .filter(|id| !id.is_empty())
        .collect();
    if ids.len() > IDS_MAX {
        return Err(field("InstanceId", format!("more than {IDS_MAX} ids")));
    }
    let mut found = match given(request.order_id.as_ref()) {
        Some(order) => match control.order_instances(cx, &OrderId::new(order)).await {
            Err(error) if absent(&error) => Vec::new(),
            other => other?,
        },
        None if ids.is_empty() => return Ok(None),
        None => {
            let mut found = Vec::with_capacity(ids.len());
            for id in &ids {
                match control
                    .instance_view(cx, &InstanceId::new(id.as_str()))
                    .await
                {
                    Err(error) if absent(&error) => {}
                    other => found.push(other?),
                }
            }
            found
        }
    };
    found.retain(|instance| {
        instance.profile == cx.profile
            && (ids.is_empty() || ids.iter().any(|id| *id == instance.id.as_str()))
    });
    Ok(Some(found))
}

/// Where Kafka clients reach a started instance; hosts are the same in both spellings of each.
#[derive(Default)]
struct Endpoints {
    /// `EndPoint`, of the listener that the operator has all instances show first: the plain one, where there is one.
    plain: Option<String>,
    /// `SslEndPoint`, from the internet.
    public: Option<String>,
    /// `SaslEndPoint`, in the VPC.
    sasl: Option<String>,
    /// `VpcSaslEndPoint`, in the VPC over TLS.
    vpc_sasl: Option<String>,
}

impl Endpoints {
    fn of(call: &Call, instance: &Instance) -> Self {
        if instance.placement.is_none() {
            return Self::default();
        }
        let all = call.control.instance_bootstraps(instance);
        let listeners = &instance.plan.listeners;
        let find = |found: &dyn Fn(ListenerKind) -> bool| {
            let mut all = all.iter();
            Some(all.find(|one| found(one.kind))?.addresses.clone())
        };
        let private = |protocol: SecurityProtocol| {
            find(&|kind| !kind.is_public && kind.security_protocol == protocol)
        };
        // Those that are the operator's choice are not the owner's.
        let switched = |protocol: SecurityProtocol| {
            let is_on = listeners.switched_security_protocols.contains(&protocol);
            is_on.then(|| private(protocol)).flatten()
        };
        Self {
            plain: private(SecurityProtocol::Plaintext).or_else(|| find(&|kind| !kind.is_public)),
            public: find(&|kind| kind.is_public),
            sasl: switched(SecurityProtocol::SaslPlaintext),
            vpc_sasl: switched(SecurityProtocol::SaslSsl),
        }
    }
}

/// The vSwitches of a started instance.
///
/// Terraform cannot tell an absent list from an empty one, takes either for unknown, and replaces the instance at the
/// next apply: a started one always has the vSwitches that it was started in.
fn subnets(placement: &Placement, notes: &InstanceNotes) -> VSwitchIds {
    VSwitchIds {
        ids: match &notes.subnets {
            Some(list) => list.split(',').map(str::to_owned).collect(),
            None => vec![placement.subnet_id.to_string()],
        },
    }
}

async fn shown(call: &Call, instance: Instance) -> Result<InstanceVo, CallError> {
    let seen = match instance.phase {
        Phase::Running | Phase::Changing => call
            .control
            .instance_observe(&instance.id)
            .await?
            .unwrap_or_default(),
        _ => Default::default(),
    };
    let groups = u64::from(seen.groups) + call.control.groups_unused(&instance).await?;
    let placement = instance.placement.as_ref();
    let zones = placement.map_or(&[][..], |placement| placement.zones.as_slice());
    let endpoints = Endpoints::of(call, &instance);
    let notes = InstanceNotes::of(&instance);
    let (bought, usable) = (&instance.plan.bought, &instance.plan.usable);
    let mbps = |bytes: Option<u64>| bytes.map(|bytes| bytes / BYTES_PER_MB);
    Ok(InstanceVo {
        name: convert::name(&instance).to_owned(),
        service_status: convert::service_status(instance.phase),
        view_instance_status_code: convert::view_status(instance.phase),
        paid_type: convert::paid_type(&instance),
        deploy_type: convert::deploy_type_of(&instance),
        spec_type: instance.plan.edition.clone(),
        io_max_spec: instance.plan.spec.clone(),
        io_max: bought.bandwidth_mbps,
        io_max_read: mbps(usable.egress_bytes_per_second_max),
        io_max_write: mbps(usable.ingress_bytes_per_second_max),
        disk_type: bought.disk_type.parse().unwrap_or_default(),
        disk_size: bought.disk_gb,
        eip_max: bought.public_mbit,
        topic_num_limit: usable.topics_max,
        default_partition_num: convert::partitions_default(&instance),
        msg_retain: config::retention_hours(&instance),
        all_config: config::all(&instance),
        domain_endpoint: endpoints.plain.clone(),
        end_point: endpoints.plain,
        ssl_domain_endpoint: endpoints.public.clone(),
        ssl_end_point: endpoints.public,
        sasl_domain_endpoint: endpoints.sasl.clone(),
        sasl_end_point: endpoints.sasl,
        vpc_sasl_domain_endpoint: endpoints.vpc_sasl.clone(),
        vpc_sasl_end_point: endpoints.vpc_sasl,
        vpc_id: placement.map(|placement| placement.network_id.to_string()),
        v_switch_id: placement.map(|placement| placement.subnet_id.to_string()),
        v_switch_ids: placement.map(|placement| subnets(placement, &notes)),
        zone_id: notes.zone.or_else(|| zones.first().cloned()),
        standard_zone_id: zones.first().cloned(),
        backup_zone_id: zones.get(1).cloned(),
        security_group: notes.security_group.unwrap_or_default(),
        kms_key_id: notes.kms_key,
        resource_group_id: notes.resource_group.unwrap_or_default(),
        create_time: instance.created_at.millis(),
        expired_time: convert::expires_at(&instance).millis(),
        upgrade_service_detail_info: UpgradeServiceDetailInfo {
            current_version: instance.plan.version.clone(),
        },
        tags: TagVoList::of(&instance.tags),
        used_topic_count: seen.topics,
        used_partition_count: seen.partitions,
        used_group_count: groups,
        recommended_partition_count: usable.partitions_max,
        auto_create_topic_enable: instance.settings.auto_create_topics.unwrap_or(false),
        auto_create_group_enable: false,
        series: SERIES,
        scheduled_retirement: false,
        instance_id: instance.id.to_string(),
        region_id: instance.region,
    })
}
