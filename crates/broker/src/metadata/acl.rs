//! Access control lists (KIP-11, KIP-290): entries, filters, and the set of a cluster that authorization
//! looks up.
//!
//! The rules are those of Kafka's `StandardAuthorizer`: a DENY that fits beats every ALLOW; permission to
//! read, write, delete or alter implies permission to describe; a resource with ACLs that do not fit is
//! closed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

/// The only name of a resource of type [`ResourceType::Cluster`].
pub(crate) const CLUSTER_NAME: &str = "kafka-cluster";
/// Stands for every resource, and for every host.
pub(crate) const WILDCARD: &str = "*";
/// Stands for every user.
pub(crate) const WILDCARD_PRINCIPAL: &str = "User:*";

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$item_doc])* $item = $code,)+ }

        impl $name {
            /// The number in Kafka's protocol.
            pub fn code(self) -> i8 {
                self as i8
            }

            /// `None` for numbers without a meaning, and for those that only filters use.
            pub fn from_code(code: i8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$item),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// What an ACL protects.
    ResourceType {
        /// A topic.
        Topic = 2,
        /// A consumer group.
        Group = 3,
        /// The cluster; its name is always `kafka-cluster`.
        Cluster = 4,
        /// A transactional id.
        TransactionalId = 5,
        /// A delegation token. Kept, but never asked for: tokens are not served.
        DelegationToken = 6,
        /// A user, for delegation tokens. Kept, but never asked for.
        User = 7,
    }
}

codes! {
    /// How the name in an ACL is compared with the name of a resource.
    PatternType {
        /// Equal, or `*` for every resource.
        Literal = 3,
        /// The resource's name starts with it (KIP-290).
        Prefixed = 4,
    }
}

codes! {
    /// What is done to a resource.
    AclOperation {
        /// Every operation.
        All = 2,
        /// Consume, join a group, commit offsets.
        Read = 3,
        /// Produce, use a transactional id.
        Write = 4,
        /// Create topics.
        Create = 5,
        /// Delete topics, records, groups.
        Delete = 6,
        /// Add partitions; on the cluster: change ACLs and users.
        Alter = 7,
        /// See that it exists.
        Describe = 8,
        /// What brokers ask of each other.
        ClusterAction = 9,
        /// Read settings.
        DescribeConfigs = 10,
        /// Change settings.
        AlterConfigs = 11,
        /// Produce without duplicates.
        IdempotentWrite = 12,
        /// Make delegation tokens.
        CreateTokens = 13,
        /// See delegation tokens.
        DescribeTokens = 14,
        /// Prepare transactions for a foreign coordinator (KIP-939).
        TwoPhaseCommit = 15,
    }
}

codes! {
    /// Whether an ACL permits or forbids.
    AclPermission {
        /// Forbids; beats every permission.
        Deny = 2,
        /// Permits.
        Allow = 3,
    }
}

/// One access control entry: who, from where, may or may not do what to which resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Acl {
    /// Kind of the resource.
    pub resource_type: ResourceType,
    /// Name or prefix of the resource; `*` with [`PatternType::Literal`] stands for all.
    pub resource_name: String,
    /// How the name is compared.
    pub pattern_type: PatternType,
    /// `User:NAME`, or `User:*` for everybody.
    pub principal: String,
    /// An IP address, or `*`.
    pub host: String,
    /// What is permitted or forbidden.
    pub operation: AclOperation,
    /// Which of the two.
    pub permission: AclPermission,
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

/// Chooses ACLs; a field of `None` fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclFilter {
    /// Kind of the resource.
    pub resource_type: Option<ResourceType>,
    /// Name of the resource, read as [`AclFilter::pattern_type`] says.
    pub resource_name: Option<String>,
    /// How the name is understood.
    pub pattern_type: PatternFilter,
    /// The principal, literally.
    pub principal: Option<String>,
    /// The host, literally.
    pub host: Option<String>,
    /// The operation, literally.
    pub operation: Option<AclOperation>,
    /// The permission.
    pub permission: Option<AclPermission>,
}

impl AclFilter {
    /// Whether it chooses the ACL (Kafka's `AclBindingFilter`).
    pub fn fits(&self, acl: &Acl) -> bool {
        fn is<T: PartialEq + ?Sized>(wanted: Option<&T>, value: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == value)
        }
        is(self.resource_type.as_ref(), &acl.resource_type)
            && self.fits_pattern(acl)
            && is(self.principal.as_deref(), acl.principal.as_str())
            && is(self.host.as_deref(), acl.host.as_str())
            && is(self.operation.as_ref(), &acl.operation)
            && is(self.permission.as_ref(), &acl.permission)
    }

    fn fits_pattern(&self, acl: &Acl) -> bool {
        let is_own = |name: &String| *name == acl.resource_name;
        let Some(name) = &self.resource_name else {
            return match self.pattern_type {
                PatternFilter::Is(wanted) => wanted == acl.pattern_type,
                PatternFilter::Any | PatternFilter::Match => true,
            };
        };
        match (self.pattern_type, acl.pattern_type) {
            (PatternFilter::Any, _) => is_own(name),
            (PatternFilter::Is(wanted), actual) => wanted == actual && is_own(name),
            (PatternFilter::Match, PatternType::Literal) => {
                is_own(name) || acl.resource_name == WILDCARD
            }
            (PatternFilter::Match, PatternType::Prefixed) => name.starts_with(&acl.resource_name),
        }
    }
}

/// The rule of an ACL for one principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    host: String,
    operation: AclOperation,
    permission: AclPermission,
}

impl Rule {
    fn is_for_host(&self, host: &str) -> bool {
        self.host == WILDCARD || self.host == host
    }

    fn covers(&self, asked: AclOperation) -> bool {
        use AclOperation as Op;
        if self.operation == asked || self.operation == Op::All {
            return true;
        }
        let implied = match self.operation {
            Op::Read | Op::Write | Op::Delete | Op::Alter => Op::Describe,
            Op::AlterConfigs => Op::DescribeConfigs,
            _ => return false,
        };
        self.permission == AclPermission::Allow && implied == asked
    }
}

/// The rules of one pattern by principal.
type Rules = BTreeMap<String, BTreeSet<Rule>>;

/// The patterns of one resource type.
#[derive(Debug, Clone, Default, PartialEq)]
struct Patterns {
    literal: HashMap<String, Rules>,
    prefixed: HashMap<String, Rules>,
    /// How many prefixes have which length in bytes: only these lengths of a name are looked up.
    prefix_bytes: BTreeMap<usize, usize>,
}

impl Patterns {
    /// The rules of every pattern that applies to a resource.
    fn matching(&self, name: &str) -> impl Iterator<Item = &Rules> {
        let prefixes = self
            .prefix_bytes
            .range(..=name.len())
            .filter_map(|(length, _)| self.prefixed.get(name.get(..*length)?));
        let literal = [self.literal.get(name), self.literal.get(WILDCARD)];
        literal.into_iter().flatten().chain(prefixes)
    }

    fn of(&mut self, pattern_type: PatternType) -> &mut HashMap<String, Rules> {
        match pattern_type {
            PatternType::Literal => &mut self.literal,
            PatternType::Prefixed => &mut self.prefixed,
        }
    }

    fn each(&self) -> impl Iterator<Item = (PatternType, &String, &Rules)> {
        let literal = self.literal.iter().map(|item| (PatternType::Literal, item));
        let prefixed = self
            .prefixed
            .iter()
            .map(|item| (PatternType::Prefixed, item));
        literal
            .chain(prefixed)
            .map(|(kind, (name, rules))| (kind, name, rules))
    }
}

/// Who asks for access.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester<'a> {
    /// `User:NAME`.
    pub principal: &'a str,
    /// The address that it comes from, as Java writes it.
    pub host: &'a str,
}

impl Requester<'_> {
    /// The rules that are for this principal and host, or for everybody.
    fn rules<'r>(&'r self, rules: &'r Rules) -> impl Iterator<Item = &'r Rule> {
        [self.principal, WILDCARD_PRINCIPAL]
            .into_iter()
            .filter_map(|principal| rules.get(principal))
            .flatten()
            .filter(|rule| rule.is_for_host(self.host))
    }
}

/// What the ACLs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthorizationResult {
    /// The resource has no ACLs at all.
    NoAcls,
    Allowed,
    /// By a DENY, or because no ACL of the resource fits.
    Denied,
}

impl Acl {
    /// Bytes of its names.
    pub(crate) fn texts_bytes(&self) -> usize {
        self.resource_name.len() + self.principal.len() + self.host.len()
    }
}

/// The ACLs of a cluster. Authorization looks up only names that may apply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AclSet {
    types: BTreeMap<ResourceType, Patterns>,
    count: usize,
    texts_bytes: usize,
}

impl AclSet {
    /// Bytes of all names in them.
    pub(crate) fn texts_bytes(&self) -> usize {
        self.texts_bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn contains(&self, acl: &Acl) -> bool {
        let patterns = self.types.get(&acl.resource_type);
        let named = patterns.and_then(|patterns| match acl.pattern_type {
            PatternType::Literal => patterns.literal.get(&acl.resource_name),
            PatternType::Prefixed => patterns.prefixed.get(&acl.resource_name),
        });
        named
            .and_then(|rules| rules.get(&acl.principal))
            .is_some_and(|rules| {
                rules.iter().any(|rule| {
                    rule.host == acl.host
                        && rule.operation == acl.operation
                        && rule.permission == acl.permission
                })
            })
    }

    pub(crate) fn insert(&mut self, acl: Acl) {
        let texts_bytes = acl.texts_bytes();
        let patterns = self.types.entry(acl.resource_type).or_default();
        let (length, kind) = (acl.resource_name.len(), acl.pattern_type);
        let named = patterns.of(kind);
        let is_new_name = !named.contains_key(&acl.resource_name);
        let rules = named.entry(acl.resource_name).or_default();
        let is_new = rules.entry(acl.principal).or_default().insert(Rule {
            host: acl.host,
            operation: acl.operation,
            permission: acl.permission,
        });
        if is_new {
            self.count += 1;
            self.texts_bytes += texts_bytes;
        }
        if is_new_name && kind == PatternType::Prefixed {
            *patterns.prefix_bytes.entry(length).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, acl: &Acl) {
        let Some(patterns) = self.types.get_mut(&acl.resource_type) else {
            return;
        };
        let named = patterns.of(acl.pattern_type);
        let Some(rules) = named.get_mut(&acl.resource_name) else {
            return;
        };
        let Some(own) = rules.get_mut(&acl.principal) else {
            return;
        };
        let is_gone = own.remove(&Rule {
            host: acl.host.clone(),
            operation: acl.operation,
            permission: acl.permission,
        });
        if is_gone {
            self.count -= 1;
            self.texts_bytes -= acl.texts_bytes();
        }
        if own.is_empty() {
            rules.remove(&acl.principal);
        }
        // A name without rules must not count as one with ACLs.
        if rules.is_empty() {
            named.remove(&acl.resource_name);
            let length = acl.resource_name.len();
            if acl.pattern_type == PatternType::Prefixed
                && let Some(count) = patterns.prefix_bytes.get_mut(&length)
            {
                *count -= 1;
                if *count == 0 {
                    patterns.prefix_bytes.remove(&length);
                }
            }
        }
        if patterns.literal.is_empty() && patterns.prefixed.is_empty() {
            self.types.remove(&acl.resource_type);
        }
    }

    /// All of them, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Acl> + '_ {
        let patterns = self.types.iter().flat_map(|(resource_type, patterns)| {
            patterns
                .each()
                .map(move |(kind, name, rules)| (*resource_type, kind, name, rules))
        });
        patterns.flat_map(|(resource_type, pattern_type, name, rules)| {
            rules.iter().flat_map(move |(principal, rules)| {
                rules.iter().map(move |rule| Acl {
                    resource_type,
                    resource_name: name.clone(),
                    pattern_type,
                    principal: principal.clone(),
                    host: rule.host.clone(),
                    operation: rule.operation,
                    permission: rule.permission,
                })
            })
        })
    }

    /// Whether an operation on one resource is allowed.
    pub(crate) fn authorization(
        &self,
        requester: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
    ) -> AuthorizationResult {
        let mut authorization = AuthorizationResult::NoAcls;
        let patterns = self.types.get(&resource_type).into_iter();
        for rules in patterns.flat_map(|patterns| patterns.matching(name)) {
            if authorization == AuthorizationResult::NoAcls {
                authorization = AuthorizationResult::Denied;
            }
            for rule in requester.rules(rules).filter(|rule| rule.covers(operation)) {
                match rule.permission {
                    AclPermission::Deny => return AuthorizationResult::Denied,
                    AclPermission::Allow => authorization = AuthorizationResult::Allowed,
                }
            }
        }
        authorization
    }

    /// Whether an operation is permitted on at least one resource of a type (KIP-679): a permission counts
    /// if no DENY covers its whole pattern. Implied operations do not count here, as in Kafka.
    pub(crate) fn allows_any(
        &self,
        requester: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool {
        let Some(patterns) = self.types.get(&resource_type) else {
            return false;
        };
        let says = |rules: &Rules, permission: AclPermission| {
            requester.rules(rules).any(|rule| {
                rule.permission == permission
                    && (rule.operation == operation || rule.operation == AclOperation::All)
            })
        };
        let is_denied =
            |rules: Option<&Rules>| rules.is_some_and(|rules| says(rules, AclPermission::Deny));
        if is_denied(patterns.literal.get(WILDCARD)) {
            return false;
        }
        let is_prefix_denied = |name: &str| {
            let mut lengths = patterns.prefix_bytes.range(..=name.len());
            lengths.any(|(length, _)| {
                let prefix = name.get(..*length);
                is_denied(prefix.and_then(|prefix| patterns.prefixed.get(prefix)))
            })
        };
        patterns.each().any(|(kind, name, rules)| {
            says(rules, AclPermission::Allow)
                && match kind {
                    PatternType::Literal if name == WILDCARD => true,
                    PatternType::Literal => !is_denied(Some(rules)) && !is_prefix_denied(name),
                    PatternType::Prefixed => !is_prefix_denied(name),
                }
        })
    }
}

#[cfg(test)]
mod tests;
