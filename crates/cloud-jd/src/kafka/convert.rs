//! Between JD Cloud's words and the domain's.

use brokerage_control::Control;
use brokerage_domain::catalog::{Lifecycle, NodeGroup};
use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::{Error, Result};
use brokerage_wire::operation::Call;
use serde::{Deserialize, Serialize};

use super::charge::{POSTPAID, PREPAID};
use super::notes::InstanceNotes;

/// One address family: what an empty `ipVersion` stands for.
pub const IP_V4: &str = "v4";
/// Both.
pub const IP_V4_AND_V6: &str = "v4&v6";

/// A group of nodes in a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceClassSpec {
    role: String,
    node_class_code: Option<String>,
    node_count: Option<i64>,
    node_disk_type: Option<String>,
    #[serde(rename = "nodeDiskGB")]
    node_disk_gb: Option<i64>,
}

impl From<InstanceClassSpec> for NodeGroup {
    /// Empty texts are not said: clients with typed structs send them.
    fn from(spec: InstanceClassSpec) -> Self {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            role: spec.role,
            class: said(spec.node_class_code),
            count: spec.node_count,
            disk_type: said(spec.node_disk_type),
            disk_gb: spec.node_disk_gb,
        }
    }
}

/// An instance as both describing calls show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceView {
    instance_id: String,
    instance_name: String,
    instance_version: String,
    instance_status: &'static str,
    create_time: String,
    vpc_id: String,
    subnet_id: String,
    ip_version: String,
    az_id: Vec<String>,
    instance_class: Vec<InstanceClass>,
    charge: ChargeView,
    tags: Vec<TagView>,
    /// Endpoints belong to the call about one instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<Extension>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceClass {
    role: String,
    node_class_code: String,
    node_cpu: u32,
    #[serde(rename = "nodeMemoryGB")]
    node_memory_gb: u32,
    node_count: i64,
    node_disk_type: String,
    #[serde(rename = "nodeDiskGB")]
    node_disk_gb: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChargeView {
    charge_mode: &'static str,
    charge_status: &'static str,
    charge_start_time: String,
    charge_expired_time: String,
    charge_retire_time: String,
}

#[derive(Debug, Serialize)]
struct TagView {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    internal_endpoint: InternalEndpoint,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InternalEndpoint {
    broker_endpoint: Vec<String>,
    /// Always empty: clients need no ZooKeeper, and there is none.
    zk_endpoint: Vec<String>,
}

impl InstanceView {
    /// What a list shows of an instance.
    ///
    /// # Errors
    /// [`Error::Internal`] when the catalog is gone.
    pub fn new(control: &Control, instance: &Instance) -> Result<Self> {
        // What is shown needs no prices: where the catalog is not kept, the current one describes the classes.
        let catalog = control
            .catalog_of(&instance.plan)
            .or_else(|_| control.catalog(&instance.profile))?;
        let placement = instance.placement.as_ref();
        let class = |group: &NodeGroup| {
            let code = group.class.clone().unwrap_or_default();
            let class = catalog.node_class(&code);
            InstanceClass {
                role: group.role.clone(),
                node_cpu: class.map_or(0, |class| class.cpu),
                node_memory_gb: class.map_or(0, |class| class.memory_gb),
                node_class_code: code,
                node_count: group.count.unwrap_or_default(),
                node_disk_type: group.disk_type.clone().unwrap_or_default(),
                node_disk_gb: group.disk_gb.unwrap_or_default(),
            }
        };
        let tags = instance.tags.iter().map(|(key, value)| TagView {
            key: key.clone(),
            value: value.clone(),
        });
        let ip_version = InstanceNotes::of(instance).ip_version;
        Ok(Self {
            instance_id: instance.id.to_string(),
            instance_name: instance.name.clone(),
            instance_version: instance.plan.version.clone(),
            instance_status: status(instance.phase),
            create_time: instance.created_at.iso(),
            vpc_id: placement
                .map(|placement| placement.network_id.to_string())
                .unwrap_or_default(),
            subnet_id: placement
                .map(|placement| placement.subnet_id.to_string())
                .unwrap_or_default(),
            ip_version: ip_version.unwrap_or_else(|| IP_V4.to_owned()),
            az_id: instance.plan.zones.clone(),
            instance_class: instance.plan.bought.nodes.iter().map(class).collect(),
            charge: charge(instance, catalog.lifecycle(), control.now()),
            tags: tags.collect(),
            extension: None,
        })
    }

    /// The same with its endpoints, which are there once it runs.
    #[must_use]
    pub fn with_endpoints(mut self, control: &Control, instance: &Instance) -> Self {
        let listeners = match instance.running_since {
            Some(_) => control.instance_listeners(instance),
            None => Vec::new(),
        };
        let first = instance.plan.listeners.kinds().next();
        let address = |host: &str, port: u16| format!("{host}:{port}");
        self.extension = Some(Extension {
            internal_endpoint: InternalEndpoint {
                broker_endpoint: listeners
                    .iter()
                    .filter(|listener| Some(listener.kind()) == first)
                    .map(|listener| address(&listener.advertised_host, listener.port))
                    .collect(),
                zk_endpoint: Vec::new(),
            },
        });
        self
    }
}

/// `instanceStatus`. There is no deleted one: what is gone is absent.
pub fn status(phase: Phase) -> &'static str {
    match phase {
        Phase::AwaitingStart | Phase::Provisioning => "creating",
        Phase::Running => "running",
        Phase::Changing => "changing",
        Phase::Stopped | Phase::Suspended => "stop",
        Phase::Failed => "error",
        // Ours: the filter of describeInstances names `processing` without saying when.
        Phase::Releasing | Phase::Released | Phase::Gone => "processing",
    }
}

/// `chargeMode`.
pub fn charge_mode(instance: &Instance) -> &'static str {
    if instance.charge.is_prepaid() {
        PREPAID
    } else {
        POSTPAID
    }
}

/// `Charge` of an answer. `chargeRetireTime`, which is always set, is when the instance is released if nothing more
/// is paid.
fn charge(instance: &Instance, lifecycle: &Lifecycle, now: Moment) -> ChargeView {
    let start = instance.running_since.unwrap_or(instance.created_at);
    let expires = instance
        .expires_at
        .or_else(|| instance.charge.expires_at(start));
    let retire = match expires {
        Some(end) => end
            .plus_seconds(lifecycle.prepaid.expiry_to_stop_s + lifecycle.prepaid.stop_to_release_s),
        None => {
            let paid = instance.billed_until.unwrap_or(start);
            paid.plus_seconds(
                lifecycle.postpaid.arrears_to_stop_s + lifecycle.postpaid.stop_to_release_s,
            )
        }
    };
    let charge_status = match expires {
        Some(end) if end <= now => "overdue",
        None if instance.phase == Phase::Suspended => "arrear",
        _ => "normal",
    };
    ChargeView {
        charge_mode: charge_mode(instance),
        charge_status,
        charge_start_time: start.iso(),
        charge_expired_time: expires.map(Moment::iso).unwrap_or_default(),
        charge_retire_time: retire.iso(),
    }
}

/// The caller's instance, in the region of the path.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn instance_in_region(call: &Call, id: &str) -> Result<Instance> {
    let Call { control, cx } = call;
    let instance = control.instance_view(cx, &InstanceId::new(id)).await?;
    match instance.phase {
        Phase::Released => Err(Error::not_found(Kind::Instance, id)),
        _ => Ok(instance),
    }
}
