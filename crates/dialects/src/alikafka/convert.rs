//! Between AliKafka's words and the domain's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fault::field;
use crate::fault::CallError;

/// Most tags on one resource ("TagResources").
pub const TAGS_MAX: usize = 20;
/// Longest key or value of a tag, in characters.
const TAG_CHARS_MAX: usize = 128;
/// Beginnings of tag keys that the vendor keeps for itself.
const TAG_KEY_RESERVED: [&str; 2] = ["aliyun", "acs:"];

/// Names of attributes that are shown again as they were given.
pub mod attribute {
    /// `ResourceGroupId`.
    pub const RESOURCE_GROUP: &str = "ResourceGroupId";
    /// `EipMax` of an order without public access, where it is not sold.
    pub const EIP_UNUSED: &str = "EipMax";
    /// `ZoneId` of the start: it has several spellings.
    pub const ZONE: &str = "ZoneId";
    /// `VSwitchIds` of the start, joined by commas.
    pub const SUBNETS: &str = "VSwitchIds";
    /// `SecurityGroup` of the start.
    pub const SECURITY_GROUP: &str = "SecurityGroup";
    /// `KMSKeyId` of the start.
    pub const KMS_KEY: &str = "KMSKeyId";
    /// `Config` of the start: what was set, as JSON text.
    pub const CONFIG: &str = "Config";
}

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
pub fn tags_from(list: Option<Vec<Tag>>) -> Result<BTreeMap<String, String>, CallError> {
    let list = list.unwrap_or_default();
    if list.len() > TAGS_MAX {
        return Err(field("Tag", format!("more than {TAGS_MAX} tags")));
    }
    let mut tags = BTreeMap::new();
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

/// A text that is there and not empty: clients send empty ones for what was not said.
pub fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Kafka's broker setting for retention where a topic sets none.
pub fn retention_setting(retention_ms: u64) -> (String, String) {
    ("log.retention.ms".to_owned(), retention_ms.to_string())
}
