//! Settings of groups and of subscriptions to metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::coordinator::group::consumer::{HEARTBEAT_INTERVAL, SESSION_TIMEOUT};
use crate::error::{ErrorCode, TopicError};
use crate::metadata::resource_config::{
    ConfiguredResource, HEARTBEAT_INTERVAL_MS, SESSION_TIMEOUT_MS,
};
use crate::metadata::state::{ClusterState, MetadataRecord};

/// Resources besides topics that may have settings.
const RESOURCES_MAX: usize = 10_000;
/// Longest name of such a resource.
const NAME_BYTES_MAX: usize = 1 << 10;

/// How members of a KIP-848 group show that they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Liveness {
    pub heartbeat_interval: Duration,
    pub session_timeout: Duration,
}

impl Cluster {
    /// The settings that a resource was given; none if it was not.
    pub(crate) fn resource_configs(
        &self,
        resource: ConfiguredResource,
        name: &str,
    ) -> BTreeMap<String, String> {
        self.metadata_log.read(|state| {
            let known = state.resource_configs.get(&(resource, name.to_owned()));
            known.cloned().unwrap_or_default()
        })
    }

    /// What holds for a KIP-848 group.
    pub(crate) fn liveness(&self, group: &str) -> Liveness {
        let configs = self.resource_configs(ConfiguredResource::Group, group);
        let millis = |name: &str, default: Duration| {
            let value = configs.get(name).and_then(|value| value.parse().ok());
            value.map_or(default, Duration::from_millis)
        };
        Liveness {
            heartbeat_interval: millis(HEARTBEAT_INTERVAL_MS, HEARTBEAT_INTERVAL),
            session_timeout: millis(SESSION_TIMEOUT_MS, SESSION_TIMEOUT),
        }
    }

    /// Changes the settings of a resource.
    pub(crate) async fn change_resource_configs(
        &self,
        resource: ConfiguredResource,
        name: &str,
        validate_only: bool,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), TopicError>,
    ) -> Result<(), TopicError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let message = "The name of the resource is empty or too long.";
            return Err(TopicError::new(ErrorCode::InvalidRequest, message));
        }
        let release = self.spec().release();
        let decide = |state: &ClusterState| {
            let key = (resource, name.to_owned());
            let known = state.resource_configs.get(&key);
            if known.is_none() && state.resource_configs.len() >= RESOURCES_MAX {
                let message = format!("{RESOURCES_MAX} resources have settings already");
                return Err(TopicError::new(ErrorCode::PolicyViolation, message));
            }
            let mut configs = known.cloned().unwrap_or_default();
            change(&mut configs)?;
            let parsed = resource.parse(release, &configs);
            let configs =
                parsed.map_err(|reason| TopicError::new(ErrorCode::InvalidConfig, reason))?;
            let name = name.to_owned();
            let record = MetadataRecord::ResourceConfigs {
                resource,
                name,
                configs,
            };
            Ok((vec![record], ()))
        };
        if validate_only {
            return self.metadata_log.read(decide).map(|_| ());
        }
        Ok(self.metadata_log.commit(decide).await?)
    }
}
