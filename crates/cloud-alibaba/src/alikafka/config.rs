//! `Config` of StartInstance and UpdateInstanceConfig: settings of a cluster as JSON text.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use brokerage_domain::catalog::Catalog;
use brokerage_domain::cluster_settings::{ClusterSettings, SettingName};
use brokerage_domain::instance::Instance;
use brokerage_domain::listener::SecurityProtocol;
use brokerage_wire::fault::CallError;
use serde_json::{Map, Value};

use super::fault::{field, shortened};
use super::notes::InstanceNotes;

/// Whether the VPC is served with SASL over TLS.
const VPC_SASL: &str = "enable.vpc_sasl_ssl";
/// Whether users need grants: "you can authorize a SASL user to access the instance by using the SASL endpoint"
/// ("Enable the ACL feature"). Who comes without a name, by the default endpoint, is not concerned.
const ACL: &str = "enable.acl";
/// Who comes without a name.
const NAMELESS: &str = "User:ANONYMOUS";
/// What decides by ACLs in Kafka.
const AUTHORIZER: &str = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
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
const OFFSETS_MINUTES_RANGE: RangeInclusive<i64> = 1..=525_600;
/// The parameters that choose a setting of the cluster, as `Operation.Param`.
pub const SETTINGS: [(&str, SettingName); 6] = [
    (
        "StartInstance.Config.enable.acl",
        SettingName::AllowEveryoneIfNoAclFound,
    ),
    (
        "StartInstance.Config.kafka.log.retention.hours",
        SettingName::RetentionMs,
    ),
    (
        "StartInstance.Config.kafka.message.max.bytes",
        SettingName::MessageBytesMax,
    ),
    (
        "UpdateInstanceConfig.Config.enable.acl",
        SettingName::AllowEveryoneIfNoAclFound,
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
    /// Reads a `Config` for an instance. All values are JSON texts, also those of numbers and truths; what is not is taken
    /// for its text.
    ///
    /// # Errors
    /// A text that is no such object, a name that is not documented, a value outside its range.
    pub fn read(text: &str, catalog: &Catalog, instance: &Instance) -> Result<Self, CallError> {
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
            config.take(&name, &value, catalog, instance)?;
            config.shown.insert(name, value);
        }
        Ok(config)
    }

    fn take(
        &mut self,
        name: &str,
        value: &str,
        catalog: &Catalog,
        instance: &Instance,
    ) -> Result<(), CallError> {
        let plan = &instance.plan;
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
            ACL => {
                offered(plan.features.acl)?;
                self.switch_acl(value == "true", acl_is_enabled(instance));
            }
            RETENTION_HOURS => {
                let hours: i64 = number(name, value)?;
                let minutes = hours.saturating_mul(MINUTES_PER_HOUR);
                let prepaid = instance.charge.is_prepaid();
                let fits = catalog.retention_check(&plan.edition, minutes, prepaid);
                fits.map_err(|fault| {
                    let fault = fault.counted(MINUTES_PER_HOUR, 0);
                    field("Config", format!("{name}: {fault}"))
                })?;
                self.settings.retention_ms =
                    Some(hours.saturating_mul(MINUTES_PER_HOUR * MS_PER_MINUTE));
            }
            MESSAGE_BYTES => {
                let usable = &plan.usable;
                let sold = usable.message_bytes_default..=usable.message_bytes_max;
                self.settings.message_bytes_max = Some(within(name, value, &sold)?);
            }
            OFFSETS_MINUTES => {
                within(name, value, &OFFSETS_MINUTES_RANGE)?;
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

    /// On, users may do what ACLs permit and nothing else. Off again, ACLs are kept and ask nobody. Where it was never on,
    /// Kafka's own rule holds: what has no ACL is open. So clients that say `false` with everything else change nothing.
    fn switch_acl(&mut self, on: bool, was_on: bool) {
        if !on && !was_on {
            return;
        }
        self.settings.allow_everyone_if_no_acl_found = Some(!on);
        self.settings.authorizer_class = Some(if on { AUTHORIZER } else { "" }.to_owned());
        self.settings.super_users = Some(NAMELESS.to_owned());
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

/// Whether users of an instance need grants.
pub fn acl_is_enabled(instance: &Instance) -> bool {
    instance.settings.allow_everyone_if_no_acl_found == Some(false)
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

fn within<T>(name: &str, value: &str, range: &RangeInclusive<T>) -> Result<T, CallError>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number: T = number(name, value)?;
    if range.contains(&number) {
        return Ok(number);
    }
    let (min, max) = (range.start(), range.end());
    Err(field(
        "Config",
        format!("{name} must be from {min} to {max}"),
    ))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, CallError> {
    value
        .parse()
        .map_err(|_| field("Config", format!("{name} must be a number")))
}
