//! Refusals in a vendor's words, and what an operation may fail with before they are found.

use std::borrow::Cow;

use brokerage_domain::Error;
use brokerage_domain::catalog::{Field, PlanFault, RateFault};

use crate::params::ParamError;

/// Kafka's POLICY_VIOLATION: how a broker says that a bought limit is reached.
pub const POLICY_VIOLATION: i16 = 44;
/// Kafka's INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR and INVALID_CONFIG.
pub const INVALID_TOPIC_CODES: [i16; 4] = [17, 37, 38, 40];

/// A refusal as a vendor writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The vendor's code, or its name of the status where that is what clients read.
    pub code: Cow<'static, str>,
    /// HTTP status; vendors that always answer 200 ignore it.
    pub status: u16,
    /// What the caller reads.
    pub message: String,
}

impl Fault {
    /// A refusal with a fixed code.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            status,
            message: message.into(),
        }
    }
}

/// Why a call failed: each dialect's `fault.rs` turns it into a [`Fault`].
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A rule of the domain.
    #[error(transparent)]
    Domain(#[from] Error),
    /// A parameter that could not be read.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A plan that is not sold, in the words and units of the operation that asked for it.
    #[error("{parameter}: {fault}")]
    Plan {
        /// The parameter that it comes from, by its full vendor path.
        parameter: &'static str,
        /// Why, in the parameter's unit.
        fault: PlanFault,
    },
    /// A rule of the vendor's page that the domain does not know: the code stands there.
    #[error("{}: {}", .0.code, .0.message)]
    Vendor(Fault),
}

/// The parameter of an operation that a field of a plan comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanParameter {
    /// Its full vendor path.
    pub name: &'static str,
    /// How many of the plan's units one of its own is.
    pub size: i64,
    /// What is counted beside what is bought.
    pub start: i64,
}

impl PlanParameter {
    /// One that counts as the plan does.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            size: 1,
            start: 0,
        }
    }
}

impl CallError {
    /// The same failure in an operation's words, where it is a plan's and the operation has words for its field.
    #[must_use]
    pub fn in_words(self, words: impl Fn(Field) -> Option<PlanParameter>) -> Self {
        match self {
            Self::Domain(Error::Plan(fault)) => match words(fault.field()) {
                Some(parameter) => Self::Plan {
                    parameter: parameter.name,
                    fault: fault.counted(parameter.size, parameter.start),
                },
                None => Self::Domain(Error::Plan(fault)),
            },
            other => other,
        }
    }
}

impl From<PlanFault> for CallError {
    fn from(fault: PlanFault) -> Self {
        Self::Domain(fault.into())
    }
}

impl From<RateFault> for CallError {
    fn from(fault: RateFault) -> Self {
        Self::Domain(fault.into())
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        Self::Vendor(fault)
    }
}

/// A missing parameter, by its full vendor path.
pub fn missing(name: impl Into<String>) -> CallError {
    CallError::Param(ParamError::Missing { name: name.into() })
}

/// Something that is known and not done here, such as an operation that is not written yet.
pub fn unsupported(what: &str) -> CallError {
    CallError::Domain(Error::Unsupported {
        what: what.to_owned(),
    })
}

/// A parameter whose value breaks a rule, by its full vendor path.
pub fn invalid(name: impl Into<String>, reason: impl Into<String>) -> CallError {
    CallError::Param(ParamError::Invalid {
        name: name.into(),
        reason: reason.into(),
    })
}

/// A cause as a sentence: what is wrong, for callers who read it alone. Kafka's words have their full stop already.
pub fn sentence(cause: &dyn std::fmt::Display) -> String {
    let text = cause.to_string();
    let mut letters = text.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_sentence_has_one_full_stop() {
        for (cause, expected) in [
            ("the topic t exists already", "The topic t exists already."),
            ("Topic 't' already exists.", "Topic 't' already exists."),
            ("", ""),
        ] {
            assert_eq!(sentence(&cause), expected);
        }
    }
}
