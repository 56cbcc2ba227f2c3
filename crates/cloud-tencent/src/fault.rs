//! What went wrong, in CKafka's codes ("Error Code" of each operation's page, and "Common Error Codes").

use brokerage_domain::Error;
use brokerage_domain::catalog::{Field, PlanFault};
use brokerage_domain::error::Kind;
use brokerage_domain::instance::{Phase, ReleaseDenial};

use brokerage_wire::fault::{CallError, Fault, INVALID_TOPIC_CODES, POLICY_VIOLATION, sentence};
use brokerage_wire::params::ParamError;
use brokerage_wire::signing::SignatureFault;

/// Tencent Cloud answers everything with status 200.
const STATUS: u16 = 200;
/// The parameter that a field of the plan comes from.
fn parameter(field: Field) -> &'static str {
    match field {
        Field::Region => "Region",
        Field::Zone => "ZoneId",
        Field::Edition => "SpecificationsType",
        Field::Spec => "InstanceType",
        Field::Bandwidth => "BandWidth",
        Field::Topics => "TopicNum",
        Field::Partitions => "Partition",
        Field::Disk => "DiskSize",
        Field::DiskType => "DiskType",
        Field::PublicBandwidth => "PublicNetworkMonthly",
        Field::ElasticBandwidth => "ElasticBandwidthSwitch",
        Field::Version => "KafkaVersion",
        Field::Retention => "MsgRetentionTime",
        Field::Payment => "InstanceChargeType",
        // Nodes are not sold here.
        Field::Nodes | Field::NodeRole | Field::NodeClass | Field::NodeCount => {
            "SpecificationsType"
        }
    }
}

/// The refusal of a failed call.
pub fn fault(error: &CallError) -> Fault {
    match error {
        CallError::Vendor(fault) => fault.clone(),
        CallError::Param(fault) => Fault::new(param_code(fault), STATUS, sentence(fault)),
        CallError::Plan { parameter, fault } => {
            Fault::new(plan_code(fault), STATUS, plan_message(parameter, fault))
        }
        CallError::Domain(error) => Fault::new(domain_code(error), STATUS, domain_message(error)),
    }
}

/// The refusal of a failed call of tag or vpc, where CKafka's own codes mean nothing.
pub fn companion_fault(error: &CallError) -> Fault {
    let mut fault = fault(error);
    if let CallError::Domain(Error::NotFound { .. }) = error {
        fault.code = "ResourceNotFound".into();
    }
    fault
}

fn param_code(fault: &ParamError) -> &'static str {
    match fault {
        ParamError::Missing { .. } => "MissingParameter",
        ParamError::Invalid { .. } | ParamError::Malformed { .. } => "InvalidParameter",
        ParamError::Unknown { .. } => "UnknownParameter",
    }
}

fn domain_code(error: &Error) -> &'static str {
    match error {
        Error::Plan(fault) => plan_code(fault),
        Error::Rate(_) => "InvalidParameterValue",
        Error::Missing { .. } => "InvalidParameterValue.NotAllowedEmpty",
        Error::Invalid { .. } => "InvalidParameterValue",
        Error::NotFound { kind, .. } => match kind {
            Kind::Network => "InvalidParameterValue.VpcIdInvalid",
            Kind::Subnet => "InvalidParameterValue.SubnetIdInvalid",
            Kind::Zone => "InvalidParameterValue.ZoneNotSupport",
            Kind::Region => "UnsupportedRegion",
            Kind::Instance => "InvalidParameterValue.InstanceNotExist",
            Kind::Account
            | Kind::AccessKey
            | Kind::Order
            | Kind::Topic
            | Kind::User
            | Kind::Group
            | Kind::Cluster
            | Kind::Broker
            | Kind::Route => "ResourceNotFound",
        },
        Error::Exists {
            kind: Kind::Topic, ..
        } => "InvalidParameterValue.TopicNameAlreadyExist",
        Error::Exists { .. } | Error::TokenReused => "InvalidParameterValue.RepetitionValue",
        Error::SubnetElsewhere {
            kind: Kind::Zone, ..
        } => "InvalidParameterValue.SubnetNotBelongToZone",
        Error::SubnetElsewhere { .. } => "InvalidParameterValue.SubnetIdInvalid",
        // Terraform tries again on ResourceInUse: right while something is under way, wrong for ever after.
        Error::WrongPhase {
            phase: Phase::Provisioning | Phase::Changing,
            ..
        } => "ResourceInUse",
        Error::WrongPhase { .. } => "FailedOperation",
        // Terraform tries again for minutes on UnsupportedOperation, and ends at once on this.
        Error::ReleaseDenied { .. } => "OperationDenied",
        // As above: members leave when somebody stops them.
        Error::GroupInUse { .. } => "OperationDenied",
        // Ours: the page names no code for want of money; the order system's refusal is the nearest.
        Error::InsufficientFunds { .. } => "UnsupportedOperation.OssReject",
        // Ours: the page names no code for sold out; "The resource is unavailable" is the nearest.
        Error::SoldOut { .. } => "ResourceUnavailable",
        Error::LimitReached { .. } => "LimitExceeded",
        Error::Forbidden { .. } => "UnauthorizedOperation",
        // Ours: these schemes have no nonce, so that only a signature is known again. Clients that try again after this
        // code sign anew (the SDKs' retryers, Terraform's provider).
        Error::Replayed | Error::Throttled { .. } => "RequestLimitExceeded",
        Error::Unsupported { .. } => "UnsupportedOperation",
        Error::Kafka {
            code: POLICY_VIOLATION,
            ..
        } => "LimitExceeded",
        Error::Kafka { code, .. } if INVALID_TOPIC_CODES.contains(code) => "InvalidParameterValue",
        Error::Kafka { .. } => "FailedOperation",
        Error::Internal(_) => "InternalError",
    }
}

fn plan_code(fault: &PlanFault) -> &'static str {
    match fault {
        PlanFault::Missing {
            field: Field::Region,
        } => "MissingParameter",
        PlanFault::Missing { .. } => "InvalidParameterValue.NotAllowedEmpty",
        PlanFault::NotOffered {
            field: Field::Zone, ..
        } => "InvalidParameterValue.ZoneNotSupport",
        PlanFault::NotOffered {
            field: Field::Region,
            ..
        } => "UnsupportedRegion",
        PlanFault::Duplicate { .. } => "InvalidParameterValue.RepetitionValue",
        PlanFault::NotOffered { .. }
        | PlanFault::OutOfRange { .. }
        | PlanFault::NotAStep { .. }
        | PlanFault::InUse { .. }
        | PlanFault::Conflict { .. } => "InvalidParameterValue",
    }
}

fn plan_message(parameter: &str, fault: &PlanFault) -> String {
    match fault.in_use() {
        Some(reason) => format!("The parameter `{parameter}` is {reason}."),
        None => format!("`{parameter}`: {fault}."),
    }
}

fn domain_message(error: &Error) -> String {
    match error {
        Error::Plan(fault) => plan_message(parameter(fault.field()), fault),
        Error::ReleaseDenied {
            id,
            denial: ReleaseDenial::Protected,
        } => format!("The deletion protection of {id} is on."),
        Error::ReleaseDenied {
            id,
            denial: ReleaseDenial::Prepaid,
        } => format!("The instance {id} is prepaid: it ends with its term."),
        other => sentence(other),
    }
}

/// The refusal of a signature ("Common Error Codes").
pub fn signature_fault(fault: &SignatureFault) -> Fault {
    let code = match fault {
        SignatureFault::Unsigned | SignatureFault::Missing { .. } => "MissingParameter",
        SignatureFault::SignedHeaderMissing { .. }
        | SignatureFault::Malformed { .. }
        | SignatureFault::UnsupportedAlgorithm { .. }
        | SignatureFault::HeaderNotSigned { .. }
        | SignatureFault::ScopeDate
        | SignatureFault::TooLong { .. }
        | SignatureFault::TooMany { .. }
        | SignatureFault::TimestampFormat => "AuthFailure.InvalidAuthorization",
        SignatureFault::Expired { .. } => "AuthFailure.SignatureExpire",
        SignatureFault::Ambiguous { .. }
        | SignatureFault::PayloadHash
        | SignatureFault::UnsignedBody
        | SignatureFault::HostConflict
        | SignatureFault::Mismatch { .. } => "AuthFailure.SignatureFailure",
    };
    let message = match fault {
        SignatureFault::Mismatch { string_to_sign } => {
            format!("The signature does not match; the server signed:\n{string_to_sign}")
        }
        other => sentence(other),
    };
    Fault::new(code, STATUS, message)
}
