//! `/metrics`: what the clusters of this server do, as OpenMetrics text on an address of its own.
//!
//! Everything is read when it is asked for; nothing is kept here. Families are made of what the broker counts, so a
//! new counter there is a new family here. Nobody is asked for a key: the address belongs where only monitoring reaches.

use std::fmt;
use std::sync::Arc;

use brokerage_control::Control;
use brokerage_control::background::LastSlice;
use brokerage_engine::{ClusterDetails, ClusterObservation, Counter, Engine, EngineError};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::listener::Room;

/// Connections at once: monitoring has one or two.
pub const CONNECTIONS_MAX: usize = 16;
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Names of labels. Prometheus gives `instance` to every target itself.
const INSTANCE: &str = "instance_id";
const TOPIC: &str = "topic";
const USER: &str = "user";
const GROUP: &str = "group";
const TASK: &str = "task";

/// Labels of one row, in order.
type Labels = Vec<(&'static str, String)>;

/// One thing that is counted, with the names and meanings of its counters.
struct Counted {
    labels: Labels,
    values: Vec<(&'static str, &'static str, u64)>,
}

/// One thing that is measured.
struct Measured {
    labels: Labels,
    value: u64,
}

/// What a scrape shows of the clusters.
#[derive(Debug, Default)]
struct Clusters {
    /// Every cluster that runs, by id; with topics, users and groups where they are served, too.
    running: Vec<(Labels, ClusterObservation, Option<ClusterDetails>)>,
    /// What the engine holds for all of them.
    gauges: Vec<Counter>,
    has_details: bool,
    /// Clusters that the store does not know, as the last look found them.
    orphans: u64,
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    prefix: &str,
    rows: &[Counted],
) -> Result<(), fmt::Error> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    for (at, (name, help, _)) in first.values.iter().enumerate() {
        let name = format!("brokerage_{prefix}_{name}");
        let kind = ConstCounter::<u64>::TYPE;
        let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
        for row in rows {
            let labels = row.labels.as_slice();
            let metric = family.encode_family(&labels)?;
            ConstCounter::new(row.values[at].2).encode(metric)?;
        }
    }
    Ok(())
}

/// What is measured of the process.
fn single(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let name = format!("brokerage_{name}");
    let metric = encoder.encode_descriptor(&name, help, None, ConstGauge::<i64>::TYPE)?;
    ConstGauge::new(signed(value)).encode(metric)
}

/// Gauges are signed.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Measured>,
) -> Result<(), fmt::Error> {
    let name = format!("brokerage_{name}");
    let mut family = encoder.encode_descriptor(&name, help, None, ConstGauge::<i64>::TYPE)?;
    for row in rows {
        let labels = row.labels.as_slice();
        let metric = family.encode_family(&labels)?;
        ConstGauge::new(signed(row.value)).encode(metric)?;
    }
    Ok(())
}

impl Clusters {
    /// What the engine sees now. A cluster that ends meanwhile is left out.
    async fn see(engine: &dyn Engine, has_details: bool) -> Result<Self, EngineError> {
        let mut running = Vec::new();
        for id in engine.list_clusters().await? {
            let seen = engine.observe_cluster(&id).await?;
            let Some(seen) = seen.filter(|seen| seen.running) else {
                continue;
            };
            let details = match has_details {
                true => engine.observe_details(&id).await?,
                false => None,
            };
            let labels = vec![(INSTANCE, id.as_str().to_owned())];
            running.push((labels, seen, details));
        }
        Ok(Self {
            running,
            gauges: engine.gauges(),
            has_details,
            orphans: 0,
        })
    }

    fn details(&self) -> impl Iterator<Item = (&Labels, &ClusterDetails)> {
        let rows = self.running.iter();
        rows.filter_map(|(labels, _, details)| Some((labels, details.as_ref()?)))
    }

    fn encode_instances(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Instances that run.";
        single(encoder, "instances", help, self.running.len() as u64)?;
        let help = "Clusters that the database does not know: stopped, and kept.";
        single(encoder, "orphans", help, self.orphans)?;
        for gauge in &self.gauges {
            single(encoder, gauge.name, gauge.help, gauge.value)?;
        }
        let counted = self.running.iter().map(|(labels, seen, _)| Counted {
            labels: labels.clone(),
            values: values(&seen.counters),
        });
        counters(encoder, "instance", &counted.collect::<Vec<_>>())?;
        for (at, (name, help)) in INSTANCE_GAUGES.iter().enumerate() {
            let rows = self.running.iter().map(|(labels, seen, _)| Measured {
                labels: labels.clone(),
                value: [
                    seen.bytes_stored,
                    seen.bytes_held,
                    u64::from(seen.connections),
                    u64::from(seen.topics),
                    u64::from(seen.partitions),
                    u64::from(seen.groups),
                ][at],
            });
            gauge(encoder, name, help, rows)?;
        }
        Ok(())
    }

    fn encode_topics(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut counted = Vec::new();
        let mut stored = Vec::new();
        for (labels, details) in self.details() {
            for topic in &details.topics {
                let labels = with(labels, TOPIC, &topic.name);
                stored.push(Measured {
                    labels: labels.clone(),
                    value: topic.bytes_stored,
                });
                let values = values(&topic.counters);
                counted.push(Counted { labels, values });
            }
        }
        counters(encoder, "topic", &counted)?;
        gauge(
            encoder,
            "topic_stored_bytes",
            "Bytes of segments on disk.",
            stored,
        )
    }

    fn encode_users(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut counted = Vec::new();
        for (labels, details) in self.details() {
            counted.extend(details.users.iter().map(|user| Counted {
                labels: with(labels, USER, &user.name),
                values: values(&user.counters),
            }));
        }
        counters(encoder, "user", &counted)
    }

    fn encode_groups(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut members = Vec::new();
        let mut lags = Vec::new();
        for (labels, details) in self.details() {
            for group in &details.groups {
                let labels = with(labels, GROUP, &group.id);
                members.push(Measured {
                    labels: labels.clone(),
                    value: u64::from(group.members),
                });
                lags.extend(group.lags.iter().map(|(topic, lag)| Measured {
                    labels: with(&labels, TOPIC, topic),
                    value: *lag,
                }));
            }
        }
        gauge(encoder, "group_members", "Members of a group.", members)?;
        let help = "Offsets between what a group committed and the end of the topic.";
        gauge(encoder, "group_lag", help, lags)
    }
}

fn values(counters: &[Counter]) -> Vec<(&'static str, &'static str, u64)> {
    let value = |counter: &Counter| (counter.name, counter.help, counter.value);
    counters.iter().map(value).collect()
}

fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((name, value.to_owned()));
    labels
}

/// Names and meanings of what is measured of an instance, in the order of its row.
const INSTANCE_GAUGES: [(&str, &str); 6] = [
    ("instance_stored_bytes", "Bytes of segments on disk."),
    (
        "instance_held_bytes",
        "Bytes of requests and answers under way that are held in memory.",
    ),
    ("instance_connections", "Connections open now."),
    ("instance_topics", "Topics."),
    (
        "instance_partitions",
        "Partitions, as the limits count them.",
    ),
    ("instance_groups", "Consumer groups."),
];

impl Collector for Clusters {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        self.encode_instances(&mut encoder)?;
        if self.has_details {
            self.encode_topics(&mut encoder)?;
            self.encode_users(&mut encoder)?;
            self.encode_groups(&mut encoder)?;
        }
        Ok(())
    }
}

/// Reads the background tasks at each scrape.
struct Tasks {
    control: Arc<Control>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Collector for Tasks {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let tasks = self.control.task_list();
        let counted = tasks.iter().map(|(task, status)| Counted {
            labels: vec![(TASK, task.name.to_owned())],
            values: vec![
                ("slices", "Slices of work that ended.", status.slices),
                ("failures", "Slices that failed.", status.failures),
            ],
        });
        counters(&mut encoder, "task", &counted.collect::<Vec<_>>())?;
        let measured = |value: fn(&LastSlice) -> u64| {
            tasks.iter().filter_map(move |(task, status)| {
                Some(Measured {
                    labels: vec![(TASK, task.name.to_owned())],
                    value: value(status.last.as_ref()?),
                })
            })
        };
        let rows = measured(|last| u64::try_from(last.began_at.seconds()).unwrap_or(0));
        let (name, help) = ("task_last_began_seconds", "When the last slice began.");
        gauge(&mut encoder, name, help, rows)?;
        let rows = measured(|last| last.took_us / 1_000);
        let (name, help) = ("task_last_took_ms", "How long the last slice took.");
        gauge(&mut encoder, name, help, rows)
    }
}

/// Reads what callers of the API hold at each scrape.
struct Held {
    room: Room,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let rows = [
            (
                "api_connections",
                "Connections to the API.",
                self.room.places.taken(),
            ),
            (
                "api_bytes_held",
                "Bytes of large requests and of answers that callers of the API hold.",
                self.room.budget.held(),
            ),
        ];
        for (name, help, value) in rows {
            let row = Measured {
                labels: Vec::new(),
                value: value as u64,
            };
            gauge(&mut encoder, name, help, std::iter::once(row))?;
        }
        Ok(())
    }
}

/// What is served, to one scrape at a time, since it may be large.
#[derive(Clone)]
pub struct Metrics {
    control: Arc<Control>,
    engine: Arc<dyn Engine>,
    has_details: bool,
    room: Room,
    turn: Arc<Semaphore>,
}

impl Metrics {
    /// `room`: that of the API. `has_details`: topics, users and groups, too.
    pub fn new(
        control: Arc<Control>,
        engine: Arc<dyn Engine>,
        room: Room,
        has_details: bool,
    ) -> Self {
        Self {
            control,
            engine,
            has_details,
            room,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Answers one request.
    pub async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/metrics" {
            return plain(StatusCode::NOT_FOUND);
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Ok(_turn) = self.turn.acquire().await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE);
        };
        let clusters = match Clusters::see(&*self.engine, self.has_details).await {
            Ok(clusters) => clusters,
            Err(error) => {
                tracing::error!(%error, "metrics cannot be read");
                return plain(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        let mut clusters = clusters;
        clusters.orphans = self.control.orphan_count() as u64;
        let (control, room) = (self.control.clone(), self.room.clone());
        // There may be many rows.
        let written = move || {
            let mut registry = registry(clusters);
            registry.register_collector(Box::new(Tasks { control }));
            registry.register_collector(Box::new(Held { room }));
            exposition(&registry)
        };
        let text = tokio::task::spawn_blocking(written).await;
        match text {
            Ok(Ok(text)) => {
                let mut response = Response::new(Full::new(Bytes::from(text)));
                let kind = header::HeaderValue::from_static(CONTENT_TYPE);
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "metrics cannot be written");
                plain(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Err(error) => {
                tracing::error!(%error, "metrics cannot be read");
                plain(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

fn registry(clusters: Clusters) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(clusters));
    registry
}

fn exposition(registry: &Registry) -> Result<String, fmt::Error> {
    let mut out = String::new();
    text::encode(&mut out, registry)?;
    Ok(out)
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use brokerage_domain::catalog::{Catalogs, NodeGroup, PlanRequest};
    use brokerage_domain::clock::SystemClock;
    use brokerage_domain::id::InstanceId;
    use brokerage_domain::listener::SecurityProtocol;
    use brokerage_engine::{ClusterSpec, Listener};
    use brokerage_engine_embedded::{Durability, EmbeddedEngine, EmbeddedOptions, LogIntervals};
    use brokerage_kafka_admin::{Client, NewTopic};

    use super::*;

    /// A cluster of a plan that some catalog sells without further words.
    fn spec(id: &str) -> ClusterSpec {
        let catalogs = Catalogs::embedded();
        let catalog = catalogs.get("jdkafka").unwrap();
        let region = catalog.regions()[0].id.clone();
        let zones = catalog.zones(&region).take(1).map(|zone| zone.id.clone());
        let request = PlanRequest {
            zones: zones.collect(),
            version: Some("1.0.2".into()),
            nodes: vec![NodeGroup {
                role: "broker".into(),
                ..NodeGroup::default()
            }],
            region: region.clone(),
            ..PlanRequest::default()
        };
        let plan = catalog.plan(&request).unwrap();
        ClusterSpec {
            id: InstanceId::new(id),
            kafka_version: plan.kafka_version,
            listeners: vec![Listener {
                broker_id: 0,
                security_protocol: SecurityProtocol::Plaintext,
                is_public: false,
                route: 0,
                allowed: None,
                bind: Some([127, 0, 0, 1].into()),
                advertised_host: "127.0.0.1".into(),
                port: 0,
            }],
            zones: plan.zones,
            limits: plan.usable,
            settings: Default::default(),
        }
    }

    async fn engine(dir: &std::path::Path) -> EmbeddedEngine {
        let engine = EmbeddedEngine::open(EmbeddedOptions {
            data_dir: dir.to_owned(),
            durability: Durability::Process,
            real_clock: Arc::new(SystemClock),
            seed: 1,
            tls_files: None,
            shared_port: None,
            public_shared_port: None,
            log_intervals: LogIntervals::default(),
            group_initial_rebalance_delay: Duration::ZERO,
        });
        let engine = engine.unwrap();
        for id in ["a", "b", "c"] {
            engine.ensure_cluster(&spec(id)).await.unwrap();
        }
        engine.stop_cluster(&InstanceId::new("c")).await.unwrap();
        let stream = engine.connect(&InstanceId::new("a")).await.unwrap();
        let topic = NewTopic {
            name: "t".to_owned(),
            partitions: 2,
            replication_factor: 1,
            configs: Default::default(),
        };
        let mut kafka = Client::connect(stream).await.unwrap();
        kafka.topic_create(&topic).await.unwrap();
        engine
    }

    async fn told(engine: &EmbeddedEngine, has_details: bool) -> Vec<(String, String)> {
        let clusters = Clusters::see(engine, has_details).await.unwrap();
        check(&exposition(&registry(clusters)).unwrap())
    }

    /// Every sample belongs to the family announced before it, once; returns the samples.
    fn check(text: &str) -> Vec<(String, String)> {
        let mut families = BTreeSet::new();
        let mut family = String::new();
        let mut samples = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line == "# EOF" {
                assert_eq!(lines.peek(), None, "nothing comes behind the end");
                return samples;
            }
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                assert!(families.insert(family.clone()), "{family} comes twice");
            } else if !line.starts_with("# TYPE ") {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                assert!(sample.starts_with(&family), "{sample} is not of {family}");
                samples.push((sample.to_owned(), value.to_owned()));
            }
        }
        panic!("the text has no end");
    }

    fn has(samples: &[(String, String)], sample: &str, value: &str) {
        let found = samples.iter().find(|(name, _)| name == sample);
        assert_eq!(
            found.map(|(_, value)| value.as_str()),
            Some(value),
            "{sample}"
        );
    }

    #[tokio::test]
    async fn instances_are_told_and_the_rest_when_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        let samples = told(&engine, false).await;
        has(&samples, "brokerage_instances", "2");
        for id in ["a", "b"] {
            let of = |name: &str| format!("brokerage_instance_{name}{{instance_id=\"{id}\"}}");
            has(&samples, &of("bytes_in_total"), "0");
            has(&samples, &of("topics"), if id == "a" { "1" } else { "0" });
        }
        assert!(!samples.iter().any(|(name, _)| name.contains("topic=")));
        let process = [
            "brokerage_held_bytes",
            "brokerage_open_files",
            "brokerage_orphans",
        ];
        let is_told = |name: &&str| samples.iter().any(|(told, _)| told == *name);
        assert!(process.iter().all(is_told));
        let samples = told(&engine, true).await;
        let labels = "{instance_id=\"a\",topic=\"t\"}";
        has(
            &samples,
            &format!("brokerage_topic_bytes_in_total{labels}"),
            "0",
        );
        has(
            &samples,
            &format!("brokerage_topic_stored_bytes{labels}"),
            "0",
        );
    }
}
