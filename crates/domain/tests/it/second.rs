//! Both raters must agree: on every row of every catalog, and on orders made at random.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use brokerage_domain::catalog::{
    Catalog, Catalogs, Model, NodeGroup, Plan, PlanRequest, Site, Term, Usage,
};
use brokerage_domain::topic::TopicUsage;
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
        // Packages have a disk of their own.
        disk_gb: least("disk_gb").filter(|_| edition["model"].as_str() != Some("package")),
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

/// One change to an order that is sold: often it stays sold, often not.
#[derive(Debug, Clone)]
enum Change {
    Amount(usize, Option<i64>),
    Word(usize, Option<String>),
    Zones(usize),
    Site(Site),
    DeployPublic,
}

impl Change {
    fn apply(&self, catalog: &Catalog, request: &mut PlanRequest) {
        match self {
            Self::Amount(field, amount) => set_amount(request, *field, *amount),
            Self::Word(field, word) => set_word(request, *field, word.clone()),
            Self::Zones(count) => {
                let zones = catalog.zones(&request.region).take(*count);
                request.zones = zones.map(|zone| zone.id.clone()).collect();
            }
            Self::Site(site) => request.site = *site,
            Self::DeployPublic => request.deploy_public = true,
        }
    }
}

fn set_amount(request: &mut PlanRequest, field: usize, amount: Option<i64>) {
    match field {
        0 => request.bandwidth_mbps = amount,
        1 => request.topics = amount,
        2 => request.partitions = amount,
        3 => request.disk_gb = amount,
        4 => request.public_mbit = amount,
        5 => request.retention_minutes = amount,
        _ => {
            for group in &mut request.nodes {
                if field == 6 {
                    group.count = amount;
                } else {
                    group.disk_gb = amount;
                }
            }
        }
    }
}

fn set_word(request: &mut PlanRequest, field: usize, word: Option<String>) {
    match field {
        0 => request.edition = word,
        1 => request.spec = word,
        2 => request.version = word,
        3 => request.disk_type = word,
        4 => request.region = word.unwrap_or_default(),
        5 => request.nodes.clear(),
        _ => {
            for group in &mut request.nodes {
                match field {
                    6 => group.class = word.clone(),
                    7 => group.disk_type = word.clone(),
                    _ => group.role = word.clone().unwrap_or_default(),
                }
            }
        }
    }
}

/// Every word of a catalog, so that a wrong one is mostly a word of another field or row.
fn words(catalog: &Catalog) -> Vec<String> {
    let mut words = vec!["no-such-thing".to_owned(), "broker".to_owned()];
    words.extend(catalog.regions().iter().map(|region| region.id.clone()));
    words.extend(catalog.versions().iter().map(|version| version.id.clone()));
    words.extend(
        catalog
            .node_classes()
            .iter()
            .map(|class| class.code.clone()),
    );
    for edition in catalog.editions() {
        words.push(edition.code.clone());
        words.extend(edition.disk_types.clone());
        words.extend(catalog.specs(&edition.code).map(|spec| spec.code.clone()));
    }
    words
}

fn any_change(catalog: &Catalog) -> impl Strategy<Value = Change> + use<> {
    let amount = prop_oneof![
        6 => (0_i64..80, proptest::sample::select(vec![1_i64, 3, 10, 20, 100, 400])).prop_map(|(n, step)| Some(n * step)),
        1 => Just(None),
        1 => (-2_i64..50_000).prop_map(Some),
    ];
    let word = proptest::option::weighted(0.9, proptest::sample::select(words(catalog)));
    prop_oneof![
        6 => (0_usize..8, amount).prop_map(|(field, amount)| Change::Amount(field, amount)),
        2 => (0_usize..9, word).prop_map(|(field, word)| Change::Word(field, word)),
        1 => (0_usize..4).prop_map(Change::Zones),
        1 => proptest::sample::select(Site::ALL.to_vec()).prop_map(Change::Site),
        1 => Just(Change::DeployPublic),
    ]
}

/// An order of some row of the catalog, changed in a few places.
fn any_request(profile: &'static str) -> impl Strategy<Value = PlanRequest> {
    let catalog = catalog(profile);
    let tables = tables(&catalog);
    let mut sold = Vec::new();
    for row in request_of_each_row(&catalog) {
        let edition = catalog.edition(row.edition.as_deref().unwrap()).unwrap();
        for region in catalog.regions() {
            let zone = &catalog.zones(&region.id).next().unwrap().id;
            for disk in &edition.disk_types {
                sold.push(completed(&tables, &row, &region.id, zone, disk, false));
            }
        }
    }
    let changes = proptest::collection::vec(any_change(&catalog), 0..4);
    let orders = (proptest::sample::select(sold), any::<bool>(), changes);
    orders.prop_map(move |(mut request, prepaid, changes)| {
        request.prepaid = prepaid;
        for change in changes {
            change.apply(&catalog, &mut request);
        }
        request
    })
}

fn any_term() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(12), Just(24), 0_u32..40]
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
    if let Ok(plan) = catalog.plan(request) {
        let again = catalog.plan(&plan.request(request.prepaid));
        prop_assert_eq!(again, Ok(plan), "the request that makes it again");
    }
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
        assert!((400..1600).contains(&sold), "{profile}: {sold} of 2000");
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

/// The limits of a plan that a usage is held against, counted again without the rule under test.
fn fits(plan: &Plan, usage: &Usage) -> bool {
    let limits = &plan.usable;
    usage.topics.topics <= limits.topics_max
        && usage.topics.partitions <= limits.partitions_max
        && u64::from(usage.topics.replicas_max) <= u64::from(plan.brokers)
        && usage.groups <= limits.groups_max
        && usage.disk_bytes <= limits.disk_bytes_max
}

/// A usage close to the limits of a plan, on either side of each.
fn any_usage(plan: &Plan) -> impl Strategy<Value = Usage> + use<> {
    let limits = &plan.usable;
    let near =
        |max: u64| prop_oneof![4 => Just(max), 4 => 0..=max, 1 => Just(max.saturating_add(1))];
    let parts = (
        near(limits.topics_max),
        near(limits.partitions_max),
        near(plan.brokers.into()),
        near(limits.groups_max),
        near(limits.disk_bytes_max),
    );
    parts.prop_map(|(topics, partitions, replicas, groups, disk_bytes)| Usage {
        topics: TopicUsage {
            topics,
            partitions,
            replicas_max: u32::try_from(replicas).unwrap(),
        },
        groups,
        disk_bytes,
    })
}

/// Any two plans of a catalog, the one to be changed into the other, and a usage that is near the first.
fn any_change_of_plan(profile: &'static str) -> impl Strategy<Value = (Plan, Plan, Usage)> {
    let pairs = (any_plan(profile), any_plan(profile));
    pairs.prop_flat_map(|(old, new)| {
        let usage = any_usage(&old);
        (Just(old), Just(new), usage)
    })
}

/// What is sold of any order.
fn any_plan(profile: &'static str) -> impl Strategy<Value = Plan> {
    let catalog = catalog(profile);
    any_request(profile)
        .prop_filter_map("it is not sold", move |request| catalog.plan(&request).ok())
}

fn check_change(old: &Plan, new: &Plan, usage: &Usage) -> Result<(), TestCaseError> {
    for plan in [old, new] {
        let held = plan.holds(usage);
        prop_assert_eq!(held.is_ok(), fits(plan, usage), "{:?}", held);
    }
    if fits(old, usage) && new.covers(old) {
        prop_assert!(
            fits(new, usage),
            "what covers a plan holds all that it holds"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_plan_of_a_ladder_holds_what_is_used((old, new, usage) in any_change_of_plan("alikafka")) {
        check_change(&old, &new, &usage)?;
    }

    #[test]
    fn a_plan_of_bandwidth_holds_what_is_used((old, new, usage) in any_change_of_plan("ckafka")) {
        check_change(&old, &new, &usage)?;
    }

    #[test]
    fn a_plan_of_nodes_holds_what_is_used((old, new, usage) in any_change_of_plan("jdkafka")) {
        check_change(&old, &new, &usage)?;
    }
}
