//! What can be wrong with a request, in our words. Dialects turn each variant into their vendor's code.
//!
//! A variant exists only where some caller acts differently. Its text may be shown to the caller;
//! [`Error::Internal`] shows nothing, its cause goes to the log.

use crate::catalog::{PlanFault, RateFault};
use crate::instance::{Phase, ReleaseDenial};
use crate::money::{Currency, Money};

/// The result of a rule or a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of thing an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An account.
    Account,
    /// An access key.
    AccessKey,
    /// An order.
    Order,
    /// An instance.
    Instance,
    /// A network.
    Network,
    /// A subnet.
    Subnet,
    /// A zone of a region.
    Zone,
    /// A region.
    Region,
    /// A topic.
    Topic,
    /// A Kafka user of an instance.
    User,
    /// A consumer group.
    Group,
    /// A route to the brokers of an instance.
    Route,
    /// A cluster that the engine has.
    Cluster,
    /// A broker of an instance.
    Broker,
}

impl Kind {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AccessKey => "access key",
            Self::Order => "order",
            Self::Instance => "instance",
            Self::Network => "network",
            Self::Subnet => "subnet",
            Self::Zone => "zone",
            Self::Region => "region",
            Self::Topic => "topic",
            Self::User => "user",
            Self::Group => "group",
            Self::Route => "route",
            Self::Cluster => "cluster",
            Self::Broker => "broker",
        }
    }
}

/// Why a request was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The purchase does not fit what the catalog sells.
    #[error(transparent)]
    Plan(#[from] PlanFault),
    /// The catalog has no price for what was asked.
    #[error(transparent)]
    Rate(#[from] RateFault),
    /// A value is needed and was not given.
    #[error("{what} is required")]
    Missing {
        /// The value, in our words.
        what: &'static str,
    },
    /// A value breaks a rule.
    #[error("{what} is not valid: {reason}")]
    Invalid {
        /// The value, in our words.
        what: &'static str,
        /// The rule that it breaks.
        reason: String,
    },
    /// Not there, or not the caller's: the two look alike.
    #[error("the {} {id} does not exist", kind.word())]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// Its id as the caller gave it.
        id: String,
    },
    /// There is one of that name already.
    #[error("the {} {id} exists already", kind.word())]
    Exists {
        /// What was to be made.
        kind: Kind,
        /// Its id or name.
        id: String,
    },
    /// A subnet and a zone, or a subnet and a network, that do not belong together.
    #[error("the subnet {subnet} is not in the {} {place}", kind.word())]
    SubnetElsewhere {
        /// The subnet.
        subnet: String,
        /// Zone or network.
        kind: Kind,
        /// The zone or network that was named with it.
        place: String,
    },
    /// The instance is not in a phase that permits this.
    #[error("the instance {id} is {}", phase.word().replace('_', " "))]
    WrongPhase {
        /// The instance.
        id: String,
        /// The phase that it is in.
        phase: Phase,
    },
    /// A consumer group has members: it can be deleted, and its offsets be set, once they have left.
    #[error("the group {id} has members")]
    GroupInUse {
        /// The group.
        id: String,
    },
    /// The instance may not be given up.
    #[error("the instance {id} cannot be released: {}", denial.word())]
    ReleaseDenied {
        /// The instance.
        id: String,
        /// Why.
        denial: ReleaseDenial,
    },
    /// The account cannot pay.
    #[error("the account's available balance does not cover {} {}", needed, currency.code())]
    InsufficientFunds {
        /// What the order needs.
        needed: Money,
        /// In which currency.
        currency: Currency,
    },
    /// The host has no room for another instance.
    #[error("sold out: no {what} left")]
    SoldOut {
        /// What ran out.
        what: &'static str,
    },
    /// A bought or fixed limit would be passed.
    #[error("the limit of {max} {what} is reached")]
    LimitReached {
        /// What is limited.
        what: &'static str,
        /// The limit.
        max: i64,
    },
    /// A client token came a second time with other parameters.
    #[error("the client token was used before with other parameters")]
    TokenReused,
    /// A signed request came a second time.
    #[error("the request was received before")]
    Replayed,
    /// The key's policy does not permit this.
    #[error("not authorized to perform {action}")]
    Forbidden {
        /// The access action.
        action: String,
    },
    /// More calls a second than the operation takes.
    #[error("too many requests: at most {per_second} a second")]
    Throttled {
        /// The limit.
        per_second: u32,
    },
    /// Known, and not supported here.
    #[error("{what} is not supported")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// The cluster refused, with Kafka's own error.
    #[error("{message}")]
    Kafka {
        /// Kafka's error code.
        code: i16,
        /// Kafka's message.
        message: String,
    },
    /// Our fault. The caller sees only that; the context is logged.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a failure that is not the caller's.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// A missing or foreign thing.
    pub fn not_found(kind: Kind, id: impl Into<String>) -> Self {
        Self::NotFound {
            kind,
            id: id.into(),
        }
    }

    /// A value that breaks a rule.
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            what,
            reason: reason.into(),
        }
    }
}
