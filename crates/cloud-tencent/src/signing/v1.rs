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

use brokerage_wire::WireRequest;
use brokerage_wire::signing::canonical::bounded;
use brokerage_wire::signing::timestamp::parse_epoch;
use brokerage_wire::signing::{
    ACCESS_KEY_ID_BYTES_MAX, Canonical, Canonicals, Claim, Digest, Dresser, Encoding, Evidence,
    Marks, NONCE_BYTES_MAX, ReplayRule, Scheme, SessionTokenClaim, SignatureFault, add_parameters,
    required,
};
use zeroize::Zeroizing;

use super::CLOCK_WINDOW_S;

/// Tencent's first signature with HMAC-SHA1.
pub static V1_SHA1: Scheme = scheme("v1-HmacSHA1", Digest::HmacSha1);
/// Tencent's first signature with HMAC-SHA256.
pub static V1_SHA256: Scheme = scheme("v1-HmacSHA256", Digest::HmacSha256);

const fn scheme(name: &'static str, digest: Digest) -> Scheme {
    Scheme {
        name,
        marks: Marks::Parameters {
            sure: &["SecretId"],
            likely: &["Signature"],
            claim,
        },
        clock_window_s: CLOCK_WINDOW_S,
        replay: ReplayRule::None,
        digest,
        encoding: Encoding::Base64,
        covers: &["host"],
        declared_hash: None,
        canonicals,
        key: |_, secret| Zeroizing::new(secret.to_owned().into_bytes()),
        dress,
    }
}

/// Longest value of a fixed-form parameter, in bytes.
const FIELD_BYTES_MAX: usize = 128;

fn claim(
    _request: &WireRequest,
    parameters: BTreeMap<String, String>,
) -> Result<Claim, SignatureFault> {
    let get = |name: &str| parameters.get(name).map(String::as_str);
    let access_key_id = required(get("SecretId"), "SecretId", ACCESS_KEY_ID_BYTES_MAX)?;
    let signature = required(get("Signature"), "Signature", FIELD_BYTES_MAX)?;
    let time = required(get("Timestamp"), "Timestamp", FIELD_BYTES_MAX)?;
    let nonce = required(get("Nonce"), "Nonce", NONCE_BYTES_MAX)?;
    let scheme = match get("SignatureMethod") {
        Some("HmacSHA256") => &V1_SHA256,
        _ => &V1_SHA1,
    };
    Ok(Claim {
        scheme,
        access_key_id: access_key_id.to_owned(),
        session_token: get("Token")
            .filter(|token| !token.is_empty())
            .map(SessionTokenClaim::plain)
            .transpose()?,
        nonce: Some(nonce.to_owned()),
        signed_at_s: parse_epoch(time).ok_or(SignatureFault::TimestampFormat)?,
        action: get("Action").map(str::to_owned),
        version: get("Version").map(str::to_owned),
        scope: None,
        signature: signature.to_owned(),
        evidence: Evidence::Parameters(parameters),
    })
}

fn canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    let Evidence::Parameters(parameters) = &claim.evidence else {
        return Err(SignatureFault::Unsigned);
    };
    if let Some(name) = splitting(parameters) {
        return Err(SignatureFault::Ambiguous {
            name: bounded(name),
        });
    }
    Ok(Box::new(std::iter::once_with(|| {
        Ok(canonical(request, parameters))
    })))
}

/// A parameter that signs like several others: nothing is escaped in what is signed, so that a value with `&name=` in it
/// reads as the end of one parameter and another one. Names of parameters are letters, digits, dots and the like; a
/// value such as `a & b = c` names none.
fn splitting(parameters: &BTreeMap<String, String>) -> Option<&str> {
    let names_one = |piece: &str| {
        let name = piece.split_once('=').map_or("", |(name, _)| name);
        let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && name.bytes().all(is_of_names)
    };
    let splits = |(name, value): &(&String, &String)| {
        value.split('&').skip(1).any(names_one) || name.contains(['&', '='])
    };
    let found = parameters.iter().find(splits)?;
    Some(found.0)
}

fn dress(
    dresser: &Dresser<'_>,
    request: WireRequest,
    signature: &str,
) -> Result<WireRequest, SignatureFault> {
    let time = dresser.moment.epoch_s.to_string();
    let method = match dresser.scheme.digest {
        Digest::HmacSha1 => "HmacSHA1",
        Digest::HmacSha256 => "HmacSHA256",
    };
    let mut added = vec![
        ("SecretId", dresser.credentials.access_key_id.as_str()),
        ("SignatureMethod", method),
        ("Nonce", dresser.moment.nonce.as_str()),
        ("Timestamp", time.as_str()),
    ];
    added.extend(dresser.token().map(|token| ("Token", token)));
    added.push(("Signature", signature));
    add_parameters(request, &added)
}

fn canonical(request: &WireRequest, parameters: &BTreeMap<String, String>) -> Canonical {
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
