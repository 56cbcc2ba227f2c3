//! DescribeTopicAttributes: one topic with its settings and partitions.

use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::topics::{self, Config};

pub struct DescribeTopicAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
}

/// `TopicAttributesResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    topic_id: String,
    create_time: i64,
    note: String,
    partition_num: i32,
    enable_white_list: i64,
    ip_white_list: Vec<String>,
    config: Config,
    partitions: Vec<Partition>,
    enable_acl_rule: i64,
    /// No preset ACL rules are made here.
    acl_rule_list: [(); 0],
    quota_config: Quota,
    replica_num: i16,
}

/// `InstanceQuotaConfigResp`: topics have no quotas of their own here.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    quota_producer_byte_rate: Option<i64>,
    quota_consumer_byte_rate: Option<i64>,
}

/// `TopicPartitionDO`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Partition {
    partition: i32,
    leader_status: i64,
    isr_num: i16,
    replica_num: i16,
}

impl Operation for DescribeTopicAttributes {
    const NAME: &'static str = "DescribeTopicAttributes";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Attributes>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let found = control
            .topic_list(cx, &id)
            .await?
            .into_iter()
            .find(|view| view.topic.name == request.topic_name);
        let view = found.ok_or_else(|| Error::not_found(Kind::Topic, request.topic_name))?;
        let replicas = view.topic.replication_factor;
        let partition = |partition| Partition {
            partition,
            leader_status: 1,
            isr_num: replicas,
            replica_num: replicas,
        };
        Ok(Answered::new(Attributes {
            topic_id: topics::topic_id(&instance, &view),
            create_time: topics::create_time(&view),
            note: topics::note(&view),
            partition_num: view.topic.partitions,
            enable_white_list: i64::from(topics::white_list_enabled(&view)),
            ip_white_list: topics::white_list(&view),
            config: Config::of(&view, &instance),
            partitions: (0..view.topic.partitions).map(partition).collect(),
            enable_acl_rule: 0,
            acl_rule_list: [],
            quota_config: Quota::default(),
            replica_num: replicas,
        }))
    }
}
