//! From a claim to a verdict.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::canonical::{Canonical, hmac_sha1, hmac_sha256, sha256_hex};
use super::claim::Evidence;
use super::{Claim, Scheme, SignatureFault, acs3, jdcloud, rpc_v1, tc3, tencent_v1};
use crate::wire::WireRequest;

/// Longest text to sign that a refusal shows, in bytes. That of an ordinary call is shorter.
const SHOWN_BYTES_MAX: usize = 4_096;

/// The stages of one signature, as the vendors' pages show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The request in canonical form; for RPC v1 its canonical query, for Tencent's first scheme the
    /// same as the text to sign.
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
    let within = now_s.abs_diff(claim.signed_at_s) <= claim.scheme.clock_window_s().unsigned_abs();
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
    let key = signing_key(claim, secret);
    let claimed = decode_signature(claim);
    let mut first = None;
    for canonical in canonicals(request, claim)? {
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
    canonicals(request, claim)?
        .map(|canonical| canonical.map(|c| (c.canonical_request, c.string_to_sign)))
        .collect()
}

/// The signature of the first, likeliest form.
pub(super) fn first_signature(
    request: &WireRequest,
    claim: &Claim,
    secret: &SecretString,
) -> Result<String, SignatureFault> {
    let canonical = canonicals(request, claim)?
        .next()
        .ok_or(SignatureFault::Unsigned)??;
    let key = signing_key(claim, secret);
    let mac = mac(claim.scheme, &key, canonical.string_to_sign.as_bytes());
    Ok(encode_signature(claim.scheme, &mac))
}

type Canonicals<'a> = Box<dyn Iterator<Item = Result<Canonical, SignatureFault>> + 'a>;

/// Every form that clients of the scheme sign, the likeliest first, computed one by one.
fn canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    Ok(match (&claim.evidence, claim.scheme) {
        (Evidence::Parameters(parameters), Scheme::RpcV1) => Box::new(std::iter::once_with(|| {
            Ok(rpc_v1::canonical(request, parameters))
        })),
        (Evidence::Parameters(parameters), _) => Box::new(std::iter::once_with(|| {
            Ok(tencent_v1::canonical(request, parameters))
        })),
        (Evidence::Headers { signed, .. }, Scheme::Acs3) => Box::new(
            [acs3::QueryNames::Encoded, acs3::QueryNames::Plain]
                .into_iter()
                .map(|names| acs3::canonical(request, signed, names)),
        ),
        (Evidence::Headers { .. }, Scheme::Tc3) => tc3_canonicals(request, claim),
        (Evidence::Headers { .. }, _) => jdcloud_canonicals(request, claim)?,
    })
}

fn tc3_canonicals<'a>(request: &'a WireRequest, claim: &'a Claim) -> Canonicals<'a> {
    let payload_hash = tc3::payload_hash(request);
    let hosts = tc3::hosts(request);
    let forms = tc3::paths(request)
        .into_iter()
        .flat_map(move |path| hosts.clone().into_iter().map(move |host| (path, host)));
    Box::new(forms.map(move |(path, host)| {
        let form = tc3::Form {
            host: &host,
            path,
            payload_hash: &payload_hash,
        };
        tc3::canonical(request, claim, &form)
    }))
}

fn jdcloud_canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    let payload_hash = sha256_hex(request.body());
    let queries = jdcloud::queries(request, claim.scheme)?;
    let forms = queries.into_iter().flat_map(|query| {
        jdcloud::hosts(request)
            .into_iter()
            .map(move |host| (query.clone(), host))
    });
    Ok(Box::new(forms.map(move |(query, host)| {
        let form = jdcloud::Form {
            host,
            query: &query,
            payload_hash: &payload_hash,
        };
        jdcloud::canonical(request, claim, &form)
    })))
}

/// The key of the HMAC: the secret itself, or what the scheme derives from it.
fn signing_key(claim: &Claim, secret: &SecretString) -> Zeroizing<Vec<u8>> {
    let secret = secret.expose_secret();
    let prefixed = |prefix: &str| Zeroizing::new(format!("{prefix}{secret}").into_bytes());
    let (first, parts) = match (claim.scheme, &claim.scope) {
        (Scheme::RpcV1, _) => return Zeroizing::new(format!("{secret}&").into_bytes()),
        (Scheme::Tc3, Some(scope)) => (
            prefixed("TC3"),
            vec![scope.date.as_str(), scope.service.as_str(), tc3::TERMINATOR],
        ),
        (Scheme::JdCloud2 | Scheme::JdCloud3, Some(scope)) => (
            prefixed(jdcloud::key_prefix(claim.scheme)),
            vec![
                scope.date.as_str(),
                scope.region.as_deref().unwrap_or_default(),
                scope.service.as_str(),
                jdcloud::terminator(claim.scheme),
            ],
        ),
        _ => return prefixed(""),
    };
    parts.into_iter().fold(first, |key, part| {
        Zeroizing::new(hmac_sha256(&key, part.as_bytes()))
    })
}

fn mac(scheme: Scheme, key: &[u8], string_to_sign: &[u8]) -> Vec<u8> {
    match scheme {
        Scheme::RpcV1 | Scheme::TencentV1Sha1 => hmac_sha1(key, string_to_sign),
        Scheme::Acs3
        | Scheme::Tc3
        | Scheme::TencentV1Sha256
        | Scheme::JdCloud2
        | Scheme::JdCloud3 => hmac_sha256(key, string_to_sign),
    }
}

const fn is_base64(scheme: Scheme) -> bool {
    matches!(
        scheme,
        Scheme::RpcV1 | Scheme::TencentV1Sha1 | Scheme::TencentV1Sha256
    )
}

fn encode_signature(scheme: Scheme, mac: &[u8]) -> String {
    if is_base64(scheme) {
        STANDARD.encode(mac)
    } else {
        hex::encode(mac)
    }
}

/// The claimed signature as bytes. One signature has one spelling: lower-case hex, or padded base64
/// whose unused bits are zero. Anything else decodes to nothing, which equals no signature.
fn decode_signature(claim: &Claim) -> Vec<u8> {
    if is_base64(claim.scheme) {
        return STANDARD.decode(&claim.signature).unwrap_or_default();
    }
    if claim
        .signature
        .bytes()
        .any(|byte| byte.is_ascii_uppercase())
    {
        return Vec::new();
    }
    hex::decode(&claim.signature).unwrap_or_default()
}
