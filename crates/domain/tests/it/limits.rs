//! What is refused, and what the granted plan lets its cluster use.

use brokerage_domain::catalog::{Field, NodeGroup, PlanFault, PlanRequest, Site};

use super::{bandwidth, catalog, ladder, text};

fn refused(profile: &str, request: &PlanRequest, expected: &PlanFault) {
    let outcome = catalog(profile).plan(request);
    let mut fault = outcome.map(|plan| plan.bought).unwrap_err();
    // What is offered is in another test.
    if let PlanFault::NotOffered { offered, .. } = &mut fault {
        offered.clear();
    }
    assert_eq!(&fault, expected, "{request:?}");
}

fn not_offered(field: Field, value: &str) -> PlanFault {
    PlanFault::NotOffered {
        field,
        value: value.to_owned(),
        offered: Vec::new(),
    }
}

#[test]
fn a_refusal_says_what_would_be_right() {
    let check = |profile: &str, request: PlanRequest, expected: &str| {
        let fault = catalog(profile).plan(&request).unwrap_err().to_string();
        assert!(fault.ends_with(expected), "{fault}");
    };
    let good = || ladder("alikafka.hw.2xlarge", "normal");
    let ali = |change: fn(&mut PlanRequest), expected: &str| {
        let mut request = good();
        change(&mut request);
        check("alikafka", request, expected);
    };
    ali(
        |r| r.edition = text("gold"),
        "the edition \"gold\" is not offered here: it is one of normal, professional, professionalForHighRead",
    );
    ali(
        |r| r.disk_type = text("2"),
        "the disk type \"2\" is not offered here: it is one of 0, 1, 5, 6",
    );
    ali(
        |r| r.version = text("0.9"),
        "the version \"0.9\" is not offered here: it is one of 2.2.0, 2.6.2, 4.1",
    );
    ali(
        |r| (r.spec, r.bandwidth_mbps) = (None, Some(21)),
        "the bandwidth \"21\" is not offered here: it is one of 2, 20, 30, 60, 90, 120",
    );
    // The figures of a package come with its row.
    let package = |change: fn(&mut PlanRequest), expected: &str| {
        let mut request = PlanRequest {
            site: Site::International,
            zones: vec!["100003".to_owned()],
            edition: text("standard"),
            spec: text("1"),
            region: "ap-guangzhou".to_owned(),
            ..PlanRequest::default()
        };
        change(&mut request);
        check("ckafka", request, expected);
    };
    package(
        |r| r.partitions = Some(999),
        "the partitions \"999\" is not offered here, only 60 is",
    );
    package(
        |r| r.disk_gb = Some(100),
        "the disk size \"100\" is not offered here, only 300 is",
    );
}

#[test]
fn a_refusal_is_said_in_another_unit() {
    let check = |fault: PlanFault, (size, start): (i64, i64), expected: &str| {
        let said = fault.counted(size, start).to_string();
        assert_eq!(said, expected);
    };
    check(
        out_of_range(Field::Retention, 600_000, 1, 129_600),
        (60, 0),
        "the retention must be from 1 to 2160, not 10000",
    );
    check(
        out_of_range(Field::Zone, 2, 0, 1),
        (1, 0),
        "the number of zones must be from 0 to 1, not 2",
    );
    check(
        out_of_range(Field::Retention, 720, 1_440, 28_800),
        (60, 0),
        "the retention must be from 24 to 480, not 12",
    );
    check(
        not_a_step(Field::PublicBandwidth, 2, 0, 3),
        (1, 3),
        "the public bandwidth is sold from 3 in steps of 3, not as 5",
    );
}

fn missing(field: Field) -> PlanFault {
    PlanFault::Missing { field }
}

fn out_of_range(field: Field, value: i64, min: i64, max: i64) -> PlanFault {
    PlanFault::OutOfRange {
        field,
        value,
        min,
        max,
    }
}

fn not_a_step(field: Field, value: i64, min: i64, step: i64) -> PlanFault {
    PlanFault::NotAStep {
        field,
        value,
        min,
        step,
    }
}

#[test]
fn a_ladder_refuses_what_it_does_not_have() {
    let good = || ladder("alikafka.hw.2xlarge", "normal");
    let check = |change: fn(&mut PlanRequest), expected: PlanFault| {
        let mut request = good();
        change(&mut request);
        refused("alikafka", &request, &expected);
    };
    check(|r| r.region.clear(), missing(Field::Region));
    check(
        |r| r.region = "mars".to_owned(),
        not_offered(Field::Region, "mars"),
    );
    check(
        |r| r.edition = text("gold"),
        not_offered(Field::Edition, "gold"),
    );
    check(
        |r| r.spec = text("alikafka.hw.16xlarge"),
        not_offered(Field::Spec, "alikafka.hw.16xlarge"),
    );
    check(|r| r.spec = None, missing(Field::Spec));
    check(
        |r| (r.spec, r.bandwidth_mbps) = (None, Some(25)),
        not_offered(Field::Bandwidth, "25"),
    );
    check(|r| r.disk_type = None, missing(Field::DiskType));
    check(
        |r| r.disk_type = text("2"),
        not_offered(Field::DiskType, "2"),
    );
    check(|r| r.disk_gb = None, missing(Field::Disk));
    check(
        |r| r.disk_gb = Some(400),
        out_of_range(Field::Disk, 400, 500, 6100),
    );
    check(
        |r| r.disk_gb = Some(550),
        not_a_step(Field::Disk, 550, 500, 100),
    );
    check(|r| r.topics = None, missing(Field::Topics));
    check(
        |r| r.topics = Some(49),
        out_of_range(Field::Topics, 49, 50, 450),
    );
    check(
        |r| r.topics = Some(i64::MAX),
        out_of_range(Field::Topics, i64::MAX, 50, 450),
    );
    check(
        |r| r.partitions = Some(3001),
        out_of_range(Field::Partitions, 3001, 0, 3000),
    );
    check(|r| r.deploy_public = true, missing(Field::PublicBandwidth));
    check(
        |r| (r.deploy_public, r.public_mbit) = (true, Some(161)),
        out_of_range(Field::PublicBandwidth, 161, 1, 160),
    );
    check(
        |r| r.version = text("0.9"),
        not_offered(Field::Version, "0.9"),
    );
    check(
        |r| r.retention_minutes = Some(60),
        out_of_range(Field::Retention, 60, 1440, 28800),
    );
    check(
        |r| r.zones = vec!["cn-beijing-a".to_owned()],
        not_offered(Field::Zone, "cn-beijing-a"),
    );
    check(
        |r| r.site = Site::International,
        PlanFault::Conflict {
            a: Field::Edition,
            b: Field::Payment,
        },
    );
}

#[test]
fn the_spec_wins_over_the_bandwidth() {
    let request = PlanRequest {
        bandwidth_mbps: Some(30),
        ..ladder("alikafka.hw.2xlarge", "normal")
    };
    assert_eq!(
        catalog("alikafka")
            .plan(&request)
            .unwrap()
            .bought
            .bandwidth_mbps,
        Some(20)
    );
    let by_bandwidth = PlanRequest {
        spec: None,
        disk_gb: Some(800),
        ..request
    };
    assert_eq!(
        catalog("alikafka")
            .plan(&by_bandwidth)
            .unwrap()
            .spec
            .as_deref(),
        Some("alikafka.hw.3xlarge")
    );
}

#[test]
fn topics_and_partitions_together_must_mean_the_same() {
    let check = |topics: i64, partitions: i64, equivalent: bool| {
        let request = PlanRequest {
            topics: Some(topics),
            partitions: Some(partitions),
            ..ladder("alikafka.hw.2xlarge", "professional")
        };
        let outcome = catalog("alikafka").plan(&request);
        match outcome {
            Ok(plan) => assert!(
                equivalent && plan.bought.partitions == Some(partitions),
                "{topics} {partitions}"
            ),
            Err(fault) => {
                assert_eq!(
                    fault,
                    PlanFault::Conflict {
                        a: Field::Topics,
                        b: Field::Partitions
                    }
                );
                assert!(!equivalent, "{topics} {partitions}");
            }
        }
    };
    check(1050, 50, true);
    check(60, 160, true);
    check(50, 0, true);
    check(1000, 0, true);
    check(60, 161, false);
    check(51, 0, false);
    check(i64::MIN, 0, false);
}

#[test]
fn a_third_of_a_standard_disk_is_usable_and_all_of_a_professional_one() {
    let usable = |edition: &str, spec: &str| {
        let request = PlanRequest {
            disk_gb: Some(600),
            ..ladder(spec, edition)
        };
        catalog("alikafka").plan(&request).unwrap().usable
    };
    assert_eq!(
        usable("normal", "alikafka.hw.2xlarge").disk_bytes_max,
        200 << 30
    );
    let professional = usable("professional", "alikafka.hw.2xlarge");
    assert_eq!(professional.disk_bytes_max, 600 << 30);
    assert_eq!(
        (professional.topics_max, professional.partitions_max),
        (100, 1100)
    );
    let high_read = usable("professionalForHighRead", "alikafka.hr.2xlarge");
    assert_eq!(high_read.ingress_bytes_per_second_max, Some(10 << 20));
    assert_eq!(high_read.egress_bytes_per_second_max, Some(50 << 20));
}

#[test]
fn connections_grow_with_bandwidth_up_to_a_bound() {
    let connections = |spec: &str, topics: i64, disk_gb: i64| {
        let request = PlanRequest {
            topics: Some(topics),
            disk_gb: Some(disk_gb),
            ..ladder(spec, "professional")
        };
        let plan = catalog("alikafka").plan(&request).unwrap();
        (
            plan.usable.connections_max,
            plan.usable.public_connections_max,
            plan.brokers,
        )
    };
    assert_eq!(
        connections("alikafka.hw.2xlarge", 50, 500),
        (3 * 1000, 3 * 200, 3)
    );
    assert_eq!(
        connections("alikafka.hw.25xlarge", 250, 500),
        (3 * 3000, 3 * 400, 3)
    );
    assert_eq!(
        connections("alikafka.hw2.1000xlarge", 5000, 500),
        (3 * 10_000, 3 * 1000, 3)
    );
}

#[test]
fn bands_refuse_what_lies_outside_or_between_steps() {
    let check = |request: PlanRequest, expected: PlanFault| refused("ckafka", &request, &expected);
    let field = Field::Bandwidth;
    check(bandwidth(10, 400, 200), out_of_range(field, 10, 20, 20000));
    check(
        bandwidth(20400, 400, 200),
        out_of_range(field, 20400, 20, 20000),
    );
    check(bandwidth(50, 400, 200), not_a_step(field, 50, 40, 20));
    check(bandwidth(1300, 400, 200), not_a_step(field, 1300, 920, 20));
    check(
        bandwidth(40, 450, 200),
        not_a_step(Field::Partitions, 450, 100, 100),
    );
    check(
        bandwidth(40, 400, 250),
        not_a_step(Field::Disk, 250, 100, 100),
    );
    check(
        PlanRequest {
            topics: Some(150),
            ..bandwidth(40, 400, 200)
        },
        not_a_step(Field::Topics, 150, 100, 100),
    );
    check(
        PlanRequest {
            public_mbit: Some(4),
            ..bandwidth(40, 400, 200)
        },
        not_a_step(Field::PublicBandwidth, 4, 0, 3),
    );
    check(
        PlanRequest {
            zones: Vec::new(),
            ..bandwidth(40, 400, 200)
        },
        missing(Field::Zone),
    );
    check(
        PlanRequest {
            zones: vec!["450001".to_owned(); 2],
            ..bandwidth(40, 400, 200)
        },
        PlanFault::Duplicate {
            field: Field::Zone,
            value: "450001".to_owned(),
        },
    );
    check(
        PlanRequest {
            retention_minutes: Some(43201),
            ..bandwidth(40, 400, 200)
        },
        out_of_range(Field::Retention, 43201, 1, 43200),
    );
}

#[test]
fn paid_in_advance_messages_may_be_kept_longer() {
    let request = PlanRequest {
        retention_minutes: Some(129_600),
        prepaid: true,
        ..bandwidth(40, 400, 200)
    };
    assert_eq!(
        catalog("ckafka")
            .plan(&request)
            .unwrap()
            .usable
            .retention_ms,
        90 * 86_400_000
    );
}

#[test]
fn more_topics_than_partitions_is_no_error() {
    let plan = catalog("ckafka").plan(&bandwidth(20, 400, 200)).unwrap();
    assert_eq!(plan.bought.topics, Some(800));
    assert_eq!(plan.usable.topics_max, 400);
    assert!(plan.usable.partitions_count_replicas && plan.usable.disk_counts_replicas);
    assert_eq!(plan.usable.ingress_bytes_per_second_max, Some(20 << 20));
    assert!(plan.usable.bandwidth_counts_replicas);
    assert_eq!(plan.usable.public_bits_per_second_max, 3_000_000);
    assert_eq!(
        (plan.version.as_str(), plan.kafka_version.as_str()),
        ("2.4.2", "2.4.1")
    );
}

#[test]
fn three_zones_are_sold_as_the_page_does() {
    let zones = ["450001", "450002", "450003"].map(str::to_owned).to_vec();
    let plan = catalog("ckafka")
        .plan(&PlanRequest {
            zones: zones.clone(),
            ..bandwidth(20, 400, 200)
        })
        .unwrap();
    assert_eq!(plan.zones, zones);
}

#[test]
fn the_standard_edition_is_pay_as_you_go_on_the_international_site_only() {
    let request = PlanRequest {
        edition: text("standard"),
        ..bandwidth(40, 60, 300)
    };
    refused(
        "ckafka",
        &request,
        &PlanFault::Conflict {
            a: Field::Edition,
            b: Field::Payment,
        },
    );
    assert!(
        catalog("ckafka")
            .plan(&PlanRequest {
                prepaid: true,
                ..request.clone()
            })
            .is_ok()
    );
    let foreign = PlanRequest {
        site: Site::International,
        spec: text("1"),
        ..request.clone()
    };
    assert!(catalog("ckafka").plan(&foreign).is_ok());
    let unknown = PlanRequest {
        spec: text("9"),
        ..foreign
    };
    refused("ckafka", &unknown, &not_offered(Field::Spec, "9"));
}

fn nodes(change: fn(&mut NodeGroup)) -> PlanRequest {
    let mut group = NodeGroup {
        role: "broker".to_owned(),
        ..NodeGroup::default()
    };
    change(&mut group);
    PlanRequest {
        region: "cn-north-1".to_owned(),
        zones: vec!["cn-north-1a".to_owned()],
        version: text("1.0.2"),
        nodes: vec![group],
        ..PlanRequest::default()
    }
}

#[test]
fn nodes_take_defaults_and_refuse_what_is_not_sold() {
    let plan = catalog("jdkafka").plan(&nodes(|_| {})).unwrap();
    assert_eq!(
        plan.bought.nodes[0].class.as_deref(),
        Some("kafka.broker.n1.xsmall")
    );
    assert_eq!(
        (plan.brokers, plan.usable.ingress_bytes_per_second_max),
        (3, None)
    );
    let check = |change: fn(&mut NodeGroup), expected: PlanFault| {
        refused("jdkafka", &nodes(change), &expected)
    };
    check(
        |g| g.role = "zookeeper".to_owned(),
        not_offered(Field::NodeRole, "zookeeper"),
    );
    check(|g| g.role.clear(), missing(Field::NodeRole));
    check(
        |g| g.class = text("kafka.n.small"),
        not_offered(Field::NodeClass, "kafka.n.small"),
    );
    check(
        |g| g.class = text("kafka.broker.n1.120"),
        PlanFault::Conflict {
            a: Field::NodeClass,
            b: Field::Version,
        },
    );
    check(
        |g| g.count = Some(2),
        out_of_range(Field::NodeCount, 2, 3, 30),
    );
    check(
        |g| g.disk_type = text("local"),
        not_offered(Field::DiskType, "local"),
    );
    check(
        |g| g.disk_gb = Some(15),
        out_of_range(Field::Disk, 15, 20, 16000),
    );
    check(
        |g| g.disk_gb = Some(25),
        not_a_step(Field::Disk, 25, 20, 10),
    );
    let without = PlanRequest {
        version: None,
        ..nodes(|_| {})
    };
    refused("jdkafka", &without, &missing(Field::Version));
    let empty = PlanRequest {
        nodes: Vec::new(),
        ..nodes(|_| {})
    };
    refused("jdkafka", &empty, &missing(Field::Nodes));
    let mut twice = nodes(|_| {});
    twice.nodes.push(twice.nodes[0].clone());
    refused(
        "jdkafka",
        &twice,
        &PlanFault::Duplicate {
            field: Field::NodeRole,
            value: "broker".to_owned(),
        },
    );
    let mut many = nodes(|_| {});
    many.nodes = vec![many.nodes[0].clone(); 17];
    refused("jdkafka", &many, &out_of_range(Field::Nodes, 17, 1, 16));
}
