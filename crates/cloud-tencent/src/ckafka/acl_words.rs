//! ACLs in CKafka's words ("CreateAcl", "DescribeACL"): the numbers of Kafka's protocol.

use brokerage_control::acl::{
    ANY_HOST, Acl, AclOperation, AclPermission, CLUSTER_NAME, PatternType, ResourceType,
};
use brokerage_wire::fault::CallError;
use brokerage_wire::params::given;

use crate::ckafka::check::value;

/// Everybody, in `Principal`.
const ANY_PRINCIPAL: &str = "User:*";
/// What `Principal` begins with.
const PRINCIPAL_PREFIX: &str = "User:";

/// What is said of who, from where.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `Operation`.
    pub operation: AclOperation,
    /// `PermissionType`.
    pub permission: AclPermission,
    /// `Host`.
    pub host: String,
    /// `Principal`.
    pub principal: String,
}

/// A number of Kafka's protocol.
///
/// # Errors
/// [`value`], for one that means nothing here.
fn number<T>(name: &str, number: i64, read: impl Fn(i8) -> Option<T>) -> Result<T, CallError> {
    let known = i8::try_from(number).ok().and_then(&read);
    known.ok_or_else(|| {
        let all = (0..=i8::MAX).filter(|code| read(*code).is_some());
        let all: Vec<String> = all.map(|code| format!("`{code}`")).collect();
        value(name, format!("must be one of {}", all.join(", ")))
    })
}

/// `ResourceType`: 2 topic, 3 group, 4 cluster, 5 transactional id.
///
/// # Errors
/// [`value`].
pub fn resource_type(given: i64) -> Result<ResourceType, CallError> {
    let read = |code| {
        ResourceType::from_code(code)
            .filter(|kind| !matches!(kind, ResourceType::DelegationToken | ResourceType::User))
    };
    number("ResourceType", given, read)
}

/// `Operation`: 2 all, 3 read … 12 idempotent write.
///
/// # Errors
/// [`value`].
pub fn operation(given: i64) -> Result<AclOperation, CallError> {
    number("Operation", given, AclOperation::from_code)
}

/// `PermissionType`: 2 deny, 3 allow.
///
/// # Errors
/// [`value`].
pub fn permission(given: i64) -> Result<AclPermission, CallError> {
    number("PermissionType", given, AclPermission::from_code)
}

/// `Operation` and `PermissionType` as words, of BatchCreateAcl.
///
/// # Errors
/// [`value`].
pub fn words(
    operation: &str,
    permission: &str,
) -> Result<(AclOperation, AclPermission), CallError> {
    let operation = AclOperation::from_name(operation).ok_or_else(|| {
        let all = (0..=i8::MAX).filter_map(AclOperation::from_code);
        let all: Vec<String> = all
            .map(|operation| format!("`{}`", operation.name()))
            .collect();
        value("Operation", format!("must be one of {}", all.join(", ")))
    })?;
    let permission = AclPermission::from_name(permission)
        .ok_or_else(|| value("PermissionType", "must be Deny or Allow"))?;
    Ok((operation, permission))
}

/// `Host`; everywhere where nothing is said.
pub fn host(host: Option<&String>) -> String {
    given(host).unwrap_or(ANY_HOST).to_owned()
}

/// `Principal`; everybody where nothing is said.
///
/// # Errors
/// [`value`].
pub fn principal(principal: Option<&String>) -> Result<String, CallError> {
    let principal = given(principal).unwrap_or(ANY_PRINCIPAL);
    match principal.strip_prefix(PRINCIPAL_PREFIX) {
        Some(name) if !name.is_empty() => Ok(principal.to_owned()),
        _ => Err(value(
            "Principal",
            "must be `User:` and a name, or `User:*`",
        )),
    }
}

impl Rule {
    /// The ACL on a resource of this name. The cluster has one name only.
    pub fn acl(&self, kind: ResourceType, name: &str) -> Acl {
        Acl {
            resource_type: kind,
            resource_name: resource_name(kind, name),
            pattern_type: PatternType::Literal,
            principal: self.principal.clone(),
            host: self.host.clone(),
            operation: self.operation,
            permission: self.permission,
        }
    }
}

/// Kafka's name of a resource.
pub fn resource_name(kind: ResourceType, name: &str) -> String {
    match kind {
        ResourceType::Cluster => CLUSTER_NAME.to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_kafkas_protocol() {
        assert_eq!(resource_type(2).unwrap(), ResourceType::Topic);
        assert_eq!(operation(12).unwrap(), AclOperation::IdempotentWrite);
        assert_eq!(permission(3).unwrap(), AclPermission::Allow);
        for refused in [0, 1, 6, 7, 258] {
            resource_type(refused).unwrap_err();
        }
        permission(1).unwrap_err();
        operation(1).unwrap_err();
    }

    #[test]
    fn a_principal_is_a_user() {
        let check = |given: Option<&str>, expected: Option<&str>| {
            let read = principal(given.map(str::to_owned).as_ref());
            assert_eq!(read.ok().as_deref(), expected, "{given:?}");
        };
        check(None, Some("User:*"));
        check(Some(""), Some("User:*"));
        check(Some("User:a"), Some("User:a"));
        check(Some("User:"), None);
        check(Some("a"), None);
    }
}
