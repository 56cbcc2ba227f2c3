//! Users of Kafka in AliKafka's words ("CreateSaslUser"): `Type` and `Mechanism`.

use brokerage_control::sasl_user::{SaslUserView, ScramMechanism};
use brokerage_wire::fault::CallError;
use brokerage_wire::params::given;

use crate::alikafka::fault::field;

/// How a user may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslType {
    /// `plain`, the default: by PLAIN, and by SCRAM with the same password, which such a cluster serves as well.
    Plain,
    /// `scram`: by this mechanism, and no other.
    Scram(ScramMechanism),
}

/// The mechanism of `scram` where none is named. Ours: the page does not say, and the vendor's provider expects one.
const MECHANISM_DEFAULT: ScramMechanism = ScramMechanism::Sha256;

/// What `Type` and `Mechanism` say together.
///
/// # Errors
/// [`field`]. LDAP is of clusters that are not sold here.
pub fn sasl_type(kind: Option<&String>, mechanism: Option<&String>) -> Result<SaslType, CallError> {
    match (given(kind).unwrap_or("plain"), given(mechanism)) {
        ("plain", None) => Ok(SaslType::Plain),
        ("plain", Some(_)) => Err(field("Mechanism", "it goes with the Type scram")),
        ("scram", None) => Ok(SaslType::Scram(MECHANISM_DEFAULT)),
        ("scram", Some(name)) => ScramMechanism::from_name(name)
            .map(SaslType::Scram)
            .ok_or_else(|| field("Mechanism", "not SCRAM-SHA-256, SCRAM-SHA-512")),
        _ => Err(field("Type", "not plain, scram")),
    }
}

impl SaslType {
    /// The mechanism that a user is held to.
    pub fn mechanism(self) -> Option<ScramMechanism> {
        match self {
            Self::Plain => None,
            Self::Scram(only) => Some(only),
        }
    }

    /// `Type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Scram(_) => "scram",
        }
    }

    /// How a user may come in: what Kafka knows of it.
    pub fn of(user: &SaslUserView) -> Self {
        match user.mechanisms[..] {
            [only] => Self::Scram(only),
            _ => Self::Plain,
        }
    }
}
