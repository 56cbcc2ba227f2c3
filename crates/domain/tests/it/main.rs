//! The catalog and the rater: worked cases, a second rater that reads the tables its own way, the loader.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop at its line"
)]

mod golden;
mod limits;
mod loader;
mod naive;
mod second;

use std::sync::{Arc, LazyLock};

use brokerage_domain::catalog::{Catalog, Catalogs, PlanRequest};

static CATALOGS: LazyLock<Catalogs> = LazyLock::new(Catalogs::embedded);

/// The embedded catalog of a profile.
fn catalog(profile: &str) -> Arc<Catalog> {
    Arc::clone(CATALOGS.get(profile).expect("an embedded profile"))
}

/// Text that may be absent: a shorter way to write requests.
fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// An order on a ladder, in a region of the first group.
fn ladder(spec: &str, edition: &str) -> PlanRequest {
    PlanRequest {
        region: "cn-hangzhou".to_owned(),
        edition: text(edition),
        spec: text(spec),
        topics: Some(50),
        disk_gb: Some(500),
        disk_type: text("1"),
        ..PlanRequest::default()
    }
}

/// An order of bandwidth, as small as the purchase page's first example.
fn bandwidth(mbps: i64, partitions: i64, disk_gb: i64) -> PlanRequest {
    PlanRequest {
        region: "ap-guangzhou".to_owned(),
        zones: vec!["450001".to_owned()],
        edition: text("profession"),
        bandwidth_mbps: Some(mbps),
        partitions: Some(partitions),
        disk_gb: Some(disk_gb),
        disk_type: text("CLOUD_BASIC"),
        version: text("2.4.2"),
        ..PlanRequest::default()
    }
}
