//! What CKafka shows again as it was given and nothing depends on.

use brokerage_control::topic::TopicView;
use brokerage_domain::instance::Instance;
use brokerage_domain::notes::{as_json, as_text};
use serde::{Deserialize, Serialize};

/// Notes of an instance.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceNotes {
    /// `DiskType`, which has two names for one disk.
    #[serde(rename = "DiskType")]
    pub disk_type: Option<String>,
    /// `ElasticBandwidthSwitch` of orders of a time when it had no effect; now the plan has it.
    #[serde(rename = "ElasticBandwidthSwitch", with = "as_text")]
    pub elastic_bandwidth: Option<i64>,
    /// `CustomSSLCertId`.
    #[serde(rename = "CustomSSLCertId")]
    pub certificate: Option<String>,
    /// `Config`, once it was set.
    #[serde(rename = "Config", with = "as_json")]
    pub config: Option<ConfigShown>,
    /// `RetentionTimeConfig`, once it was set.
    #[serde(rename = "RetentionTimeConfig", with = "as_json")]
    pub dynamic_retention: Option<DynamicRetentionShown>,
    /// `RebalanceTime`, epoch seconds.
    #[serde(rename = "RebalanceTime", with = "as_text")]
    pub rebalance_time: Option<i64>,
}

/// `Config` in the form of the answer.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigShown {
    /// Whether asking for a topic makes it.
    pub auto_create_topics_enable: bool,
    /// Partitions of a topic that says no number.
    pub default_num_partitions: i64,
    /// Replicas of a topic that says no number.
    pub default_replication_factor: i64,
}

/// `RetentionTimeConfig` in the form of the answer; zeros until it is set.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DynamicRetentionShown {
    /// 0 or 1.
    pub enable: i64,
    /// Percent of the disk.
    pub disk_quota_percentage: i64,
    /// Percent of the retention.
    pub step_forward_percentage: i64,
    /// Minutes.
    pub bottom_retention: i64,
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
    /// `TopicId`.
    #[serde(rename = "TopicId")]
    pub topic_id: Option<String>,
    /// `CleanUpPolicy`, whose lists have several spellings.
    #[serde(rename = "CleanUpPolicy")]
    pub clean_up_policy: Option<String>,
    /// `EnableWhiteList`, 0 or 1.
    #[serde(rename = "EnableWhiteList", with = "as_text")]
    pub white_list_enabled: Option<i64>,
}

impl TopicNotes {
    /// Those of a topic; one that a Kafka client made has none.
    pub fn of(view: &TopicView) -> Self {
        let record = view.record.as_ref();
        record.map(|record| record.notes.read()).unwrap_or_default()
    }
}
