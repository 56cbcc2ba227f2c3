//! JD Cloud: JCS for Kafka, and as much of VPC as its buyers need to find a subnet.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`CLOUD`] | the cloud as one value |
//! | [`wire`], [`route`], [`fault`], [`signing`], [`client`] | what its services share: requests and answers, paths, refusals, signatures, how its clients call |
//! | [`kafka`], [`vpc`] | one service a folder |

pub mod client;
mod cloud;
pub mod fault;
pub mod kafka;
mod language;
pub mod route;
pub mod signing;
pub mod vpc;
pub mod wire;

pub use cloud::CLOUD;
