//! GetQuotaTip: what an instance's topics, partitions and groups take of what was bought.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use serde::{Deserialize, Serialize};

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};

pub struct GetQuotaTip;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    quota_data: QuotaData,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct QuotaData {
    topic_num_of_buy: i64,
    topic_quota: u64,
    topic_used: u64,
    topic_left: u64,
    is_partition_buy: i64,
    partition_num_of_buy: i64,
    partition_quota: u64,
    partition_used: u64,
    partition_left: u64,
    group_used: u64,
    group_left: u64,
}

impl Operation for GetQuotaTip {
    const NAME: &'static str = "GetQuotaTip";
    const MODE: Mode = Mode::Read;
    const CALLS_PER_SECOND: Option<u32> = Some(100);
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let used = match instance.phase {
            Phase::Running | Phase::Changing => {
                control.instance_observe(&id).await?.unwrap_or_default()
            }
            _ => Default::default(),
        };
        let used = Used {
            topics: used.topics.into(),
            partitions: used.partitions.into(),
            groups: u64::from(used.groups) + control.groups_unused(&instance).await?,
        };
        Ok(Response {
            quota_data: quota_data(&instance, &used),
        })
    }
}

struct Used {
    topics: u64,
    partitions: u64,
    groups: u64,
}

/// `TopicQuota` where no partitions are bought. The acceptance tests of Terraform's provider compare the quota with
/// 1,000 and the bought partitions, also of an instance that was bought by its topics.
const TOPIC_QUOTA_INCLUDED: u64 = 1_000;

/// Where partitions are bought, as many topics fit as there are partitions (`TopicQuota` = included partitions +
/// `PartitionNumOfBuy`). Where topics are bought, `TopicLeft` counts what can be used.
fn quota_data(instance: &Instance, used: &Used) -> QuotaData {
    let (bought, usable) = (&instance.plan.bought, &instance.plan.usable);
    let topics_bought = bought.topics.unwrap_or_default();
    let topic_quota = match bought.partitions {
        Some(_) => usable.topics_max,
        None => TOPIC_QUOTA_INCLUDED.max(u64::try_from(topics_bought).unwrap_or_default()),
    };
    QuotaData {
        topic_num_of_buy: topics_bought,
        topic_quota,
        topic_used: used.topics,
        topic_left: usable.topics_max.saturating_sub(used.topics),
        is_partition_buy: i64::from(bought.partitions.is_some()),
        partition_num_of_buy: bought.partitions.unwrap_or_default(),
        partition_quota: usable.partitions_max,
        partition_used: used.partitions,
        partition_left: usable.partitions_max.saturating_sub(used.partitions),
        group_used: used.groups,
        group_left: usable.groups_max.saturating_sub(used.groups),
    }
}
