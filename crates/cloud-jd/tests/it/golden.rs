//! The recorded requests of the vendor's clients, through the whole gateway at the moment of their signature.

use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::SANDBOX_ACCOUNT;
use brokerage_domain::access::Policy;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::AccessKeyId;
use brokerage_testkit::golden::{self, GoldenLine};
use brokerage_testkit::{Answer, Plane, PlaneOptions};

const LINES: &str = include_str!("../../golden/jdcloud.jsonl");

/// Sends a line to a plane that knows its key.
async fn replay(line: &GoldenLine) -> Answer {
    let beginning = Moment::from_seconds(line.clock);
    let plane = Plane::start(PlaneOptions {
        beginning,
        ..PlaneOptions::default()
    })
    .await;
    let account = plane.control.account_view(SANDBOX_ACCOUNT).await.unwrap();
    let credential = line.credential().unwrap();
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
        .unwrap();
    plane.send(&line.wire_request().unwrap()).await
}

/// The recordings name classes and instances that are not ours: what the rules answer is known for each operation.
fn expected(action: &str) -> (u16, &'static str) {
    match action {
        _ if action.contains("describe-instances")
            || action.contains("describe-vpcs")
            || action.contains("describe-subnets") =>
        {
            (200, "\"totalCount\":0")
        }
        _ if action.contains("create-instance-dict-unicode") => (400, "instance.instanceName"),
        _ if action.contains("create-instance") => (400, "is not offered here"),
        _ => (404, "does not exist"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recorded_request_is_authenticated_and_answered() {
    let lines: Vec<GoldenLine> = golden::parse(LINES).map(Result::unwrap).collect();
    assert_eq!(lines.len(), 32);
    for line in lines {
        let answer = replay(&line).await;
        let (status, part) = expected(&line.action);
        assert_eq!(answer.status, status, "{}: {}", line.name, answer.body);
        assert!(answer.body.contains(part), "{}: {}", line.name, answer.body);
    }
}
