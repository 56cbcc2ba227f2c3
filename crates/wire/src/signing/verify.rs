//! From a claim to a verdict.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::canonical::{hmac_sha1, hmac_sha256};
use super::{Claim, Digest, Encoding, Scheme, SignatureFault};
use crate::message::WireRequest;

/// Longest text to sign that a refusal shows, in bytes. That of an ordinary call is shorter.
const SHOWN_BYTES_MAX: usize = 4_096;

/// The stages of one signature, as the vendors' pages show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The request in canonical form, where the scheme has one that differs from the text to sign.
    pub canonical_request: String,
    /// What enters the HMAC.
    pub string_to_sign: String,
    /// The signature as the vendor writes it.
    pub signature: String,
}

/// Holds the claimed time of signing against the server's time, in seconds since 1970 UTC.
///
/// # Errors
/// [`SignatureFault::Expired`] outside [`Scheme::clock_window_s`], to either side.
pub fn check_clock(claim: &Claim, now_s: i64) -> Result<(), SignatureFault> {
    let within = now_s.abs_diff(claim.signed_at_s) <= claim.scheme.clock_window_s.unsigned_abs();
    if within {
        return Ok(());
    }
    Err(SignatureFault::Expired {
        signed_at_s: claim.signed_at_s,
        now_s,
    })
}

/// Recomputes the signature with the secret of the claimed access key. `claim` has to be the claim
/// of this very request.
///
/// # Errors
/// [`SignatureFault::Mismatch`] if no form of the request that the vendor's clients sign gives the
/// claimed signature; other faults if there is no canonical form at all.
pub fn verify(
    request: &WireRequest,
    claim: &Claim,
    secret: &SecretString,
) -> Result<(), SignatureFault> {
    stages(request, claim, secret).map(drop)
}

/// As [`verify`], with the stages of the form that matched.
///
/// # Errors
/// As [`verify`].
pub fn stages(
    request: &WireRequest,
    claim: &Claim,
    secret: &SecretString,
) -> Result<Stages, SignatureFault> {
    let key = (claim.scheme.key)(claim, secret.expose_secret());
    let claimed = decode_signature(claim);
    let mut first = None;
    for canonical in (claim.scheme.canonicals)(request, claim)? {
        let canonical = canonical?;
        let mac = mac(claim.scheme, &key, canonical.string_to_sign.as_bytes());
        if bool::from(claimed.ct_eq(&mac)) {
            return Ok(Stages {
                signature: encode_signature(claim.scheme, &mac),
                canonical_request: canonical.canonical_request,
                string_to_sign: canonical.string_to_sign,
            });
        }
        first.get_or_insert(canonical.string_to_sign);
    }
    let mut string_to_sign = first.unwrap_or_default();
    string_to_sign.truncate(string_to_sign.floor_char_boundary(SHOWN_BYTES_MAX));
    Err(SignatureFault::Mismatch { string_to_sign })
}

/// Every text to sign that a vendor's client could have meant with this request, each with its
/// canonical request: `(canonical request, string to sign)`.
///
/// # Errors
/// [`SignatureFault`] if there is no canonical form.
pub fn candidates(
    request: &WireRequest,
    claim: &Claim,
) -> Result<Vec<(String, String)>, SignatureFault> {
    (claim.scheme.canonicals)(request, claim)?
        .map(|canonical| canonical.map(|c| (c.canonical_request, c.string_to_sign)))
        .collect()
}

/// The signature of the first, likeliest form.
pub(super) fn first_signature(
    request: &WireRequest,
    claim: &Claim,
    secret: &SecretString,
) -> Result<String, SignatureFault> {
    let canonical = (claim.scheme.canonicals)(request, claim)?
        .next()
        .ok_or(SignatureFault::Unsigned)??;
    let key = (claim.scheme.key)(claim, secret.expose_secret());
    let mac = mac(claim.scheme, &key, canonical.string_to_sign.as_bytes());
    Ok(encode_signature(claim.scheme, &mac))
}

fn mac(scheme: &Scheme, key: &[u8], string_to_sign: &[u8]) -> Vec<u8> {
    match scheme.digest {
        Digest::HmacSha1 => hmac_sha1(key, string_to_sign),
        Digest::HmacSha256 => hmac_sha256(key, string_to_sign),
    }
}

fn encode_signature(scheme: &Scheme, mac: &[u8]) -> String {
    match scheme.encoding {
        Encoding::Base64 => STANDARD.encode(mac),
        Encoding::Hex => hex::encode(mac),
    }
}

/// The claimed signature as bytes. What is not in the scheme's one spelling decodes to nothing, which equals no
/// signature.
fn decode_signature(claim: &Claim) -> Vec<u8> {
    let signature = claim.signature.as_str();
    match claim.scheme.encoding {
        Encoding::Base64 => STANDARD.decode(signature).unwrap_or_default(),
        Encoding::Hex if signature.bytes().any(|byte| byte.is_ascii_uppercase()) => Vec::new(),
        Encoding::Hex => hex::decode(signature).unwrap_or_default(),
    }
}
