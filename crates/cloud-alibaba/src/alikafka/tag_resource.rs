//! What tags are put on: instances, topics and groups, by the vendor's names for them.

use brokerage_control::tag::{TagEdit, Tagged, TaggedPart};
use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Tags;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::Call;

use super::convert::TAGS_MAX;
use super::fault::field;
use super::{group_words, ids, topic_words};

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
    /// What it is.
    pub tagged: Tagged,
}

/// The resources of a request.
///
/// # Errors
/// None or too many, an id of another form.
pub fn resources(kind: ResourceType, list: &[String]) -> Result<Vec<Resource>, CallError> {
    if list.is_empty() || list.len() > RESOURCES_MAX {
        return Err(field(
            "ResourceId",
            format!("must be 1 to {RESOURCES_MAX} ids"),
        ));
    }
    let resource = |(number, id): (usize, &String)| {
        let invalid = |reason: &str| field(&format!("ResourceId.{number}"), reason);
        let parts = || ids::resource_parts(id);
        let (instance, part) = match kind {
            ResourceType::Instance => (InstanceId::new(id), TaggedPart::Whole),
            ResourceType::Topic => {
                let (instance, topic) =
                    parts().ok_or_else(|| invalid("must be Kafka_<instance>_<topic>"))?;
                (instance, TaggedPart::Topic(topic.to_owned()))
            }
            ResourceType::Group => {
                let (instance, group) =
                    parts().ok_or_else(|| invalid("must be Kafka_<instance>_<group>"))?;
                (instance, TaggedPart::Group(group.to_owned()))
            }
        };
        Ok(Resource {
            id: id.clone(),
            tagged: Tagged { instance, part },
        })
    };
    (1..).zip(list).map(resource).collect()
}

/// The instances of a request's resources, as policies name them: what is refused later names none.
pub fn instance_ids(kind: &str, list: &[String]) -> Vec<String> {
    let found = ResourceType::read(kind).and_then(|kind| resources(kind, list));
    let ids = found.unwrap_or_default().into_iter();
    ids.map(|resource| resource.tagged.instance.to_string())
        .collect()
}

/// The tags of a resource.
///
/// # Errors
/// [`Error::NotFound`] for instance, topic or group; [`Error::WrongPhase`] for a topic or group of an instance that does not
/// run.
pub async fn tags_of(call: &Call, resource: &Resource) -> Result<Tags, CallError> {
    let Call { control, cx } = call;
    let Tagged { instance, part } = &resource.tagged;
    match part {
        TaggedPart::Whole => Ok(control.instance_view(cx, instance).await?.tags),
        TaggedPart::Topic(name) => {
            let topics = control.topic_list(cx, instance).await?;
            let found = topics.iter().find(|view| view.topic.name == *name);
            let found = found.ok_or_else(|| Error::not_found(Kind::Topic, name))?;
            Ok(topic_words::tags(found))
        }
        TaggedPart::Group(name) => {
            let groups = control.group_list(cx, instance).await?;
            let found = groups.into_iter().find(|entry| entry.listed.id == *name);
            let found = found.ok_or_else(|| Error::not_found(Kind::Group, name))?;
            Ok(group_words::tags(&found))
        }
    }
}

/// Changes the tags of all resources, or of none.
///
/// # Errors
/// As [`tags_of`]; too many tags on one of them.
pub async fn edit(call: Call, resources: Vec<Resource>, edit: TagEdit) -> Result<(), CallError> {
    for resource in &resources {
        let before = tags_of(&call, resource).await?;
        if edit.applied(&before).is_err() {
            return Err(field(
                "Tag",
                format!("more than {TAGS_MAX} tags on {}", resource.id),
            ));
        }
    }
    let tagged = resources.into_iter().map(|resource| resource.tagged);
    let tagged = tagged.collect();
    Ok(call.control.tags_edit(call.cx, tagged, edit).await?)
}
