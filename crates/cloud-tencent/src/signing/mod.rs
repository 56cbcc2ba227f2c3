//! Tencent Cloud's signatures. Its clients draw nonces from a small range and repeat them honestly, so that the clock
//! window alone limits a replay; at listeners that others may read, a signature changes something once
//! (`brokerage_wire::gateway`).

mod tc3;
mod v1;

pub use tc3::TC3;
pub use v1::{V1_SHA1, V1_SHA256};

/// The vendor's "AuthFailure.SignatureExpire": 5 minutes.
const CLOCK_WINDOW_S: i64 = 5 * 60;
