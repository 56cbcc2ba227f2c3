//! Alibaba Cloud's RPC signature, version 1.0 ("Request signatures", V2 of the SDK's setting).
//!
//! ```text
//! canonical      = enc(name)=enc(value), sorted by name, joined by '&', without Signature
//! string to sign = METHOD & %2F & enc(canonical)
//! signature      = base64(HMAC-SHA1(secret + "&", string to sign))
//! ```
//! Parameters are those of the query and of a form body together, decoded: the vendor's clients
//! write a space as `+` or `%20` and `*` plain or encoded. Empty values count.

use std::collections::BTreeMap;

use brokerage_wire::WireRequest;
use brokerage_wire::signing::authorization::unsupported;
use brokerage_wire::signing::timestamp::{format_extended, parse_extended};
use brokerage_wire::signing::{
    ACCESS_KEY_ID_BYTES_MAX, Canonical, Canonicals, Claim, Digest, Dresser, Encoding, Evidence,
    Marks, NONCE_BYTES_MAX, Scheme, SessionTokenClaim, SignatureFault, add_parameters,
    encode_component, encode_pairs, required,
};
use zeroize::Zeroizing;

use super::{CLOCK_WINDOW_S, REPLAY};

/// Alibaba's RPC signature, version 1.0, HMAC-SHA1 over the sorted parameters.
pub static RPC_V1: Scheme = Scheme {
    name: "RPC-V1-HMAC-SHA1",
    marks: Marks::Parameters {
        sure: &["AccessKeyId", "SignatureNonce", "SignatureVersion"],
        likely: &[],
        claim,
    },
    clock_window_s: CLOCK_WINDOW_S,
    replay: REPLAY,
    digest: Digest::HmacSha1,
    encoding: Encoding::Base64,
    covers: &[],
    declared_hash: None,
    canonicals,
    key: |_, secret| Zeroizing::new(format!("{secret}&").into_bytes()),
    dress,
};

/// Longest value of a fixed-form parameter (signature, time), in bytes.
const FIELD_BYTES_MAX: usize = 128;

fn claim(
    request: &WireRequest,
    parameters: BTreeMap<String, String>,
) -> Result<Claim, SignatureFault> {
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let access_key_id = required(get("AccessKeyId"), "AccessKeyId", ACCESS_KEY_ID_BYTES_MAX)?;
    let signature = required(get("Signature"), "Signature", FIELD_BYTES_MAX)?;
    let method = required(get("SignatureMethod"), "SignatureMethod", FIELD_BYTES_MAX)?;
    let version = required(get("SignatureVersion"), "SignatureVersion", FIELD_BYTES_MAX)?;
    let nonce = required(get("SignatureNonce"), "SignatureNonce", NONCE_BYTES_MAX)?;
    let time = required(get("Timestamp"), "Timestamp", FIELD_BYTES_MAX)?;
    if method != "HMAC-SHA1" {
        return Err(unsupported(method));
    }
    // Bearer tokens and private keys announce themselves here.
    if let Some(kind) = get("SignatureType").filter(|kind| !kind.is_empty()) {
        return Err(unsupported(kind));
    }
    if version != "1.0" {
        return Err(SignatureFault::Malformed {
            part: "SignatureVersion",
            reason: "not 1.0",
        });
    }
    let claim = Claim {
        scheme: &RPC_V1,
        access_key_id: access_key_id.to_owned(),
        session_token: get("SecurityToken")
            .filter(|token| !token.is_empty())
            .map(SessionTokenClaim::plain)
            .transpose()?,
        nonce: Some(nonce.to_owned()),
        signed_at_s: parse_extended(time).ok_or(SignatureFault::TimestampFormat)?,
        action: get("Action").map(str::to_owned),
        version: get("Version").map(str::to_owned),
        scope: None,
        signature: signature.to_owned(),
        evidence: Evidence::Parameters(parameters),
    };
    // The text to sign says "/" whatever the path is.
    if request.path() != "/" {
        return Err(SignatureFault::Malformed {
            part: "path",
            reason: "not /",
        });
    }
    Ok(claim)
}

fn canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    let Evidence::Parameters(parameters) = &claim.evidence else {
        return Err(SignatureFault::Unsigned);
    };
    Ok(Box::new(std::iter::once_with(|| {
        Ok(canonical(request, parameters))
    })))
}

fn dress(
    dresser: &Dresser<'_>,
    request: WireRequest,
    signature: &str,
) -> Result<WireRequest, SignatureFault> {
    let time = format_extended(dresser.moment.epoch_s).ok_or(SignatureFault::TimestampFormat)?;
    let mut added = vec![
        ("AccessKeyId", dresser.credentials.access_key_id.as_str()),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", dresser.moment.nonce.as_str()),
        ("Timestamp", time.as_str()),
    ];
    added.extend(dresser.token().map(|token| ("SecurityToken", token)));
    added.push(("Signature", signature));
    add_parameters(request, &added)
}

fn canonical(request: &WireRequest, parameters: &BTreeMap<String, String>) -> Canonical {
    let signed = parameters
        .iter()
        .filter(|(name, _)| *name != "Signature")
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let canonical_request = encode_pairs(signed);
    let string_to_sign = format!(
        "{}&%2F&{}",
        request.method(),
        encode_component(&canonical_request)
    );
    Canonical {
        canonical_request,
        string_to_sign,
    }
}
