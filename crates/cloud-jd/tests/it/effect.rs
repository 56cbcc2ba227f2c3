//! What parameters do to the cluster: asked of its Kafka.

use brokerage_testkit::Plane;
use serde_json::json;

use crate::{example, running};

#[tokio::test(flavor = "multi_thread")]
async fn brokers_stand_in_the_zones_that_were_bought() {
    let plane = Plane::sandbox().await;
    for (zones, expected) in [
        (["a"].as_slice(), ["a", "a", "a"]),
        (&["b", "a"], ["b", "a", "b"]),
        (&["a", "b", "c"], ["a", "b", "c"]),
    ] {
        let zone = |letter: &str| format!("cn-north-1{letter}");
        let mut body = example();
        body["instance"]["azId"] = json!(zones.iter().map(|at| zone(at)).collect::<Vec<_>>());
        body["instance"]["subnetId"] = json!(format!("subnet-{}", zones.len()));
        let id = running(&plane, &body).await;
        let racks = plane.broker_configs(&id, "broker.rack").await;
        assert_eq!(racks, expected.map(|at| Some(zone(at))), "{zones:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extension_is_in_force() {
    let plane = Plane::sandbox().await;
    let mut body = example();
    body["instance"]["extension"] = json!({ "msgRetain": 30 });
    let id = running(&plane, &body).await;
    let told = plane.broker_configs(&id, "log.retention.ms").await;
    assert_eq!(told, vec![Some("108000000".to_owned()); 3]);
}
