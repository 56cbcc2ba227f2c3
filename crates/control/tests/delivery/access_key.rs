//! Keys and the policies that they carry.

use brokerage_control::access_key::NewKey;
use brokerage_domain::Error;
use brokerage_domain::access::{Policy, STATEMENTS_MAX};
use brokerage_testkit::Plane;

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_has_a_bounded_number_of_statements() {
    let plane = Plane::sandbox().await;
    let account = plane.control.account_view("sandbox").await.unwrap();
    let one = Policy::allow_all().statements.remove(0);
    for (statements, fits) in [(STATEMENTS_MAX, true), (STATEMENTS_MAX + 1, false)] {
        let new = NewKey {
            id: None,
            secret: None,
            session_token: None,
            policy: Policy {
                statements: vec![one.clone(); statements],
            },
        };
        let made = plane.control.access_key_create(&account.id, new).await;
        match made {
            Ok(_) => assert!(fits, "{statements} statements"),
            Err(error) => assert!(
                !fits && matches!(error, Error::LimitReached { .. }),
                "{error}"
            ),
        }
    }
}
