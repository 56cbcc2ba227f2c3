//! Replay of recorded requests: whole, and with single bytes changed.
//!
//! A golden file holds one JSON object a line: a request that a vendor's client really sent, the fake
//! credentials that signed it, and the clock at that moment. [`replay`] asks a verdict for the
//! request as recorded, which has to be accepted, and then for the request with one byte changed, at
//! each place that the signature covers: target, covered headers, `Authorization`, body, secret. Each
//! change has to be refused, unless it leaves the canonical request as it was; such changes are
//! counted by kind, so that a reader can judge each kind.
//!
//! The verdict is the caller's: the pure one of [`signature_verdict`], or a whole server's.
//!
//! ```
//! use brokerage_testkit::golden::{self, Flips};
//!
//! let text = include_str!("../../cloud-jd/golden/jdcloud.jsonl");
//! let line = golden::parse(text).next().expect("the file has lines")?;
//! let report = golden::replay(&line, &Flips::sample(97), golden::signature_verdict)?;
//! assert!(report.passed(), "{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;

use brokerage_wire::WireRequest;
use brokerage_wire::message::WireFault;
use brokerage_wire::signing::{self, SignatureFault, Stages};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use crate::CLOUDS;

/// How many accepted changes a report lists one by one; the rest is only counted.
pub const HOLES_LISTED_MAX: usize = 20;

/// One recorded request.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldenLine {
    /// What was called, and by whom.
    pub name: String,
    /// The client's package and version.
    #[serde(default, deserialize_with = "text_or_null")]
    pub client: String,
    /// The fake access key.
    pub access_key_id: String,
    /// Its secret.
    #[serde(deserialize_with = "secret")]
    pub secret: SecretString,
    /// The token of fake temporary credentials, where the file names it.
    #[serde(default, deserialize_with = "optional_secret")]
    pub session_token: Option<SecretString>,
    /// When the request was signed, seconds since 1970 UTC.
    pub clock: i64,
    /// [`signing::Scheme::name`] of the scheme.
    pub scheme: String,
    /// The operation.
    #[serde(default, deserialize_with = "text_or_null")]
    pub action: String,
    /// The API version.
    #[serde(default, deserialize_with = "text_or_null")]
    pub version: String,
    /// The request as it was on the wire.
    pub request: GoldenRequest,
    /// The canonical request, recomputed by an implementation of its own.
    #[serde(default)]
    pub canonical_request: Option<String>,
    /// The text to sign, likewise.
    #[serde(default)]
    pub string_to_sign: Option<String>,
    /// The signature, likewise.
    #[serde(default)]
    pub signature: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

/// A request as it was on the wire.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldenRequest {
    /// HTTP method.
    pub method: String,
    /// Target as on the request line.
    pub target: String,
    /// Headers in wire order, spelling kept.
    pub headers: Vec<(String, String)>,
    /// Body, UTF-8.
    #[serde(default, deserialize_with = "text_or_null")]
    pub body: String,
}

/// The credentials that a verdict has to assume as registered.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The access key id.
    pub access_key_id: String,
    /// Its secret; changed by some replays.
    pub secret: SecretString,
    /// The session token, if the request carries one.
    pub session_token: Option<SecretString>,
}

/// What was decided about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its caller is who he says.
    Accepted,
    /// Its caller is not, or the request is none.
    Refused {
        /// The vendor's code.
        code: String,
    },
}

/// Why a line cannot be replayed at all.
#[derive(Debug, thiserror::Error)]
pub enum GoldenFault {
    /// Not an object of the expected form.
    #[error("line {line} is not a golden request")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Not a request that HTTP can carry.
    #[error("{name} is not a request that HTTP can carry: {reason}")]
    Request {
        /// [`GoldenLine::name`].
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The recorded request itself is not authenticated.
    #[error("{name} is not authenticated")]
    Signature {
        /// [`GoldenLine::name`].
        name: String,
        /// Why not.
        #[source]
        source: SignatureFault,
    },
}

/// Reads a golden file; empty lines are skipped.
pub fn parse(text: &str) -> impl Iterator<Item = Result<GoldenLine, GoldenFault>> + '_ {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| GoldenFault::Line {
                line: index + 1,
                source,
            })
        })
}

impl GoldenLine {
    /// The request as a listener would hand it over.
    ///
    /// # Errors
    /// [`GoldenFault::Request`] if HTTP cannot carry it.
    pub fn wire_request(&self) -> Result<WireRequest, GoldenFault> {
        let fault = |reason: String| GoldenFault::Request {
            name: self.name.clone(),
            reason,
        };
        let method = Method::from_bytes(self.request.method.as_bytes())
            .map_err(|error| fault(error.to_string()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| fault(error.to_string()))?;
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|error| fault(error.to_string()))?;
            headers.append(name, value);
        }
        let body = Bytes::from(self.request.body.clone());
        WireRequest::new(method, self.request.target.as_str(), headers, body)
            .map_err(|error| fault(error.to_string()))
    }

    /// The credentials to register before a replay. The session token is the line's, else the one
    /// that the request itself carries, in the first form that the scheme allows.
    ///
    /// # Errors
    /// [`GoldenFault`] if the request cannot be read.
    pub fn credential(&self) -> Result<Credential, GoldenFault> {
        let claim = self.claim(&self.wire_request()?)?;
        let carried = || claim.session_token.as_ref()?.forms().into_iter().next();
        Ok(Credential {
            access_key_id: self.access_key_id.clone(),
            secret: self.secret.clone(),
            session_token: self.session_token.clone().or_else(carried),
        })
    }

    /// Our own stages of the recorded signature, to be compared with the recorded ones.
    ///
    /// # Errors
    /// [`GoldenFault`] if the request is not authenticated.
    pub fn stages(&self) -> Result<Stages, GoldenFault> {
        let request = self.wire_request()?;
        let claim = self.claim(&request)?;
        signing::stages(&request, &claim, &self.secret).map_err(|source| self.signature(source))
    }

    fn claim(&self, request: &WireRequest) -> Result<signing::Claim, GoldenFault> {
        CLOUDS
            .claim(request)
            .map_err(|source| self.signature(source))
    }

    fn signature(&self, source: SignatureFault) -> GoldenFault {
        GoldenFault::Signature {
            name: self.name.clone(),
            source,
        }
    }
}

/// The verdict of the signature alone, without a server: claim, access key, clock, signature. Its
/// codes are [`SignatureFault::kind`].
#[must_use]
pub fn signature_verdict(request: &WireRequest, credential: &Credential, clock_s: i64) -> Verdict {
    let refused = |code: &str| Verdict::Refused {
        code: code.to_owned(),
    };
    let claim = match CLOUDS.claim(request) {
        Ok(claim) => claim,
        Err(fault) => return refused(fault.kind()),
    };
    if claim.access_key_id != credential.access_key_id {
        return refused("unknown_access_key");
    }
    let token_matches = match (&claim.session_token, &credential.session_token) {
        (Some(claimed), Some(issued)) => claimed.matches(issued),
        (claimed, issued) => claimed.is_none() && issued.is_none(),
    };
    if !token_matches {
        return refused("session_token");
    }
    let verdict = signing::check_clock(&claim, clock_s)
        .and_then(|()| signing::verify(request, &claim, &credential.secret));
    match verdict {
        Ok(()) => Verdict::Accepted,
        Err(fault) => refused(fault.kind()),
    }
}

/// Which bytes are changed, and how.
#[derive(Debug, Clone)]
pub struct Flips {
    masks: Vec<u8>,
    stride: usize,
}

impl Flips {
    /// Every byte, its lowest bit and its case bit.
    #[must_use]
    pub fn every_byte() -> Self {
        Self {
            masks: vec![0x01, 0x20],
            stride: 1,
        }
    }

    /// Every bit of every byte.
    #[must_use]
    pub fn every_bit() -> Self {
        Self {
            masks: (0..u8::BITS).map(|bit| 1 << bit).collect(),
            stride: 1,
        }
    }

    /// Every bit, of each `stride`-th byte of each part.
    #[must_use]
    pub fn sample(stride: usize) -> Self {
        Self {
            stride: stride.max(1),
            ..Self::every_bit()
        }
    }

    /// The changes of one part: offset, byte before, byte after.
    fn of<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, u8, u8)> + 'a {
        let places = bytes.iter().copied().enumerate().step_by(self.stride);
        places.flat_map(|(offset, byte)| {
            self.masks
                .iter()
                .map(move |mask| (offset, byte, byte ^ mask))
        })
    }
}

/// A part of the request, or the secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The request target.
    Target,
    /// A header's value; the name in lower case.
    Header(String),
    /// The body.
    Body,
    /// The secret that is registered.
    Secret,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => f.write_str("target"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Body => f.write_str("body"),
            Self::Secret => f.write_str("secret"),
        }
    }
}

/// Why an accepted change leaves the canonical request as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoEffect {
    /// The same text in another spelling, such as `%2b` for `%2B`: the request means the same.
    Spelling,
    /// The vendor's scheme does not cover this place in this request, such as a body that was sent
    /// as unsigned payload.
    NotCovered,
}

impl fmt::Display for NoEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spelling => "another spelling",
            Self::NotCovered => "not covered by the scheme",
        })
    }
}

/// A change that was accepted although it changes the canonical request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// Where.
    pub part: Part,
    /// Which byte, counted from 0.
    pub offset: usize,
    /// The byte as recorded.
    pub from: u8,
    /// The byte as accepted.
    pub to: u8,
}

/// The outcome of one line.
#[derive(Debug, Clone)]
pub struct GoldenReport {
    /// [`GoldenLine::name`].
    pub name: String,
    /// The verdict about the request as recorded.
    pub recorded: Verdict,
    /// How many changes were tried.
    pub flips: u64,
    /// Changes that the verdict refused, by part and code.
    pub refused: BTreeMap<(Part, String), u64>,
    /// Changes after which the request is no valid HTTP, so that no verdict was asked.
    pub refused_by_transport: BTreeMap<Part, u64>,
    /// Accepted changes that leave the canonical request as it was.
    pub without_effect: BTreeMap<(Part, NoEffect), u64>,
    /// Accepted changes that do not: failures. The first [`HOLES_LISTED_MAX`].
    pub holes: Vec<Hole>,
    /// All of them, counted.
    pub holes_count: u64,
    /// Changes refused without any code: failures.
    pub refused_without_code_count: u64,
}

impl GoldenReport {
    /// Whether the line was accepted as recorded, and each change refused or without effect.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.recorded == Verdict::Accepted
            && self.holes_count == 0
            && self.refused_without_code_count == 0
    }

    /// How many changes were refused, by verdict or by transport.
    #[must_use]
    pub fn refused_count(&self) -> u64 {
        self.refused.values().sum::<u64>() + self.refused_by_transport.values().sum::<u64>()
    }

    /// How many changes were without effect.
    #[must_use]
    pub fn without_effect_count(&self) -> u64 {
        self.without_effect.values().sum()
    }
}

impl fmt::Display for GoldenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.passed() { "passed" } else { "FAILED" };
        write!(
            f,
            "{outcome} {}: {} changes, {} refused, {} without effect",
            self.name,
            self.flips,
            self.refused_count(),
            self.without_effect_count()
        )?;
        for ((part, reason), count) in &self.without_effect {
            write!(f, "\n  without effect: {part}, {reason}: {count}")?;
        }
        if let Verdict::Refused { code } = &self.recorded {
            write!(f, "\n  refused as recorded: {code}")?;
        }
        for hole in &self.holes {
            write!(
                f,
                "\n  accepted: {} at {}: {:#04x} for {:#04x}",
                hole.part, hole.offset, hole.to, hole.from
            )?;
        }
        let unlisted = self.holes_count - self.holes.len() as u64;
        if unlisted > 0 {
            write!(f, "\n  accepted: {unlisted} more")?;
        }
        if self.refused_without_code_count > 0 {
            write!(
                f,
                "\n  refused without a code: {}",
                self.refused_without_code_count
            )?;
        }
        Ok(())
    }
}

/// Replays one line: as recorded, then with single bytes changed.
///
/// `verdict` is asked with the request, the credentials that it has to assume as registered, and the
/// time at which it has to freeze its clock, in seconds since 1970 UTC. It is asked many times with
/// one nonce and must not remember nonces in between.
///
/// # Errors
/// [`GoldenFault`] if the line cannot be replayed at all.
pub fn replay(
    line: &GoldenLine,
    flips: &Flips,
    verdict: impl FnMut(&WireRequest, &Credential, i64) -> Verdict,
) -> Result<GoldenReport, GoldenFault> {
    let request = line.wire_request()?;
    let claim = line.claim(&request)?;
    let stages = line.stages()?;
    let mut replay = Replay {
        original: &request,
        signed: (
            line.canonical_request
                .clone()
                .unwrap_or(stages.canonical_request),
            line.string_to_sign.clone().unwrap_or(stages.string_to_sign),
        ),
        credential: line.credential()?,
        clock_s: line.clock,
        verdict,
        report: GoldenReport {
            name: line.name.clone(),
            recorded: Verdict::Accepted,
            flips: 0,
            refused: BTreeMap::new(),
            refused_by_transport: BTreeMap::new(),
            without_effect: BTreeMap::new(),
            holes: Vec::new(),
            holes_count: 0,
            refused_without_code_count: 0,
        },
    };
    replay.report.recorded = (replay.verdict)(&request, &replay.credential, line.clock);
    replay.flip_target(flips);
    for name in claim.covered_headers() {
        replay.flip_header(flips, name);
    }
    replay.flip_header(flips, "authorization");
    replay.flip_body(flips);
    replay.flip_secret(flips);
    Ok(replay.report)
}

struct Replay<'a, V> {
    original: &'a WireRequest,
    /// Canonical request and text to sign of the recorded request.
    signed: (String, String),
    credential: Credential,
    clock_s: i64,
    verdict: V,
    report: GoldenReport,
}

/// One changed byte.
#[derive(Clone, Copy)]
struct Flip {
    offset: usize,
    from: u8,
    to: u8,
}

impl<V: FnMut(&WireRequest, &Credential, i64) -> Verdict> Replay<'_, V> {
    fn flip_target(&mut self, flips: &Flips) {
        let target = self.original.target().as_bytes().to_vec();
        for (flip, changed) in changes(flips, &target) {
            self.judge(Part::Target, flip, retargeted(self.original, changed));
        }
    }

    fn flip_header(&mut self, flips: &Flips, name: &str) {
        let Some(value) = self.original.headers().get(name) else {
            return;
        };
        let (Ok(name), value) = (HeaderName::try_from(name), value.as_bytes().to_vec()) else {
            return;
        };
        for (flip, changed) in changes(flips, &value) {
            let changed = HeaderValue::from_bytes(&changed).ok();
            let request =
                changed.map(|value| self.original.clone().with_header(name.clone(), value));
            self.judge(Part::Header(name.as_str().to_owned()), flip, request);
        }
    }

    fn flip_body(&mut self, flips: &Flips) {
        let body = self.original.body().to_vec();
        for (flip, changed) in changes(flips, &body) {
            let request = self.original.clone().with_body(changed);
            self.judge(Part::Body, flip, Some(request));
        }
    }

    fn flip_secret(&mut self, flips: &Flips) {
        let secret = self.credential.secret.clone();
        for (flip, changed) in changes(flips, secret.expose_secret().as_bytes()) {
            // Secrets are text; a change that leaves none cannot be registered.
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            self.credential.secret = SecretString::from(changed);
            self.report.flips += 1;
            match (self.verdict)(self.original, &self.credential, self.clock_s) {
                Verdict::Refused { code } => self.count_refused(Part::Secret, code),
                Verdict::Accepted => self.count_hole(Part::Secret, flip),
            }
        }
        self.credential.secret = secret;
    }

    fn judge(&mut self, part: Part, flip: Flip, changed: Option<WireRequest>) {
        self.report.flips += 1;
        let Some(changed) = changed else {
            *self.report.refused_by_transport.entry(part).or_default() += 1;
            return;
        };
        match (self.verdict)(&changed, &self.credential, self.clock_s) {
            Verdict::Refused { code } => self.count_refused(part, code),
            Verdict::Accepted if self.is_signed_alike(&changed) => {
                let reason = self.no_effect(&changed);
                *self
                    .report
                    .without_effect
                    .entry((part, reason))
                    .or_default() += 1;
            }
            Verdict::Accepted => self.count_hole(part, flip),
        }
    }

    fn count_refused(&mut self, part: Part, code: String) {
        if code.is_empty() {
            self.report.refused_without_code_count += 1;
        }
        *self.report.refused.entry((part, code)).or_default() += 1;
    }

    fn count_hole(&mut self, part: Part, flip: Flip) {
        self.report.holes_count += 1;
        if self.report.holes.len() < HOLES_LISTED_MAX {
            self.report.holes.push(Hole {
                part,
                offset: flip.offset,
                from: flip.from,
                to: flip.to,
            });
        }
    }

    /// Whether a changed request still has the recorded text to sign among its forms.
    fn is_signed_alike(&self, changed: &WireRequest) -> bool {
        CLOUDS
            .claim(changed)
            .and_then(|claim| signing::candidates(changed, &claim))
            .is_ok_and(|forms| forms.contains(&self.signed))
    }

    fn no_effect(&self, changed: &WireRequest) -> NoEffect {
        match (meaning(self.original), meaning(changed)) {
            (Some(before), Some(after)) if before == after => NoEffect::Spelling,
            _ => NoEffect::NotCovered,
        }
    }
}

fn changes<'a>(flips: &'a Flips, bytes: &'a [u8]) -> impl Iterator<Item = (Flip, Vec<u8>)> + 'a {
    flips.of(bytes).map(|(offset, from, to)| {
        let mut changed = bytes.to_vec();
        changed[offset] = to;
        (Flip { offset, from, to }, changed)
    })
}

/// The request with another target, if HTTP carries such a target.
fn retargeted(request: &WireRequest, target: Vec<u8>) -> Option<WireRequest> {
    let target = String::from_utf8(target).ok()?;
    let uri: http::Uri = target.parse().ok()?;
    let carried: Result<WireRequest, WireFault> = request.clone().with_target(uri.to_string());
    carried.ok()
}

/// What a server reads from a request, apart from its spelling.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    path: String,
    query: Vec<signing::Pair>,
    form: Option<Vec<signing::Pair>>,
    body: Option<Bytes>,
    headers: Vec<(String, String)>,
}

fn meaning(request: &WireRequest) -> Option<Meaning> {
    let sorted = |raw: &str| {
        let mut pairs = signing::decode_pairs(raw).ok()?;
        pairs.sort();
        Some(pairs)
    };
    let form = if request.has_form_body() {
        Some(sorted(std::str::from_utf8(request.body()).ok()?)?)
    } else {
        None
    };
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let words: Vec<&str> = std::str::from_utf8(value.as_bytes())
            .ok()?
            .split(' ')
            .collect();
        let words = words.into_iter().filter(|word| !word.is_empty());
        let value = words.collect::<Vec<_>>().join(" ");
        // Hosts mean the same in any case; nothing else does.
        let value = if name == http::header::HOST {
            value.to_ascii_lowercase()
        } else {
            value
        };
        Some((name.as_str().to_owned(), value))
    };
    Some(Meaning {
        path: signing::decode_path(request.path()).ok()?,
        query: sorted(request.raw_query().unwrap_or_default())?,
        body: form.is_none().then(|| request.body().clone()),
        form,
        headers: request
            .headers()
            .iter()
            .map(header)
            .collect::<Option<_>>()?,
    })
}
