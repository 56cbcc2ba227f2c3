//! What JD Cloud's Kafka shows again as it was given, and what is kept for the operator.

use brokerage_domain::instance::Instance;
use brokerage_domain::notes::as_text;
use serde::{Deserialize, Serialize};

/// Notes of an instance.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceNotes {
    /// `ipVersion`.
    #[serde(rename = "ipVersion")]
    pub ip_version: Option<String>,
    /// `autoChangeChargeModeDate`, when the mode is to change.
    #[serde(rename = "autoChangeChargeModeDate")]
    pub change_date: Option<String>,
    /// `chargeUnit` of such a change.
    #[serde(rename = "autoChangeChargeUnit")]
    pub change_unit: Option<String>,
    /// `chargeDuration` of such a change.
    #[serde(rename = "autoChangeChargeDuration", with = "as_text")]
    pub change_duration: Option<i64>,
    /// `buyScenario`.
    #[serde(rename = "buyScenario")]
    pub buy_scenario: Option<String>,
}

impl InstanceNotes {
    /// Those of an instance.
    pub fn of(instance: &Instance) -> Self {
        instance.notes.read()
    }
}
