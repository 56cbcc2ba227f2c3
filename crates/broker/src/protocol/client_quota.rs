//! DescribeClientQuotas and AlterClientQuotas (KIP-546).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use kafka_protocol::messages::alter_client_quotas_request::{EntryData as Alteration, OpData};
use kafka_protocol::messages::alter_client_quotas_response::{
    EntityData as AlteredEntity, EntryData as Altered,
};
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::AclOperation;
use crate::metadata::state::{MetadataRecord, QuotaEntity};
use crate::quota::client::{ADDRESS, CLIENT_ID, USER};
use crate::turn::Pace;

/// What users and clients have quotas for, with whether it is a whole number. Those of bytes are in force; those of
/// request time and of mutations are kept and shown.
const CLIENT_KEYS: &[(&str, bool)] = &[
    ("producer_byte_rate", true),
    ("consumer_byte_rate", true),
    ("request_percentage", false),
    ("controller_mutation_rate", false),
];
/// What addresses have quotas for (KIP-612): kept and shown.
const ADDRESS_KEYS: &[(&str, bool)] = &[("connection_creation_rate", true)];
/// How far a number may be from a whole one to be taken for it (Kafka's `ClientQuotaControlManager`).
const EPSILON: f64 = 1e-6;
/// Longest name of a user or a client that has a quota.
const NAME_BYTES_MAX: usize = 1 << 10;
/// Entities with a quota in one cluster.
const ENTITIES_MAX: usize = 10_000;

const MATCH_EXACT: i8 = 0;
const MATCH_DEFAULT: i8 = 1;
const MATCH_ANY: i8 = 2;

pub(crate) async fn describe_client_quotas(
    context: &mut Context,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    if let Err(error) = context.check_cluster_or_say(AclOperation::DescribeConfigs) {
        return DescribeClientQuotasResponse::default()
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into()))
            .with_entries(None);
    }
    if let Err(error) = check_components(&request.components) {
        return DescribeClientQuotasResponse::default()
            .with_error_code(error.code)
            .with_error_message(Some(error.message.into()))
            .with_entries(None);
    }
    let entries = context.cluster.metadata_log().read(|state| {
        let wanted = state
            .quotas
            .iter()
            .filter(|(entity, _)| is_wanted(&request, entity));
        wanted
            .map(|(entity, values)| {
                let entity = entity.iter().map(|(kind, name)| {
                    EntityData::default()
                        .with_entity_type(kind.clone().into())
                        .with_entity_name(name.clone().map(Into::into))
                });
                let values = values.iter().map(|(key, value)| {
                    ValueData::default()
                        .with_key(key.clone().into())
                        .with_value(*value)
                });
                EntryData::default()
                    .with_entity(entity.collect())
                    .with_values(values.collect())
            })
            .collect()
    });
    DescribeClientQuotasResponse::default()
        .with_error_message(None)
        .with_entries(Some(entries))
}

/// What a description may ask for (Kafka's `ClientQuotaControlManager`).
fn check_components(components: &[ComponentData]) -> Result<(), TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    let mut kinds = HashSet::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return invalid("Unexpected empty filter component entity type".to_owned());
        }
        if ![USER, CLIENT_ID, ADDRESS].contains(&kind) {
            let message = format!("Custom entity type '{kind}' not supported");
            return Err(TopicError::new(ErrorCode::UnsupportedVersion, message));
        }
        if !kinds.insert(kind) {
            return invalid(format!("Duplicate {kind} filter component entity type"));
        }
        if !(MATCH_EXACT..=MATCH_ANY).contains(&component.match_type) {
            return invalid(format!("Unknown match type {}", component.match_type));
        }
    }
    match kinds.contains(ADDRESS) && kinds.len() > 1 {
        true => invalid("Invalid entity filter component combination".to_owned()),
        false => Ok(()),
    }
}

fn is_wanted(request: &DescribeClientQuotasRequest, entity: &QuotaEntity) -> bool {
    let fits = |component: &ComponentData| match entity.get(component.entity_type.as_str()) {
        None => false,
        Some(name) => match component.match_type {
            MATCH_EXACT => name.as_deref() == component._match.as_deref(),
            MATCH_DEFAULT => name.is_none(),
            _ => true,
        },
    };
    let has_others = request.strict && entity.len() != request.components.len();
    !has_others && request.components.iter().all(fits)
}

pub(crate) async fn alter_client_quotas(
    context: &mut Context,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let allowed = context.check_cluster_or_say(AclOperation::AlterConfigs);
    let entries = merged(request.entries);
    let mut answers = Vec::with_capacity(entries.len());
    let mut pace = Pace::default();
    for entry in entries {
        pace.step().await;
        let altered = match &allowed {
            Ok(()) => alter(context, &entry, request.validate_only).await,
            Err(error) => Err(error.clone()),
        };
        let entity = entry.entity.into_iter().map(|part| {
            AlteredEntity::default()
                .with_entity_type(part.entity_type)
                .with_entity_name(part.entity_name)
        });
        let answer = Altered::default().with_entity(entity.collect());
        answers.push(match altered {
            Ok(()) => answer.with_error_message(None),
            Err(error) => answer
                .with_error_code(error.code)
                .with_error_message(Some(error.message.into())),
        });
    }
    context
        .cluster
        .client_quotas()
        .note_change(context.cluster.metadata_log());
    AlterClientQuotasResponse::default().with_entries(answers)
}

/// Alterations of one entity, in their order, in one.
fn merged(entries: Vec<Alteration>) -> Vec<Alteration> {
    let mut places: HashMap<Vec<(StrBytes, Option<StrBytes>)>, usize> = HashMap::new();
    let mut each: Vec<Alteration> = Vec::new();
    for entry in entries {
        let parts = entry.entity.iter();
        let mut entity: Vec<_> = parts
            .map(|part| (part.entity_type.clone(), part.entity_name.clone()))
            .collect();
        entity.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        match places.entry(entity) {
            Entry::Occupied(place) => each[*place.get()].ops.extend(entry.ops),
            Entry::Vacant(free) => {
                free.insert(each.len());
                each.push(entry);
            }
        }
    }
    each
}

fn read_entity(entry: &Alteration) -> Result<QuotaEntity, TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    let mut entity = QuotaEntity::new();
    for part in &entry.entity {
        let kind = part.entity_type.to_string();
        if ![USER, CLIENT_ID, ADDRESS].contains(&kind.as_str()) {
            return invalid(format!("Unhandled client quota entity type: {kind}"));
        }
        if part
            .entity_name
            .as_ref()
            .is_some_and(|name| name.is_empty())
        {
            return invalid(format!("the name of a {kind} is empty"));
        }
        let length = part.entity_name.as_ref().map_or(0, |name| name.len());
        if length > NAME_BYTES_MAX {
            return invalid(format!("the name of a {kind} is too long"));
        }
        let name = part.entity_name.as_ref().map(StrBytes::to_string);
        if entity.insert(kind.clone(), name).is_some() {
            return invalid(format!("{kind} is named twice"));
        }
    }
    if entity.is_empty() {
        return invalid("nobody is named".to_owned());
    }
    if let Some(address) = entity.get(ADDRESS) {
        if entity.len() > 1 {
            return invalid("an address has quotas of its own only".to_owned());
        }
        let is_address = |text: &String| text.parse::<IpAddr>().is_ok();
        if address.as_ref().is_some_and(|text| !is_address(text)) {
            return invalid("the name of an ip is no address".to_owned());
        }
    }
    Ok(entity)
}

/// Whether an entity can have this quota.
fn check_quota(entity: &QuotaEntity, op: &OpData) -> Result<(), TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    let keys = match entity.contains_key(ADDRESS) {
        true => ADDRESS_KEYS,
        false => CLIENT_KEYS,
    };
    let key = op.key.as_str();
    let Some((_, is_whole)) = keys.iter().find(|(known, _)| *known == key) else {
        return invalid(format!("Invalid configuration key {key}"));
    };
    if op.remove {
        return Ok(());
    }
    if !op.value.is_finite() || op.value <= 0.0 {
        return invalid(format!("Quota {key} must be greater than 0"));
    }
    match *is_whole && (op.value - op.value.round()).abs() > EPSILON {
        true => invalid(format!("Configuration {key} must be a whole number")),
        false => Ok(()),
    }
}

async fn alter(
    context: &Context,
    entry: &Alteration,
    validate_only: bool,
) -> Result<(), TopicError> {
    let entity = read_entity(entry)?;
    for op in &entry.ops {
        check_quota(&entity, op)?;
    }
    if validate_only {
        return Ok(());
    }
    let committed = context.cluster.metadata_log().commit(|state| {
        let mut values = state.quotas.get(&entity).cloned().unwrap_or_default();
        if values.is_empty() && state.quotas.len() >= ENTITIES_MAX {
            let message = format!("there are quotas for {ENTITIES_MAX} entities already");
            return Err(TopicError::new(ErrorCode::PolicyViolation, message));
        }
        for op in &entry.ops {
            match op.remove {
                true => values.remove(op.key.as_str()),
                false => values.insert(op.key.to_string(), op.value),
            };
        }
        Ok((vec![MetadataRecord::Quota { entity, values }], ()))
    });
    Ok(committed.await?)
}
