//! Signing, for our own client. What is signed is what [`super::verify`] reads: the request is
//! dressed with a placeholder, claimed, its canonical form taken, and the placeholder replaced.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::canonical::{Pair, decode_pairs, encode_pairs, sha256_hex};
use super::verify::first_signature;
use super::{Scheme, SignatureFault, acs3, claim, jdcloud, tc3, timestamp};
use crate::wire::WireRequest;

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
    /// Fresh for each request. Tencent's first scheme wants decimal digits.
    pub nonce: String,
}

/// What the credential is limited to, in the schemes that have a scope.
#[derive(Debug, Clone, Default)]
pub struct SigningScope {
    /// The region, for JD Cloud.
    pub region: String,
    /// The service, for Tencent and JD Cloud.
    pub service: String,
}

/// Signs a request that is otherwise complete: method, target, `Host`, operation, body.
///
/// RPC v1 and Tencent's first scheme add parameters (to the form body if there is one, else to the
/// query); the others add headers.
///
/// # Errors
/// [`SignatureFault`] if the request cannot be signed, for instance because it names no host.
pub fn sign(
    request: WireRequest,
    scheme: Scheme,
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
    let signature = first_signature(&draft, &claim(&draft)?, &credentials.secret)?;
    dresser.dress(request, &signature)
}

/// Stands where the signature will be; never signed itself.
const PLACEHOLDER: &str = "placeholder";

struct Dresser<'a> {
    scheme: Scheme,
    credentials: &'a Credentials,
    moment: &'a SigningMoment,
    scope: &'a SigningScope,
}

impl Dresser<'_> {
    fn dress(&self, request: WireRequest, signature: &str) -> Result<WireRequest, SignatureFault> {
        match self.scheme {
            Scheme::RpcV1 => self.rpc_v1(request, signature),
            Scheme::TencentV1Sha1 => self.tencent_v1(request, signature, "HmacSHA1"),
            Scheme::TencentV1Sha256 => self.tencent_v1(request, signature, "HmacSHA256"),
            Scheme::Acs3 => self.acs3(request, signature),
            Scheme::Tc3 => self.tc3(request, signature),
            Scheme::JdCloud2 | Scheme::JdCloud3 => self.jdcloud(request, signature),
        }
    }

    fn token(&self) -> Option<&str> {
        self.credentials
            .session_token
            .as_ref()
            .map(|token| token.expose_secret())
    }

    fn rpc_v1(&self, request: WireRequest, signature: &str) -> Result<WireRequest, SignatureFault> {
        let time = timestamp::format_extended(self.moment.epoch_s)
            .ok_or(SignatureFault::TimestampFormat)?;
        let mut added = vec![
            ("AccessKeyId", self.credentials.access_key_id.as_str()),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", self.moment.nonce.as_str()),
            ("Timestamp", time.as_str()),
        ];
        added.extend(self.token().map(|token| ("SecurityToken", token)));
        added.push(("Signature", signature));
        add_parameters(request, &added)
    }

    fn tencent_v1(
        &self,
        request: WireRequest,
        signature: &str,
        method: &str,
    ) -> Result<WireRequest, SignatureFault> {
        let time = self.moment.epoch_s.to_string();
        let mut added = vec![
            ("SecretId", self.credentials.access_key_id.as_str()),
            ("SignatureMethod", method),
            ("Nonce", self.moment.nonce.as_str()),
            ("Timestamp", time.as_str()),
        ];
        added.extend(self.token().map(|token| ("Token", token)));
        added.push(("Signature", signature));
        add_parameters(request, &added)
    }

    fn acs3(&self, request: WireRequest, signature: &str) -> Result<WireRequest, SignatureFault> {
        let time = timestamp::format_extended(self.moment.epoch_s)
            .ok_or(SignatureFault::TimestampFormat)?;
        let body_hash = sha256_hex(request.body());
        let mut request = with_header(request, acs3::DATE, &time)?;
        request = with_header(request, acs3::NONCE, &self.moment.nonce)?;
        request = with_header(request, acs3::CONTENT_SHA256, &body_hash)?;
        if let Some(token) = self.token() {
            request = with_header(request, acs3::SECURITY_TOKEN, token)?;
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
            self.scheme,
            self.credentials.access_key_id,
            signed.join(";")
        );
        with_header(request, "authorization", &authorization)
    }

    fn tc3(&self, request: WireRequest, signature: &str) -> Result<WireRequest, SignatureFault> {
        let date =
            timestamp::format_date(self.moment.epoch_s).ok_or(SignatureFault::TimestampFormat)?;
        let mut request = with_content_type(request)?;
        request = with_header(request, tc3::TIMESTAMP, &self.moment.epoch_s.to_string())?;
        if let Some(token) = self.token() {
            request = with_header(request, tc3::TOKEN, token)?;
        }
        let authorization = format!(
            "{} Credential={}/{date}/{}/{}, SignedHeaders=content-type;host, Signature={signature}",
            self.scheme,
            self.credentials.access_key_id,
            self.scope.service,
            tc3::TERMINATOR
        );
        with_header(request, "authorization", &authorization)
    }

    fn jdcloud(
        &self,
        request: WireRequest,
        signature: &str,
    ) -> Result<WireRequest, SignatureFault> {
        let time =
            timestamp::format_basic(self.moment.epoch_s).ok_or(SignatureFault::TimestampFormat)?;
        let (date, _) = time
            .split_once('T')
            .ok_or(SignatureFault::TimestampFormat)?;
        let mut request = with_content_type(request)?;
        request = with_header(request, jdcloud::DATE, &time)?;
        request = with_header(request, jdcloud::NONCE, &self.moment.nonce)?;
        let mut signed = vec!["content-type", "host"];
        if self.scheme == Scheme::JdCloud2 {
            signed.extend([jdcloud::DATE, jdcloud::NONCE]);
        }
        if let Some(token) = self.token() {
            let encoded = STANDARD.encode(token);
            request = with_header(request, jdcloud::SECURITY_TOKEN, &encoded)?;
            signed.push(jdcloud::SECURITY_TOKEN);
        }
        let authorization = format!(
            "{} Credential={}/{date}/{}/{}/{}, SignedHeaders={}, Signature={signature}",
            self.scheme,
            self.credentials.access_key_id,
            self.scope.region,
            self.scope.service,
            jdcloud::terminator(self.scheme),
            signed.join(";")
        );
        with_header(request, "authorization", &authorization)
    }
}

/// Adds parameters to the form body if the request has one, else to the query, in place of earlier
/// ones with the same names.
fn add_parameters(
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

fn with_content_type(request: WireRequest) -> Result<WireRequest, SignatureFault> {
    if request.header("content-type").is_some() {
        return Ok(request);
    }
    with_header(request, "content-type", "application/json")
}

fn with_header(
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
