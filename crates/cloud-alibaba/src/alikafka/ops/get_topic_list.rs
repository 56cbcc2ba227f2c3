//! GetTopicList: the topics of an instance, a page at a time.

use brokerage_control::topic::TopicView;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, RegionUse, ResourceId};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::TagVoList;
use crate::alikafka::{topic_config, topic_words};

/// `PageSize` where none is given.
const PAGE_SIZE_DEFAULT: usize = 10;
/// Largest `PageSize`. Clients read up to 100 at once.
const PAGE_SIZE_MAX: usize = 100;

pub struct GetTopicList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: Option<String>,
    instance_id: String,
    topic: Option<String>,
    current_page: Option<i64>,
    page_size: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total: usize,
    page_size: usize,
    current_page: usize,
    topic_list: TopicList,
}

#[derive(Debug, Serialize)]
struct TopicList {
    #[serde(rename = "TopicVO")]
    topic_vo: Vec<TopicVo>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TopicVo {
    topic: String,
    instance_id: String,
    region_id: String,
    partition_num: i32,
    remark: String,
    status: i64,
    status_name: &'static str,
    create_time: i64,
    local_topic: bool,
    compact_topic: bool,
    auto_create: bool,
    topic_config: String,
    tags: TagVoList,
}

impl Operation for GetTopicList {
    const NAME: &'static str = "GetTopicList";
    const MODE: Mode = Mode::Read;
    const CALLS_PER_SECOND: Option<u32> = Some(100);
    const REGION: Option<RegionUse> = Some(RegionUse::Optional);
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let mut topics = match instance.phase {
            // They went with the cluster; Terraform has to see it before it can destroy what is left.
            Phase::Released => Vec::new(),
            _ => control.topic_list(cx, &id).await?,
        };
        // The filter is exact: Terraform takes the first of what comes back.
        if let Some(wanted) = given(request.topic.as_ref()) {
            topics.retain(|view| view.topic.name == wanted);
        }
        let count = |value: Option<i64>, default| {
            value.map_or(default, |value| usize::try_from(value).unwrap_or(0))
        };
        let current_page = count(request.current_page, 1).max(1);
        let page_size = count(request.page_size, PAGE_SIZE_DEFAULT).clamp(1, PAGE_SIZE_MAX);
        let total = topics.len();
        let page = topics
            .into_iter()
            .skip((current_page - 1).saturating_mul(page_size))
            .take(page_size);
        let topic_vo = page.map(|view| shown(view, &instance)).collect();
        Ok(Response {
            total,
            page_size,
            current_page,
            topic_list: TopicList { topic_vo },
        })
    }
}

fn shown(view: TopicView, instance: &Instance) -> TopicVo {
    let compacted = view
        .topic
        .configs
        .get(topic_words::CLEANUP_POLICY)
        .is_some_and(|policy| policy == topic_words::COMPACT);
    TopicVo {
        tags: TagVoList::of(&topic_words::tags(&view)),
        topic_config: topic_config::shown(&view),
        local_topic: topic_words::is_local(&view),
        compact_topic: compacted,
        // Made by a Kafka client, not here.
        auto_create: view.record.is_none(),
        instance_id: instance.id.to_string(),
        region_id: instance.region.clone(),
        partition_num: view.topic.partitions,
        status: 0,
        status_name: "Running",
        create_time: view
            .record
            .as_ref()
            .map_or(0, |record| record.created_at.millis()),
        remark: view.record.map(|record| record.remark).unwrap_or_default(),
        topic: view.topic.name,
    }
}
