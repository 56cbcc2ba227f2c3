//! JD Cloud's JDCLOUD2-HMAC-SHA256 and JDCLOUD3-HMAC-SHA256 ("Signature process").
//!
//! ```text
//! canonical      = METHOD \n path \n query \n (name:value \n)… \n SignedHeaders \n hex(SHA-256(body))
//! string to sign = ALGORITHM \n x-jdcloud-date \n date/region/service/TERMINATOR \n hex(SHA-256(canonical))
//! key            = HMAC(HMAC(HMAC(HMAC(PREFIX + secret, date), region), service), TERMINATOR)
//! signature      = hex(HMAC-SHA256(key, string to sign))
//! ```
//! The path is decoded, its repeated slashes joined, and encoded again, so that `:` and `%3A` sign
//! alike. The query is decoded, sorted by name and then value (not as whole texts: `values.1=` comes
//! before `values.10=`), and encoded again. Header values are trimmed, repeated ones joined with `,`,
//! and runs of spaces shortened to one.
//!
//! The third scheme's Python client leaves a piece without `=` out of the query that it signs (it
//! does not escape `&` in values), and signs the host without the port of its endpoint where that is
//! 80 or 443: both forms are tried. Its nonce is not signed, nor is its date listed as a header; the
//! date enters the text to sign by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brokerage_wire::WireRequest;
use brokerage_wire::message::text;
use brokerage_wire::signing::canonical::{
    encode_path, push_header, sha256_hex, single_header, split_port,
};
use brokerage_wire::signing::timestamp::{format_basic, parse_basic};
use brokerage_wire::signing::{
    ACCESS_KEY_ID_BYTES_MAX, Authorization, Canonical, Canonicals, Claim, CredentialScope, Digest,
    Dresser, Encoding, Evidence, Marks, NONCE_BYTES_MAX, Pair, ReplayRule, Scheme,
    SessionTokenClaim, SignatureFault, check_length, decode_pairs, decode_pairs_with_equals,
    decode_path, derived_key, encode_pairs, required, with_content_type, with_header,
};
use zeroize::Zeroizing;

/// JD Cloud's second signature: Go, Node, Java, older Python.
pub static JDCLOUD2: Scheme = scheme("JDCLOUD2-HMAC-SHA256", true);
/// JD Cloud's third signature: Python and the command line.
///
/// It does not sign its nonce: remembering it together with the signature stops an accidental repeat, not a caller
/// who changes the nonce.
pub static JDCLOUD3: Scheme = scheme("JDCLOUD3-HMAC-SHA256", false);

/// Ours: the vendor publishes none.
const CLOCK_WINDOW_S: i64 = 15 * 60;

const fn scheme(name: &'static str, nonce_is_signed: bool) -> Scheme {
    Scheme {
        name,
        marks: Marks::Header(claim),
        clock_window_s: CLOCK_WINDOW_S,
        // The window is open to either side; one minute more lets both edges close.
        replay: ReplayRule::Once {
            remember_s: 2 * CLOCK_WINDOW_S + 60,
            nonce_is_signed,
        },
        digest: Digest::HmacSha256,
        encoding: Encoding::Hex,
        covers: &[DATE],
        declared_hash: None,
        canonicals,
        key,
        dress,
    }
}

const DATE: &str = "x-jdcloud-date";
const NONCE: &str = "x-jdcloud-nonce";
const SECURITY_TOKEN: &str = "x-jdcloud-security-token";

/// Longest value of a fixed-form header, in bytes.
const FIELD_BYTES_MAX: usize = 256;
/// `YYYYMMDD` at the head of the date header.
const DATE_BYTES: usize = 8;

/// The last part of the credential scope, and of the key.
fn terminator(scheme: &Scheme) -> &'static str {
    match *scheme == JDCLOUD2 {
        true => "jdcloud2_request",
        false => "jdcloud3_request",
    }
}

/// What stands before the secret in the first key.
fn key_prefix(scheme: &Scheme) -> &'static str {
    match *scheme == JDCLOUD2 {
        true => "JDCLOUD2",
        false => "JDCLOUD3",
    }
}

fn claim(
    scheme: &'static Scheme,
    request: &WireRequest,
    authorization: Authorization<'_>,
) -> Result<Claim, SignatureFault> {
    let [access_key_id, date, region, service, end] = authorization.credential_parts()?;
    if end != terminator(scheme) {
        return Err(SignatureFault::Malformed {
            part: "Authorization",
            reason: "the credential does not end as its scheme demands",
        });
    }
    check_length("AccessKey", access_key_id, ACCESS_KEY_ID_BYTES_MAX)?;
    check_length("region", region, FIELD_BYTES_MAX)?;
    check_length("service", service, FIELD_BYTES_MAX)?;
    check_length("Signature", authorization.signature, FIELD_BYTES_MAX)?;
    authorization.require_signed("host")?;
    if *scheme == JDCLOUD2 {
        authorization.require_signed(DATE)?;
        authorization.require_signed(NONCE)?;
    }
    let session_token = single_header(request, SECURITY_TOKEN)?.filter(|token| !token.is_empty());
    if session_token.is_some() {
        authorization.require_signed(SECURITY_TOKEN)?;
    }
    let time = required(single_header(request, DATE)?, DATE, FIELD_BYTES_MAX)?;
    let nonce = required(single_header(request, NONCE)?, NONCE, NONCE_BYTES_MAX)?;
    let signed_at_s = parse_basic(time).ok_or(SignatureFault::TimestampFormat)?;
    if time.get(..DATE_BYTES) != Some(date) {
        return Err(SignatureFault::ScopeDate);
    }
    Ok(Claim {
        scheme,
        access_key_id: access_key_id.to_owned(),
        session_token: session_token
            .map(SessionTokenClaim::plain_or_base64)
            .transpose()?,
        nonce: Some(nonce.to_owned()),
        signed_at_s,
        action: None,
        version: None,
        scope: Some(CredentialScope {
            date: date.to_owned(),
            region: Some(region.to_owned()),
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
fn hosts(request: &WireRequest) -> Vec<&str> {
    let raw = request.host_raw().unwrap_or_default();
    match split_port(raw) {
        Some((name, "80" | "443")) => vec![raw, name],
        _ => vec![raw],
    }
}

/// The forms of the query that clients sign, the likeliest first, encoded.
fn queries(request: &WireRequest, scheme: &Scheme) -> Result<Vec<String>, SignatureFault> {
    let raw = request.raw_query().unwrap_or_default();
    let all = decode_pairs(raw)?;
    let mut queries = Vec::new();
    if *scheme == JDCLOUD3 {
        let with_equals = decode_pairs_with_equals(raw)?;
        if with_equals.len() != all.len() {
            queries.push(sorted_query(with_equals));
        }
    }
    queries.insert(0, sorted_query(all));
    Ok(queries)
}

fn sorted_query(mut pairs: Vec<Pair>) -> String {
    pairs.sort();
    encode_pairs(
        pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    )
}

/// One form of the text to sign.
struct Form<'a> {
    host: &'a str,
    query: &'a str,
    payload_hash: &'a str,
}

fn canonicals<'a>(
    request: &'a WireRequest,
    claim: &'a Claim,
) -> Result<Canonicals<'a>, SignatureFault> {
    let payload_hash = sha256_hex(request.body());
    let queries = queries(request, claim.scheme)?;
    let forms = queries.into_iter().flat_map(|query| {
        hosts(request)
            .into_iter()
            .map(move |host| (query.clone(), host))
    });
    Ok(Box::new(forms.map(move |(query, host)| {
        let form = Form {
            host,
            query: &query,
            payload_hash: &payload_hash,
        };
        canonical(request, claim, &form)
    })))
}

fn key(claim: &Claim, secret: &str) -> Zeroizing<Vec<u8>> {
    let Some(scope) = &claim.scope else {
        return derived_key("", secret, &[]);
    };
    let region = scope.region.as_deref().unwrap_or_default();
    let parts = [
        scope.date.as_str(),
        region,
        &scope.service,
        terminator(claim.scheme),
    ];
    derived_key(key_prefix(claim.scheme), secret, &parts)
}

fn dress(
    dresser: &Dresser<'_>,
    request: WireRequest,
    signature: &str,
) -> Result<WireRequest, SignatureFault> {
    let time = format_basic(dresser.moment.epoch_s).ok_or(SignatureFault::TimestampFormat)?;
    let (date, _) = time
        .split_once('T')
        .ok_or(SignatureFault::TimestampFormat)?;
    let mut request = with_content_type(request)?;
    request = with_header(request, DATE, &time)?;
    request = with_header(request, NONCE, &dresser.moment.nonce)?;
    let mut signed = vec!["content-type", "host"];
    if *dresser.scheme == JDCLOUD2 {
        signed.extend([DATE, NONCE]);
    }
    if let Some(token) = dresser.token() {
        let encoded = STANDARD.encode(token);
        request = with_header(request, SECURITY_TOKEN, &encoded)?;
        signed.push(SECURITY_TOKEN);
    }
    let authorization = format!(
        "{} Credential={}/{date}/{}/{}/{}, SignedHeaders={}, Signature={signature}",
        dresser.scheme,
        dresser.credentials.access_key_id,
        dresser.scope.region,
        dresser.scope.service,
        terminator(dresser.scheme),
        signed.join(";")
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
    let path = encode_path(&decode_path(request.path())?);
    let mut canonical_request = format!("{}\n{path}\n{}\n", request.method(), form.query);
    for name in signed {
        if name == "host" {
            push_header(&mut canonical_request, name, form.host);
        } else {
            push_header(&mut canonical_request, name, &joined_header(request, name)?);
        }
    }
    canonical_request.push('\n');
    canonical_request.push_str(&signed.join(";"));
    canonical_request.push('\n');
    canonical_request.push_str(form.payload_hash);
    let string_to_sign = format!(
        "{}\n{timestamp}\n{}/{}/{}/{}\n{}",
        claim.scheme.name,
        scope.date,
        scope.region.as_deref().unwrap_or_default(),
        scope.service,
        terminator(claim.scheme),
        sha256_hex(canonical_request.as_bytes())
    );
    Ok(Canonical {
        canonical_request,
        string_to_sign,
    })
}

/// All values of a header, trimmed, joined with `,`, runs of spaces shortened to one.
fn joined_header(request: &WireRequest, name: &str) -> Result<String, SignatureFault> {
    let mut joined = String::new();
    let mut values = request.headers().get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Err(SignatureFault::SignedHeaderMissing {
            name: name.to_owned(),
        });
    }
    while let Some(value) = values.next() {
        let value = text(value).ok_or(SignatureFault::Malformed {
            part: "header",
            reason: "not UTF-8",
        })?;
        for character in value.chars() {
            if character != ' ' || !joined.ends_with(' ') {
                joined.push(character);
            }
        }
        if values.peek().is_some() {
            joined.push(',');
        }
    }
    Ok(joined)
}
