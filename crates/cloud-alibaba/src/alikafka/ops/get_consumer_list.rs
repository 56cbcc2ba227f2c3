//! GetConsumerList: the consumer groups of an instance, a page at a time.

use brokerage_control::group::GroupEntry;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::page::Page;
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::TagVoList;
use crate::alikafka::group_words;

/// Largest `PageSize`. Without one everything is answered: Terraform's data source asks for no page.
const PAGE_SIZE_MAX: usize = 100;

pub struct GetConsumerList;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    consumer_id: Option<String>,
    current_page: Option<i64>,
    instance_id: String,
    page_size: Option<i64>,
    #[serde(rename = "RegionId")]
    _region_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    consumer_list: ConsumerList,
    current_page: usize,
    page_size: usize,
    total: usize,
}

#[derive(Debug, Serialize)]
struct ConsumerList {
    #[serde(rename = "ConsumerVO")]
    consumer_vo: Vec<ConsumerVo>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerVo {
    automatically_created_group: bool,
    consumer_id: String,
    create_time: i64,
    instance_id: String,
    region_id: String,
    remark: String,
    tags: TagVoList,
}

impl Operation for GetConsumerList {
    const NAME: &'static str = "GetConsumerList";
    const MODE: Mode = Mode::Read;
    const CALLS_PER_SECOND: Option<u32> = Some(100);
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let mut groups = match instance.phase {
            // As with topics: they went with the cluster.
            Phase::Released => Vec::new(),
            _ => control.group_list(cx, &id).await?,
        };
        // The filter is exact: Terraform takes the first of what comes back.
        if let Some(wanted) = given(request.consumer_id.as_ref()) {
            groups.retain(|entry| entry.listed.id == wanted);
        }
        let total = groups.len();
        let count = |value: i64| usize::try_from(value).unwrap_or(0);
        let size = request.page_size.map(count);
        let size = size.map_or(total.max(1), |size| size.clamp(1, PAGE_SIZE_MAX));
        let page = Page::numbered(request.current_page.map_or(1, count).max(1), size);
        let consumer_vo = page.cut(groups).into_iter();
        Ok(Response {
            consumer_list: ConsumerList {
                consumer_vo: consumer_vo.map(|entry| shown(entry, &instance)).collect(),
            },
            current_page: page.number,
            page_size: page.size,
            total,
        })
    }
}

fn shown(entry: GroupEntry, instance: &Instance) -> ConsumerVo {
    let made_here = entry.record.as_ref().filter(|record| record.is_made_here);
    ConsumerVo {
        // A Kafka client made it, not here.
        automatically_created_group: made_here.is_none(),
        create_time: made_here.map_or(0, |record| record.created_at.millis()),
        instance_id: instance.id.to_string(),
        region_id: instance.region.clone(),
        tags: TagVoList::of(&group_words::tags(&entry)),
        remark: entry.record.map(|record| record.remark).unwrap_or_default(),
        consumer_id: entry.listed.id,
    }
}
