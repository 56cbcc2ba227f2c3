//! What is wrong with a parameter.

/// What is wrong with a parameter. Names are full vendor paths, such as `Tag.1.Key` or
/// `instance.instanceName`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// A required parameter is absent.
    #[error("parameter {name} is missing")]
    Missing {
        /// Full vendor path.
        name: String,
    },
    /// A parameter has the wrong type or form.
    #[error("parameter {name} is invalid: {reason}")]
    Invalid {
        /// Full vendor path; empty for the request as a whole.
        name: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// A parameter that the operation does not have, where the dialect refuses those.
    #[error("parameter {name} is unknown")]
    Unknown {
        /// Full vendor path.
        name: String,
    },
    /// The body as a whole cannot be read.
    #[error("the body cannot be read: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

impl ParamError {
    /// The full vendor path, empty if it concerns the whole body.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name } | Self::Invalid { name, .. } | Self::Unknown { name } => name,
            Self::Malformed { .. } => "",
        }
    }

    /// What is wrong, of a part of the parameter that another names.
    pub fn reason(&self) -> String {
        match self {
            Self::Invalid { name, reason } if name.is_empty() => reason.clone(),
            Self::Malformed { reason } => reason.clone(),
            other => other.to_string(),
        }
    }

    pub(super) fn invalid(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            name: name.into(),
            reason: reason.into(),
        }
    }
}
