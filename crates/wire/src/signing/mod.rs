//! Signatures: one canonical form per scheme, used to sign and to verify.
//!
//! A scheme is one value, [`Scheme`], in its cloud's crate: how a request of it is recognised, what it claims, what
//! is signed, with which key, and how a client dresses a request. Here stands what all of them share.
//!
//! Verification takes two steps, because the secret is looked up in between:
//!
//! 1. [`claim`] finds the scheme and reads what the caller says of himself: access key, session
//!    token, time, nonce. Nothing of it is believed yet.
//! 2. [`check_clock`] holds the time against the scheme's window, and [`verify`] recomputes the
//!    signature with the secret of that access key, in constant time.
//!
//! What remains is the replay: [`Scheme::replay`] says which schemes have a nonce to remember,
//! and [`Claim::replay_key`] what to remember it by.
//!
//! [`sign`] runs the same canonical form the other way round, so that our own client cannot drift
//! away from the server. The rules of each scheme, with the vendor's page titles, stand at the head
//! of its module.

pub mod authorization;
pub mod canonical;
mod claim;
mod fault;
mod scheme;
mod sign;
pub mod timestamp;
mod verify;

pub use authorization::Authorization;
pub use canonical::{
    Canonical, PARAMETERS_MAX, Pair, decode_pairs, decode_pairs_with_equals, decode_path,
    encode_component, encode_pairs,
};
pub use claim::{
    ACCESS_KEY_ID_BYTES_MAX, Claim, CredentialScope, Evidence, NONCE_BYTES_MAX,
    SESSION_TOKEN_BYTES_MAX, SessionTokenClaim, check_length, claim, head_claim, required,
};
pub use fault::SignatureFault;
pub use scheme::{Canonicals, Digest, Encoding, Marks, ReplayRule, Scheme, derived_key};
pub use sign::{
    Credentials, Dresser, SigningMoment, SigningScope, add_parameters, sign, with_content_type,
    with_header,
};
pub use verify::{Stages, candidates, check_clock, stages, verify};
