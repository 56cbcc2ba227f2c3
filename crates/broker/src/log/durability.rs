//! What an acknowledgement promises.

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives loss of power: a group `fsync` comes before the acknowledgement.
    Power,
    /// Survives the process being killed: the data is with the operating system, and is flushed later.
    Process,
}
