//! Every operation of every dialect refuses the unsigned, the wrong key, the wrong secret, another account, and a key
//! whose policy does not permit exactly this; and takes the one that does.

use brokerage_cloud_alibaba as alibaba;
use brokerage_cloud_alibaba::signing::{ACS3, RPC_V1};
use brokerage_cloud_jd as jd;
use brokerage_cloud_jd::signing::{JDCLOUD2, JDCLOUD3};
use brokerage_control::Settings;
use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::id::AccessKeyId;
use brokerage_store::Store;
use brokerage_testkit::calls::Operation;
use brokerage_testkit::{Answer, Plane, PlaneOptions};
use brokerage_wire::client::{Refusal, texts};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Mode, Table};
use brokerage_wire::params::{Param, Reading, Types};
use brokerage_wire::signing::{Scheme, SignatureFault};
use brokerage_wire::{Cloud, WireRequest};
use http::Method;
use secrecy::SecretString;
use serde_json::json;

use crate::stage::{
    SECRET, bought, code, key, names_saved, not_there, prepared, request, signed_by, tells,
};

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

/// A request with no parameters but those that stand in the path.
fn bare(operation: Operation) -> WireRequest {
    let mut params = texts([]);
    let in_path = operation.row.path.split('{').skip(1);
    for name in in_path.filter_map(|part| Some(part.split_once('}')?.0)) {
        if name != "regionId" {
            params.set(name, Param::Text("none".to_owned()));
        }
    }
    request(operation, &params, operation.region())
}

async fn check(plane: &Plane, key: (&str, &str), expected: Outcome) {
    for operation in Operation::all() {
        let answer = plane
            .send(&signed_by(plane, operation, bare(operation), key))
            .await;
        let found = outcome(operation.cloud, operation.table, &answer);
        assert_eq!(found, expected, "{operation}: {}", answer.body);
    }
}

/// Makes the key of another account, which may do everything with what is its own.
async fn stranger(plane: &Plane) {
    let account = plane.control.account_create("stranger").await;
    let new = NewKey {
        id: Some(AccessKeyId::new("STRANGER")),
        secret: Some(SecretString::from(SECRET)),
        session_token: None,
        policy: Policy::allow_all(),
    };
    let account = account.expect("the account is made");
    let made = plane.control.access_key_create(&account.id, new).await;
    made.expect("the key is made");
}

/// The resources that a sample is about, by their whole names, and their neighbours'.
async fn resources(
    plane: &Plane,
    Operation { cloud, table, row }: Operation,
    params: &Param,
) -> (Vec<String>, Vec<String>) {
    let region = cloud.purchases[0].region;
    let parameter = cloud.wire.region_parameter();
    let meant = table.region_meant(&plane.control, row, parameter, region);
    let meant = meant.expect("it is sold there");
    let cx = plane.context(table.profile, &meant).await;
    // Some read it as a parameter.
    let mut params = params.clone();
    params.set(parameter, Param::Text(region.to_owned()));
    let reading = Reading::of(table.index_base, Types::InText);
    let prepared = (row.prepare)(&params, reading).expect("a sample can be read");
    let own = table.resource_names(&cx, prepared.resources());
    let neighbour = |name: &String| match name.strip_suffix('*') {
        Some(kind) => format!("{kind}neighbour"),
        None => format!("{name}x"),
    };
    let neighbours = own.iter().map(neighbour).collect();
    (own, neighbours)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_open_to_who_is_permitted_it_and_to_nobody_else() {
    for operation in Operation::all() {
        let plane = Plane::sandbox().await;
        let player = prepared(&plane, operation).await;
        let params = player.params(operation.sample()).expect("parameters");
        let unsigned = request(operation, &params, operation.region());
        let (own, neighbours) = resources(&plane, operation, &params).await;
        let action = operation.table.action(operation.row);
        for (id, action, resources) in [
            ("OTHERS", "other:*", &vec!["*".to_owned()]),
            ("NEIGHBOURS", action.as_str(), &neighbours),
            ("OWN", action.as_str(), &own),
        ] {
            let allow = json!({ "effect": "allow", "actions": [action], "resources": resources });
            let made = key(&plane, id, json!({ "statements": [allow] })).await;
            made.unwrap_or_else(|error| panic!("{operation} {resources:?}: {error}"));
        }
        let answer = plane.send(&unsigned).await;
        let found = outcome(operation.cloud, operation.table, &answer);
        assert_eq!(
            found,
            Outcome::NotAuthenticated,
            "{operation}: {}",
            answer.body
        );
        let by = |key| signed_by(&plane, operation, unsigned.clone(), key);
        for (key, expected) in [
            (
                (SANDBOX_KEY_ID, "another secret"),
                Outcome::NotAuthenticated,
            ),
            (("NOBODY", SANDBOX_SECRET), Outcome::NotAuthenticated),
            (("OTHERS", SECRET), Outcome::NotAuthorized),
            (("NEIGHBOURS", SECRET), Outcome::NotAuthorized),
        ] {
            let answer = plane.send(&by(key)).await;
            let found = outcome(operation.cloud, operation.table, &answer);
            assert_eq!(found, expected, "{operation} {key:?}: {}", answer.body);
        }
        stranger(&plane).await;
        let bought = bought(&player);
        let tells_own = match operation.row.mode {
            Mode::Read => {
                let own = plane.send(&by((SANDBOX_KEY_ID, SANDBOX_SECRET))).await;
                tells(&own, &bought)
            }
            Mode::Write => false,
        };
        let answer = plane.send(&by(("STRANGER", SECRET))).await;
        let found = code(operation, &answer);
        let is_told = tells(&answer, &bought);
        // Who names what is another's is refused, or shown a list without it.
        let is_right = match names_saved(operation.sample(), &bought) {
            true => not_there(operation.table).contains(&found.as_str()) || (tells_own && !is_told),
            false => !is_told,
        };
        assert!(is_right, "{operation}: {}", answer.body);
        let answer = plane.send(&by(("OWN", SECRET))).await;
        assert_eq!(
            code(operation, &answer),
            "",
            "{operation} {own:?}: {}",
            answer.body
        );
    }
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
    for operation in Operation::all() {
        let mut told = Vec::new();
        for id in [SANDBOX_KEY_ID, "ABCDEFGHIJKLMNOP"] {
            let request = bare(operation);
            let signed = signed_by(&outside, operation, request, (id, SANDBOX_SECRET));
            let answer = outside.send(&signed).await;
            told.push((answer.status, code(operation, &answer)));
        }
        assert_eq!(told[0], told[1], "{operation}");
    }
    check(&start(true).await, well_known, Outcome::Through).await;
    let by_hand = start(true).await;
    let switched = by_hand.control.access_key_set_active(SANDBOX_KEY_ID, false);
    switched.await.unwrap();
    check(&start(true).await, well_known, Outcome::NotAuthenticated).await;
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
