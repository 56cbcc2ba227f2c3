//! DescribeGroup: the consumer groups of a cluster by name.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::{check_filters, given};
use crate::ckafka::convert::count;

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`; ours: the page names none.
const LIMIT_MAX: i64 = 200;
/// The one filter: Kafka's name of a group's state.
const GROUP_STATE: &str = "GroupState";

pub struct DescribeGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    search_word: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    filters: Option<Vec<Filter>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    values: Vec<String>,
}

/// `GroupResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    total_count: usize,
    group_list: Vec<Group>,
    group_count_quota: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    group: String,
    protocol: String,
}

impl Operation for DescribeGroup {
    const NAME: &'static str = "DescribeGroup";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let filters = request.filters.as_deref().unwrap_or_default();
        let named = filters.iter().map(|f| (f.name.as_str(), f.values.len()));
        check_filters(named, &[GROUP_STATE])?;
        let mut found = control.group_list(cx, &id).await?;
        let word = given(request.search_word.as_ref());
        found.retain(|entry| {
            let in_state = |filter: &Filter| filter.values.contains(&entry.listed.state);
            word.is_none_or(|word| entry.listed.id.contains(word)) && filters.iter().all(in_state)
        });
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let group_list = page.cut(found).into_iter().map(|entry| Group {
            group: entry.listed.id,
            protocol: entry.listed.protocol_type,
        });
        Ok(Answered::new(Found {
            total_count,
            group_list: group_list.collect(),
            group_count_quota: count(instance.plan.usable.groups_max),
        }))
    }
}
