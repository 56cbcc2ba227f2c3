use super::*;

fn statement(effect: Effect, action: &str, resource: &str, keys: &[(&str, &str)]) -> Statement {
    Statement {
        effect,
        actions: vec![action.into()],
        not_actions: Vec::new(),
        resources: vec![resource.into()],
        conditions: keys
            .iter()
            .map(|(k, v)| ((*k).into(), vec![(*v).into()]))
            .collect(),
    }
}

fn check(statements: &[Statement], attempt: (&str, &str, &[(&str, &str)]), expected: bool) {
    let policy = Policy {
        statements: statements.to_vec(),
    };
    let (action, resource, conditions) = attempt;
    assert_eq!(
        decide(
            &policy,
            &Attempt {
                action,
                resource,
                conditions
            }
        ),
        expected,
        "{policy:?} {attempt:?}"
    );
}

#[test]
fn deny_wins_and_silence_denies() {
    let allow = statement(Effect::Allow, "kafka:*", "*", &[]);
    let deny = statement(Effect::Deny, "kafka:Delete*", "*/prod-*", &[]);
    check(&[], ("kafka:List", "*", &[]), false);
    check(std::slice::from_ref(&allow), ("kafka:List", "*", &[]), true);
    check(
        std::slice::from_ref(&allow),
        ("billing:List", "*", &[]),
        false,
    );
    check(
        &[allow.clone(), deny.clone()],
        ("kafka:DeleteTopic", "instance/prod-1", &[]),
        false,
    );
    check(
        &[deny, allow],
        ("kafka:DeleteTopic", "instance/test-1", &[]),
        true,
    );
}

#[test]
fn conditions_need_their_key_and_one_of_its_values() {
    let only = statement(Effect::Allow, "*", "*", &[("product", "kafka_p*")]);
    check(std::slice::from_ref(&only), ("a", "*", &[]), false);
    check(
        std::slice::from_ref(&only),
        ("a", "*", &[("product", "disk")]),
        false,
    );
    check(
        std::slice::from_ref(&only),
        ("a", "*", &[("Product", "kafka_pre")]),
        true,
    );
}

#[test]
fn a_resource_is_named_whole_or_by_its_id() {
    use Effect::{Allow, Deny};
    let alpha = "acs:queue:north:7:alpha";
    let all = "acs:queue:north:7:*";
    let path = "qcs::queue:north:uin/7:queueId/alpha";
    let nowhere = "acs:queue::7:alpha";
    for (effect, pattern, name, expected) in [
        (Allow, "alpha", alpha, true),
        (Allow, "alpha", path, true),
        (Allow, "al*", path, true),
        (Allow, "beta", path, false),
        (Allow, "*", alpha, true),
        (Allow, "*alpha", alpha, true),
        (Allow, "acs:queue:*:*:alpha", alpha, true),
        (Allow, "acs:queue:*:*:*", all, true),
        (Allow, "acs:queue:*:*:alpha", all, false),
        (Allow, "acs:queue:south:*:*", alpha, false),
        (Allow, "acs:queue:north:8:alpha", alpha, false),
        (Allow, "acs:other:*:*:*", alpha, false),
        (Allow, "acs:queue:north:*:*", nowhere, false),
        (Allow, "qcs::queue:::queueId/alpha", path, true),
        (Allow, "qcs::queue:*:uin/:queueId/*", path, true),
        (Allow, "qcs::queue:*:uin/8:queueId/*", path, false),
        (Deny, "alpha", path, true),
        (Deny, "*alpha", path, true),
        (Deny, "*/alpha", alpha, true),
        // Shortened regions and the example account of a page: the id is what is meant.
        (Deny, "qcs::queue:n:uin/1:queueId/alpha", path, true),
        (Deny, "acs:queue:south:8:ALPHA", alpha, true),
        (Deny, "acs:queue:south:8:al?ha", alpha, true),
        (Deny, "acs:queue:south:8:beta", alpha, false),
        (Deny, "acs:queue:south:*:*", alpha, false),
        (Deny, "acs:queue:south:*:*", nowhere, true),
        (Deny, "acs:queue:*:*:*", all, true),
        (Deny, "acs:other:*:*:*", alpha, false),
    ] {
        let other = match effect {
            Allow => None,
            Deny => Some(statement(Allow, "*", "*", &[])),
        };
        let statements: Vec<Statement> = [statement(effect, "*", pattern, &[])]
            .into_iter()
            .chain(other)
            .collect();
        check(&statements, ("a", name, &[]), expected == (effect == Allow));
    }
}

#[test]
fn a_policy_is_kept_only_if_it_is_understood() {
    let vocabulary = Vocabulary {
        actions: vec!["queue:Make".to_owned(), "queue:Drop".to_owned()],
        condition_keys: vec!["queue:Kind"],
        resource_forms: vec![
            "acs:queue:{region}:{account}:{id}",
            "qcs::queue:{region}:uin/{account}:queueId/{id}",
        ],
        regions: vec!["north".to_owned()],
    };
    let long = "x".repeat(PATTERN_BYTES_MAX + 1);
    for (action, resource, key, allowed, denied) in [
        ("*", "*", "", true, true),
        ("queue:*", "alpha*", "queue:kind", true, true),
        ("queue:Make", "*alpha", "", true, true),
        ("*", "*queueId/alpha", "", true, true),
        ("*", "*queueId/*", "", true, false),
        ("*", "acs:queue:*:*:alpha", "", true, true),
        ("*", "acs:queue:south:8:alpha", "", true, true),
        ("*", "acs:queue:north:*:*", "", true, true),
        ("*", "acs:queue:no*:*:*", "", true, true),
        ("*", "acs:queue:south:*:*", "", true, false),
        ("*", "acs:queue:north:8:*", "", true, false),
        ("*", "qcs::queue:n:uin/1:queueId/alpha", "", true, true),
        ("*", "qcs::queue:::queueId/*", "", true, true),
        ("*", "qcs::queue:*:uin/*:queueId/*", "", true, true),
        ("*", "qcs::queue:*:uin/:queueId/*", "", true, true),
        ("*", "qcs::queue:*:*:*", "", true, true),
        // Other clouds, other services, other paths, parts that are missing or too many.
        ("*", "arn:aws:kafka:::cluster/alpha", "", false, false),
        ("*", "acs:quue:*:*:alpha", "", false, false),
        ("*", "acs:queue:*:alpha", "", false, false),
        ("*", "acs:queue:*:*:alpha:topic", "", false, false),
        ("*", "qcs::queue:*:*:topicId/alpha", "", false, false),
        ("*", "qcs::queue:*:*:queueId/alpha/topic", "", false, false),
        ("*", "instance/alpha", "", false, false),
        ("*", "", "", false, false),
        ("*", &long, "", false, false),
        ("", "*", "", false, false),
        // What an allow says of nothing that exists, it allows nobody.
        ("*", " alpha", "", true, false),
        ("*", "alpha\n", "", true, false),
        ("*", "\u{430}lpha", "", true, false),
        ("*", "acs:queue:*:*:alpha ", "", true, false),
        ("*", "acs:queue:*:*:${x}", "", true, false),
        ("queue:Mkae", "*", "", true, false),
        ("queue", "*", "", true, false),
        ("*", "*", "queue:Knid", true, false),
    ] {
        for (effect, expected) in [(Effect::Allow, allowed), (Effect::Deny, denied)] {
            let keys = [(key, "x")];
            let keys = if key.is_empty() { &[][..] } else { &keys };
            let policy = Policy {
                statements: vec![statement(effect, action, resource, keys)],
            };
            let checked = policy.check(&vocabulary);
            assert_eq!(checked.is_ok(), expected, "{policy:?} {checked:?}");
        }
    }
    let mut empty = statement(Effect::Deny, "*", "*", &[("queue:Kind", "x")]);
    empty.conditions.values_mut().for_each(Vec::clear);
    let statements = vec![statement(Effect::Allow, "*", "*", &[]), empty];
    let error = Policy { statements }.check(&vocabulary).unwrap_err();
    assert_eq!(error.statement, 2);
}

#[test]
fn words_that_policies_do_not_have_are_refused() {
    let statement = r#"{"effect":"deny","actions":["*"],"resources":["*"]}"#;
    let read = |text: String| serde_json::from_str::<Policy>(&text).is_ok();
    assert!(read(format!(r#"{{"statements":[{statement}]}}"#)));
    for (from, to) in [
        ("deny", "Deny"),
        ("deny", "forbid"),
        (r#""actions""#, r#""notActions":["a"],"actions""#),
        (r#""actions""#, r#""condition":{},"actions""#),
        (r#","resources":["*"]"#, ""),
    ] {
        let other = statement.replace(from, to);
        assert!(!read(format!(r#"{{"statements":[{other}]}}"#)), "{other}");
    }
    assert!(!read(format!(
        r#"{{"statements":[{statement}],"deny":[]}}"#
    )));
}

fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some('*'), _) => {
            naive(&pattern[1..], text) || (!text.is_empty() && naive(pattern, &text[1..]))
        }
        (Some('?'), Some(_)) => naive(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) if p == t => naive(&pattern[1..], &text[1..]),
        _ => false,
    }
}

proptest::proptest! {
    #[test]
    fn patterns_agree_with_a_naive_matcher(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        proptest::prop_assert_eq!(pattern_matches(&pattern, &text), naive(&p, &t));
    }
}
