//! Alibaba Cloud's ACS3-HMAC-SHA256 ("V3 request structure and signature method").
//!
//! ```text
//! canonical      = METHOD \n path \n query \n (name:value \n)… \n SignedHeaders \n hex(SHA-256(body))
//! string to sign = ACS3-HMAC-SHA256 \n hex(SHA-256(canonical))
//! signature      = hex(HMAC-SHA256(secret, string to sign))
//! ```
//! The query is sorted by name and encoded anew. The vendor's Python client leaves the names plain,
//! the others encode them: both are tried. The client's own list of signed headers counts; the
//! headers that decide what the request does have to be in it.

use std::collections::BTreeMap;

use brokerage_wire::WireRequest;
use brokerage_wire::signing::canonical::{
    distinct, push_header, push_pair, sha256_hex, single_header,
};
use brokerage_wire::signing::timestamp::{format_extended, parse_extended};
use brokerage_wire::signing::{
    ACCESS_KEY_ID_BYTES_MAX, Authorization, Canonical, Canonicals, Claim, Digest, Dresser,
    Encoding, Evidence, Marks, NONCE_BYTES_MAX, Scheme, SessionTokenClaim, SignatureFault,
    check_length, decode_pairs, encode_component, required, with_header,
};
use http::HeaderName;
use zeroize::Zeroizing;

use super::{CLOCK_WINDOW_S, REPLAY};

/// Alibaba's third signature, HMAC-SHA256 over a canonical request.
pub static ACS3: Scheme = Scheme {
    name: "ACS3-HMAC-SHA256",
    marks: Marks::Header(claim),
    clock_window_s: CLOCK_WINDOW_S,
    replay: REPLAY,
    digest: Digest::HmacSha256,
    encoding: Encoding::Hex,
    covers: &[DATE],
    declared_hash: Some(CONTENT_SHA256),
    canonicals,
    key: |_, secret| Zeroizing::new(secret.to_owned().into_bytes()),
    dress,
};

const DATE: &str = "x-acs-date";
const NONCE: &str = "x-acs-signature-nonce";
const CONTENT_SHA256: &str = "x-acs-content-sha256";
const SECURITY_TOKEN: &str = "x-acs-security-token";
const ACTION: &str = "x-acs-action";
const VERSION: &str = "x-acs-version";

/// What has to be signed at least. The vendor's clients all do; demanding it is our hardening.
const SIGNED_AT_LEAST: [&str; 6] = ["host", ACTION, VERSION, DATE, NONCE, CONTENT_SHA256];

/// Longest value of a fixed-form header, in bytes.
const FIELD_BYTES_MAX: usize = 256;

fn claim(
    scheme: &'static Scheme,
    request: &WireRequest,
    authorization: Authorization<'_>,
) -> Result<Claim, SignatureFault> {
    let header = |name: &'static str, bytes_max: usize| {
        required(single_header(request, name)?, name, bytes_max)
    };
    let access_key_id = authorization.credential;
    required(Some(access_key_id), "Credential", ACCESS_KEY_ID_BYTES_MAX)?;
    for name in SIGNED_AT_LEAST {
        authorization.require_signed(name)?;
    }
    let session_token = single_header(request, SECURITY_TOKEN)?.filter(|token| !token.is_empty());
    if session_token.is_some() {
        authorization.require_signed(SECURITY_TOKEN)?;
    }
    let time = header(DATE, FIELD_BYTES_MAX)?;
    let nonce = header(NONCE, NONCE_BYTES_MAX)?;
    let action = header(ACTION, FIELD_BYTES_MAX)?;
    let version = header(VERSION, FIELD_BYTES_MAX)?;
    header(CONTENT_SHA256, FIELD_BYTES_MAX)?;
    check_length("Signature", authorization.signature, FIELD_BYTES_MAX)?;
    Ok(Claim {
        scheme,
        access_key_id: access_key_id.to_owned(),
        session_token: session_token.map(SessionTokenClaim::plain).transpose()?,
        nonce: Some(nonce.to_owned()),
        signed_at_s: parse_extended(time).ok_or(SignatureFault::TimestampFormat)?,
        action: Some(action.to_owned()),
        version: Some(version.to_owned()),
        scope: None,
        signature: authorization.signature.to_owned(),
        evidence: Evidence::Headers {
            signed: authorization.signed_headers,
            timestamp: time.to_owned(),
        },
    })
}

fn canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    let Evidence::Headers { signed, .. } = &claim.evidence else {
        return Err(SignatureFault::Unsigned);
    };
    let pairs = distinct(decode_pairs(request.raw_query().unwrap_or_default())?)?;
    let forms: &[QueryNames] = match pairs.keys().any(|name| folds(name)) {
        true => &[QueryNames::Encoded],
        false => &[QueryNames::Encoded, QueryNames::Plain],
    };
    let forms = forms.iter();
    Ok(Box::new(forms.map(move |names| {
        canonical(request, signed, &pairs, *names)
    })))
}

fn dress(
    dresser: &Dresser<'_>,
    request: WireRequest,
    signature: &str,
) -> Result<WireRequest, SignatureFault> {
    let time = format_extended(dresser.moment.epoch_s).ok_or(SignatureFault::TimestampFormat)?;
    let body_hash = sha256_hex(request.body());
    let mut request = with_header(request, DATE, &time)?;
    request = with_header(request, NONCE, &dresser.moment.nonce)?;
    request = with_header(request, CONTENT_SHA256, &body_hash)?;
    if let Some(token) = dresser.token() {
        request = with_header(request, SECURITY_TOKEN, token)?;
    }
    let mut signed: Vec<&str> = request
        .headers()
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| name.starts_with("x-acs-") || *name == "host" || *name == "content-type")
        .collect();
    signed.sort_unstable();
    let authorization = format!(
        "{} Credential={},SignedHeaders={},Signature={signature}",
        dresser.scheme,
        dresser.credentials.access_key_id,
        signed.join(";")
    );
    with_header(request, "authorization", &authorization)
}

/// How the names of the query are written.
#[derive(Debug, Clone, Copy)]
enum QueryNames {
    Encoded,
    Plain,
}

/// Whether a name that is left plain reads as something else: as further parameters, as a value, as another name.
/// Nobody's clients have such names, and whoever stands between could fold parameters into one.
fn folds(name: &str) -> bool {
    let is_reserved = |character: char| "&=%#".contains(character) || character.is_control();
    name.chars().any(is_reserved)
}

fn canonical(
    request: &WireRequest,
    signed_headers: &[String],
    pairs: &BTreeMap<String, String>,
    names: QueryNames,
) -> Result<Canonical, SignatureFault> {
    let mut query = String::new();
    for (name, value) in pairs {
        match names {
            QueryNames::Encoded => push_pair(&mut query, &encode_component(name), value),
            QueryNames::Plain => push_pair(&mut query, name, value),
        }
    }
    let mut canonical_request = format!("{}\n{}\n{query}\n", request.method(), request.path());
    for name in signed_headers {
        let value = match name.as_str() {
            "host" => request.host_raw(),
            name => single_header(request, name)?,
        };
        let value =
            value.ok_or_else(|| SignatureFault::SignedHeaderMissing { name: name.clone() })?;
        push_header(&mut canonical_request, name, value);
    }
    canonical_request.push('\n');
    canonical_request.push_str(&signed_headers.join(";"));
    canonical_request.push('\n');
    // It is the body's: that has been looked at.
    canonical_request.push_str(single_header(request, CONTENT_SHA256)?.unwrap_or_default());
    let string_to_sign = format!(
        "{}\n{}",
        ACS3.name,
        sha256_hex(canonical_request.as_bytes())
    );
    Ok(Canonical {
        canonical_request,
        string_to_sign,
    })
}
