//! What parameters do to the cluster: asked of its Kafka.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_engine::ClusterSpec;
use brokerage_testkit::Plane;
use serde_json::{Value, json};

use crate::calls::{REGION, bought, check_refused, result, running, with};

/// Settings of a broker with their values, by Kafka's names.
type Told = &'static [(&'static str, &'static str)];

pub async fn spec(plane: &Plane, id: &str) -> ClusterSpec {
    let seen = plane.control.instance_observe(&InstanceId::new(id)).await;
    seen.unwrap().unwrap().spec.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_stand_in_the_zones_that_were_bought() {
    let plane = Plane::sandbox().await;
    let catalog = plane.control.catalog("ckafka").unwrap();
    let zones: Vec<String> = catalog.zones(REGION).map(|zone| zone.id.clone()).collect();
    let number = |zone: &String| zone.parse::<i64>().unwrap();
    for (count, expected) in [
        (1, [0, 0, 0].as_slice()),
        (2, &[0, 1, 0]),
        (3, &[0, 1, 2]),
        (4, &[0, 1, 2, 3]),
    ] {
        let ids: Vec<i64> = zones.iter().take(count).map(number).collect();
        let request = with(json!({
            "ZoneId": ids[0], "MultiZoneFlag": count > 1, "ZoneIds": ids,
        }));
        let id = bought(&plane, &request).await;
        plane.wait_for("ckafka", &id, Phase::Running).await;
        let racks = plane.broker_configs(&id, "broker.rack").await;
        let expected: Vec<_> = expected.iter().map(|at| Some(zones[*at].clone())).collect();
        assert_eq!(racks, expected, "{count} zones");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn elastic_bandwidth_is_what_its_status_says() {
    let plane = Plane::sandbox().await;
    for (switch, status, float_mbit, bytes) in [(0, 1, 0, 0), (1, 32, 64, 8 << 20)] {
        let id = bought(&plane, &with(json!({ "ElasticBandwidthSwitch": switch }))).await;
        plane.wait_for("ckafka", &id, Phase::Running).await;
        let of = json!({ "InstanceId": id });
        let told = async || {
            let shown = result(&plane, "DescribeInstanceAttributes", of.clone()).await;
            let of = |key: &str| shown[key].clone();
            let bytes = spec(&plane, &id).await.limits.elastic_bytes_per_second;
            (
                of("ElasticBandwidthSwitch"),
                of("ElasticBandwidthOpenStatus"),
                of("ElasticFloatBandwidth"),
                bytes,
            )
        };
        let expected = (json!(switch), json!(status), json!(float_mbit), bytes);
        assert_eq!(told().await, expected);
        // It outlives a change of what was bought.
        let larger = json!({ "InstanceId": id, "PublicNetwork": 6 });
        result(&plane, "ModifyInstanceAttributes", larger).await;
        plane.wait_for("ckafka", &id, Phase::Running).await;
        assert_eq!(told().await, expected);
    }
    let standard = with(json!({
        "SpecificationsType": "standard", "InstanceType": 1, "BandWidth": null, "Partition": null,
        "DiskSize": null, "DiskType": null, "ElasticBandwidthSwitch": 1,
    }));
    check_refused(
        &plane,
        "CreatePostPaidInstance",
        vec![(standard, "InvalidParameterValue")],
    )
    .await;
}

/// Every switch of ModifyInstanceAttributes that the cluster has, and what each broker tells then.
#[tokio::test(flavor = "multi_thread")]
async fn settings_are_in_force() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let config = json!({
        "AutoCreateTopicEnable": true, "DefaultNumPartitions": 7, "DefaultReplicationFactor": 2,
    });
    let changes: [(&str, Value, Told); 6] = [
        (
            "MsgRetentionTime",
            json!(120),
            &[("log.retention.ms", "7200000")],
        ),
        (
            "MaxMessageByte",
            json!(2_000_000),
            &[("message.max.bytes", "2000000")],
        ),
        (
            "RetentionBytes",
            json!(1_073_741_824),
            &[("log.retention.bytes", "1073741824")],
        ),
        (
            "UncleanLeaderElectionEnable",
            json!(1),
            &[("unclean.leader.election.enable", "true")],
        ),
        (
            "TransactionalIdExpirationMs",
            json!(3_600_000),
            &[("transactional.id.expiration.ms", "3600000")],
        ),
        (
            "Config",
            config,
            &[
                ("auto.create.topics.enable", "true"),
                ("num.partitions", "7"),
                ("default.replication.factor", "2"),
            ],
        ),
    ];
    for (name, value, expected) in changes {
        for (config, value) in expected {
            let told = plane.broker_configs(&id, config).await;
            let already = told.iter().any(|told| told.as_deref() == Some(value));
            assert!(!already, "{config} is {value} before");
        }
        let request = json!({ "InstanceId": id, name: value });
        result(&plane, "ModifyInstanceAttributes", request).await;
        plane.come_to_rest("ckafka", &id).await;
        for (config, value) in expected {
            let told = plane.broker_configs(&id, config).await;
            let expected = vec![Some((*value).to_owned()); 3];
            assert_eq!(told, expected, "{config} after {name}");
        }
    }
}
