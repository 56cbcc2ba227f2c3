//! ModifyResourceTags: sets and takes away tags of one instance.

use brokerage_control::instance::Edit;
use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Ignored;
use serde::{Deserialize, Serialize};

use crate::ckafka::check;
use crate::ckafka::convert::Tag;
use crate::tag::{RESOURCE_PREFIX, SERVICE};

/// Parts of a resource name, `qcs::ckafka:REGION:uin/UIN:ckafkaId/ID`.
const RESOURCE_PARTS: usize = 6;

pub struct ModifyResourceTags;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    resource: String,
    replace_tags: Option<Vec<ReplacedTag>>,
    delete_tags: Option<Vec<TagKey>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplacedTag {
    tag_key: String,
    tag_value: String,
    #[expect(dead_code, reason = "every tag is of one category here")]
    category: Option<Ignored<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagKey {
    tag_key: String,
}

/// Nothing beside the request id.
#[derive(Debug, Serialize)]
pub struct Response {}

impl Operation for ModifyResourceTags {
    const NAME: &'static str = "ModifyResourceTags";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Response;

    fn resources(request: &Request) -> Vec<String> {
        // What names no instance is refused by the call itself.
        let named = instance_of(&request.resource).into_iter();
        named.map(|(_, id)| id.to_string()).collect()
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = call;
        let (region, id) = instance_of(&request.resource)?;
        let replaced = request.replace_tags.into_iter().flatten();
        let replaced = replaced.map(|tag| Tag {
            tag_key: tag.tag_key,
            tag_value: tag.tag_value,
        });
        let edit = Edit {
            tags: check::tags("ReplaceTags", Some(replaced.collect()))?,
            tags_dropped: request
                .delete_tags
                .into_iter()
                .flatten()
                .map(|tag| tag.tag_key)
                .collect(),
            ..Edit::default()
        };
        if let Some(key) = edit
            .tags_dropped
            .iter()
            .find(|key| edit.tags.contains_key(*key))
        {
            return Err(check::repetition(format!(
                "The tag key {key} is both replaced and deleted."
            )));
        }
        if edit.tags.is_empty() && edit.tags_dropped.is_empty() {
            return Err(check::not_allowed_empty("ReplaceTags"));
        }
        control
            .instance_edit(cx.about_region(region), &id, edit)
            .await?;
        Ok(Response {})
    }
}

/// The region that a resource's name has, which may be empty, and its instance.
fn instance_of(resource: &str) -> Result<(&str, InstanceId), CallError> {
    let parts: Vec<&str> = resource.split(':').collect();
    if parts.len() != RESOURCE_PARTS || parts[0] != "qcs" {
        return Err(invalid(
            "Resource",
            "is not of the form qcs::service:region:uin/uin:prefix/id",
        ));
    }
    match parts[RESOURCE_PARTS - 1].split_once('/') {
        Some((RESOURCE_PREFIX, id)) if parts[2] == SERVICE => Ok((parts[3], InstanceId::new(id))),
        _ => Err(Error::not_found(Kind::Instance, resource).into()),
    }
}
