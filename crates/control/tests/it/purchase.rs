//! Purchases on a test plane, made on the control plane itself.

use std::sync::atomic::{AtomicU64, Ordering};

use brokerage_control::instance::{AfterRelease, InstanceStart};
use brokerage_control::network::PlacementRequest;
use brokerage_control::order::{NewInstance, OrderPlaced, OrderRequest};
use brokerage_control::{Call, Context};
use brokerage_domain::account::Account;
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::{InstanceId, NetworkId, OrderId, SubnetId};
use brokerage_domain::instance::{Instance, PrepaidRelease, ReleaseTerms, Tags};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, Payment};
use brokerage_domain::{Error, Result};
use brokerage_engine::Engine;
use brokerage_testkit::Plane;

pub const REGION: &str = "ap-guangzhou";
pub const ZONE: &str = "100003";

static SERIAL: AtomicU64 = AtomicU64::new(0);

fn plan(plane: &Plane) -> Plan {
    plan_public(plane, 0)
}

/// The same with so much public bandwidth, Mbit/s.
pub fn plan_public(plane: &Plane, public_mbit: i64) -> Plan {
    let request = PlanRequest {
        region: REGION.into(),
        zones: vec![ZONE.into()],
        bandwidth_mbps: Some(20),
        partitions: Some(400),
        disk_gb: Some(200),
        public_mbit: Some(public_mbit),
        ..PlanRequest::default()
    };
    plane
        .control
        .catalog("ckafka")
        .unwrap()
        .plan(&request)
        .unwrap()
}

/// What one instance of [`buy`] costs.
pub fn price(plane: &Plane) -> Money {
    plane
        .control
        .price_quote(&plan(plane), &Charge::Postpaid, 1)
        .unwrap()
        .total
}

/// What the sandbox account can still spend.
pub async fn available(plane: &Plane) -> Money {
    let cx = plane.context("ckafka", REGION).await;
    plane
        .control
        .account_balance(cx.account(), Currency::Cny)
        .await
        .unwrap()
        .available()
}

/// Buys `count` small clusters for the sandbox account.
pub async fn buy(plane: &Plane, count: u64) -> Result<OrderPlaced> {
    let account = plane.control.account_view("sandbox").await?;
    buy_as(plane, &account, count).await
}

/// Buys `count` small clusters for an account.
pub async fn buy_as(plane: &Plane, account: &Account, count: u64) -> Result<OrderPlaced> {
    buy_plan(plane, account, count, plan(plane)).await
}

/// Buys `count` clusters of a plan for an account.
pub async fn buy_plan(
    plane: &Plane,
    account: &Account,
    count: u64,
    plan: Plan,
) -> Result<OrderPlaced> {
    let mut cx = plane.context("ckafka", REGION).await;
    cx.principal.account_id = account.id.clone();
    buy_in(plane, cx, count, plan).await
}

/// Buys `count` clusters of a plan for the account of a context.
pub async fn buy_in(plane: &Plane, cx: Context, count: u64, plan: Plan) -> Result<OrderPlaced> {
    let serial = SERIAL.fetch_add(count + 1, Ordering::Relaxed);
    let instance = |line| NewInstance {
        id: InstanceId::new(format!("ckafka-{:08}", serial + line)),
        name: String::new(),
    };
    let request = OrderRequest {
        order_id: OrderId::new(format!("order-{serial}")),
        instances: (0..count).map(instance).collect(),
        plan,
        charge: Charge::Postpaid,
        payment: Payment::OnDelivery,
        placement: Some(PlacementRequest {
            network_id: NetworkId::new("vpc-1"),
            subnet_id: SubnetId::new("subnet-1"),
            zones: vec![ZONE.into()],
        }),
        start: true,
        settings: ClusterSettings::default(),
        notes: Notes::default(),
        tags: Tags::new(),
        token: None,
    };
    plane
        .control
        .order_place(Call::new(cx, None), request)
        .await
}

/// Gives any instance up that is not protected.
const ANYTIME: ReleaseTerms = ReleaseTerms {
    prepaid: PrepaidRelease::Permitted,
    under_way: true,
};

/// Orders one small cluster that waits for its start.
pub async fn order_unstarted(plane: &Plane) -> InstanceId {
    let cx = plane.context("ckafka", REGION).await;
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let id = InstanceId::new(format!("ckafka-{serial:08}"));
    let request = OrderRequest {
        order_id: OrderId::new(format!("order-{serial}")),
        instances: vec![NewInstance {
            id: id.clone(),
            name: String::new(),
        }],
        plan: plan(plane),
        charge: Charge::Postpaid,
        payment: Payment::OnDelivery,
        placement: None,
        start: false,
        settings: ClusterSettings::default(),
        notes: Notes::default(),
        tags: Tags::new(),
        token: None,
    };
    plane
        .control
        .order_place(Call::new(cx, None), request)
        .await
        .unwrap();
    id
}

/// Starts what was ordered so.
pub async fn start(plane: &Plane, id: &InstanceId) {
    let cx = plane.context("ckafka", REGION).await;
    let start = InstanceStart {
        switched_security_protocols: Vec::new(),
        placement: PlacementRequest {
            network_id: NetworkId::new("vpc-1"),
            subnet_id: SubnetId::new("subnet-1"),
            zones: vec![ZONE.into()],
        },
        name: None,
        version: None,
        settings: ClusterSettings::default(),
        notes: Notes::default(),
    };
    plane
        .control
        .instance_start(Call::new(cx, None), id, start)
        .await
        .unwrap();
}

/// An instance of the sandbox account.
pub async fn view(plane: &Plane, id: &InstanceId) -> Instance {
    let cx = plane.context("ckafka", "").await;
    plane.control.instance_view(&cx, id).await.unwrap()
}

/// Releases an instance of the sandbox account.
pub async fn release(plane: &Plane, id: &InstanceId) {
    let call = plane.change("ckafka", REGION).await;
    plane
        .control
        .instance_release(call, id, AfterRelease::Gone, ANYTIME)
        .await
        .unwrap();
}

/// Takes the engine's clusters down, as a stop of the process does, and reconciles everything as a start does.
pub async fn start_over(plane: &Plane) {
    for id in plane.engine.list_clusters().await.unwrap() {
        plane
            .engine
            .stop_cluster(&id)
            .await
            .map_err(Error::internal)
            .unwrap();
    }
    plane.control.background_start().await.unwrap();
}
