//! Alibaba Cloud's order system (BSS OpenAPI, version 2017-12-14), as far as it sells Kafka: the same goods as
//! [`crate::alikafka`], from the same catalog, through the interface that sells everything there.

pub mod convert;
pub mod fault;
mod ops;
pub mod price;
pub mod property;

use brokerage_wire::operation::{RegionUse, Table, UnknownParams};
use brokerage_wire::params::IndexBase;
use serde_json::{Map, Value};

use crate::{Service, Success};

/// The order system behind Alibaba Cloud's gateway.
pub static SERVICE: Service = Service {
    table: &TABLE,
    envelope,
};

/// Its operations.
pub static TABLE: Table = Table {
    dialect: "bss",
    service: "bss",
    version: "2017-12-14",
    profile: crate::alikafka::PROFILE,
    // The pages name no limit; ours lets a burst of repeated orders through.
    calls_per_second: 100,
    region: RegionUse::Absent,
    resource_form: "acs:alikafka:{region}:{account}:{id}",
    index_base: IndexBase::One,
    unknown: UnknownParams::RefusedInside,
    rows: ops::ROWS,
    unserved: include!(concat!(env!("OUT_DIR"), "/unserved-bss.rs")),
    fault: fault::fault,
};

/// What stands around `Data`. `Code` is a word here, where AliKafka has a number.
fn envelope(success: &Success<'_>, fields: Map<String, Value>) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("Code".to_owned(), "Success".into());
    answer.insert("Message".to_owned(), "Successful!".into());
    answer.insert("RequestId".to_owned(), success.request_id.into());
    answer.insert("Success".to_owned(), true.into());
    answer.extend(fields);
    answer
}
