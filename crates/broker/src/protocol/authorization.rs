//! What the user of a connection may do, in the words of the protocol.

use super::Context;
use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::{AclOperation, CLUSTER_NAME, ResourceType};

/// In answers to clients that did not ask for authorized operations (KIP-430).
pub(super) const OPERATIONS_UNKNOWN: i32 = i32::MIN;

/// The operations that exist on resources of a type.
fn operations(resource_type: ResourceType) -> &'static [AclOperation] {
    use AclOperation as Op;
    match resource_type {
        ResourceType::Topic => &[
            Op::Read,
            Op::Write,
            Op::Create,
            Op::Describe,
            Op::Delete,
            Op::Alter,
            Op::DescribeConfigs,
            Op::AlterConfigs,
        ],
        ResourceType::Group => &[
            Op::Read,
            Op::Describe,
            Op::Delete,
            Op::DescribeConfigs,
            Op::AlterConfigs,
        ],
        ResourceType::Cluster => &[
            Op::Create,
            Op::ClusterAction,
            Op::DescribeConfigs,
            Op::AlterConfigs,
            Op::IdempotentWrite,
            Op::Alter,
            Op::Describe,
        ],
        ResourceType::TransactionalId => &[Op::Describe, Op::Write, Op::TwoPhaseCommit],
        ResourceType::DelegationToken => &[Op::Describe],
        ResourceType::User => &[Op::CreateTokens, Op::DescribeTokens],
    }
}

/// The code of a refusal to touch a resource of a type.
fn refusal(resource_type: ResourceType) -> ErrorCode {
    match resource_type {
        ResourceType::Topic => ErrorCode::TopicAuthorizationFailed,
        ResourceType::Group => ErrorCode::GroupAuthorizationFailed,
        ResourceType::Cluster | ResourceType::User => ErrorCode::ClusterAuthorizationFailed,
        ResourceType::TransactionalId => ErrorCode::TransactionalIdAuthorizationFailed,
        ResourceType::DelegationToken => ErrorCode::DelegationTokenAuthorizationFailed,
    }
}

impl Context {
    /// Takes up changes of ACLs and of the connection's user; before each request.
    pub(super) fn refresh_access(&mut self) {
        self.access.refresh(
            self.cluster.security().authorizer(),
            &self.user,
            self.peer.ip(),
        );
    }

    fn check_access(
        &self,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
    ) -> Result<(), ErrorCode> {
        if self.access.allows(operation, resource_type, name) {
            return Ok(());
        }
        self.count_refusal();
        Err(refusal(resource_type))
    }

    /// TOPIC_AUTHORIZATION_FAILED unless the operation is permitted.
    pub(super) fn check_topic(&self, operation: AclOperation, name: &str) -> Result<(), ErrorCode> {
        self.check_access(operation, ResourceType::Topic, name)
    }

    /// GROUP_AUTHORIZATION_FAILED unless the operation is permitted.
    pub(super) fn check_group(&self, operation: AclOperation, id: &str) -> Result<(), ErrorCode> {
        self.check_access(operation, ResourceType::Group, id)
    }

    /// TRANSACTIONAL_ID_AUTHORIZATION_FAILED unless the operation is permitted.
    pub(super) fn check_transactional_id(
        &self,
        operation: AclOperation,
        id: &str,
    ) -> Result<(), ErrorCode> {
        self.check_access(operation, ResourceType::TransactionalId, id)
    }

    /// CLUSTER_AUTHORIZATION_FAILED unless the operation is permitted.
    pub(super) fn check_cluster(&self, operation: AclOperation) -> Result<(), ErrorCode> {
        self.check_access(operation, ResourceType::Cluster, CLUSTER_NAME)
    }

    /// The same with Kafka's text.
    pub(super) fn check_cluster_or_say(&self, operation: AclOperation) -> Result<(), TopicError> {
        self.check_cluster(operation).map_err(refused)
    }

    /// Topics are created by those who may do so in the whole cluster, or may create that name.
    pub(super) fn check_create(&self, topic: &str) -> Result<(), ErrorCode> {
        let create = AclOperation::Create;
        match self.may(create, ResourceType::Cluster, CLUSTER_NAME) {
            true => Ok(()),
            false => self.check_topic(create, topic),
        }
    }

    /// Whether a topic may be shown: what is hidden is no refusal.
    pub(super) fn may_see_topic(&self, name: &str) -> bool {
        self.access
            .allows(AclOperation::Describe, ResourceType::Topic, name)
    }

    /// Whether something is permitted, when another permission would do as well.
    pub(super) fn may(
        &self,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool {
        self.access.allows(operation, resource_type, name)
    }

    /// Whether a producer may have an id without a transactional id (KIP-679).
    pub(super) fn check_idempotent_write(&self) -> Result<(), ErrorCode> {
        if self
            .access
            .allows_any(AclOperation::Write, ResourceType::Topic)
        {
            return Ok(());
        }
        self.check_cluster(AclOperation::IdempotentWrite)
    }

    /// What is permitted on a resource, as a set of bits numbered by operation (KIP-430).
    pub(super) fn authorized_operations(&self, resource_type: ResourceType, name: &str) -> i32 {
        let permitted = operations(resource_type)
            .iter()
            .filter(|operation| self.access.allows(**operation, resource_type, name));
        permitted.fold(0, |bits, operation| bits | 1 << operation.code())
    }

    /// What is permitted on the cluster; nothing for those who may not describe it.
    pub(super) fn cluster_operations(&self) -> i32 {
        let cluster = ResourceType::Cluster;
        match self.may(AclOperation::Describe, cluster, CLUSTER_NAME) {
            true => self.authorized_operations(cluster, CLUSTER_NAME),
            false => 0,
        }
    }
}

/// A refusal with the text that Kafka gives it.
pub(super) fn refused(code: ErrorCode) -> TopicError {
    let text = match code {
        ErrorCode::TopicAuthorizationFailed => "Topic authorization failed.",
        ErrorCode::GroupAuthorizationFailed => "Group authorization failed.",
        ErrorCode::TransactionalIdAuthorizationFailed => "Transactional Id authorization failed.",
        _ => "Cluster authorization failed.",
    };
    TopicError::new(code, text)
}
