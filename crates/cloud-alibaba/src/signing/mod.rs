//! Alibaba Cloud's signatures.

mod acs3;
mod rpc_v1;

use brokerage_wire::signing::ReplayRule;

pub use acs3::ACS3;
pub use rpc_v1::RPC_V1;

/// The vendor's page on common errors, "InvalidTimeStamp.Expired": 15 minutes.
const CLOCK_WINDOW_S: i64 = 15 * 60;
/// Nonces are signed. The window is open to either side; one minute more lets both edges close.
const REPLAY: ReplayRule = ReplayRule::Once {
    remember_s: 2 * CLOCK_WINDOW_S + 60,
    nonce_is_signed: true,
};
