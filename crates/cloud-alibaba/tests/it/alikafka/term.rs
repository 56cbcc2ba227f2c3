//! How an instance is paid for changes, and whether it runs.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Phase;
use brokerage_domain::money::Currency;
use brokerage_engine::ClusterSpec;
use brokerage_testkit::Plane;

use super::{EXAMPLE, REGION, bought, done, refused, running, shown, started};

/// 2026-11-23T04:00:00Z, when test time begins.
const BEGINNING_MS: i64 = 1_795_406_400_000;
const DAY_MS: i64 = 86_400_000;

async fn available(plane: &Plane) -> i64 {
    let cx = plane.context("alikafka", REGION).await;
    let balance = plane
        .control
        .account_balance(cx.account(), Currency::Cny)
        .await;
    balance.expect("a balance").available().micros()
}

async fn spec(plane: &Plane, id: &str) -> ClusterSpec {
    let seen = plane.control.instance_observe(&InstanceId::new(id)).await;
    let seen = seen.expect("the engine answers").expect("a cluster");
    seen.spec.expect("it runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_by_the_hour_becomes_a_subscription() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let before = available(&plane).await;
    assert_eq!(shown(&plane, &id).await["PaidType"], 1);
    for (params, code) in [
        (
            [("PaidType", "1"), ("Duration", "1")],
            "BIZ_FIELD_CHECK_INVALID",
        ),
        (
            [("PaidType", "3"), ("Duration", "1")],
            "BIZ_FIELD_CHECK_INVALID",
        ),
        (
            [("PaidType", "0"), ("Duration", "0")],
            "BIZ_FIELD_CHECK_INVALID",
        ),
        (
            [("PaidType", "0"), ("Duration", "37")],
            "BIZ_FIELD_CHECK_INVALID",
        ),
        ([("PaidType", "x"), ("Duration", "1")], "InvalidPaidType"),
    ] {
        let params = [&[("InstanceId", id.as_str())], params.as_slice()].concat();
        let found = refused(&plane, "ConvertPostPayOrder", &params).await;
        assert_eq!(found, (400, code.to_owned()), "{params:?}");
    }
    assert_eq!(before, available(&plane).await);
    plane
        .clock
        .set(Moment::from_micros((BEGINNING_MS + DAY_MS) * 1_000));
    let order = done(&plane, "ConvertPostPayOrder", &[("InstanceId", &id)]).await;
    assert!(order["OrderId"].is_string(), "{order}");
    // 1408.5 for the row and 900 GB of SSD at 100 for each hundred.
    assert_eq!(before - available(&plane).await, 2_308_500_000);
    let found = shown(&plane, &id).await;
    assert_eq!(found["PaidType"], 0);
    assert_eq!(found["ServiceStatus"], 5);
    assert_eq!(found["ExpiredTime"], BEGINNING_MS + 31 * DAY_MS);
    let again = refused(&plane, "ConvertPostPayOrder", &[("InstanceId", &id)]).await;
    assert_eq!(again, (400, "BIZ_FIELD_CHECK_INVALID".to_owned()));
    // From now on it is changed, kept and listed as one.
    let release = refused(&plane, "ReleaseInstance", &[("InstanceId", &id)]).await;
    assert_eq!(release.0, 400);
    let upgrade = [("InstanceId", id.as_str()), ("DiskSize", "1000")];
    assert_eq!(
        refused(&plane, "UpgradePostPayOrder", &upgrade).await.0,
        400
    );
    done(&plane, "UpgradePrePayOrder", &upgrade).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    assert_eq!(before - available(&plane).await, 2_408_500_000);
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_not_started_does_not_become_a_subscription() {
    let plane = Plane::sandbox().await;
    let (_, id) = bought(&plane, &EXAMPLE).await;
    let before = available(&plane).await;
    let found = refused(&plane, "ConvertPostPayOrder", &[("InstanceId", &id)]).await;
    assert_eq!(found, (400, "BIZ.INSTANCE.STATUS.ERROR".to_owned()));
    assert_eq!(available(&plane).await, before);
    started(&plane, &id, &[]).await;
    done(
        &plane,
        "ConvertPostPayOrder",
        &[("InstanceId", &id), ("Duration", "3")],
    )
    .await;
    let end = Moment::from_micros(BEGINNING_MS * 1_000).plus_months(3);
    assert_eq!(shown(&plane, &id).await["ExpiredTime"], end.millis());
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_stops_and_runs_again_with_what_is_in_it() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    let of = [("InstanceId", id.as_str())];
    let topic = [of[0], ("Topic", "kept"), ("Remark", "r")];
    done(&plane, "CreateTopic", &topic).await;
    let before = shown(&plane, &id).await;
    let paid = available(&plane).await;
    done(&plane, "StopInstance", &of).await;
    plane.wait_for("alikafka", &id, Phase::Stopped).await;
    let stopped = shown(&plane, &id).await;
    let codes = ["ServiceStatus", "ViewInstanceStatusCode"].map(|key| &stopped[key]);
    assert_eq!(codes, [15, 3]);
    let seen = plane.control.instance_observe(&InstanceId::new(&*id)).await;
    let seen = seen
        .expect("the engine answers")
        .expect("its data is there");
    assert!(!seen.running);
    // Nothing is made or changed in it meanwhile.
    let topic = [of[0], ("Topic", "none"), ("Remark", "r")];
    assert_eq!(
        refused(&plane, "CreateTopic", &topic).await.1,
        "BIZ.INSTANCE.STATUS.ERROR"
    );
    done(&plane, "StopInstance", &of).await;
    done(&plane, "ReopenInstance", &of).await;
    plane.wait_for("alikafka", &id, Phase::Running).await;
    let names: Vec<String> = plane
        .topics(&id)
        .await
        .into_iter()
        .map(|t| t.name)
        .collect();
    assert_eq!(names, ["kept"]);
    let after = shown(&plane, &id).await;
    assert_eq!(after["EndPoint"], before["EndPoint"], "its addresses stay");
    assert_eq!(after["ServiceStatus"], 5);
    done(&plane, "ReopenInstance", &of).await;
    assert_eq!(available(&plane).await, paid);
    // What is not started, or given up, neither stops nor runs again.
    let (_, other) = bought(&plane, &EXAMPLE).await;
    done(
        &plane,
        "ReleaseInstance",
        &[of[0], ("ForceDeleteInstance", "true")],
    )
    .await;
    plane.wait_for("alikafka", &id, Phase::Released).await;
    for id in [&id, &other] {
        for action in ["StopInstance", "ReopenInstance"] {
            let found = refused(&plane, action, &[("InstanceId", id)]).await;
            assert_eq!(
                found,
                (400, "BIZ.INSTANCE.STATUS.ERROR".to_owned()),
                "{action} {id}"
            );
        }
    }
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_changes_the_release_of_the_cluster() {
    let plane = Plane::sandbox().await;
    let id = running(&plane).await;
    assert_eq!(spec(&plane, &id).await.kafka_version, "2.2.0");
    let to = |version| [("InstanceId", id.as_str()), ("TargetVersion", version)];
    done(&plane, "UpgradeInstanceVersion", &to("2.6.2")).await;
    let info = &shown(&plane, &id).await["UpgradeServiceDetailInfo"];
    assert_eq!(info["Current2OpenSourceVersion"], "2.6.2");
    let cx = plane.context("alikafka", REGION).await;
    loop {
        let view = plane
            .control
            .instance_view(&cx, &InstanceId::new(&*id))
            .await;
        let view = view.expect("it is there");
        let is_done = plane.control.instance_is_as_recorded(&view).await;
        if is_done.expect("the engine answers") {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(spec(&plane, &id).await.kafka_version, "2.6.2");
    for (version, code) in [
        ("2.6.2", "ONS_INIT_ENV_ERROR"),
        ("2.2.0", "BIZ_FIELD_CHECK_INVALID"),
        ("0.10.2", "BIZ_FIELD_CHECK_INVALID"),
        ("", "BIZ_FIELD_CHECK_INVALID"),
    ] {
        let found = refused(&plane, "UpgradeInstanceVersion", &to(version)).await;
        assert_eq!(found, (400, code.to_owned()), "{version}");
    }
    assert_eq!(spec(&plane, &id).await.kafka_version, "2.6.2");
}
