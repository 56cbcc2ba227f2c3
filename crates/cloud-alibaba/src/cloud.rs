//! What Alibaba Cloud's services share: one gateway on one URL, its signatures' refusals, and its two formats.
//!
//! A service is a [`Table`] of operations with an envelope: what every successful answer of it carries beside the
//! operation's own fields. [`SERVICES`] is the one list of them; the operation is found by version and
//! name, because the host says nothing when all endpoints point at one address.

use brokerage_domain::listing::Listing;
use brokerage_wire::Cloud;
use brokerage_wire::language::Texts;
use serde_json::{Map, Value};

use crate::{alikafka, bss, client, language, signing, vpc, wire};

use brokerage_wire::operation::Table;

/// Alibaba Cloud. It recognises everything: it is the last of the clouds.
pub static CLOUD: Cloud = Cloud {
    name: "Alibaba Cloud",
    wire: &wire::Aliyun,
    schemes: &[&signing::ACS3, &signing::RPC_V1],
    services: &TABLES,
    other_resource_forms: &[],
    // QueryAvailableInstances of BSS, over all regions. AliKafka's own list has no pages.
    listings: &[("alikafka", Listing::AvailableById)],
    texts: Texts::of(language::ROWS),
    client: client::CLIENT,
    purchases: &[&client::ALIKAFKA, &client::BSS],
};

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

/// The services. A new one adds its folder and a line here.
pub static SERVICES: [&Service; 3] = [&alikafka::SERVICE, &bss::SERVICE, &vpc::SERVICE];

/// Their tables.
static TABLES: [&Table; SERVICES.len()] = {
    let mut tables = [SERVICES[0].table; SERVICES.len()];
    let mut at = 0;
    while at < tables.len() {
        tables[at] = SERVICES[at].table;
        at += 1;
    }
    tables
};

/// The envelope of services that add the id of the call and nothing else.
pub fn plain_envelope(success: &Success<'_>, fields: Map<String, Value>) -> Map<String, Value> {
    let mut answer = Map::from_iter([("RequestId".to_owned(), success.request_id.into())]);
    answer.extend(fields);
    answer
}
