//! Lives of many instances, drawn at random, with an engine that fails now and then: whatever happens, each order is
//! paid exactly when it was delivered, and nothing is left behind.

use brokerage_control::Settings;
use brokerage_domain::instance::Phase;
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Plane, PlaneOptions};
use http::Method;
use proptest::prelude::*;
use serde_json::json;

use crate::{create, delete, describe, example, node, spent_and_held, with};

/// Ports of the plane: enough for 13 of the smallest clusters, and one over.
const PORTS: u16 = 40;
const FIRST_PORT: u16 = 20_000;
/// What one node of the example costs an hour, in millionths of CNY.
const NODE_HOUR: i64 = 900_000;

#[derive(Debug, Clone)]
enum Event {
    Buy {
        nodes: i64,
        fault: Option<Fault>,
    },
    /// The instance is counted among those that are there.
    Grow {
        at: usize,
        by: i64,
        fault: Option<Fault>,
    },
    Delete {
        at: usize,
    },
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Fault::Fail)),
        1 => Just(Some(Fault::FailAfter)),
        1 => Just(Some(Fault::Refuse)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (3..6_i64, fault()).prop_map(|(nodes, fault)| Event::Buy { nodes, fault }),
        3 => (0..8_usize, 1..4_i64, fault()).prop_map(|(at, by, fault)| Event::Grow { at, by, fault }),
        2 => (0..8_usize).prop_map(|at| Event::Delete { at }),
    ]
}

/// What should be: instances with their nodes, and what was paid.
#[derive(Default)]
struct Expected {
    instances: Vec<(String, i64)>,
    spent: i64,
}

impl Expected {
    fn ports(&self) -> i64 {
        self.instances.iter().map(|(_, nodes)| nodes).sum()
    }
}

async fn buy(plane: &Plane, expected: &mut Expected, nodes: i64, fault: Option<Fault>) {
    let sold_out = expected.ports() + nodes > i64::from(PORTS);
    let refuses = fault == Some(Fault::Refuse);
    plane.engine.script_ensure(fault.filter(|_| !sold_out));
    let answer = create(plane, &with(&[(&node("nodeCount"), json!(nodes))])).await;
    assert_eq!(
        answer.status,
        if sold_out { 503 } else { 200 },
        "{}",
        answer.body
    );
    let Some(id) = answer.json["result"]["instanceId"].as_str() else {
        return;
    };
    if refuses {
        plane
            .let_time_pass_until("jdkafka", id, Phase::Failed)
            .await;
        assert_eq!(delete(plane, id).await.status, 200);
        plane.wait_for("jdkafka", id, Phase::Gone).await;
        return;
    }
    plane
        .let_time_pass_until("jdkafka", id, Phase::Running)
        .await;
    expected.instances.push((id.to_owned(), nodes));
    expected.spent += nodes * NODE_HOUR;
}

async fn grow(plane: &Plane, expected: &mut Expected, at: usize, by: i64, fault: Option<Fault>) {
    let sold_out = expected.ports() + by > i64::from(PORTS);
    let count = expected.instances.len();
    let Some((id, nodes)) = expected.instances.get_mut(at % count.max(1)) else {
        return;
    };
    let refuses = fault == Some(Fault::Refuse);
    plane.engine.script_ensure(fault.filter(|_| !sold_out));
    let body = json!({ "instanceClassSpec": [{ "role": "broker", "nodeCount": *nodes + by }] });
    let path = format!("/instances/{id}:modifyInstanceSpec");
    let answer = plane
        .jd("kafka", Method::POST, &path, &body.to_string())
        .await;
    assert_eq!(
        answer.status,
        if sold_out { 503 } else { 200 },
        "{}",
        answer.body
    );
    plane
        .let_time_pass_until("jdkafka", id, Phase::Running)
        .await;
    if !sold_out && !refuses {
        *nodes += by;
        expected.spent += by * NODE_HOUR;
    }
    let shown = describe(plane, id).await;
    assert_eq!(shown["instanceClass"][0]["nodeCount"], *nodes);
    let brokers = &shown["extension"]["internalEndpoint"]["brokerEndpoint"];
    assert_eq!(
        brokers.as_array().map(|list| list.len() as i64),
        Some(*nodes)
    );
}

async fn remove(plane: &Plane, expected: &mut Expected, at: usize) {
    if expected.instances.is_empty() {
        return;
    }
    let (id, _) = expected.instances.remove(at % expected.instances.len());
    assert_eq!(delete(plane, &id).await.status, 200);
    plane.wait_for("jdkafka", &id, Phase::Gone).await;
}

async fn live(events: Vec<Event>) {
    let settings = Settings {
        sandbox: true,
        rate_limits: false,
        broker_ports: (FIRST_PORT, FIRST_PORT + PORTS - 1),
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let mut expected = Expected::default();
    for event in events {
        match event {
            Event::Buy { nodes, fault } => buy(&plane, &mut expected, nodes, fault).await,
            Event::Grow { at, by, fault } => grow(&plane, &mut expected, at, by, fault).await,
            Event::Delete { at } => remove(&plane, &mut expected, at).await,
        }
        assert_eq!(spent_and_held(&plane).await, (expected.spent, 0));
        plane.assert_ledger().await;
    }
    while !expected.instances.is_empty() {
        remove(&plane, &mut expected, 0).await;
    }
    // Every port is free again: so many of the smallest fit, and no more.
    for _ in 0..PORTS / 3 {
        assert_eq!(create(&plane, &example()).await.status, 200);
    }
    assert_eq!(create(&plane, &example()).await.status, 503);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_order_is_paid_when_it_was_delivered_and_nothing_is_left(
        events in prop::collection::vec(event(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(live(events));
    }
}
