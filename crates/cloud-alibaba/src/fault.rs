//! What Alibaba Cloud's gateway refuses for every service ("Common errors" of the gateway; services differ in detail).

use brokerage_domain::Error;

use brokerage_wire::fault::{Fault, sentence};
use brokerage_wire::params::ParamError;
use brokerage_wire::signing::SignatureFault;

/// Status of almost every refusal: clients take 404 for "gone" and try 5xx again for an hour.
pub const BAD_REQUEST: u16 = 400;
/// What the gateway says to a signature that differs. Python's client reads the server's text to sign after the
/// first colon, and fails without one.
const MISMATCH: &str =
    "Specified signature is not matched with our calculation. server string to sign is:";
/// First line of the text to sign of the third signature; the hash of the canonical request follows it.
const ACS3_FIRST_LINE: &str = "ACS3-HMAC-SHA256\n";

/// The refusals that come from the gateway, whatever the service; `None` for what a service answers itself.
pub fn gateway_fault(error: &Error) -> Option<Fault> {
    let (code, status, message) = match error {
        Error::Replayed => (
            "SignatureNonceUsed",
            BAD_REQUEST,
            "Specified signature nonce was used already.".to_owned(),
        ),
        Error::Throttled { .. } => (
            "Throttling.User",
            BAD_REQUEST,
            "Request was denied due to user flow control.".to_owned(),
        ),
        Error::Forbidden { action } => (
            "Forbidden.RAM",
            403,
            format!("User not authorized to operate on the specified resource: {action}."),
        ),
        Error::Internal(_) => (
            "InternalError",
            500,
            "The request processing has failed due to some unknown error.".to_owned(),
        ),
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
        | Error::Kafka { .. } => return None,
    };
    Some(Fault::new(code, status, message))
}

/// The gateway's refusal of a parameter: it checks presence and type of everything that a service declares.
/// Members of lists have no code of their own.
pub fn param_fault(fault: &ParamError) -> Fault {
    let named = |prefix: &str, name: &str| match name.contains('.') || name.is_empty() {
        true => format!("{prefix}Parameter"),
        false => format!("{prefix}{name}"),
    };
    let (code, message) = match fault {
        ParamError::Missing { name } => (named("Missing", name), mandatory(name)),
        ParamError::Invalid { name, .. } | ParamError::Unknown { name } => {
            (named("Invalid", name), sentence(fault))
        }
        ParamError::Malformed { .. } => ("InvalidParameter".to_owned(), sentence(fault)),
    };
    Fault {
        code: code.into(),
        status: BAD_REQUEST,
        message,
    }
}

/// The refusal of a signature.
pub fn signature_fault(fault: &SignatureFault) -> Fault {
    let bad = |code: &'static str| Fault::new(code, BAD_REQUEST, sentence(fault));
    match fault {
        SignatureFault::Unsigned => missing("AccessKeyId"),
        SignatureFault::Missing { name } => missing(name),
        SignatureFault::Mismatch { string_to_sign } => {
            let shown = string_to_sign
                .strip_prefix(ACS3_FIRST_LINE)
                .unwrap_or(string_to_sign);
            Fault::new(
                "SignatureDoesNotMatch",
                BAD_REQUEST,
                format!("{MISMATCH}{shown}"),
            )
        }
        SignatureFault::TimestampFormat => Fault::new(
            "InvalidTimeStamp.Format",
            BAD_REQUEST,
            "Specified time stamp or date value is not well formatted.",
        ),
        SignatureFault::Expired { .. } => Fault::new(
            "InvalidTimeStamp.Expired",
            BAD_REQUEST,
            "Specified time stamp or date value is expired.",
        ),
        SignatureFault::UnsupportedAlgorithm { .. } => bad("InvalidSignatureMethod"),
        SignatureFault::SignedHeaderMissing { .. }
        | SignatureFault::Ambiguous { .. }
        | SignatureFault::Malformed { .. }
        | SignatureFault::HeaderNotSigned { .. }
        | SignatureFault::ScopeDate
        | SignatureFault::TooLong { .. }
        | SignatureFault::TooMany { .. }
        | SignatureFault::PayloadHash
        | SignatureFault::UnsignedBody
        | SignatureFault::HostConflict => bad("IncompleteSignature"),
    }
}

/// The refusal of a request without something that every request has.
pub fn missing(name: &str) -> Fault {
    Fault {
        code: format!("Missing{name}").into(),
        status: BAD_REQUEST,
        message: mandatory(name),
    }
}

fn mandatory(name: &str) -> String {
    format!("{name} is mandatory for this action.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_shows_the_text_to_sign_after_the_first_colon_and_nothing_behind() {
        for (string_to_sign, shown) in [
            ("POST&%2F&Action%3DX", "POST&%2F&Action%3DX"),
            ("ACS3-HMAC-SHA256\n0f0f", "0f0f"),
        ] {
            let fault = signature_fault(&SignatureFault::Mismatch {
                string_to_sign: string_to_sign.into(),
            });
            assert_eq!(
                (fault.code.as_ref(), fault.status),
                ("SignatureDoesNotMatch", 400)
            );
            assert_eq!(
                fault.message.split_once(':').map(|(_, rest)| rest),
                Some(shown)
            );
        }
    }

    #[test]
    fn a_parameter_is_named_by_its_code_unless_it_is_a_member_of_a_list() {
        for (name, code) in [
            ("RegionId", "MissingRegionId"),
            ("Tag.1.Key", "MissingParameter"),
        ] {
            let fault = param_fault(&ParamError::Missing { name: name.into() });
            assert_eq!(fault.code, code);
            assert!(fault.message.contains(name));
        }
    }
}
