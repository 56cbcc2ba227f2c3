//! ACLs, in the words of `org.apache.kafka.common` (`ResourceType`, `PatternType`, `AclOperation`, `AclPermissionType`).

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
/// Kafka's number of patterns that apply to a resource, in filters.
const MATCH: i8 = 2;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $code:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* $item = $code,)+ }

        impl $name {
            /// The number in Kafka's protocol.
            pub fn code(self) -> i8 {
                self as i8
            }

            /// The value of a number in Kafka's protocol.
            pub fn from_code(code: i8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$item),)+
                    _ => None,
                }
            }

            /// Kafka's name of it, in capitals.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$item => $word,)+
                }
            }

            /// The value of a name, whichever letters are capitals (as Kafka's tools read it), with underscores or
            /// without.
            pub fn from_name(name: &str) -> Option<Self> {
                let letters = |name: &str| name.replace('_', "").to_ascii_uppercase();
                let named = letters(name);
                [$((Self::$item, $word),)+]
                    .into_iter()
                    .find_map(|(item, word)| (letters(word) == named).then_some(item))
            }

            fn read(key: i16, code: i8) -> Result<Self, AdminError> {
                Self::from_code(code).ok_or_else(|| AdminError::Malformed {
                    key,
                    reason: format!(concat!("{} is no ", stringify!($name), " of an ACL"), code),
                })
            }
        }
    };
}

codes! {
    /// What an ACL protects.
    ResourceType {
        /// A topic.
        Topic = 2 "TOPIC",
        /// A consumer group.
        Group = 3 "GROUP",
        /// The cluster; its name is always `kafka-cluster`.
        Cluster = 4 "CLUSTER",
        /// A transactional id.
        TransactionalId = 5 "TRANSACTIONAL_ID",
        /// A delegation token.
        DelegationToken = 6 "DELEGATION_TOKEN",
        /// A user, for delegation tokens.
        User = 7 "USER",
    }
}

codes! {
    /// How the name in an ACL is compared with the name of a resource.
    PatternType {
        /// Equal, or `*` for every resource.
        Literal = 3 "LITERAL",
        /// The resource's name starts with it (KIP-290).
        Prefixed = 4 "PREFIXED",
    }
}

codes! {
    /// What is done to a resource.
    AclOperation {
        /// Every operation.
        All = 2 "ALL",
        /// Consume, join a group, commit offsets.
        Read = 3 "READ",
        /// Produce, use a transactional id.
        Write = 4 "WRITE",
        /// Create topics.
        Create = 5 "CREATE",
        /// Delete topics, records, groups.
        Delete = 6 "DELETE",
        /// Add partitions; on the cluster: change ACLs and users.
        Alter = 7 "ALTER",
        /// See that it exists.
        Describe = 8 "DESCRIBE",
        /// What brokers ask of each other.
        ClusterAction = 9 "CLUSTER_ACTION",
        /// Read settings.
        DescribeConfigs = 10 "DESCRIBE_CONFIGS",
        /// Change settings.
        AlterConfigs = 11 "ALTER_CONFIGS",
        /// Produce without duplicates.
        IdempotentWrite = 12 "IDEMPOTENT_WRITE",
        /// Make delegation tokens.
        CreateTokens = 13 "CREATE_TOKENS",
        /// See delegation tokens.
        DescribeTokens = 14 "DESCRIBE_TOKENS",
        /// Prepare transactions for a foreign coordinator (KIP-939).
        TwoPhaseCommit = 15 "TWO_PHASE_COMMIT",
    }
}

codes! {
    /// Whether an ACL permits or forbids.
    AclPermission {
        /// Forbids; beats every permission.
        Deny = 2 "DENY",
        /// Permits.
        Allow = 3 "ALLOW",
    }
}

/// Who may, or may not, do what to which resource, and from where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// Kind of the resource.
    pub resource_type: ResourceType,
    /// Name or prefix of the resource; `*` with [`PatternType::Literal`] is all of them.
    pub resource_name: String,
    /// How the name is compared.
    pub pattern_type: PatternType,
    /// `User:name`; `User:*` is everybody.
    pub principal: String,
    /// Address; `*` is everywhere.
    pub host: String,
    /// What is permitted or forbidden.
    pub operation: AclOperation,
    /// Which of the two.
    pub permission: AclPermission,
}

impl Acl {
    fn read(resource: (i8, &str, i8), rule: (&str, &str, i8, i8)) -> Result<Self, AdminError> {
        const KEY: i16 = DescribeAclsRequest::KEY;
        let (resource_type, resource_name, pattern_type) = resource;
        let (principal, host, operation, permission) = rule;
        Ok(Self {
            resource_type: ResourceType::read(KEY, resource_type)?,
            resource_name: resource_name.to_owned(),
            pattern_type: PatternType::read(KEY, pattern_type)?,
            principal: principal.to_owned(),
            host: host.to_owned(),
            operation: AclOperation::read(KEY, operation)?,
            permission: AclPermission::read(KEY, permission)?,
        })
    }
}

/// Which patterns a filter looks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PatternFilter {
    /// Patterns of both types; a name has to be the pattern's own.
    #[default]
    Any,
    /// Patterns that apply to the resource of that name.
    Match,
    /// Patterns of this type; a name has to be the pattern's own.
    Is(PatternType),
}

impl PatternFilter {
    fn code(self) -> i8 {
        match self {
            Self::Any => ANY,
            Self::Match => MATCH,
            Self::Is(pattern_type) => pattern_type.code(),
        }
    }
}

/// Which ACLs are meant; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AclFilter {
    /// Kind of the resource.
    pub resource_type: Option<ResourceType>,
    /// The resource, read as [`AclFilter::pattern_type`] says.
    pub resource_name: Option<String>,
    /// How the name is understood.
    pub pattern_type: PatternFilter,
    /// As [`Acl::principal`].
    pub principal: Option<String>,
    /// As [`Acl::host`].
    pub host: Option<String>,
    /// As [`Acl::operation`].
    pub operation: Option<AclOperation>,
    /// As [`Acl::permission`].
    pub permission: Option<AclPermission>,
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
                .with_resource_type(acl.resource_type.code())
                .with_resource_name(text(&acl.resource_name))
                .with_resource_pattern_type(acl.pattern_type.code())
                .with_principal(text(&acl.principal))
                .with_host(text(&acl.host))
                .with_operation(acl.operation.code())
                .with_permission_type(acl.permission.code())
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
            .with_resource_type_filter(filter.resource_type.map_or(ANY, ResourceType::code))
            .with_resource_name_filter(filter.resource_name.as_deref().map(text))
            .with_pattern_type_filter(filter.pattern_type.code())
            .with_principal_filter(filter.principal.as_deref().map(text))
            .with_host_filter(filter.host.as_deref().map(text))
            .with_operation(filter.operation.map_or(ANY, AclOperation::code))
            .with_permission_type(filter.permission.map_or(ANY, AclPermission::code));
        let answer = self.call(&request).await?;
        refused(answer.error_code, answer.error_message.as_deref())?;
        let mut acls = Vec::new();
        for resource in answer.resources {
            for acl in resource.acls {
                let rule = (
                    &*acl.principal,
                    &*acl.host,
                    acl.operation,
                    acl.permission_type,
                );
                acls.push(Acl::read(
                    (
                        resource.resource_type,
                        &resource.resource_name,
                        resource.pattern_type,
                    ),
                    rule,
                )?);
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
            .with_resource_type_filter(filter.resource_type.map_or(ANY, ResourceType::code))
            .with_resource_name_filter(filter.resource_name.as_deref().map(text))
            .with_pattern_type_filter(filter.pattern_type.code())
            .with_principal_filter(filter.principal.as_deref().map(text))
            .with_host_filter(filter.host.as_deref().map(text))
            .with_operation(filter.operation.map_or(ANY, AclOperation::code))
            .with_permission_type(filter.permission.map_or(ANY, AclPermission::code));
        let request = DeleteAclsRequest::default().with_filters(vec![filter]);
        let answer = self.call(&request).await?;
        let gone = only(DeleteAclsRequest::KEY, answer.filter_results)?;
        refused(gone.error_code, gone.error_message.as_deref())?;
        let mut acls = Vec::new();
        for acl in gone.matching_acls {
            refused(acl.error_code, acl.error_message.as_deref())?;
            let rule = (
                &*acl.principal,
                &*acl.host,
                acl.operation,
                acl.permission_type,
            );
            acls.push(Acl::read(
                (acl.resource_type, &acl.resource_name, acl.pattern_type),
                rule,
            )?);
        }
        acls.sort();
        Ok(acls)
    }
}
