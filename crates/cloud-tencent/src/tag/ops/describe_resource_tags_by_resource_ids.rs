//! DescribeResourceTagsByResourceIds: the tags of some instances, page by page.

use brokerage_domain::Error;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::page;
use crate::ckafka::check;
use crate::tag::{RESOURCE_PREFIX, SERVICE};

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 15;
/// Largest `Limit`.
const LIMIT_MAX: i64 = 400;
/// Most `ResourceIds` of one call.
const RESOURCES_MAX: usize = 50;

/// The category of tags that owners give.
const CATEGORY: &str = "Custom";

pub struct DescribeResourceTagsByResourceIds;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    service_type: String,
    resource_prefix: String,
    resource_ids: Vec<String>,
    resource_region: Option<String>,
    category: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
}

/// The answer; Terraform asks for the next page while one is full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    total_count: usize,
    offset: usize,
    limit: usize,
    tags: Vec<TagResource>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagResource {
    tag_key: String,
    tag_value: String,
    resource_id: String,
    tag_key_md5: String,
    tag_value_md5: String,
    service_type: &'static str,
    category: &'static str,
}

impl Operation for DescribeResourceTagsByResourceIds {
    const NAME: &'static str = "DescribeResourceTagsByResourceIds";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    fn resources(request: &Request) -> Vec<String> {
        request.resource_ids.clone()
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        if request.resource_ids.len() > RESOURCES_MAX {
            return Err(check::value(
                "ResourceIds",
                format!("has more than {RESOURCES_MAX} entries"),
            ));
        }
        let category = request.category.as_deref().unwrap_or_default();
        // Every tag is its owner's.
        let all = match category {
            "" | CATEGORY | "All" => true,
            "System" => false,
            _ => {
                let words = [CATEGORY, "System", "All"];
                return Err(check::value(
                    "Category",
                    format!("must be one of {}", words.join(", ")),
                ));
            }
        };
        let ours =
            all && request.service_type == SERVICE && request.resource_prefix == RESOURCE_PREFIX;
        // Resources name their region beside them.
        let cx = cx.in_region(request.resource_region.unwrap_or_default());
        let mut found = Vec::new();
        for id in request.resource_ids.iter().filter(|_| ours) {
            let instance = match control
                .instance_view(&cx, &InstanceId::new(id.as_str()))
                .await
            {
                Ok(instance) => instance,
                Err(Error::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let tags = instance.tags.into_iter();
            found.extend(tags.map(|(key, value)| tag_resource(id, key, value)));
        }
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        Ok(Response {
            total_count,
            offset: page.offset,
            limit: page.size,
            tags: page.cut(found),
        })
    }
}

fn tag_resource(id: &str, tag_key: String, tag_value: String) -> TagResource {
    let md5 = |text: &str| hex::encode(Md5::digest(text));
    TagResource {
        tag_key_md5: md5(&tag_key),
        tag_value_md5: md5(&tag_value),
        tag_key,
        tag_value,
        resource_id: id.to_owned(),
        service_type: SERVICE,
        category: CATEGORY,
    }
}
