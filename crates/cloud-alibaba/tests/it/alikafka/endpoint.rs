//! Where clients reach an instance: what is shown follows what was bought and switched on, and the cluster has it.

use std::collections::BTreeMap;

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol};
use brokerage_engine::fake::Fault;
use brokerage_engine::{Engine, Listener};
use brokerage_testkit::{Plane, PlaneOptions};

use super::{EXAMPLE, bought, done, shown, started, with};

const SWITCH_ON: &str = r#"{"enable.vpc_sasl_ssl":"true","enable.acl":"true"}"#;
const SWITCH_OFF: &str = r#"{"enable.vpc_sasl_ssl":"false","enable.acl":"false"}"#;
/// Looks at a cluster, before the wait for it is over.
const LOOKS_MAX: usize = 100_000;
/// Brokers of the example's plan.
const BROKERS: usize = 3;

/// Where the cluster listens, once it does as it should.
pub async fn listeners(plane: &Plane, id: &str) -> Vec<Listener> {
    let (cx, id) = (plane.context("alikafka", "").await, InstanceId::new(id));
    for _ in 0..LOOKS_MAX {
        let instance = plane.control.instance_view(&cx, &id).await;
        let instance = instance.expect("it is there");
        let seen = plane.engine.observe_cluster(&id).await;
        let seen = seen.expect("observe").expect("it is there");
        let listeners = seen.spec.expect("it runs").listeners;
        if listeners == plane.control.instance_listeners(&instance) {
            return listeners;
        }
        tokio::task::yield_now().await;
    }
    panic!("the cluster of {id} listens otherwise than it should");
}

/// The endpoint fields that hold something, each with the names of the cluster's listeners behind it.
async fn endpoints(plane: &Plane, id: &str) -> BTreeMap<String, String> {
    plane.wait_for("alikafka", id, Phase::Running).await;
    let listeners = listeners(plane, id).await;
    let shown = shown(plane, id).await;
    let kind_at = |address: &str| {
        let mut listeners = listeners.iter();
        let found =
            listeners.find(|one| address == format!("{}:{}", one.advertised_host, one.port));
        found.expect("the cluster listens there").kind().to_string()
    };
    let mut fields = BTreeMap::new();
    let members = shown.as_object().expect("it is listed").iter();
    for (name, value) in members.filter(|(name, _)| name.to_lowercase().ends_with("endpoint")) {
        let Some(addresses) = value.as_str() else {
            assert!(value.is_null(), "{name}: {value}");
            continue;
        };
        let mut kinds: Vec<String> = addresses.split(',').map(kind_at).collect();
        assert_eq!(kinds.len(), BROKERS, "{name}: {addresses}");
        kinds.dedup();
        fields.insert(name.clone(), kinds.join(","));
    }
    // What is not shown is not there.
    let mut there: Vec<String> = listeners.iter().map(|one| one.kind().to_string()).collect();
    there.sort();
    there.dedup();
    let mut behind: Vec<String> = fields.values().cloned().collect();
    behind.sort();
    behind.dedup();
    assert_eq!(behind, there);
    fields
}

/// Fields in both spellings, with the listener behind them.
fn both(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    let spellings = |(name, kind): &(&str, &str)| {
        let names = match *name {
            "" => ["EndPoint".to_owned(), "DomainEndpoint".to_owned()],
            name => [format!("{name}EndPoint"), format!("{name}DomainEndpoint")],
        };
        names.map(|name| (name, (*kind).to_owned()))
    };
    fields.iter().flat_map(spellings).collect()
}

const PLAIN: (&str, &str) = ("", "PLAINTEXT");
const PUBLIC: (&str, &str) = ("Ssl", "PUBLIC_SASL_SSL");
const SASL: [(&str, &str); 2] = [("Sasl", "SASL_PLAINTEXT"), ("VpcSasl", "SASL_SSL")];

/// An order with so much public bandwidth in Mbit/s, or none.
fn order(eip_max: Option<&str>) -> Vec<(&str, &str)> {
    let deploy_type = if eip_max.is_some() { "4" } else { "5" };
    let changes = [
        ("SpecType", Some("professional")),
        ("DeployType", Some(deploy_type)),
        ("EipMax", eip_max),
    ];
    with(&EXAMPLE, &changes)
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_follow_what_was_bought_and_switched_on() {
    let plane = Plane::sandbox().await;
    for (eip_max, config, expected) in [
        (None, None, vec![PLAIN]),
        (None, Some(SWITCH_OFF), vec![PLAIN]),
        (None, Some(SWITCH_ON), vec![PLAIN, SASL[0], SASL[1]]),
        (Some("3"), None, vec![PLAIN, PUBLIC]),
        (
            Some("3"),
            Some(SWITCH_ON),
            vec![PLAIN, PUBLIC, SASL[0], SASL[1]],
        ),
    ] {
        let (_, id) = bought(&plane, &order(eip_max)).await;
        started(&plane, &id, &[("Config", config)]).await;
        let found = endpoints(&plane, &id).await;
        assert_eq!(found, both(&expected), "{eip_max:?} {config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_change_with_the_instance() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &order(None)).await;
    started(&plane, &id, &[]).await;
    let id = id.as_str();
    let config = |text| ("UpdateInstanceConfig", vec![("Config", text)]);
    let public = |action, model, mbit| (action, vec![("EipModel", model), ("EipMax", mbit)]);
    let upgrade = "UpgradePostPayOrder";
    // One of the listeners that are switched on finds its port taken by another program.
    plane.engine.script_ensure([Fault::port_taken(20_004)]);
    for ((action, params), expected, bits) in [
        (config(SWITCH_ON), vec![PLAIN, SASL[0], SASL[1]], 0),
        (
            public(upgrade, "true", "3"),
            vec![PLAIN, SASL[0], SASL[1], PUBLIC],
            3_000_000,
        ),
        (
            public(upgrade, "true", "6"),
            vec![PLAIN, SASL[0], SASL[1], PUBLIC],
            6_000_000,
        ),
        (config(SWITCH_OFF), vec![PLAIN, PUBLIC], 6_000_000),
        (
            public("DowngradePostPayOrder", "true", "3"),
            vec![PLAIN, PUBLIC],
            3_000_000,
        ),
        (public(upgrade, "false", "0"), vec![PLAIN], 0),
        (public(upgrade, "true", "3"), vec![PLAIN, PUBLIC], 3_000_000),
        (
            public("DowngradePostPayOrder", "false", "0"),
            vec![PLAIN],
            0,
        ),
    ] {
        let with_id: Vec<(&str, &str)> = [("InstanceId", id)].into_iter().chain(params).collect();
        done(&plane, action, &with_id).await;
        let found = endpoints(&plane, id).await;
        assert_eq!(found, both(&expected), "{action} {with_id:?}");
        let shown = shown(&plane, id).await;
        let deploy_type = if bits > 0 { 4 } else { 5 };
        assert_eq!(shown["DeployType"], deploy_type, "{action} {with_id:?}");
        let seen = plane.engine.observe_cluster(&InstanceId::new(id)).await;
        let limits = seen.unwrap().unwrap().spec.unwrap().limits;
        assert_eq!(limits.public_bits_per_second_max, bits);
        assert_eq!(limits.public_connections_max, 600, "200 of each broker");
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_operator_has_no_plain_listener_the_first_is_shown() {
    let mut options = PlaneOptions::default();
    let protocols = vec![SecurityProtocol::SaslSsl];
    options.settings.listeners = Listeners::new(Addressing::Port, protocols)
        .and_then(|private| private.with_public(vec![SecurityProtocol::SaslSsl]))
        .unwrap();
    let plane = Plane::start(options).await;
    let (_, id) = bought(&plane, &order(Some("3"))).await;
    started(&plane, &id, &[]).await;
    let expected = both(&[("", "SASL_SSL"), PUBLIC]);
    assert_eq!(endpoints(&plane, &id).await, expected);
}
