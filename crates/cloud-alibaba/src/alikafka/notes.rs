//! What AliKafka shows again as it was given and nothing depends on.

use std::collections::BTreeMap;

use brokerage_control::topic::TopicView;
use brokerage_domain::instance::Instance;
use brokerage_domain::notes::{as_json, as_text};
use serde::{Deserialize, Serialize};

/// Notes of an instance.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceNotes {
    /// `ResourceGroupId`.
    #[serde(rename = "ResourceGroupId")]
    pub resource_group: Option<String>,
    /// `EipMax` of an order without public access, where it is not sold.
    #[serde(rename = "EipMax", with = "as_text")]
    pub eip_unused: Option<i64>,
    /// `ZoneId` of the start: it has several spellings.
    #[serde(rename = "ZoneId")]
    pub zone: Option<String>,
    /// `VSwitchIds` of the start, joined by commas.
    #[serde(rename = "VSwitchIds")]
    pub subnets: Option<String>,
    /// `SecurityGroup` of the start.
    #[serde(rename = "SecurityGroup")]
    pub security_group: Option<String>,
    /// `KMSKeyId` of the start.
    #[serde(rename = "KMSKeyId")]
    pub kms_key: Option<String>,
    /// `Config`: what was set.
    #[serde(rename = "Config", with = "as_json")]
    pub config: Option<BTreeMap<String, String>>,
}

impl InstanceNotes {
    /// Those of an instance.
    pub fn of(instance: &Instance) -> Self {
        instance.notes.read()
    }
}

/// Notes of a topic.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TopicNotes {
    /// `LocalTopic`: whether it is in local storage.
    #[serde(rename = "LocalTopic", with = "as_text")]
    pub local: Option<bool>,
    /// `Config`: the object that was sent, as JSON text, the spelling of its values kept.
    #[serde(rename = "Config")]
    pub config: Option<String>,
}

impl TopicNotes {
    /// Those of a topic; one that a Kafka client made has none.
    pub fn of(view: &TopicView) -> Self {
        let record = view.record.as_ref();
        record.map(|record| record.notes.read()).unwrap_or_default()
    }
}
