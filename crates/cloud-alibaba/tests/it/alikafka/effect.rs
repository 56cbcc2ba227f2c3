//! What parameters do to the cluster: asked of its Kafka, and of what is left of it.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_engine::Engine as _;
use brokerage_testkit::Plane;
use serde_json::Value;

use super::{EXAMPLE, bought, done, refused, running, shown, started, with};

/// Parameters of a start.
type Start = &'static [(&'static str, Option<&'static str>)];

const HOUR_S: i64 = 3_600;
/// `SelectedZones` of two zones.
const TWO_ZONES: &str = r#"[["zoneh"],["zonek"]]"#;
/// Looks at what is left of a cluster; each lets the reconciler run.
const LOOKS_MAX: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn brokers_stand_in_the_zones_that_were_chosen() {
    let plane = Plane::sandbox().await;
    let professional = [("SpecType", Some("professional"))];
    let cases: [(Start, [&str; 3]); 3] = [
        (&[("ZoneId", Some("zoneh"))], ["h", "h", "h"]),
        (&[("SelectedZones", Some(TWO_ZONES))], ["h", "k", "h"]),
        (
            &[
                ("SelectedZones", Some(TWO_ZONES)),
                ("CrossZone", Some("false")),
            ],
            ["h", "h", "h"],
        ),
    ];
    for (start, zones) in cases {
        let (_, id) = bought(&plane, &with(&EXAMPLE, &professional)).await;
        started(&plane, &id, start).await;
        let racks = plane.broker_configs(&id, "broker.rack").await;
        let expected = zones.map(|zone| Some(format!("cn-hangzhou-{zone}")));
        assert_eq!(racks, expected, "{start:?}");
    }
}

/// Every member of AllConfig that the cluster has, and what each broker tells then.
#[tokio::test(flavor = "multi_thread")]
async fn settings_are_in_force() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    for (config, name, value) in [
        (
            "{\"kafka.log.retention.hours\":\"33\"}",
            "log.retention.ms",
            "118800000",
        ),
        (
            "{\"kafka.message.max.bytes\":\"1048600\"}",
            "message.max.bytes",
            "1048600",
        ),
    ] {
        let of = [("InstanceId", id.as_str()), ("Config", config)];
        done(&plane, "UpdateInstanceConfig", &of).await;
        plane.come_to_rest("alikafka", &id).await;
        let told = plane.broker_configs(&id, name).await;
        assert_eq!(told, vec![Some(value.to_owned()); 3], "{config}");
    }
}

/// Whether there is anything left of a cluster.
async fn is_kept(plane: &Plane, id: &str) -> bool {
    let seen = plane.engine.observe_cluster(&InstanceId::new(id)).await;
    seen.expect("it is looked at").is_some()
}

async fn goes(plane: &Plane, id: &str) {
    for _ in 0..LOOKS_MAX {
        if !is_kept(plane, id).await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the data of {id} stays");
}

async fn pass(plane: &Plane, hours: i64) {
    let later = plane.control.real_now().plus_seconds(hours * HOUR_S);
    plane.clock.set(later);
    plane.control.task_wake("timers");
}

async fn released(plane: &Plane, force: Option<&str>) -> String {
    let id = running(plane).await;
    let of = [("InstanceId", id.as_str())];
    let request = with(&of, &[("ForceDeleteInstance", force)]);
    done(plane, "ReleaseInstance", &request).await;
    plane.wait_for("alikafka", &id, Phase::Released).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_what_is_released_without_force_is_kept_for_a_day() {
    let plane = Plane::sandbox().await;
    for force in [Some("false"), None] {
        let id = released(&plane, force).await;
        let of = [("InstanceId", id.as_str())];
        pass(&plane, 23).await;
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert!(is_kept(&plane, &id).await, "{force:?}: within the day");
        assert_eq!(shown(&plane, &id).await["ServiceStatus"], 15);
        let seen = plane.engine.observe_cluster(&InstanceId::new(&id)).await;
        assert!(!seen.unwrap().unwrap().running, "nobody is served");
        pass(&plane, 2).await;
        goes(&plane, &id).await;
        assert_eq!(
            shown(&plane, &id).await["ServiceStatus"],
            15,
            "it is listed"
        );
        done(&plane, "DeleteInstance", &of).await;
        assert_eq!(shown(&plane, &id).await, Value::Null);
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_data_goes_when_it_is_given_up_by_force_or_deleted() {
    let plane = Plane::sandbox().await;
    let id = released(&plane, Some("true")).await;
    assert!(!is_kept(&plane, &id).await, "by force it goes before");
    for action in ["ReleaseInstance", "DeleteInstance"] {
        let id = released(&plane, Some("false")).await;
        assert!(is_kept(&plane, &id).await);
        // To release it again without force changes nothing.
        done(&plane, "ReleaseInstance", &[("InstanceId", &id)]).await;
        assert!(is_kept(&plane, &id).await);
        let of = [("InstanceId", id.as_str())];
        let request = with(&of, &[("ForceDeleteInstance", Some("true"))]);
        let request = if action == "ReleaseInstance" {
            &request[..]
        } else {
            &of
        };
        done(&plane, action, request).await;
        goes(&plane, &id).await;
        if action == "DeleteInstance" {
            assert_eq!(refused(&plane, action, &of).await.0, 404);
        }
        // The timer finds nothing to do.
        pass(&plane, 25).await;
    }
    plane.assert_ledger().await;
}
