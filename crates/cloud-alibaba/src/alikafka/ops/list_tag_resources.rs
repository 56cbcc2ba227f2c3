//! ListTagResources: the tags of resources that are named, or the instances that carry tags.

use std::collections::BTreeMap;

use brokerage_control::instance::{InstanceWalk, Slices};
use brokerage_domain::Error;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::{Tag, given, tags_from};
use crate::alikafka::fault::field;
use crate::alikafka::tag_resource::{ResourceType, instance_ids, resources, tags_of};

/// Tags on one page. The token of the next page is how many were on those before it.
const PAGE_TAGS_MAX: usize = 1_000;

pub struct ListTagResources;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    resource_type: String,
    resource_id: Option<Vec<String>>,
    tag: Option<Vec<Tag>>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    next_token: String,
    tag_resources: TagResources,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagResources {
    tag_resource: Vec<TagResource>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagResource {
    resource_id: String,
    resource_type: &'static str,
    tag_key: String,
    tag_value: String,
}

impl Operation for ListTagResources {
    const NAME: &'static str = "ListTagResources";
    const MODE: Mode = Mode::Read;
    const CALLS_PER_SECOND: Option<u32> = Some(100);
    type Request = Request;
    type Response = Response;

    fn resources(request: &Request) -> Vec<String> {
        let ids = request.resource_id.as_deref().unwrap_or_default();
        instance_ids(&request.resource_type, ids)
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let kind = ResourceType::read(&request.resource_type)?;
        let wanted = tags_from(request.tag)?;
        let skipped = match given(request.next_token) {
            Some(token) => token
                .parse()
                .map_err(|_| field("NextToken", "not a token of an answer"))?,
            None => 0_usize,
        };
        let tagged = tagged(&call, kind, &request.resource_id.unwrap_or_default()).await?;
        let carries = |tags: &BTreeMap<String, String>| {
            wanted.iter().all(|(key, value)| {
                tags.get(key)
                    .is_some_and(|has| value.is_empty() || has == value)
            })
        };
        let carrying = tagged.into_iter().filter(|(_, tags)| carries(tags));
        let rows = carrying.flat_map(|(id, tags)| {
            tags.into_iter()
                .map(move |(tag_key, tag_value)| TagResource {
                    resource_id: id.clone(),
                    resource_type: kind.name(),
                    tag_key,
                    tag_value,
                })
        });
        let mut tag_resource: Vec<TagResource> =
            rows.skip(skipped).take(PAGE_TAGS_MAX + 1).collect();
        let next_token = match tag_resource.len() > PAGE_TAGS_MAX {
            true => (skipped + PAGE_TAGS_MAX).to_string(),
            false => String::new(),
        };
        tag_resource.truncate(PAGE_TAGS_MAX);
        Ok(Response {
            next_token,
            tag_resources: TagResources { tag_resource },
        })
    }
}

/// Resources with their tags. Those that are not there have none: Terraform asks for what it has just deleted.
async fn tagged(
    call: &Call,
    kind: ResourceType,
    ids: &[String],
) -> Result<Vec<(String, BTreeMap<String, String>)>, CallError> {
    if ids.is_empty() {
        return match kind {
            ResourceType::Instance => {
                let mut tagged = Vec::new();
                let mut walk = InstanceWalk::over(Slices::Tagged);
                while let Some(slice) = call.control.instance_slice(&call.cx, &mut walk).await? {
                    let tags = slice.into_iter();
                    tagged.extend(tags.map(|instance| (instance.id.to_string(), instance.tags)));
                }
                Ok(tagged)
            }
            ResourceType::Topic | ResourceType::Group => {
                Err(field("ResourceId", "must name topics or groups"))
            }
        };
    }
    if kind == ResourceType::Group {
        return Ok(Vec::new());
    }
    let mut tagged = Vec::with_capacity(ids.len());
    for resource in resources(kind, ids)? {
        match tags_of(call, &resource).await {
            Ok(tags) => tagged.push((resource.id, tags)),
            Err(CallError::Domain(Error::NotFound { .. } | Error::WrongPhase { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(tagged)
}
