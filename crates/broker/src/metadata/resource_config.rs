//! Settings that resources besides topics have: groups, and subscriptions to clients' metrics. They may be set before
//! there is such a resource (Kafka's `GroupConfig`, KIP-848, and `ClientMetricsConfigs`, KIP-714).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metadata::topic_config::{ConfigDefinition, ConfigKind, Rule, row};
use crate::release::Release;

/// What has such settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ConfiguredResource {
    Group,
    /// A subscription is kept and shown; no client is asked for metrics.
    ClientMetrics,
}

/// How often members of a KIP-848 group send heartbeats.
pub(crate) const HEARTBEAT_INTERVAL_MS: &str = "consumer.heartbeat.interval.ms";
/// After how much silence a member of such a group is removed.
pub(crate) const SESSION_TIMEOUT_MS: &str = "consumer.session.timeout.ms";

/// Settings of groups; the bounds are those that brokers have by default.
const GROUP_CONFIGS: &[ConfigDefinition] = &[
    row(
        HEARTBEAT_INTERVAL_MS,
        ConfigKind::Int,
        "5000",
        Rule::Between(5_000.0, 15_000.0),
    ),
    row(
        SESSION_TIMEOUT_MS,
        ConfigKind::Int,
        "45000",
        Rule::Between(45_000.0, 60_000.0),
    ),
];

const CLIENT_METRICS_CONFIGS: &[ConfigDefinition] = &[
    row(
        "interval.ms",
        ConfigKind::Int,
        "300000",
        Rule::Between(100.0, 3_600_000.0),
    ),
    row("match", ConfigKind::List, "", Rule::Matches),
    row("metrics", ConfigKind::List, "", Rule::Any),
];

impl ConfiguredResource {
    /// Whether clusters of a release have such resources.
    pub(crate) fn is_known_to(self, release: &Release) -> bool {
        match self {
            Self::Group => release.is_at_least(4, 0),
            Self::ClientMetrics => release.is_at_least(3, 7),
        }
    }

    /// Its settings.
    pub(crate) fn definitions(self) -> &'static [ConfigDefinition] {
        match self {
            Self::Group => GROUP_CONFIGS,
            Self::ClientMetrics => CLIENT_METRICS_CONFIGS,
        }
    }

    /// One of them.
    pub(crate) fn definition(self, name: &str) -> Option<&'static ConfigDefinition> {
        self.definitions().iter().find(|row| row.name == name)
    }

    /// What brokers call a setting that holds where the resource says nothing.
    pub(crate) fn broker_name(self, name: &'static str) -> &'static str {
        match name {
            HEARTBEAT_INTERVAL_MS => "group.consumer.heartbeat.interval.ms",
            SESSION_TIMEOUT_MS => "group.consumer.session.timeout.ms",
            other => other,
        }
    }

    /// Reads settings and brings them into the form in which they are kept and shown.
    ///
    /// # Errors
    /// With the text for clients.
    pub(crate) fn parse(
        self,
        release: &Release,
        configs: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let what = match self {
            Self::Group => "group config name",
            Self::ClientMetrics => "client metrics configuration",
        };
        let parse = |(name, value): (&String, &String)| {
            let definition = self.definition(name);
            let definition = definition.ok_or_else(|| format!("Unknown {what}: {name}"))?;
            Ok((name.clone(), definition.parse(release, value)?))
        };
        configs.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_that_the_resource_has() {
        let check = |resource: ConfiguredResource, name: &str, value: &str, is_taken: bool| {
            let configs = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let parsed = resource.parse(Release::newest(), &configs);
            assert_eq!(parsed.is_ok(), is_taken, "{name}={value}: {parsed:?}");
        };
        let group = ConfiguredResource::Group;
        check(group, SESSION_TIMEOUT_MS, "50000", true);
        check(group, SESSION_TIMEOUT_MS, "44999", false);
        check(group, SESSION_TIMEOUT_MS, "60001", false);
        check(group, HEARTBEAT_INTERVAL_MS, " 15000 ", true);
        check(group, HEARTBEAT_INTERVAL_MS, "4999", false);
        check(group, "retention.ms", "1", false);
        let metrics = ConfiguredResource::ClientMetrics;
        check(metrics, "interval.ms", "100", true);
        check(metrics, "interval.ms", "99", false);
        check(metrics, "metrics", "org.apache.kafka.", true);
        check(
            metrics,
            "match",
            "client_id=a.*, client_source_port=1",
            true,
        );
        check(metrics, "match", "client_name=a", false);
        check(metrics, SESSION_TIMEOUT_MS, "50000", false);
        assert!(!group.is_known_to(Release::find("3.9.0").unwrap()));
        assert!(!metrics.is_known_to(Release::find("3.6.0").unwrap()));
    }
}
