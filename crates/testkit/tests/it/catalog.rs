//! What was bought keeps the prices and rules of the catalog that it was bought from, whatever the server sells now.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use brokerage_domain::catalog::Catalogs;
use brokerage_domain::clock::Moment;
use brokerage_domain::instance::Phase;
use brokerage_domain::money::Money;
use brokerage_domain::order::{Order, OrderKind};
use brokerage_store::Store;
use brokerage_testkit::{Answer, Plane, PlaneOptions};
use http::Method;
use serde_json::json;

/// The built-in catalogs with texts replaced.
fn catalogs(changes: &[(&str, &str)]) -> Catalogs {
    let embedded = Catalogs::embedded();
    let texts: Vec<String> = embedded
        .current()
        .map(|catalog| {
            let text = catalog.text().to_owned();
            let change = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
            changes.iter().fold(text, change)
        })
        .collect();
    Catalogs::parse(texts.iter().map(|text| ("a catalog", text.as_str()))).unwrap()
}

/// Every hour costs more: where hours are made of months, and where they have prices of their own.
const DEARER: &[(&str, &str)] = &[
    ("numerator = 12", "numerator = 24"),
    (r#"hour = ""#, r#"hour = "1"#),
];

/// A process on a store that others have had before it.
async fn plane(store: &Store, seed: u64, catalogs: Catalogs) -> Plane {
    let options = PlaneOptions {
        store: Some(store.clone()),
        seed,
        catalogs,
        ..PlaneOptions::default()
    };
    // Serial numbers go by the time of the process.
    let beginning = options.beginning.plus_seconds(i64::try_from(seed).unwrap());
    Plane::start(PlaneOptions {
        beginning,
        ..options
    })
    .await
}

/// How one cloud sells: a purchase that runs, and an order that changes it.
#[derive(Debug, Clone, Copy)]
enum Cloud {
    Alikafka,
    Ckafka,
    Jdkafka,
}

fn ok(answer: &Answer) -> &serde_json::Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.json["Response"]["Error"].is_null(),
        "{}",
        answer.body
    );
    &answer.json
}

impl Cloud {
    const ALL: [Self; 3] = [Self::Alikafka, Self::Ckafka, Self::Jdkafka];

    const fn profile(self) -> &'static str {
        match self {
            Self::Alikafka => "alikafka",
            Self::Ckafka => "ckafka",
            Self::Jdkafka => "jdkafka",
        }
    }

    /// Buys and starts an instance; its id.
    async fn buy(self, plane: &Plane) -> String {
        let id = match self {
            Self::Alikafka => {
                let bought = [
                    ("RegionId", "cn-hangzhou"),
                    ("TopicQuota", "50"),
                    ("DiskType", "1"),
                    ("DiskSize", "900"),
                    ("DeployType", "5"),
                    ("SpecType", "normal"),
                    ("IoMaxSpec", "alikafka.hw.2xlarge"),
                ];
                let order = aliyun(plane, "CreatePostPayOrder", &bought).await;
                let order = ok(&order)["OrderId"].as_str().unwrap().to_owned();
                let asked = [("RegionId", "cn-hangzhou"), ("OrderId", order.as_str())];
                let listed = aliyun(plane, "GetInstanceList", &asked).await;
                let listed = &ok(&listed)["InstanceList"]["InstanceVO"][0];
                let id = listed["InstanceId"].as_str().unwrap().to_owned();
                let start = [
                    ("RegionId", "cn-hangzhou"),
                    ("InstanceId", id.as_str()),
                    ("VpcId", "vpc-1"),
                    ("VSwitchId", "vsw-1"),
                ];
                ok(&aliyun(plane, "StartInstance", &start).await);
                id
            }
            Self::Ckafka => {
                let body = json!({
                    "InstanceName": "a", "VpcId": "vpc-1", "SubnetId": "subnet-1", "ZoneId": 100_003,
                    "InstanceType": 1, "KafkaVersion": "2.4.2", "SpecificationsType": "profession",
                    "DiskSize": 200, "BandWidth": 20, "Partition": 400, "DiskType": "CLOUD_BASIC",
                });
                let answer = tencent(plane, "CreatePostPaidInstance", &body).await;
                let data = &ok(&answer)["Response"]["Result"]["Data"];
                data["InstanceId"].as_str().unwrap().to_owned()
            }
            Self::Jdkafka => {
                let body = json!({ "instance": {
                    "vpcId": "vpc-1", "subnetId": "subnet-1", "instanceVersion": "1.0.2", "instanceName": "a",
                    "azId": ["cn-north-1a"], "instanceClassSpec": [{
                        "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCount": 3,
                        "nodeDiskType": "ssd.io1", "nodeDiskGB": 100,
                    }],
                }});
                let answer = jd(plane, "/instances", &body).await;
                let id = &ok(&answer)["result"]["instanceId"];
                id.as_str().unwrap().to_owned()
            }
        };
        plane.wait_for(self.profile(), &id, Phase::Running).await;
        id
    }

    /// Orders a larger disk; what it costs.
    async fn change(self, plane: &Plane, id: &str) -> Money {
        match self {
            Self::Alikafka => {
                let params = [
                    ("RegionId", "cn-hangzhou"),
                    ("InstanceId", id),
                    ("DiskSize", "1000"),
                ];
                let answer = aliyun(plane, "UpgradePostPayOrder", &params).await;
                ok(&answer);
            }
            Self::Ckafka => {
                let body = json!({
                    "InstanceId": id, "UpgradeStrategy": 1, "BandWidth": 20, "DiskSize": 300, "Partition": 400,
                });
                let answer = tencent(plane, "InstanceScalingDown", &body).await;
                ok(&answer);
            }
            Self::Jdkafka => {
                let body = json!({
                    "regionId": "cn-north-1", "instanceId": id,
                    "instanceClassSpec": [{ "role": "broker", "nodeDiskGB": 200 }],
                });
                let path = format!("/instances/{id}%3AmodifyInstanceSpec");
                let answer = jd(plane, &path, &body).await;
                ok(&answer);
            }
        }
        let cx = plane.context(self.profile(), "").await;
        let ever = (Moment::from_micros(0), plane.control.now().plus_seconds(1));
        let listed = plane.control.order_list(&cx, ever, |_| true, (0, 300));
        let (orders, _) = listed.await.unwrap();
        let of_it = |order: &&Order| {
            order.kind == OrderKind::Resize && order.lines[0].instance_id.as_str() == id
        };
        orders.iter().find(of_it).expect("an order of change").total
    }

    /// What the instance's first order cost.
    async fn price(self, plane: &Plane, id: &str) -> Money {
        let cx = plane.context(self.profile(), "").await;
        let id = brokerage_domain::id::InstanceId::new(id);
        let instance = plane.control.instance_view(&cx, &id).await.unwrap();
        let order = plane.control.order_view(&cx, &instance.order_id).await;
        order.unwrap().total
    }
}

async fn aliyun(plane: &Plane, action: &str, params: &[(&str, &str)]) -> Answer {
    plane.aliyun(action, "2019-09-16", params).await
}

async fn tencent(plane: &Plane, action: &str, body: &serde_json::Value) -> Answer {
    plane.tencent(action, "2019-08-19", &body.to_string()).await
}

async fn jd(plane: &Plane, path: &str, body: &serde_json::Value) -> Answer {
    plane
        .jd("kafka", Method::POST, path, &body.to_string())
        .await
}

/// Buys from the built-in catalogs, starts again with others, changes what was bought and buys the same again: what the
/// change costs, and what a purchase cost before and after.
async fn check(cloud: Cloud, sold_later: Catalogs) -> (Money, Money, Money) {
    let store = Store::open_sqlite_in_memory().unwrap();
    let before = plane(&store, 1, catalogs(&[])).await;
    let id = cloud.buy(&before).await;
    let first = cloud.price(&before, &id).await;
    before.control.background_stop().await;
    let after = plane(&store, 2, sold_later).await;
    let change = cloud.change(&after, &id).await;
    let again = cloud.buy(&after).await;
    let second = cloud.price(&after, &again).await;
    after.assert_ledger().await;
    (change, first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dearer_catalog_is_for_new_orders_only() {
    for cloud in Cloud::ALL {
        let (old_change, old_first, old_second) = check(cloud, catalogs(&[])).await;
        assert!(old_change > Money::ZERO, "{cloud:?}");
        assert_eq!(old_first, old_second, "{cloud:?}");
        let (change, first, second) = check(cloud, catalogs(DEARER)).await;
        assert_eq!((change, first), (old_change, old_first), "{cloud:?}");
        assert!(second > first, "{cloud:?}: {second} after {first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_region_that_is_sold_no_more_is_changed_as_before() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let before = plane(&store, 1, catalogs(&[])).await;
    let id = Cloud::Jdkafka.buy(&before).await;
    before.control.background_stop().await;
    let withdrawn = catalogs(&[(r#""cn-north-1""#, r#""cn-west-9""#)]);
    let after = plane(&store, 2, withdrawn).await;
    assert!(Cloud::Jdkafka.change(&after, &id).await > Money::ZERO);
    let answer = jd(
        &after,
        "/instances",
        &json!({ "instance": {
            "vpcId": "vpc-1", "subnetId": "subnet-1", "instanceVersion": "1.0.2", "instanceName": "a",
            "azId": ["cn-north-1a"], "instanceClassSpec": [{
                "role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCount": 3,
                "nodeDiskType": "ssd.io1", "nodeDiskGB": 100,
            }],
        }}),
    )
    .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_is_not_kept_is_told_and_nothing_is_priced_by_another() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let before = plane(&store, 1, catalogs(&[])).await;
    let id = Cloud::Jdkafka.buy(&before).await;
    before.control.background_stop().await;
    store
        .write("forget", |tx| -> Result<_, brokerage_store::StoreError> {
            tx.execute(&sql::FORGET, brokerage_store::params![])
        })
        .await
        .unwrap();
    let after = plane(&store, 2, catalogs(DEARER)).await;
    let cx = after.context("jdkafka", "").await;
    let id = brokerage_domain::id::InstanceId::new(&id);
    let instance = after.control.instance_view(&cx, &id).await.unwrap();
    let error = after.control.catalog_of(&instance.plan).unwrap_err();
    let told = std::error::Error::source(&error).map(ToString::to_string);
    let told = told.unwrap_or_else(|| error.to_string());
    assert!(told.contains("is not kept"), "{told}");
    let body = json!({
        "regionId": "cn-north-1", "instanceId": id.as_str(),
        "instanceClassSpec": [{ "role": "broker", "nodeDiskGB": 200 }],
    });
    let path = format!("/instances/{id}%3AmodifyInstanceSpec");
    assert_eq!(jd(&after, &path, &body).await.status, 500);
}

mod sql {
    brokerage_store::statements! {
        pub FORGET = "DELETE FROM catalog";
    }
}
