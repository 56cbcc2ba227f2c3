//! What went wrong, in AliKafka's codes ("Error codes"). All of them come with status 400 but for the one that means
//! that the instance is gone: Terraform takes 404 for "gone", and tries 5xx again for an hour.

use brokerage_domain::Error;
use brokerage_domain::catalog::{Field, PlanFault};
use brokerage_domain::error::Kind;
use brokerage_domain::instance::ReleaseDenial;
use brokerage_wire::fault::{CallError, Fault, INVALID_TOPIC_CODES, POLICY_VIOLATION, sentence};

use crate::fault::{BAD_REQUEST, gateway_fault, param_fault};

/// A parameter with a value that the service does not take.
pub const FIELD: &str = "BIZ_FIELD_CHECK_INVALID";
/// An instance in a state that does not permit the call.
pub const STATUS: &str = "BIZ.INSTANCE.STATUS.ERROR";
/// Status of [`Error::NotFound`] for an instance.
const NOT_FOUND: u16 = 404;
/// Longest beginning of a caller's own word in a refusal, in bytes.
const WORD_BYTES_MAX: usize = 64;
/// The parameter that a field of the plan comes from.
const fn parameter(field: Field) -> &'static str {
    match field {
        Field::Region => "RegionId",
        Field::Zone => "ZoneId",
        Field::Edition => "SpecType",
        Field::Spec => "IoMaxSpec",
        Field::Bandwidth => "IoMax",
        Field::Topics => "TopicQuota",
        Field::Partitions => "PartitionNum",
        Field::Disk => "DiskSize",
        Field::DiskType => "DiskType",
        Field::PublicBandwidth | Field::ElasticBandwidth => "EipMax",
        Field::Version => "ServiceVersion",
        Field::Retention => "Config",
        Field::Payment => "PaidType",
        // Nodes are not sold here.
        Field::Nodes | Field::NodeRole | Field::NodeClass | Field::NodeCount => "SpecType",
    }
}

/// The refusal of a failed call.
pub fn fault(error: &CallError) -> Fault {
    match error {
        CallError::Vendor(fault) => fault.clone(),
        CallError::Param(fault) => param_fault(fault),
        CallError::Plan { parameter, fault } => {
            let message = format!("The parameter {parameter} is invalid: {fault}.");
            Fault::new(FIELD, BAD_REQUEST, message)
        }
        CallError::Domain(error) => gateway_fault(error)
            .unwrap_or_else(|| Fault::new(code(error), status(error), message(error))),
    }
}

/// Where an instance is gone, Terraform drops what was in it from its state, and only then plans anew and destroys the
/// rest: with 400 it can do neither.
const fn status(error: &Error) -> u16 {
    match error {
        Error::NotFound {
            kind: Kind::Instance,
            ..
        } => NOT_FOUND,
        _ => BAD_REQUEST,
    }
}

/// A parameter that breaks a rule of the service.
pub fn field(name: &str, reason: impl std::fmt::Display) -> CallError {
    Fault::new(
        FIELD,
        BAD_REQUEST,
        format!("The parameter {name} is invalid: {reason}."),
    )
    .into()
}

/// A parameter that the service needs in this combination, although it does not always.
pub fn needed(name: &str, reason: impl std::fmt::Display) -> CallError {
    Fault::new(
        FIELD,
        BAD_REQUEST,
        format!("The parameter {name} is required: {reason}."),
    )
    .into()
}

/// The beginning of a caller's own word, short enough for a refusal.
pub fn shortened(word: &str) -> &str {
    &word[..word.floor_char_boundary(WORD_BYTES_MAX)]
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::Plan(_) | Error::Rate(_) | Error::Missing { .. } | Error::Invalid { .. } => FIELD,
        Error::NotFound {
            kind: Kind::Topic, ..
        } => "BIZ_TOPIC_NOT_FOUND",
        Error::NotFound {
            kind: Kind::Group, ..
        } => "BIZ_SUBSCRIPTION_NOT_FOUND",
        // "Not your instance, or it does not exist": the two are not told apart.
        Error::NotFound {
            kind: Kind::Instance,
            ..
        } => "AUTH_RESOURCE_OWNER_ERROR",
        // "The user does not exist", "the number of SASL users is exceeded" in the vendor's list of codes.
        Error::NotFound {
            kind: Kind::User, ..
        } => "BIZ_SASL_USER_NOT_EXIST",
        Error::LimitReached { what: "users", .. } => "BIZ_SASL_USER_NUM_EXCEED",
        Error::NotFound { .. } => FIELD,
        Error::Exists {
            kind: Kind::Topic, ..
        } => "BIZ_TOPIC_EXISTED",
        Error::Exists {
            kind: Kind::Group, ..
        } => "BIZ_SUBSCRIPTION_EXISTED",
        Error::Exists { .. } | Error::TokenReused | Error::SubnetElsewhere { .. } => FIELD,
        Error::WrongPhase { .. } => STATUS,
        Error::ReleaseDenied { .. } => FIELD,
        // Ours: no page names a code for a group that is being read by. Clients do not try this one again.
        Error::GroupInUse { .. } => FIELD,
        // Ours: no page names the code for want of money; this is what other services of the vendor answer.
        Error::InsufficientFunds { .. } => "InvalidAccountStatus.NotEnoughBalance",
        // Ours: no page names the code for sold out; this is what other services of the vendor answer.
        Error::SoldOut { .. } => "OperationDenied.NoStock",
        // Ours: no page names the code for a reached limit.
        Error::LimitReached { .. }
        | Error::Kafka {
            code: POLICY_VIOLATION,
            ..
        } => "BIZ_QUOTA_EXCEEDED",
        Error::Unsupported { .. } => FIELD,
        Error::Kafka { code, .. } if INVALID_TOPIC_CODES.contains(code) => FIELD,
        // Clients try this one again.
        Error::Kafka { .. } => "ONS_SYSTEM_ERROR",
        // The gateway's own, answered before.
        Error::Replayed
        | Error::Forbidden { .. }
        | Error::Throttled { .. }
        | Error::Internal(_) => "ONS_SYSTEM_ERROR",
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Plan(PlanFault::Conflict { a, b }) => {
            format!(
                "The parameters {} and {} contradict each other.",
                parameter(*a),
                parameter(*b)
            )
        }
        Error::Plan(PlanFault::Missing { field: Field::Spec }) => {
            "One of the parameters IoMaxSpec and IoMax is required.".to_owned()
        }
        Error::Plan(PlanFault::Missing {
            field: Field::Topics,
        }) => "One of the parameters PartitionNum and TopicQuota is required.".to_owned(),
        Error::Plan(fault @ PlanFault::Missing { .. }) => {
            format!("The parameter {} is required.", parameter(fault.field()))
        }
        Error::Plan(fault) => format!(
            "The parameter {} is invalid: {fault}.",
            parameter(fault.field())
        ),
        Error::ReleaseDenied { denial, .. } => {
            let reason = match denial {
                ReleaseDenial::Prepaid => "a subscription instance cannot be released",
                ReleaseDenial::Protected => "it is protected",
            };
            format!("The parameter InstanceId is invalid: {reason}.")
        }
        Error::NotFound {
            kind: Kind::User, ..
        } => format!("The parameter Username is invalid: {error}."),
        other => sentence(other),
    }
}
