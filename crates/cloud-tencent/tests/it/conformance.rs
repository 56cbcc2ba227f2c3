//! The services against the vendor's model, through their calls.

use brokerage_cloud_tencent::{CLOUD, ckafka, tag, vpc};
use brokerage_testkit::conformance::{Service, settings_without_effect};

#[tokio::test(flavor = "multi_thread")]
async fn ckafka_is_what_its_calls_say() {
    let settings = settings_without_effect(
        &ckafka::convert::SETTINGS,
        brokerage_engine_embedded::SETTINGS,
    );
    Service::new(&CLOUD, &ckafka::TABLE)
        .without_effect(settings)
        .check()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_companions_are_what_their_calls_say() {
    Service::new(&CLOUD, &tag::TABLE).check().await;
    Service::new(&CLOUD, &vpc::TABLE).check().await;
}
