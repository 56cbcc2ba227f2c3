//! Between CKafka's words and the domain's.

use brokerage_control::Control;
use brokerage_domain::catalog::Site;
use brokerage_domain::clock::Moment;
use brokerage_domain::cluster_settings::SettingName;
use brokerage_domain::instance::{Instance, Phase, Tags};
use brokerage_domain::listener::ListenerKind;
use brokerage_domain::order::Charge;
use serde::{Deserialize, Serialize};

use crate::ckafka::notes::InstanceNotes;

/// Megabits in a megabyte: requests count bandwidth in MB/s, answers in Mbit/s.
pub const MBIT_PER_MB: i64 = 8;
/// `InstanceChargeType` of what is paid for by the hour.
pub const POSTPAID: &str = "POSTPAID_BY_HOUR";
/// `InstanceChargeType` of what is paid for in advance.
pub const PREPAID: &str = "PREPAID";
/// The edition whose figures are fixed by its row.
pub const STANDARD: &str = "standard";
/// The parameters that choose a setting of the cluster, as `Operation.Param`. Those whose setting the engine does not
/// honour stand in the list of parameters without effect.
pub const SETTINGS: [(&str, SettingName); 8] = [
    (
        "ModifyInstanceAttributes.Config.AutoCreateTopicEnable",
        SettingName::AutoCreateTopics,
    ),
    (
        "ModifyInstanceAttributes.Config.DefaultNumPartitions",
        SettingName::Partitions,
    ),
    (
        "ModifyInstanceAttributes.Config.DefaultReplicationFactor",
        SettingName::ReplicationFactor,
    ),
    (
        "ModifyInstanceAttributes.MaxMessageByte",
        SettingName::MessageBytesMax,
    ),
    (
        "ModifyInstanceAttributes.MsgRetentionTime",
        SettingName::RetentionMs,
    ),
    (
        "ModifyInstanceAttributes.RetentionBytes",
        SettingName::RetentionBytes,
    ),
    (
        "ModifyInstanceAttributes.TransactionalIdExpirationMs",
        SettingName::TransactionalIdExpirationMs,
    ),
    (
        "ModifyInstanceAttributes.UncleanLeaderElectionEnable",
        SettingName::UncleanLeaderElection,
    ),
];
/// Where no moment is set, in answers that write moments as text.
pub const NO_TIME: &str = "0000-00-00 00:00:00";
const MS_PER_MINUTE: i64 = 60_000;

/// A tag of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// An address of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VipEntity {
    /// Host.
    pub vip: String,
    /// Port, as text.
    pub vport: String,
}

/// `Status` of an instance (SDK text of `Instance.Status`): 0 creating, 1 running, 2 deleting, 3 deleted,
/// 5 isolated, 7 changing, -1 failed.
pub fn status(phase: Phase) -> i64 {
    match phase {
        Phase::AwaitingStart | Phase::Provisioning => 0,
        Phase::Running => 1,
        Phase::Releasing => 2,
        Phase::Released | Phase::Gone => 3,
        Phase::Stopped | Phase::Suspended => 5,
        Phase::Changing => 7,
        Phase::Failed => -1,
    }
}

/// What an instance is called: its id until somebody gives it a name.
pub fn name(instance: &Instance) -> &str {
    if instance.name.is_empty() {
        instance.id.as_str()
    } else {
        &instance.name
    }
}

/// `Healthy`: 1 healthy, 2 warning, 3 abnormal.
pub fn healthy(phase: Phase) -> i64 {
    match phase {
        Phase::Running => 1,
        Phase::Failed => 3,
        _ => 2,
    }
}

/// `InstanceType` of an answer: the edition, or the kind of a standard one by its type number.
pub fn instance_type(instance: &Instance) -> &str {
    const KINDS: [&str; 8] = [
        "general",
        "standard",
        "advanced",
        "capacity",
        "specialized-1",
        "specialized-2",
        "specialized-3",
        "specialized-4",
    ];
    if instance.plan.edition != STANDARD {
        return &instance.plan.edition;
    }
    let number = instance
        .plan
        .spec
        .as_deref()
        .and_then(|spec| spec.parse::<usize>().ok());
    number
        .and_then(|number| KINDS.get(number.checked_sub(1)?).copied())
        .unwrap_or(STANDARD)
}

/// `InstanceChargeType`.
pub fn charge_type(instance: &Instance) -> &'static str {
    if instance.charge.is_prepaid() {
        PREPAID
    } else {
        POSTPAID
    }
}

/// `RenewFlag`: 1 renewed by itself, 0 not.
pub fn renew_flag(instance: &Instance) -> i64 {
    let renews = matches!(
        instance.charge,
        Charge::Prepaid {
            renew_months: Some(_),
            ..
        }
    );
    i64::from(renews)
}

/// `Cvm`: 0 shared, 1 dedicated.
pub fn cvm(instance: &Instance) -> i64 {
    i64::from(instance.plan.edition != STANDARD)
}

/// Tags as a list.
pub fn tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag {
        tag_key: key.clone(),
        tag_value: value.clone(),
    };
    tags.iter().map(tag).collect()
}

/// `ExpireTime`: 0 for pay-as-you-go (Terraform takes anything else for prepaid and replaces the instance).
pub fn expire_time(instance: &Instance) -> i64 {
    instance.expires_at.map_or(0, |at| at.seconds())
}

/// The addresses that clients of the VPC connect to, the first broker's first.
pub fn vips(control: &Control, instance: &Instance) -> Vec<VipEntity> {
    let first = instance.plan.listeners.kinds().next();
    first.map_or_else(Vec::new, |first| vips_of(control, instance, first))
}

/// The addresses of one kind of listener, the first broker's first.
pub fn vips_of(control: &Control, instance: &Instance, kind: ListenerKind) -> Vec<VipEntity> {
    control
        .instance_listeners(instance)
        .into_iter()
        .filter(|listener| listener.kind() == kind)
        .map(|listener| VipEntity {
            vip: listener.advertised_host,
            vport: listener.port.to_string(),
        })
        .collect()
}

/// The zones of an instance, the access point's first, as numbers.
pub fn zone_ids(instance: &Instance) -> Vec<i64> {
    let zones = instance
        .placement
        .as_ref()
        .map(|placement| placement.zones.as_slice())
        .unwrap_or_default();
    zones.iter().filter_map(|zone| zone.parse().ok()).collect()
}

/// Which site sells: the standard edition is sold by the hour on the international one only ("currently only
/// the international site standard edition", CreatePostPaidInstance).
pub fn site(edition: Option<&str>) -> Site {
    match edition {
        Some(STANDARD) => Site::International,
        _ => Site::Domestic,
    }
}

/// `Disk type` as the buyer named it.
pub fn disk_type(instance: &Instance) -> String {
    let bought = || instance.plan.bought.disk_type.clone();
    InstanceNotes::of(instance).disk_type.unwrap_or_else(bought)
}

/// `PublicNetwork`, Mbit/s: the bought part and the free part, because Terraform's configuration refuses less
/// than what is free.
pub fn public_network(instance: &Instance) -> i64 {
    const BITS_PER_MBIT: u64 = 1_000_000;
    i64::try_from(instance.plan.usable.public_bits_per_second_max / BITS_PER_MBIT)
        .unwrap_or(i64::MAX)
}

/// Retention where a topic sets none, ms.
pub fn retention_ms(instance: &Instance) -> i64 {
    let bought = || i64::try_from(instance.plan.usable.retention_ms).unwrap_or(i64::MAX);
    instance.settings.retention_ms.unwrap_or_else(bought)
}

/// `MsgRetentionTime`, minutes.
pub fn retention_minutes(instance: &Instance) -> i64 {
    retention_ms(instance) / MS_PER_MINUTE
}

/// `MsgRetentionTime` in ms.
pub fn ms_of_minutes(minutes: i64) -> i64 {
    minutes.saturating_mul(MS_PER_MINUTE)
}

/// The largest message where a topic sets none, bytes.
pub fn message_bytes(instance: &Instance) -> i64 {
    let set = instance.settings.message_bytes_max;
    count(set.unwrap_or(instance.plan.usable.message_bytes_default))
}

/// The bytes of a partition that are kept where a topic sets none; -1 without a limit.
pub fn retention_bytes(instance: &Instance) -> i64 {
    instance.settings.retention_bytes.unwrap_or(-1)
}

/// `UncleanLeaderElectionEnable` where a topic sets none.
pub fn unclean_leader_election(instance: &Instance) -> bool {
    instance.settings.unclean_leader_election.unwrap_or(false)
}

/// A moment as text, UTC+8 as everywhere in Tencent Cloud's answers.
pub fn time_text(epoch_s: i64) -> String {
    const OFFSET_S: i64 = 8 * 3_600;
    let (year, month, day, hour, minute, second) =
        Moment::from_seconds(epoch_s.saturating_add(OFFSET_S)).civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `RebalanceTime` of an answer.
pub fn rebalance_time(instance: &Instance) -> String {
    let set = InstanceNotes::of(instance).rebalance_time;
    set.map_or_else(|| NO_TIME.to_owned(), time_text)
}

/// Figures of a plan that are the same in several answers.
pub struct Figures {
    /// `Bandwidth`, Mbit/s.
    pub bandwidth_mbit: i64,
    /// `MaxTopicNumber`.
    pub topics_max: i64,
    /// `MaxPartitionNumber`.
    pub partitions_max: i64,
}

/// What was bought, in the units of answers.
pub fn figures(instance: &Instance) -> Figures {
    let bought = &instance.plan.bought;
    Figures {
        bandwidth_mbit: bought.bandwidth_mbps.unwrap_or_default() * MBIT_PER_MB,
        topics_max: bought.topics.unwrap_or_default(),
        partitions_max: bought.partitions.unwrap_or_default(),
    }
}

/// Bandwidth in the unit of answers, Mbit/s.
pub fn mbit(bytes_per_second: u64) -> i64 {
    count(bytes_per_second >> 20) * MBIT_PER_MB
}

/// A count in an answer.
pub fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `ClusterType`: the only kind of cluster that there is here.
pub const CLUSTER_TYPE: &str = "CLOUD_IDC";
