//! Tencent Cloud's TC3-HMAC-SHA256 ("Signature method v3").
//!
//! ```text
//! canonical      = METHOD \n path \n raw query \n (name:value \n)… \n SignedHeaders \n hex(SHA-256(payload))
//! string to sign = TC3-HMAC-SHA256 \n timestamp \n date/service/tc3_request \n hex(SHA-256(canonical))
//! key            = HMAC(HMAC(HMAC("TC3" + secret, date), service), "tc3_request")
//! signature      = hex(HMAC-SHA256(key, string to sign))
//! ```
//! The query is signed as sent, not sorted. Clients differ in the host (with or without port, lower
//! case) and in the path (`/`, whatever the target has): each form is tried. The service of the scope
//! is whatever the client derived from its endpoint. With the header
//! `X-TC-Content-SHA256: UNSIGNED-PAYLOAD` that literal text is the payload.

use brokerage_wire::WireRequest;
use brokerage_wire::signing::canonical::{push_header, sha256_hex, single_header, split_port};
use brokerage_wire::signing::timestamp::{format_date, parse_epoch};
use brokerage_wire::signing::{
    ACCESS_KEY_ID_BYTES_MAX, Authorization, Canonical, Canonicals, Claim, CredentialScope, Digest,
    Dresser, Encoding, Evidence, Marks, ReplayRule, Scheme, SessionTokenClaim, SignatureFault,
    check_length, derived_key, required, with_content_type, with_header,
};
use zeroize::Zeroizing;

use super::CLOCK_WINDOW_S;

/// Tencent's API 3.0 signature, HMAC-SHA256 over a canonical request.
pub static TC3: Scheme = Scheme {
    name: "TC3-HMAC-SHA256",
    marks: Marks::Header(claim),
    clock_window_s: CLOCK_WINDOW_S,
    replay: ReplayRule::None,
    digest: Digest::HmacSha256,
    encoding: Encoding::Hex,
    covers: &[TIMESTAMP],
    declared_hash: None,
    canonicals,
    key,
    dress,
};

const TIMESTAMP: &str = "x-tc-timestamp";
const TOKEN: &str = "x-tc-token";
const TERMINATOR: &str = "tc3_request";
const ACTION: &str = "x-tc-action";
const VERSION: &str = "x-tc-version";
const CONTENT_SHA256: &str = "x-tc-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Longest value of a fixed-form header, in bytes.
const FIELD_BYTES_MAX: usize = 256;

fn claim(
    scheme: &'static Scheme,
    request: &WireRequest,
    authorization: Authorization<'_>,
) -> Result<Claim, SignatureFault> {
    let [access_key_id, date, service, terminator] = authorization.credential_parts()?;
    if terminator != TERMINATOR {
        return Err(SignatureFault::Malformed {
            part: "Authorization",
            reason: "the credential does not end in tc3_request",
        });
    }
    check_length("SecretId", access_key_id, ACCESS_KEY_ID_BYTES_MAX)?;
    check_length("service", service, FIELD_BYTES_MAX)?;
    check_length("Signature", authorization.signature, FIELD_BYTES_MAX)?;
    authorization.require_signed("host")?;
    if single_header(request, "content-type")?.is_some() {
        authorization.require_signed("content-type")?;
    }
    let time = single_header(request, TIMESTAMP)?;
    let time = required(time, "X-TC-Timestamp", FIELD_BYTES_MAX)?;
    let signed_at_s = parse_epoch(time).ok_or(SignatureFault::TimestampFormat)?;
    if format_date(signed_at_s).as_deref() != Some(date) {
        return Err(SignatureFault::ScopeDate);
    }
    let owned = |name: &str| -> Result<Option<String>, SignatureFault> {
        let value = single_header(request, name)?;
        if let Some(value) = value {
            check_length("X-TC header", value, FIELD_BYTES_MAX)?;
        }
        Ok(value.map(str::to_owned))
    };
    Ok(Claim {
        scheme,
        access_key_id: access_key_id.to_owned(),
        session_token: single_header(request, TOKEN)?
            .filter(|token| !token.is_empty())
            .map(SessionTokenClaim::plain)
            .transpose()?,
        nonce: None,
        signed_at_s,
        action: owned(ACTION)?,
        version: owned(VERSION)?,
        scope: Some(CredentialScope {
            date: date.to_owned(),
            region: None,
            service: service.to_owned(),
        }),
        signature: authorization.signature.to_owned(),
        evidence: Evidence::Headers {
            signed: authorization.signed_headers,
            timestamp: time.to_owned(),
        },
    })
}

/// The forms of the host that clients sign, the likeliest first.
fn hosts(request: &WireRequest) -> Vec<String> {
    let raw = request.host_raw().unwrap_or_default();
    let mut hosts = vec![raw.to_owned()];
    let without_port = split_port(raw).map(|(name, _)| name.to_owned());
    let lower_case = [Some(raw.to_owned()), without_port.clone()]
        .into_iter()
        .flatten()
        .map(|host| host.to_ascii_lowercase());
    for host in without_port.iter().cloned().chain(lower_case) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// The forms of the path that clients sign, the likeliest first.
fn paths(request: &WireRequest) -> Vec<&str> {
    match request.path() {
        "/" => vec!["/"],
        path => vec!["/", path],
    }
}

/// Hex SHA-256 of the payload that the client chose to sign.
fn payload_hash(request: &WireRequest) -> String {
    if request.header(CONTENT_SHA256) == Some(UNSIGNED_PAYLOAD) {
        sha256_hex(UNSIGNED_PAYLOAD.as_bytes())
    } else {
        sha256_hex(request.body())
    }
}

/// One form of the text to sign.
struct Form<'a> {
    host: &'a str,
    path: &'a str,
    payload_hash: &'a str,
}

fn canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    let payload_hash = payload_hash(request);
    let hosts = hosts(request);
    let forms = paths(request)
        .into_iter()
        .flat_map(move |path| hosts.clone().into_iter().map(move |host| (path, host)));
    Ok(Box::new(forms.map(move |(path, host)| {
        let form = Form {
            host: &host,
            path,
            payload_hash: &payload_hash,
        };
        canonical(request, claim, &form)
    })))
}

fn key(claim: &Claim, secret: &str) -> Zeroizing<Vec<u8>> {
    match &claim.scope {
        Some(scope) => derived_key("TC3", secret, &[&scope.date, &scope.service, TERMINATOR]),
        None => derived_key("", secret, &[]),
    }
}

fn dress(
    dresser: &Dresser<'_>,
    request: WireRequest,
    signature: &str,
) -> Result<WireRequest, SignatureFault> {
    let date = format_date(dresser.moment.epoch_s).ok_or(SignatureFault::TimestampFormat)?;
    let mut request = with_content_type(request)?;
    request = with_header(request, TIMESTAMP, &dresser.moment.epoch_s.to_string())?;
    if let Some(token) = dresser.token() {
        request = with_header(request, TOKEN, token)?;
    }
    let authorization = format!(
        "{} Credential={}/{date}/{}/{TERMINATOR}, SignedHeaders=content-type;host, Signature={signature}",
        dresser.scheme, dresser.credentials.access_key_id, dresser.scope.service,
    );
    with_header(request, "authorization", &authorization)
}

fn canonical(
    request: &WireRequest,
    claim: &Claim,
    form: &Form<'_>,
) -> Result<Canonical, SignatureFault> {
    let (Evidence::Headers { signed, timestamp }, Some(scope)) = (&claim.evidence, &claim.scope)
    else {
        return Err(SignatureFault::Unsigned);
    };
    let query = request.raw_query().unwrap_or_default();
    let mut canonical_request = format!("{}\n{}\n{query}\n", request.method(), form.path);
    for name in signed {
        let missing = || SignatureFault::SignedHeaderMissing { name: name.clone() };
        match name.as_str() {
            "host" => push_header(&mut canonical_request, name, form.host),
            // The vendor's examples for hand-written clients lower this one value.
            ACTION => {
                let value = single_header(request, name)?.ok_or_else(missing)?;
                push_header(&mut canonical_request, name, &value.to_ascii_lowercase());
            }
            _ => {
                let value = single_header(request, name)?.ok_or_else(missing)?;
                push_header(&mut canonical_request, name, value);
            }
        }
    }
    canonical_request.push('\n');
    canonical_request.push_str(&signed.join(";"));
    canonical_request.push('\n');
    canonical_request.push_str(form.payload_hash);
    let string_to_sign = format!(
        "{}\n{timestamp}\n{}/{}/{TERMINATOR}\n{}",
        TC3.name,
        scope.date,
        scope.service,
        sha256_hex(canonical_request.as_bytes())
    );
    Ok(Canonical {
        canonical_request,
        string_to_sign,
    })
}
