//! ListTagResources: the tags of resources that are named, or the instances that carry tags.

use brokerage_control::instance::{InstanceWalk, Slices};
use brokerage_domain::Error;
use brokerage_domain::instance::Tags;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::{Tag, tags_from};
use crate::alikafka::fault::field;
use crate::alikafka::ids::is_instance_id;
use crate::alikafka::tag_resource::{ResourceType, instance_ids, resources, tags_of};

/// Tags on one page, which ends with the last tag of an instance. The token of the next page is that instance's id.
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
        let ids = request.resource_id.unwrap_or_default();
        let after = given(request.next_token.as_ref())
            .unwrap_or_default()
            .to_owned();
        // Anything else would end the list in silence: the token of an answer is an instance's id.
        if !after.is_empty() && !is_instance_id(&after) {
            return Err(field("NextToken", "not a token of an answer"));
        }
        let carries = |tags: &Tags| {
            wanted.iter().all(|(key, value)| {
                tags.get(key)
                    .is_some_and(|has| value.is_empty() || has == value)
            })
        };
        let mut page = Page::default();
        if ids.is_empty() {
            if kind != ResourceType::Instance {
                return Err(field("ResourceId", "must name topics or groups"));
            }
            let mut walk = InstanceWalk::after(Slices::Tagged, after);
            while page.next.is_none()
                && let Some(slice) = call.control.instance_slice(&call.cx, &mut walk).await?
            {
                for instance in slice.into_iter().filter(|i| carries(&i.tags)) {
                    page.add(kind, instance.id.as_str(), instance.tags);
                }
            }
        } else {
            // What is named fits on one page.
            for (id, tags) in tagged(&call, kind, &ids).await? {
                if carries(&tags) {
                    page.add(kind, &id, tags);
                }
            }
        }
        Ok(Response {
            next_token: page.next.unwrap_or_default(),
            tag_resources: TagResources {
                tag_resource: page.tags,
            },
        })
    }
}

/// What has been found so far.
#[derive(Default)]
struct Page {
    tags: Vec<TagResource>,
    /// The last resource on the page, once one did not fit.
    next: Option<String>,
}

impl Page {
    fn add(&mut self, kind: ResourceType, id: &str, tags: Tags) {
        if self.next.is_some() {
            return;
        }
        if self.tags.len() + tags.len() > PAGE_TAGS_MAX {
            self.next = self.tags.last().map(|last| last.resource_id.clone());
            return;
        }
        self.tags
            .extend(tags.into_iter().map(|(tag_key, tag_value)| TagResource {
                resource_id: id.to_owned(),
                resource_type: kind.name(),
                tag_key,
                tag_value,
            }));
    }
}

/// The named resources with their tags. Those that are not there have none: Terraform asks for what it has just deleted.
async fn tagged(
    call: &Call,
    kind: ResourceType,
    ids: &[String],
) -> Result<Vec<(String, Tags)>, CallError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_an_instance() {
        let tags = |count| -> Tags {
            let tag = |number| (format!("k{number}"), String::new());
            (0..count).map(tag).collect()
        };
        let check = |sizes: &[usize], shown: usize, next: Option<&str>| {
            let mut page = Page::default();
            for (number, size) in sizes.iter().enumerate() {
                page.add(ResourceType::Instance, &format!("i-{number}"), tags(*size));
            }
            assert_eq!(
                (page.tags.len(), page.next.as_deref()),
                (shown, next),
                "{sizes:?}"
            );
        };
        check(&[], 0, None);
        check(&[20; 50], 1_000, None);
        check(&[20; 51], 1_000, Some("i-49"));
        check(&[&[19][..], &[20; 50]].concat(), 999, Some("i-49"));
        // What comes behind one that did not fit is left for the next page, though it would.
        check(&[&[20; 49][..], &[19, 2, 1]].concat(), 999, Some("i-49"));
    }
}
