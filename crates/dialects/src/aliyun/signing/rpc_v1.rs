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

use super::canonical::{Canonical, encode_component, encode_pairs};
use super::claim::{
    ACCESS_KEY_ID_BYTES_MAX, Evidence, NONCE_BYTES_MAX, SessionTokenClaim, required,
};
use super::{Claim, Scheme, SignatureFault, authorization, timestamp};
use crate::wire::WireRequest;

/// Longest value of a fixed-form parameter (signature, time), in bytes.
const FIELD_BYTES_MAX: usize = 128;

pub(super) fn claim(parameters: BTreeMap<String, String>) -> Result<Claim, SignatureFault> {
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let access_key_id = required(get("AccessKeyId"), "AccessKeyId", ACCESS_KEY_ID_BYTES_MAX)?;
    let signature = required(get("Signature"), "Signature", FIELD_BYTES_MAX)?;
    let method = required(get("SignatureMethod"), "SignatureMethod", FIELD_BYTES_MAX)?;
    let version = required(get("SignatureVersion"), "SignatureVersion", FIELD_BYTES_MAX)?;
    let nonce = required(get("SignatureNonce"), "SignatureNonce", NONCE_BYTES_MAX)?;
    let time = required(get("Timestamp"), "Timestamp", FIELD_BYTES_MAX)?;
    if method != "HMAC-SHA1" {
        return Err(authorization::unsupported(method));
    }
    // Bearer tokens and private keys announce themselves here.
    if let Some(kind) = get("SignatureType").filter(|kind| !kind.is_empty()) {
        return Err(authorization::unsupported(kind));
    }
    if version != "1.0" {
        return Err(SignatureFault::Malformed {
            part: "SignatureVersion",
            reason: "not 1.0",
        });
    }
    Ok(Claim {
        scheme: Scheme::RpcV1,
        access_key_id: access_key_id.to_owned(),
        session_token: get("SecurityToken")
            .filter(|token| !token.is_empty())
            .map(SessionTokenClaim::plain)
            .transpose()?,
        nonce: Some(nonce.to_owned()),
        signed_at_s: timestamp::parse_extended(time).ok_or(SignatureFault::TimestampFormat)?,
        action: get("Action").map(str::to_owned),
        version: get("Version").map(str::to_owned),
        scope: None,
        signature: signature.to_owned(),
        evidence: Evidence::Parameters(parameters),
    })
}

pub(super) fn canonical(request: &WireRequest, parameters: &BTreeMap<String, String>) -> Canonical {
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
