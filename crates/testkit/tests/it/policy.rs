//! A deny that names an instance bites in every operation of every dialect that can reach one, however it reaches it;
//! and a policy that means nothing here is not kept.
#![expect(clippy::unwrap_used, reason = "a test that panics shows the line")]

use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_domain::Error;
use brokerage_testkit::calls::{Example, Operation, Player};
use brokerage_testkit::{Answer, Plane};
use brokerage_wire::operation::Mode;
use serde_json::{Value, json};

use crate::stage::{
    SECRET, accepted, bought, is_forbidden, key, names_saved, prepared, request, signed_by,
    statement,
};

/// Every way in which a statement can name one instance.
fn names(id: &str) -> Vec<String> {
    let form = match id {
        id if id.starts_with("ckafka") => [
            "qcs::ckafka:*:*:ckafkaId/",
            "qcs::ckafka:gz:uin/1:ckafkaId/",
        ],
        id if id.starts_with("alikafka") => ["acs:alikafka:*:*:", "acs:alikafka:cn-beijing:1:"],
        _ => [
            "jrn:kafka:*:*:instances/",
            "jrn:kafka:cn-south-1:1:instances/",
        ],
    };
    let paths = form.iter().map(|path| format!("{path}{id}"));
    [id.to_owned(), format!("*{id}")]
        .into_iter()
        .chain(paths)
        .collect()
}

/// The instance that a player has bought, where it has.
fn instance(player: &Player<'_, Plane>) -> Option<String> {
    let saved = player.saved().get("instance")?;
    Some(saved.as_str()?.to_owned())
}

/// An operation by its dialect and name.
fn operation(name: &str) -> Operation {
    let mut all = Operation::all();
    all.find(|operation| operation.to_string() == name).unwrap()
}

/// Makes a call by a key, with what a player has saved.
async fn send(
    plane: &Plane,
    operation: Operation,
    player: &Player<'_, Plane>,
    example: &Example,
    key: &str,
) -> Answer {
    let params = player.params(example).unwrap();
    let request = request(operation, &params, operation.region());
    let secret = match key {
        SANDBOX_KEY_ID => SANDBOX_SECRET,
        _ => SECRET,
    };
    plane
        .send(&signed_by(plane, operation, request, (key, secret)))
        .await
}

/// Everything is allowed but what is named.
fn all_but(denied: String) -> Value {
    json!({ "statements": [statement("allow", &["*".into()]), statement("deny", &[denied])] })
}

async fn check(operation: Operation) {
    let plane = Plane::sandbox().await;
    let player = prepared(&plane, operation).await;
    let Some(denied) = instance(&player) else {
        return;
    };
    // Another one, which is not denied.
    let other = instance(&prepared(&plane, operation).await).unwrap();
    let keys: Vec<(String, String)> = names(&denied)
        .into_iter()
        .enumerate()
        .map(|(way, name)| (format!("DENIED{way}"), name))
        .collect();
    for (id, name) in &keys {
        key(&plane, id, all_but(name.clone())).await.unwrap();
    }
    // What a call saves is not there for the next: none of them is let through.
    let calls = accepted(operation).filter(|call| player.params(call).is_ok());
    for example in calls {
        let names = names_saved(example, &bought(&player));
        let own = match operation.row.mode {
            Mode::Read => {
                send(&plane, operation, &player, example, SANDBOX_KEY_ID)
                    .await
                    .body
            }
            Mode::Write => String::new(),
        };
        for (id, name) in &keys {
            let answer = send(&plane, operation, &player, example, id).await;
            let what = format!("{operation} {} by {name}: {}", example.title, answer.body);
            let is_left_out = own.contains(&denied) && !answer.body.contains(&denied);
            match names {
                true => assert!(is_forbidden(operation, &answer) || is_left_out, "{what}"),
                false => assert!(!answer.body.contains(&denied), "{what}"),
            }
            if !names && own.contains(&denied) {
                assert!(answer.body.contains(&other), "{what}");
            }
        }
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deny_of_an_instance_bites_in_every_operation() {
    for operation in Operation::all() {
        check(operation).await;
    }
}

/// A list that names an instance is refused; it is not made without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_names_what_is_denied_is_refused() {
    for name in ["alikafka/GetInstanceList", "alikafka/ListTagResources"] {
        let operation = operation(name);
        let plane = Plane::sandbox().await;
        let player = prepared(&plane, operation).await;
        let denied = instance(&player).unwrap();
        key(&plane, "DENIED", all_but(denied)).await.unwrap();
        let naming = accepted(operation).filter(|call| names_saved(call, player.saved()));
        let mut count = 0;
        for example in naming {
            let answer = send(&plane, operation, &player, example, "DENIED").await;
            assert!(is_forbidden(operation, &answer), "{name}: {}", answer.body);
            count += 1;
        }
        assert!(count >= 2, "{name} has calls by more than one name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_are_changed_all_or_none() {
    let plane = Plane::sandbox().await;
    let tag = operation("alikafka/TagResources");
    let (player, others) = (prepared(&plane, tag).await, prepared(&plane, tag).await);
    let (denied, other) = (instance(&player).unwrap(), instance(&others).unwrap());
    key(&plane, "DENIED", all_but(denied.clone()))
        .await
        .unwrap();
    let of_both = json!({ "ResourceType": "INSTANCE", "ResourceId": [other, denied] });
    let mut example = Example {
        send: of_both.as_object().unwrap().clone(),
        ..Example::default()
    };
    let list = operation("alikafka/ListTagResources");
    example.send.insert("Tag".into(), json!([{ "Key": "new" }]));
    let answer = send(&plane, tag, &player, &example, "DENIED").await;
    assert!(is_forbidden(tag, &answer), "{}", answer.body);
    let of_other = json!({ "ResourceType": "INSTANCE", "ResourceId": [other] });
    example.send = of_other.as_object().unwrap().clone();
    let listed = send(&plane, list, &player, &example, "DENIED").await;
    assert!(!listed.body.contains("new"), "{}", listed.body);
    // The same tag where nothing is denied.
    example.send.insert("Tag".into(), json!([{ "Key": "new" }]));
    let answer = send(&plane, tag, &player, &example, "DENIED").await;
    assert!(!is_forbidden(tag, &answer), "{}", answer.body);
    example.send.remove("Tag");
    let listed = send(&plane, list, &player, &example, "DENIED").await;
    assert!(
        listed.body.contains(&other) && listed.body.contains("new"),
        "{}",
        listed.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allow_of_one_instance_is_for_what_names_it() {
    for name in [
        "alikafka/GetQuotaTip",
        "ckafka/DescribeInstanceAttributes",
        "jdkafka/describeInstance",
    ] {
        let operation = operation(name);
        let plane = Plane::sandbox().await;
        let player = prepared(&plane, operation).await;
        let others = prepared(&plane, operation).await;
        let sample = operation.sample();
        for (way, name) in names(&instance(&player).unwrap()).into_iter().enumerate() {
            // The last names another region and account.
            let expected = way < 3;
            let id = format!("ALLOWED{way}");
            let policy = json!({ "statements": [statement("allow", std::slice::from_ref(&name))] });
            key(&plane, &id, policy).await.unwrap();
            let answer = send(&plane, operation, &player, sample, &id).await;
            let is_permitted = !is_forbidden(operation, &answer);
            assert_eq!(is_permitted, expected, "{name}: {}", answer.body);
            let answer = send(&plane, operation, &others, sample, &id).await;
            assert!(is_forbidden(operation, &answer), "{name}: {}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_means_nothing_here_is_not_kept() {
    let plane = Plane::sandbox().await;
    let deny = |actions: &str, resource: &str, key: &str| {
        let mut statement =
            json!({ "effect": "deny", "actions": [actions], "resources": [resource] });
        if !key.is_empty() {
            statement["conditions"] = json!({ key: ["x"] });
        }
        json!({ "statements": [statement] })
    };
    for (at, (policy, expected)) in [
        (deny("*", "*", ""), true),
        (
            deny(
                "alikafka:Delete*",
                "alikafka_post-cn-1",
                "bssapi:ProductCode",
            ),
            true,
        ),
        (deny("alikafka:DeleteInstnace", "*", ""), false),
        (deny("*", "arn:aws:kafka:eu:1:cluster/x", ""), false),
        (deny("*", "acs:alikakfa:*:*:x", ""), false),
        (deny("*", "acs:alikafka:cn-hangzhou:*:*", ""), true),
        (deny("*", "acs:alikafka:hangzhou:*:*", ""), false),
        (deny("*", "acs:alikafka:*:1:*", ""), false),
        (deny("*", "qcs::ckafka:gz:uin/1:ckafkaId/*", ""), false),
        (deny("*", "qcs::ckafka:gz:uin/1:ckafkaId/x", ""), true),
        (deny("*", "qcs::ckafka:gz:uin/1:topicId/x", ""), false),
        (deny("*", "jrn:vpc:*:*:vpcs/x", ""), true),
        (deny("*", "*", "acs:SourceIp"), false),
    ]
    .into_iter()
    .enumerate()
    {
        let made = key(&plane, &format!("KEY{at}"), policy.clone()).await;
        match made {
            Ok(()) => assert!(expected, "{policy}"),
            Err(Error::Invalid { what: "policy", .. }) => assert!(!expected, "{policy}"),
            Err(error) => panic!("{policy}: {error}"),
        }
    }
}
