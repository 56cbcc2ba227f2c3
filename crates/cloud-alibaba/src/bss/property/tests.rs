use proptest::prelude::*;

use super::*;

#[test]
fn both_spellings_in_any_case_name_the_same_property() {
    for (property, spellings) in SPELLINGS {
        for spelling in *spellings {
            for code in [
                (*spelling).to_owned(),
                spelling.to_uppercase(),
                spelling.to_lowercase(),
            ] {
                assert_eq!(Property::named(&code), Some(*property), "{code}");
            }
        }
        assert_eq!(Property::named(property.code()), Some(*property));
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    let check = |config: &str, expected: &str| {
        let fault = Properties::from_config(config)
            .and_then(|properties| properties.plan_request(false, ""));
        assert_eq!(
            fault.err().map(|fault| fault.to_string()).as_deref(),
            Some(expected),
            "{config}"
        );
    };
    check("Size:1", "the property \"Size\" is not known");
    check(
        "DiskSize:500,disk_size:500",
        "the property DiskSize is given twice",
    );
    check(
        "DiskSize:half",
        "the property DiskSize must be a whole number",
    );
    check("DeployType:3", "the property DeployType must be 4 or 5");
    check(
        "vpc_deploy:maybe",
        "the property VpcDeploy must be true or false",
    );
    check(
        "DeployType:4,vpc_deploy:true",
        "the properties DeployType and VpcDeploy contradict each other",
    );
    check(
        "MsgRetain:9223372036854775807",
        "the property MsgRetain must be a number of hours",
    );
    check(
        "DiskSize",
        "a configuration is a list of code:value, separated by commas",
    );
    check(
        &"DiskSize:,".repeat(PROPERTIES_MAX + 1),
        "more than 100 properties",
    );
}

#[test]
fn public_bandwidth_follows_the_deployment() {
    let check = |config: &str, expected: (bool, Option<i64>)| {
        let request = Properties::from_config(config)
            .unwrap()
            .plan_request(false, "")
            .unwrap();
        assert_eq!(
            (request.deploy_public, request.public_mbit),
            expected,
            "{config}"
        );
    };
    check("", (false, None));
    check("EipMax:0", (false, None));
    check("EipMax:10", (true, Some(10)));
    check("eip:10,DeployType:4", (true, Some(10)));
    check("eip:10,DeployType:5", (false, None));
    check("eip:10,vpc_deploy:TRUE", (false, None));
    check("eip:10,vpc_deploy:false,DeployType:4", (true, Some(10)));
    check("DeployType:4", (true, None));
}

type Pairs = Vec<(String, String)>;

/// An order's properties, each with a spelling and a case, in some order.
fn spelt() -> impl Strategy<Value = (Pairs, Pairs)> {
    const VALUES: [(Property, &str); 8] = [
        (Property::Region, "cn-hangzhou"),
        (Property::SpecType, "professional"),
        (Property::IoMaxSpec, "alikafka.hw.2xlarge"),
        (Property::DiskType, "1"),
        (Property::DiskSize, "500"),
        (Property::PartitionNum, "7"),
        (Property::EipMax, "3"),
        (Property::MsgRetain, "24"),
    ];
    let plain = VALUES.map(|(property, value)| (property.code().to_owned(), value.to_owned()));
    let spellings = |property: Property| {
        let row = SPELLINGS.iter().find(|(known, _)| *known == property);
        row.map_or(&[] as &[&str], |(_, spellings)| spellings)
    };
    let one = move |(property, value): (Property, &'static str)| {
        (prop::sample::select(spellings(property)), any::<u32>()).prop_map(
            move |(spelling, case)| {
                let letter = |(at, letter): (usize, char)| match case >> (at % 32) & 1 {
                    0 => letter.to_ascii_lowercase(),
                    _ => letter.to_ascii_uppercase(),
                };
                (
                    spelling.chars().enumerate().map(letter).collect::<String>(),
                    value.to_owned(),
                )
            },
        )
    };
    let all: Vec<_> = VALUES.into_iter().map(one).collect();
    all.prop_shuffle()
        .prop_map(move |other| (plain.to_vec(), other))
}

fn request(pairs: &[(String, String)]) -> PlanRequest {
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(code, value)| (code.as_str(), value.as_str()))
        .collect();
    Properties::from_pairs(&pairs)
        .unwrap()
        .plan_request(true, "elsewhere")
        .unwrap()
}

proptest! {
    #[test]
    fn spelling_case_and_order_mean_nothing((plain, other) in spelt()) {
        prop_assert_eq!(request(&plain), request(&other));
    }

    #[test]
    fn any_configuration_is_read_or_refused(config in "[A-Za-z_:,; 0-9]{0,80}") {
        if let Ok(properties) = Properties::from_config(&config) {
            // A configuration that says the same again adds nothing.
            let mut twice = properties.clone();
            prop_assert_eq!(twice.join(properties.clone()), Ok(()));
            prop_assert_eq!(twice, properties);
        }
    }
}
