//! What every cloud's dialect is made of, and no cloud: the gateway and its steps, operations and their tables,
//! parameters, rendering, and the primitives of signatures.
//!
//! A cloud is one value, [`Cloud`], in a crate of its own. Nothing here names one: the composition root hands them
//! over as [`Clouds`]. This crate works on the types of `http` and `bytes` only: it opens no socket, reads no clock
//! and draws no chance, so that every rule here is tested without a server.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`gateway`] | the steps that every call takes, in order |
//! | [`cloud`] | what a cloud is: its wire, schemes, services, client and purchases |
//! | [`operation`] | what an operation is, and the tables of them |
//! | [`fault`] | refusals in a vendor's words |
//! | [`message`] | a request and an answer as they are on the wire |
//! | [`signing`] | what a signature scheme is, and what all of them share |
//! | [`page`] | a page of a list |
//! | [`params`] | every transport of parameters as one tree, and its typed reading |
//! | [`render`] | answers as JSON or XML |
//! | [`client`] | genuine vendor requests, for our own command line, tests and benchmarks |

pub mod client;
pub mod cloud;
pub mod fault;
pub mod gateway;
pub mod language;
pub mod message;
pub mod operation;
pub mod page;
pub mod params;
pub mod render;
pub mod signing;

pub use cloud::{Cloud, Clouds};
pub use message::{WireRequest, WireResponse};
