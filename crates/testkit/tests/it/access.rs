//! Every operation of every dialect refuses the unsigned, the wrong key, the wrong secret, a replay of a stranger's
//! clock, and a key whose policy does not permit it.

use brokerage_cloud_alibaba as alibaba;
use brokerage_cloud_alibaba::signing::{ACS3, RPC_V1};
use brokerage_cloud_jd as jd;
use brokerage_cloud_jd::signing::{JDCLOUD2, JDCLOUD3};
use brokerage_control::Settings;
use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_domain::Error;
use brokerage_domain::access::{Effect, Policy, Statement};
use brokerage_domain::id::AccessKeyId;
use brokerage_store::Store;
use brokerage_testkit::{Answer, CLOUDS, HOST, Plane, PlaneOptions};
use brokerage_wire::client::{ClientCall, Refusal, texts};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Row, Table};
use brokerage_wire::params::Param;
use brokerage_wire::signing::{Scheme, SignatureFault};
use brokerage_wire::{Cloud, WireRequest};
use http::Method;
use secrecy::{ExposeSecret, SecretString};

/// A request for an operation, not signed, with the scheme that its cloud's clients use.
struct Unsigned {
    cloud: &'static Cloud,
    table: &'static Table,
    row: &'static Row,
    request: WireRequest,
    region: &'static str,
}

impl Unsigned {
    fn signed(&self, plane: &Plane, (id, secret): (&str, &str)) -> WireRequest {
        let (scheme, service) = (self.cloud.client.scheme, self.table.service);
        plane.signed_by(
            id,
            secret,
            self.request.clone(),
            scheme,
            self.region,
            service,
        )
    }

    fn outcome(&self, answer: &Answer) -> Outcome {
        outcome(self.cloud, self.table, answer)
    }
}

/// How its cloud says that a call ended.
fn outcome(cloud: &Cloud, table: &Table, answer: &Answer) -> Outcome {
    let Some(Refusal { code, message }) = (cloud.client.refusal)(&answer.json) else {
        return Outcome::Through;
    };
    let mismatch = SignatureFault::Mismatch {
        string_to_sign: String::new(),
    };
    let not_permitted = CallError::Domain(Error::Forbidden {
        action: String::new(),
    });
    let wrong_key = [
        cloud.wire.unknown_key(""),
        cloud.wire.signature_fault(&mismatch),
    ];
    // Some clouds have the code for a missing signature from missing parameters.
    let unsigned = cloud.wire.signature_fault(&SignatureFault::Unsigned);
    if code == (table.fault)(&not_permitted).code {
        Outcome::NotAuthorized
    } else if wrong_key.iter().any(|fault| fault.code == code)
        || (unsigned.code == code && unsigned.message == message)
    {
        Outcome::NotAuthenticated
    } else {
        Outcome::Through
    }
}

/// How a call ended, as all clouds could say it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Something else than a refusal of the caller: the call went through to its parameters.
    Through,
    NotAuthenticated,
    NotAuthorized,
}

/// Values for the parameters that stand in paths.
fn path_params() -> Param {
    texts([("instanceId", "none"), ("subnetId", "none")])
}

fn unsigned(cloud: &'static Cloud, table: &'static Table, row: &'static Row) -> Unsigned {
    let (none, in_path) = (texts([]), path_params());
    let region = cloud.purchases[0].region;
    let params = if row.path.contains('{') {
        &in_path
    } else {
        &none
    };
    let call = ClientCall {
        table,
        row,
        host: HOST,
        region,
        params,
    };
    Unsigned {
        cloud,
        table,
        row,
        request: (cloud.client.request)(&call).expect("a request"),
        region,
    }
}

/// Every operation of every cloud.
fn operations() -> impl Iterator<Item = Unsigned> {
    CLOUDS.all().flat_map(|cloud| {
        let tables = cloud.services.iter();
        let rows = tables.flat_map(|table| table.rows.iter().map(move |row| (*table, row)));
        rows.map(move |(table, row)| unsigned(cloud, table, row))
    })
}

async fn check(plane: &Plane, key: (&str, &str), expected: Outcome) {
    for call in operations() {
        let answer = plane.send(&call.signed(plane, key)).await;
        let (dialect, name) = (call.table.dialect, call.row.name);
        assert_eq!(
            call.outcome(&answer),
            expected,
            "{dialect} {name}: {}",
            answer.body
        );
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
    for call in operations() {
        let mut told = Vec::new();
        for id in [SANDBOX_KEY_ID, "ABCDEFGHIJKLMNOP"] {
            let signed = call.signed(&outside, (id, SANDBOX_SECRET));
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
        assert_eq!(told[0], told[1], "{}", call.table.dialect);
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
    for call in operations() {
        let answer = plane.send(&call.request).await;
        let (dialect, name) = (call.table.dialect, call.row.name);
        assert_eq!(
            call.outcome(&answer),
            Outcome::NotAuthenticated,
            "{dialect} {name}: {}",
            answer.body
        );
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
    for call in operations() {
        let signed = call.signed(&plane, (id.as_str(), secret.expose_secret()));
        let answer = plane.send(&signed).await;
        let refused = (call.cloud.client.refusal)(&answer.json).is_some();
        let (dialect, name) = (call.table.dialect, call.row.name);
        assert!(refused, "{dialect} {name}: {}", answer.body);
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
    let rpc = || {
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
    let (alibaba, jd_cloud) = (&alibaba::CLOUD, &jd::CLOUD);
    let requests: [(&Cloud, &'static Scheme, &dyn Fn() -> WireRequest); 4] = [
        (alibaba, &RPC_V1, &rpc),
        (alibaba, &ACS3, &acs3),
        (jd_cloud, &JDCLOUD2, &jd),
        (jd_cloud, &JDCLOUD3, &jd),
    ];
    for (cloud, scheme, request) in requests {
        let outcome = |answer: &Answer| outcome(cloud, cloud.services[0], answer);
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
            assert_eq!(outcome(&answer), Outcome::NotAuthorized, "{}", answer.body);
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
            let is_new = outcome(&answer) == Outcome::NotAuthorized;
            assert_eq!(is_new, expected, "{scheme:?}: {}", answer.body);
        }
    }
}
