//! Why authentication failed.

/// Why authentication failed. The message for the client is [`SaslError::public`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SaslError {
    #[error("{0} cannot be read")]
    Malformed(&'static str),
    #[error("the credentials are wrong")]
    Credentials,
    #[error("user name or password is wrong")]
    Password,
    #[error("the authorization id is not the user")]
    AuthorizationId,
    #[error("there were too many attempts from this address")]
    Limited,
}

impl SaslError {
    /// Kafka's messages; where Kafka has none, nothing that would help to guess.
    pub(crate) fn public(self) -> Option<&'static str> {
        match self {
            Self::Malformed(_) | Self::Credentials | Self::Limited => None,
            Self::Password => Some("Authentication failed: Invalid username or password"),
            Self::AuthorizationId => Some(
                "Authentication failed: Client requested an authorization id that is different from username",
            ),
        }
    }
}
