//! DescribeTopicSubscribeGroup: the groups that read a topic.

use std::collections::BTreeMap;

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::group_words::GroupInfo;

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`; ours: the page names none.
const LIMIT_MAX: i64 = 200;
/// `Status` of an answer that is whole: nothing is found later.
const WHOLE: i64 = 1;

pub struct DescribeTopicSubscribeGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
    offset: Option<i64>,
    limit: Option<i64>,
}

/// `TopicSubscribeGroup`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    total_count: usize,
    /// How many groups are in which state, as JSON.
    status_count_info: String,
    groups_info: Vec<GroupInfo>,
    status: i64,
}

impl Operation for DescribeTopicSubscribeGroup {
    const NAME: &'static str = "DescribeTopicSubscribeGroup";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let groups = control
            .topic_group_list(cx, &id, &request.topic_name)
            .await?;
        let infos: Vec<GroupInfo> = groups.into_iter().map(GroupInfo::of).collect();
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for info in &infos {
            *states.entry(&info.state).or_default() += 1;
        }
        let status_count_info =
            serde_json::to_string(&states).map_err(brokerage_domain::Error::internal)?;
        let total_count = infos.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        Ok(Answered::new(Found {
            total_count,
            status_count_info,
            groups_info: page.cut(infos),
            status: WHOLE,
        }))
    }
}
