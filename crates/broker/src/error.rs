//! Errors of the library.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An error code of the Kafka protocol.
pub(crate) use kafka_protocol::error::ResponseError as ErrorCode;

/// Why the host could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The id is not of the form `[a-z0-9_-]+`, or longer than 128 characters.
    #[error("cluster id {id:?} is not of the form [a-z0-9_-]+ with at most 128 characters")]
    InvalidClusterId {
        /// The id as given.
        id: String,
    },
    /// No cluster of this id runs here.
    #[error("cluster {id:?} is not running")]
    ClusterNotFound {
        /// The id as given.
        id: String,
    },
    /// The cluster has no broker of this id.
    #[error("cluster {id:?} has no broker {broker_id}")]
    BrokerNotFound {
        /// The cluster.
        id: String,
        /// The broker as given.
        broker_id: i32,
    },
    /// The specification contradicts itself.
    #[error("the cluster specification is not valid: {reason}")]
    InvalidSpec {
        /// What is wrong.
        reason: String,
    },
    /// Name or password of a user cannot be used.
    #[error("the user is not valid: {reason}")]
    InvalidUser {
        /// What is wrong.
        reason: String,
    },
    /// The version that was asked for is not served.
    #[error("kafka version {version:?} is not served")]
    UnsupportedVersion {
        /// The version as given.
        version: String,
    },
    /// Somebody else listens at the address.
    #[error("address {address} is in use")]
    AddressInUse {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened at for another reason.
    #[error("cannot listen at {address}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another listener is reached by this name through the shared port.
    #[error("the shared port leads {name:?} elsewhere")]
    NameInUse {
        /// The host name.
        name: String,
    },
    /// A certificate or its key cannot be used.
    #[error("cannot use {path}: {reason}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory cannot be read or written.
    #[error("cannot use {path}", path = path.display())]
    Storage {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The metadata log of a cluster is damaged or missing, or holds something that this version does not understand.
    /// Nothing was changed; trying again does not help.
    #[error("the journal of cluster {id:?} is damaged: {reason}")]
    DamagedMetadataLog {
        /// The cluster.
        id: String,
        /// What was found.
        reason: String,
    },
}

/// Why a topic could not be created or deleted: a Kafka error code with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TopicError {
    /// Kafka's error code.
    pub code: i16,
    /// Text for people.
    pub message: String,
}

/// Longest message in bytes: it may contain what a client sent.
const MESSAGE_BYTES_MAX: usize = 1 << 10;

impl TopicError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            let mut end = MESSAGE_BYTES_MAX;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
            message.shrink_to_fit();
        }
        Self {
            code: code.code(),
            message,
        }
    }
}

impl From<ErrorCode> for TopicError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.to_string())
    }
}

/// The metadata log of a cluster cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be written")]
pub(crate) struct Unwritten(#[from] std::io::Error);

impl Unwritten {
    /// Logs the cause: clients get an error code only.
    pub(crate) fn log(&self) {
        if self.0.kind() == std::io::ErrorKind::QuotaExceeded {
            // Clients may make it happen as often as they like.
            return tracing::debug!("the metadata of a cluster is as large as it may be");
        }
        tracing::error!(error = %self.0, "the journal cannot be written");
    }
}

impl From<Unwritten> for std::io::Error {
    fn from(error: Unwritten) -> Self {
        error.0
    }
}

impl From<Unwritten> for ErrorCode {
    fn from(error: Unwritten) -> Self {
        error.log();
        Self::KafkaStorageError
    }
}

impl From<Unwritten> for TopicError {
    fn from(error: Unwritten) -> Self {
        ErrorCode::from(error).into()
    }
}

/// Why a change was not committed to the metadata log of a cluster.
#[derive(Debug)]
pub(crate) enum Refusal<E> {
    /// The decision refused the change.
    Decided(E),
    Unwritten(Unwritten),
}

impl<E> From<Unwritten> for Refusal<E> {
    fn from(error: Unwritten) -> Self {
        Self::Unwritten(error)
    }
}

impl From<Refusal<Infallible>> for Unwritten {
    fn from(refusal: Refusal<Infallible>) -> Self {
        let Refusal::Unwritten(error) = refusal;
        error
    }
}

impl From<Refusal<Infallible>> for TopicError {
    fn from(refusal: Refusal<Infallible>) -> Self {
        Unwritten::from(refusal).into()
    }
}

impl From<Refusal<Self>> for TopicError {
    fn from(refusal: Refusal<Self>) -> Self {
        match refusal {
            Refusal::Decided(error) => error,
            Refusal::Unwritten(error) => error.into(),
        }
    }
}

impl From<Refusal<Infallible>> for ErrorCode {
    fn from(refusal: Refusal<Infallible>) -> Self {
        Unwritten::from(refusal).into()
    }
}

impl From<Refusal<Self>> for ErrorCode {
    fn from(refusal: Refusal<Self>) -> Self {
        match refusal {
            Refusal::Decided(code) => code,
            Refusal::Unwritten(error) => error.into(),
        }
    }
}
