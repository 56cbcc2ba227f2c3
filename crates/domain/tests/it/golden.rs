//! Worked cases: prices that the vendors' pages state or that follow from them by hand.

use brokerage_domain::catalog::{ItemKind, NodeGroup, PlanRequest, RateFault, Site, Term};
use brokerage_domain::money::Currency;

use super::{bandwidth, catalog, ladder, text};

fn check(profile: &str, request: &PlanRequest, term: Term, quantity: u32, expected: &str) {
    let catalog = catalog(profile);
    let request = PlanRequest {
        prepaid: term != Term::Hour,
        ..request.clone()
    };
    let plan = catalog.plan(&request).unwrap();
    let quote = catalog.quote(&plan, term, quantity).unwrap();
    assert_eq!(quote.total.to_string(), expected, "{request:?}\n{quote:#?}");
}

#[test]
fn a_standard_spec_with_ssd_costs_what_the_price_page_adds_up_to() {
    let request = ladder("alikafka.hw.2xlarge", "normal");
    check("alikafka", &request, Term::Hour, 1, "3.22");
    check("alikafka", &request, Term::Months(1), 1, "1908.5");
    check("alikafka", &request, Term::Months(12), 1, "22902");
}

#[test]
fn extra_topics_are_paid_for_and_bring_sixteen_partitions_each() {
    let request = PlanRequest {
        topics: Some(60),
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    check("alikafka", &request, Term::Hour, 1, "4.05");
    let plan = catalog("alikafka").plan(&request).unwrap();
    assert_eq!(plan.usable.partitions_max, 560);
    assert_eq!(plan.usable.topics_max, 60);
    assert_eq!(plan.usable.groups_max, 120);
}

#[test]
fn region_groups_have_their_own_columns() {
    let in_region = |region: &str| PlanRequest {
        region: region.to_owned(),
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    check(
        "alikafka",
        &in_region("ap-southeast-1"),
        Term::Hour,
        1,
        "4.71",
    );
    check(
        "alikafka",
        &in_region("ap-southeast-3"),
        Term::Hour,
        1,
        "4.32",
    );
}

#[test]
fn extra_partitions_cost_a_sixteenth_of_a_topic() {
    let request = PlanRequest {
        topics: None,
        partitions: Some(50),
        disk_type: text("0"),
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    check("alikafka", &request, Term::Months(1), 1, "1708.5");
    check("alikafka", &request, Term::Hour, 1, "2.9794");
    let plan = catalog("alikafka").plan(&request).unwrap();
    assert_eq!(
        (plan.usable.partitions_max, plan.usable.topics_max),
        (1050, 1050)
    );
}

#[test]
fn the_page_example_of_the_ladder_is_sold() {
    let request = PlanRequest {
        bandwidth_mbps: Some(20),
        disk_gb: Some(900),
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    check("alikafka", &request, Term::Hour, 1, "3.86");
}

#[test]
fn a_public_deployment_pays_for_its_bandwidth() {
    let request = PlanRequest {
        deploy_public: true,
        public_mbit: Some(3),
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    check("alikafka", &request, Term::Hour, 1, "3.409");
    let private = PlanRequest {
        deploy_public: false,
        ..request
    };
    check("alikafka", &private, Term::Hour, 1, "3.22");
}

#[test]
fn the_international_site_of_the_ladder_sells_by_the_month_in_dollars() {
    let request = PlanRequest {
        site: Site::International,
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    check("alikafka", &request, Term::Months(1), 1, "330");
    let catalog = catalog("alikafka");
    let plan = catalog
        .plan(&PlanRequest {
            prepaid: true,
            ..request
        })
        .unwrap();
    let quote = catalog.quote(&plan, Term::Months(1), 1).unwrap();
    assert_eq!(quote.currency, Currency::Usd);
    let by_the_hour = catalog.quote(&plan, Term::Hour, 1);
    assert!(
        matches!(by_the_hour, Err(RateFault::TermNotOffered { .. })),
        "{by_the_hour:?}"
    );
}

#[test]
fn bandwidth_is_priced_by_full_steps_above_its_band() {
    check(
        "ckafka",
        &bandwidth(40, 800, 500),
        Term::Months(1),
        1,
        "2165",
    );
    check(
        "ckafka",
        &bandwidth(180, 1400, 100),
        Term::Months(1),
        1,
        "4288",
    );
    check(
        "ckafka",
        &bandwidth(180, 1500, 100),
        Term::Months(1),
        1,
        "4488",
    );
    let catalog = catalog("ckafka");
    let request = PlanRequest {
        prepaid: true,
        ..bandwidth(180, 1400, 100)
    };
    let quote = catalog
        .quote(&catalog.plan(&request).unwrap(), Term::Months(1), 1)
        .unwrap();
    assert_eq!(quote.amount_of(ItemKind::Base).unwrap().to_string(), "4253");
    assert_eq!(quote.amount_of(ItemKind::Disk).unwrap().to_string(), "35");
    assert_eq!(
        quote.amount_of(ItemKind::Partitions).unwrap().to_string(),
        "0"
    );
}

#[test]
fn an_hour_without_a_list_price_is_a_sixhundredth_of_the_month_rounded_up() {
    // 1690/600 = 2.8166…; 35/600 = 0.0583… for each of two 100 GB.
    check(
        "ckafka",
        &bandwidth(20, 400, 200),
        Term::Hour,
        1,
        "2.933335",
    );
}

#[test]
fn the_batch_of_the_purchase_page_costs_three_times_one() {
    let request = PlanRequest {
        topics: Some(200),
        public_mbit: Some(12),
        ..bandwidth(20, 400, 200)
    };
    check("ckafka", &request, Term::Hour, 1, "5.933335");
    check("ckafka", &request, Term::Hour, 3, "17.800005");
    check("ckafka", &request, Term::Months(2), 1, "7840");
}

#[test]
fn an_order_that_says_nothing_gets_the_page_defaults() {
    let request = PlanRequest {
        region: "ap-guangzhou".to_owned(),
        zones: vec!["100003".to_owned()],
        ..PlanRequest::default()
    };
    let plan = catalog("ckafka").plan(&request).unwrap();
    let bought = (
        plan.bought.bandwidth_mbps,
        plan.bought.disk_gb,
        plan.bought.partitions,
        plan.bought.topics,
    );
    assert_eq!(bought, (Some(40), 500, Some(800), Some(800)));
    assert_eq!(
        (plan.version.as_str(), plan.bought.retention_minutes),
        ("2.4.1", 1440)
    );
}

#[test]
fn a_package_has_the_figures_of_its_row() {
    let domestic = PlanRequest {
        region: "ap-guangzhou".to_owned(),
        zones: vec!["100003".to_owned()],
        edition: text("standard"),
        bandwidth_mbps: Some(100),
        partitions: Some(100),
        ..PlanRequest::default()
    };
    check("ckafka", &domestic, Term::Months(1), 1, "524");
    let foreign = PlanRequest {
        site: Site::International,
        spec: text("4"),
        bandwidth_mbps: None,
        partitions: None,
        ..domestic
    };
    check("ckafka", &foreign, Term::Months(1), 1, "2330");
    // 2330/600 = 3.88333…
    check("ckafka", &foreign, Term::Hour, 1, "3.883334");
    let plan = catalog("ckafka").plan(&foreign).unwrap();
    assert_eq!(
        (
            plan.bought.topics,
            plan.bought.partitions,
            plan.bought.disk_gb
        ),
        (Some(150), Some(300), 4000)
    );
    let expanded = PlanRequest {
        disk_gb: Some(4200),
        ..foreign
    };
    check("ckafka", &expanded, Term::Months(1), 1, "2346");
}

fn nodes(class: &str, count: i64, disk_type: &str, disk_gb: i64, version: &str) -> PlanRequest {
    PlanRequest {
        region: "cn-north-1".to_owned(),
        zones: vec!["cn-north-1a".to_owned()],
        version: text(version),
        nodes: vec![NodeGroup {
            role: "broker".to_owned(),
            class: text(class),
            count: Some(count),
            disk_type: text(disk_type),
            disk_gb: Some(disk_gb),
        }],
        ..PlanRequest::default()
    }
}

#[test]
fn nodes_are_priced_each_with_its_disk() {
    let request = nodes("kafka.broker.n1.xsmall", 3, "ssd.io1", 100, "1.0.2");
    check("jdkafka", &request, Term::Hour, 1, "2.7");
    check("jdkafka", &request, Term::Months(1), 1, "1230");
    check("jdkafka", &request, Term::Months(12), 1, "14760");
    check(
        "jdkafka",
        &nodes("kafka.broker.n1.small", 5, "ssd.gp1", 20, "2.4"),
        Term::Hour,
        1,
        "3.0625",
    );
    let plan = catalog("jdkafka").plan(&request).unwrap();
    assert_eq!(
        (
            plan.brokers,
            plan.bought.disk_gb,
            plan.usable.partitions_max
        ),
        (3, 300, 3000)
    );
}

#[test]
fn a_class_that_is_sold_by_traffic_is_priced_once() {
    let request = nodes("kafka.broker.n1.120", 3, "hdd.std1", 1000, "2.6.0");
    check("jdkafka", &request, Term::Hour, 1, "5.39");
    check("jdkafka", &request, Term::Months(3), 1, "10575");
    let plan = catalog("jdkafka").plan(&request).unwrap();
    assert_eq!(plan.usable.ingress_bytes_per_second_max, Some(40 << 20));
}

#[test]
fn a_plan_is_rated_by_the_catalog_that_sold_it_and_by_no_other() {
    let catalog = catalog("ckafka");
    let mut plan = catalog.plan(&bandwidth(40, 800, 500)).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(
        serde_json::from_str::<brokerage_domain::catalog::Plan>(&json).unwrap(),
        plan
    );
    plan.catalog_hash = "00".repeat(32);
    assert!(matches!(
        catalog.quote(&plan, Term::Hour, 1),
        Err(RateFault::OtherCatalog { .. })
    ));
}

#[test]
fn a_quote_refuses_what_one_order_cannot_buy() {
    let catalog = catalog("ckafka");
    let plan = catalog.plan(&bandwidth(40, 800, 500)).unwrap();
    for quantity in [0, catalog.batch_max() + 1] {
        assert!(matches!(
            catalog.quote(&plan, Term::Hour, quantity),
            Err(RateFault::Quantity { .. })
        ));
    }
    assert!(matches!(
        catalog.quote(&plan, Term::Months(0), 1),
        Err(RateFault::TermNotOffered { .. })
    ));
    assert!(matches!(
        catalog.quote(&plan, Term::Months(37), 1),
        Err(RateFault::TermNotOffered { .. })
    ));
}
