//! What a request says of its caller, before anything is believed.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::authorization::{Authorization, algorithm, unsupported};
use super::canonical::{
    check_body_is_signed, sha256_hex, signed_parameters, single_header, split_port,
};
use super::{Marks, ReplayRule, Scheme, SignatureFault};
use crate::message::WireRequest;

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
    pub scheme: &'static Scheme,
    /// Whose secret has to verify it.
    pub access_key_id: String,
    /// The token of temporary credentials.
    pub session_token: Option<SessionTokenClaim>,
    /// The caller's nonce, where the scheme has one.
    pub nonce: Option<String>,
    /// Time of signing, seconds since 1970 UTC.
    pub signed_at_s: i64,
    /// The operation, where the scheme names one. Not every scheme signs it.
    pub action: Option<String>,
    /// The API version, as [`Claim::action`].
    pub version: Option<String>,
    /// Region and service of the credential, where the scheme has a scope.
    pub scope: Option<CredentialScope>,
    /// The signature, as it was sent.
    pub signature: String,
    /// What is needed again to verify it.
    pub evidence: Evidence,
}

/// What a credential is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope {
    /// Day of signing, as the scheme writes it.
    pub date: String,
    /// The region, where the scope has one.
    pub region: Option<String>,
    /// The service, as the client derived it from its endpoint. A hint only: some clients write the
    /// first label of the host.
    pub service: String,
}

/// What was read once and is needed again to verify.
#[derive(Clone)]
pub enum Evidence {
    /// Schemes that sign parameters: all of them, by name.
    Parameters(BTreeMap<String, String>),
    /// Schemes that sign a canonical request.
    Headers {
        /// The names of the headers that the request lists as signed.
        signed: Vec<String>,
        /// The time of signing, as it was sent.
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
    ///
    /// # Errors
    /// [`SignatureFault::TooLong`].
    pub fn plain(wire: &str) -> Result<Self, SignatureFault> {
        Self::bounded(wire, false)
    }

    /// A token sent as it is, or base64-encoded, where a vendor's clients differ.
    ///
    /// # Errors
    /// [`SignatureFault::TooLong`].
    pub fn plain_or_base64(wire: &str) -> Result<Self, SignatureFault> {
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
    /// [`Scheme::replay`] has nothing to remember.
    #[must_use]
    pub fn replay_key(&self) -> Option<String> {
        let ReplayRule::Once {
            nonce_is_signed, ..
        } = self.scheme.replay
        else {
            return None;
        };
        let nonce = self.nonce.as_ref()?;
        Some(match nonce_is_signed {
            true => nonce.clone(),
            false => format!("{nonce}:{}", self.signature),
        })
    }

    /// The signature, where it does not cover the nonce of [`Claim::replay_key`]: whoever has seen one such call can
    /// name others with it.
    #[must_use]
    pub fn reusable_signature(&self) -> Option<&str> {
        let is_reusable = matches!(
            self.scheme.replay,
            ReplayRule::Once {
                nonce_is_signed: false,
                ..
            }
        );
        is_reusable.then_some(self.signature.as_str())
    }

    /// What to remember of a call that changes something, so that one signature changes something once: for schemes
    /// whose signature covers no nonce.
    #[must_use]
    pub fn signature_key(&self) -> Option<String> {
        let is_covered = matches!(
            self.scheme.replay,
            ReplayRule::Once {
                nonce_is_signed: true,
                ..
            }
        );
        (!is_covered).then(|| format!("signature:{}", self.signature))
    }

    /// The headers whose change the signature must notice, in lower case: those listed as signed,
    /// and those that enter the text to sign in another way.
    #[must_use]
    pub fn covered_headers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.evidence {
            Evidence::Parameters(_) => Vec::new(),
            Evidence::Headers { signed, .. } => signed.iter().map(String::as_str).collect(),
        };
        for name in self.scheme.covers {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names
    }
}

/// Finds the signature scheme of a request among some, and reads the caller's claim.
///
/// An `Authorization` header decides by its first word; without one the names of the parameters do: those of which
/// a scheme is sure, in the order of the schemes, then those that it claims where none is sure.
///
/// # Errors
/// [`SignatureFault`]: everything that is known without the secret, in the order in which a
/// caller would want to know it.
pub fn claim(
    request: &WireRequest,
    schemes: impl IntoIterator<Item = &'static Scheme, IntoIter: Clone>,
) -> Result<Claim, SignatureFault> {
    let claim = head_claim(request, schemes)?;
    if let Some(name) = claim.scheme.declared_hash
        && single_header(request, name)? != Some(sha256_hex(request.body()).as_str())
    {
        return Err(SignatureFault::PayloadHash);
    }
    Ok(claim)
}

/// As [`claim`], of a request whose body is not there yet.
///
/// # Errors
/// As [`claim`], but for what the body alone can tell.
pub fn head_claim(
    request: &WireRequest,
    schemes: impl IntoIterator<Item = &'static Scheme, IntoIter: Clone>,
) -> Result<Claim, SignatureFault> {
    let schemes = schemes.into_iter();
    check_host(request)?;
    if let Some(header) = single_header(request, "authorization")? {
        return claim_from_header(request, header, schemes);
    }
    let parameters = signed_parameters(request)?;
    let has = |names: &[&str]| names.iter().any(|name| parameters.contains_key(*name));
    let by_parameters = |scheme: &'static Scheme| match scheme.marks {
        Marks::Parameters {
            sure,
            likely,
            claim,
        } => Some((sure, likely, claim)),
        Marks::Header(_) => None,
    };
    let marks = schemes.filter_map(by_parameters);
    let sure = marks.clone().find(|(sure, ..)| has(sure));
    let found = sure.or_else(|| marks.clone().find(|(_, likely, _)| has(likely)));
    let (.., claim) = found.ok_or(SignatureFault::Unsigned)?;
    check_body_is_signed(request)?;
    claim(request, parameters)
}

fn claim_from_header(
    request: &WireRequest,
    header: &str,
    mut schemes: impl Iterator<Item = &'static Scheme>,
) -> Result<Claim, SignatureFault> {
    let algorithm = algorithm(header);
    let found = schemes.find_map(|scheme| match scheme.marks {
        Marks::Header(claim) if scheme.name == algorithm => Some((scheme, claim)),
        _ => None,
    });
    let (scheme, claim) = found.ok_or_else(|| unsupported(algorithm))?;
    claim(scheme, request, Authorization::parse(header)?)
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
///
/// # Errors
/// [`SignatureFault::TooLong`].
pub fn check_length(
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
///
/// # Errors
/// [`SignatureFault::Missing`], [`SignatureFault::TooLong`].
pub fn required<'a>(
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
