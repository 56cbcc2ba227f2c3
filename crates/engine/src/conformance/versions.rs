//! A cluster behaves as the release that was bought.

use super::{inside, outside};
use crate::cluster::{ClusterSpec, Engine, EngineError};

/// Kafka's key of Fetch.
const FETCH: i16 = 1;

pub(super) async fn versions(engine: &dyn Engine, spec: &impl Fn(&str) -> ClusterSpec) {
    let offered = engine.versions();
    let (first, last) = (offered.first(), offered.last());
    let mut newest = Vec::new();
    for version in [first, last].into_iter().flatten() {
        let mut spec = spec("suite-version");
        spec.kafka_version.clone_from(version);
        engine.ensure_cluster(&spec).await.expect("ensure");
        newest.push(outside(&spec).await.versions()[&FETCH].1);
        let own = inside(engine, &spec).await.versions()[&FETCH].1;
        assert!(
            own >= newest[0],
            "its own connection knows as much: {version}"
        );
        engine.drop_cluster(&spec.id).await.expect("drop");
    }
    if first != last {
        assert!(
            newest[0] < newest[1],
            "of {offered:?} clients are told {newest:?}"
        );
    }
    let mut spec = spec("suite-unknown");
    spec.kafka_version = "0.7.0".to_owned();
    assert!(!engine.serves_version(&spec.kafka_version));
    let refused = engine.ensure_cluster(&spec).await;
    assert!(
        matches!(refused, Err(EngineError::Refused { .. })),
        "what is not offered is refused for good: {refused:?}"
    );
}
