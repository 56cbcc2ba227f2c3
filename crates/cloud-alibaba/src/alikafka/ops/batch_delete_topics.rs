//! BatchDeleteTopics: deletes some topics with their messages, each for itself.

use brokerage_domain::Error;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::JsonText;
use serde::{Deserialize, Serialize};

use crate::alikafka::fault::{fault, field, needed};

/// `Code` of a topic that was deleted.
const DONE: u16 = 200;

pub struct BatchDeleteTopics;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    topics: Option<JsonText<Vec<String>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    failed_count: usize,
    results: Results,
    success_count: usize,
    total: usize,
}

#[derive(Debug, Serialize)]
struct Results {
    #[serde(rename = "TopicDeleteResultItemVO")]
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    code: u16,
    /// The code that DeleteTopic would have been refused with.
    dynamic_code: String,
    dynamic_message: String,
    message: String,
    status: &'static str,
    success: bool,
    topic: String,
}

impl Operation for BatchDeleteTopics {
    const NAME: &'static str = "BatchDeleteTopics";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        control.instance_view(&cx, &id).await?;
        let topics = request.topics.map(|topics| topics.0).unwrap_or_default();
        if topics.is_empty() {
            return Err(needed("Topics", "it names the topics"));
        }
        let mut distinct = topics.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < topics.len() {
            return Err(field("Topics", "it names a topic twice"));
        }
        let results = control.topics_delete(cx, &id, &topics).await?;
        let items: Vec<Item> = topics.into_iter().zip(results).map(item).collect();
        let success_count = items.iter().filter(|item| item.success).count();
        Ok(Response {
            data: Data {
                failed_count: items.len() - success_count,
                success_count,
                total: items.len(),
                results: Results { items },
            },
        })
    }
}

fn item((topic, result): (String, Result<(), Error>)) -> Item {
    match result {
        Ok(()) => Item {
            code: DONE,
            dynamic_code: String::new(),
            dynamic_message: String::new(),
            message: "operation success.".to_owned(),
            status: "SUCCESS",
            success: true,
            topic,
        },
        Err(error) => {
            let refusal = fault(&error.into());
            Item {
                code: refusal.status,
                dynamic_code: refusal.code.into_owned(),
                dynamic_message: refusal.message.clone(),
                message: refusal.message,
                status: "FAILED",
                success: false,
                topic,
            }
        }
    }
}
