//! Tencent Cloud's first signature, HmacSHA1 and HmacSHA256 ("Signature method v1").
//!
//! ```text
//! source    = METHOD host path ? name=value, sorted by name, decoded, joined by '&', without Signature
//! signature = base64(HMAC(secret, source))
//! ```
//! The host is the `Host` header's text with its port. The vendor's Python client writes `_` in a
//! name as `.`; no parameter has one, and following it would let `A_0` pass for `A.0`. An absent or
//! unknown method means HmacSHA1, as in the vendor's Go client. Nonces are not remembered: one client
//! draws them from 65,536 numbers.

use std::collections::BTreeMap;

use super::canonical::Canonical;
use super::claim::{
    ACCESS_KEY_ID_BYTES_MAX, Evidence, NONCE_BYTES_MAX, SessionTokenClaim, required,
};
use super::{Claim, Scheme, SignatureFault, timestamp};
use crate::wire::WireRequest;

/// Longest value of a fixed-form parameter, in bytes.
const FIELD_BYTES_MAX: usize = 128;

pub(super) fn claim(parameters: BTreeMap<String, String>) -> Result<Claim, SignatureFault> {
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let access_key_id = required(get("SecretId"), "SecretId", ACCESS_KEY_ID_BYTES_MAX)?;
    let signature = required(get("Signature"), "Signature", FIELD_BYTES_MAX)?;
    let time = required(get("Timestamp"), "Timestamp", FIELD_BYTES_MAX)?;
    let nonce = required(get("Nonce"), "Nonce", NONCE_BYTES_MAX)?;
    let scheme = match get("SignatureMethod") {
        Some("HmacSHA256") => Scheme::TencentV1Sha256,
        _ => Scheme::TencentV1Sha1,
    };
    Ok(Claim {
        scheme,
        access_key_id: access_key_id.to_owned(),
        session_token: get("Token")
            .filter(|token| !token.is_empty())
            .map(SessionTokenClaim::plain)
            .transpose()?,
        nonce: Some(nonce.to_owned()),
        signed_at_s: timestamp::parse_epoch(time).ok_or(SignatureFault::TimestampFormat)?,
        action: get("Action").map(str::to_owned),
        version: get("Version").map(str::to_owned),
        scope: None,
        signature: signature.to_owned(),
        evidence: Evidence::Parameters(parameters),
    })
}

pub(super) fn canonical(request: &WireRequest, parameters: &BTreeMap<String, String>) -> Canonical {
    let mut source = format!(
        "{}{}{}",
        request.method(),
        request.host_raw().unwrap_or_default(),
        request.path()
    );
    let signed = parameters.iter().filter(|(name, _)| *name != "Signature");
    for (separator, (name, value)) in std::iter::once('?')
        .chain(std::iter::repeat('&'))
        .zip(signed)
    {
        source.push(separator);
        source.push_str(name);
        source.push('=');
        source.push_str(value);
    }
    Canonical {
        canonical_request: source.clone(),
        string_to_sign: source,
    }
}
