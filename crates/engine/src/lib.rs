//! The contract between the control plane and whatever runs real Kafka.
//!
//! An engine is given what *should* be ([`ClusterSpec`]) and makes it so, any number of times; it is asked what
//! *is* ([`ClusterObservation`]). It knows nothing of money, orders or vendors. [`fake`] is an engine with
//! scripted faults for tests; [`conformance`] is the suite that every engine passes.

pub mod cluster;
pub mod conformance;
pub mod fake;

pub use cluster::{
    ClusterDetails, ClusterObservation, ClusterSpec, Counter, Engine, EngineError,
    GroupObservation, Listener, ProducerObservation, RebalanceObservation, TopicObservation,
    UserObservation,
};
