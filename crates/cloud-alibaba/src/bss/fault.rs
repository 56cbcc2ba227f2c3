//! What went wrong, in the order system's codes ("CreateInstance", error codes), and the gateway's for the rest.

use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_wire::fault::{CallError, Fault, sentence};

use crate::fault::{BAD_REQUEST, gateway_fault, param_fault};

/// What the page says to an order that cannot be placed.
const ORDER_CHECK: &str = "Failure to check order before create instance.";

/// The refusal of a failed call.
pub fn fault(error: &CallError) -> Fault {
    match error {
        CallError::Vendor(fault) => fault.clone(),
        CallError::Param(fault) => param_fault(fault),
        CallError::Plan { .. } => order_check(error),
        CallError::Domain(error) => gateway_fault(error).unwrap_or_else(|| domain_fault(error)),
    }
}

/// The page's refusal of a product that this operation cannot order, word for word.
pub fn not_sold() -> Fault {
    Fault::new("400", BAD_REQUEST, ORDER_CHECK)
}

/// The page's refusal of an order, followed by what is wrong with it.
pub fn order_check(reason: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        "400",
        BAD_REQUEST,
        format!("{ORDER_CHECK} {}", sentence(reason)),
    )
}

/// The page's refusal of a call for somebody else's account.
pub fn invalid_owner() -> Fault {
    Fault::new(
        "InvalidOwner",
        BAD_REQUEST,
        "The specified owner doesn't belong to caller.",
    )
}

fn domain_fault(error: &Error) -> Fault {
    let bad = |code: &'static str| Fault::new(code, BAD_REQUEST, sentence(error));
    match error {
        // The page gives this one, alone of all, status 200.
        Error::InsufficientFunds { .. } => Fault::new(
            "INSUFFICIENT.AVAILABLE.QUOTA",
            200,
            "The account balance is negative. Add funds to the account and try again.",
        ),
        // The page's words for an account that may not order. Accounts here have no personal information, so that
        // only one that is gone is refused, and ORDER.ACCOUNT_INFORMATION_INCOMPLETE has no cause.
        Error::NotFound {
            kind: Kind::Account | Kind::AccessKey,
            ..
        } => Fault::new(
            "ORDER.ACCOUNT_STATUS_ILLEGAL",
            BAD_REQUEST,
            "Please complete your basic personal information first.",
        ),
        // Ours: the pages name no codes for these two.
        Error::NotFound {
            kind: Kind::Order, ..
        } => bad("InvalidOrderId"),
        Error::NotFound {
            kind: Kind::Instance,
            ..
        } => bad("InvalidInstanceId"),
        // Ours: the page only says that the same token gives the same answer.
        Error::TokenReused => bad("IdempotentParameterMismatch"),
        // Ours: the page names no code for sold out; an order that cannot be delivered fails its check.
        Error::SoldOut { .. } => order_check(error),
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
        | Error::LimitReached { .. }
        | Error::Unsupported { .. }
        | Error::Kafka { .. } => order_check(error),
        // Answered by the gateway before this service is asked.
        Error::Replayed
        | Error::Forbidden { .. }
        | Error::Throttled { .. }
        | Error::Internal(_) => internal(),
    }
}

fn internal() -> Fault {
    Fault::new(
        "InternalError",
        500,
        "The request processing has failed due to some unknown error.",
    )
}
