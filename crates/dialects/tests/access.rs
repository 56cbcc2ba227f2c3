//! Every operation of every dialect refuses the unsigned, the wrong key, the wrong secret, a replay of a stranger's
//! clock, and a key whose policy does not permit it.

use brokerage_control::Settings;
use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_dialects::operation::{Row, Table};
use brokerage_dialects::signing::Scheme;
use brokerage_dialects::vendor::TABLES;
use brokerage_dialects::wire::WireRequest;
use brokerage_domain::access::{Effect, Policy, Statement};
use brokerage_domain::id::AccessKeyId;
use brokerage_store::Store;
use brokerage_testkit::{Plane, PlaneOptions};
use http::Method;
use secrecy::{ExposeSecret, SecretString};

/// A request for an operation, not signed, with the scheme that its cloud's clients use.
struct Unsigned {
    request: WireRequest,
    scheme: Scheme,
}

/// How a call ended, as all clouds could say it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Something else than a refusal of the caller: the call went through to its parameters.
    Through,
    NotAuthenticated,
    NotAuthorized,
}

fn unsigned(table: &Table, row: &Row) -> Unsigned {
    match table.dialect.split('-').next().unwrap_or_default() {
        "ckafka" => {
            let headers = [
                ("content-type", "application/json"),
                ("x-tc-action", row.name),
                ("x-tc-version", table.version),
                ("x-tc-region", "ap-guangzhou"),
            ];
            Unsigned {
                request: Plane::request(Method::POST, "/", &headers, "{}"),
                scheme: Scheme::Tc3,
            }
        }
        "jdkafka" | "jdvpc" => {
            let (method, path) = rest_path(row.name);
            let target = format!("/v1/regions/cn-north-1/{path}");
            let headers = [("content-type", "application/json")];
            let body = if method == Method::POST { "{}" } else { "" };
            Unsigned {
                request: Plane::request(method, &target, &headers, body),
                scheme: Scheme::JdCloud2,
            }
        }
        _ => {
            let target = format!(
                "/?Action={}&Version={}&Format=JSON&RegionId=cn-hangzhou",
                row.name, table.version
            );
            Unsigned {
                request: Plane::request(Method::POST, &target, &[], ""),
                scheme: Scheme::RpcV1,
            }
        }
    }
}

/// Where JD Cloud serves an operation.
fn rest_path(operation: &str) -> (Method, &'static str) {
    match operation {
        "createInstance" => (Method::POST, "instances"),
        "describeInstances" => (Method::GET, "instances"),
        "describeInstance" => (Method::GET, "instances/none"),
        "deleteInstance" => (Method::DELETE, "instances/none"),
        "modifyInstanceSpec" => (Method::POST, "instances/none:modifyInstanceSpec"),
        "describeVpcs" => (Method::GET, "vpcs/"),
        "describeSubnets" => (Method::GET, "subnets/"),
        "describeSubnet" => (Method::GET, "subnets/none"),
        other => panic!("{other} needs a path here"),
    }
}

/// Codes by which the clouds refuse a caller.
fn outcome(body: &str) -> Outcome {
    let any = |codes: &[&str]| codes.iter().any(|code| body.contains(code));
    if any(&[
        "UnauthorizedOperation",
        "NoPermission",
        "Forbidden.RAM",
        "PERMISSION_DENIED",
    ]) {
        Outcome::NotAuthorized
    } else if any(&[
        "AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "UNAUTHENTICATED",
        "`Authorization`",
        "MissingAccessKeyId",
        "MissingSignature",
        "carries no signature",
    ]) {
        Outcome::NotAuthenticated
    } else {
        Outcome::Through
    }
}

async fn check(plane: &Plane, key: (&str, &str), expected: Outcome) {
    for table in TABLES {
        for row in table.rows {
            let Unsigned { request, scheme } = unsigned(table, row);
            let (region, service) = match scheme {
                Scheme::JdCloud2 if table.dialect == "jdvpc" => ("cn-north-1", "vpc"),
                Scheme::JdCloud2 => ("cn-north-1", "kafka"),
                _ => ("", "ckafka"),
            };
            let signed = plane.signed_by(key.0, key.1, request, scheme, region, service);
            let answer = plane.send(&signed).await;
            assert_eq!(
                outcome(&answer.body),
                expected,
                "{} {}: {}",
                table.dialect,
                row.name,
                answer.body
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_open_to_its_account_only() {
    let plane = Plane::sandbox().await;
    check(&plane, (SANDBOX_KEY_ID, SANDBOX_SECRET), Outcome::Through).await;
    check(
        &plane,
        (SANDBOX_KEY_ID, "another secret"),
        Outcome::NotAuthenticated,
    )
    .await;
    check(
        &plane,
        ("NOBODY", SANDBOX_SECRET),
        Outcome::NotAuthenticated,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_key_is_nobodys_without_sandbox_mode() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let start = async |sandbox: bool| {
        let settings = Settings {
            sandbox,
            rate_limits: false,
            ..Settings::default()
        };
        let store = Some(store.clone());
        Plane::start(PlaneOptions {
            settings,
            store,
            ..PlaneOptions::default()
        })
        .await
    };
    let well_known = (SANDBOX_KEY_ID, SANDBOX_SECRET);
    check(&start(true).await, well_known, Outcome::Through).await;
    let outside = start(false).await;
    check(&outside, well_known, Outcome::NotAuthenticated).await;
    // Told as any other key that nobody has.
    for table in TABLES {
        let row = &table.rows[0];
        let mut told = Vec::new();
        for id in [SANDBOX_KEY_ID, "ABCDEFGHIJKLMNOP"] {
            let Unsigned { request, scheme } = unsigned(table, row);
            let signed =
                outside.signed_by(id, SANDBOX_SECRET, request, scheme, "cn-north-1", "kafka");
            let answer = outside.send(&signed).await;
            let code = answer.json["Code"].as_str().map(str::to_owned);
            let error = answer.json["Response"]["Error"]["Code"].clone();
            told.push((
                answer.status,
                code,
                error,
                answer.json["error"]["status"].clone(),
            ));
        }
        assert_eq!(told[0], told[1], "{}", table.dialect);
    }
    check(&start(true).await, well_known, Outcome::Through).await;
    let by_hand = start(true).await;
    let switched = by_hand.control.access_key_set_active(SANDBOX_KEY_ID, false);
    switched.await.unwrap();
    check(&start(true).await, well_known, Outcome::NotAuthenticated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_is_open_to_the_unsigned() {
    let plane = Plane::sandbox().await;
    for table in TABLES {
        for row in table.rows {
            let answer = plane.send(&unsigned(table, row).request).await;
            assert_eq!(
                outcome(&answer.body),
                Outcome::NotAuthenticated,
                "{} {}: {}",
                table.dialect,
                row.name,
                answer.body
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_is_open_to_a_policy_that_names_others() {
    let plane = Plane::sandbox().await;
    let account = plane.control.account_view("sandbox").await.unwrap();
    let others = Statement {
        effect: Effect::Allow,
        actions: vec!["other:*".into()],
        resources: vec!["*".into()],
        conditions: Default::default(),
    };
    let new = NewKey {
        id: Some(AccessKeyId::new("LIMITED")),
        secret: Some(SecretString::from("limited-secret")),
        session_token: None,
        policy: Policy {
            statements: vec![others],
        },
    };
    let (id, secret) = plane
        .control
        .access_key_create(&account.id, new)
        .await
        .unwrap();
    // Parameters are read before policies are asked, because policies name resources: a call with none of them may
    // be refused for that. It must never succeed.
    for table in TABLES {
        for row in table.rows {
            let Unsigned { request, scheme } = unsigned(table, row);
            let signed = plane.signed_by(
                id.as_str(),
                secret.expose_secret(),
                request,
                scheme,
                "cn-north-1",
                "kafka",
            );
            let answer = plane.send(&signed).await;
            let refused = outcome(&answer.body) != Outcome::Through
                || answer.status >= 400
                || answer.body.contains("\"Error\"");
            assert!(refused, "{} {}: {}", table.dialect, row.name, answer.body);
        }
    }
}

/// What a key that may do nothing is told, and when its calls are counted: before their nonces are kept.
#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_rate_leave_nothing_behind() {
    let settings = Settings {
        sandbox: true,
        rate_limits: true,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let account = plane.control.account_view("sandbox").await.unwrap();
    let new = NewKey {
        id: Some(AccessKeyId::new("NOTHING")),
        secret: Some(SecretString::from("secret")),
        session_token: None,
        policy: Policy { statements: vec![] },
    };
    plane
        .control
        .access_key_create(&account.id, new)
        .await
        .unwrap();
    let aliyun = || {
        let target = "/?Action=GetQuotaTip&Version=2019-09-16&Format=JSON&InstanceId=i";
        Plane::request(
            Method::POST,
            &format!("{target}&RegionId=cn-hangzhou"),
            &[],
            "",
        )
    };
    let acs3 = || {
        let headers = [
            ("x-acs-action", "GetQuotaTip"),
            ("x-acs-version", "2019-09-16"),
            ("accept", "application/json"),
        ];
        let target = "/?InstanceId=i&RegionId=cn-hangzhou";
        Plane::request(Method::POST, target, &headers, "")
    };
    let jd = || Plane::request(Method::GET, "/v1/regions/cn-north-1/instances", &[], "");
    let is_throttled = |body: &str| {
        ["Throttling", "\"code\":429", "RESOURCE_EXHAUSTED"]
            .iter()
            .any(|code| body.contains(code))
    };
    let requests: [(Scheme, &dyn Fn() -> WireRequest); 4] = [
        (Scheme::RpcV1, &aliyun),
        (Scheme::Acs3, &acs3),
        (Scheme::JdCloud2, &jd),
        (Scheme::JdCloud3, &jd),
    ];
    for (scheme, request) in requests {
        let by = |id: &str, secret: &str| {
            plane.signed_by(id, secret, request(), scheme, "cn-north-1", "kafka")
        };
        // The clock stands: no more calls than a second has are let through to the policy.
        let mut last = by("NOTHING", "secret");
        let mut answers = 0;
        loop {
            let answer = plane.send(&last).await;
            if is_throttled(&answer.body) {
                break;
            }
            assert_eq!(
                outcome(&answer.body),
                Outcome::NotAuthorized,
                "{}",
                answer.body
            );
            answers += 1;
            assert!(answers <= 1_000, "{scheme:?} is never throttled");
            last = by("NOTHING", "secret");
        }
        // The account's other key has a whole second's calls.
        for at in 0..answers {
            let answer = plane.send(&by(SANDBOX_KEY_ID, SANDBOX_SECRET)).await;
            assert!(
                !is_throttled(&answer.body),
                "{scheme:?} {at}: {}",
                answer.body
            );
        }
        plane.clock.set(plane.control.real_now().plus_seconds(2));
        // What was throttled may come again: its nonce was not kept. What was answered may not.
        for expected in [true, false] {
            let answer = plane.send(&last).await;
            let is_new = outcome(&answer.body) == Outcome::NotAuthorized;
            assert_eq!(is_new, expected, "{scheme:?}: {}", answer.body);
        }
    }
}
