//! What went wrong, in VPC's codes.

use brokerage_domain::Error;
use brokerage_domain::catalog::{Field, PlanFault};
use brokerage_domain::error::Kind;
use brokerage_wire::fault::{CallError, Fault, sentence};

use crate::fault::{BAD_REQUEST, gateway_fault, param_fault};

/// The refusal of a failed call.
pub fn fault(error: &CallError) -> Fault {
    match error {
        CallError::Vendor(fault) => fault.clone(),
        CallError::Param(fault) => param_fault(fault),
        CallError::Plan { parameter, fault } => Fault::new(
            "InvalidParameter",
            BAD_REQUEST,
            sentence(&format_args!("{parameter}: {fault}")),
        ),
        CallError::Domain(error) => gateway_fault(error)
            .unwrap_or_else(|| Fault::new(code(error), BAD_REQUEST, sentence(error))),
    }
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::NotFound {
            kind: Kind::Subnet, ..
        } => "InvalidVSwitchId.NotFound",
        Error::NotFound {
            kind: Kind::Network,
            ..
        } => "InvalidVpcId.NotFound",
        Error::Plan(PlanFault::NotOffered {
            field: Field::Region,
            ..
        }) => "InvalidRegionId.NotFound",
        // Ours: three operations that only look have nothing else to refuse.
        Error::Plan(_)
        | Error::Rate(_)
        | Error::Missing { .. }
        | Error::Invalid { .. }
        | Error::NotFound { .. }
        | Error::Exists { .. }
        | Error::SubnetElsewhere { .. }
        | Error::WrongPhase { .. }
        | Error::GroupInUse { .. }
        | Error::ReleaseDenied { .. }
        | Error::InsufficientFunds { .. }
        | Error::SoldOut { .. }
        | Error::LimitReached { .. }
        | Error::TokenReused
        | Error::Unsupported { .. }
        | Error::Kafka { .. }
        | Error::Replayed
        | Error::Forbidden { .. }
        | Error::Throttled { .. }
        | Error::Internal(_) => "InvalidParameter",
    }
}
