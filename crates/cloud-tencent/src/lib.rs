//! Tencent Cloud: CKafka, and as much of its tag and network services as CKafka's clients ask.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`CLOUD`] | the cloud as one value |
//! | [`wire`], [`fault`], [`signing`], [`client`] | what its services share: requests and answers, refusals, signatures, how its clients call |
//! | [`ckafka`], [`tag`], [`vpc`] | one service a folder |

pub mod ckafka;
pub mod client;
mod cloud;
pub mod fault;
mod language;
pub mod signing;
pub mod tag;
pub mod vpc;
pub mod wire;

pub use cloud::CLOUD;
