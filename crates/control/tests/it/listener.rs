//! How clients reach what was bought, by the operator's setting.

use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};
use brokerage_control::Call;
use brokerage_control::instance::{Edit, Resize};
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::Phase;
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol};
use brokerage_domain::order::Payment;
use brokerage_engine::Engine;
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::{buy, buy_plan, plan_public};

/// What clients begin with at an instance of three brokers, by security protocol; the engine is told the same.
async fn check(
    addressing: Addressing,
    protocols: &[SecurityProtocol],
    faults: &[Fault],
    expected: &[(SecurityProtocol, &str)],
) {
    let mut options = PlaneOptions::default();
    options.settings.broker_ports = (20_000, 20_020);
    options.settings.broker_shared_port = 9093;
    options.settings.listeners = Listeners::new(addressing, protocols.to_vec()).unwrap();
    if addressing == Addressing::ServerName {
        options.settings.broker_host = "kafka.example".into();
    }
    let plane = Plane::start(options).await;
    plane.engine.script_ensure(faults.iter().cloned());
    let id = buy(&plane, 1).await.unwrap().instance_ids[0].clone();
    plane
        .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
        .await;
    let cx = plane.context("ckafka", "").await;
    let instance = plane.control.instance_view(&cx, &id).await.unwrap();
    let shown = plane.control.instance_bootstraps(&instance);
    let shown: Vec<(SecurityProtocol, String)> = shown
        .into_iter()
        .map(|one| {
            assert!(!one.kind.is_public);
            let text = one.addresses.replace(id.as_str(), "ID");
            (one.kind.security_protocol, text)
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(protocol, text)| (*protocol, (*text).to_owned()))
        .collect();
    assert_eq!(shown, expected);
    let seen = plane.engine.observe_cluster(&id).await.unwrap().unwrap();
    assert_eq!(
        seen.spec.unwrap().listeners,
        plane.control.instance_listeners(&instance)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_have_ports_addresses_or_names_of_their_own() {
    check(
        Addressing::Port,
        &[Plaintext],
        &[],
        &[(Plaintext, "127.0.0.1:20000,127.0.0.1:20001,127.0.0.1:20002")],
    )
    .await;
    check(
        Addressing::Port,
        &[SaslSsl, Plaintext],
        &[Fault::port_taken(20_003)],
        &[
            (SaslSsl, "127.0.0.1:20000,127.0.0.1:20002,127.0.0.1:20004"),
            (Plaintext, "127.0.0.1:20001,127.0.0.1:20006,127.0.0.1:20005"),
        ],
    )
    .await;
    check(
        Addressing::Loopback,
        &[Plaintext, SaslPlaintext, Ssl, SaslSsl],
        &[Fault::AddressTaken(([127, 77, 78, 33], 9094).into())],
        &[
            (
                Plaintext,
                "127.77.78.32:9092,127.77.78.35:9092,127.77.78.34:9092",
            ),
            (
                SaslPlaintext,
                "127.77.78.32:9094,127.77.78.35:9094,127.77.78.34:9094",
            ),
            (Ssl, "127.77.78.32:9095,127.77.78.35:9095,127.77.78.34:9095"),
            (
                SaslSsl,
                "127.77.78.32:9093,127.77.78.35:9093,127.77.78.34:9093",
            ),
        ],
    )
    .await;
    check(
        Addressing::ServerName,
        &[SaslSsl],
        &[],
        &[(
            SaslSsl,
            "b0-ID.kafka.example:9093,b1-ID.kafka.example:9093,b2-ID.kafka.example:9093",
        )],
    )
    .await;
}

/// What clients begin with, by the names of listeners.
async fn shown(plane: &Plane, id: &InstanceId) -> Vec<(String, String)> {
    plane
        .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
        .await;
    let cx = plane.context("ckafka", "").await;
    let instance = plane.control.instance_view(&cx, id).await.unwrap();
    let seen = plane.engine.observe_cluster(id).await.unwrap().unwrap();
    assert_eq!(
        seen.spec.unwrap().listeners,
        plane.control.instance_listeners(&instance)
    );
    let shown = plane.control.instance_bootstraps(&instance).into_iter();
    let text = |text: String| text.replace(id.as_str(), "ID");
    shown
        .map(|one| (one.kind.to_string(), text(one.addresses)))
        .collect()
}

/// Resizes to so much public bandwidth.
async fn resize_public(plane: &Plane, id: &InstanceId, mbit: i64) {
    let cx = plane.context("ckafka", "").await;
    let before = plane.control.instance_view(&cx, id).await.unwrap();
    let resize = Resize {
        before,
        order_id: OrderId::new(format!("resize-{mbit}")),
        plan: plan_public(plane, mbit),
        payment: Payment::OnDelivery,
    };
    let edit = Edit {
        resize: Some(resize),
        ..Edit::default()
    };
    let call = Call::new(cx, None);
    plane.control.instance_edit(call, id, edit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn public_listeners_are_there_while_public_access_is_bought() {
    let private = "127.0.0.1:20000,127.0.0.1:20001,127.0.0.1:20002";
    for (addressing, protocol, private, public) in [
        (
            Addressing::Port,
            Plaintext,
            private,
            "kafka.example:20003,kafka.example:20004,kafka.example:20005",
        ),
        (
            Addressing::Loopback,
            Plaintext,
            "127.77.78.32:9092,127.77.78.33:9092,127.77.78.34:9092",
            "127.77.78.35:9093,127.77.78.36:9093,127.77.78.37:9093",
        ),
        (
            Addressing::ServerName,
            SaslSsl,
            "b0-ID.127.0.0.1:9093,b1-ID.127.0.0.1:9093,b2-ID.127.0.0.1:9093",
            "b0-public-ID.kafka.example:9094,b1-public-ID.kafka.example:9094,b2-public-ID.kafka.example:9094",
        ),
    ] {
        let mut options = PlaneOptions::default();
        // So many that nothing is left while all are held.
        options.settings.broker_ports = (20_000, 20_005);
        options.settings.broker_shared_port = 9093;
        options.settings.broker_public_shared_port = 9094;
        options.settings.broker_public_host = "kafka.example".into();
        options.settings.listeners = Listeners::new(addressing, vec![protocol])
            .and_then(|private| private.with_public(vec![SaslSsl]))
            .unwrap();
        let plane = Plane::start(options).await;
        let id = buy(&plane, 1).await.unwrap().instance_ids[0].clone();
        let without = vec![(protocol.name().to_owned(), private.to_owned())];
        assert_eq!(shown(&plane, &id).await, without, "{addressing:?}");
        resize_public(&plane, &id, 3).await;
        let mut with = without.clone();
        with.push(("PUBLIC_SASL_SSL".to_owned(), public.to_owned()));
        assert_eq!(shown(&plane, &id).await, with, "{addressing:?}");
        resize_public(&plane, &id, 0).await;
        assert_eq!(shown(&plane, &id).await, without, "{addressing:?}");
        // What was given back is free, and whoever buys it at once has it at once.
        if addressing != Addressing::ServerName {
            let sold_out = buy_public(&plane).await;
            assert!(sold_out.is_err(), "{addressing:?}: six slots are not left");
        } else {
            let id = buy_public(&plane).await.unwrap();
            assert_eq!(shown(&plane, &id).await, with, "{addressing:?}");
        }
        plane.assert_ledger().await;
    }
}

async fn buy_public(plane: &Plane) -> brokerage_domain::Result<InstanceId> {
    let account = plane.control.account_view("sandbox").await.unwrap();
    let placed = buy_plan(plane, &account, 1, plan_public(plane, 3)).await?;
    Ok(placed.instance_ids[0].clone())
}
