//! ACLs, with the numbers that Kafka has on the wire (`ResourceType`, `PatternType`, `AclOperation`,
//! `AclPermissionType` of `org.apache.kafka.common`).

use kafka_protocol::{
    messages::{
        CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest,
        create_acls_request::AclCreation, delete_acls_request::DeleteAclsFilter,
    },
    protocol::{Request, StrBytes},
};

use crate::{
    AdminError, Client, KafkaError,
    client::{only, refused},
    error::check,
};

/// Kafka's number for "any" in filters.
const ANY: i8 = 1;

/// Who may, or may not, do something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// TOPIC 2, GROUP 3, CLUSTER 4, TRANSACTIONAL_ID 5, DELEGATION_TOKEN 6, USER 7.
    pub resource_type: i8,
    /// The resource.
    pub resource_name: String,
    /// LITERAL 3, PREFIXED 4.
    pub pattern_type: i8,
    /// `User:name`; `User:*` is everybody.
    pub principal: String,
    /// Address; `*` is everywhere.
    pub host: String,
    /// ALL 2, READ 3, WRITE 4, CREATE 5, DELETE 6, ALTER 7, DESCRIBE 8, and so on.
    pub operation: i8,
    /// DENY 2, ALLOW 3.
    pub permission: i8,
}

/// Which ACLs are meant; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AclFilter {
    /// As [`Acl::resource_type`].
    pub resource_type: Option<i8>,
    /// The resource.
    pub resource_name: Option<String>,
    /// As [`Acl::pattern_type`], or MATCH 2: every pattern that fits the resource.
    pub pattern_type: Option<i8>,
    /// As [`Acl::principal`].
    pub principal: Option<String>,
    /// As [`Acl::host`].
    pub host: Option<String>,
    /// As [`Acl::operation`].
    pub operation: Option<i8>,
    /// As [`Acl::permission`].
    pub permission: Option<i8>,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Client {
    /// Makes ACLs; one answer for each, in order. One that is there already is fine.
    ///
    /// # Errors
    /// [`AdminError`] if none was looked at.
    pub async fn acls_create(
        &mut self,
        acls: &[Acl],
    ) -> Result<Vec<Result<(), KafkaError>>, AdminError> {
        let creations = acls.iter().map(|acl| {
            AclCreation::default()
                .with_resource_type(acl.resource_type)
                .with_resource_name(text(&acl.resource_name))
                .with_resource_pattern_type(acl.pattern_type)
                .with_principal(text(&acl.principal))
                .with_host(text(&acl.host))
                .with_operation(acl.operation)
                .with_permission_type(acl.permission)
        });
        let request = CreateAclsRequest::default().with_creations(creations.collect());
        let answers = self.call(&request).await?.results;
        if answers.len() != acls.len() {
            return Err(AdminError::Malformed {
                key: CreateAclsRequest::KEY,
                reason: format!("{} answers for {} ACLs", answers.len(), acls.len()),
            });
        }
        let answer = answers
            .iter()
            .map(|made| check(made.error_code, made.error_message.as_deref()));
        Ok(answer.collect())
    }

    /// The ACLs that a filter chooses, sorted.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn acl_list(&mut self, filter: &AclFilter) -> Result<Vec<Acl>, AdminError> {
        let request = DescribeAclsRequest::default()
            .with_resource_type_filter(filter.resource_type.unwrap_or(ANY))
            .with_resource_name_filter(filter.resource_name.as_deref().map(text))
            .with_pattern_type_filter(filter.pattern_type.unwrap_or(ANY))
            .with_principal_filter(filter.principal.as_deref().map(text))
            .with_host_filter(filter.host.as_deref().map(text))
            .with_operation(filter.operation.unwrap_or(ANY))
            .with_permission_type(filter.permission.unwrap_or(ANY));
        let answer = self.call(&request).await?;
        refused(answer.error_code, answer.error_message.as_deref())?;
        let mut acls = Vec::new();
        for resource in answer.resources {
            for acl in resource.acls {
                acls.push(Acl {
                    resource_type: resource.resource_type,
                    resource_name: resource.resource_name.to_string(),
                    pattern_type: resource.pattern_type,
                    principal: acl.principal.to_string(),
                    host: acl.host.to_string(),
                    operation: acl.operation,
                    permission: acl.permission_type,
                });
            }
        }
        acls.sort();
        Ok(acls)
    }

    /// Deletes the ACLs that a filter chooses and returns them, sorted.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn acls_delete(&mut self, filter: &AclFilter) -> Result<Vec<Acl>, AdminError> {
        let filter = DeleteAclsFilter::default()
            .with_resource_type_filter(filter.resource_type.unwrap_or(ANY))
            .with_resource_name_filter(filter.resource_name.as_deref().map(text))
            .with_pattern_type_filter(filter.pattern_type.unwrap_or(ANY))
            .with_principal_filter(filter.principal.as_deref().map(text))
            .with_host_filter(filter.host.as_deref().map(text))
            .with_operation(filter.operation.unwrap_or(ANY))
            .with_permission_type(filter.permission.unwrap_or(ANY));
        let request = DeleteAclsRequest::default().with_filters(vec![filter]);
        let answer = self.call(&request).await?;
        let gone = only(DeleteAclsRequest::KEY, answer.filter_results)?;
        refused(gone.error_code, gone.error_message.as_deref())?;
        let mut acls = Vec::new();
        for acl in gone.matching_acls {
            refused(acl.error_code, acl.error_message.as_deref())?;
            acls.push(Acl {
                resource_type: acl.resource_type,
                resource_name: acl.resource_name.to_string(),
                pattern_type: acl.pattern_type,
                principal: acl.principal.to_string(),
                host: acl.host.to_string(),
                operation: acl.operation,
                permission: acl.permission_type,
            });
        }
        acls.sort();
        Ok(acls)
    }
}
