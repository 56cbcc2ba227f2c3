//! UntagResources: takes tags off instances, topics or groups.

use brokerage_control::tag::TagEdit;
use brokerage_wire::fault::{CallError, missing};
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::Deserialize;

use crate::alikafka::convert::TAGS_MAX;
use crate::alikafka::fault::field;
use crate::alikafka::tag_resource::{ResourceType, edit, instance_ids, resources};

pub struct UntagResources;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    resource_type: String,
    resource_id: Vec<String>,
    tag_key: Option<Vec<String>>,
    all: Option<bool>,
}

impl Operation for UntagResources {
    const NAME: &'static str = "UntagResources";
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
        let dropped = request.tag_key.unwrap_or_default();
        if dropped.len() > TAGS_MAX {
            return Err(field("TagKey", format!("more than {TAGS_MAX} keys")));
        }
        // "All takes effect only when TagKey is empty."
        let all_dropped = dropped.is_empty() && request.all.unwrap_or(false);
        if dropped.is_empty() && !all_dropped {
            return Err(missing("TagKey"));
        }
        let change = TagEdit {
            dropped,
            all_dropped,
            tags_max: TAGS_MAX,
            ..TagEdit::default()
        };
        edit(call, resources, change).await
    }
}
