//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs.

use std::collections::{BTreeMap, HashSet};

use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResourceResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::authorization::refused;
use super::{Context, distinct, super_user};
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::AclOperation;
use crate::metadata::topic_config::{self, ConfigDefinition, ConfigKind};
use crate::spec::ClusterSpec;
use crate::turn::Pace;

const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_BROKER: i8 = 4;

/// Where a value comes from (KIP-226).
const SOURCE_TOPIC: i8 = 1;
const SOURCE_ALL_BROKERS: i8 = 3;
const SOURCE_STATIC_BROKER: i8 = 4;
pub(super) const SOURCE_DEFAULT: i8 = 5;

/// What sends consumers to replicas in their own rack, by the name of Kafka's class.
const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// Resources that are described before others have the thread.
const RESOURCES_AT_ONCE: usize = 8;

/// KIP-339.
const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;
pub(super) const OPERATION_APPEND: i8 = 2;
pub(super) const OPERATION_SUBTRACT: i8 = 3;

/// One setting as it is shown.
pub(super) struct Row {
    pub name: &'static str,
    pub value: String,
    pub source: i8,
    kind: ConfigKind,
    /// The value without the topic's override, under the broker-level name.
    beneath: (&'static str, String, i8),
}

/// All settings of a topic with these overrides.
pub(super) fn topic_rows(context: &Context, overrides: &BTreeMap<String, String>) -> Vec<Row> {
    let spec = context.cluster.spec();
    let row = |definition: &ConfigDefinition| {
        let (value, source) = default_of(definition, &spec);
        let broker_name = topic_config::broker_name(definition.name).unwrap_or(definition.name);
        let beneath = (broker_name, value.clone(), source);
        let (value, source) = match overrides.get(definition.name) {
            Some(value) => (value.clone(), SOURCE_TOPIC),
            None => (value, source),
        };
        Row {
            name: definition.name,
            value,
            source,
            kind: definition.kind,
            beneath,
        }
    };
    topic_config::definitions(spec.release()).map(row).collect()
}

/// The default of a setting, and its source.
fn default_of(definition: &ConfigDefinition, spec: &ClusterSpec) -> (String, i8) {
    let (value, is_from_cluster) = topic_config::default_value(definition, spec);
    let source = match is_from_cluster {
        true => SOURCE_STATIC_BROKER,
        false => SOURCE_DEFAULT,
    };
    (value, source)
}

/// Name, type, value and where it comes from.
type Setting = (&'static str, ConfigKind, String, i8);

/// The broker's settings that clients ask for, with the names of "Broker Configs".
fn broker_rows(context: &Context, broker_id: i32) -> Vec<Row> {
    let spec = context.cluster.spec();
    let mut settings = identity_settings(context, &spec, broker_id);
    settings.extend(topic_default_settings(&spec));
    settings.sort_by_key(|(name, ..)| *name);
    let row = |(name, kind, value, source): Setting| Row {
        name,
        beneath: (name, value.clone(), source),
        value,
        source,
        kind,
    };
    settings.into_iter().map(row).collect()
}

fn identity_settings(context: &Context, spec: &ClusterSpec, broker_id: i32) -> Vec<Setting> {
    let own = spec.brokers.iter().filter(|broker| broker.id == broker_id);
    let advertised: Vec<String> = own
        .flat_map(|broker| broker.listeners.iter())
        .filter_map(|listener| context.cluster.endpoint(&listener.name, broker_id))
        .map(|found| format!("{}://{}:{}", found.listener, found.host, found.port))
        .collect();
    let id = broker_id.to_string();
    let auto_create = spec.auto_create_topics.to_string();
    let mut settings = vec![
        (
            "advertised.listeners",
            ConfigKind::String,
            advertised.join(","),
        ),
        (
            "auto.create.topics.enable",
            ConfigKind::Boolean,
            auto_create,
        ),
        ("broker.id", ConfigKind::Int, id.clone()),
        (
            "delete.topic.enable",
            ConfigKind::Boolean,
            "true".to_owned(),
        ),
        ("node.id", ConfigKind::Int, id),
        (
            "transactional.id.expiration.ms",
            ConfigKind::Int,
            spec.transactional_id_expiration_ms.to_string(),
        ),
    ];
    if let Some(rack) = spec.rack(broker_id) {
        settings.push(("broker.rack", ConfigKind::String, rack.to_owned()));
        // KIP-392.
        if spec.release().is_at_least(2, 4) {
            let selector = RACK_AWARE_SELECTOR.to_owned();
            settings.push(("replica.selector.class", ConfigKind::String, selector));
        }
    }
    let from_spec = |(name, kind, value)| (name, kind, value, SOURCE_STATIC_BROKER);
    settings.into_iter().map(from_spec).collect()
}

/// The super users, as a dynamic setting of all brokers.
fn super_users_row(context: &Context) -> Row {
    let (name, value) = (super_user::SUPER_USERS, super_user::value(context));
    Row {
        name,
        beneath: (name, value.clone(), SOURCE_ALL_BROKERS),
        value,
        source: SOURCE_ALL_BROKERS,
        kind: ConfigKind::List,
    }
}

/// What holds for topics that do not say otherwise, under the names that brokers give it.
fn topic_default_settings(spec: &ClusterSpec) -> Vec<Setting> {
    let setting = |definition: &ConfigDefinition| {
        let name = topic_config::broker_name(definition.name)?;
        let (value, source) = default_of(definition, spec);
        Some((name, definition.kind, value, source))
    };
    let definitions = topic_config::definitions(spec.release());
    let mut settings: Vec<Setting> = definitions.filter_map(setting).collect();
    let defaults = &spec.defaults;
    for (name, value) in [
        (
            "default.replication.factor",
            defaults.replication_factor.to_string(),
        ),
        ("num.partitions", defaults.partitions.to_string()),
    ] {
        settings.push((name, ConfigKind::Int, value, SOURCE_STATIC_BROKER));
    }
    settings
}

fn check_broker(context: &Context, name: &str) -> Result<i32, TopicError> {
    let id = name.parse::<i32>().ok();
    let known = id.filter(|id| {
        context
            .cluster
            .spec()
            .brokers
            .iter()
            .any(|broker| broker.id == *id)
    });
    known.ok_or_else(|| {
        TopicError::new(
            ErrorCode::InvalidRequest,
            format!("Unexpected broker id {name:?}"),
        )
    })
}

pub(crate) async fn describe_configs(
    context: &mut Context,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let key = |resource: &DescribeConfigsResource| {
        (resource.resource_type, resource.resource_name.clone())
    };
    let asked = distinct::distinct(request.resources, key).await;
    let mut results = Vec::with_capacity(asked.len());
    for (resource, at) in asked.into_iter().zip(0..) {
        // Each takes as long as many entries of other requests.
        if at % RESOURCES_AT_ONCE == RESOURCES_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
        let answer = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        let allowed = check_resource(
            context,
            AclOperation::DescribeConfigs,
            resource.resource_type,
            &resource.resource_name,
        );
        results.push(match allowed.and_then(|()| rows(context, &resource)) {
            Ok((rows, read_only)) => {
                let keys = resource.configuration_keys.as_ref();
                let keys: Option<HashSet<&str>> =
                    keys.map(|keys| keys.iter().map(StrBytes::as_str).collect());
                let is_asked = |row: &Row| keys.as_ref().is_none_or(|keys| keys.contains(row.name));
                let shown = rows.into_iter().filter(is_asked);
                answer.with_configs(
                    shown
                        .map(|row| describe(row, read_only, request.include_synonyms))
                        .collect(),
                )
            }
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    DescribeConfigsResponse::default().with_results(results)
}

/// Settings of topics belong to the topic, all others to the cluster. Other kinds are refused later.
fn check_resource(
    context: &Context,
    operation: AclOperation,
    resource_type: i8,
    name: &str,
) -> Result<(), TopicError> {
    let allowed = match resource_type {
        RESOURCE_TOPIC => context.check_topic(operation, name),
        RESOURCE_BROKER => context.check_cluster(operation),
        _ => Ok(()),
    };
    allowed.map_err(refused)
}

fn rows(
    context: &Context,
    resource: &DescribeConfigsResource,
) -> Result<(Vec<Row>, bool), TopicError> {
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        RESOURCE_TOPIC => {
            let configs = context
                .cluster
                .metadata_log()
                .read(|state| state.topics.get(name).map(|topic| topic.configs.clone()));
            let configs =
                configs.ok_or_else(|| TopicError::from(ErrorCode::UnknownTopicOrPartition))?;
            Ok((topic_rows(context, &configs), false))
        }
        // The empty name means the dynamic defaults of all brokers; only internal connections may change the
        // one that exists.
        RESOURCE_BROKER if name.is_empty() && context.is_internal => {
            Ok((vec![super_users_row(context)], false))
        }
        RESOURCE_BROKER if name.is_empty() => Ok((Vec::new(), true)),
        RESOURCE_BROKER => Ok((broker_rows(context, check_broker(context, name)?), true)),
        other => Err(TopicError::new(
            ErrorCode::InvalidRequest,
            format!("Unsupported resource type: {other}"),
        )),
    }
}

fn describe(row: Row, read_only: bool, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let name = StrBytes::from_static_str(row.name);
    let mut synonyms = Vec::new();
    if with_synonyms {
        let synonym = |name: &'static str, value: &str, source| {
            DescribeConfigsSynonym::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(value.to_owned().into()))
                .with_source(source)
        };
        if row.source == SOURCE_TOPIC {
            synonyms.push(synonym(row.name, &row.value, SOURCE_TOPIC));
        }
        let (name, value, source) = &row.beneath;
        synonyms.push(synonym(name, value, *source));
    }
    DescribeConfigsResourceResult::default()
        .with_name(name)
        .with_value(Some(row.value.into()))
        .with_read_only(read_only)
        .with_config_source(row.source)
        .with_synonyms(synonyms)
        .with_config_type(row.kind as i8)
}

/// Refuses a resource that the request names more than once, or of which it names a setting more than once
/// (Kafka's `ConfigAdminManager.preprocess`).
fn check_once<'a>(
    is_repeated: bool,
    mut names: impl Iterator<Item = &'a StrBytes>,
) -> Result<(), TopicError> {
    let invalid = |message| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    if is_repeated {
        return invalid("Each resource must appear at most once.");
    }
    let mut seen = HashSet::new();
    match names.all(|name| seen.insert(name)) {
        true => Ok(()),
        false => invalid("Error due to duplicate config keys"),
    }
}

/// Broker settings are those of the plan that was bought.
fn refuse_resource(resource_type: i8) -> TopicError {
    match resource_type {
        RESOURCE_BROKER => TopicError::new(
            ErrorCode::PolicyViolation,
            "Broker settings are fixed by the specification of the cluster.",
        ),
        other => TopicError::new(
            ErrorCode::InvalidRequest,
            format!("Unsupported resource type: {other}"),
        ),
    }
}

/// A resource whose settings are to be changed.
struct Altered<'a> {
    resource_type: i8,
    name: &'a str,
    /// Whether the request names it more than once.
    is_repeated: bool,
    validate_only: bool,
}

impl Altered<'_> {
    /// Whether settings of these names may be changed.
    fn check<'a>(
        &self,
        context: &Context,
        names: impl Iterator<Item = &'a StrBytes>,
    ) -> Result<(), TopicError> {
        let once = check_once(self.is_repeated, names);
        let (resource_type, name) = (self.resource_type, self.name);
        let allowed = check_resource(context, AclOperation::AlterConfigs, resource_type, name);
        once.and(allowed)
    }

    /// Changes the settings, if they are those of a topic.
    async fn change(
        &self,
        context: &Context,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), TopicError>,
    ) -> Result<(), TopicError> {
        if self.resource_type != RESOURCE_TOPIC {
            return Err(refuse_resource(self.resource_type));
        }
        let cluster = &context.cluster;
        cluster
            .change_configs(self.name, self.validate_only, change)
            .await
    }
}

pub(crate) async fn alter_configs(
    context: &mut Context,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let asked = distinct::counted(request.resources, |resource| {
        (resource.resource_type, resource.resource_name.clone())
    });
    let mut responses = Vec::new();
    let mut pace = Pace::default();
    for (resource, is_repeated) in asked.await {
        pace.step().await;
        let altered = Altered {
            resource_type: resource.resource_type,
            name: &resource.resource_name,
            is_repeated,
            validate_only: request.validate_only,
        };
        let names = resource.configs.iter().map(|config| &config.name);
        let replace = |configs: &mut BTreeMap<String, String>| {
            let wanted = resource.configs.iter().filter_map(|config| {
                let value = config.value.as_ref()?;
                Some((config.name.to_string(), value.to_string()))
            });
            *configs = wanted.collect();
            Ok(())
        };
        let changed = match altered.check(context, names) {
            Ok(()) => altered.change(context, replace).await,
            Err(error) => Err(error),
        };
        let answer = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name);
        responses.push(match changed {
            Ok(()) => answer,
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    AlterConfigsResponse::default().with_responses(responses)
}

pub(crate) async fn incremental_alter_configs(
    context: &mut Context,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let asked = distinct::counted(request.resources, |resource| {
        (resource.resource_type, resource.resource_name.clone())
    });
    let mut responses = Vec::new();
    let mut pace = Pace::default();
    for (resource, is_repeated) in asked.await {
        pace.step().await;
        let altered = Altered {
            resource_type: resource.resource_type,
            name: &resource.resource_name,
            is_repeated,
            validate_only: request.validate_only,
        };
        let names = resource.configs.iter().map(|config| &config.name);
        let spec = context.cluster.spec();
        let change = |configs: &mut BTreeMap<String, String>| {
            let changes = &resource.configs;
            changes
                .iter()
                .try_for_each(|config| apply(configs, config, &spec))
        };
        let is_super_users = resource.resource_type == RESOURCE_BROKER
            && resource.resource_name.is_empty()
            && context.is_internal;
        let changed = match altered.check(context, names) {
            Ok(()) if is_super_users => {
                super_user::alter(context, &resource.configs, request.validate_only).await
            }
            Ok(()) => altered.change(context, change).await,
            Err(error) => Err(error),
        };
        let answer = IncrementalResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name);
        responses.push(match changed {
            Ok(()) => answer,
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

fn apply(
    configs: &mut BTreeMap<String, String>,
    change: &AlterableConfig,
    spec: &ClusterSpec,
) -> Result<(), TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidConfig, message));
    let name = change.name.to_string();
    let Some(definition) = topic_config::definition(spec.release(), &name) else {
        return invalid(format!("Unknown topic config name: {name}"));
    };
    if change.config_operation == OPERATION_DELETE {
        configs.remove(&name);
        return Ok(());
    }
    let Some(value) = change.value.as_ref().map(|value| value.to_string()) else {
        return invalid(format!("Null value not supported for topic config {name}"));
    };
    if change.config_operation == OPERATION_SET {
        configs.insert(name, value);
        return Ok(());
    }
    if definition.kind != ConfigKind::List {
        return invalid(format!(
            "Can't append or subtract to config {name} because its type is not LIST"
        ));
    }
    let current = configs
        .get(&name)
        .cloned()
        .unwrap_or_else(|| topic_config::default_value(definition, spec).0);
    let mut items: Vec<&str> = current.split(',').filter(|item| !item.is_empty()).collect();
    match change.config_operation {
        OPERATION_APPEND => {
            let mut known: HashSet<&str> = items.iter().copied().collect();
            items.extend(value.split(',').filter(|item| known.insert(item)));
        }
        OPERATION_SUBTRACT => {
            let gone: HashSet<&str> = value.split(',').collect();
            items.retain(|item| !gone.contains(item));
        }
        other => {
            return Err(TopicError::new(
                ErrorCode::InvalidRequest,
                format!("Unknown operation {other}"),
            ));
        }
    }
    configs.insert(name, items.join(","));
    Ok(())
}
