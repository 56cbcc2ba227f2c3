//! What can go wrong.

use std::{io, time::Duration};

use crate::ErrorCode;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The connection failed or ended, or an earlier request of it was given up. Another one may work.
    #[error("the connection to the cluster failed")]
    Connection(#[source] io::Error),
    /// No answer came in time; the connection is of no use any more.
    #[error("the cluster did not answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The answer is larger than this client reads; the connection is of no use any more.
    #[error("an answer of {bytes} bytes is larger than {bytes_max}")]
    AnswerTooLarge {
        /// Its announced size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Both ends have no version of the request in common.
    #[error("the cluster does not serve a version of request {key} that is known here")]
    Unsupported {
        /// Kafka's key of the request.
        key: i16,
    },
    /// A request that cannot be written, or an answer that cannot be read.
    #[error("request {key} or its answer is not as the protocol has it: {reason}")]
    Malformed {
        /// Kafka's key of the request.
        key: i16,
        /// What is wrong.
        reason: String,
    },
    /// Kafka's own refusal.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl AdminError {
    /// Kafka's code, if Kafka refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Kafka(refused) => Some(refused.code),
            _ => None,
        }
    }

    /// Whether the connection was lost before an answer came: the request may have been served or not.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Connection(_))
    }
}

/// A refusal with Kafka's code and text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KafkaError {
    /// What it is.
    pub code: ErrorCode,
    /// Text for people, the broker's or the code's own.
    pub message: String,
}

/// Nothing for code 0, the refusal otherwise.
pub(crate) fn check(code: i16, message: Option<&str>) -> Result<(), KafkaError> {
    let Some(code) = ErrorCode::try_from_code(code) else {
        return Ok(());
    };
    let message = message.filter(|text| !text.is_empty());
    Err(KafkaError {
        code,
        message: message.map_or_else(|| code.to_string(), str::to_owned),
    })
}
