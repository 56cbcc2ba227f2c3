//! Alibaba Cloud: AliKafka, the order system BSS as far as it sells Kafka, and as much of VPC as its buyers ask.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`CLOUD`] | the cloud as one value |
//! | [`wire`], [`fault`], [`signing`], [`client`] | what its services share: requests and answers, refusals, signatures, how its clients call |
//! | [`alikafka`], [`bss`], [`vpc`] | one service a folder |

pub mod alikafka;
pub mod bss;
pub mod client;
mod cloud;
pub mod fault;
mod language;
pub mod signing;
pub mod vpc;
pub mod wire;

pub use cloud::{CLOUD, SERVICES, Service, Success, plain_envelope};
