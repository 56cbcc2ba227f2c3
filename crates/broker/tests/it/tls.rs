//! TLS listeners, on ports of their own and on one that many clusters share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brokerage_broker::{
    Bind, ClusterSpec, Durability, Host, HostError, HostOptions, ListenerSpec, SecurityProtocol,
    SharedPortSpec,
};
use kafka_protocol::messages::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Administration, Client, FixedClock, NOW_MS, address, host_at, spec};

/// What a broken handshake may take.
const QUICKLY: Duration = Duration::from_secs(3);

/// The client lives at the time of the host's clock.
#[derive(Debug)]
struct At(i64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let since = Duration::from_millis(self.0.unsigned_abs());
        Some(UnixTime::since_unix_epoch(since))
    }
}

/// Trusts the authority of this host.
fn config(host: &Host, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(host.ca_path().unwrap()).unwrap();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(At(NOW_MS)))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn connect(
    config: Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config).connect(name, stream).await
}

fn tls_spec(security: SecurityProtocol) -> ClusterSpec {
    let mut spec = spec("c", 1);
    let listener = &mut spec.brokers[0].listeners[0];
    listener.security = security;
    listener.advertised_host = "kafka.example".to_owned();
    spec
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_is_trusted_by_its_name_and_addresses_in_both_versions_of_tls() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(tls_spec(SecurityProtocol::Ssl))
        .await
        .unwrap();
    let address = address(&host, "c", 0);
    for version in [&TLS12, &TLS13] {
        for name in ["kafka.example", "localhost", "127.0.0.1", "KAFKA.example"] {
            let stream = connect(config(&host, version), address, name)
                .await
                .unwrap();
            let mut client = Client::over(stream);
            let seen = client.call(MetadataRequest::default(), 12).await;
            assert_eq!(seen.brokers[0].host.as_str(), "kafka.example");
            // An answer of many TLS records.
            let create = creatable_topics(600);
            assert_eq!(client.call(create, 5).await.topics.len(), 600);
        }
        let stranger = connect(config(&host, version), address, "other.example").await;
        assert!(stranger.is_err());
    }
    // The authority of another host.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = host_at(elsewhere.path(), Durability::Process);
    let trust = config(&other, &TLS13);
    assert!(connect(trust, address, "localhost").await.is_err());
    other.shutdown().await;
    host.shutdown().await;
}

/// Only validated: many topics make a large answer.
fn creatable_topics(count: usize) -> CreateTopicsRequest {
    let topic = |at: usize| {
        create_topics_request::CreatableTopic::default()
            .with_name(TopicName(format!("{}-{at}", "t".repeat(100)).into()))
            .with_num_partitions(1)
            .with_replication_factor(1)
    };
    CreateTopicsRequest::default()
        .with_topics((0..count).map(topic).collect())
        .with_timeout_ms(1_000)
        .with_validate_only(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_authenticate_through_tls_too() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(tls_spec(SecurityProtocol::SaslSsl))
        .await
        .unwrap();
    host.put_user("c", "app", "secret").await.unwrap();
    let address = address(&host, "c", 0);
    for (password, expected) in [("secret", 0), ("wrong", 58)] {
        let stream = connect(config(&host, &TLS13), address, "localhost")
            .await
            .unwrap();
        let mut client = Client::over(stream);
        let request = SaslHandshakeRequest::default().with_mechanism("PLAIN".into());
        assert_eq!(client.call(request, 1).await.error_code, 0);
        let token = format!("\0app\0{password}").into();
        let request = SaslAuthenticateRequest::default().with_auth_bytes(token);
        assert_eq!(client.call(request, 2).await.error_code, expected);
        if expected == 0 {
            let seen = client.call(MetadataRequest::default(), 12).await;
            assert_eq!(seen.brokers.len(), 1);
        } else {
            assert!(client.receive_raw().await.is_none());
        }
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_at_the_wrong_door_are_sent_away_at_once_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(tls_spec(SecurityProtocol::SaslSsl))
        .await
        .unwrap();
    let started = Instant::now();
    let mut plain = Client::connect(&host, "c", 0).await;
    let frame = plain.frame(&ApiVersionsRequest::default(), 3);
    plain.send_raw(&frame).await;
    // An alert of TLS is no length of a request; the end is what matters.
    plain.receive_raw().await;
    assert!(started.elapsed() < QUICKLY);
    // It is counted when the socket is closed already.
    while host.observe("c").unwrap().counters.handshakes_failed != 1 {
        assert!(started.elapsed() < QUICKLY);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    for security in [SecurityProtocol::Plaintext, SecurityProtocol::SaslPlaintext] {
        let before = host.observe("c").unwrap().counters.connections_malformed;
        host.ensure_cluster(tls_spec(security)).await.unwrap();
        let started = Instant::now();
        let stream = connect(config(&host, &TLS13), address(&host, "c", 0), "localhost").await;
        assert!(stream.is_err() && started.elapsed() < QUICKLY);
        let seen = host.observe("c").unwrap();
        assert_eq!(seen.counters.connections_malformed, before + 1);
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_behind_tls_is_noticed_when_it_leaves_and_answered_when_it_sends_more()
{
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    host.ensure_cluster(tls_spec(SecurityProtocol::Ssl))
        .await
        .unwrap();
    host.create_topic("c", crate::support::topic("t", 1))
        .await
        .unwrap();
    let address = address(&host, "c", 0);
    let wait = |max_wait_ms| {
        let wanted = fetch_request::FetchPartition::default().with_partition_max_bytes(1 << 20);
        let wanted = fetch_request::FetchTopic::default()
            .with_topic(TopicName("t".into()))
            .with_partitions(vec![wanted]);
        FetchRequest::default()
            .with_max_bytes(1 << 20)
            .with_min_bytes(1)
            .with_max_wait_ms(max_wait_ms)
            .with_topics(vec![wanted])
    };
    // A request sent ahead, while the one before waits, is read ahead and not lost.
    let stream = connect(config(&host, &TLS13), address, "localhost")
        .await
        .unwrap();
    let mut client = Client::over(stream);
    let first = client.frame(&wait(300), 11);
    let second = client.frame(&MetadataRequest::default(), 12);
    client.send_raw(&first).await;
    client.send_raw(&second).await;
    for correlation_id in [1i32, 2] {
        let answer = client.receive_raw().await.unwrap();
        assert_eq!(answer[..4], correlation_id.to_be_bytes());
    }
    // A long poll ends with its client.
    let frame = client.frame(&wait(60_000), 11);
    client.send_raw(&frame).await;
    drop(client);
    let gone = async {
        while host.observe("c").unwrap().connections > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(QUICKLY, gone).await.unwrap();
    host.shutdown().await;
}

fn shared_host(dir: &std::path::Path, settling_time: Duration) -> Host {
    let clock = Arc::new(FixedClock(NOW_MS));
    let mut options = HostOptions::new(dir.to_owned(), Durability::Process, clock, 1);
    let shared_port = |advertised_port| SharedPortSpec {
        bind: ([127, 0, 0, 1], 0).into(),
        advertised_port,
    };
    options.shared_port = Some(shared_port(9_093));
    options.public_shared_port = Some(shared_port(9_094));
    options.settling_time = settling_time;
    Host::open(options).unwrap()
}

fn shared_spec(id: &str, brokers: i32) -> ClusterSpec {
    let mut spec = spec(id, brokers);
    for broker in &mut spec.brokers {
        let listener = &mut broker.listeners[0];
        listener.security = SecurityProtocol::Ssl;
        listener.bind = Bind::SharedPort;
        listener.advertised_host = format!("b{}.{id}.kafka.example", broker.id);
    }
    spec
}

/// The alert that the handshake ended with.
async fn alert(host: &Host, address: SocketAddr, name: &str) -> AlertDescription {
    let refused = connect(config(host, &TLS13), address, name)
        .await
        .err()
        .unwrap();
    match refused.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        other => panic!("{name}: {refused:?} {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_of_many_clusters_share_a_port_and_are_told_apart_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let host = shared_host(dir.path(), Duration::ZERO);
    host.ensure_cluster(shared_spec("one", 3)).await.unwrap();
    host.ensure_cluster(shared_spec("two", 2)).await.unwrap();
    host.create_topic("one", crate::support::topic("t", 3))
        .await
        .unwrap();
    let port = host.observe_shared_port().unwrap();
    assert_eq!((port.listeners, port.advertised_port), (5, 9_093));
    for (id, brokers) in [("one", 3), ("two", 2)] {
        for broker in 0..brokers {
            let name = format!("B{broker}.{id}.kafka.example");
            let stream = connect(config(&host, &TLS13), port.local_address, &name)
                .await
                .unwrap();
            let mut client = Client::over(stream);
            let seen = client.call(MetadataRequest::default(), 12).await;
            assert_eq!(seen.cluster_id.unwrap().as_str(), id);
            let told: Vec<(String, i32)> = seen
                .brokers
                .iter()
                .map(|broker| (broker.host.to_string(), broker.port))
                .collect();
            let expected = (0..brokers).map(|at| (format!("b{at}.{id}.kafka.example"), 9_093));
            assert_eq!(told, expected.collect::<Vec<_>>());
            // Each name leads to its own broker: only the leader of a partition answers for it.
            let partition = list_offsets_request::ListOffsetsPartition::default()
                .with_partition_index(broker)
                .with_timestamp(-1);
            let topic = list_offsets_request::ListOffsetsTopic::default()
                .with_name(TopicName("t".into()))
                .with_partitions(vec![partition]);
            let request = ListOffsetsRequest::default().with_topics(vec![topic]);
            if id == "one" {
                let leader = leader(&mut client, broker).await;
                let answer = client.call(request, 5).await;
                let code = answer.topics[0].partitions[0].error_code;
                assert_eq!(code == 0, leader == broker, "{code}");
            }
        }
    }
    host.shutdown().await;
}

async fn leader(client: &mut Client, partition: i32) -> i32 {
    let topic =
        metadata_request::MetadataRequestTopic::default().with_name(Some(TopicName("t".into())));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    let seen = client.call(request, 9).await;
    let mut partitions = seen.topics[0].partitions.iter();
    let found = partitions.find(|one| one.partition_index == partition);
    found.unwrap().leader_id.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nobody_has_are_refused_with_the_alert_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = shared_host(dir.path(), Duration::ZERO);
    let at = host.observe_shared_port().unwrap().local_address;
    let unrecognized = AlertDescription::UnrecognisedName;
    assert_eq!(alert(&host, at, "b0.one.kafka.example").await, unrecognized);
    host.ensure_cluster(shared_spec("one", 1)).await.unwrap();
    assert!(
        connect(config(&host, &TLS12), at, "b0.one.kafka.example")
            .await
            .is_ok()
    );
    assert_eq!(alert(&host, at, "b1.one.kafka.example").await, unrecognized);
    // No name at all: an address is none.
    let missing = AlertDescription::MissingExtension;
    assert_eq!(alert(&host, at, "127.0.0.1").await, missing);
    // No TLS at all.
    let mut plain = TcpStream::connect(at).await.unwrap();
    plain
        .write_all(&[0, 0, 0, 8, 0, 18, 0, 0, 0, 0, 0, 1])
        .await
        .unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(QUICKLY, plain.read_to_end(&mut rest)).await;
    assert!(read.is_ok());
    // A name belongs to one listener, and is free again when its cluster stops.
    let mut thief = shared_spec("thief", 1);
    thief.brokers[0].listeners[0].advertised_host = "B0.ONE.kafka.example".to_owned();
    let refused = host.ensure_cluster(thief.clone()).await;
    assert!(
        matches!(refused, Err(HostError::NameInUse { .. })),
        "{refused:?}"
    );
    assert!(host.observe("thief").is_none());
    host.stop_cluster("one").await.unwrap();
    assert_eq!(host.observe_shared_port().unwrap().listeners, 0);
    host.ensure_cluster(thief).await.unwrap();
    let port = host.observe_shared_port().unwrap();
    assert_eq!((port.listeners, port.connections_refused), (1, 4));
    // A listener goes on under its name when what is spoken there changes.
    let mut changed = shared_spec("thief", 1);
    changed.brokers[0].listeners[0].advertised_host = "b0.one.kafka.example".to_owned();
    changed.brokers[0].listeners[0].name = "SASL_SSL".to_owned();
    changed.brokers[0].listeners[0].security = SecurityProtocol::SaslSsl;
    host.ensure_cluster(changed).await.unwrap();
    let stream = connect(config(&host, &TLS13), at, "b0.one.kafka.example")
        .await
        .unwrap();
    let mut client = Client::over(stream);
    let request = SaslHandshakeRequest::default().with_mechanism("PLAIN".into());
    assert_eq!(client.call(request, 1).await.error_code, 0);
    host.shutdown().await;
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_names_are_not_reached_through_the_port_of_public_ones() {
    let dir = tempfile::tempdir().unwrap();
    let host = shared_host(dir.path(), Duration::ZERO);
    let mut both = shared_spec("c", 1);
    let private = both.brokers[0].listeners[0].clone();
    both.brokers[0].listeners.push(ListenerSpec {
        name: "PUBLIC_SASL_SSL".to_owned(),
        security: SecurityProtocol::SaslSsl,
        advertised_host: "b0.public.kafka.example".to_owned(),
        advertised_port: 9_094,
        is_public: true,
        ..private
    });
    host.ensure_cluster(both.clone()).await.unwrap();
    let ports = [
        host.observe_shared_port().unwrap(),
        host.observe_public_shared_port().unwrap(),
    ];
    assert_eq!(ports.clone().map(|port| port.listeners), [1, 1]);
    let [private, public] = ports.map(|port| port.local_address);
    let unrecognized = AlertDescription::UnrecognisedName;
    for (at, reached, refused) in [
        (private, "b0.c.kafka.example", "b0.public.kafka.example"),
        (public, "b0.public.kafka.example", "b0.c.kafka.example"),
    ] {
        let open = connect(config(&host, &TLS13), at, reached).await;
        assert!(open.is_ok(), "{reached}");
        assert_eq!(alert(&host, at, refused).await, unrecognized, "{refused}");
    }
    // What becomes public goes to the other port under its name.
    both.brokers[0].listeners.truncate(1);
    both.brokers[0].listeners[0].is_public = true;
    host.ensure_cluster(both.clone()).await.unwrap();
    let name = "b0.c.kafka.example";
    assert!(connect(config(&host, &TLS13), public, name).await.is_ok());
    assert!(is_only_disconnected(&host, private, name).await);
    host.shutdown().await;
    // Without a port for them, no public names are taken.
    let clock = Arc::new(FixedClock(NOW_MS));
    let mut options = HostOptions::new(dir.path().to_owned(), Durability::Process, clock, 1);
    options.shared_port = Some(SharedPortSpec {
        bind: ([127, 0, 0, 1], 0).into(),
        advertised_port: 0,
    });
    let host = Host::open(options).unwrap();
    let refused = host.ensure_cluster(both).await;
    assert!(
        matches!(refused, Err(HostError::InvalidSpec { .. })),
        "{refused:?}"
    );
    host.shutdown().await;
}

/// An end without a word: clients take it for a broker that is down, and come again.
async fn is_only_disconnected(host: &Host, at: SocketAddr, name: &str) -> bool {
    let refused = connect(config(host, &TLS13), at, name).await.err().unwrap();
    refused.kind() == std::io::ErrorKind::UnexpectedEof
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_brokers_that_are_down_are_disconnected_and_not_told_that_they_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let host = shared_host(dir.path(), Duration::ZERO);
    let at = host.observe_shared_port().unwrap().local_address;
    let (zero, one) = ("b0.c.kafka.example", "b1.c.kafka.example");
    host.ensure_cluster(shared_spec("c", 2)).await.unwrap();
    host.stop_broker("c", 1).await.unwrap();
    assert!(is_only_disconnected(&host, at, one).await);
    assert!(connect(config(&host, &TLS13), at, zero).await.is_ok());
    host.start_broker("c", 1).await.unwrap();
    assert!(connect(config(&host, &TLS13), at, one).await.is_ok());
    host.stop_cluster("c").await.unwrap();
    assert!(is_only_disconnected(&host, at, zero).await);
    host.shutdown().await;
    // After a restart clusters come back one after the other.
    let host = shared_host(dir.path(), Duration::from_secs(600));
    let at = host.observe_shared_port().unwrap().local_address;
    assert!(is_only_disconnected(&host, at, zero).await);
    host.ensure_cluster(shared_spec("c", 2)).await.unwrap();
    assert!(connect(config(&host, &TLS13), at, zero).await.is_ok());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_say_nothing_do_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let host = shared_host(dir.path(), Duration::ZERO);
    host.ensure_cluster(tls_spec(SecurityProtocol::Ssl))
        .await
        .unwrap();
    let shared = host.observe_shared_port().unwrap().local_address;
    let silent = |at: SocketAddr| async move {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut byte)).await;
        matches!(read, Ok(Ok(0)))
    };
    let closed = tokio::join!(silent(shared), silent(address(&host, "c", 0)));
    assert_eq!(closed, (true, true));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_that_cannot_be_told_apart_or_certified_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = shared_host(dir.path(), Duration::ZERO);
    let check = |change: fn(&mut brokerage_broker::ListenerSpec)| {
        let mut spec = shared_spec("c", 1);
        change(&mut spec.brokers[0].listeners[0]);
        let host = host.clone();
        async move {
            let refused = host.ensure_cluster(spec).await;
            assert!(
                matches!(refused, Err(HostError::InvalidSpec { .. })),
                "{refused:?}"
            );
        }
    };
    check(|listener| listener.security = SecurityProtocol::SaslPlaintext).await;
    check(|listener| listener.advertised_host = "127.0.0.1".to_owned()).await;
    check(|listener| listener.advertised_host = "not a name".to_owned()).await;
    check(|listener| {
        listener.security = SecurityProtocol::SaslSsl;
        listener.sasl.mechanisms.clear();
    })
    .await;
    host.shutdown().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let host = host_at(elsewhere.path(), Durability::Process);
    let refused = host.ensure_cluster(shared_spec("c", 1)).await;
    assert!(
        matches!(refused, Err(HostError::InvalidSpec { .. })),
        "{refused:?}"
    );
    host.shutdown().await;
}
