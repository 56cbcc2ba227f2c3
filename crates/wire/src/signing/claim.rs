//! What a request says of its caller, before anything is believed.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::authorization::{Authorization, algorithm, unsupported};
use super::canonical::{check_body_is_signed, signed_parameters, single_header, split_port};
use super::{ReplayRule, Scheme, SignatureFault, acs3, jdcloud, rpc_v1, tc3, tencent_v1};
use crate::wire::WireRequest;

/// Longest nonce, in bytes. Clients send 5 to 64.
pub const NONCE_BYTES_MAX: usize = 128;
/// Longest access key id, in bytes.
pub const ACCESS_KEY_ID_BYTES_MAX: usize = 128;
/// Longest session token, in bytes.
pub const SESSION_TOKEN_BYTES_MAX: usize = 4_096;

/// What a request says of its caller. Nothing of it is proved until [`super::verify`] accepts.
///
/// `Debug` shows neither session token nor signature nor parameters.
#[derive(Clone)]
pub struct Claim {
    /// How the request is signed.
    pub scheme: Scheme,
    /// Whose secret has to verify it.
    pub access_key_id: String,
    /// The token of temporary credentials.
    pub session_token: Option<SessionTokenClaim>,
    /// The caller's nonce, where the scheme has one.
    pub nonce: Option<String>,
    /// Time of signing, seconds since 1970 UTC.
    pub signed_at_s: i64,
    /// The operation, where the scheme names one. Alibaba's schemes sign it; Tencent's third scheme
    /// does not.
    pub action: Option<String>,
    /// The API version, as [`Claim::action`].
    pub version: Option<String>,
    /// Region and service of the credential, where the scheme has a scope.
    pub scope: Option<CredentialScope>,
    pub(super) signature: String,
    pub(super) evidence: Evidence,
}

/// What a credential is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope {
    /// Day of signing, as the scheme writes it.
    pub date: String,
    /// The region; Tencent's scope has none.
    pub region: Option<String>,
    /// The service, as the client derived it from its endpoint. A hint only: some clients write the
    /// first label of the host.
    pub service: String,
}

/// What was read once and is needed again to verify.
#[derive(Clone)]
pub(super) enum Evidence {
    /// Schemes that sign parameters: all of them, by name.
    Parameters(BTreeMap<String, String>),
    /// Schemes that sign a canonical request.
    Headers {
        signed: Vec<String>,
        timestamp: String,
    },
}

/// The token of temporary credentials, as the caller sent it.
#[derive(Clone)]
pub struct SessionTokenClaim {
    wire: SecretString,
    base64_allowed: bool,
}

impl SessionTokenClaim {
    /// A token sent as it is.
    pub(super) fn plain(wire: &str) -> Result<Self, SignatureFault> {
        Self::bounded(wire, false)
    }

    /// A token sent as it is, or base64-encoded: JD Cloud's clients differ.
    pub(super) fn plain_or_base64(wire: &str) -> Result<Self, SignatureFault> {
        Self::bounded(wire, true)
    }

    fn bounded(wire: &str, base64_allowed: bool) -> Result<Self, SignatureFault> {
        check_length("session token", wire, SESSION_TOKEN_BYTES_MAX)?;
        Ok(Self {
            wire: SecretString::from(wire.to_owned()),
            base64_allowed,
        })
    }

    /// Compares with the token that was issued, in constant time.
    #[must_use]
    pub fn matches(&self, issued: &SecretString) -> bool {
        let wire = self.wire.expose_secret().as_bytes();
        let issued = issued.expose_secret().as_bytes();
        let plain = wire.ct_eq(issued);
        if !self.base64_allowed {
            return plain.into();
        }
        let encoded = zeroize::Zeroizing::new(STANDARD.encode(issued));
        (plain | wire.ct_eq(encoded.as_bytes())).into()
    }

    /// The token to look a session up by, in each form that the caller may have meant.
    #[must_use]
    pub fn forms(&self) -> Vec<SecretString> {
        let mut forms = vec![self.wire.clone()];
        if self.base64_allowed
            && let Ok(bytes) = STANDARD.decode(self.wire.expose_secret())
            && let Ok(text) = String::from_utf8(bytes)
        {
            forms.push(SecretString::from(text));
        }
        forms
    }
}

impl fmt::Debug for SessionTokenClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTokenClaim(hidden)")
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("scheme", &self.scheme)
            .field("access_key_id", &self.access_key_id)
            .field("session_token", &self.session_token)
            .field("nonce", &self.nonce)
            .field("signed_at_s", &self.signed_at_s)
            .field("action", &self.action)
            .field("version", &self.version)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Claim {
    /// What to remember, per access key, so that the request is served once; `None` where
    /// [`Scheme::replay_rule`] has nothing to remember.
    #[must_use]
    pub fn replay_key(&self) -> Option<String> {
        if self.scheme.replay_rule() == ReplayRule::None {
            return None;
        }
        let nonce = self.nonce.as_ref()?;
        match self.scheme {
            // The nonce is not signed, and honest equal calls within one second share a signature:
            // only both together name one call.
            Scheme::JdCloud3 => Some(format!("{nonce}:{}", self.signature)),
            _ => Some(nonce.clone()),
        }
    }

    /// The signature, where it does not cover the nonce of [`Claim::replay_key`]: whoever has seen one such call can
    /// name others with it.
    #[must_use]
    pub fn reusable_signature(&self) -> Option<&str> {
        (self.scheme == Scheme::JdCloud3).then_some(self.signature.as_str())
    }

    /// The headers whose change the signature must notice, in lower case: those listed as signed,
    /// and those that enter the text to sign in another way.
    #[must_use]
    pub fn covered_headers(&self) -> Vec<&str> {
        match (&self.evidence, self.scheme.vendor()) {
            (Evidence::Parameters(_), super::Vendor::Tencent) => vec!["host"],
            (Evidence::Parameters(_), _) => Vec::new(),
            (Evidence::Headers { signed, .. }, vendor) => {
                let mut names: Vec<&str> = signed.iter().map(String::as_str).collect();
                let timestamp = match vendor {
                    super::Vendor::Alibaba => acs3::DATE,
                    super::Vendor::Tencent => tc3::TIMESTAMP,
                    super::Vendor::JdCloud => jdcloud::DATE,
                };
                if !names.contains(&timestamp) {
                    names.push(timestamp);
                }
                names
            }
        }
    }
}

/// Finds the signature scheme of a request and reads the caller's claim.
///
/// An `Authorization` header decides by its first word; without one the names of the parameters do.
///
/// # Errors
/// [`SignatureFault`]: everything that can be told without the secret, in the order in which a
/// caller would want to know it.
pub fn claim(request: &WireRequest) -> Result<Claim, SignatureFault> {
    check_host(request)?;
    if let Some(header) = single_header(request, "authorization")? {
        return claim_from_header(request, header);
    }
    let parameters = signed_parameters(request)?;
    let has = |name: &str| parameters.contains_key(name);
    let read = if has("SecretId") {
        tencent_v1::claim
    } else if has("AccessKeyId") || has("SignatureNonce") || has("SignatureVersion") {
        rpc_v1::claim
    } else if has("Signature") {
        tencent_v1::claim
    } else {
        return Err(SignatureFault::Unsigned);
    };
    check_body_is_signed(request)?;
    let claim = read(parameters)?;
    // The text to sign of this scheme says "/" whatever the path is.
    if claim.scheme == Scheme::RpcV1 && request.path() != "/" {
        return Err(SignatureFault::Malformed {
            part: "path",
            reason: "not /",
        });
    }
    Ok(claim)
}

fn claim_from_header(request: &WireRequest, header: &str) -> Result<Claim, SignatureFault> {
    let scheme = match algorithm(header) {
        "ACS3-HMAC-SHA256" => Scheme::Acs3,
        "TC3-HMAC-SHA256" => Scheme::Tc3,
        "JDCLOUD2-HMAC-SHA256" => Scheme::JdCloud2,
        "JDCLOUD3-HMAC-SHA256" => Scheme::JdCloud3,
        other => return Err(unsupported(other)),
    };
    let authorization = Authorization::parse(header)?;
    match scheme.vendor() {
        super::Vendor::Alibaba => acs3::claim(request, authorization),
        super::Vendor::Tencent => tc3::claim(request, authorization),
        super::Vendor::JdCloud => jdcloud::claim(request, scheme, authorization),
    }
}

/// A proxy's client names its host twice. If the two differ, one of them was changed on the way, and
/// only the header is signed.
fn check_host(request: &WireRequest) -> Result<(), SignatureFault> {
    let host = single_header(request, "host")?;
    match (request.authority(), host) {
        (None, None) => Err(SignatureFault::Missing { name: "Host" }),
        (Some(authority), Some(host)) if !same_host(authority, host) => {
            Err(SignatureFault::HostConflict)
        }
        _ => Ok(()),
    }
}

fn same_host(authority: &str, host: &str) -> bool {
    let bare = |text: &str| {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        match split_port(text) {
            Some((name, "80" | "443")) => name.to_ascii_lowercase(),
            _ => text.to_ascii_lowercase(),
        }
    };
    bare(authority) == bare(host)
}

/// Refuses a text that is longer than its bound.
pub(super) fn check_length(
    name: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<(), SignatureFault> {
    if text.len() > bytes_max {
        return Err(SignatureFault::TooLong { name, bytes_max });
    }
    Ok(())
}

/// A text that has to be there, not empty, and within its bound.
pub(super) fn required<'a>(
    value: Option<&'a str>,
    name: &'static str,
    bytes_max: usize,
) -> Result<&'a str, SignatureFault> {
    let value = value
        .filter(|value| !value.is_empty())
        .ok_or(SignatureFault::Missing { name })?;
    check_length(name, value, bytes_max)?;
    Ok(value)
}
