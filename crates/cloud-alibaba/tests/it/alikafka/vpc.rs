//! VPC, as much of it as clients of AliKafka ask.

use brokerage_control::Settings;
use brokerage_testkit::{Answer, Plane, PlaneOptions};
use serde_json::json;

use super::{EXAMPLE, REGION, bought, shown, started};

const VPC_VERSION: &str = "2016-04-28";

async fn vpc(plane: &Plane, action: &str, params: &[(&str, &str)]) -> Answer {
    let mut params = params.to_vec();
    params.push(("RegionId", REGION));
    plane.aliyun(action, VPC_VERSION, &params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v_switch_that_is_asked_for_can_be_used_at_the_start() {
    let plane = Plane::sandbox().await;
    let answer = vpc(
        &plane,
        "DescribeVSwitchAttributes",
        &[("VSwitchId", "vsw-new")],
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for (key, expected) in [
        ("VSwitchId", json!("vsw-new")),
        ("VpcId", json!("vpc-new")),
        ("Status", json!("Available")),
        ("IsDefault", json!(false)),
        ("AvailableIpAddressCount", json!(252)),
        ("Code", json!(null)),
    ] {
        assert_eq!(answer.json[key], expected, "{key}");
    }
    let (_, id) = bought(&plane, &EXAMPLE).await;
    started(
        &plane,
        &id,
        &[("VpcId", Some("vpc-new")), ("VSwitchId", Some("vsw-new"))],
    )
    .await;
    assert_eq!(shown(&plane, &id).await["ZoneId"], answer.json["ZoneId"]);

    let switches = vpc(&plane, "DescribeVSwitches", &[("VpcId", "vpc-new")])
        .await
        .json;
    assert_eq!(
        (
            &switches["TotalCount"],
            &switches["VSwitches"]["VSwitch"][0]["VSwitchId"]
        ),
        (&json!(1), &json!("vsw-new"))
    );
    let vpcs = vpc(&plane, "DescribeVpcs", &[("VpcId", "vpc-new,vpc-other")])
        .await
        .json;
    assert_eq!(
        vpcs["Vpcs"]["Vpc"][0]["VSwitchIds"],
        json!({ "VSwitchId": ["vsw-new"] })
    );
    for (action, filter) in [
        ("DescribeVSwitches", ("ZoneId", "cn-hangzhou-z")),
        ("DescribeVpcs", ("VpcName", "none")),
    ] {
        assert_eq!(
            vpc(&plane, action, &[filter]).await.json["TotalCount"],
            0,
            "{action}"
        );
    }
}

/// Terraform asks for the VPC of a vSwitch before it starts an instance: that look decides no zone.
#[tokio::test(flavor = "multi_thread")]
async fn a_v_switch_that_was_looked_at_is_in_the_zone_of_the_first_start() {
    let plane = Plane::sandbox().await;
    for (v_switch, zone) in [("vsw-i", "cn-hangzhou-i"), ("vsw-c", "zonec")] {
        let seen = vpc(
            &plane,
            "DescribeVSwitchAttributes",
            &[("VSwitchId", v_switch)],
        )
        .await;
        let network = seen.json["VpcId"].as_str().unwrap();
        let (_, id) = bought(&plane, &EXAMPLE).await;
        let start = [
            ("VpcId", Some(network)),
            ("VSwitchId", Some(v_switch)),
            ("ZoneId", Some(zone)),
        ];
        started(&plane, &id, &start).await;
        let now = vpc(
            &plane,
            "DescribeVSwitchAttributes",
            &[("VSwitchId", v_switch)],
        )
        .await;
        let letter = zone.chars().last().unwrap();
        assert_eq!(now.json["ZoneId"], format!("cn-hangzhou-{letter}"));
        // From then on it is there.
        let (_, id) = bought(&plane, &EXAMPLE).await;
        let start = [
            ("InstanceId", id.as_str()),
            ("VpcId", network),
            ("VSwitchId", v_switch),
            ("ZoneId", "cn-hangzhou-b"),
        ];
        assert_eq!(
            super::refused(&plane, "StartInstance", &start).await,
            (400, "BIZ_FIELD_CHECK_INVALID".to_owned())
        );
    }
}

/// "At least one of RegionId and VpcId."
#[tokio::test(flavor = "multi_thread")]
async fn v_switches_are_those_of_a_region_or_of_a_vpc() {
    let plane = Plane::sandbox().await;
    vpc(
        &plane,
        "DescribeVSwitchAttributes",
        &[("VSwitchId", "vsw-new")],
    )
    .await;
    for (filter, status, expected) in [
        (&[][..], 400, json!("MissingRegionId")),
        (&[("RegionId", "")], 400, json!("MissingRegionId")),
        (&[("VpcId", "vpc-new")], 200, json!(1)),
        (&[("RegionId", REGION)], 200, json!(1)),
        (&[("RegionId", "cn-beijing")], 200, json!(0)),
    ] {
        let answer = plane.aliyun("DescribeVSwitches", VPC_VERSION, filter).await;
        let said = match status {
            200 => &answer.json["TotalCount"],
            _ => &answer.json["Code"],
        };
        assert_eq!((answer.status, said), (status, &expected), "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_sandbox_an_unknown_v_switch_stays_unknown() {
    let settings = Settings {
        sandbox: false,
        rate_limits: false,
        ..Settings::default()
    };
    let plane = Plane::start(PlaneOptions {
        settings,
        ..PlaneOptions::default()
    })
    .await;
    let answer = vpc(
        &plane,
        "DescribeVSwitchAttributes",
        &[("VSwitchId", "vsw-new")],
    )
    .await;
    assert_eq!(
        (answer.status, &answer.json["Code"]),
        (400, &json!("InvalidVSwitchId.NotFound"))
    );
    let (_, id) = bought(&plane, &EXAMPLE).await;
    let start = [
        ("InstanceId", id.as_str()),
        ("VpcId", "vpc-1"),
        ("VSwitchId", "vsw-1"),
    ];
    assert_eq!(
        super::refused(&plane, "StartInstance", &start).await,
        (400, "BIZ_FIELD_CHECK_INVALID".to_owned())
    );
}
