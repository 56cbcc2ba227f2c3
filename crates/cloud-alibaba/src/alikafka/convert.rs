//! Between AliKafka's words and the domain's.

use brokerage_domain::catalog::{Catalog, Plan};
use brokerage_domain::clock::Moment;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::instance::{Instance, Phase, Tags};
use brokerage_wire::fault::CallError;
use brokerage_wire::params::{IndexBase, JsonText, Param, decode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fault::field;

/// Most tags on one resource ("TagResources").
pub const TAGS_MAX: usize = 20;
/// Longest key or value of a tag, in characters.
const TAG_CHARS_MAX: usize = 128;
/// Beginnings of tag keys that the vendor keeps for itself.
const TAG_KEY_RESERVED: [&str; 2] = ["aliyun", "acs:"];

/// `DeployType`: where an instance is reached from.
pub mod deploy_type {
    /// From the internet and the VPC.
    pub const PUBLIC: i64 = 4;
    /// From the VPC only.
    pub const VPC: i64 = 5;
}

/// A tag of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value; may be left out.
    #[serde(default)]
    pub value: String,
}

/// Tags of a request as a map.
///
/// # Errors
/// A key that is empty, too long, reserved or given twice; too many tags.
pub fn tags_from(list: Option<Vec<Tag>>) -> Result<Tags, CallError> {
    let list = list.unwrap_or_default();
    if list.len() > TAGS_MAX {
        return Err(field("Tag", format!("more than {TAGS_MAX} tags")));
    }
    let mut tags = Tags::new();
    for (number, Tag { key, value }) in (1..).zip(list) {
        let name = format!("Tag.{number}.Key");
        if key.is_empty() {
            return Err(field(&name, "it is empty"));
        }
        if [&key, &value]
            .iter()
            .any(|text| text.chars().count() > TAG_CHARS_MAX)
        {
            return Err(field(
                &format!("Tag.{number}"),
                format!("more than {TAG_CHARS_MAX} characters"),
            ));
        }
        if TAG_KEY_RESERVED
            .iter()
            .any(|reserved| key.starts_with(reserved))
        {
            return Err(field(&name, "keys do not begin with aliyun or acs:"));
        }
        if tags.insert(key, value).is_some() {
            return Err(field(&name, "the key is given twice"));
        }
    }
    Ok(tags)
}

/// Partitions of a topic for which nobody says a number ("CreateTopic": 12).
pub const PARTITIONS_DEFAULT: i64 = 12;
/// Kafka's partitions of such a topic where the cluster has no setting.
const PARTITIONS_UNSET: i64 = 1;

/// The settings of a cluster for which its buyer says nothing.
pub fn settings_default(plan: &Plan) -> ClusterSettings {
    ClusterSettings {
        retention_ms: i64::try_from(plan.usable.retention_ms).ok(),
        partitions: i32::try_from(PARTITIONS_DEFAULT).ok(),
        ..ClusterSettings::default()
    }
}

/// `DefaultPartitionNum`: what is in force, which is Kafka's own number in clusters that were bought without a setting.
pub fn partitions_default(instance: &Instance) -> i64 {
    let set = instance.settings.partitions;
    set.map_or(PARTITIONS_UNSET, i64::from)
}

/// Tags of an answer: `{"TagVO": […]}`.
#[derive(Debug, Serialize)]
pub struct TagVoList {
    #[serde(rename = "TagVO")]
    list: Vec<Tag>,
}

impl TagVoList {
    /// Tags in their order.
    pub fn of(tags: &Tags) -> Self {
        let tag = |(key, value): (&String, &String)| Tag {
            key: key.clone(),
            value: value.clone(),
        };
        Self {
            list: tags.iter().map(tag).collect(),
        }
    }
}

/// What an instance is called: its id until somebody gives it a name.
pub fn name(instance: &Instance) -> &str {
    if instance.name.is_empty() {
        instance.id.as_str()
    } else {
        &instance.name
    }
}

/// `ServiceStatus`, the older of the two status numbers: 0 pending, 1 preparing, 5 running, 10 released,
/// 11 changing, 15 expired or stopped. Terraform waits for 5 after a start and for 15 after a release, and takes 10
/// for gone: which is what an instance is that could not be made.
pub const fn service_status(phase: Phase) -> i64 {
    match phase {
        Phase::AwaitingStart => 0,
        Phase::Provisioning => 1,
        Phase::Running => 5,
        Phase::Changing | Phase::Releasing => 11,
        Phase::Stopped | Phase::Suspended | Phase::Released => 15,
        Phase::Failed | Phase::Gone => 10,
    }
}

/// `ViewInstanceStatusCode`, the newer one: 0 pending, 1 deploying, 2 running, 3 stopped, 5 expired, 6 released,
/// 7 upgrading, 23 releasing, 101 failed to deploy.
pub const fn view_status(phase: Phase) -> i64 {
    match phase {
        Phase::AwaitingStart => 0,
        Phase::Provisioning => 1,
        Phase::Running => 2,
        Phase::Stopped => 3,
        Phase::Suspended => 5,
        Phase::Released | Phase::Gone => 6,
        Phase::Changing => 7,
        Phase::Releasing => 23,
        Phase::Failed => 101,
    }
}

/// `PaidType`: 0 subscription, 1 pay-as-you-go.
pub fn paid_type(instance: &Instance) -> i64 {
    i64::from(!instance.charge.is_prepaid())
}

/// `ExpiredTime`: the end of the term; pay-as-you-go ends a century after the order, as in the vendor's order details.
pub fn expires_at(instance: &Instance) -> Moment {
    const CENTURY_MONTHS: u32 = 1_200;
    let century = || instance.created_at.plus_months(CENTURY_MONTHS);
    instance.expires_at.unwrap_or_else(century)
}

/// `DeployType` of an instance.
pub fn deploy_type_of(instance: &Instance) -> i64 {
    if instance.plan.bought.deploy_public {
        deploy_type::PUBLIC
    } else {
        deploy_type::VPC
    }
}

/// The catalog's id of a zone: clients write `cn-hangzhou-h`, `zoneh` or `h`. What is none of these stays as it is
/// and is refused as a zone that is not there.
pub fn zone_named(catalog: &Catalog, region: &str, text: &str) -> String {
    let letter = text.strip_prefix("zone").unwrap_or(text);
    let is_meant = |id: &str| {
        id == text
            || id
                .strip_prefix(region)
                .and_then(|rest| rest.strip_prefix('-'))
                == Some(letter)
    };
    let found = catalog.zones(region).find(|zone| is_meant(&zone.id));
    found.map_or_else(|| text.to_owned(), |zone| zone.id.clone())
}

/// Reads a parameter that is one text of JSON.
///
/// # Errors
/// A text that is no JSON, or JSON of another form.
pub fn json_text<T: DeserializeOwned>(name: &str, text: String) -> Result<T, CallError> {
    match decode::<JsonText<T>>(&Param::Text(text), IndexBase::One) {
        Ok(decoded) => Ok(decoded.value.0),
        Err(fault) => Err(field(
            name,
            format!("not the JSON of this parameter: {}", fault.reason()),
        )),
    }
}
