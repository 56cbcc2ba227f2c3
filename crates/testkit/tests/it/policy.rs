//! A deny that names an instance bites in every operation of every dialect that can reach one, however it reaches it;
//! and a policy that means nothing here is not kept.
#![expect(clippy::unwrap_used, reason = "a test that panics shows the line")]

use brokerage_cloud_alibaba::signing::RPC_V1;
use brokerage_cloud_jd::signing::JDCLOUD2;
use brokerage_cloud_tencent::ckafka::ids::flow_id;
use brokerage_cloud_tencent::signing::TC3;
use brokerage_control::access_key::NewKey;
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::id::{AccessKeyId, InstanceId};
use brokerage_testkit::{Answer, CLOUDS, Plane};
use brokerage_wire::operation::Table;
use brokerage_wire::signing::encode_component;
use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

/// How a row reaches an instance.
enum Reach {
    /// By its name, or a name that leads to it alone: refused.
    Named(Ask),
    /// With others: it is left out.
    Listed(Ask),
    /// Not at all.
    No,
}

/// What is sent for a row.
enum Ask {
    /// Parameters of a query.
    Query(Vec<(&'static str, String)>),
    /// A JSON body.
    Body(Value),
    /// Method, path behind the region, body.
    Rest(Method, String, Value),
}

use Ask::{Body, Query, Rest};
use Reach::{Listed, Named, No};

/// An instance that is denied, and another that is not.
struct Pair {
    denied: String,
    other: String,
    /// The order of the denied one.
    order: String,
}

struct Fixture {
    plane: Plane,
    alikafka: Pair,
    ckafka: Pair,
    jdkafka: Pair,
}

fn text(answer: &Answer, pointer: &str) -> String {
    let found = answer.json.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("{pointer}: {}", answer.body))
        .to_owned()
}

impl Fixture {
    async fn new() -> Self {
        let plane = Plane::sandbox().await;
        let alikafka = Self::pair(async || {
            let params = [
                ("RegionId", "cn-hangzhou"),
                ("TopicQuota", "50"),
                ("DiskType", "1"),
                ("DiskSize", "900"),
                ("DeployType", "5"),
                ("IoMax", "20"),
                ("SpecType", "normal"),
                ("IoMaxSpec", "alikafka.hw.2xlarge"),
            ];
            let bought = plane
                .aliyun("CreatePostPayOrder", "2019-09-16", &params)
                .await;
            let order = text(&bought, "/OrderId");
            let of_order = [("RegionId", "cn-hangzhou"), ("OrderId", order.as_str())];
            let listed = plane
                .aliyun("GetInstanceList", "2019-09-16", &of_order)
                .await;
            let id = text(&listed, "/InstanceList/InstanceVO/0/InstanceId");
            // A tag, so that lists of tags have something to leave out.
            let tag = [
                ("RegionId", "cn-hangzhou"),
                ("ResourceType", "INSTANCE"),
                ("ResourceId.1", id.as_str()),
                ("Tag.1.Key", "a"),
            ];
            let tagged = plane.aliyun("TagResources", "2019-09-16", &tag).await;
            assert_eq!(tagged.status, 200, "{}", tagged.body);
            (id, order)
        })
        .await;
        let ckafka = Self::pair(async || {
            let body = json!({
                "InstanceName": "x", "VpcId": "vpc-1", "SubnetId": "subnet-1", "ZoneId": 450001, "InstanceType": 1,
                "KafkaVersion": "2.4.2", "SpecificationsType": "profession", "DiskSize": 200, "BandWidth": 20,
                "Partition": 400, "DiskType": "CLOUD_BASIC", "PublicNetworkMonthly": 0,
            })
            .to_string();
            let bought = plane.tencent("CreatePostPaidInstance", "2019-08-19", &body).await;
            (text(&bought, "/Response/Result/Data/InstanceId"), String::new())
        })
        .await;
        let jdkafka = Self::pair(async || {
            let body = json!({ "instance": {
                "vpcId": "vpc-1", "subnetId": "subnet-1", "instanceVersion": "1.0.2", "instanceName": "x",
                "azId": ["cn-north-1a"],
                "instanceClassSpec": [{ "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCount": 3,
                    "nodeDiskType": "ssd.io1", "nodeDiskGB": 100 }],
            } })
            .to_string();
            let bought = plane.jd("kafka", Method::POST, "/instances", &body).await;
            (text(&bought, "/result/instanceId"), String::new())
        })
        .await;
        Self {
            plane,
            alikafka,
            ckafka,
            jdkafka,
        }
    }

    async fn pair(buy: impl AsyncFn() -> (String, String)) -> Pair {
        let ((denied, order), (other, _)) = (buy().await, buy().await);
        Pair {
            denied,
            other,
            order,
        }
    }

    fn pair_of(&self, table: &Table) -> &Pair {
        match table.dialect {
            dialect if dialect.starts_with("ckafka") => &self.ckafka,
            dialect if dialect.starts_with("jd") => &self.jdkafka,
            _ => &self.alikafka,
        }
    }

    async fn send(&self, table: &Table, operation: &str, ask: &Ask, key: (&str, &str)) -> Answer {
        let (request, scheme) = match ask {
            Query(params) => {
                let common = [
                    ("Action", operation.to_owned()),
                    ("Version", table.version.to_owned()),
                    ("Format", "JSON".to_owned()),
                ];
                let pairs: Vec<String> = common
                    .iter()
                    .chain(params)
                    .map(|(name, value)| format!("{name}={}", encode_component(value)))
                    .collect();
                let target = format!("/?{}", pairs.join("&"));
                (Plane::request(Method::POST, &target, &[], ""), &RPC_V1)
            }
            Body(body) => {
                let headers = [
                    ("content-type", "application/json"),
                    ("x-tc-action", operation),
                    ("x-tc-version", table.version),
                    ("x-tc-region", "ap-guangzhou"),
                ];
                let body = body.to_string();
                (Plane::request(Method::POST, "/", &headers, &body), &TC3)
            }
            Rest(method, path, body) => {
                let target = format!("/v1/regions/cn-north-1/{path}");
                let body = if body.is_null() {
                    String::new()
                } else {
                    body.to_string()
                };
                let headers = [("content-type", "application/json")];
                let request = Plane::request(method.clone(), &target, &headers, &body);
                (request, &JDCLOUD2)
            }
        };
        let signed = self
            .plane
            .signed_by(key.0, key.1, request, scheme, "cn-north-1", "kafka");
        self.plane.send(&signed).await
    }
}

/// How every row of every dialect reaches the denied instance. A row that is new needs a line.
fn reach(table: &Table, operation: &str, pair: &Pair) -> Reach {
    let id = || pair.denied.clone();
    let region = ("RegionId", "cn-hangzhou".to_owned());
    let query = |more: &[(&'static str, &str)]| {
        let more = more
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Query([region.clone()].into_iter().chain(more).collect())
    };
    let of = |more: &[(&'static str, &str)]| {
        let named = [("InstanceId", pair.denied.as_str())];
        Named(query(&[&named[..], more].concat()))
    };
    let tagged = |more: &[(&'static str, &str)]| {
        let named = [("ResourceType", "INSTANCE"), ("ResourceId.1", &pair.denied)];
        Named(query(&[&named[..], more].concat()))
    };
    let body = |more: Value| {
        let mut body = json!({ "InstanceId": pair.denied });
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        Named(Body(body))
    };
    match (table.dialect, operation) {
        ("alikafka", "ChangeResourceGroup") => Named(query(&[
            ("ResourceId", &pair.denied),
            ("NewResourceGroupId", "rg-1"),
        ])),
        ("alikafka", "CreateTopic") => of(&[("Topic", "t"), ("Remark", "r")]),
        ("alikafka", "DeleteTopic" | "ModifyTopicRemark") => of(&[("Topic", "t")]),
        ("alikafka", "GetInstanceList") => Listed(query(&[])),
        ("alikafka", "GetAllInstanceIdList") => Listed(query(&[])),
        ("alikafka", "ListTagResources") => Listed(query(&[("ResourceType", "INSTANCE")])),
        ("alikafka", "ModifyInstanceName") => of(&[("InstanceName", "n")]),
        ("alikafka", "StartInstance") => of(&[("VpcId", "vpc-1"), ("VSwitchId", "vsw-1")]),
        ("alikafka", "TagResources") => tagged(&[("Tag.1.Key", "b")]),
        ("alikafka", "UntagResources") => tagged(&[("All", "true")]),
        ("alikafka", "UpdateInstanceConfig") => of(&[("Config", "{}")]),
        (
            "alikafka",
            "DeleteInstance"
            | "DowngradePostPayOrder"
            | "GetQuotaTip"
            | "GetTopicList"
            | "ReleaseInstance"
            | "UpgradePostPayOrder"
            | "UpgradePrePayOrder",
        ) => of(&[]),
        ("bss", "GetOrderDetail") => Named(query(&[("OrderId", &pair.order)])),
        ("bss", "QueryAvailableInstances") => Listed(query(&[("ProductCode", "alikafka")])),
        ("ckafka", "CreateTopic") => {
            body(json!({ "TopicName": "t", "PartitionNum": 1, "ReplicaNum": 1 }))
        }
        ("ckafka", "CreateTopicIpWhiteList" | "DeleteTopicIpWhiteList") => {
            body(json!({ "TopicName": "t", "IpWhiteList": ["1.1.1.1"] }))
        }
        ("ckafka", "DeleteTopic" | "DescribeTopicAttributes") => body(json!({ "TopicName": "t" })),
        ("ckafka", "DescribeInstances" | "DescribeInstancesDetail" | "DescribeTypeInstances") => {
            Listed(Body(json!({})))
        }
        ("ckafka", "DescribeTaskStatus") => {
            Named(Body(json!({ "FlowId": flow_id(&InstanceId::new(id())) })))
        }
        ("ckafka", "InquireCkafkaPrice") => {
            body(json!({ "InstanceType": "profession", "CategoryAction": "renew" }))
        }
        ("ckafka", "InstanceScalingDown") => body(json!({ "UpgradeStrategy": 1 })),
        (
            "ckafka",
            "DeleteInstancePost"
            | "DescribeCkafkaVersion"
            | "DescribeInstanceAttributes"
            | "DescribeTopic"
            | "DescribeTopicDetail"
            | "ModifyInstanceAttributes",
        ) => body(json!({})),
        ("ckafka-tag", "ModifyResourceTags") => Named(Body(json!({
            "Resource": format!("qcs::ckafka:ap-guangzhou:uin/:ckafkaId/{}", id()),
            "ReplaceTags": [{ "TagKey": "a", "TagValue": "b" }],
        }))),
        ("ckafka-tag", "DescribeResourceTagsByResourceIds") => Named(Body(json!({
            "ServiceType": "ckafka", "ResourcePrefix": "ckafkaId", "ResourceIds": [pair.other, id()],
        }))),
        ("jdkafka", "describeInstances") => {
            Listed(Rest(Method::GET, "instances".into(), Value::Null))
        }
        ("jdkafka", "describeInstance") => Named(Rest(
            Method::GET,
            format!("instances/{}", id()),
            Value::Null,
        )),
        ("jdkafka", "deleteInstance") => Named(Rest(
            Method::DELETE,
            format!("instances/{}", id()),
            Value::Null,
        )),
        ("jdkafka", "modifyInstanceSpec") => Named(Rest(
            Method::POST,
            format!("instances/{}:modifyInstanceSpec", id()),
            json!({ "instanceClassSpec": [] }),
        )),
        (
            "alikafka",
            "CreatePostPayInstance"
            | "CreatePostPayOrder"
            | "CreatePrePayInstance"
            | "CreatePrePayOrder",
        )
        | (
            "bss",
            "CreateInstance"
            | "DescribePricingModule"
            | "GetPayAsYouGoPrice"
            | "GetSubscriptionPrice"
            | "QueryAccountBalance"
            | "QueryOrders"
            | "QueryProductList",
        )
        | (
            "ckafka",
            "CreateInstancePost"
            | "CreatePostPaidInstance"
            | "DescribeCkafkaZone"
            | "DescribeRegion",
        )
        | ("jdkafka", "createInstance") => No,
        (vpc, _) if vpc.ends_with("vpc") => No,
        other => panic!("{other:?} needs a line here"),
    }
}

/// Other ways in which a list names the denied instance: it is refused then.
fn named_in_lists(table: &Table, operation: &str, pair: &Pair) -> Vec<Ask> {
    let query = |more: &[(&'static str, &str)]| {
        let region = [("RegionId", "cn-hangzhou")];
        let all = region.iter().chain(more);
        Query(
            all.map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
        )
    };
    let Pair {
        denied,
        other,
        order,
    } = pair;
    match (table.dialect, operation) {
        ("alikafka", "GetInstanceList") => vec![
            query(&[("InstanceId.1", denied)]),
            query(&[("InstanceId.1", other), ("InstanceId.2", denied)]),
            query(&[("OrderId", order)]),
        ],
        ("alikafka", "ListTagResources") => {
            let topic = format!("Kafka_{denied}_t");
            vec![
                query(&[("ResourceType", "INSTANCE"), ("ResourceId.1", denied)]),
                query(&[("ResourceType", "TOPIC"), ("ResourceId.1", &topic)]),
            ]
        }
        _ => Vec::new(),
    }
}

/// Every way in which a statement can name one instance.
fn names(id: &str) -> Vec<String> {
    let form = match id {
        id if id.starts_with("ckafka") => [
            "qcs::ckafka:*:*:ckafkaId/",
            "qcs::ckafka:gz:uin/1:ckafkaId/",
        ],
        id if id.starts_with("alikafka") => ["acs:alikafka:*:*:", "acs:alikafka:cn-beijing:1:"],
        _ => [
            "jrn:kafka:*:*:instances/",
            "jrn:kafka:cn-south-1:1:instances/",
        ],
    };
    let paths = form.iter().map(|path| format!("{path}{id}"));
    [id.to_owned(), format!("*{id}")]
        .into_iter()
        .chain(paths)
        .collect()
}

async fn key(plane: &Plane, id: &str, policy: Value) -> Result<(), Error> {
    let account = plane.control.account_view("sandbox").await.unwrap();
    let policy: Policy = serde_json::from_value(policy).unwrap();
    let new = NewKey {
        id: Some(AccessKeyId::new(id)),
        secret: Some(SecretString::from("secret")),
        session_token: None,
        policy,
    };
    plane
        .control
        .access_key_create(&account.id, new)
        .await
        .map(drop)
}

fn is_forbidden(answer: &Answer) -> bool {
    [
        "UnauthorizedOperation",
        "NoPermission",
        "Forbidden.RAM",
        "PERMISSION_DENIED",
    ]
    .iter()
    .any(|code| answer.body.contains(code))
}

fn statement(effect: &str, resources: &[String]) -> Value {
    json!({ "effect": effect, "actions": ["*"], "resources": resources })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deny_of_an_instance_bites_in_every_operation() {
    let fixture = Fixture::new().await;
    let pairs = [&fixture.alikafka, &fixture.ckafka, &fixture.jdkafka];
    let ways = names("").len();
    for way in 0..ways {
        let denied: Vec<String> = pairs
            .iter()
            .map(|pair| names(&pair.denied).remove(way))
            .collect();
        let statements = [
            statement("allow", &["*".into()]),
            statement("deny", &denied),
        ];
        let id = format!("DENIED{way}");
        key(&fixture.plane, &id, json!({ "statements": statements }))
            .await
            .unwrap();
        for table in CLOUDS.services() {
            for row in table.rows {
                let pair = fixture.pair_of(table);
                let what = format!("{} {} by {}", table.dialect, row.name, denied.join(" "));
                match reach(table, row.name, pair) {
                    Named(ask) => {
                        let answer = fixture.send(table, row.name, &ask, (&id, "secret")).await;
                        assert!(is_forbidden(&answer), "{what}: {}", answer.body);
                    }
                    Listed(ask) => {
                        let all = (SANDBOX_KEY_ID, SANDBOX_SECRET);
                        for (key, expected) in [(all, true), ((&id, "secret"), false)] {
                            let answer = fixture.send(table, row.name, &ask, key).await;
                            let has = |id: &str| answer.body.contains(id);
                            assert!(has(&pair.other), "{what}: {}", answer.body);
                            assert_eq!(has(&pair.denied), expected, "{what}: {}", answer.body);
                        }
                    }
                    No => {}
                }
                for ask in named_in_lists(table, row.name, pair) {
                    let answer = fixture.send(table, row.name, &ask, (&id, "secret")).await;
                    assert!(is_forbidden(&answer), "{what}: {}", answer.body);
                }
            }
        }
    }
    fixture.plane.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_are_changed_all_or_none() {
    let fixture = Fixture::new().await;
    let Pair { denied, other, .. } = &fixture.alikafka;
    let statements = [
        statement("allow", &["*".into()]),
        statement("deny", std::slice::from_ref(denied)),
    ];
    key(
        &fixture.plane,
        "DENIED",
        json!({ "statements": statements }),
    )
    .await
    .unwrap();
    let table = &brokerage_cloud_alibaba::alikafka::TABLE;
    let both = [
        ("RegionId", "cn-hangzhou".to_owned()),
        ("ResourceType", "INSTANCE".to_owned()),
        ("ResourceId.1", other.clone()),
        ("ResourceId.2", denied.clone()),
        ("Tag.1.Key", "new".to_owned()),
    ];
    let by = ("DENIED", "secret");
    let answer = fixture
        .send(table, "TagResources", &Query(both.to_vec()), by)
        .await;
    assert!(is_forbidden(&answer), "{}", answer.body);
    let listed = fixture
        .send(table, "ListTagResources", &Query(both[..2].to_vec()), by)
        .await;
    assert!(
        listed.body.contains(other.as_str()) && !listed.body.contains("new"),
        "{}",
        listed.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allow_of_one_instance_is_for_what_names_it() {
    let fixture = Fixture::new().await;
    for (at, table) in [
        &brokerage_cloud_alibaba::alikafka::TABLE,
        &brokerage_cloud_tencent::ckafka::TABLE,
        &brokerage_cloud_jd::kafka::TABLE,
    ]
    .into_iter()
    .enumerate()
    {
        let pair = fixture.pair_of(table);
        for (way, name) in names(&pair.denied).into_iter().enumerate() {
            // The last names another region and account.
            let expected = way < 3;
            let id = format!("ALLOWED{at}{way}");
            let policy = json!({ "statements": [statement("allow", std::slice::from_ref(&name))] });
            key(&fixture.plane, &id, policy).await.unwrap();
            let operation = [
                "GetQuotaTip",
                "DescribeInstanceAttributes",
                "describeInstance",
            ][at];
            let Named(ask) = reach(table, operation, pair) else {
                panic!("it names one");
            };
            let answer = fixture.send(table, operation, &ask, (&id, "secret")).await;
            assert_eq!(!is_forbidden(&answer), expected, "{name}: {}", answer.body);
            let others = Pair {
                denied: pair.other.clone(),
                other: String::new(),
                order: String::new(),
            };
            let Named(ask) = reach(table, operation, &others) else {
                panic!("it names one");
            };
            let answer = fixture.send(table, operation, &ask, (&id, "secret")).await;
            assert!(is_forbidden(&answer), "{name}: {}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_means_nothing_here_is_not_kept() {
    let plane = Plane::sandbox().await;
    let deny = |actions: &str, resource: &str, key: &str| {
        let mut statement =
            json!({ "effect": "deny", "actions": [actions], "resources": [resource] });
        if !key.is_empty() {
            statement["conditions"] = json!({ key: ["x"] });
        }
        json!({ "statements": [statement] })
    };
    for (at, (policy, expected)) in [
        (deny("*", "*", ""), true),
        (
            deny(
                "alikafka:Delete*",
                "alikafka_post-cn-1",
                "bssapi:ProductCode",
            ),
            true,
        ),
        (deny("alikafka:DeleteInstnace", "*", ""), false),
        (deny("*", "arn:aws:kafka:eu:1:cluster/x", ""), false),
        (deny("*", "acs:alikakfa:*:*:x", ""), false),
        (deny("*", "acs:alikafka:cn-hangzhou:*:*", ""), true),
        (deny("*", "acs:alikafka:hangzhou:*:*", ""), false),
        (deny("*", "acs:alikafka:*:1:*", ""), false),
        (deny("*", "qcs::ckafka:gz:uin/1:ckafkaId/*", ""), false),
        (deny("*", "qcs::ckafka:gz:uin/1:ckafkaId/x", ""), true),
        (deny("*", "qcs::ckafka:gz:uin/1:topicId/x", ""), false),
        (deny("*", "jrn:vpc:*:*:vpcs/x", ""), true),
        (deny("*", "*", "acs:SourceIp"), false),
    ]
    .into_iter()
    .enumerate()
    {
        let made = key(&plane, &format!("KEY{at}"), policy.clone()).await;
        match made {
            Ok(()) => assert!(expected, "{policy}"),
            Err(Error::Invalid { what: "policy", .. }) => assert!(!expected, "{policy}"),
            Err(error) => panic!("{policy}: {error}"),
        }
    }
}
