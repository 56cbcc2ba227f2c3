//! The vendors' dialects: everything that knows how Alibaba Cloud, Tencent Cloud and JD Cloud speak.
//!
//! A dialect turns a vendor's signed request into one call on the control plane, and its answer back
//! into the vendor's words. This crate works on the types of `http` and `bytes` only: it opens no
//! socket, reads no clock and draws no chance, so that every rule here is tested without a server.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`gateway`] | the steps that every call takes, in order |
//! | [`vendor`] | what differs between clouds on the wire, and the list of clouds |
//! | [`operation`] | what an operation is, and the tables of them |
//! | [`alikafka`], [`bss`], [`ckafka`], [`jdkafka`] | one dialect a folder; [`aliyun`] is what two of them share |
//! | [`fault`] | refusals in a vendor's words |
//! | [`wire`] | a request and an answer as they are on the wire |
//! | [`signing`] | every vendor signature: one canonical form, used to sign and to verify |
//! | [`params`] | every transport of parameters as one tree, and its typed reading |
//! | [`render`] | answers as JSON or XML |
//! | [`client`] | genuine vendor requests, for our own command line |
//! | [`golden`] | replay of recorded requests, whole and with single bytes changed |

pub mod alikafka;
pub mod aliyun;
pub mod bss;
pub mod ckafka;
pub mod client;
pub mod fault;
pub mod gateway;
pub mod golden;
pub mod jdkafka;
pub mod operation;
pub mod params;
pub mod render;
pub mod signing;
pub mod vendor;
pub mod wire;
