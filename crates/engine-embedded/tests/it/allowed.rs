//! Who may connect to a listener, by address: asked of sockets on several loopback addresses, while they are connected.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use brokerage_domain::address::AddressRange;
use brokerage_engine::{ClusterSpec, Engine, Listener};
use brokerage_kafka_admin::Client;
use tokio::net::TcpSocket;

use crate::conformance::{free_ports, open, spec};

/// Longest wait for a connection to be closed that is not allowed any more.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

fn from(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// A Kafka client that comes from an address; `None` where it is not let in.
async fn client(source: IpAddr, port: u16) -> Option<Client> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(source, 0)).unwrap();
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await;
    Client::connect(stream.ok()?).await.ok()
}

/// Whether a client is answered; one whose connection is about to be closed is waited for.
async fn is_served(client: &mut Client, is_expected: bool) -> bool {
    let deadline = tokio::time::Instant::now() + CLOSED_WITHIN;
    loop {
        let is_served = client.topic_list().await.is_ok();
        if is_served == is_expected || tokio::time::Instant::now() > deadline {
            return is_served;
        }
        tokio::task::yield_now().await;
    }
}

fn allowing(spec: &ClusterSpec, ranges: Option<&[&str]>) -> ClusterSpec {
    let parse = |text: &&str| text.parse::<AddressRange>().unwrap();
    let allowed: Option<Vec<AddressRange>> =
        ranges.map(|ranges| ranges.iter().map(parse).collect());
    let mut spec = spec.clone();
    for listener in &mut spec.listeners {
        listener.allowed.clone_from(&allowed);
    }
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_addresses_hold_for_who_comes_and_for_who_is_connected() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let spec = spec("allowed-1", &free_ports(1));
    let port = spec.listeners[0].port;
    // Each list, and which of two clients that were connected before and two that come then are served.
    for (ranges, expected) in [
        (None, [true, true]),
        (Some(["127.0.0.2"].as_slice()), [false, true]),
        (Some(&["10.0.0.0/8", "127.0.0.1/32"]), [true, false]),
        (Some(&["127.0.0.0/30"]), [true, true]),
        (Some(&["127.0.0.2/31"]), [false, true]),
        (Some(&[]), [false, false]),
        (Some(&["::/0"]), [true, true]),
        (Some(&["0.0.0.0/0"]), [true, true]),
        (Some(&["::ffff:127.0.0.2"]), [false, true]),
        (Some(&["::1"]), [false, false]),
    ] {
        engine.ensure_cluster(&allowing(&spec, None)).await.unwrap();
        let mut before = Vec::new();
        for last in [1, 2] {
            before.push(client(from(last), port).await.unwrap());
        }
        engine
            .ensure_cluster(&allowing(&spec, ranges))
            .await
            .unwrap();
        for (last, (client_before, expected)) in
            [1, 2].into_iter().zip(before.iter_mut().zip(expected))
        {
            let told = format!("{ranges:?} from 127.0.0.{last}");
            assert_eq!(
                is_served(client_before, expected).await,
                expected,
                "{told}, connected before"
            );
            let comes = client(from(last), port).await;
            assert_eq!(comes.is_some(), expected, "{told}");
        }
    }
    let seen = engine.observe_cluster(&spec.id).await.unwrap().unwrap();
    let counter = seen
        .counters
        .iter()
        .find(|one| one.name == "connections_not_allowed");
    assert!(counter.unwrap().value >= 5, "{counter:?}");
    // The control plane is no client.
    engine
        .ensure_cluster(&allowing(&spec, Some(&[])))
        .await
        .unwrap();
    let stream = engine.connect(&spec.id).await.unwrap();
    let mut own = Client::connect(stream).await.unwrap();
    assert!(own.topic_list().await.is_ok());
    engine.shutdown().await;
}

/// A route is a listener of its own beside one of the same protocol: with its own list, opened and closed while clients
/// of the other one stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_opens_and_closes_beside_the_listener_that_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let ports = free_ports(2);
    let plain = spec("routes-1", &ports[..1]);
    engine.ensure_cluster(&plain).await.unwrap();
    let mut stays = client(from(1), ports[0]).await.unwrap();
    assert!(
        client(from(1), ports[1]).await.is_none(),
        "it is not there yet"
    );
    let mut routed = plain.clone();
    routed.listeners.push(Listener {
        route: 1,
        port: ports[1],
        allowed: Some(vec!["127.0.0.2".parse().unwrap()]),
        ..plain.listeners[0].clone()
    });
    engine.ensure_cluster(&routed).await.unwrap();
    let mut by_route = client(from(2), ports[1]).await.unwrap();
    assert!(is_served(&mut by_route, true).await);
    assert!(
        client(from(1), ports[1]).await.is_none(),
        "it is not in the list"
    );
    // Another list of the main listener concerns nobody who came by the route.
    let mut narrowed = routed.clone();
    narrowed.listeners[0].allowed = Some(vec!["127.0.0.1".parse().unwrap()]);
    engine.ensure_cluster(&narrowed).await.unwrap();
    assert!(is_served(&mut by_route, true).await);
    assert!(is_served(&mut stays, true).await);
    engine.ensure_cluster(&plain).await.unwrap();
    assert!(
        !is_served(&mut by_route, false).await,
        "it went with its route"
    );
    assert!(is_served(&mut stays, true).await);
    engine.shutdown().await;
}
