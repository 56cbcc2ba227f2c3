//! How clients reach what was bought, by the operator's setting.

use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};
use brokerage_domain::instance::Phase;
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol};
use brokerage_engine::Engine;
use brokerage_engine::fake::Fault;
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::buy;

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
        .map(|(protocol, text)| (protocol, text.replace(id.as_str(), "ID")))
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
