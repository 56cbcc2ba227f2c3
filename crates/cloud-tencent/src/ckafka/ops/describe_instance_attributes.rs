//! DescribeInstanceAttributes: one cluster with what was bought, what is set and what is used.

use brokerage_control::Control;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::topic::TopicUsage;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::convert::{self, Tag, VipEntity};
use crate::ckafka::notes::{ConfigShown, DynamicRetentionShown, InstanceNotes};

/// Kafka's `transactional.id.expiration.ms` where none is set: a week.
const TRANSACTIONAL_ID_EXPIRATION_MS_DEFAULT: i64 = 604_800_000;
/// `ElasticBandwidthOpenStatus`: off, and on.
const ELASTIC_OFF: i64 = 1;
const ELASTIC_ON: i64 = 32;

pub struct DescribeInstanceAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
}

/// `InstanceAttributesResponse`. Terraform's provider ends when one of `RetentionTimeConfig`, `Status`, `Bandwidth`
/// and `InstanceType` is absent, and plans a change for ever when `Config` is there without having been set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    instance_id: String,
    instance_name: String,
    vip_list: Vec<VipEntity>,
    vip: String,
    vport: String,
    status: i64,
    bandwidth: i64,
    disk_size: i64,
    zone_id: i64,
    vpc_id: String,
    subnet_id: String,
    healthy: i64,
    healthy_message: String,
    create_time: i64,
    remainder_partitions: i64,
    remainder_topics: i64,
    created_partitions: i64,
    created_topics: i64,
    tags: Vec<Tag>,
    expire_time: i64,
    zone_ids: Vec<i64>,
    version: String,
    max_group_num: i64,
    cvm: i64,
    instance_type: String,
    features: Vec<String>,
    max_connection: i64,
    public_network: i64,
    delete_route_timestamp: &'static str,
    remaining_partitions: i64,
    remaining_topics: i64,
    system_maintenance_time: &'static str,
    instance_charge_type: &'static str,
    cluster_type: &'static str,
    free_partition_number: i64,
    #[serde(flatten)]
    set: Set,
}

/// What is set of an instance, in the same object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Set {
    msg_retention_time: i64,
    config: Option<ConfigShown>,
    retention_time_config: DynamicRetentionShown,
    dynamic_disk_config: DynamicDisk,
    max_message_byte: i64,
    elastic_bandwidth_switch: i64,
    elastic_bandwidth_open_status: i64,
    elastic_float_bandwidth: i64,
    custom_cert_id: String,
    unclean_leader_election_enable: i64,
    delete_protection_enable: i64,
    retention_bytes: i64,
    transactional_id_expiration_ms: i64,
}

/// `DynamicDiskConfig`: disks here do not grow by themselves.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DynamicDisk {
    enable: i64,
    step_forward_percentage: i64,
    disk_quota_percentage: i64,
    max_disk_space: i64,
}

impl Operation for DescribeInstanceAttributes {
    const NAME: &'static str = "DescribeInstanceAttributes";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Attributes>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let instance = control
            .instance_view(cx, &InstanceId::new(request.instance_id))
            .await?;
        let used = control.topic_usage(&instance).await?;
        let bandwidth = instance.plan.bought.bandwidth_mbps.unwrap_or_default();
        let catalog = control
            .catalog_of(&instance.plan)
            .or_else(|_| control.catalog(cx.profile))?;
        let included = catalog.partitions_included(bandwidth);
        Ok(Answered::new(attributes(
            control, &instance, used, included,
        )))
    }
}

fn attributes(
    control: &Control,
    instance: &Instance,
    used: TopicUsage,
    included: i64,
) -> Attributes {
    let figures = convert::figures(instance);
    let usable = &instance.plan.usable;
    let vip_list = convert::vips(control, instance);
    let first = vip_list.first().cloned();
    let zone_ids = convert::zone_ids(instance);
    let placement = instance.placement.as_ref();
    let partitions_left = convert::count(usable.partitions_max.saturating_sub(used.partitions));
    let topics_left = convert::count(usable.topics_max.saturating_sub(used.topics));
    Attributes {
        instance_id: instance.id.to_string(),
        instance_name: convert::name(instance).to_owned(),
        vip: first
            .as_ref()
            .map(|vip| vip.vip.clone())
            .unwrap_or_default(),
        vport: first.map(|vip| vip.vport).unwrap_or_default(),
        vip_list,
        status: convert::status(instance.phase),
        bandwidth: figures.bandwidth_mbit,
        disk_size: instance.plan.bought.disk_gb,
        zone_id: zone_ids.first().copied().unwrap_or_default(),
        vpc_id: placement
            .map(|placement| placement.network_id.to_string())
            .unwrap_or_default(),
        subnet_id: placement
            .map(|placement| placement.subnet_id.to_string())
            .unwrap_or_default(),
        healthy: convert::healthy(instance.phase),
        healthy_message: instance.failure.clone().unwrap_or_default(),
        create_time: instance.created_at.seconds(),
        remainder_partitions: partitions_left,
        remainder_topics: topics_left,
        created_partitions: convert::count(used.partitions),
        created_topics: convert::count(used.topics),
        tags: convert::tags(&instance.tags),
        expire_time: convert::expire_time(instance),
        zone_ids,
        version: instance.plan.version.clone(),
        max_group_num: convert::count(usable.groups_max),
        cvm: convert::cvm(instance),
        instance_type: convert::instance_type(instance).to_owned(),
        features: Vec::new(),
        max_connection: convert::count(usable.connections_max),
        public_network: convert::public_network(instance),
        delete_route_timestamp: convert::NO_TIME,
        remaining_partitions: partitions_left,
        remaining_topics: topics_left,
        system_maintenance_time: "",
        instance_charge_type: convert::charge_type(instance),
        cluster_type: convert::CLUSTER_TYPE,
        free_partition_number: included,
        set: set(instance),
    }
}

fn set(instance: &Instance) -> Set {
    let notes = InstanceNotes::of(instance);
    let elastic = notes.elastic_bandwidth.unwrap_or(0);
    Set {
        msg_retention_time: convert::retention_minutes(instance),
        config: notes.config,
        retention_time_config: notes.dynamic_retention.unwrap_or_default(),
        dynamic_disk_config: DynamicDisk::default(),
        max_message_byte: convert::message_bytes(instance),
        elastic_bandwidth_switch: elastic,
        elastic_bandwidth_open_status: if elastic == 1 {
            ELASTIC_ON
        } else {
            ELASTIC_OFF
        },
        elastic_float_bandwidth: 0,
        custom_cert_id: notes.certificate.unwrap_or_default(),
        unclean_leader_election_enable: i64::from(convert::unclean_leader_election(instance)),
        delete_protection_enable: i64::from(instance.deletion_protected),
        retention_bytes: convert::retention_bytes(instance),
        transactional_id_expiration_ms: instance
            .settings
            .transactional_id_expiration_ms
            .unwrap_or(TRANSACTIONAL_ID_EXPIRATION_MS_DEFAULT),
    }
}
