//! Every recorded request of the vendor's clients, each through the whole gateway at its own time: GET and POST, JSON,
//! query and form, every signature.

use brokerage_cloud_tencent::signing::TC3;
use brokerage_cloud_tencent::{ckafka, tag};
use brokerage_control::access_key::NewKey;
use brokerage_domain::access::Policy;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::AccessKeyId;
use brokerage_testkit::golden::{self, GoldenLine};
use brokerage_testkit::{Answer, Plane, PlaneOptions};
use http::Method;
use serde_json::{Value, json};

use crate::calls::{code, result};

/// A plane whose clock stands where the line was recorded, and which knows the line's key.
async fn plane_of(line: &GoldenLine) -> Plane {
    let plane = Plane::start(PlaneOptions {
        beginning: Moment::from_seconds(line.clock),
        ..PlaneOptions::default()
    })
    .await;
    let account = plane.context("ckafka", "").await.principal.account_id;
    let credential = line.credential().unwrap();
    let key = NewKey {
        id: Some(AccessKeyId::new(credential.access_key_id)),
        secret: Some(credential.secret),
        session_token: credential.session_token,
        policy: Policy::allow_all(),
    };
    plane
        .control
        .access_key_create(&account, key)
        .await
        .unwrap();
    plane
}

fn action(line: &GoldenLine) -> &str {
    line.action.as_str()
}

/// What the purchases of the recordings bought, by the part of a line's name that says which example it is.
async fn check_bought(plane: &Plane, line: &GoldenLine, answer: &Answer) {
    let data = &answer.json["Response"]["Result"]["Data"];
    let id = data["InstanceId"]
        .as_str()
        .unwrap_or_else(|| panic!("{}: {}", line.name, answer.body));
    let shown = result(
        plane,
        "DescribeInstancesDetail",
        json!({ "InstanceId": id }),
    )
    .await["InstanceList"][0]
        .clone();
    let (name, zones, tags): (&str, Value, Value) = if line.name.contains("-ex2") {
        ("test58-1", json!([450001]), json!([]))
    } else if line.name.contains("-ex3") {
        ("test55", json!([450001, 450002, 450003]), json!([]))
    } else if line.name.contains("-unicode") {
        let tags = json!([{ "TagKey": "环境", "TagValue": "a b/c" }]);
        ("测试 实例-üß~*'()+&=%/🚀", json!([450001]), tags)
    } else if line.name.starts_with("terraform") {
        ("tf-test", json!([450001, 450002]), json!([]))
    } else {
        ("test55", json!([450001]), json!([]))
    };
    let found = ["InstanceName", "ZoneIds", "Tags"].map(|key| &shown[key]);
    assert_eq!(found, [&json!(name), &zones, &tags], "{}", line.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_request_is_answered_as_its_client_meant_it() {
    let (mut purchases, mut gets) = (0, 0);
    for line in golden::parse(include_str!("../../golden/tencent.jsonl")) {
        let line = line.unwrap();
        let plane = plane_of(&line).await;
        let answer = plane.send(&line.wire_request().unwrap()).await;
        assert_eq!(answer.status, 200, "{}", line.name);
        assert_eq!(
            answer.headers["content-type"], "application/json",
            "{}",
            line.name
        );
        gets += usize::from(line.request.method == "GET");
        let served = [&ckafka::TABLE, &tag::TABLE]
            .into_iter()
            .any(|table| table.row(action(&line)).is_some());
        match (action(&line), code(&answer)) {
            ("CreatePostPaidInstance", "") => {
                check_bought(&plane, &line, &answer).await;
                purchases += 1;
            }
            ("DescribeInstancesDetail", "") => {
                assert_eq!(
                    answer.json["Response"]["Result"],
                    json!({ "TotalCount": 0, "InstanceList": [] }),
                    "{}",
                    line.name
                );
            }
            ("DescribeInstances", "") => {
                assert_eq!(
                    answer.json["Response"]["Result"],
                    json!({ "InstanceList": [], "TotalCount": 0 }),
                    "{}",
                    line.name
                );
            }
            ("DescribeResourceTagsByResourceIds", "") => {
                assert_eq!(answer.json["Response"]["Tags"], json!([]))
            }
            // The recordings name instances and tasks that are not here.
            (_, "InvalidParameterValue.InstanceNotExist" | "ResourceNotFound") if served => {}
            (_, "InvalidAction") if !served => {}
            (action, code) => panic!(
                "{}: {action} is answered {code}: {}",
                line.name, answer.body
            ),
        }
        plane.assert_ledger().await;
    }
    assert!(
        purchases >= 40 && gets >= 14,
        "{purchases} purchases, {gets} GET requests"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_told_what_is_wrong_with_his_signature() {
    let check = async |change: fn(&mut Value), expected: &str| {
        let line = golden::parse(include_str!("../../golden/tencent.jsonl"))
            .map(Result::unwrap)
            .find(|line| line.name == "python-post-tc3-create-ex1")
            .unwrap();
        let text = include_str!("../../golden/tencent.jsonl")
            .lines()
            .find(|text| text.contains("\"python-post-tc3-create-ex1\""))
            .unwrap();
        let mut tree: Value = serde_json::from_str(text).unwrap();
        let plane = plane_of(&line).await;
        change(&mut tree);
        let changed = golden::parse(&tree.to_string()).next().unwrap().unwrap();
        plane.clock.set(Moment::from_seconds(changed.clock));
        let answer = plane.send(&changed.wire_request().unwrap()).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (200, expected),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains("example-secret"), "{}", answer.body);
    };
    fn header(tree: &mut Value, name: &str, change: impl Fn(&str) -> String) {
        for pair in tree["request"]["headers"].as_array_mut().unwrap() {
            if pair[0].as_str().unwrap().eq_ignore_ascii_case(name) {
                pair[1] = change(pair[1].as_str().unwrap()).into();
            }
        }
    }
    check(|_| (), "").await;
    check(
        |tree| tree["clock"] = (tree["clock"].as_i64().unwrap() + 301).into(),
        "AuthFailure.SignatureExpire",
    )
    .await;
    check(
        |tree| tree["clock"] = (tree["clock"].as_i64().unwrap() - 301).into(),
        "AuthFailure.SignatureExpire",
    )
    .await;
    check(
        |tree| header(tree, "authorization", |_| "SKIP".into()),
        "AuthFailure.InvalidAuthorization",
    )
    .await;
    check(
        |tree| header(tree, "authorization", |text| text.replace("AKID", "AKIX")),
        "AuthFailure.SecretIdNotFound",
    )
    .await;
    check(
        |tree| header(tree, "host", |_| "example.test".into()),
        "AuthFailure.SignatureFailure",
    )
    .await;
    check(
        |tree| header(tree, "x-tc-version", |_| "1999-01-01".into()),
        "NoSuchVersion",
    )
    .await;
    check(
        |tree| header(tree, "x-tc-action", |_| "NoSuchAction".into()),
        "InvalidAction",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_first_signature_no_header_says_what_the_call_is() {
    let text = include_str!("../../golden/tencent.jsonl");
    let line = golden::parse(text)
        .map(Result::unwrap)
        .find(|line| line.name == "go-get-hmacsha1-create-ex3")
        .unwrap();
    let plane = plane_of(&line).await;
    let mut request = line.request.clone();
    let headers = [
        ("X-TC-Action", "DescribeInstances"),
        ("X-TC-Region", "mars-north"),
    ];
    request
        .headers
        .extend(headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let changed = GoldenLine {
        request,
        ..line.clone()
    };
    let answer = plane.send(&changed.wire_request().unwrap()).await;
    check_bought(&plane, &line, &answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_read_is_refused_whole() {
    let plane = Plane::sandbox().await;
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-tc-action", "DescribeInstances"),
        ("x-tc-version", crate::calls::VERSION),
        ("x-tc-region", crate::calls::REGION),
    ];
    for (query, expected) in [
        ("SearchWord=a&Limit=1", ""),
        ("SearchWord=%FF", "InvalidParameter"),
        ("Status.0=1&Status.2=2", "InvalidParameter"),
        ("Colour=red", "UnknownParameter"),
    ] {
        let request = Plane::request(Method::GET, &format!("/?{query}"), &headers, "");
        let signed = plane.signed(request, &TC3, crate::calls::REGION, "ckafka");
        let answer = plane.send(&signed).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (200, expected),
            "{query}: {}",
            answer.body
        );
    }
}

/// A call that nobody signed is refused in the words of whose call it is, not in those of the cloud that answers the rest.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_is_answered_in_this_clouds_form() {
    let plane = Plane::sandbox().await;
    let now = plane.control.real_now().seconds();
    let common = format!(
        "Action=DescribeInstances&Version=2019-08-19&Region=ap-guangzhou&Nonce=11&Timestamp={now}"
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let json = [("content-type", "application/json")];
    let json = [&json[..], &[("x-tc-version", "2017-03-12")]].concat();
    for request in [
        Plane::request(Method::GET, &format!("/?{common}"), &[], ""),
        Plane::request(Method::POST, "/", &form, &common),
        Plane::request(Method::POST, "/", &json, "{}"),
        Plane::request(
            Method::GET,
            "/?Action=DescribeVpcs&Version=2017-03-12",
            &[],
            "",
        ),
    ] {
        let answer = plane.send(&request).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (200, "MissingParameter"),
            "{}",
            answer.body
        );
    }
    // Another cloud's call stays its own, whatever version it names.
    let theirs = format!("/?{common}&AccessKeyId=a&Signature=b&SignatureMethod=HMAC-SHA1");
    let answer = plane
        .send(&Plane::request(Method::GET, &theirs, &[], ""))
        .await;
    assert_ne!(answer.status, 200, "{}", answer.body);
}
