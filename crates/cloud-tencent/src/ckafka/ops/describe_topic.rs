//! DescribeTopic: the topics of a cluster by name.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::given;
use crate::ckafka::topics;

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`. The page says 50; Terraform asks for 200 and takes a shorter page for the last one.
const LIMIT_MAX: i64 = 200;

pub struct DescribeTopic;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    search_word: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    acl_rule_name: Option<String>,
}

/// `TopicResult`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    topic_list: Vec<Entry>,
    total_count: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    topic_id: String,
    topic_name: String,
    note: String,
}

impl Operation for DescribeTopic {
    const NAME: &'static str = "DescribeTopic";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let mut found = control.topic_list(cx, &id).await?;
        let word = given(request.search_word.as_ref());
        // No topic is bound to a preset ACL rule here.
        let by_rule = given(request.acl_rule_name.as_ref()).is_some();
        found.retain(|view| {
            !by_rule && word.is_none_or(|word| topics::matches_word(&instance, view, word))
        });
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let entry = |view| Entry {
            topic_id: topics::topic_id(&instance, &view),
            note: topics::note(&view),
            topic_name: view.topic.name,
        };
        let topic_list = page.cut(found).into_iter().map(entry).collect();
        Ok(Answered::new(Found {
            topic_list,
            total_count,
        }))
    }
}
