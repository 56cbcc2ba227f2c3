//! Vendor signatures: one canonical form per scheme, used to sign and to verify.
//!
//! Verification takes two steps, because the secret is looked up in between:
//!
//! 1. [`claim`] finds the scheme and reads what the caller says of himself: access key, session
//!    token, time, nonce. Nothing of it is believed yet.
//! 2. [`check_clock`] holds the time against the scheme's window, and [`verify`] recomputes the
//!    signature with the secret of that access key, in constant time.
//!
//! What remains is the replay: [`Scheme::replay_rule`] says which schemes have a nonce to remember,
//! and [`Claim::replay_key`] what to remember it by.
//!
//! [`sign`] runs the same canonical form the other way round, so that our own client cannot drift
//! away from the server. The rules of each scheme, with the vendor's page titles, stand at the head
//! of its module.

mod acs3;
mod authorization;
mod canonical;
mod claim;
mod fault;
mod jdcloud;
mod rpc_v1;
mod scheme;
mod sign;
mod tc3;
mod tencent_v1;
mod timestamp;
mod verify;

pub use canonical::{
    PARAMETERS_MAX, Pair, decode_pairs, decode_pairs_with_equals, decode_path, encode_component,
    encode_pairs,
};
pub use claim::{
    ACCESS_KEY_ID_BYTES_MAX, Claim, CredentialScope, NONCE_BYTES_MAX, SESSION_TOKEN_BYTES_MAX,
    SessionTokenClaim, claim,
};
pub use fault::SignatureFault;
pub use scheme::{ReplayRule, Scheme, Vendor};
pub use sign::{Credentials, SigningMoment, SigningScope, sign};
pub use verify::{Stages, candidates, check_clock, stages, verify};
