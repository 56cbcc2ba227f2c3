//! What tags are put on: instances, topics and groups, by the vendor's names for them.

use std::collections::BTreeMap;

use brokerage_control::Context;
use brokerage_control::instance_edit::InstanceEdit;
use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;

use super::convert::TAGS_MAX;
use super::fault::field;
use super::{ids, topic_words};
use crate::fault::CallError;
use crate::operation::Call;

/// Most resources in one request ("TagResources": 50).
const RESOURCES_MAX: usize = 50;

/// `ResourceType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceType {
    /// `INSTANCE`.
    Instance,
    /// `TOPIC`.
    Topic,
    /// `CONSUMERGROUP`.
    Group,
}

impl ResourceType {
    /// The vendor's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instance => "INSTANCE",
            Self::Topic => "TOPIC",
            Self::Group => "CONSUMERGROUP",
        }
    }

    /// Reads the name, in any case.
    ///
    /// # Errors
    /// Another name.
    pub fn read(text: &str) -> Result<Self, CallError> {
        let all = [Self::Instance, Self::Topic, Self::Group];
        let found = all
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| field("ResourceType", "must be INSTANCE, TOPIC or CONSUMERGROUP"))
    }
}

/// A resource that tags are put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// As the caller names it.
    pub id: String,
    /// Its instance.
    pub instance: InstanceId,
    /// Its topic.
    pub topic: Option<String>,
}

/// A change of tags.
#[derive(Debug, Clone, Default)]
pub struct TagEdit {
    /// Tags that are set.
    pub set: BTreeMap<String, String>,
    /// Keys that are taken away.
    pub dropped: Vec<String>,
    /// Whether every tag is taken away.
    pub all_dropped: bool,
}

/// The resources of a request.
///
/// # Errors
/// None or too many, an id of another form, groups (which are Kafka's own and keep no tags here).
pub fn resources(kind: ResourceType, list: &[String]) -> Result<Vec<Resource>, CallError> {
    if list.is_empty() || list.len() > RESOURCES_MAX {
        return Err(field(
            "ResourceId",
            format!("must be 1 to {RESOURCES_MAX} ids"),
        ));
    }
    let resource = |(number, id): (usize, &String)| {
        let invalid = |reason: &str| field(&format!("ResourceId.{number}"), reason);
        let (instance, topic) = match kind {
            ResourceType::Instance => (InstanceId::new(id), None),
            ResourceType::Topic => {
                let parts = ids::resource_parts(id);
                let (instance, topic) =
                    parts.ok_or_else(|| invalid("must be Kafka_<instance>_<topic>"))?;
                (instance, Some(topic.to_owned()))
            }
            ResourceType::Group => return Err(invalid("tags of groups are not supported here")),
        };
        Ok(Resource {
            id: id.clone(),
            instance,
            topic,
        })
    };
    (1..).zip(list).map(resource).collect()
}

/// The instances of a request's resources, as policies name them: what is refused later names none.
pub fn instance_ids(kind: &str, list: &[String]) -> Vec<String> {
    let found = ResourceType::read(kind).and_then(|kind| resources(kind, list));
    let ids = found.unwrap_or_default().into_iter();
    ids.map(|resource| resource.instance.to_string()).collect()
}

/// The tags of a resource.
///
/// # Errors
/// [`Error::NotFound`] for instance or topic; [`Error::WrongPhase`] for a topic of an instance that does not run.
pub async fn tags_of(
    call: &Call,
    resource: &Resource,
) -> Result<BTreeMap<String, String>, CallError> {
    let Call { control, cx } = call;
    let Some(name) = &resource.topic else {
        return Ok(control.instance_view(cx, &resource.instance).await?.tags);
    };
    let topics = control.topic_list(cx, &resource.instance).await?;
    let found = topics.iter().find(|view| view.topic.name == *name);
    let found = found.ok_or_else(|| Error::not_found(Kind::Topic, name))?;
    Ok(topic_words::tags(found))
}

/// Changes the tags of all resources. Nothing is changed unless each of them is there and has room; the changes
/// themselves are one transaction each.
///
/// # Errors
/// As [`tags_of`]; too many tags on one of them.
pub async fn edit(call: &Call, resources: &[Resource], edit: &TagEdit) -> Result<(), CallError> {
    let mut plans = Vec::with_capacity(resources.len());
    for resource in resources {
        let before = tags_of(call, resource).await?;
        let mut after = before.clone();
        after.retain(|key, _| !edit.all_dropped && !edit.dropped.contains(key));
        after.extend(edit.set.clone());
        if after.len() > TAGS_MAX {
            return Err(field(
                "Tag",
                format!("more than {TAGS_MAX} tags on {}", resource.id),
            ));
        }
        let dropped: Vec<String> = before
            .into_keys()
            .filter(|key| !after.contains_key(key))
            .collect();
        plans.push((resource, dropped));
    }
    // The nonce belongs to the call, not to each of its transactions: the first one remembers it.
    let mut cx = call.cx.clone();
    for (resource, dropped) in plans {
        apply(call, &cx, resource, &edit.set, dropped).await?;
        cx.nonce = None;
    }
    Ok(())
}

async fn apply(
    call: &Call,
    cx: &Context,
    resource: &Resource,
    set: &BTreeMap<String, String>,
    dropped: Vec<String>,
) -> Result<(), CallError> {
    match &resource.topic {
        None => {
            let edit = InstanceEdit {
                tags: set.clone(),
                tags_dropped: dropped,
                ..InstanceEdit::default()
            };
            Ok(call
                .control
                .instance_edit(cx, &resource.instance, edit)
                .await?)
        }
        Some(topic) => {
            let edit = TopicEdit {
                attributes: topic_words::tag_attributes(set),
                attributes_dropped: dropped
                    .iter()
                    .map(|key| topic_words::tag_attribute(key))
                    .collect(),
                ..TopicEdit::default()
            };
            Ok(call
                .control
                .topic_edit(cx, &resource.instance, topic, edit)
                .await?)
        }
    }
}
