//! `/metrics`: what the clusters of this server do, as OpenMetrics text on an address of its own.
//!
//! Everything is read when it is asked for; nothing is kept here. Families are made of what the broker counts, so a
//! new counter there is a new family here. Nobody is asked for a key: the address belongs where only monitoring reaches.

use std::fmt;
use std::sync::Arc;

use brokerage_control::Control;
use brokerage_control::background::LastSlice;
use brokerage_engine_embedded::Host;
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

/// Reads the clusters at each scrape.
struct Clusters {
    host: Host,
    /// Whether topics, users and groups are told, too.
    has_details: bool,
}

impl fmt::Debug for Clusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clusters")
            .field("has_details", &self.has_details)
            .finish_non_exhaustive()
    }
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
    /// Every cluster that runs, with the labels that all of its rows have.
    fn ids(&self) -> impl Iterator<Item = (String, Labels)> {
        let ids = self.host.running_cluster_ids().into_iter();
        ids.map(|id| (id.clone(), vec![(INSTANCE, id)]))
    }

    fn encode_instances(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let seen: Vec<_> = self
            .ids()
            .filter_map(|(id, labels)| Some((labels, self.host.observe(&id)?)))
            .collect();
        let help = "Instances that run.";
        single(encoder, "instances", help, seen.len() as u64)?;
        let help = "Segments and journals kept open.";
        single(encoder, "open_files", help, self.host.open_files() as u64)?;
        let counted = seen.iter().map(|(labels, seen)| Counted {
            labels: labels.clone(),
            values: seen.counters.described(),
        });
        counters(encoder, "instance", &counted.collect::<Vec<_>>())?;
        for (at, (name, help)) in INSTANCE_GAUGES.iter().enumerate() {
            let rows = seen.iter().map(|(labels, seen)| Measured {
                labels: labels.clone(),
                value: [
                    seen.stored_bytes,
                    u64::from(seen.connections),
                    u64::from(seen.topics),
                    seen.partitions,
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
        for (id, labels) in self.ids() {
            for topic in self.host.observe_topics(&id).unwrap_or_default() {
                let mut labels = labels.clone();
                labels.push((TOPIC, topic.name));
                stored.push(Measured {
                    labels: labels.clone(),
                    value: topic.stored_bytes,
                });
                let values = topic.counters.described();
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
        for (id, labels) in self.ids() {
            for user in self.host.observe_users(&id).unwrap_or_default() {
                let mut labels = labels.clone();
                labels.push((USER, user.name));
                let values = user.counters.described();
                counted.push(Counted { labels, values });
            }
        }
        counters(encoder, "user", &counted)
    }

    fn encode_groups(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut members = Vec::new();
        let mut lags = Vec::new();
        for (id, labels) in self.ids() {
            for group in self.host.observe_groups(&id).unwrap_or_default() {
                let mut labels = labels.clone();
                labels.push((GROUP, group.group_id));
                members.push(Measured {
                    labels: labels.clone(),
                    value: u64::from(group.members),
                });
                // Partitions of a topic follow each other.
                for topic in group.partitions.chunk_by(|a, b| a.topic == b.topic) {
                    let mut labels = labels.clone();
                    labels.push((TOPIC, topic[0].topic.clone()));
                    let value = topic.iter().map(|partition| partition.lag()).sum();
                    lags.push(Measured { labels, value });
                }
            }
        }
        gauge(encoder, "group_members", "Members of a group.", members)?;
        let help = "Offsets between what a group committed and the end of the topic.";
        gauge(encoder, "group_lag", help, lags)
    }
}

/// Names and meanings of what is measured of an instance, in the order of its row.
const INSTANCE_GAUGES: [(&str, &str); 5] = [
    ("instance_stored_bytes", "Bytes of segments on disk."),
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

/// What is told, and to one at a time: a scrape may be large.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    turn: Arc<Semaphore>,
}

impl Metrics {
    /// `has_details`: topics, users and groups, too.
    pub fn new(control: Arc<Control>, host: Host, has_details: bool) -> Self {
        let mut registry = Self::of_clusters(host, has_details);
        registry.register_collector(Box::new(Tasks { control }));
        Self {
            registry: Arc::new(registry),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    fn of_clusters(host: Host, has_details: bool) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Clusters { host, has_details }));
        registry
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
        let registry = self.registry.clone();
        // The lag of groups reads the disk.
        let text = tokio::task::spawn_blocking(move || exposition(&registry)).await;
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

    use brokerage_broker::{
        Authorization, BrokerSpec, ClusterLimits, ClusterSpec, HostOptions, TopicDefaults,
        TopicSpec,
    };
    use brokerage_engine_embedded::Durability;

    use super::*;

    struct StandingClock;

    impl brokerage_broker::Clock for StandingClock {
        fn now_ms(&self) -> i64 {
            1_700_000_000_000
        }
    }

    async fn host(dir: &std::path::Path) -> Host {
        let clock = Arc::new(StandingClock);
        let options = HostOptions::new(dir.to_owned(), Durability::Process, clock, 1);
        let host = Host::open(options).unwrap();
        for id in ["a", "b"] {
            let listeners = Vec::new();
            let spec = ClusterSpec {
                id: id.to_owned(),
                kafka_version: "4.1.0".to_owned(),
                brokers: vec![BrokerSpec { id: 0, listeners }],
                limits: ClusterLimits::default(),
                auto_create_topics: false,
                defaults: TopicDefaults::default(),
                authorization: Authorization::default(),
            };
            host.ensure_cluster(spec).await.unwrap();
        }
        let topic = TopicSpec {
            name: "t".to_owned(),
            partitions: 2,
            replication_factor: 1,
            configs: Default::default(),
        };
        host.create_topic("a", topic).await.unwrap();
        host
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
        let host = host(dir.path()).await;
        let samples = check(&exposition(&Metrics::of_clusters(host.clone(), false)).unwrap());
        has(&samples, "brokerage_instances", "2");
        for id in ["a", "b"] {
            let of = |name: &str| format!("brokerage_instance_{name}{{instance_id=\"{id}\"}}");
            has(&samples, &of("bytes_in_total"), "0");
            has(&samples, &of("topics"), if id == "a" { "1" } else { "0" });
        }
        assert!(!samples.iter().any(|(name, _)| name.contains("topic=")));
        let samples = check(&exposition(&Metrics::of_clusters(host, true)).unwrap());
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
