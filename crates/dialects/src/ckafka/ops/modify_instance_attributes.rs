//! ModifyInstanceAttributes: name and settings of a cluster, and its public bandwidth, which is bought.

use std::collections::BTreeMap;

use brokerage_control::instance::Edit;
use brokerage_domain::catalog::Plan;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use serde::Deserialize;
use serde_json::json;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::change::{Sizes, plan_changed, resize};
use crate::ckafka::check;
use crate::ckafka::convert::{self, attribute};
use crate::ckafka::ids;
use crate::fault::CallError;
use crate::operation::{Call, Mode, Operation};
use crate::params::Ignored;

/// Longest `InstanceName`, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Longest `MsgRetentionTime`, minutes: 90 days.
const RETENTION_MINUTES_MAX: i64 = 129_600;
/// `MaxMessageByte`: both ends are excluded on the vendor's page.
const MESSAGE_BYTES: (i64, i64) = (1_025, 12_582_911);
/// `TransactionalIdExpirationMs`: an hour to a week.
const TRANSACTIONAL_ID_EXPIRATION_MS: (i64, i64) = (3_600_000, 604_800_000);
/// `DefaultNumPartitions`, as many as a topic can have.
const PARTITIONS_MAX: i64 = 3_000;
/// `DefaultReplicationFactor`.
const REPLICAS_MAX: i64 = 3;

/// The operation.
pub struct ModifyInstanceAttributes;

/// Parameters, as in the vendor's SDKs.
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
    #[expect(dead_code, reason = "stands in ignored-parameters.txt")]
    dynamic_disk_config: Option<DynamicDisk>,
    max_message_byte: Option<i64>,
    unclean_leader_election_enable: Option<i64>,
    delete_protection_enable: Option<i64>,
    retention_bytes: Option<i64>,
    /// Accepted without effect: it concerns the vendor's console.
    #[expect(dead_code, reason = "stands in ignored-parameters.txt")]
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
#[expect(dead_code, reason = "stands in ignored-parameters.txt")]
struct DynamicDisk {
    enable: Option<Ignored<i64>>,
    step_forward_percentage: Option<Ignored<i64>>,
    disk_quota_percentage: Option<Ignored<i64>>,
    max_disk_space: Option<Ignored<i64>>,
}

impl Operation for ModifyInstanceAttributes {
    const NAME: &'static str = "ModifyInstanceAttributes";
    const ACTION: &'static str = "ckafka:ModifyInstanceAttributes";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = Request;
    type Response = Answered<Operated>;

    fn resource(request: &Request) -> Option<String> {
        Some(ids::instance_resource(&request.instance_id))
    }

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let id = InstanceId::new(request.instance_id.clone());
        let instance = call.control.instance_view(&call.cx, &id).await?;
        let plan = public_plan(&call, &instance, request.public_network)?;
        let edit = edit(request)?;
        let edit = Edit {
            resize: plan.map(|plan| resize(&call, instance, plan)),
            ..edit
        };
        call.control.instance_change(call.cx, &id, edit).await?;
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
    let public_mbit = mbit.map(|mbit| mbit.saturating_sub(free));
    if public_mbit.is_none_or(|mbit| mbit == instance.plan.bought.public_mbit) {
        return Ok(None);
    }
    if public_mbit.is_some_and(|mbit| mbit < 0) {
        return Err(check::value(
            "PublicNetwork",
            format!("must be at least {free}"),
        ));
    }
    let sizes = Sizes {
        public_mbit,
        ..Sizes::default()
    };
    plan_changed(call, instance, sizes).map(Some)
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
    let mut set = |name: &str, value: String| edit.settings.insert(name.to_owned(), value);
    if let Some(minutes) = request.msg_retention_time {
        let minutes = check::within("MsgRetentionTime", minutes, 1..=RETENTION_MINUTES_MAX)?;
        set(
            convert::RETENTION_SETTING,
            convert::retention_setting(minutes),
        );
    }
    if let Some(bytes) = request.max_message_byte {
        let bytes = check::within("MaxMessageByte", bytes, MESSAGE_BYTES.0..=MESSAGE_BYTES.1)?;
        set(convert::MESSAGE_BYTES_SETTING, bytes.to_string());
    }
    if let Some(number) = request.unclean_leader_election_enable {
        let unclean = check::switch("UncleanLeaderElectionEnable", number)?;
        set(convert::UNCLEAN_SETTING, unclean.to_string());
    }
    if let Some(bytes) = request.retention_bytes {
        let bytes = check::within("RetentionBytes", bytes, -1..=i64::MAX)?;
        set(convert::RETENTION_BYTES_SETTING, bytes.to_string());
    }
    if let Some(config) = request.config {
        set_config(&mut edit, &config)?;
    }
    let mut show = |name: &str, value: String| edit.attributes.insert(name.to_owned(), value);
    if let Some(at) = request.rebalance_time {
        show(
            attribute::REBALANCE_TIME,
            check::within("RebalanceTime", at, 0..=i64::from(u32::MAX))?.to_string(),
        );
    }
    if let Some(ms) = request.transactional_id_expiration_ms {
        let (min, max) = TRANSACTIONAL_ID_EXPIRATION_MS;
        let ms = check::within("TransactionalIdExpirationMs", ms, min..=max)?;
        show(attribute::TRANSACTIONAL_ID_EXPIRATION, ms.to_string());
        edit.settings
            .insert("transactional.id.expiration.ms".to_owned(), ms.to_string());
    }
    if let Some(dynamic) = request.dynamic_retention_config {
        edit.attributes
            .insert(attribute::DYNAMIC_RETENTION.to_owned(), dynamic.document()?);
    }
    Ok(edit)
}

fn set_config(edit: &mut Edit, config: &Config) -> Result<(), CallError> {
    let auto_create = config.auto_create_topic_enable.unwrap_or(false);
    let partitions = check::within(
        "Config.DefaultNumPartitions",
        config.default_num_partitions.unwrap_or(1),
        1..=PARTITIONS_MAX,
    )?;
    let replicas = check::within(
        "Config.DefaultReplicationFactor",
        config.default_replication_factor.unwrap_or(REPLICAS_MAX),
        1..=REPLICAS_MAX,
    )?;
    edit.settings.extend(BTreeMap::from([
        (
            "auto.create.topics.enable".to_owned(),
            auto_create.to_string(),
        ),
        ("num.partitions".to_owned(), partitions.to_string()),
        (
            "default.replication.factor".to_owned(),
            replicas.to_string(),
        ),
    ]));
    let shown = json!({
        "AutoCreateTopicsEnable": auto_create,
        "DefaultNumPartitions": partitions,
        "DefaultReplicationFactor": replicas,
    });
    edit.attributes
        .insert(attribute::CONFIG.to_owned(), shown.to_string());
    Ok(())
}

impl DynamicRetention {
    /// In the form of the answer.
    fn document(&self) -> Result<String, CallError> {
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
        let document = json!({
            "Enable": self.enable.unwrap_or(0),
            "DiskQuotaPercentage": percent("DiskQuotaPercentage", self.disk_quota_percentage)?,
            "StepForwardPercentage": percent("StepForwardPercentage", self.step_forward_percentage)?,
            "BottomRetention": bottom,
        });
        Ok(document.to_string())
    }
}
