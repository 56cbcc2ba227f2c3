//! A signature scheme as one value: plain facts, and the five functions in which schemes differ.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::canonical::{Canonical, hmac_sha256};
use super::sign::Dresser;
use super::{Authorization, Claim, SignatureFault};
use crate::message::WireRequest;

/// Every form that clients of a scheme sign, the likeliest first, computed one by one.
pub type Canonicals<'a> = Box<dyn Iterator<Item = Result<Canonical, SignatureFault>> + 'a>;

/// A signature scheme.
pub struct Scheme {
    /// The name of the scheme, as the vendor writes it where he does.
    pub name: &'static str,
    /// How a request of it is recognised and read.
    pub marks: Marks,
    /// How far the time of signing may be from the server's, to either side, in seconds.
    pub clock_window_s: i64,
    /// Which nonces have to be remembered.
    pub replay: ReplayRule,
    /// What computes the signature.
    pub digest: Digest,
    /// How a signature is written.
    pub encoding: Encoding,
    /// Headers, in lower case, that enter the text to sign beside those that the request lists as signed.
    pub covers: &'static [&'static str],
    /// The header with the hex SHA-256 of the body, where the scheme signs that in the body's place.
    pub declared_hash: Option<&'static str>,
    /// The forms that its clients sign.
    pub canonicals:
        for<'a> fn(&'a WireRequest, &'a Claim) -> Result<Canonicals<'a>, SignatureFault>,
    /// The key of the HMAC: the secret itself, or what the scheme derives from it.
    pub key: fn(&Claim, &str) -> Zeroizing<Vec<u8>>,
    /// A request with everything that a client adds to it, with this text as its signature.
    pub dress: fn(&Dresser<'_>, WireRequest, &str) -> Result<WireRequest, SignatureFault>,
}

/// Reads the claim of a request with an `Authorization` header.
pub type HeaderClaim =
    fn(&'static Scheme, &WireRequest, Authorization<'_>) -> Result<Claim, SignatureFault>;

/// Reads the claim of a request that is signed among its parameters.
pub type ParameterClaim =
    fn(&WireRequest, BTreeMap<String, String>) -> Result<Claim, SignatureFault>;

/// How a request of a scheme is recognised, and what then reads it.
pub enum Marks {
    /// By the first word of the `Authorization` header, which is the scheme's name.
    Header(HeaderClaim),
    /// By the names of parameters, where no such header is.
    Parameters {
        /// Any of these belongs to the scheme.
        sure: &'static [&'static str],
        /// Any of these does where no scheme is sure.
        likely: &'static [&'static str],
        /// Reads the claim. Schemes with the same marks share it, and it finds which of them is meant.
        claim: ParameterClaim,
    },
}

/// Which nonces a server has to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayRule {
    /// None. The vendor's clients repeat nonces, or send none.
    None,
    /// The key of [`Claim::replay_key`] may come once per access key.
    Once {
        /// How long it is remembered, in seconds.
        remember_s: i64,
        /// Whether the signature covers the nonce. Where it does not, honest equal calls within one second share a
        /// signature: only both together name one call.
        nonce_is_signed: bool,
    },
}

/// What computes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// HMAC-SHA1.
    HmacSha1,
    /// HMAC-SHA256.
    HmacSha256,
}

/// How a signature is written. One signature has one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hex.
    Hex,
    /// Padded base64 whose unused bits are zero.
    Base64,
}

/// A key that is derived by one HMAC-SHA256 for each part of a scope.
#[must_use]
pub fn derived_key(prefix: &str, secret: &str, parts: &[&str]) -> Zeroizing<Vec<u8>> {
    let first = Zeroizing::new(format!("{prefix}{secret}").into_bytes());
    parts.iter().fold(first, |key, part| {
        Zeroizing::new(hmac_sha256(&key, part.as_bytes()))
    })
}

/// Names are unique over all clouds.
impl PartialEq for Scheme {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scheme {}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
