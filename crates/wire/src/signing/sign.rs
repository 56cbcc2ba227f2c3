//! Signing, for our own client. What is signed is what [`super::verify`] reads: the request is
//! dressed with a placeholder, claimed, its canonical form taken, and the placeholder replaced.

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::canonical::{Pair, decode_pairs, encode_pairs};
use super::verify::first_signature;
use super::{Scheme, SignatureFault, claim};
use crate::message::WireRequest;

/// Who signs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The access key's public half.
    pub access_key_id: String,
    /// The access key's secret half.
    pub secret: SecretString,
    /// The token of temporary credentials.
    pub session_token: Option<SecretString>,
}

/// When is signed, and with which nonce. Both come from the caller: this crate reads no clock.
#[derive(Debug, Clone)]
pub struct SigningMoment {
    /// Seconds since 1970 UTC.
    pub epoch_s: i64,
    /// Fresh for each request. Some schemes want decimal digits.
    pub nonce: String,
}

/// What the credential is limited to, in the schemes that have a scope.
#[derive(Debug, Clone, Default)]
pub struct SigningScope {
    /// The region, where the scope has one.
    pub region: String,
    /// The service.
    pub service: String,
}

/// Signs a request that is otherwise complete: method, target, `Host`, operation, body.
///
/// A scheme adds parameters (to the form body if there is one, else to the query) or headers.
///
/// # Errors
/// [`SignatureFault`] if the request cannot be signed, for instance because it names no host.
pub fn sign(
    request: WireRequest,
    scheme: &'static Scheme,
    credentials: &Credentials,
    moment: &SigningMoment,
    scope: &SigningScope,
) -> Result<WireRequest, SignatureFault> {
    let dresser = Dresser {
        scheme,
        credentials,
        moment,
        scope,
    };
    let draft = dresser.dress(request.clone(), PLACEHOLDER)?;
    let signature = first_signature(&draft, &claim(&draft, [scheme])?, &credentials.secret)?;
    dresser.dress(request, &signature)
}

/// Stands where the signature will be; never signed itself.
const PLACEHOLDER: &str = "placeholder";

/// What a request is dressed with, beside its signature.
pub struct Dresser<'a> {
    /// The scheme that is signed with.
    pub scheme: &'static Scheme,
    /// Who signs.
    pub credentials: &'a Credentials,
    /// When.
    pub moment: &'a SigningMoment,
    /// What the credential is limited to.
    pub scope: &'a SigningScope,
}

impl Dresser<'_> {
    fn dress(&self, request: WireRequest, signature: &str) -> Result<WireRequest, SignatureFault> {
        (self.scheme.dress)(self, request, signature)
    }

    /// The session token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.credentials
            .session_token
            .as_ref()
            .map(|token| token.expose_secret())
    }
}

/// Adds parameters to the form body if the request has one, else to the query, in place of earlier
/// ones with the same names.
///
/// # Errors
/// [`SignatureFault`] where the present ones cannot be read, or the target becomes too long.
pub fn add_parameters(
    request: WireRequest,
    added: &[(&str, &str)],
) -> Result<WireRequest, SignatureFault> {
    let into_body = request.has_form_body() && !request.body().is_empty();
    let raw = if into_body {
        String::from_utf8_lossy(request.body()).into_owned()
    } else {
        request.raw_query().unwrap_or_default().to_owned()
    };
    let kept: Vec<Pair> = decode_pairs(&raw)?
        .into_iter()
        .filter(|(name, _)| added.iter().all(|(other, _)| other != name))
        .collect();
    let pairs = kept
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(added.iter().copied());
    let encoded = encode_pairs(pairs);
    if into_body {
        return Ok(request.with_body(encoded));
    }
    let head = request.target().split('?').next().unwrap_or("/");
    let target = format!("{head}?{encoded}");
    request
        .with_target(target)
        .map_err(|_| SignatureFault::Malformed {
            part: "target",
            reason: "too long",
        })
}

/// The request with a content type: JSON's, unless it has one.
///
/// # Errors
/// None that a request can cause.
pub fn with_content_type(request: WireRequest) -> Result<WireRequest, SignatureFault> {
    if request.header("content-type").is_some() {
        return Ok(request);
    }
    with_header(request, "content-type", "application/json")
}

/// The request with a header set.
///
/// # Errors
/// [`SignatureFault::Malformed`] where the value is not one of a header.
pub fn with_header(
    request: WireRequest,
    name: &'static str,
    value: &str,
) -> Result<WireRequest, SignatureFault> {
    let value = HeaderValue::from_str(value).map_err(|_| SignatureFault::Malformed {
        part: name,
        reason: "not a header value",
    })?;
    Ok(request.with_header(HeaderName::from_static(name), value))
}
