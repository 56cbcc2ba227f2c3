//! What differs between vendors on the wire: where the operation's name stands, how parameters travel, what an
//! answer looks like. One implementation a cloud; [`VENDORS`] is the one list of them.

use brokerage_domain::access::Vocabulary;

use crate::fault::Fault;
use crate::operation::{Row, Table};
use crate::params::{Param, ParamError};
use crate::signing::{SignatureFault, Vendor};
use crate::wire::{WireRequest, WireResponse};

/// Every cloud that is spoken. A new one adds its folder and a line here. The first that recognises a request
/// answers it; the last recognises everything.
pub static VENDORS: &[&dyn VendorWire] = &[
    &crate::jdkafka::wire::JdCloud,
    &crate::ckafka::wire::Tencent,
    &crate::aliyun::wire::Aliyun,
];

/// Every dialect's table.
pub static TABLES: &[&Table] = &[
    &crate::ckafka::TABLE,
    &crate::ckafka::tag::TABLE,
    &crate::ckafka::vpc::TABLE,
    &crate::jdkafka::TABLE,
    &crate::jdkafka::vpc::TABLE,
    &crate::alikafka::TABLE,
    &crate::bss::TABLE,
    &crate::aliyun::vpc::TABLE,
];

/// The words of every dialect that policies are written in. Regions are the catalogs'.
pub fn vocabulary() -> Vocabulary {
    let rows = || TABLES.iter().flat_map(|table| table.rows);
    Vocabulary {
        actions: rows().map(|row| row.action).collect(),
        condition_keys: rows().flat_map(|row| row.condition_keys).copied().collect(),
        resource_forms: TABLES
            .iter()
            .map(|table| table.resource_form)
            .chain(crate::jdkafka::vpc::OTHER_FORMS.iter().copied())
            .collect(),
        regions: Vec::new(),
    }
}

/// A request whose operation was found.
pub struct Route {
    /// The dialect.
    pub table: &'static Table,
    /// The operation.
    pub row: &'static Row,
    /// Parameters that stand in the path, with their vendor names.
    pub path_params: Vec<(&'static str, String)>,
}

/// What an answer is about.
pub struct Answer<'a> {
    /// The request that is answered.
    pub request: &'a WireRequest,
    /// The operation, when it was found.
    pub route: Option<&'a Route>,
    /// The id of the call.
    pub request_id: &'a str,
}

/// One cloud's wire.
pub trait VendorWire: Sync {
    /// Whose signatures it takes.
    fn vendor(&self) -> Vendor;

    /// Whether the request looks like this cloud's.
    fn speaks(&self, request: &WireRequest) -> bool;

    /// Finds the operation.
    ///
    /// # Errors
    /// The vendor's refusal of unknown services, versions and operations.
    fn route(&self, request: &WireRequest) -> Result<Route, Fault>;

    /// All parameters of the request as one tree.
    ///
    /// # Errors
    /// [`ParamError`] where the request cannot be read.
    fn params(&self, request: &WireRequest, route: &Route) -> Result<Param, ParamError>;

    /// What the vendor calls the parameter that names a region.
    fn region_parameter(&self) -> &'static str;

    /// The region that the caller named; empty when none was.
    fn region(&self, request: &WireRequest, params: &Param) -> String;

    /// The id of a call, in the vendor's form, from a lower-case UUID.
    fn request_id(&self, uuid: String) -> String {
        uuid
    }

    /// The vendor's refusal of a signature.
    fn signature_fault(&self, fault: &SignatureFault) -> Fault;

    /// The vendor's refusal of an unknown or switched-off access key.
    fn unknown_key(&self, id: &str) -> Fault;

    /// The vendor's refusal of a session token that does not belong to the key.
    fn wrong_token(&self) -> Fault;

    /// The answer to a call that succeeded. `body` is the operation's answer without its envelope.
    fn render(&self, answer: &Answer<'_>, body: serde_json::Value) -> WireResponse;

    /// The answer to a call that failed.
    fn render_fault(&self, answer: &Answer<'_>, fault: &Fault) -> WireResponse;
}
