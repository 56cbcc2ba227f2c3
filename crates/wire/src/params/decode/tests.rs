//! Reading trees into types.

use proptest::prelude::*;

use super::*;
use crate::params::{from_dotted, from_json};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Order {
    region_id: String,
    disk_size: Option<u32>,
    multi_zone_flag: Option<bool>,
    remark: Option<String>,
    ratio: Option<f64>,
    paid_type: Option<PaidType>,
    zone_ids: Option<Vec<i64>>,
    tag: Option<Vec<Tag>>,
    serverless_config: Option<JsonText<Serverless>>,
    #[serde(default)]
    count: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: Option<i32>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Serverless {
    reserved_publish_capacity: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PaidType {
    Prepaid,
    Postpaid,
}

fn dotted_order(pairs: &[(&str, &str)]) -> Result<Decoded<Order>, ParamError> {
    let region = ("RegionId", "cn-hangzhou");
    decode(
        &from_dotted(pairs.iter().copied().chain([region]))?,
        IndexBase::One,
    )
}

fn json_order(body: &str) -> Result<Decoded<Order>, ParamError> {
    decode(&from_json(body.as_bytes())?, IndexBase::Zero)
}

fn check_invalid(result: Result<Decoded<Order>, ParamError>, expected: &str) {
    let fault = result.unwrap_err();
    assert!(
        matches!(&fault, ParamError::Invalid { name, .. } if name == expected),
        "{fault}"
    );
}

#[test]
fn text_is_read_as_the_type_that_is_expected() {
    let order = dotted_order(&[
        ("DiskSize", "900"),
        ("MultiZoneFlag", "True"),
        ("Ratio", "0.5"),
        ("PaidType", "postpaid"),
        ("ZoneIds.1", "-3"),
        ("ZoneIds.2", "4"),
        ("Tag.1.Value", "7"),
        ("Tag.1.Key", "k"),
        ("ServerlessConfig", r#"{"reservedPublishCapacity":60}"#),
        ("Count", "2"),
    ])
    .unwrap()
    .deny_unknown()
    .unwrap();
    let expected = Order {
        region_id: "cn-hangzhou".into(),
        disk_size: Some(900),
        multi_zone_flag: Some(true),
        remark: None,
        ratio: Some(0.5),
        paid_type: Some(PaidType::Postpaid),
        zone_ids: Some(vec![-3, 4]),
        tag: Some(vec![Tag {
            key: "k".into(),
            value: Some(7),
        }]),
        serverless_config: Some(JsonText(Serverless {
            reserved_publish_capacity: 60,
        })),
        count: 2,
    };
    assert_eq!(order, expected);
}

#[test]
fn json_is_read_alike_and_null_is_absent() {
    let body = r#"{"RegionId":7,"DiskSize":900,"MultiZoneFlag":1,"Remark":null,"ZoneIds":["1",2],
        "ServerlessConfig":{"reservedPublishCapacity":"60"},"Tag":null,"Count":null}"#;
    let order = json_order(body).unwrap().value;
    assert_eq!(order.region_id, "7");
    assert_eq!(order.disk_size, Some(900));
    assert_eq!(order.multi_zone_flag, Some(true));
    assert_eq!((order.remark, order.tag, order.count), (None, None, 0));
    assert_eq!(order.zone_ids, Some(vec![1, 2]));
    assert_eq!(
        order.serverless_config.unwrap().0.reserved_publish_capacity,
        60
    );
}

#[test]
fn empty_text_is_absent_unless_text_is_expected() {
    let pairs = [
        ("DiskSize", ""),
        ("MultiZoneFlag", ""),
        ("PaidType", ""),
        ("ZoneIds", ""),
        ("Tag.1.Value", ""),
        ("Tag.1.Key", ""),
        ("Remark", ""),
        ("Count", ""),
    ];
    let order = dotted_order(&pairs).unwrap().value;
    assert_eq!(
        (order.disk_size, order.multi_zone_flag, order.zone_ids),
        (None, None, None)
    );
    assert_eq!((order.paid_type, order.count), (None, 0));
    assert_eq!(
        order.tag,
        Some(vec![Tag {
            key: String::new(),
            value: None
        }])
    );
    assert_eq!(order.remark.as_deref(), Some(""));
}

#[test]
fn a_missing_parameter_is_named_by_its_path() {
    let missing = |name: &str| ParamError::Missing { name: name.into() };
    assert_eq!(json_order("{}").unwrap_err(), missing("RegionId"));
    assert_eq!(
        json_order(r#"{"RegionId":null}"#).unwrap_err(),
        missing("RegionId")
    );
    let fault = dotted_order(&[("Tag.1.Key", "k"), ("Tag.2.Value", "1")]).unwrap_err();
    assert_eq!(fault, missing("Tag.2.Key"));
    let fault = json_order(r#"{"RegionId":"r","Tag":[{"Key":"k"},{}]}"#).unwrap_err();
    assert_eq!(fault, missing("Tag.1.Key"));
}

#[test]
fn an_invalid_parameter_is_named_by_its_path() {
    for (name, value) in [
        ("DiskSize", "many"),
        ("DiskSize", "-1"),
        ("DiskSize", "+1"),
        ("DiskSize", "1.0"),
        ("DiskSize", " 1"),
        ("DiskSize", "4294967296"),
        ("MultiZoneFlag", "yes"),
        ("Ratio", "NaN"),
        ("PaidType", "Postpaid"),
        ("ZoneIds", "1"),
        ("ZoneIds.1", ""),
        ("Tag.1", "x"),
        ("Tag.1.Value", "x"),
        ("ServerlessConfig", "{"),
        ("Count", "256"),
    ] {
        let tag = name.starts_with("Tag.1.").then_some(("Tag.1.Key", "k"));
        let pairs: Vec<(&str, &str)> = tag.into_iter().chain([(name, value)]).collect();
        check_invalid(dotted_order(&pairs), name);
    }
    check_invalid(json_order(r#"{"RegionId":["r"]}"#), "RegionId");
    check_invalid(
        json_order(r#"{"RegionId":"r","ZoneIds":[1,{}]}"#),
        "ZoneIds.1",
    );
    check_invalid(
        json_order(r#"{"RegionId":"r","ZoneIds":[null]}"#),
        "ZoneIds.0",
    );
    check_invalid(json_order(r#"{"RegionId":"r","DiskSize":1.0}"#), "DiskSize");
}

#[test]
fn a_reason_never_repeats_a_value() {
    for (name, value) in [
        ("DiskSize", "hidden"),
        ("PaidType", "hidden"),
        ("MultiZoneFlag", "hidden"),
        (
            "ServerlessConfig",
            r#"{"reservedPublishCapacity":"hidden"}"#,
        ),
        ("ServerlessConfig", "\"hidden\""),
        ("Tag.1", "hidden"),
    ] {
        let fault = dotted_order(&[(name, value)]).unwrap_err();
        assert!(!fault.to_string().contains("hidden"), "{fault}");
    }
}

proptest! {
    #[test]
    fn arbitrary_parameters_never_panic(
        pairs in prop::collection::vec(
            ("(RegionId|DiskSize|Tag|ZoneIds|PaidType|Count|Ratio)(\\.[0-3])?(\\.(Key|Value))?", "[ -~]{0,6}"),
            0..12,
        ),
    ) {
        let _ = from_dotted(pairs).and_then(|tree| decode::<Order>(&tree, IndexBase::One));
    }

    #[test]
    fn a_number_is_read_the_same_from_text_and_from_json(number in any::<i64>()) {
        let json = from_json(format!("{{\"N\":{number}}}").as_bytes()).unwrap();
        let text = from_dotted([("N", number.to_string())]).unwrap();
        let read = |tree: &Param| {
            decode::<std::collections::BTreeMap<String, i64>>(tree, IndexBase::One).unwrap().value
        };
        prop_assert_eq!(read(&json), read(&text));
        prop_assert_eq!(read(&text)["N"], number);
    }
}

#[test]
fn parameters_that_the_type_does_not_have_are_listed() {
    let decoded =
        dotted_order(&[("Tag.1.Key", "k"), ("Tag.1.Colour", "red"), ("Zone", "1")]).unwrap();
    assert_eq!(decoded.unknown, ["Tag.1.Colour", "Zone"]);
    let fault = decoded.deny_unknown().unwrap_err();
    assert_eq!(
        fault,
        ParamError::Unknown {
            name: "Tag.1.Colour".into()
        }
    );
}

#[test]
fn what_a_person_types_gets_the_types_of_its_parameters() {
    let pairs = [
        ("RegionId", "1e3"),
        ("DiskSize", "900"),
        ("MultiZoneFlag", "True"),
        ("Remark", "true"),
        ("Ratio", "0.5"),
        ("ZoneIds.0", "1"),
        ("Tag.0.Key", "7"),
        ("Tag.0.Value", "7"),
        ("Count", "many"),
        ("Other", "8"),
    ];
    let params = from_dotted(pairs).unwrap();
    let expected = r#"{"RegionId":"1e3","DiskSize":900,"MultiZoneFlag":true,"Remark":"true","Ratio":0.5,
        "ZoneIds":[1],"Tag":[{"Key":"7","Value":7}],"Count":"many","Other":"8"}"#;
    let typed = typed::<Order>(&params, IndexBase::Zero);
    assert_eq!(typed, from_json(expected.as_bytes()).unwrap());
}

/// What travels as JSON has the type that it has; elsewhere all is text.
#[test]
fn the_types_of_json_are_kept() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    #[expect(dead_code, reason = "only read")]
    struct Typed {
        number: Option<i64>,
        text: Option<String>,
        truth: Option<bool>,
        either: Option<crate::params::Lenient<i64>>,
        list: Option<Vec<String>>,
        json: Option<JsonText<Serverless>>,
    }
    let check = |body: &str, expected: Option<&str>| {
        let tree = from_json(body.as_bytes()).unwrap();
        let read = decode_as::<Typed>(&tree, Reading::of(IndexBase::Zero, Types::OfJson));
        let name = read.as_ref().err().map(ParamError::name);
        assert_eq!(name, expected, "{body}: {read:?}");
    };
    check(r#"{"Number":1,"Text":"1","Truth":true,"Either":1}"#, None);
    check(r#"{"Either":"1","List":null,"Number":null}"#, None);
    check(r#"{"Json":"{\"reservedPublishCapacity\":\"60\"}"}"#, None);
    check(r#"{"Number":"1"}"#, Some("Number"));
    check(r#"{"Number":""}"#, Some("Number"));
    check(r#"{"Text":1}"#, Some("Text"));
    check(r#"{"Text":true}"#, Some("Text"));
    check(r#"{"Truth":1}"#, Some("Truth"));
    check(r#"{"Truth":"true"}"#, Some("Truth"));
    check(r#"{"List":["a",1]}"#, Some("List.1"));
    check(r#"{"Either":"x"}"#, Some("Either"));
}
