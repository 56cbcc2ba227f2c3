//! What an engine or the Kafka that it runs refuses, in the domain's words: the one place where that is decided.

use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_engine::EngineError;
use brokerage_kafka_admin::{AdminError, ErrorCode};

/// Why an engine, or the Kafka of an instance, did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Kafka(#[from] AdminError),
}

impl Failure {
    /// There is no connection.
    pub(crate) fn unconnected() -> Self {
        EngineError::failed("no connection was made").into()
    }
}

/// What was asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// One topic.
    Topic(&'a str),
    /// The cluster's topics.
    Topics,
    /// One consumer group.
    Group(&'a str),
    /// A Kafka user.
    User,
    /// ACLs.
    Acl,
    /// A broker, by its id.
    Broker(i32),
    /// A whole cluster.
    Cluster,
}

impl About<'_> {
    /// The value that is not valid, for people.
    const fn what(self) -> &'static str {
        match self {
            Self::Topic(_) | Self::Topics => "the topic",
            Self::Group(_) => "the group",
            Self::User => "the user",
            Self::Acl => "the ACL",
            Self::Broker(_) => "the broker",
            Self::Cluster => "the cluster",
        }
    }
}

/// The failure as callers see it. What they cannot help is [`Error::Internal`].
pub(crate) fn refusal(failure: impl Into<Failure>, about: About<'_>) -> Error {
    match (failure.into(), about) {
        (Failure::Engine(EngineError::Refused { reason }), About::User) => {
            Error::invalid(about.what(), reason)
        }
        // An engine refuses a broker for one reason: its cluster has none of that id.
        (Failure::Engine(EngineError::Refused { .. }), About::Broker(id)) => {
            Error::not_found(Kind::Broker, id.to_string())
        }
        (Failure::Kafka(AdminError::Kafka(refused)), about) => {
            kafka_refusal(refused.code, refused.message, about)
        }
        (failure, _) => Error::internal(failure),
    }
}

fn kafka_refusal(code: ErrorCode, message: String, about: About<'_>) -> Error {
    match (code, about) {
        (ErrorCode::TopicAlreadyExists, About::Topic(name)) => Error::Exists {
            kind: Kind::Topic,
            id: name.to_owned(),
        },
        (ErrorCode::UnknownTopicOrPartition, About::Topic(name)) => {
            Error::not_found(Kind::Topic, name)
        }
        (ErrorCode::GroupIdNotFound, About::Group(name)) => Error::not_found(Kind::Group, name),
        // Whoever is no member is told by these that there are members.
        (
            ErrorCode::NonEmptyGroup
            | ErrorCode::UnknownMemberId
            | ErrorCode::GroupSubscribedToTopic
            | ErrorCode::RebalanceInProgress,
            About::Group(name),
        ) => Error::GroupInUse {
            id: name.to_owned(),
        },
        // The bought limit.
        (ErrorCode::GroupMaxSizeReached, About::Group(_)) => Error::Kafka {
            code: ErrorCode::PolicyViolation.code(),
            message,
        },
        // Of users Kafka says in words what is wrong with them; there are no codes for callers.
        (
            ErrorCode::UnacceptableCredential
            | ErrorCode::InvalidRequest
            | ErrorCode::PolicyViolation,
            About::User,
        )
        | (ErrorCode::InvalidRequest, About::Acl) => Error::invalid(about.what(), message),
        (code, _) => Error::Kafka {
            code: code.code(),
            message,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brokerage_kafka_admin::KafkaError;

    fn check(failure: impl Into<Failure>, about: About<'_>, expected: &str) {
        assert_eq!(refusal(failure, about).to_string(), expected);
    }

    #[test]
    fn what_kafka_says_is_never_taken_for_a_name() {
        let kafka = |code, message: &str| {
            AdminError::from(KafkaError {
                code,
                message: message.to_owned(),
            })
        };
        let exists = || kafka(ErrorCode::TopicAlreadyExists, "Topic 'x' already exists.");
        check(exists(), About::Topic("x"), "the topic x exists already");
        check(exists(), About::Topics, "Topic 'x' already exists.");
        let unknown = kafka(ErrorCode::UnknownTopicOrPartition, "This server does not …");
        check(unknown, About::Topic("x"), "the topic x does not exist");
        let members = kafka(ErrorCode::NonEmptyGroup, "The group is not empty.");
        check(members, About::Group("g"), "the group g has members");
        let reserved = kafka(ErrorCode::UnacceptableCredential, "the name is reserved");
        check(
            reserved,
            About::User,
            "the user is not valid: the name is reserved",
        );
        let reason = "cluster \"c\" has no broker 7".to_owned();
        let broker = EngineError::Refused { reason };
        check(broker, About::Broker(7), "the broker 7 does not exist");
        let passing = EngineError::failed("no such cluster");
        let internal = refusal(passing, About::Topics);
        assert!(matches!(internal, Error::Internal(_)), "{internal:?}");
    }
}
