//! DescribeClientQuotas and AlterClientQuotas (KIP-546).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use kafka_protocol::messages::alter_client_quotas_request::EntryData as Alteration;
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
use crate::quota::client::{CLIENT_ID, USER};
use crate::turn::Pace;

/// Quotas on bytes are kept; those on request time, mutations and connections per address are not.
const KEYS: [&str; 2] = ["producer_byte_rate", "consumer_byte_rate"];
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
    let is_known = |component: &ComponentData| {
        [USER, CLIENT_ID].contains(&component.entity_type.as_str())
            && (MATCH_EXACT..=MATCH_ANY).contains(&component.match_type)
    };
    if !request.components.iter().all(is_known) {
        return DescribeClientQuotasResponse::default()
            .with_error_code(ErrorCode::InvalidRequest.code())
            .with_error_message(Some("Only users and client ids have quotas here.".into()))
            .with_entries(None);
    }
    let mut kinds = HashSet::new();
    let mut components = request.components.iter();
    if let Some(twice) = components.find(|component| !kinds.insert(&component.entity_type)) {
        let kind = twice.entity_type.as_str();
        let message = format!("Duplicate {kind} filter component entity type");
        return DescribeClientQuotasResponse::default()
            .with_error_code(ErrorCode::InvalidRequest.code())
            .with_error_message(Some(message.into()))
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
    DescribeClientQuotasResponse::default().with_entries(Some(entries))
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
            Ok(()) => answer,
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
        if ![USER, CLIENT_ID].contains(&kind.as_str()) {
            return invalid(format!("{kind:?} has no quotas here"));
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
    Ok(entity)
}

async fn alter(
    context: &Context,
    entry: &Alteration,
    validate_only: bool,
) -> Result<(), TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    let entity = read_entity(entry)?;
    for op in &entry.ops {
        if !KEYS.contains(&op.key.as_str()) {
            return invalid(format!("a quota on {:?} is not kept here", op.key.as_str()));
        }
        let is_rate = op.value.is_finite() && op.value >= 1.0;
        if !op.remove && !is_rate {
            return invalid(format!("{} is not a rate in bytes per second", op.value));
        }
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
