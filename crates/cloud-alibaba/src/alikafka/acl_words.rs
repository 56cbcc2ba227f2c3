//! ACLs in AliKafka's words ("CreateAcl", "DescribeAcls"): Kafka's own, with capitals as the caller likes; answered in
//! capitals, which Terraform compares.

use brokerage_control::acl::{
    ANY_HOST, Acl, AclFilter, AclOperation, AclPermission, CLUSTER_NAME, PatternFilter,
    PatternType, ResourceType,
};
use brokerage_wire::fault::CallError;
use brokerage_wire::params::given;

use crate::alikafka::fault::{field, shortened};

/// What principals of users begin with.
const PRINCIPAL_PREFIX: &str = "User:";

/// Whose ACL on what, as four operations name it.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// `Username`.
    pub username: &'a str,
    /// `AclResourceType`.
    pub resource_type: &'a str,
    /// `AclResourceName`.
    pub resource_name: &'a str,
    /// `AclResourcePatternType`.
    pub pattern_type: Option<&'a String>,
    /// `Host`.
    pub host: Option<&'a String>,
    /// `AclPermissionType`.
    pub permission: Option<&'a String>,
}

/// The value of a parameter by its name in Kafka.
///
/// # Errors
/// [`field`], for a word that is none.
fn word<T>(name: &str, word: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, CallError> {
    read(word).ok_or_else(|| field(name, format_args!("{:?} is none", shortened(word))))
}

/// `AclResourceType`: what users of a cluster are given rights to.
///
/// # Errors
/// [`field`].
pub fn resource_type(given: &str) -> Result<ResourceType, CallError> {
    let read = |word: &str| {
        ResourceType::from_name(word)
            .filter(|kind| !matches!(kind, ResourceType::DelegationToken | ResourceType::User))
    };
    word("AclResourceType", given, read)
}

/// `AclResourcePatternType`.
///
/// # Errors
/// [`field`].
pub fn pattern_type(given: &str) -> Result<PatternType, CallError> {
    word("AclResourcePatternType", given, PatternType::from_name)
}

/// `AclOperationType`, and those that `AclOperationTypes` names besides, separated by commas.
///
/// # Errors
/// [`field`].
pub fn operations(one: &str, more: Option<&String>) -> Result<Vec<AclOperation>, CallError> {
    let mut named = vec![word("AclOperationType", one, AclOperation::from_name)?];
    for each in given(more).into_iter().flat_map(|more| more.split(',')) {
        let each = word("AclOperationTypes", each.trim(), AclOperation::from_name)?;
        if !named.contains(&each) {
            named.push(each);
        }
    }
    Ok(named)
}

impl Words<'_> {
    /// The name of the resource. The cluster has one name in Kafka; callers write `*` or that.
    fn name(&self, kind: ResourceType) -> String {
        match kind {
            ResourceType::Cluster if self.resource_name == "*" => CLUSTER_NAME.to_owned(),
            _ => self.resource_name.to_owned(),
        }
    }

    /// The ACL of one operation. Where nothing is said it permits, from everywhere.
    ///
    /// # Errors
    /// [`field`].
    pub fn acl(&self, operation: AclOperation) -> Result<Acl, CallError> {
        let kind = resource_type(self.resource_type)?;
        if self.username.is_empty() {
            return Err(field("Username", "it is empty"));
        }
        if self.resource_name.is_empty() {
            return Err(field("AclResourceName", "it is empty"));
        }
        let pattern = given(self.pattern_type).unwrap_or(PatternType::Literal.name());
        let permission = given(self.permission).unwrap_or(AclPermission::Allow.name());
        Ok(Acl {
            resource_type: kind,
            resource_name: self.name(kind),
            pattern_type: pattern_type(pattern)?,
            principal: format!("{PRINCIPAL_PREFIX}{}", self.username),
            host: given(self.host).unwrap_or(ANY_HOST).to_owned(),
            operation,
            permission: word("AclPermissionType", permission, AclPermission::from_name)?,
        })
    }

    /// The ACLs that are as said; what is not said may be anything.
    ///
    /// # Errors
    /// [`field`].
    pub fn filter(&self, operation: Option<AclOperation>) -> Result<AclFilter, CallError> {
        let kind = resource_type(self.resource_type)?;
        let pattern = given(self.pattern_type).map(pattern_type).transpose()?;
        let permission = given(self.permission)
            .map(|given| word("AclPermissionType", given, AclPermission::from_name));
        Ok(AclFilter {
            resource_type: Some(kind),
            resource_name: Some(self.name(kind)),
            pattern_type: pattern.map_or(PatternFilter::Any, PatternFilter::Is),
            principal: Some(format!("{PRINCIPAL_PREFIX}{}", self.username)),
            host: given(self.host).map(str::to_owned),
            operation,
            permission: permission.transpose()?,
        })
    }
}

/// `Username` of an ACL.
pub fn username(acl: &Acl) -> String {
    let name = acl.principal.strip_prefix(PRINCIPAL_PREFIX);
    name.unwrap_or(&acl.principal).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_words_are_read_with_any_capitals() {
        let check = |one: &str, more: Option<&str>, expected: &[AclOperation]| {
            let more = more.map(str::to_owned);
            assert_eq!(operations(one, more.as_ref()).unwrap(), expected, "{one}");
        };
        check("Write", None, &[AclOperation::Write]);
        check("IdempotentWrite", None, &[AclOperation::IdempotentWrite]);
        check(
            "IDEMPOTENT_WRITE",
            Some(""),
            &[AclOperation::IdempotentWrite],
        );
        let three = [
            AclOperation::DescribeConfigs,
            AclOperation::Read,
            AclOperation::Write,
        ];
        check("DESCRIBE_CONFIGS", Some("Read, WRITE,read"), &three);
        operations("Writ", None).unwrap_err();
        operations("Write", Some(&"Read,".to_owned())).unwrap_err();
        resource_type("User").unwrap_err();
        assert_eq!(
            resource_type("TransactionalId").unwrap(),
            ResourceType::TransactionalId
        );
    }
}
