//! What went wrong, as JD Cloud's HTTP status and status name.
//!
//! The page of createInstance publishes `400 INVALID_ARGUMENT`; other products of the vendor publish `404 NOT_FOUND`
//! and `500 INTERNAL_SERVER_ERROR`. Every other name is ours, marked so; no client branches on them.

use brokerage_domain::Error;
use brokerage_domain::catalog::Field;
use brokerage_domain::error::Kind;
use brokerage_domain::instance::ReleaseDenial;
use brokerage_wire::fault::{CallError, Fault, sentence};
use brokerage_wire::params::ParamError;
use brokerage_wire::signing::SignatureFault;

use crate::kafka::convert::status;

/// The one code of the page, for every parameter that breaks a rule.
const INVALID_ARGUMENT: (u16, &str) = (400, "INVALID_ARGUMENT");
/// Ours.
const UNAUTHENTICATED: (u16, &str) = (401, "UNAUTHENTICATED");
/// Ours: the vendor publishes nothing for want of money.
const INSUFFICIENT_BALANCE: (u16, &str) = (402, "INSUFFICIENT_BALANCE");
/// Ours.
const PERMISSION_DENIED: (u16, &str) = (403, "PERMISSION_DENIED");
/// As in other products of the vendor.
const NOT_FOUND: (u16, &str) = (404, "NOT_FOUND");
/// Ours.
const ALREADY_EXISTS: (u16, &str) = (409, "ALREADY_EXISTS");
/// Ours: the instance is in a state that does not permit it.
const FAILED_PRECONDITION: (u16, &str) = (409, "FAILED_PRECONDITION");
/// Ours: more than the account may have.
const QUOTA_EXCEEDED: (u16, &str) = (429, "QUOTA_EXCEEDED");
/// Ours: more calls a second than are taken.
const RESOURCE_EXHAUSTED: (u16, &str) = (429, "RESOURCE_EXHAUSTED");
/// As in other products of the vendor.
const INTERNAL_SERVER_ERROR: (u16, &str) = (500, "INTERNAL_SERVER_ERROR");
/// Ours: sold out; trying later may help.
const UNAVAILABLE: (u16, &str) = (503, "UNAVAILABLE");

fn with((status, name): (u16, &'static str), message: String) -> Fault {
    Fault::new(name, status, message)
}

/// The refusal of a failed call.
pub fn fault(error: &CallError) -> Fault {
    match error {
        CallError::Vendor(fault) => fault.clone(),
        CallError::Param(fault) => with(INVALID_ARGUMENT, param_message(fault)),
        CallError::Plan { parameter, fault } => {
            with(INVALID_ARGUMENT, format!("{parameter}: {fault}."))
        }
        CallError::Domain(error) => with(domain_code(error), domain_message(error)),
    }
}

fn domain_code(error: &Error) -> (u16, &'static str) {
    match error {
        Error::Plan(_)
        | Error::Rate(_)
        | Error::Missing { .. }
        | Error::Invalid { .. }
        | Error::SubnetElsewhere { .. }
        | Error::Unsupported { .. } => INVALID_ARGUMENT,
        Error::NotFound { kind, .. } => match kind {
            Kind::Region | Kind::Zone => INVALID_ARGUMENT,
            Kind::Account
            | Kind::AccessKey
            | Kind::Order
            | Kind::Instance
            | Kind::Network
            | Kind::Subnet
            | Kind::Topic
            | Kind::User
            | Kind::Group
            | Kind::Cluster
            | Kind::Broker
            | Kind::Route => NOT_FOUND,
        },
        Error::Exists { .. } | Error::TokenReused => ALREADY_EXISTS,
        Error::WrongPhase { .. } | Error::GroupInUse { .. } | Error::Kafka { .. } => {
            FAILED_PRECONDITION
        }
        Error::ReleaseDenied { denial, .. } => match denial {
            ReleaseDenial::Prepaid => INVALID_ARGUMENT,
            ReleaseDenial::Protected => FAILED_PRECONDITION,
        },
        Error::InsufficientFunds { .. } => INSUFFICIENT_BALANCE,
        Error::SoldOut { .. } => UNAVAILABLE,
        Error::LimitReached { .. } => QUOTA_EXCEEDED,
        Error::Replayed => UNAUTHENTICATED,
        Error::Forbidden { .. } => PERMISSION_DENIED,
        Error::Throttled { .. } => RESOURCE_EXHAUSTED,
        Error::Internal(_) => INTERNAL_SERVER_ERROR,
    }
}

/// The parameter that a field of the plan comes from.
fn parameter(field: Field) -> &'static str {
    match field {
        Field::Region => "regionId",
        Field::Zone => "azId",
        Field::Version => "instanceVersion",
        Field::Retention => "msgRetain",
        Field::Payment => "chargeMode",
        Field::NodeRole => "role",
        Field::NodeClass => "nodeClassCode",
        Field::NodeCount => "nodeCount",
        Field::Disk => "nodeDiskGB",
        Field::DiskType => "nodeDiskType",
        // Nothing of these is sold by itself here.
        Field::Nodes
        | Field::Edition
        | Field::Spec
        | Field::Bandwidth
        | Field::Topics
        | Field::Partitions
        | Field::PublicBandwidth
        | Field::ElasticBandwidth => "instanceClassSpec",
    }
}

fn domain_message(error: &Error) -> String {
    match error {
        Error::Plan(fault) => format!("{}: {fault}.", parameter(fault.field())),
        Error::WrongPhase { id, phase } => format!("The instance {id} is {}.", status(*phase)),
        Error::ReleaseDenied {
            denial: ReleaseDenial::Prepaid,
            ..
        } => "instanceId: a prepaid instance can be deleted only after its term.".to_owned(),
        other => sentence(other),
    }
}

fn param_message(fault: &ParamError) -> String {
    match fault {
        ParamError::Missing { name } => format!("{name}: the parameter is required."),
        ParamError::Invalid { name, reason } if !name.is_empty() => format!("{name}: {reason}."),
        other => sentence(other),
    }
}

/// A caller who is not known.
pub fn unauthenticated(message: impl Into<String>) -> Fault {
    with(UNAUTHENTICATED, message.into())
}

/// The refusal of a signature.
pub fn signature_fault(fault: &SignatureFault) -> Fault {
    match fault {
        SignatureFault::Mismatch { string_to_sign } => unauthenticated(format!(
            "The signature does not match; the server signed:\n{string_to_sign}"
        )),
        other => unauthenticated(sentence(other)),
    }
}
