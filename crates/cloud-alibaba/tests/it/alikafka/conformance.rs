//! The services against the vendor's model, through their calls.

use brokerage_cloud_alibaba::alikafka::{TABLE, config};
use brokerage_cloud_alibaba::{CLOUD, vpc};
use brokerage_testkit::conformance::{Model, Service, settings_without_effect};
use brokerage_wire::operation::RegionUse;

use super::VERSION;

#[tokio::test(flavor = "multi_thread")]
async fn alikafka_is_what_its_calls_say() {
    assert_eq!(TABLE.version, VERSION);
    Service::new(&CLOUD, &TABLE)
        .without_effect(settings_without_effect(
            &config::SETTINGS,
            brokerage_engine_embedded::SETTINGS,
        ))
        .check()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_companion_is_what_its_calls_say() {
    Service::new(&CLOUD, &vpc::TABLE).check().await;
}

#[test]
fn a_region_is_required_where_the_model_requires_it() {
    let model = Model::of(&CLOUD, &TABLE);
    for row in TABLE.rows {
        let operation = model.operation(row.name).expect("the model has it");
        let required = operation
            .required_paths()
            .iter()
            .any(|path| path == &["RegionId"]);
        let region = row.region.unwrap_or(TABLE.region);
        assert_eq!(region == RegionUse::Required, required, "{}", row.name);
    }
}
