//! Both raters must agree: on every row of every catalog, and on orders made at random.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use brokerage_domain::catalog::{Catalog, Catalogs, Model, NodeGroup, PlanRequest, Site, Term};
use proptest::prelude::*;
use toml::Value;

use super::naive::{self, Period};
use super::{catalog, text};

fn tables(catalog: &Catalog) -> Value {
    Value::Table(toml::from_str(catalog.text()).unwrap())
}

/// What the rater under test says: micros, or `None` where it refuses.
fn rated(catalog: &Catalog, request: &PlanRequest, term: Term) -> Option<i128> {
    let plan = catalog.plan(request).ok()?;
    let quote = catalog.quote(&plan, term, 1).ok()?;
    Some(i128::from(quote.total.micros()))
}

fn period(term: Term) -> Period {
    match term {
        Term::Hour => Period::Hour,
        Term::Months(months) => Period::Months(i128::from(months)),
    }
}

/// One request for each row of a catalog, in the words of that row.
fn request_of_each_row(catalog: &Catalog) -> Vec<PlanRequest> {
    let mut requests = Vec::new();
    for edition in catalog.editions() {
        let base = PlanRequest {
            edition: text(&edition.code),
            ..PlanRequest::default()
        };
        match edition.model {
            Model::Ladder | Model::Package => {
                for spec in catalog.specs(&edition.code) {
                    let row = PlanRequest {
                        spec: text(&spec.code),
                        ..base.clone()
                    };
                    requests.push(PlanRequest {
                        site: spec.site.unwrap_or(Site::Domestic),
                        ..row
                    });
                }
            }
            Model::Bands => {
                for band in catalog.bands(&edition.code) {
                    for mbps in [band.mbps.min, band.mbps.max] {
                        requests.push(PlanRequest {
                            bandwidth_mbps: Some(mbps),
                            ..base.clone()
                        });
                    }
                }
            }
            Model::Nodes => {
                for class in catalog.node_classes() {
                    for version in &class.versions {
                        let group = NodeGroup {
                            role: edition.roles[0].clone(),
                            class: text(&class.code),
                            ..NodeGroup::default()
                        };
                        requests.push(PlanRequest {
                            nodes: vec![group],
                            version: text(version),
                            ..base.clone()
                        });
                    }
                }
            }
        }
    }
    requests
}

/// Completes a row's request for a region, a disk type and a term, with the row's own minimum figures.
fn completed(
    tables: &Value,
    request: &PlanRequest,
    region: &str,
    zone: &str,
    disk_type: &str,
    prepaid: bool,
) -> PlanRequest {
    let code = request.edition.as_deref().unwrap();
    let find = |key: &str, matches: &dyn Fn(&Value) -> bool| {
        tables
            .get(key)
            .and_then(Value::as_array)
            .and_then(|rows| rows.iter().find(|row| matches(row)))
            .cloned()
    };
    let edition = find("edition", &|row| row["code"].as_str() == Some(code)).unwrap();
    let spec = find("spec", &|row| {
        row["edition"].as_str() == Some(code) && row["code"].as_str() == request.spec.as_deref()
    });
    let least = |key: &str| {
        let row = spec
            .as_ref()
            .and_then(|spec| spec.get(key))
            .or(edition.get(key));
        row.and_then(|range| range.get("min"))
            .and_then(Value::as_integer)
    };
    let min_zones = edition["zones"]["min"].as_integer().unwrap();
    let nodes = request
        .nodes
        .iter()
        .map(|group| NodeGroup {
            disk_type: text(disk_type),
            ..group.clone()
        })
        .collect();
    PlanRequest {
        region: region.to_owned(),
        zones: if min_zones == 0 {
            Vec::new()
        } else {
            vec![zone.to_owned()]
        },
        disk_type: text(disk_type),
        disk_gb: least("disk_gb"),
        topics: least("topics"),
        nodes,
        prepaid,
        ..request.clone()
    }
}

#[test]
fn both_raters_agree_on_every_row_in_every_region_and_for_every_disk() {
    for catalog in Catalogs::embedded().current() {
        let tables = tables(catalog);
        let mut sold = 0;
        for row in request_of_each_row(catalog) {
            let mut sold_on_row = 0;
            let disks = &catalog
                .edition(row.edition.as_deref().unwrap())
                .unwrap()
                .disk_types;
            for region in catalog.regions() {
                let zone = &catalog.zones(&region.id).next().unwrap().id;
                for (site, disk) in Site::ALL
                    .into_iter()
                    .flat_map(|site| disks.iter().map(move |disk| (site, disk)))
                {
                    for term in [Term::Hour, Term::Months(1), Term::Months(12)] {
                        let request =
                            completed(&tables, &row, &region.id, zone, disk, term != Term::Hour);
                        let request = PlanRequest { site, ..request };
                        let expected = naive::price(&tables, &request, period(term));
                        assert_eq!(
                            rated(catalog, &request, term),
                            expected,
                            "{request:?} {term:?}"
                        );
                        sold_on_row += u32::from(expected.is_some_and(|micros| micros > 0));
                    }
                }
            }
            assert!(sold_on_row > 0, "a row that nobody can buy: {row:?}");
            sold += sold_on_row;
        }
        assert!(sold > 50, "{}: {sold}", catalog.profile());
    }
}

/// One of a list, or sometimes something that is not on it.
fn one_of(list: Vec<String>) -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        8 => proptest::sample::select(list).prop_map(Some),
        1 => Just(None),
        1 => Just(Some("no-such-thing".to_owned())),
    ]
}

/// A whole number that is often sold and sometimes not.
fn amount(step: i64, count: i64) -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        8 => (0..=count).prop_map(move |n| Some(n * step)),
        1 => Just(None),
        1 => (-2_i64..2000).prop_map(Some),
    ]
}

fn codes(catalog: &Catalog, pick: fn(&Catalog) -> Vec<String>) -> Vec<String> {
    pick(catalog)
}

fn any_request(profile: &'static str) -> impl Strategy<Value = PlanRequest> {
    let catalog = catalog(profile);
    let regions = codes(&catalog, |c| {
        c.regions().iter().map(|region| region.id.clone()).collect()
    });
    let editions = codes(&catalog, |c| {
        c.editions()
            .iter()
            .map(|edition| edition.code.clone())
            .collect()
    });
    let versions = codes(&catalog, |c| {
        c.versions()
            .iter()
            .map(|version| version.id.clone())
            .collect()
    });
    let disks = codes(&catalog, |c| {
        c.editions()
            .iter()
            .flat_map(|edition| edition.disk_types.clone())
            .collect()
    });
    let specs = codes(&catalog, |c| {
        let specs = c
            .editions()
            .iter()
            .flat_map(|edition| c.specs(&edition.code));
        let mut codes: Vec<String> = specs.map(|spec| spec.code.clone()).collect();
        codes.push("none".to_owned());
        codes
    });
    let classes = codes(&catalog, |c| {
        let mut codes: Vec<String> = c
            .node_classes()
            .iter()
            .map(|class| class.code.clone())
            .collect();
        codes.push("none".to_owned());
        codes
    });
    let place = (
        proptest::sample::select(regions),
        0_usize..3,
        any::<bool>(),
        any::<bool>(),
    );
    let what = (
        one_of(editions),
        one_of(specs),
        any::<bool>(),
        one_of(versions),
        one_of(disks.clone()),
    );
    let sizes = (
        amount(20, 70),
        amount(50, 12),
        amount(100, 70),
        amount(100, 70),
        amount(3, 60),
        amount(1440, 40),
    );
    let node = (
        one_of(classes),
        amount(1, 31),
        one_of(disks),
        amount(10, 200),
        0_usize..4,
    );
    (place, what, sizes, node, any::<bool>()).prop_map(
        move |(place, what, sizes, node, deploy_public)| {
            let (region, zones, foreign, prepaid) = place;
            let (edition, spec, by_spec, version, disk_type) = what;
            let (bandwidth_mbps, topics, partitions, disk_gb, public_mbit, retention_minutes) =
                sizes;
            let (class, count, node_disk_type, node_disk_gb, groups) = node;
            let group = NodeGroup {
                role: "broker".to_owned(),
                class,
                count,
                disk_type: node_disk_type,
                disk_gb: node_disk_gb,
            };
            PlanRequest {
                site: if foreign {
                    Site::International
                } else {
                    Site::Domestic
                },
                zones: catalog
                    .zones(&region)
                    .take(zones)
                    .map(|zone| zone.id.clone())
                    .collect(),
                region,
                edition,
                spec: spec.filter(|_| by_spec),
                bandwidth_mbps,
                topics: topics.filter(|_| deploy_public || partitions.is_none()),
                partitions: partitions.filter(|n| n % 3 != 0),
                disk_gb,
                disk_type,
                public_mbit,
                version,
                retention_minutes,
                nodes: vec![group; usize::from(groups > 0)],
                deploy_public,
                prepaid,
            }
        },
    )
}

fn any_term() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(12), 0_u32..40]
}

fn agree(profile: &str, request: &PlanRequest, months: u32) -> Result<(), TestCaseError> {
    static TABLES: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
        Catalogs::embedded()
            .current()
            .map(|catalog| (catalog.profile().to_owned(), tables(catalog)))
            .collect()
    });
    let catalog = catalog(profile);
    let term = if request.prepaid {
        Term::Months(months)
    } else {
        Term::Hour
    };
    let expected = naive::price(&TABLES[profile], request, period(term));
    prop_assert_eq!(rated(&catalog, request, term), expected);
    Ok(())
}

/// How many of the orders made at random are sold: the properties below would prove nothing about none.
#[test]
fn enough_of_the_orders_made_at_random_are_sold() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    for profile in ["alikafka", "ckafka", "jdkafka"] {
        let catalog = catalog(profile);
        let mut runner = TestRunner::deterministic();
        let strategy = any_request(profile);
        let sold = (0..2000)
            .filter(|_| {
                catalog
                    .plan(&strategy.new_tree(&mut runner).unwrap().current())
                    .is_ok()
            })
            .count();
        assert!((20..1980).contains(&sold), "{profile}: {sold} of 2000");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_raters_agree_on_any_order_of_a_ladder(request in any_request("alikafka"), months in any_term()) {
        agree("alikafka", &request, months)?;
    }

    #[test]
    fn both_raters_agree_on_any_order_of_bandwidth(request in any_request("ckafka"), months in any_term()) {
        agree("ckafka", &request, months)?;
    }

    #[test]
    fn both_raters_agree_on_any_order_of_nodes(request in any_request("jdkafka"), months in any_term()) {
        agree("jdkafka", &request, months)?;
    }
}
