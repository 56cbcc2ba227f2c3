//! The services against the vendor's model, through their calls.

use brokerage_cloud_jd::{CLOUD, kafka, vpc};
use brokerage_testkit::conformance::Service;

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_what_its_calls_say() {
    Service::new(&CLOUD, &kafka::TABLE).check().await;
    Service::new(&CLOUD, &vpc::TABLE).check().await;
}
