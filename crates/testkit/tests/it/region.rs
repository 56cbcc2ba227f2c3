//! Every operation of every dialect asked in another region, in one that there is not, and without any: what is in
//! another region is not there, for whoever looks and for whoever changes.

use std::collections::BTreeMap;

use brokerage_cloud_jd::signing::JDCLOUD2;
use brokerage_cloud_tencent::ckafka::ids::flow_id;
use brokerage_cloud_tencent::signing::TC3;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::topic::Topic;
use brokerage_kafka_admin::NewTopic;
use brokerage_testkit::{Answer, CLOUDS, Plane};
use brokerage_wire::operation::{Mode, RegionUse, Row, Table};
use brokerage_wire::params::{from_json, to_dotted};
use http::Method;
use serde_json::{Value, json};

/// A cloud's regions: that of the instance, another that is sold, and one that there is not.
struct Regions {
    own: &'static str,
    other: &'static str,
    unknown: &'static str,
}

const ALIBABA: Regions = Regions {
    own: "cn-hangzhou",
    other: "cn-shanghai",
    unknown: "cn-nowhere",
};
const TENCENT: Regions = Regions {
    own: "ap-guangzhou",
    other: "ap-shanghai",
    unknown: "ap-nowhere",
};
const JD: Regions = Regions {
    own: "cn-north-1",
    other: "cn-east-2",
    unknown: "mars-1",
};

/// What an operation does in a region.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// It is about what an id names, and refuses an id of another region with this code.
    Names(&'static str),
    /// It lists what is in the region.
    Lists,
    /// It makes something in the region, or tells of the region itself.
    Makes,
}

/// A request that its operation takes.
struct Ask {
    does: Does,
    params: Value,
}

/// An instance of each cloud with a topic, in a network.
struct World {
    plane: Plane,
    alikafka: String,
    ckafka: String,
    jdkafka: String,
}

const RUNNING: [&str; 3] = ["alikafka", "ckafka", "jdkafka"];

impl World {
    async fn new() -> Self {
        let mut world = Self {
            plane: Plane::sandbox().await,
            alikafka: String::new(),
            ckafka: String::new(),
            jdkafka: String::new(),
        };
        let table = |dialect: &str| CLOUDS.services().find(|table| table.dialect == dialect);
        let ali = table("alikafka").expect("it is served");
        let bought = world.send(ali, "CreatePostPayInstance", ALIBABA.own).await;
        world.alikafka = text(&bought, "/Data/InstanceId");
        world.send(ali, "StartInstance", ALIBABA.own).await;
        let tencent = table("ckafka").expect("it is served");
        let bought = world
            .send(tencent, "CreatePostPaidInstance", TENCENT.own)
            .await;
        world.ckafka = text(&bought, "/Response/Result/Data/InstanceId");
        let jd = table("jdkafka").expect("it is served");
        let bought = world.send(jd, "createInstance", JD.own).await;
        world.jdkafka = text(&bought, "/result/instanceId");
        for (profile, id) in world.instances() {
            world.plane.wait_for(profile, id, Phase::Running).await;
            let topic = NewTopic {
                name: "orders".into(),
                partitions: 2,
                replication_factor: 1,
                configs: BTreeMap::new(),
            };
            let made = world.plane.kafka(id).await.topic_create(&topic).await;
            made.expect("the cluster runs");
        }
        world
    }

    fn instances(&self) -> [(&'static str, &str); 3] {
        let ids = [&self.alikafka, &self.ckafka, &self.jdkafka];
        std::array::from_fn(|at| (RUNNING[at], ids[at].as_str()))
    }

    /// Makes the call of an operation in a region; without one where that is empty.
    async fn send(&self, table: &Table, operation: &str, region: &str) -> Answer {
        let Ask { params, .. } = self.ask(table, operation);
        match table.dialect.split('-').next().unwrap_or_default() {
            "ckafka" => {
                let mut headers = vec![
                    ("content-type", "application/json"),
                    ("x-tc-action", operation),
                    ("x-tc-version", table.version),
                ];
                headers.extend((!region.is_empty()).then_some(("x-tc-region", region)));
                let request = Plane::request(Method::POST, "/", &headers, &params.to_string());
                let signed = self.plane.signed(request, &TC3, region, "ckafka");
                self.plane.send(&signed).await
            }
            "jdkafka" | "jdvpc" => {
                let (method, path) = self.rest_path(operation);
                let service = if table.dialect == "jdvpc" {
                    "vpc"
                } else {
                    "kafka"
                };
                let target = format!("/v1/regions/{region}/{path}");
                let body = match method {
                    Method::POST => params.to_string(),
                    _ => String::new(),
                };
                let headers = [("content-type", "application/json")];
                let request = Plane::request(method, &target, &headers, &body);
                // The scope of a signature is not the region of the call.
                let signed = self.plane.signed(request, &JDCLOUD2, JD.own, service);
                self.plane.send(&signed).await
            }
            _ => {
                let tree = from_json(params.to_string().as_bytes()).expect("an object");
                let mut pairs = to_dotted(&tree, 1);
                if !region.is_empty() {
                    pairs.push(("RegionId".to_owned(), region.to_owned()));
                }
                let pairs: Vec<(&str, &str)> = pairs
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                self.plane.aliyun(operation, table.version, &pairs).await
            }
        }
    }

    /// Where JD Cloud serves an operation.
    fn rest_path(&self, operation: &str) -> (Method, String) {
        let instance = format!("instances/{}", self.jdkafka);
        match operation {
            "createInstance" => (Method::POST, "instances".into()),
            "describeInstances" => (Method::GET, "instances".into()),
            "describeInstance" => (Method::GET, instance),
            "deleteInstance" => (Method::DELETE, instance),
            "modifyInstanceSpec" => (Method::POST, format!("{instance}:modifyInstanceSpec")),
            "describeVpcs" => (Method::GET, "vpcs/".into()),
            "describeSubnets" => (Method::GET, "subnets/".into()),
            "describeSubnet" => (Method::GET, "subnets/subnet-1".into()),
            other => panic!("{other} needs a path here"),
        }
    }

    fn ask(&self, table: &Table, operation: &str) -> Ask {
        let (does, params) = match table.dialect {
            "alikafka" => alikafka(operation, &self.alikafka),
            "aliyun-vpc" => aliyun_vpc(operation),
            "bss" => (Does::Makes, bss(operation)),
            "ckafka" => ckafka(operation, &self.ckafka),
            "ckafka-tag" => (Does::Makes, ckafka_tag(operation, &self.ckafka)),
            "ckafka-vpc" => (Does::Lists, json!({})),
            "jdkafka" => jdkafka(operation),
            "jdvpc" if operation == "describeSubnet" => (Does::Names("NOT_FOUND"), json!({})),
            "jdvpc" => (Does::Lists, json!({})),
            other => panic!("say how {other} is asked"),
        };
        Ask { does, params }
    }

    /// What must not change.
    async fn state(&self) -> Vec<(Instance, Vec<Topic>)> {
        let mut state = Vec::new();
        for (profile, id) in self.instances() {
            let cx = self.plane.context(profile, "").await;
            let id = InstanceId::new(id);
            let mut instance = self
                .plane
                .control
                .instance_view(&cx, &id)
                .await
                .expect("it is still there");
            // Looking at it is the reconciler's; tags of Tencent Cloud have no region.
            instance.revision = 0;
            instance.tags.clear();
            state.push((instance, self.plane.topics(id.as_str()).await));
        }
        state
    }
}

fn text(answer: &Answer, pointer: &str) -> String {
    let found = answer.json.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("{pointer}: {}", answer.body))
        .to_owned()
}

fn alikafka(operation: &str, id: &str) -> (Does, Value) {
    const GONE: Does = Does::Names("AUTH_RESOURCE_OWNER_ERROR");
    let order = json!({
        "PartitionNum": 50, "DiskType": "1", "DiskSize": 900, "DeployType": 5, "SpecType": "normal",
        "IoMaxSpec": "alikafka.hw.2xlarge", "PaidType": 1,
    });
    let (does, more) = match operation {
        "CreatePostPayInstance" | "CreatePostPayOrder" => return (Does::Makes, order),
        "CreatePrePayInstance" | "CreatePrePayOrder" => {
            let mut order = order;
            order["PaidType"] = json!(0);
            return (Does::Makes, order);
        }
        "ChangeResourceGroup" => (
            GONE,
            json!({ "ResourceId": id, "NewResourceGroupId": "rg" }),
        ),
        "CreateTopic" => (GONE, json!({ "Topic": "more", "Remark": "" })),
        "DeleteInstance" | "GetQuotaTip" | "GetTopicList" | "ReleaseInstance" => (GONE, json!({})),
        "DeleteTopic" => (GONE, json!({ "Topic": "orders" })),
        "DowngradePostPayOrder" => (GONE, json!({ "DiskSize": 800 })),
        "UpgradePostPayOrder" | "UpgradePrePayOrder" => (GONE, json!({ "DiskSize": 1_000 })),
        "GetAllInstanceIdList" => return (Does::Lists, json!({})),
        "GetInstanceList" => return (Does::Lists, json!({ "InstanceId": [id] })),
        "ListTagResources" => return (Does::Lists, json!({ "ResourceType": "INSTANCE" })),
        "ModifyInstanceName" => (GONE, json!({ "InstanceName": "other" })),
        "ModifyTopicRemark" => (GONE, json!({ "Topic": "orders", "Remark": "other" })),
        "StartInstance" => (GONE, json!({ "VpcId": "vpc-1", "VSwitchId": "vsw-1" })),
        "TagResources" => {
            let tag = json!([{ "Key": "team", "Value": "a" }]);
            let of = json!({ "ResourceType": "INSTANCE", "ResourceId": [id], "Tag": tag });
            return (GONE, of);
        }
        "UntagResources" => {
            let of = json!({ "ResourceType": "INSTANCE", "ResourceId": [id], "TagKey": ["k"] });
            return (GONE, of);
        }
        "UpdateInstanceConfig" => (GONE, json!({ "Config": "{\"enable.acl\":\"false\"}" })),
        other => panic!("say how {other} is asked"),
    };
    (does, with_id("InstanceId", id, more))
}

fn with_id(name: &str, id: &str, mut params: Value) -> Value {
    params[name] = json!(id);
    params
}

fn aliyun_vpc(operation: &str) -> (Does, Value) {
    match operation {
        "DescribeVSwitchAttributes" => (
            Does::Names("InvalidVSwitchId.NotFound"),
            json!({ "VSwitchId": "vsw-1" }),
        ),
        "DescribeVSwitches" => (Does::Lists, json!({ "VpcId": "vpc-1" })),
        "DescribeVpcs" => (Does::Lists, json!({})),
        other => panic!("say how {other} is asked"),
    }
}

fn bss(operation: &str) -> Value {
    let product = json!({ "ProductCode": "alikafka", "SubscriptionType": "PayAsYouGo" });
    let modules = json!([{
        "ModuleCode": "DiskSize", "Config": "DiskType:1,DiskSize:500,RegionId:cn-hangzhou",
    }]);
    let mut params = product;
    match operation {
        "CreateInstance" => {
            params["ProductType"] = json!("alikafka_post");
            let codes = [
                ("RegionId", "cn-hangzhou"),
                ("SpecType", "normal"),
                ("IoMaxSpec", "alikafka.hw.2xlarge"),
                ("DiskType", "1"),
                ("DiskSize", "500"),
                ("TopicQuota", "50"),
            ];
            params["Parameter"] = codes
                .iter()
                .map(|(code, value)| json!({ "Code": code, "Value": value }))
                .collect();
        }
        "GetPayAsYouGoPrice" => params["ModuleList"] = modules,
        "GetSubscriptionPrice" => {
            params["SubscriptionType"] = json!("Subscription");
            params["OrderType"] = json!("NewOrder");
            params["ModuleList"] = modules;
        }
        // An order that is not there: what is refused is not the region.
        "GetOrderDetail" => params["OrderId"] = json!("1"),
        "QueryProductList" => params["PageNum"] = json!(1),
        "DescribePricingModule" => {}
        "QueryAccountBalance" | "QueryAvailableInstances" | "QueryOrders" => params = json!({}),
        other => panic!("say how {other} is asked"),
    }
    params
}

fn ckafka(operation: &str, id: &str) -> (Does, Value) {
    const GONE: Does = Does::Names("InvalidParameterValue.InstanceNotExist");
    let more = match operation {
        "CreatePostPaidInstance" | "CreateInstancePost" => {
            let order = json!({
                "InstanceName": "orders", "VpcId": "vpc-1", "SubnetId": "subnet-1", "ZoneId": 100_003,
                "DiskSize": 200, "BandWidth": 20, "Partition": 400,
            });
            return (Does::Makes, order);
        }
        "CreateTopic" => json!({ "TopicName": "more", "PartitionNum": 1, "ReplicaNum": 1 }),
        "CreateTopicIpWhiteList" | "DeleteTopicIpWhiteList" => {
            json!({ "TopicName": "orders", "IpWhiteList": ["10.0.0.1"] })
        }
        "DeleteInstancePost"
        | "DescribeCkafkaVersion"
        | "DescribeInstanceAttributes"
        | "DescribeTopic"
        | "DescribeTopicDetail" => json!({}),
        "DeleteTopic" | "DescribeTopicAttributes" => json!({ "TopicName": "orders" }),
        "DescribeCkafkaZone" | "DescribeRegion" => return (Does::Makes, json!({})),
        "DescribeInstances" | "DescribeInstancesDetail" | "DescribeTypeInstances" => {
            return (Does::Lists, json!({}));
        }
        "DescribeTaskStatus" => {
            let flow = json!({ "FlowId": flow_id(&InstanceId::new(id)) });
            return (Does::Names("ResourceNotFound"), flow);
        }
        "InquireCkafkaPrice" => json!({ "InstanceType": "profession", "CategoryAction": "renew" }),
        "InstanceScalingDown" => json!({ "UpgradeStrategy": 1, "DiskSize": 100 }),
        "ModifyInstanceAttributes" => json!({ "InstanceName": "other" }),
        other => panic!("say how {other} is asked"),
    };
    (GONE, with_id("InstanceId", id, more))
}

fn ckafka_tag(operation: &str, id: &str) -> Value {
    match operation {
        "DescribeResourceTagsByResourceIds" => json!({
            "ServiceType": "ckafka", "ResourcePrefix": "ckafkaId", "ResourceIds": [id],
            "ResourceRegion": TENCENT.own,
        }),
        "ModifyResourceTags" => json!({
            "Resource": format!("qcs::ckafka:{}:uin/:ckafkaId/{id}", TENCENT.own),
            "ReplaceTags": [{ "TagKey": "team", "TagValue": "a" }],
        }),
        other => panic!("say how {other} is asked"),
    }
}

fn jdkafka(operation: &str) -> (Does, Value) {
    let gone = Does::Names("NOT_FOUND");
    let node = json!({
        "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCount": 3,
        "nodeDiskType": "ssd.io1", "nodeDiskGB": 100,
    });
    match operation {
        "createInstance" => {
            let instance = json!({
                "vpcId": "vpc-1", "subnetId": "subnet-1", "instanceVersion": "1.0.2",
                "instanceName": "orders", "azId": ["cn-north-1a"], "instanceClassSpec": [node],
            });
            (Does::Makes, json!({ "instance": instance }))
        }
        "deleteInstance" | "describeInstance" => (gone, json!({})),
        "describeInstances" => (Does::Lists, json!({})),
        "modifyInstanceSpec" => {
            let more = json!([{ "role": "broker", "nodeCount": 5 }]);
            (gone, json!({ "instanceClassSpec": more }))
        }
        other => panic!("say how {other} is asked"),
    }
}

/// The code of a refusal of any cloud; empty for a success.
fn code(answer: &Answer) -> String {
    let places = ["/Response/Error/Code", "/error/status", "/Code"];
    let found = places
        .iter()
        .find_map(|place| answer.json.pointer(place)?.as_str());
    match found {
        None | Some("Success") => String::new(),
        Some(code) => code.to_owned(),
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

fn regions(table: &Table) -> &'static Regions {
    match table.profile {
        "alikafka" => &ALIBABA,
        "ckafka" => &TENCENT,
        _ => &JD,
    }
}

/// Whether an answer tells of something of the world's.
fn tells(world: &World, answer: &Answer) -> bool {
    let known = [
        &world.alikafka,
        &world.ckafka,
        &world.jdkafka,
        "vpc-1",
        "vsw-1",
        "subnet-1",
    ];
    known
        .iter()
        .any(|id| answer.body.contains(&format!("\"{id}\"")))
}

async fn check(world: &World, table: &Table, row: &Row) {
    let Regions {
        own,
        other,
        unknown,
    } = regions(table);
    let of = |region: &str, answer: &Answer| {
        format!(
            "{} {} in {region:?}: {}",
            table.dialect, row.name, answer.body
        )
    };
    let ask = |region: &'static str| world.send(table, row.name, region);
    let does = world.ask(table, row.name).does;
    let region_use = row.region.unwrap_or(table.region);
    if region_use == RegionUse::Absent {
        let first = code(&ask(own).await);
        for region in [*other, *unknown, ""] {
            let answer = ask(region).await;
            assert_eq!(code(&answer), first, "{}", of(region, &answer));
        }
        return;
    }
    let (unknown_code, missing_code) = refusals(table);
    let answer = ask(unknown).await;
    assert_eq!(code(&answer), unknown_code, "{}", of(unknown, &answer));
    if unknown_code != "UnsupportedRegion" {
        assert!(
            answer.body.to_lowercase().contains("region"),
            "{}",
            of(unknown, &answer)
        );
    }
    let answer = ask("").await;
    match region_use {
        RegionUse::Required => assert_eq!(code(&answer), missing_code, "{}", of("", &answer)),
        _ => assert!(tells(world, &answer), "{}", of("", &answer)),
    }
    let answer = ask(other).await;
    match does {
        Does::Names(expected) => assert_eq!(code(&answer), expected, "{}", of(other, &answer)),
        Does::Lists => assert!(
            code(&answer).is_empty() && !tells(world, &answer),
            "{}",
            of(other, &answer)
        ),
        Does::Makes => {}
    }
    if row.mode == Mode::Read && !matches!(does, Does::Makes) {
        let answer = ask(own).await;
        assert_eq!(code(&answer), "", "{}", of(own, &answer));
    }
    if matches!(does, Does::Lists) {
        let answer = ask(own).await;
        assert!(tells(world, &answer), "{}", of(own, &answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_another_region_is_not_there_for_any_operation() {
    let world = World::new().await;
    let ali = CLOUDS.services().find(|table| table.dialect == "alikafka");
    let tagged = world
        .send(ali.expect("it is served"), "TagResources", ALIBABA.own)
        .await;
    assert_eq!(code(&tagged), "", "{}", tagged.body);
    let before = world.state().await;
    for table in CLOUDS.services() {
        for row in table.rows {
            check(&world, table, row).await;
        }
    }
    assert_eq!(world.state().await, before);
    world.plane.assert_ledger().await;
}

/// The tag service has no regions; what it tags is named with its own.
#[tokio::test(flavor = "multi_thread")]
async fn tags_are_those_of_an_instance_in_the_region_that_is_named_beside_it() {
    let world = World::new().await;
    let id = &world.ckafka;
    for (region, expected) in [
        (TENCENT.own, ""),
        ("", ""),
        (TENCENT.other, "ResourceNotFound"),
        (TENCENT.unknown, "ResourceNotFound"),
    ] {
        let body = json!({
            "Resource": format!("qcs::ckafka:{region}:uin/:ckafkaId/{id}"),
            "ReplaceTags": [{ "TagKey": "team", "TagValue": "a" }],
        });
        let version = "2018-08-13";
        let changed = world
            .plane
            .tencent("ModifyResourceTags", version, &body.to_string())
            .await;
        assert_eq!(code(&changed), expected, "{region}: {}", changed.body);
        let asked = json!({
            "ServiceType": "ckafka", "ResourcePrefix": "ckafkaId", "ResourceIds": [id],
            "ResourceRegion": region,
        });
        let listed = world
            .plane
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
