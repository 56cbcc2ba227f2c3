//! Every operation of every dialect asked in another region, in one that there is not, and without any: what is in
//! another region is not there, for whoever looks and for whoever changes.

use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::topic::Topic;
use brokerage_testkit::calls::{Operation, Player};
use brokerage_testkit::{Answer, Plane};
use brokerage_wire::operation::{Mode, RegionUse, Table};
use brokerage_wire::params::Param;
use serde_json::json;

use crate::stage::{code, names_saved, not_there, prepared, request, tells};

/// Another region of a dialect's cloud that is sold, and one that there is not.
fn regions(table: &Table) -> (&'static str, &'static str) {
    match table.profile {
        "alikafka" => ("cn-shanghai", "cn-nowhere"),
        "ckafka" => ("ap-shanghai", "ap-nowhere"),
        _ => ("cn-east-2", "mars-1"),
    }
}

/// How a dialect refuses a region that there is not, and a call without one.
fn refusals(table: &Table) -> (&'static str, &'static str) {
    match table.dialect {
        "alikafka" => ("BIZ_FIELD_CHECK_INVALID", "MissingRegionId"),
        "aliyun-vpc" => ("InvalidRegionId.NotFound", "MissingRegionId"),
        "ckafka" | "ckafka-vpc" => ("UnsupportedRegion", "MissingParameter"),
        // The path has a region or is none.
        "jdkafka" | "jdvpc" => ("INVALID_ARGUMENT", "NOT_FOUND"),
        other => panic!("say how {other} refuses a region"),
    }
}

/// What must not change: the instance that was bought, and its topics.
async fn state(plane: &Plane, operation: Operation, player: &Player<'_, Plane>) -> State {
    let id = InstanceId::new(player.saved().get("instance")?.as_str()?);
    let cx = plane.context(operation.table.profile, "").await;
    let instance = plane.control.instance_view(&cx, &id).await;
    let mut instance = instance.expect("it is still there");
    let topics = match instance.phase {
        Phase::Running => plane.topics(id.as_str()).await,
        _ => Vec::new(),
    };
    // Looking at it is the reconciler's.
    instance.revision = 0;
    Some((instance, topics))
}

type State = Option<(Instance, Vec<Topic>)>;

/// Makes the sample's call in a region; without one where that is empty.
async fn ask(plane: &Plane, operation: Operation, params: &Param, region: &str) -> Answer {
    let request = request(operation, params, region);
    let (scheme, service) = (operation.cloud.client.scheme, operation.table.service);
    // The scope of a signature is not the region of the call.
    let signed = plane.signed(request, scheme, operation.region(), service);
    plane.send(&signed).await
}

/// Without regions it goes as at home whatever is named.
async fn check_without(operation: Operation) {
    let (other, unknown) = regions(operation.table);
    for region in [other, unknown, ""] {
        let plane = Plane::sandbox().await;
        let player = prepared(&plane, operation).await;
        let params = player.params(operation.sample()).expect("parameters");
        let answer = ask(&plane, operation, &params, region).await;
        let found = code(operation, &answer);
        assert_eq!(found, "", "{operation} in {region:?}: {}", answer.body);
    }
}

async fn check(operation: Operation, region_use: RegionUse) {
    let plane = Plane::sandbox().await;
    let mut player = prepared(&plane, operation).await;
    let sample = operation.sample();
    let params = player.params(sample).expect("parameters");
    let names = names_saved(sample, player.saved());
    let Operation { table, row, .. } = operation;
    let of = |region: &str, answer: &Answer| format!("{operation} in {region:?}: {}", answer.body);
    let (other, unknown) = regions(table);
    let before = state(&plane, operation, &player).await;
    let ask = |region: &'static str| ask(&plane, operation, &params, region);
    let mut tells_own = false;
    if row.mode == Mode::Read {
        player.play(operation, sample).await.expect("its sample");
        let own = ask(operation.region()).await;
        assert_eq!(code(operation, &own), "", "{}", of("its own", &own));
        tells_own = tells(&own, player.saved());
    }
    let (unknown_code, missing_code) = refusals(table);
    let answer = ask(unknown).await;
    let found = code(operation, &answer);
    assert_eq!(found, unknown_code, "{}", of(unknown, &answer));
    let says_region = answer.body.to_lowercase().contains("region");
    assert!(says_region, "{}", of(unknown, &answer));
    let answer = ask("").await;
    let found = code(operation, &answer);
    match region_use {
        RegionUse::Required => assert_eq!(found, missing_code, "{}", of("", &answer)),
        _ => assert_eq!(
            tells(&answer, player.saved()),
            tells_own,
            "{}",
            of("", &answer)
        ),
    }
    let answer = ask(other).await;
    let found = code(operation, &answer);
    let is_told = tells(&answer, player.saved());
    match names {
        true => assert!(
            not_there(table).contains(&found.as_str()) || (tells_own && !is_told),
            "{}",
            of(other, &answer)
        ),
        false => assert!(!is_told, "{}", of(other, &answer)),
    }
    assert_eq!(
        state(&plane, operation, &player).await,
        before,
        "{operation}"
    );
    plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_another_region_is_not_there_for_any_operation() {
    for operation in Operation::all() {
        match operation.row.region.unwrap_or(operation.table.region) {
            RegionUse::Absent => check_without(operation).await,
            region_use => check(operation, region_use).await,
        }
    }
}

/// The tag service has no regions; what it tags is named with its own.
#[tokio::test(flavor = "multi_thread")]
async fn tags_are_those_of_an_instance_in_the_region_that_is_named_beside_it() {
    let plane = Plane::sandbox().await;
    let tag = Operation::all().find(|operation| operation.row.name == "ModifyResourceTags");
    let tag = tag.expect("it is served");
    let player = prepared(&plane, tag).await;
    let id = player.saved()["instance"].as_str().expect("an id");
    let own = tag.region();
    let (other, unknown) = regions(tag.table);
    for (region, expected) in [
        (own, ""),
        ("", ""),
        (other, "ResourceNotFound"),
        (unknown, "ResourceNotFound"),
    ] {
        let body = json!({
            "Resource": format!("qcs::ckafka:{region}:uin/:ckafkaId/{id}"),
            "ReplaceTags": [{ "TagKey": "team", "TagValue": "a" }],
        });
        let version = "2018-08-13";
        let changed = plane
            .tencent("ModifyResourceTags", version, &body.to_string())
            .await;
        assert_eq!(code(tag, &changed), expected, "{region}: {}", changed.body);
        let asked = json!({
            "ServiceType": "ckafka", "ResourcePrefix": "ckafkaId", "ResourceIds": [id],
            "ResourceRegion": region,
        });
        let listed = plane
            .tencent(
                "DescribeResourceTagsByResourceIds",
                version,
                &asked.to_string(),
            )
            .await;
        let count = i64::from(expected.is_empty());
        assert_eq!(listed.json["Response"]["TotalCount"], count, "{region}");
    }
}
