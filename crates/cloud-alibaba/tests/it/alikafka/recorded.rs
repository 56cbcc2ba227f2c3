//! The recorded requests of official clients, through the whole gateway.

use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::SANDBOX_ACCOUNT;
use brokerage_domain::access::Policy;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::AccessKeyId;
use brokerage_testkit::golden::{GoldenLine, parse};
use brokerage_testkit::{Answer, Plane, PlaneOptions};

use super::code;

const RECORDED: &str = include_str!("../../../golden/aliyun.jsonl");

/// The answer of a plane that stands at the line's time and knows the line's key.
async fn replayed(line: &GoldenLine) -> Answer {
    let beginning = Moment::from_seconds(line.clock);
    let plane = Plane::start(PlaneOptions {
        beginning,
        ..PlaneOptions::default()
    })
    .await;
    let credential = line.credential().expect("the line's credential is read");
    let account = plane
        .control
        .account_view(SANDBOX_ACCOUNT)
        .await
        .expect("the sandbox account is there");
    let key = NewKey {
        id: Some(AccessKeyId::new(credential.access_key_id)),
        secret: Some(credential.secret),
        session_token: credential.session_token,
        policy: Policy::allow_all(),
    };
    plane
        .control
        .access_key_create(&account.id, key)
        .await
        .expect("the line's key is made");
    plane
        .send(&line.wire_request().expect("the line is a request"))
        .await
}

/// What becomes of a recorded call on a plane that has only just begun.
fn expected(line: &GoldenLine) -> &'static [&'static str] {
    match line.action.as_str() {
        // Orders that were recorded for their signature name half of what an order needs, or are serverless.
        "CreatePostPayOrder" if line.name.contains("sts") || line.name.contains("serverless") => {
            &["", "BIZ_FIELD_CHECK_INVALID"]
        }
        "CreatePostPayOrder" | "GetInstanceList" | "ListTagResources" => &[""],
        // They name an instance that is not there; a recording of odd bytes also has parameters of no operation.
        "StartInstance" | "CreateTopic" | "TagResources" => {
            &["AUTH_RESOURCE_OWNER_ERROR", "BIZ_FIELD_CHECK_INVALID"]
        }
        "ModifyTopicRemark" => &[
            "AUTH_RESOURCE_OWNER_ERROR",
            "MissingInstanceId",
            "MissingRegionId",
            "MissingTopic",
        ],
        other => panic!("say what becomes of {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_call_of_a_client_reaches_its_operation() {
    let mut replayed_lines = 0;
    for line in parse(RECORDED) {
        let line = line.expect("a golden line");
        if line.version != super::VERSION {
            continue;
        }
        let answer = replayed(&line).await;
        let got = match answer.status {
            200 => "",
            _ if answer.json.is_null() => "XML",
            _ => code(&answer),
        };
        assert!(
            expected(&line).contains(&got),
            "{}: {}",
            line.name,
            answer.body
        );
        replayed_lines += 1;
    }
    assert!(replayed_lines > 20, "{replayed_lines}");
}
