//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs.

use std::collections::{BTreeMap, HashSet};

use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResourceResponse;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ListConfigResourcesRequest,
    ListConfigResourcesResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::authorization::refused;
use super::broker_config::broker_rows;
use super::config_documentation::documentation;
use super::{Context, distinct, super_user};
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::AclOperation;
use crate::metadata::resource_config::ConfiguredResource;
use crate::metadata::topic_config::{self, ConfigDefinition, ConfigKind};
use crate::spec::ClusterSpec;
use crate::turn::Pace;

const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_BROKER: i8 = 4;
const RESOURCE_BROKER_LOGGER: i8 = 8;
const RESOURCE_CLIENT_METRICS: i8 = 16;
const RESOURCE_GROUP: i8 = 32;

/// Where a value comes from (KIP-226).
const SOURCE_TOPIC: i8 = 1;
const SOURCE_ALL_BROKERS: i8 = 3;
pub(super) const SOURCE_STATIC_BROKER: i8 = 4;
pub(super) const SOURCE_DEFAULT: i8 = 5;
const SOURCE_CLIENT_METRICS: i8 = 7;
const SOURCE_GROUP: i8 = 8;

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
    pub kind: ConfigKind,
    /// The value without the resource's override, under the broker-level name.
    pub beneath: (&'static str, String, i8),
}

/// All settings of a topic with these overrides.
pub(super) fn topic_rows(context: &Context, overrides: &BTreeMap<String, String>) -> Vec<Row> {
    let spec = context.cluster.spec();
    let row = |definition: &ConfigDefinition| {
        let (value, source) = default_of(definition, &spec);
        let broker_name = topic_config::broker_name(definition.name).unwrap_or(definition.name);
        let beneath = (broker_name, value.clone(), source);
        let (value, source) = match overrides.get(definition.name) {
            Some(value) => (definition.shown(spec.release(), value), SOURCE_TOPIC),
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
pub(super) fn default_of(definition: &ConfigDefinition, spec: &ClusterSpec) -> (String, i8) {
    let (value, is_from_cluster) = topic_config::default_value(definition, spec);
    let source = match is_from_cluster {
        true => SOURCE_STATIC_BROKER,
        false => SOURCE_DEFAULT,
    };
    (value, source)
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
    mut request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let key = |resource: &DescribeConfigsResource| {
        (resource.resource_type, resource.resource_name.clone())
    };
    let asked = distinct::distinct(std::mem::take(&mut request.resources), key).await;
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
                // No names at all mean all settings, whether as null or as an empty list.
                let keys = resource.configuration_keys.as_ref();
                let keys = keys.filter(|keys| !keys.is_empty());
                let keys: Option<HashSet<&str>> =
                    keys.map(|keys| keys.iter().map(StrBytes::as_str).collect());
                let is_asked = |row: &Row| keys.as_ref().is_none_or(|keys| keys.contains(row.name));
                let shown = rows.into_iter().filter(is_asked);
                answer.with_configs(
                    shown
                        .map(|row| describe(row, read_only, &request))
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

/// Settings of topics and groups belong to them, all others to the cluster. Other kinds are refused later.
fn check_resource(
    context: &Context,
    operation: AclOperation,
    resource_type: i8,
    name: &str,
) -> Result<(), TopicError> {
    let allowed = match resource_type {
        RESOURCE_TOPIC => context.check_topic(operation, name),
        RESOURCE_GROUP => context.check_group(operation, name),
        RESOURCE_BROKER | RESOURCE_BROKER_LOGGER | RESOURCE_CLIENT_METRICS => {
            context.check_cluster(operation)
        }
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
        // Brokers here have no loggers of their own: the process has one, which its operator sets.
        RESOURCE_BROKER_LOGGER => check_broker(context, name).map(|_| (Vec::new(), true)),
        other => match configured(context, other) {
            Some(_) if name.is_empty() => Err(TopicError::new(
                ErrorCode::InvalidRequest,
                "The name of the resource must not be empty",
            )),
            Some(resource) => Ok((resource_rows(context, resource, name), false)),
            None => Err(refuse_resource(other)),
        },
    }
}

/// What a type number means, if the release has such resources with settings.
fn configured(context: &Context, resource_type: i8) -> Option<ConfiguredResource> {
    let resource = match resource_type {
        RESOURCE_GROUP => ConfiguredResource::Group,
        RESOURCE_CLIENT_METRICS => ConfiguredResource::ClientMetrics,
        _ => return None,
    };
    let release = context.cluster.spec().release();
    resource.is_known_to(release).then_some(resource)
}

/// All settings of a resource, whether anything was set of it or not.
fn resource_rows(context: &Context, resource: ConfiguredResource, name: &str) -> Vec<Row> {
    let configs = context.cluster.resource_configs(resource, name);
    let own_source = match resource {
        ConfiguredResource::Group => SOURCE_GROUP,
        ConfiguredResource::ClientMetrics => SOURCE_CLIENT_METRICS,
    };
    let row = |definition: &ConfigDefinition| {
        let default = definition.default.to_owned();
        let (value, source) = match configs.get(definition.name) {
            Some(value) => (value.clone(), own_source),
            None => (default.clone(), SOURCE_DEFAULT),
        };
        let broker_name = resource.broker_name(definition.name);
        Row {
            name: definition.name,
            value,
            source,
            kind: definition.kind,
            beneath: (broker_name, default, SOURCE_DEFAULT),
        }
    };
    resource.definitions().iter().map(row).collect()
}

fn describe(
    row: Row,
    read_only: bool,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResourceResult {
    let documentation = documentation(row.name).filter(|_| request.include_documentation);
    let name = StrBytes::from_static_str(row.name);
    let mut synonyms = Vec::new();
    if request.include_synonyms {
        let synonym = |name: &'static str, value: &str, source| {
            DescribeConfigsSynonym::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(value.to_owned().into()))
                .with_source(source)
        };
        if [SOURCE_TOPIC, SOURCE_CLIENT_METRICS, SOURCE_GROUP].contains(&row.source) {
            synonyms.push(synonym(row.name, &row.value, row.source));
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
        .with_documentation(documentation.map(StrBytes::from_static_str))
}

/// Refuses a resource that the request names more than once, of which it names a setting more than once, or
/// which it gives no value for a setting that needs one (Kafka's `ConfigAdminManager.preprocess`).
fn check_named<'a>(
    is_repeated: bool,
    settings: impl Iterator<Item = Named<'a>>,
) -> Result<(), TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    if is_repeated {
        return invalid("Each resource must appear at most once.".to_owned());
    }
    let mut seen = HashSet::new();
    let mut without_value = Vec::new();
    for setting in settings {
        if !seen.insert(setting.name) {
            return invalid("Error due to duplicate config keys".to_owned());
        }
        if !setting.has_value {
            without_value.push(setting.name.as_str());
        }
    }
    match without_value.is_empty() {
        true => Ok(()),
        false => invalid(format!(
            "Null value not supported for : {}",
            without_value.join(", ")
        )),
    }
}

/// A setting of a request to change some.
struct Named<'a> {
    name: &'a StrBytes,
    /// It has a value, or needs none.
    has_value: bool,
}

/// Broker settings are those of the plan that was bought.
fn refuse_resource(resource_type: i8) -> TopicError {
    match resource_type {
        RESOURCE_BROKER => TopicError::new(
            ErrorCode::PolicyViolation,
            "Broker settings are fixed by the specification of the cluster.",
        ),
        RESOURCE_BROKER_LOGGER => TopicError::new(
            ErrorCode::PolicyViolation,
            "Log levels are set by the operator of the cluster.",
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
    /// Whether these settings may be changed.
    fn check<'a>(
        &self,
        context: &Context,
        settings: impl Iterator<Item = Named<'a>>,
    ) -> Result<(), TopicError> {
        let named = check_named(self.is_repeated, settings);
        let (resource_type, name) = (self.resource_type, self.name);
        let allowed = check_resource(context, AclOperation::AlterConfigs, resource_type, name);
        named.and(allowed)
    }

    /// Changes the settings, if they are those of a topic, a group, or a subscription to metrics.
    async fn change(
        &self,
        context: &Context,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), TopicError>,
    ) -> Result<(), TopicError> {
        let (cluster, is_dry_run) = (&context.cluster, self.validate_only);
        if self.resource_type == RESOURCE_TOPIC {
            return cluster.change_configs(self.name, is_dry_run, change).await;
        }
        let resource = configured(context, self.resource_type);
        let resource = resource.ok_or_else(|| refuse_resource(self.resource_type))?;
        cluster
            .change_resource_configs(resource, self.name, is_dry_run, change)
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
        let settings = resource.configs.iter().map(|config| Named {
            name: &config.name,
            has_value: config.value.is_some(),
        });
        let replace = |configs: &mut BTreeMap<String, String>| {
            let wanted = resource.configs.iter().filter_map(|config| {
                let value = config.value.as_ref()?;
                Some((config.name.to_string(), value.to_string()))
            });
            *configs = wanted.collect();
            Ok(())
        };
        let changed = match altered.check(context, settings) {
            Ok(()) => altered.change(context, replace).await,
            Err(error) => Err(error),
        };
        let answer = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name);
        responses.push(match changed {
            Ok(()) => answer.with_error_message(None),
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
        let settings = resource.configs.iter().map(|config| Named {
            name: &config.name,
            has_value: config.value.is_some() || config.config_operation == OPERATION_DELETE,
        });
        let current = |configs: &BTreeMap<String, String>, name: &str| {
            current_list(context, resource.resource_type, configs, name)
        };
        let change = |configs: &mut BTreeMap<String, String>| {
            let mut changes = resource.configs.iter();
            changes.try_for_each(|config| apply(configs, config, current))
        };
        let is_super_users = resource.resource_type == RESOURCE_BROKER
            && resource.resource_name.is_empty()
            && context.is_internal;
        let changed = match altered.check(context, settings) {
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
            Ok(()) => answer.with_error_message(None),
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

/// What a list is before something is appended to it or taken from it; an error if the setting is no list.
fn current_list(
    context: &Context,
    resource_type: i8,
    configs: &BTreeMap<String, String>,
    name: &str,
) -> Result<String, TopicError> {
    let spec = context.cluster.spec();
    let definition = match configured(context, resource_type) {
        Some(resource) => resource.definition(name),
        None => topic_config::definition(spec.release(), name),
    };
    let definition = definition.filter(|definition| definition.kind == ConfigKind::List);
    let definition = definition.ok_or_else(|| {
        TopicError::new(
            ErrorCode::InvalidConfig,
            format!("Can't append or subtract to config {name} because its type is not LIST"),
        )
    })?;
    let default = || topic_config::default_value(definition, &spec).0;
    Ok(configs.get(name).cloned().unwrap_or_else(default))
}

/// Does one of the changes that a request asks for. Which names there are is looked at when all are done.
fn apply(
    configs: &mut BTreeMap<String, String>,
    change: &AlterableConfig,
    current: impl Fn(&BTreeMap<String, String>, &str) -> Result<String, TopicError>,
) -> Result<(), TopicError> {
    let name = change.name.to_string();
    let value = change.value.as_deref().unwrap_or_default();
    let own_items = || value.split(',').map(str::trim);
    match change.config_operation {
        OPERATION_SET => {
            configs.insert(name, value.to_owned());
        }
        OPERATION_DELETE => {
            configs.remove(&name);
        }
        OPERATION_APPEND => {
            let list = current(configs, &name)?;
            let mut items: Vec<&str> = list.split(',').filter(|item| !item.is_empty()).collect();
            let mut known: HashSet<&str> = items.iter().copied().collect();
            items.extend(own_items().filter(|item| known.insert(item)));
            configs.insert(name, items.join(","));
        }
        OPERATION_SUBTRACT => {
            let list = current(configs, &name)?;
            let gone: HashSet<&str> = own_items().collect();
            let left = list.split(',').filter(|item| !gone.contains(item));
            configs.insert(name, left.collect::<Vec<_>>().join(","));
        }
        other => {
            let message = format!("Unknown operation {other}");
            return Err(TopicError::new(ErrorCode::InvalidRequest, message));
        }
    }
    Ok(())
}

/// The types whose resources ListConfigResources names. The first version knew subscriptions to metrics only.
fn listed_types(version: i16) -> &'static [i8] {
    match version {
        0 => &[RESOURCE_CLIENT_METRICS],
        _ => &[
            RESOURCE_TOPIC,
            RESOURCE_BROKER,
            RESOURCE_BROKER_LOGGER,
            RESOURCE_CLIENT_METRICS,
            RESOURCE_GROUP,
        ],
    }
}

/// What has settings, by type (KIP-1142; KIP-714 for the first version). No type means all.
pub(crate) async fn list_config_resources(
    context: &mut Context,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let failed =
        |code: ErrorCode| ListConfigResourcesResponse::default().with_error_code(code.code());
    if let Err(code) = context.check_cluster(AclOperation::DescribeConfigs) {
        return failed(code);
    }
    let known = listed_types(context.version);
    let asked = match request.resource_types.is_empty() {
        true => known.to_vec(),
        false => distinct::distinct(request.resource_types, |kind| *kind).await,
    };
    if !asked.iter().all(|kind| known.contains(kind)) {
        return failed(ErrorCode::UnsupportedVersion);
    }
    let named = |kind: i8, names: Vec<String>| {
        names.into_iter().map(move |name| {
            ConfigResource::default()
                .with_resource_type(kind)
                .with_resource_name(name.into())
        })
    };
    let resources = asked
        .into_iter()
        .flat_map(|kind| named(kind, names_of_type(context, kind)));
    ListConfigResourcesResponse::default().with_config_resources(resources.collect())
}

fn names_of_type(context: &Context, resource_type: i8) -> Vec<String> {
    let cluster = &context.cluster;
    match resource_type {
        RESOURCE_TOPIC => {
            let topics = cluster.topics().all();
            topics.iter().map(|topic| topic.name.clone()).collect()
        }
        RESOURCE_BROKER | RESOURCE_BROKER_LOGGER => {
            let spec = cluster.spec();
            let brokers = spec.brokers.iter();
            brokers.map(|broker| broker.id.to_string()).collect()
        }
        other => {
            let wanted = configured(context, other);
            cluster.metadata_log().read(|state| {
                let known = state.resource_configs.keys();
                let known = known.filter(|(resource, _)| Some(*resource) == wanted);
                known.map(|(_, name)| name.clone()).collect()
            })
        }
    }
}
