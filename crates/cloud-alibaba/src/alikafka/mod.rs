//! Alibaba Cloud's ApsaraMQ for Kafka (AliKafka), API version 2019-09-16.

pub mod acl_words;
pub mod change;
pub mod config;
pub mod convert;
pub mod fault;
pub mod group_words;
pub mod ids;
pub mod notes;
mod ops;
pub mod purchase;
pub mod sasl_words;
pub mod tag_resource;
pub mod topic_config;
pub mod topic_words;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;
use serde_json::{Map, Value};

use crate::{Service, Success, plain_envelope};

/// The catalog that AliKafka, and BSS for it, sell from.
pub const PROFILE: &str = "alikafka";

/// AliKafka's operations.
pub static TABLE: Table = Table {
    dialect: "alikafka",
    service: "alikafka",
    version: "2019-09-16",
    profile: PROFILE,
    calls_per_second: 20,
    region: RegionUse::Required,
    resource_form: "acs:alikafka:{region}:{account}:{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-alikafka.rs")),
    fault: fault::fault,
};

/// AliKafka behind Alibaba Cloud's gateway.
pub static SERVICE: Service = Service {
    table: &TABLE,
    envelope,
};

/// Operations about tags answer without a code.
const PLAIN: [&str; 3] = ["TagResources", "UntagResources", "ListTagResources"];

/// `Code` is a number here, and `Success` is what Terraform looks at.
fn envelope(success: &Success<'_>, fields: Map<String, Value>) -> Map<String, Value> {
    let mut answer = plain_envelope(success, Map::new());
    let coded = !PLAIN.contains(&success.operation);
    if coded {
        answer.insert("Message".to_owned(), "operation success.".into());
    }
    answer.extend(fields);
    if coded {
        answer.insert("Code".to_owned(), 200.into());
        // One operation says it by itself.
        answer.entry("Success").or_insert(true.into());
    }
    answer
}
