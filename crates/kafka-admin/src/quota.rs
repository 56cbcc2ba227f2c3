//! Client quotas (KIP-546).

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        AlterClientQuotasRequest, DescribeClientQuotasRequest,
        alter_client_quotas_request::{EntityData, EntryData, OpData},
    },
    protocol::{Request, StrBytes},
};

use crate::{
    AdminError, Client,
    client::{only, refused},
};

/// Whom a quota is for: each of the two may be named, be the default, or not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct QuotaEntity {
    /// The user; `Some(None)`: every user without a quota of its own.
    pub user: Option<Option<String>>,
    /// The client id, as the user.
    pub client_id: Option<Option<String>>,
}

/// The quotas of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// Whom they are for.
    pub entity: QuotaEntity,
    /// By name (`producer_byte_rate`, `consumer_byte_rate`, …).
    pub values: BTreeMap<String, f64>,
}

/// A change of one quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is from now on; `None`: there is none any more.
    pub value: Option<f64>,
}

const USER: &str = "user";
const CLIENT_ID: &str = "client-id";

impl Client {
    /// All quotas, by entity.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn quota_list(&mut self) -> Result<Vec<Quota>, AdminError> {
        let answer = self.call(&DescribeClientQuotasRequest::default()).await?;
        refused(answer.error_code, answer.error_message.as_deref())?;
        let mut quotas = Vec::new();
        for entry in answer.entries.unwrap_or_default() {
            let mut entity = QuotaEntity::default();
            for part in entry.entity {
                let name = part.entity_name.map(|name| name.to_string());
                match part.entity_type.as_str() {
                    USER => entity.user = Some(name),
                    CLIENT_ID => entity.client_id = Some(name),
                    // Addresses have quotas of connections only (KIP-612).
                    _ => {}
                }
            }
            let values = entry.values.into_iter();
            quotas.push(Quota {
                entity,
                values: values.map(|row| (row.key.to_string(), row.value)).collect(),
            });
        }
        quotas.sort_by(|a, b| a.entity.cmp(&b.entity));
        Ok(quotas)
    }

    /// Changes some quotas of one entity and leaves the others.
    ///
    /// # Errors
    /// [`AdminError`]; INVALID_REQUEST for what is no quota.
    pub async fn quota_alter(
        &mut self,
        entity: &QuotaEntity,
        changes: &[QuotaChange<'_>],
    ) -> Result<(), AdminError> {
        let parts = [(USER, &entity.user), (CLIENT_ID, &entity.client_id)];
        let named = parts.into_iter().filter_map(|(kind, name)| {
            let name = name.as_ref()?.clone();
            let part = EntityData::default().with_entity_type(StrBytes::from_static_str(kind));
            Some(part.with_entity_name(name.map(StrBytes::from_string)))
        });
        let change = |change: &QuotaChange<'_>| {
            OpData::default()
                .with_key(StrBytes::from_string(change.name.to_owned()))
                .with_value(change.value.unwrap_or_default())
                .with_remove(change.value.is_none())
        };
        let entry = EntryData::default()
            .with_entity(named.collect())
            .with_ops(changes.iter().map(change).collect());
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        let answer = self.call(&request).await?;
        let altered = only(AlterClientQuotasRequest::KEY, answer.entries)?;
        refused(altered.error_code, altered.error_message.as_deref())
    }
}
