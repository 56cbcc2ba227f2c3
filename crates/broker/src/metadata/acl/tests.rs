//! ACLs against a plain model that looks at all of them.

use proptest::prelude::*;

use super::*;

/// What Kafka's rules say when every ACL is looked at.
fn naive_verdict(
    acls: &[Acl],
    requester: Requester<'_>,
    operation: AclOperation,
    resource_type: ResourceType,
    name: &str,
) -> AuthorizationResult {
    let of_resource: Vec<&Acl> = acls
        .iter()
        .filter(|acl| {
            acl.resource_type == resource_type
                && match acl.pattern_type {
                    PatternType::Literal => acl.resource_name == name || acl.resource_name == "*",
                    PatternType::Prefixed => name.starts_with(&acl.resource_name),
                }
        })
        .collect();
    if of_resource.is_empty() {
        return AuthorizationResult::NoAcls;
    }
    let concerns = |acl: &&&Acl| {
        (acl.principal == requester.principal || acl.principal == "User:*")
            && (acl.host == requester.host || acl.host == "*")
    };
    let is_denied = of_resource.iter().filter(concerns).any(|acl| {
        acl.permission == AclPermission::Deny
            && (acl.operation == operation || acl.operation == AclOperation::All)
    });
    let implying: &[AclOperation] = match operation {
        AclOperation::Describe => &[
            AclOperation::Read,
            AclOperation::Write,
            AclOperation::Delete,
            AclOperation::Alter,
        ],
        AclOperation::DescribeConfigs => &[AclOperation::AlterConfigs],
        _ => &[],
    };
    let is_allowed = of_resource.iter().filter(concerns).any(|acl| {
        acl.permission == AclPermission::Allow
            && (acl.operation == operation
                || acl.operation == AclOperation::All
                || implying.contains(&acl.operation))
    });
    if is_allowed && !is_denied {
        AuthorizationResult::Allowed
    } else {
        AuthorizationResult::Denied
    }
}

/// Kafka's `authorizeByResourceType`, without its shortcut for those who may do everything.
fn naive_allows_any(
    acls: &[Acl],
    requester: Requester<'_>,
    operation: AclOperation,
    resource_type: ResourceType,
) -> bool {
    let of = |permission: AclPermission, kind: PatternType| -> BTreeSet<&str> {
        acls.iter()
            .filter(|acl| acl.resource_type == resource_type)
            .filter(|acl| acl.host == requester.host || acl.host == "*")
            .filter(|acl| acl.principal == requester.principal || acl.principal == "User:*")
            .filter(|acl| acl.operation == operation || acl.operation == AclOperation::All)
            .filter(|acl| acl.permission == permission && acl.pattern_type == kind)
            .map(|acl| acl.resource_name.as_str())
            .collect()
    };
    let denied_names = of(AclPermission::Deny, PatternType::Literal);
    let denied_prefixes = of(AclPermission::Deny, PatternType::Prefixed);
    let names = of(AclPermission::Allow, PatternType::Literal);
    let prefixes = of(AclPermission::Allow, PatternType::Prefixed);
    if denied_names.contains("*") {
        return false;
    }
    let is_prefix_free = |name: &&&str| {
        !denied_prefixes
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    names.contains("*")
        || names
            .iter()
            .filter(|name| !denied_names.contains(**name))
            .any(|name| is_prefix_free(&name))
        || prefixes.iter().any(|name| is_prefix_free(&name))
}

fn operation() -> impl Strategy<Value = AclOperation> {
    prop::sample::select(vec![
        AclOperation::All,
        AclOperation::Read,
        AclOperation::Write,
        AclOperation::Delete,
        AclOperation::Describe,
        AclOperation::AlterConfigs,
        AclOperation::DescribeConfigs,
    ])
}

fn resource_type() -> impl Strategy<Value = ResourceType> {
    prop::sample::select(vec![ResourceType::Topic, ResourceType::Group])
}

/// Names that are prefixes of each other, some with characters of several bytes.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "abc", "abd", "b", "é", "éa", "ê", "*"])
        .prop_map(str::to_owned)
}

fn acl() -> impl Strategy<Value = Acl> {
    let pattern_type = prop::sample::select(vec![PatternType::Literal, PatternType::Prefixed]);
    let principal = prop::sample::select(vec!["User:u", "User:v", "User:*"]);
    let host = prop::sample::select(vec!["*", "10.0.0.1", "10.0.0.2"]);
    let permission = prop::sample::select(vec![
        AclPermission::Allow,
        AclPermission::Allow,
        AclPermission::Deny,
    ]);
    (
        resource_type(),
        name(),
        pattern_type,
        principal,
        host,
        operation(),
        permission,
    )
        .prop_map(
            |(
                resource_type,
                resource_name,
                pattern_type,
                principal,
                host,
                operation,
                permission,
            )| {
                Acl {
                    resource_type,
                    resource_name,
                    pattern_type,
                    principal: principal.to_owned(),
                    host: host.to_owned(),
                    operation,
                    permission,
                }
            },
        )
}

proptest! {
    #[test]
    fn the_set_says_what_looking_at_every_acl_says(
        made in prop::collection::vec(acl(), 0..24),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        operation in operation(),
        resource_type in resource_type(),
        name in name(),
    ) {
        let mut set = AclSet::default();
        let mut all: BTreeSet<Acl> = BTreeSet::new();
        for acl in &made {
            set.insert(acl.clone());
            all.insert(acl.clone());
        }
        for index in removed.iter().filter(|_| !made.is_empty()) {
            let acl = index.get(&made);
            set.remove(acl);
            all.remove(acl);
        }
        prop_assert_eq!(set.len(), all.len());
        let listed: BTreeSet<Acl> = set.iter().collect();
        prop_assert_eq!(&listed, &all);
        prop_assert!(made.iter().all(|acl| set.contains(acl) == all.contains(acl)));
        // Nothing is left behind of what was removed.
        let mut anew = AclSet::default();
        all.iter().cloned().for_each(|acl| anew.insert(acl));
        prop_assert_eq!(&anew, &set);
        let all: Vec<Acl> = all.into_iter().collect();
        for (principal, host) in [("User:u", "10.0.0.1"), ("User:v", "10.0.0.2"), ("User:w", "10.0.0.3")] {
            let requester = Requester { principal, host };
            prop_assert_eq!(
                set.authorization(requester, operation, resource_type, &name),
                naive_verdict(&all, requester, operation, resource_type, &name)
            );
            prop_assert_eq!(
                set.allows_any(requester, operation, resource_type),
                naive_allows_any(&all, requester, operation, resource_type)
            );
        }
    }
}

fn topic_acl(name: &str, pattern_type: PatternType) -> Acl {
    Acl {
        resource_type: ResourceType::Topic,
        resource_name: name.to_owned(),
        pattern_type,
        principal: "User:u".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::Read,
        permission: AclPermission::Allow,
    }
}

#[test]
fn filters_choose_by_name_as_kafka_does() {
    let own = topic_acl("orders", PatternType::Literal);
    let all = topic_acl("*", PatternType::Literal);
    let prefix = topic_acl("ord", PatternType::Prefixed);
    let check = |pattern_type: PatternFilter, name: Option<&str>, expected: [bool; 3]| {
        let filter = AclFilter {
            resource_type: Some(ResourceType::Topic),
            resource_name: name.map(str::to_owned),
            pattern_type,
            ..AclFilter::default()
        };
        let chosen = [&own, &all, &prefix].map(|acl| filter.fits(acl));
        assert_eq!(chosen, expected, "{filter:?}");
    };
    let literal = PatternFilter::Is(PatternType::Literal);
    let prefixed = PatternFilter::Is(PatternType::Prefixed);
    check(PatternFilter::Any, None, [true, true, true]);
    check(PatternFilter::Match, None, [true, true, true]);
    check(literal, None, [true, true, false]);
    check(prefixed, None, [false, false, true]);
    check(PatternFilter::Any, Some("orders"), [true, false, false]);
    check(PatternFilter::Any, Some("ord"), [false, false, true]);
    check(PatternFilter::Match, Some("orders"), [true, true, true]);
    check(PatternFilter::Match, Some("order"), [false, true, true]);
    check(PatternFilter::Match, Some("or"), [false, true, false]);
    check(literal, Some("orders"), [true, false, false]);
    check(literal, Some("*"), [false, true, false]);
    check(prefixed, Some("orders"), [false, false, false]);
    check(prefixed, Some("ord"), [false, false, true]);
}

#[test]
fn the_other_fields_of_a_filter_are_compared_literally() {
    let acl = topic_acl("orders", PatternType::Literal);
    let check = |filter: AclFilter, expected: bool| {
        assert_eq!(filter.fits(&acl), expected, "{filter:?}");
    };
    let any = AclFilter::default;
    check(any(), true);
    let of = |principal: &str| AclFilter {
        principal: Some(principal.to_owned()),
        ..any()
    };
    check(of("User:u"), true);
    check(of("User:*"), false);
    let from = |host: &str| AclFilter {
        host: Some(host.to_owned()),
        ..any()
    };
    check(from("*"), true);
    check(from("10.0.0.1"), false);
    let to = |operation| AclFilter {
        operation: Some(operation),
        ..any()
    };
    check(to(AclOperation::Read), true);
    check(to(AclOperation::All), false);
    check(to(AclOperation::Describe), false);
    let saying = |permission| AclFilter {
        permission: Some(permission),
        ..any()
    };
    check(saying(AclPermission::Allow), true);
    check(saying(AclPermission::Deny), false);
}
