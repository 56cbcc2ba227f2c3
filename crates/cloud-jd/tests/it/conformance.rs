//! The services against the vendor's model, through their calls.

use brokerage_cloud_jd::{CLOUD, kafka, vpc};
use brokerage_testkit::conformance::Service;

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_what_its_calls_say() {
    // They are kept, and no operation answers them.
    let kept = [
        "autoChangeChargeMode",
        "autoChangeChargeModeDate",
        "autoRenew",
        "buyScenario",
    ];
    Service::new(&CLOUD, &kafka::TABLE)
        .without_effect(kept.map(|name| format!("createInstance.charge.{name}")))
        .check()
        .await;
    Service::new(&CLOUD, &vpc::TABLE).check().await;
}
