//! The service against the vendor's model, through its calls.

use brokerage_cloud_alibaba::CLOUD;
use brokerage_cloud_alibaba::bss::TABLE;
use brokerage_testkit::conformance::Service;

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_what_its_calls_say() {
    assert_eq!(TABLE.version, super::VERSION);
    Service::new(&CLOUD, &TABLE).check().await;
}
