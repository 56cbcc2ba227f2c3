//! `Config` of StartInstance and UpdateInstanceConfig: settings of a cluster as JSON text.

use std::collections::BTreeMap;

use brokerage_domain::catalog::{Catalog, Plan};
use brokerage_domain::cluster_settings::{ClusterSettings, SettingName};
use brokerage_domain::instance::Instance;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_wire::fault::CallError;
use serde_json::{Map, Value};

use super::fault::{field, shortened};
use super::notes::InstanceNotes;

/// Whether the VPC is served with SASL over TLS.
const VPC_SASL: &str = "enable.vpc_sasl_ssl";
/// Whether access lists apply; needs [`VPC_SASL`].
const ACL: &str = "enable.acl";
/// Retention where a topic sets none, hours.
const RETENTION_HOURS: &str = "kafka.log.retention.hours";
/// Largest message, bytes.
const MESSAGE_BYTES: &str = "kafka.message.max.bytes";
/// What brokers listen with in the VPC besides, where [`VPC_SASL`] is on.
const SASL_PROTOCOLS: [SecurityProtocol; 2] =
    [SecurityProtocol::SaslPlaintext, SecurityProtocol::SaslSsl];
/// How long committed offsets are kept, minutes. On none of the vendor's pages; what its instances show has it, and
/// clients send that back. It is shown only: offsets are kept as Kafka keeps them.
const OFFSETS_MINUTES: &str = "kafka.offsets.retention.minutes";
/// Its values, minutes: to a year.
const OFFSETS_MINUTES_RANGE: std::ops::RangeInclusive<i64> = 1..=525_600;
/// The parameters that choose a setting of the cluster, as `Operation.Param`.
pub const SETTINGS: [(&str, SettingName); 4] = [
    (
        "StartInstance.Config.kafka.log.retention.hours",
        SettingName::RetentionMs,
    ),
    (
        "StartInstance.Config.kafka.message.max.bytes",
        SettingName::MessageBytesMax,
    ),
    (
        "UpdateInstanceConfig.Config.kafka.log.retention.hours",
        SettingName::RetentionMs,
    ),
    (
        "UpdateInstanceConfig.Config.kafka.message.max.bytes",
        SettingName::MessageBytesMax,
    ),
];
/// Longest text of a `Config`, in bytes.
const CONFIG_BYTES_MAX: usize = 4_096;
const MINUTES_PER_HOUR: i64 = 60;
const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_HOUR: u64 = 3_600_000;

/// Settings that were read and checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// For the cluster.
    pub settings: ClusterSettings,
    /// As they were given, by the vendor's names.
    pub shown: BTreeMap<String, String>,
}

impl Config {
    /// Reads a `Config`. All values are JSON texts, also those of numbers and truths; what is not is taken for its text.
    ///
    /// # Errors
    /// A text that is no such object, a name that is not documented, a value outside its range.
    pub fn read(
        text: &str,
        catalog: &Catalog,
        plan: &Plan,
        prepaid: bool,
    ) -> Result<Self, CallError> {
        let invalid = |reason: String| field("Config", reason);
        if text.len() > CONFIG_BYTES_MAX {
            return Err(invalid(format!("longer than {CONFIG_BYTES_MAX} bytes")));
        }
        let members: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| invalid("not a JSON object".to_owned()))?;
        let mut config = Self::default();
        for (name, value) in members {
            let value = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    let name = shortened(&name);
                    return Err(invalid(format!("the value of {name} must be a JSON text")));
                }
            };
            config.take(&name, &value, catalog, plan, prepaid)?;
            config.shown.insert(name, value);
        }
        let is_on = |name: &str| config.shown.get(name).is_some_and(|value| value == "true");
        if is_on(ACL)
            && config
                .shown
                .get(VPC_SASL)
                .is_some_and(|value| value != "true")
        {
            return Err(invalid(format!("{ACL} needs {VPC_SASL}")));
        }
        Ok(config)
    }

    fn take(
        &mut self,
        name: &str,
        value: &str,
        catalog: &Catalog,
        plan: &Plan,
        prepaid: bool,
    ) -> Result<(), CallError> {
        let offered = |feature: bool| match (feature, value) {
            (_, "false") | (true, "true") => Ok(()),
            (false, "true") => Err(field(
                "Config",
                format!("{name} is not part of the edition {}", plan.edition),
            )),
            _ => Err(field("Config", format!("{name} must be true or false"))),
        };
        match name {
            VPC_SASL => return offered(plan.features.private_tls),
            ACL => return offered(plan.features.acl),
            RETENTION_HOURS => {
                let hours: i64 = number(name, value)?;
                let minutes = hours.saturating_mul(MINUTES_PER_HOUR);
                let fits = catalog.retention_check(&plan.edition, minutes, prepaid);
                fits.map_err(|fault| {
                    let fault = fault.counted(MINUTES_PER_HOUR, 0);
                    field("Config", format!("{name}: {fault}"))
                })?;
                self.settings.retention_ms =
                    Some(hours.saturating_mul(MINUTES_PER_HOUR * MS_PER_MINUTE));
            }
            MESSAGE_BYTES => {
                let bytes: u64 = number(name, value)?;
                let (min, max) = (
                    plan.usable.message_bytes_default,
                    plan.usable.message_bytes_max,
                );
                if !(min..=max).contains(&bytes) {
                    return Err(field(
                        "Config",
                        format!("{name} must be from {min} to {max}"),
                    ));
                }
                self.settings.message_bytes_max = Some(bytes);
            }
            OFFSETS_MINUTES => {
                let minutes: i64 = number(name, value)?;
                if !OFFSETS_MINUTES_RANGE.contains(&minutes) {
                    let (min, max) = (OFFSETS_MINUTES_RANGE.start(), OFFSETS_MINUTES_RANGE.end());
                    let reason = format!("{name} must be from {min} to {max}");
                    return Err(field("Config", reason));
                }
            }
            _ => {
                let known = [
                    RETENTION_HOURS,
                    MESSAGE_BYTES,
                    VPC_SASL,
                    ACL,
                    OFFSETS_MINUTES,
                ];
                let (name, known) = (shortened(name), known.join(", "));
                return Err(field(
                    "Config",
                    format!("{name} is not a setting: it is one of {known}"),
                ));
            }
        }
        Ok(())
    }

    /// What brokers listen with in the VPC besides from now on; `None`: as before.
    pub fn listeners(&self) -> Option<Vec<SecurityProtocol>> {
        let protocols = |value: &String| match value.as_str() {
            "true" => SASL_PROTOCOLS.to_vec(),
            _ => Vec::new(),
        };
        self.shown.get(VPC_SASL).map(protocols)
    }

    /// What `instance` was given, with `self` over it.
    pub fn over(&self, instance: &Instance) -> BTreeMap<String, String> {
        let mut all = given(instance);
        all.extend(self.shown.clone());
        all
    }
}

/// `AllConfig`: every setting of an instance, as a JSON text of texts.
pub fn all(instance: &Instance) -> String {
    let usable = &instance.plan.usable;
    let mut all = BTreeMap::from([
        (VPC_SASL.to_owned(), "false".to_owned()),
        (ACL.to_owned(), "false".to_owned()),
        (
            RETENTION_HOURS.to_owned(),
            (usable.retention_ms / MS_PER_HOUR).to_string(),
        ),
        (
            MESSAGE_BYTES.to_owned(),
            usable.message_bytes_default.to_string(),
        ),
    ]);
    all.extend(given(instance));
    text(&all)
}

/// `MsgRetain`: retention where a topic sets none, hours.
pub fn retention_hours(instance: &Instance) -> u64 {
    let set = given(instance)
        .get(RETENTION_HOURS)
        .and_then(|hours| hours.parse().ok());
    set.unwrap_or(instance.plan.usable.retention_ms / MS_PER_HOUR)
}

fn given(instance: &Instance) -> BTreeMap<String, String> {
    InstanceNotes::of(instance).config.unwrap_or_default()
}

fn text(settings: &BTreeMap<String, String>) -> String {
    let members = settings
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()));
    Value::Object(members.collect()).to_string()
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, CallError> {
    value
        .parse()
        .map_err(|_| field("Config", format!("{name} must be a number")))
}
