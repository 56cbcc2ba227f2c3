//! ModifyInstanceAttributes: name and settings of a cluster, and its public bandwidth, which is bought.

use brokerage_control::instance::Edit;
use brokerage_domain::catalog::{Field, Plan};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::notes::Notes;
use brokerage_wire::fault::{CallError, PlanParameter};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::Ignored;
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::change::{Sizes, plan_changed, resize};
use crate::ckafka::check;
use crate::ckafka::convert;
use crate::ckafka::ids;
use crate::ckafka::notes::{ConfigShown, DynamicRetentionShown, InstanceNotes};

/// Longest `InstanceName`, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Longest `MsgRetentionTime`, minutes: 90 days.
const RETENTION_MINUTES_MAX: i64 = 129_600;
/// `MaxMessageByte`. The vendor's page excludes both ends; the acceptance tests of Terraform's provider send them.
const MESSAGE_BYTES: (i64, i64) = (1_024, 12_582_912);
/// `TransactionalIdExpirationMs`: an hour to a week.
const TRANSACTIONAL_ID_EXPIRATION_MS: (i64, i64) = (3_600_000, 604_800_000);
/// Largest `PublicNetwork`, Mbit/s, the free part included.
const PUBLIC_MBIT_MAX: i64 = 999;
/// `DefaultNumPartitions`, as many as a topic can have.
const PARTITIONS_MAX: i64 = 3_000;
/// `DefaultReplicationFactor`.
const REPLICAS_MAX: i64 = 3;

pub struct ModifyInstanceAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    msg_retention_time: Option<i64>,
    instance_name: Option<String>,
    config: Option<Config>,
    dynamic_retention_config: Option<DynamicRetention>,
    rebalance_time: Option<i64>,
    public_network: Option<i64>,
    /// Accepted without effect: disks here do not grow by themselves.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    dynamic_disk_config: Option<DynamicDisk>,
    max_message_byte: Option<i64>,
    unclean_leader_election_enable: Option<i64>,
    delete_protection_enable: Option<i64>,
    retention_bytes: Option<i64>,
    /// Accepted without effect: it concerns the vendor's console.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    admin_security: Option<Ignored<bool>>,
    transactional_id_expiration_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    auto_create_topic_enable: Option<bool>,
    default_num_partitions: Option<i64>,
    default_replication_factor: Option<i64>,
}

/// Kept and shown; the disk's own clean-up rules (bought with the plan) always apply.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DynamicRetention {
    enable: Option<i64>,
    disk_quota_percentage: Option<i64>,
    step_forward_percentage: Option<i64>,
    bottom_retention: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "stands under [ignored] in its calls")]
struct DynamicDisk {
    enable: Option<Ignored<i64>>,
    step_forward_percentage: Option<Ignored<i64>>,
    disk_quota_percentage: Option<Ignored<i64>>,
    max_disk_space: Option<Ignored<i64>>,
}

impl Operation for ModifyInstanceAttributes {
    const NAME: &'static str = "ModifyInstanceAttributes";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let id = InstanceId::new(request.instance_id.clone());
        let instance = call.control.instance_view(&call.cx, &id).await?;
        let plan = public_plan(&call, &instance, request.public_network)?;
        let edit = edit(request)?;
        let edit = Edit {
            resize: plan.map(|plan| resize(&call, instance, plan)),
            ..edit
        };
        call.control.instance_edit(call.cx, &id, edit).await?;
        Ok(Answered::new(Operated::flowing(ids::flow_id(&id))))
    }
}

/// The plan with other public bandwidth, which is given with the free part; `None` where it stays.
fn public_plan(
    call: &Call,
    instance: &Instance,
    mbit: Option<i64>,
) -> Result<Option<Plan>, CallError> {
    let free = convert::public_network(instance) - instance.plan.bought.public_mbit;
    let public_mbit = said(mbit).map(|mbit| mbit.saturating_sub(free));
    if public_mbit.is_none_or(|mbit| mbit == instance.plan.bought.public_mbit) {
        return Ok(None);
    }
    if let Some(mbit) = said(mbit) {
        check::within("PublicNetwork", mbit, free..=PUBLIC_MBIT_MAX)?;
    }
    let sizes = Sizes {
        public_mbit,
        ..Sizes::default()
    };
    // Said with the free part, and so it is refused.
    let parameter = PlanParameter {
        start: free,
        ..PlanParameter::named("PublicNetwork")
    };
    plan_changed(call, instance, sizes)
        .map(Some)
        .map_err(|error| {
            error.in_words(|field| (field == Field::PublicBandwidth).then_some(parameter))
        })
}

/// A number for which 0 is no value: clients that say every attribute say it for what nobody set.
fn said(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number != 0)
}

fn edit(request: Request) -> Result<Edit, CallError> {
    let name = check::given(request.instance_name.as_ref());
    if name.is_some_and(|name| name.chars().count() > NAME_CHARS_MAX) {
        return Err(check::value(
            "InstanceName",
            format!("has more than {NAME_CHARS_MAX} characters"),
        ));
    }
    let protection = request.delete_protection_enable;
    let mut edit = Edit {
        name: name.map(str::to_owned),
        deletion_protected: protection
            .map(|number| check::switch("DeleteProtectionEnable", number))
            .transpose()?,
        ..Edit::default()
    };
    let mut notes = InstanceNotes::default();
    let settings = &mut edit.settings;
    if let Some(minutes) = said(request.msg_retention_time) {
        let minutes = check::within("MsgRetentionTime", minutes, 1..=RETENTION_MINUTES_MAX)?;
        settings.retention_ms = Some(convert::ms_of_minutes(minutes));
    }
    if let Some(bytes) = said(request.max_message_byte) {
        let bytes = check::within("MaxMessageByte", bytes, MESSAGE_BYTES.0..=MESSAGE_BYTES.1)?;
        settings.message_bytes_max = Some(bytes.unsigned_abs());
    }
    if let Some(number) = request.unclean_leader_election_enable {
        let unclean = check::switch("UncleanLeaderElectionEnable", number)?;
        settings.unclean_leader_election = Some(unclean);
    }
    if let Some(bytes) = request.retention_bytes {
        let bytes = check::within("RetentionBytes", bytes, -1..=i64::MAX)?;
        settings.retention_bytes = Some(bytes);
    }
    if let Some(config) = request.config {
        notes.config = Some(set_config(settings, &config)?);
    }
    if let Some(at) = request.rebalance_time {
        let at = check::within("RebalanceTime", at, 0..=i64::from(u32::MAX))?;
        notes.rebalance_time = Some(at);
    }
    if let Some(ms) = said(request.transactional_id_expiration_ms) {
        let (min, max) = TRANSACTIONAL_ID_EXPIRATION_MS;
        let ms = check::within("TransactionalIdExpirationMs", ms, min..=max)?;
        settings.transactional_id_expiration_ms = Some(ms);
    }
    if let Some(dynamic) = request.dynamic_retention_config {
        notes.dynamic_retention = Some(dynamic.shown()?);
    }
    edit.notes = Notes::of(&notes);
    Ok(edit)
}

fn set_config(settings: &mut ClusterSettings, config: &Config) -> Result<ConfigShown, CallError> {
    let auto_create = config.auto_create_topic_enable.unwrap_or(false);
    let partitions = check::within(
        "Config.DefaultNumPartitions",
        said(config.default_num_partitions).unwrap_or(1),
        1..=PARTITIONS_MAX,
    )?;
    let replicas = check::within(
        "Config.DefaultReplicationFactor",
        said(config.default_replication_factor).unwrap_or(REPLICAS_MAX),
        1..=REPLICAS_MAX,
    )?;
    settings.auto_create_topics = Some(auto_create);
    // Both are in their ranges.
    settings.partitions = i32::try_from(partitions).ok();
    settings.replication_factor = i16::try_from(replicas).ok();
    Ok(ConfigShown {
        auto_create_topics_enable: auto_create,
        default_num_partitions: partitions,
        default_replication_factor: replicas,
    })
}

impl DynamicRetention {
    /// In the form of the answer.
    fn shown(&self) -> Result<DynamicRetentionShown, CallError> {
        const PATH: &str = "DynamicRetentionConfig";
        let percent = |name: &str, value: Option<i64>| {
            check::within(&format!("{PATH}.{name}"), value.unwrap_or(0), 0..=100)
        };
        check::switch(&format!("{PATH}.Enable"), self.enable.unwrap_or(0))?;
        let bottom = self.bottom_retention.unwrap_or(0);
        check::within(
            &format!("{PATH}.BottomRetention"),
            bottom,
            0..=RETENTION_MINUTES_MAX,
        )?;
        Ok(DynamicRetentionShown {
            enable: self.enable.unwrap_or(0),
            disk_quota_percentage: percent("DiskQuotaPercentage", self.disk_quota_percentage)?,
            step_forward_percentage: percent(
                "StepForwardPercentage",
                self.step_forward_percentage,
            )?,
            bottom_retention: bottom,
        })
    }
}
