//! The loader: what a catalog file must be, each fault with file and key; the list of our own values.

use brokerage_domain::catalog::{Catalog, CatalogError, Catalogs};

use super::catalog;

/// Changes a good catalog in one place; the place must be there, so that no case tests nothing.
fn changed(profile: &str, from: &str, to: &str) -> Result<Catalog, CatalogError> {
    let good = catalog(profile);
    assert!(
        good.text().contains(from),
        "{from:?} is no longer in the {profile} catalog: adapt this case"
    );
    Catalog::parse("test.toml", &good.text().replacen(from, to, 1))
}

fn check(profile: &str, from: &str, to: &str, expected: &str) {
    let error = changed(profile, from, to).expect_err("a broken catalog");
    let text = error.to_string();
    assert!(text.starts_with("test.toml: "), "{text}");
    assert!(
        text.contains(expected),
        "{text:?} does not say {expected:?}"
    );
}

#[test]
fn the_embedded_catalogs_are_sound_and_named() {
    let catalogs = Catalogs::embedded();
    let profiles: Vec<&str> = catalogs
        .current()
        .map(|catalog| catalog.profile())
        .collect();
    assert_eq!(profiles, ["alikafka", "ckafka", "jdkafka"]);
    for catalog in catalogs.current() {
        assert_eq!(catalog.hash().len(), 64);
        assert!(!catalog.version().is_empty());
        assert!(
            catalog.version_offered("4.1").is_some(),
            "our own addition is on offer everywhere"
        );
        assert_eq!(
            catalogs.by_hash(catalog.hash()).unwrap().profile(),
            catalog.profile()
        );
        let lifecycle = catalog.lifecycle();
        assert_eq!(lifecycle.charge_quantum_s, 3600);
        assert_eq!(lifecycle.time_zone, "Asia/Shanghai");
    }
    assert_eq!(
        catalog("alikafka").lifecycle().postpaid.arrears_to_stop_s,
        96 * 3600
    );
    assert_eq!(catalog("alikafka").terms().general_order_months_step, 12);
    assert_eq!(
        catalog("ckafka").lifecycle().prepaid.expiry_to_stop_s,
        7 * 86_400
    );
    assert!(catalog("ckafka").lifecycle().prepaid.at_midnight);
}

#[test]
fn every_region_has_zones_and_the_shared_ones_are_everywhere() {
    for catalog in Catalogs::embedded().current() {
        for region in catalog.regions() {
            assert!(catalog.zones(&region.id).count() > 0, "{}", region.id);
        }
        assert_eq!(catalog.zones("nowhere").count(), 0);
    }
    let tencent = catalog("ckafka");
    for zone in ["100003", "450001", "450002", "450003"] {
        assert!(
            tencent
                .zones("ap-guangzhou")
                .any(|offered| offered.id == zone),
            "{zone}"
        );
    }
    assert!(
        tencent
            .zones("ap-singapore")
            .any(|offered| offered.id == "450001")
    );
}

#[test]
fn another_shape_is_refused() {
    check(
        "jdkafka",
        "schema = 1",
        "schema = 2",
        "schema 2, this program reads schema 1",
    );
    check("jdkafka", "schema = 1", "schema = ", "not a catalog");
    check("jdkafka", "batch_max = 1", "batch_min = 1", "not a catalog");
    check("jdkafka", "cpu = 2", "cpu = 2.5", "not a catalog");
    check(
        "jdkafka",
        r#"month = "278""#,
        r#"month = 278"#,
        "not a catalog",
    );
    check(
        "jdkafka",
        r#"month = "278""#,
        r#"month = "278.0000001""#,
        "not a catalog",
    );
    check(
        "jdkafka",
        r#"charge_quantum = "1h""#,
        r#"charge_quantum = "1 hour""#,
        "not a catalog",
    );
    let long = "#".repeat(4 * 1024 * 1024 + 1);
    assert!(matches!(
        Catalog::parse("test.toml", &long),
        Err(CatalogError::TooLong { .. })
    ));
}

#[test]
fn codes_are_unique() {
    check(
        "alikafka",
        r#"code = "alikafka.hw.3xlarge""#,
        r#"code = "alikafka.hw.2xlarge""#,
        "spec: \"normal/alikafka.hw.2xlarge\" is there twice",
    );
    check(
        "jdkafka",
        r#"code = "kafka.broker.n1.small""#,
        r#"code = "kafka.broker.n1.xsmall""#,
        "node_class: ",
    );
    check(
        "jdkafka",
        r#"id = "cn-north-1a""#,
        r#"id = "cn-north-1b""#,
        "region[cn-north-1].zones: ",
    );
    check(
        "jdkafka",
        r#"id = "2.4""#,
        r#"id = "1.0.2""#,
        "version_offered: ",
    );
    check(
        "ckafka",
        "from_mbps = 40",
        "from_mbps = 20",
        "included_partitions: \"20\"",
    );
    check(
        "jdkafka",
        "months = [1, 2",
        "months = [1, 1",
        "terms.months: \"1\"",
    );
    check(
        "alikafka",
        "{ group = 2, month = \"2050.5\"",
        "{ group = 1, month = \"2050.5\"",
        "price",
    );
}

#[test]
fn ranges_have_an_order_and_a_step_that_fits() {
    let at = "spec[normal/alikafka.hw.2xlarge].disk_gb: the range";
    let good = "disk_gb = { min = 500, max = 6100, step = 100 }";
    check(
        "alikafka",
        good,
        "disk_gb = { min = 6200, max = 6100, step = 100 }",
        at,
    );
    check(
        "alikafka",
        good,
        "disk_gb = { min = 500, max = 6150, step = 100 }",
        at,
    );
    check(
        "alikafka",
        good,
        "disk_gb = { min = 500, max = 6100, step = 0 }",
        at,
    );
    check(
        "alikafka",
        good,
        "disk_gb = { min = -100, max = 6100, step = 100 }",
        at,
    );
    check(
        "ckafka",
        "mbps = { min = 40, max = 100, step = 20 }",
        "mbps = { min = 40, max = 110, step = 20 }",
        "band[1].mbps: the range",
    );
    check(
        "jdkafka",
        "node_count = { min = 3,",
        "node_count = { min = 31,",
        "edition[cluster].node_count: the range",
    );
}

#[test]
fn prices_are_there_and_not_negative() {
    check(
        "alikafka",
        r#"month = "1408.5""#,
        r#"month = "-1408.5""#,
        "the price -1408.5 is negative",
    );
    check(
        "alikafka",
        r#"hour = "2.42""#,
        r#"hour = "-2.42""#,
        "the price -2.42 is negative",
    );
    check(
        "ckafka",
        r#"per_step = "300""#,
        r#"per_step = "-300""#,
        "the price -300 is negative",
    );
    check(
        "alikafka",
        r#"    { group = 2, month = "2050.5", hour = "3.51" },"#,
        "",
        "no hour price on the Domestic site for region group 2",
    );
    check(
        "jdkafka",
        r#"month = "278", "#,
        "",
        "node_class[kafka.broker.n1.small].price: no month price",
    );
    check(
        "jdkafka",
        "[[version_offered]]\nid = \"1.0.1\"",
        "[[version_offered]]\nid = \"1.0.0\"\nkafka = \"1.0.0\"\nsource = \"S8b\"\n\n[[version_offered]]\nid = \"1.0.1\"",
        "version_offered[1.0.0]: runs on no node class",
    );
    check(
        "jdkafka",
        r#"{ group = 1, month = "278""#,
        r#"{ group = 7, month = "278""#,
        "price",
    );
}

#[test]
fn every_region_is_in_exactly_one_group() {
    check(
        "jdkafka",
        r#"regions = ["cn-north-1", "#,
        "regions = [",
        r#"region "cn-north-1" is in 0 region groups"#,
    );
    check(
        "jdkafka",
        r#"regions = ["#,
        r#"regions = ["cn-north-1", "#,
        r#"region "cn-north-1" is in 2 region groups"#,
    );
    check(
        "jdkafka",
        r#"regions = ["#,
        r#"regions = ["cn-west-9", "#,
        r#""cn-west-9" is not defined"#,
    );
}

#[test]
fn names_refer_to_something() {
    check(
        "jdkafka",
        r#"versions = ["1.0.1", "#,
        r#"versions = ["9.9", "#,
        r#"versions: "9.9" is not defined"#,
    );
    check(
        "jdkafka",
        r#"disk_types = ["ssd.io1", "#,
        r#"disk_types = ["tape", "#,
        r#"disk_types: "tape" is not defined"#,
    );
    check(
        "jdkafka",
        r#"disk_types = ["ssd.io1"]"#,
        r#"disk_types = ["tape"]"#,
        r#"addon[0].disk_types: "tape""#,
    );
    check(
        "jdkafka",
        r#"edition = "cluster""#,
        r#"edition = "gold""#,
        r#"default.edition: "gold""#,
    );
    check(
        "jdkafka",
        r#"node_class = "kafka.broker.n1.xsmall""#,
        r#"node_class = "x""#,
        r#"default.node_class: "x""#,
    );
    check(
        "alikafka",
        "edition = \"normal\"\nbandwidth",
        "edition = \"gold\"\nbandwidth",
        r#"edition: "gold" is not defined"#,
    );
    check(
        "ckafka",
        r#"editions = ["profession"]"#,
        r#"editions = ["gold"]"#,
        r#"band[0].editions: "gold""#,
    );
    check(
        "jdkafka",
        r#"source = "S8e""#,
        r#"source = "S99""#,
        r#"source: "S99" is not defined"#,
    );
    check(
        "jdkafka",
        r#"defaults = ["batch_max"]"#,
        r#"defaults = ["batch_min"]"#,
        r#"defaults: "batch_min""#,
    );
}

#[test]
fn other_rules_are_named_with_their_key() {
    check(
        "ckafka",
        "mbps = { min = 120, max = 300, step = 20 }",
        "mbps = { min = 100, max = 300, step = 20 }",
        "band[2].mbps: must not overlap",
    );
    check(
        "jdkafka",
        "months_default = 1\n",
        "months_default = 10\n",
        "terms.months_default: ",
    );
    check(
        "jdkafka",
        "batch_max = 1\n",
        "batch_max = 0\n",
        "batch_max: ",
    );
    check(
        "jdkafka",
        "roles = [\"broker\"]\n",
        "roles = []\n",
        "edition[cluster].model: ",
    );
    check(
        "alikafka",
        "partitions_per_extra_topic = 16\n",
        "",
        "edition[normal].model: ",
    );
    check(
        "jdkafka",
        "expire_percent = 75",
        "expire_percent = 95",
        "disk_marks: ",
    );
    check(
        "jdkafka",
        "default = 4320, min = 1440",
        "default = 4320, min = 5000",
        "retention_minutes: ",
    );
    check("jdkafka", "unit = 1\n", "unit = 0\n", "addon[0].unit: ");
    check(
        "jdkafka",
        r#"charge_quantum = "1h""#,
        r#"charge_quantum = "0h""#,
        "lifecycle.charge_quantum: ",
    );
    check(
        "ckafka",
        "numerator = 12",
        "numerator = -12",
        "hour_from_month: ",
    );
}

#[test]
fn a_profile_has_one_current_catalog_and_any_number_of_kept_ones() {
    let good = catalog("jdkafka");
    let twice = Catalogs::parse([("a.toml", good.text()), ("b.toml", good.text())]);
    assert!(matches!(twice, Err(CatalogError::ProfileTwice { file, .. }) if file == "b.toml"));
    let mut catalogs = Catalogs::parse([("a.toml", good.text())]).unwrap();
    let older = good
        .text()
        .replacen(r#"month = "278""#, r#"month = "250""#, 1);
    catalogs.keep("older.toml", &older).unwrap();
    let older = Catalog::parse("older.toml", &older).unwrap();
    assert_ne!(older.hash(), good.hash());
    assert_eq!(catalogs.by_hash(older.hash()).unwrap().hash(), older.hash());
    assert_eq!(catalogs.get("jdkafka").unwrap().hash(), good.hash());
}

#[test]
fn every_value_that_is_ours_is_reported() {
    let values = |profile: &str| -> Vec<String> {
        catalog(profile)
            .defaults_report()
            .into_iter()
            .map(|row| format!("{} = {}", row.key, row.value))
            .collect()
    };
    let check = |profile: &str, line: &str, there: bool| {
        let values = values(profile);
        assert_eq!(
            values.iter().any(|value| value == line),
            there,
            "{profile}: {line}\n{}",
            values.join("\n")
        );
    };
    check("alikafka", r#"hour_from_month.numerator = 12"#, true);
    check("alikafka", r#"lifecycle.unstarted_to_cancel = "72h""#, true);
    check(
        "alikafka",
        r#"lifecycle.postpaid.arrears_to_stop = "96h""#,
        false,
    );
    check(
        "alikafka",
        r#"spec[professional/alikafka.hw2.220xlarge].price[0].month = "36217.5""#,
        true,
    );
    check(
        "alikafka",
        r#"spec[professional/alikafka.hw.200xlarge].price[0].month = "32925""#,
        false,
    );
    check("alikafka", r#"version_offered[4.1].kafka = "4.1.0""#, true);
    check(
        "alikafka",
        r#"addon[partitions 4].price[0].month = "2.5""#,
        true,
    );
    check("ckafka", r#"band[0].price[0].base = "1690""#, true);
    check("ckafka", r#"band[1].price[0].base = "1990""#, false);
    check(
        "ckafka",
        r#"lifecycle.postpaid.arrears_to_stop = "24h""#,
        true,
    );
    check("jdkafka", r#"edition[cluster].node_count.max = 30"#, true);
    check(
        "jdkafka",
        r#"node_class[kafka.broker.n1.120].cpu = 4"#,
        true,
    );
    check(
        "jdkafka",
        r#"node_class[kafka.broker.n1.small].cpu = 2"#,
        false,
    );
    for profile in ["alikafka", "ckafka", "jdkafka"] {
        let marked = catalog(profile)
            .text()
            .matches(r#"source = "default""#)
            .count();
        assert!(
            values(profile).len() >= marked,
            "each marked table has at least one value"
        );
    }
}
