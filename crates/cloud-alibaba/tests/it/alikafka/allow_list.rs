//! Allow lists: what is shown is in force in the cluster, endpoint by endpoint.

use std::collections::BTreeMap;

use brokerage_testkit::Plane;
use serde_json::Value;

use super::endpoint::listeners;
use super::{done, refused, running};

/// What each listener of the cluster lets in, by its name.
async fn in_force(plane: &Plane, id: &str) -> BTreeMap<String, Option<Vec<String>>> {
    let listeners = listeners(plane, id).await.into_iter();
    let entry = |one: brokerage_engine::Listener| {
        let name = one.kind().to_string();
        let list = one
            .allowed
            .map(|list| list.iter().map(|range| range.text().to_owned()).collect());
        (name, list)
    };
    listeners.map(entry).collect()
}

/// The lists of one kind, as port range and ranges.
async fn told(plane: &Plane, id: &str, key: &str) -> Vec<(String, Vec<String>)> {
    let answer = done(plane, "GetAllowedIpList", &[("InstanceId", id)]).await;
    let lists = answer["AllowedList"][key].as_array().expect("always there");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |list: &Value| {
        let ranges = list["AllowedIpList"].as_array().expect("a list");
        (text(&list["PortRange"]), ranges.iter().map(text).collect())
    };
    lists.iter().map(list).collect()
}

fn update<'a>(
    id: &'a str,
    update_type: &'a str,
    list: &'a str,
    port: &'a str,
    ip: &'a str,
) -> [(&'a str, &'a str); 5] {
    [
        ("InstanceId", id),
        ("UpdateType", update_type),
        ("AllowedListType", list),
        ("PortRange", port),
        ("AllowedListIp", ip),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_in_force_as_it_is_shown() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let everybody = ("9092/9092".to_owned(), vec!["0.0.0.0/0".to_owned()]);
    assert_eq!(told(&plane, &id, "VpcList").await, [everybody]);
    assert_eq!(told(&plane, &id, "InternetList").await, []);
    assert_eq!(
        in_force(&plane, &id).await,
        BTreeMap::from([("PLAINTEXT".to_owned(), None)])
    );
    for (update_type, ip, expected) in [
        ("add", "172.168.4.0/24", vec!["0.0.0.0/0", "172.168.4.0/24"]),
        (
            "add",
            "172.168.4.0/24,10.0.0.1",
            vec!["0.0.0.0/0", "172.168.4.0/24", "10.0.0.1"],
        ),
        ("delete", "0.0.0.0/0", vec!["172.168.4.0/24", "10.0.0.1"]),
        ("delete", "172.168.4.0/24", vec!["10.0.0.1"]),
        // Nobody at all.
        ("delete", "10.0.0.1", vec![]),
        ("add", "0.0.0.0/0", vec!["0.0.0.0/0"]),
    ] {
        done(
            &plane,
            "UpdateAllowedIp",
            &update(&id, update_type, "vpc", "9092/9092", ip),
        )
        .await;
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        let shown = told(&plane, &id, "VpcList").await;
        assert_eq!(
            shown,
            [("9092/9092".to_owned(), expected.clone())],
            "{update_type} {ip}"
        );
        let expected = BTreeMap::from([("PLAINTEXT".to_owned(), Some(expected))]);
        assert_eq!(in_force(&plane, &id).await, expected, "{update_type} {ip}");
    }
}

/// Terraform keeps lists of endpoints that are not there; they are in force as soon as the endpoint is.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_holds_for_an_endpoint_that_comes_later() {
    let plane = Plane::sandbox().await;
    let order = super::with(&super::EXAMPLE, &[("SpecType", Some("professional"))]);
    let (_, id) = super::bought(&plane, &order).await;
    super::started(&plane, &id, &[]).await;
    for (list, port, ip) in [
        ("vpc", "9094/9094", "172.168.4.0/24"),
        ("vpc", "9095/9095", "172.168.5.0/24"),
        ("internet", "9093/9093", "1.1.1.1/1"),
    ] {
        done(
            &plane,
            "UpdateAllowedIp",
            &update(&id, "add", list, port, ip),
        )
        .await;
        done(
            &plane,
            "UpdateAllowedIp",
            &update(&id, "delete", list, port, "0.0.0.0/0"),
        )
        .await;
    }
    let ports = |lists: Vec<(String, Vec<String>)>| -> Vec<String> {
        lists.into_iter().map(|(port, _)| port).collect()
    };
    assert_eq!(
        ports(told(&plane, &id, "VpcList").await),
        ["9092/9092", "9094/9094", "9095/9095"]
    );
    assert_eq!(
        told(&plane, &id, "InternetList").await,
        [("9093/9093".to_owned(), vec!["1.1.1.1/1".to_owned()])]
    );
    let config = [
        ("InstanceId", id.as_str()),
        ("Config", r#"{"enable.vpc_sasl_ssl":"true"}"#),
    ];
    done(&plane, "UpdateInstanceConfig", &config).await;
    let expected = |text: &str| Some(vec![text.to_owned()]);
    let found = in_force(&plane, &id).await;
    assert_eq!(found["SASL_PLAINTEXT"], expected("172.168.4.0/24"));
    assert_eq!(found["SASL_SSL"], expected("172.168.5.0/24"));
    assert_eq!(found["PLAINTEXT"], None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_is_refused() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let many: Vec<String> = (0..100).map(|n| format!("10.0.0.{n}")).collect();
    let many = many.join(",");
    let field = "BIZ_FIELD_CHECK_INVALID";
    for (params, code) in [
        (update(&id, "replace", "vpc", "9092/9092", "1.1.1.1"), field),
        (update(&id, "add", "classic", "9092/9092", "1.1.1.1"), field),
        (update(&id, "add", "vpc", "9093/9093", "1.1.1.1"), field),
        (update(&id, "add", "vpc", "9092", "1.1.1.1"), field),
        (update(&id, "add", "vpc", "9092/9092", "1.1.1.1/33"), field),
        (update(&id, "add", "vpc", "9092/9092", "1.1.1.1,,"), field),
        (
            update(&id, "add", "vpc", "9092/9092", &many),
            "BIZ_QUOTA_EXCEEDED",
        ),
        (update(&id, "delete", "vpc", "9092/9092", "1.1.1.1"), field),
        (
            update(&id, "delete", "vpc", "9092/9092", "0.0.0.0/0,1.1.1.1"),
            field,
        ),
    ] {
        let found = refused(&plane, "UpdateAllowedIp", &params).await;
        assert_eq!(found, (400, code.to_owned()), "{params:?}");
    }
    assert_eq!(
        in_force(&plane, &id).await,
        BTreeMap::from([("PLAINTEXT".to_owned(), None)])
    );
    let (_, other) = super::bought(&plane, &super::EXAMPLE).await;
    let found = refused(
        &plane,
        "UpdateAllowedIp",
        &update(&other, "add", "vpc", "9092/9092", "1.1.1.1"),
    )
    .await;
    assert_eq!(found.1, "BIZ.INSTANCE.STATUS.ERROR");
}
