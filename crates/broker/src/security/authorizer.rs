//! Who may do what in a cluster: its ACLs together with what its specification says of access.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::error::{ErrorCode, TopicError};
use crate::metadata::acl::{
    Acl, AclFilter, AclOperation, AclSet, AuthorizationResult, CLUSTER_NAME, Requester,
    ResourceType,
};
use crate::metadata::metadata_log::MetadataLog;
use crate::metadata::state::{ClusterState, MetadataRecord};
use crate::security::Security;
use crate::security::user::{ANONYMOUS, INTERNAL_USER};
use crate::spec::{Authorization, ClusterSpec};
use crate::turn::Turns;

/// ACLs of one cluster; above: POLICY_VIOLATION.
const ACLS_MAX: usize = 10_000;
/// Bytes of all names in the ACLs of one cluster; above: POLICY_VIOLATION.
const TEXTS_BYTES_MAX: usize = 2 << 20;
/// Filters that are compared with all ACLs in one turn.
const FILTERS_PER_TURN: usize = 16;
/// Longest resource name, principal or host of an ACL in bytes.
const TEXT_BYTES_MAX: usize = 4_096;

/// Whether an operation on the cluster changes who may come in and do what: users, ACLs, quotas, broker
/// settings, leaders (the operations that Kafka asks for in `ControllerApis` and `AclApis`).
fn is_administrative(operation: AclOperation) -> bool {
    use AclOperation as Op;
    matches!(operation, Op::Alter | Op::AlterConfigs | Op::ClusterAction)
}

/// ACLs and settings as they were at one moment.
#[derive(Debug)]
pub(crate) struct Policy {
    acls: Arc<AclSet>,
    /// Users who were made super users.
    super_users: Arc<BTreeSet<String>>,
    authorization: Authorization,
    /// Whether users authenticate at some listener of the cluster. Administration is for super users only
    /// then: otherwise everybody could give himself every other permission, at a listener without
    /// authentication even without a name.
    is_guarded: bool,
}

impl Policy {
    fn new(metadata_log: &MetadataLog<ClusterState>, spec: &ClusterSpec) -> Self {
        let (acls, super_users) =
            metadata_log.read(|state| (state.acls.clone(), state.super_users.clone()));
        Self {
            acls,
            super_users,
            authorization: spec.authorization.clone(),
            is_guarded: spec.has_sasl(),
        }
    }

    /// Whether nothing is ever refused.
    fn is_open(&self) -> bool {
        let Authorization {
            has_authorizer,
            allow_everyone_if_no_acl_found,
            ..
        } = self.authorization;
        let refuses_nobody = self.acls.is_empty() && allow_everyone_if_no_acl_found;
        !self.is_guarded && (refuses_nobody || !has_authorizer)
    }

    /// Whether a user may do everything that ACLs decide about.
    fn is_super(&self, user: &str, principal: &str) -> bool {
        user == INTERNAL_USER
            || self.super_users.contains(user)
            || self.authorization.super_users.contains(principal)
    }

    /// Whether only authenticated super users may do something.
    fn is_reserved(&self, operation: AclOperation, resource_type: ResourceType) -> bool {
        self.is_guarded && resource_type == ResourceType::Cluster && is_administrative(operation)
    }

    fn allows(
        &self,
        requester: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool {
        if !self.authorization.has_authorizer {
            return true;
        }
        match self
            .acls
            .authorization(requester, operation, resource_type, name)
        {
            AuthorizationResult::Allowed => true,
            AuthorizationResult::Denied => false,
            AuthorizationResult::NoAcls => self.authorization.allow_everyone_if_no_acl_found,
        }
    }
}

/// The policy in force. Connections keep their own reference and look only whether it is the newest.
#[derive(Debug)]
pub(crate) struct Authorizer {
    /// Raised by every change; starts at 1.
    generation: AtomicU64,
    policy: RwLock<Arc<Policy>>,
}

impl Authorizer {
    pub(crate) fn new(metadata_log: &MetadataLog<ClusterState>, spec: &ClusterSpec) -> Self {
        Self {
            generation: AtomicU64::new(1),
            policy: RwLock::new(Arc::new(Policy::new(metadata_log, spec))),
        }
    }

    /// To be called when ACLs or super users may have changed.
    pub(crate) fn note_change(&self, metadata_log: &MetadataLog<ClusterState>) {
        let mut policy = self.policy.write();
        // Read under the lock: the last to write here has seen the newest.
        let (acls, super_users) =
            metadata_log.read(|state| (state.acls.clone(), state.super_users.clone()));
        if Arc::ptr_eq(&acls, &policy.acls) && Arc::ptr_eq(&super_users, &policy.super_users) {
            return;
        }
        *policy = Arc::new(Policy {
            acls,
            super_users,
            authorization: policy.authorization.clone(),
            is_guarded: policy.is_guarded,
        });
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// To be called when the specification may say something else of access.
    pub(crate) fn set_spec(&self, metadata_log: &MetadataLog<ClusterState>, spec: &ClusterSpec) {
        let mut policy = self.policy.write();
        *policy = Arc::new(Policy::new(metadata_log, spec));
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// What the user of one connection may do.
#[derive(Debug, Default)]
pub(crate) struct Access {
    generation: u64,
    user: Option<Arc<str>>,
    principal: String,
    host: String,
    /// Whether the user is a super user. One without a name has a policy as well, for what is reserved.
    is_super: bool,
    /// `None`: everything is permitted, because nothing is restricted or the user is a super user.
    policy: Option<Arc<Policy>>,
}

impl Access {
    /// Takes up changes of the policy and of the user. Costs one atomic read if there are none.
    pub(crate) fn refresh(&mut self, authorizer: &Authorizer, user: &Arc<str>, address: IpAddr) {
        let generation = authorizer.generation.load(Ordering::Acquire);
        let is_same_user = self
            .user
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, user));
        if is_same_user && generation == self.generation {
            return;
        }
        let policy = authorizer.policy.read().clone();
        self.generation = generation;
        self.user = Some(user.clone());
        self.policy = None;
        if policy.is_open() {
            return;
        }
        self.principal = format!("User:{user}");
        self.host = host_address(address);
        self.is_super = policy.is_super(user, &self.principal);
        let is_nameless = policy.is_guarded && **user == *ANONYMOUS;
        if !self.is_super || is_nameless {
            self.policy = Some(policy);
        }
    }

    fn requester(&self) -> Requester<'_> {
        Requester {
            principal: &self.principal,
            host: &self.host,
        }
    }

    /// Whether the operation is permitted on the resource.
    pub(crate) fn allows(
        &self,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool {
        match &self.policy {
            None => true,
            Some(policy) if policy.is_reserved(operation, resource_type) => false,
            Some(_) if self.is_super => true,
            Some(policy) => policy.allows(self.requester(), operation, resource_type, name),
        }
    }

    /// Whether the operation is permitted on some resource of the type (KIP-679).
    pub(crate) fn allows_any(&self, operation: AclOperation, resource_type: ResourceType) -> bool {
        // Kafka checks an unused name to find out whether everything is permitted.
        const UNUSED_NAME: &str = "hardcode";
        match &self.policy {
            None => true,
            Some(_) if self.is_super => true,
            Some(policy) => {
                policy.allows(self.requester(), operation, resource_type, UNUSED_NAME)
                    || policy
                        .acls
                        .allows_any(self.requester(), operation, resource_type)
            }
        }
    }
}

/// An address as Java's `InetAddress.getHostAddress` writes it, which is how hosts stand in ACLs.
pub(crate) fn host_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|part| format!("{part:x}")).join(":"),
    }
}

/// Kafka's checks of an ACL that is to be made.
fn check_new(acl: &Acl) -> Result<(), TopicError> {
    let invalid = |message: String| Err(TopicError::new(ErrorCode::InvalidRequest, message));
    if acl.resource_type == ResourceType::Cluster && acl.resource_name != CLUSTER_NAME {
        return invalid(format!(
            "The only valid name for the CLUSTER resource is {CLUSTER_NAME}"
        ));
    }
    if acl.resource_name.is_empty() {
        return invalid("Invalid empty resource name".to_owned());
    }
    if !acl.principal.contains(':') {
        return invalid(format!(
            "Could not parse principal from `{}` (no colon is present separating the principal type from the principal name)",
            acl.principal
        ));
    }
    let texts = [&acl.resource_name, &acl.principal, &acl.host];
    if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        return invalid(format!(
            "A name in an ACL is longer than {TEXT_BYTES_MAX} bytes"
        ));
    }
    Ok(())
}

impl Security {
    /// Makes ACLs; one answer for each. Existing ones are accepted. Durable when this returns.
    pub(crate) async fn create_acls(
        &self,
        acls: Vec<Acl>,
    ) -> Result<Vec<Result<(), TopicError>>, TopicError> {
        let (answers, position) = self.metadata_log.change(|state| {
            let mut records = Vec::new();
            let mut texts_bytes = state.acls.texts_bytes();
            let mut create = |acl: Acl| {
                check_new(&acl)?;
                if state.acls.contains(&acl) {
                    return Ok(());
                }
                // A duplicate in the request counts twice here, which is safe.
                if state.acls.len() + records.len() >= ACLS_MAX {
                    let message = format!("The cluster has room for {ACLS_MAX} ACLs.");
                    return Err(TopicError::new(ErrorCode::PolicyViolation, message));
                }
                texts_bytes += acl.texts_bytes();
                if texts_bytes > TEXTS_BYTES_MAX {
                    let message = "The cluster has no room for the names in more ACLs.";
                    return Err(TopicError::new(ErrorCode::PolicyViolation, message));
                }
                records.push(MetadataRecord::Acl(acl));
                Ok(())
            };
            let answers: Vec<_> = acls.into_iter().map(&mut create).collect();
            Ok::<_, TopicError>((records, answers))
        })?;
        self.note_change();
        self.metadata_log.flush(position).await?;
        Ok(answers)
    }

    /// Deletes what each filter chooses and returns it. Durable when this returns.
    pub(crate) async fn delete_acls(
        &self,
        turns: &Turns,
        filters: Vec<AclFilter>,
    ) -> Result<Vec<Vec<Acl>>, TopicError> {
        let mut deleted = self.choose_acls(turns, filters).await?;
        let ((), position) = self.metadata_log.change(|state| {
            // Others may have been faster.
            let chosen = deleted.iter_mut();
            chosen.for_each(|acls| acls.retain(|acl| state.acls.contains(acl)));
            let gone = deleted
                .iter()
                .flatten()
                .cloned()
                .map(MetadataRecord::AclGone);
            Ok::<_, TopicError>((gone.collect(), ()))
        })?;
        self.note_change();
        self.metadata_log.flush(position).await?;
        Ok(deleted)
    }

    /// What each filter chooses; what two choose goes to the first (Kafka's `AclAuthorizer.deleteAcls`).
    /// Filters may be many, and so may ACLs: some are tried in each turn.
    async fn choose_acls(
        &self,
        turns: &Turns,
        filters: Vec<AclFilter>,
    ) -> Result<Vec<Vec<Acl>>, TopicError> {
        let acls = self.metadata_log.read(|state| state.acls.clone());
        let mut left: Vec<Acl> = acls.iter().collect();
        let mut chosen = Vec::with_capacity(filters.len());
        let mut filters = filters.into_iter();
        while filters.len() > 0 {
            let some: Vec<AclFilter> = filters.by_ref().take(FILTERS_PER_TURN).collect();
            let mut all = std::mem::take(&mut left);
            let choosing = turns.take(move || {
                let choose = |filter: AclFilter| -> Vec<Acl> {
                    let fits = |acl: &mut Acl| filter.fits(acl);
                    all.extract_if(.., fits).collect()
                };
                let chosen: Vec<Vec<Acl>> = some.into_iter().map(choose).collect();
                (chosen, all)
            });
            let done = choosing.await;
            let (more, rest) = done.ok_or(TopicError::from(ErrorCode::UnknownServerError))?;
            chosen.extend(more);
            left = rest;
        }
        Ok(chosen)
    }

    /// The ACLs that a filter chooses, in order.
    pub(crate) fn list_acls(&self, filter: &AclFilter) -> Vec<Acl> {
        let acls = self.metadata_log.read(|state| state.acls.clone());
        let mut chosen: Vec<Acl> = acls.iter().filter(|acl| filter.fits(acl)).collect();
        chosen.sort();
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_java_writes_them() {
        let check = |address: &str, expected: &str| {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(host_address(address), expected);
        };
        check("10.0.0.7", "10.0.0.7");
        check("::1", "0:0:0:0:0:0:0:1");
        check("2001:db8::a0", "2001:db8:0:0:0:0:0:a0");
        check("::ffff:10.0.0.7", "10.0.0.7");
    }
}
