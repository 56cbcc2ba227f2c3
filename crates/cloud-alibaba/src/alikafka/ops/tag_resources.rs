//! TagResources: puts tags on instances, topics or groups.

use brokerage_control::tag::TagEdit;
use brokerage_wire::fault::{CallError, missing};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Ignored;
use serde::Deserialize;

use crate::alikafka::convert::{TAGS_MAX, Tag, tags_from};
use crate::alikafka::tag_resource::{ResourceType, edit, instance_ids, resources};

pub struct TagResources;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    resource_type: String,
    resource_id: Vec<String>,
    tag: Vec<Tag>,
    #[expect(dead_code, reason = "the resource ids name the instance")]
    instance_id: Option<Ignored<String>>,
}

impl Operation for TagResources {
    const NAME: &'static str = "TagResources";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();

    fn resources(request: &Request) -> Vec<String> {
        instance_ids(&request.resource_type, &request.resource_id)
    }

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let resources = resources(
            ResourceType::read(&request.resource_type)?,
            &request.resource_id,
        )?;
        let set = tags_from(Some(request.tag))?;
        if set.is_empty() {
            return Err(missing("Tag"));
        }
        let change = TagEdit {
            set,
            tags_max: TAGS_MAX,
            ..TagEdit::default()
        };
        edit(call, resources, change).await
    }
}
