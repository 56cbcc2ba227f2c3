//! The vendors' dialects: everything that knows how Alibaba Cloud, Tencent Cloud and JD Cloud speak.
//!
//! A dialect turns a vendor's signed request into one call on the control plane, and its answer back
//! into the vendor's words. This crate works on the types of `http` and `bytes` only: it opens no
//! socket, reads no clock and draws no chance, so that every rule here is tested without a server.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`wire`] | a request and an answer as they are on the wire |
//! | [`signing`] | every vendor signature: one canonical form, used to sign and to verify |
//! | [`params`] | every transport of parameters as one tree, and its typed reading |
//! | [`render`] | answers as JSON or XML |
//! | [`client`] | genuine vendor requests, for our own command line |
//! | [`golden`] | replay of recorded requests, whole and with single bytes changed |

pub mod client;
pub mod golden;
pub mod params;
pub mod render;
pub mod signing;
pub mod wire;
