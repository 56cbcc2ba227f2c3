//! What Alibaba Cloud's services share: one gateway on one URL, its signatures' refusals, and its two formats.
//!
//! A service is a [`Table`] of operations with an envelope: what every successful answer of it carries beside the
//! operation's own fields. [`SERVICES`] is the one list of them; the gateway finds the operation by version and
//! name, because the host says nothing when all endpoints point at one address.

pub mod fault;
pub mod vpc;
pub mod wire;

use serde_json::{Map, Value};

use crate::operation::Table;

/// One service behind the gateway.
pub struct Service {
    /// Its operations.
    pub table: &'static Table,
    /// Completes a successful answer.
    pub envelope: fn(&Success<'_>, Map<String, Value>) -> Map<String, Value>,
}

/// What an envelope is made from, beside the operation's own fields.
pub struct Success<'a> {
    /// The vendor's name of the operation.
    pub operation: &'static str,
    /// The id of the call.
    pub request_id: &'a str,
}

/// The services. A new one adds its folder, a line here and its table in [`crate::vendor::TABLES`].
pub static SERVICES: &[&Service] = &[
    &crate::alikafka::SERVICE,
    &crate::bss::SERVICE,
    &vpc::SERVICE,
];

/// The envelope of services that add the id of the call and nothing else.
pub fn plain_envelope(success: &Success<'_>, fields: Map<String, Value>) -> Map<String, Value> {
    let mut answer = Map::from_iter([("RequestId".to_owned(), success.request_id.into())]);
    answer.extend(fields);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_in_the_list_of_tables() {
        for service in SERVICES {
            let listed = crate::vendor::TABLES
                .iter()
                .any(|table| std::ptr::eq(*table, service.table));
            assert!(listed, "add {} to vendor::TABLES", service.table.dialect);
        }
    }
}
