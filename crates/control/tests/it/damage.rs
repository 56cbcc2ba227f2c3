//! Rows that this program cannot read: damaged, or another version's. Each is refused or left alone by its name, and the
//! server starts and works for everybody else.

use brokerage_control::access_key::NewKey;
use brokerage_control::instance::Unreadable;
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, InstanceId};
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::notes::Notes;
use brokerage_engine::Engine;
use brokerage_store::instance::instance_exists;
use brokerage_store::order::order_by_id;
use brokerage_store::timer::timer_set;
use brokerage_store::topic::{TopicRecord, topic_record_list, topic_record_put};
use brokerage_store::{Statement, Store, StoreError, params};
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::{available, buy, order_unstarted, price, view};

mod sql {
    brokerage_store::statements! {
        pub PLAN = "UPDATE instance SET plan = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub CHARGE = "UPDATE instance SET charge = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub PLACEMENT = "UPDATE instance SET placement = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub PHASE = "UPDATE instance SET phase = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub WANT = "UPDATE instance SET want = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub PORTS = "UPDATE instance SET ports = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub SETTINGS = "UPDATE instance SET settings = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub TAGS = "UPDATE instance SET tags = $2, unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub ID = "UPDATE instance SET id = CAST($2 AS BLOB), unsettled = 1, retry_at_us = 0 WHERE id = $1";
        pub RETRY_AT = "UPDATE instance SET unsettled = 1, retry_at_us = $2 WHERE id = $1";
        pub REVISION = "UPDATE instance SET revision = 9223372036854775807, name = $2 WHERE id = $1";
        pub KEPT_AT = "UPDATE catalog SET kept_at_us = $2 WHERE profile = $1";
        pub CATALOG_TEXT = "UPDATE catalog SET text = CAST($2 AS BLOB) WHERE profile = $1";
        pub ACCOUNT_NUMBER = "UPDATE account SET number = $2 WHERE name = $1";
        pub ACCOUNT_NAME = "UPDATE account SET name = CAST($2 AS BLOB) WHERE name = $1";
        pub GENERATION = "UPDATE lease SET generation = 9223372036854775807, expires_at_us = 0, holder = $2 WHERE name = $1";
        pub DUE_AT = "INSERT INTO timer (kind, subject, due_at_us) VALUES ($1, 'x', $2)";
        pub ORDER_PAYMENT = "UPDATE orders SET payment = $2 WHERE id = $1";
        pub TOPIC = "UPDATE topic SET attributes = $2 WHERE name = $1";
        pub POLICY = "UPDATE access_key SET policy = $2 WHERE id = $1";
        pub TIMER_OF_NO_TEXT = "WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 250) \
            INSERT INTO timer (kind, subject, due_at_us) SELECT 'cancel_unstarted', CAST('x' || i AS BLOB), 0 FROM number";
    }
}

/// Longer than the catalog lets an order wait, in seconds.
const PAST_THE_WAIT_S: i64 = 80 * 3_600;

/// A plane on a store. Each draws its own ids.
async fn plane(store: &Store, node: &str, seed: u64) -> Plane {
    let options = PlaneOptions {
        seed,
        store: Some(store.clone()),
        node: node.to_owned(),
        ..PlaneOptions::default()
    };
    Plane::start(options).await
}

async fn damage(store: &Store, statement: &'static Statement, id: &str, value: &'static str) {
    let id = id.to_owned();
    let changed = store.write("damage", move |tx| {
        tx.execute(statement, params![&id, value])
    });
    assert_eq!(changed.await.unwrap(), 1, "{}", statement.name);
}

/// A running instance with a damaged column, over a start and a purchase beside it.
async fn check_instance(statement: &'static Statement, column: &str) {
    let store = Store::open_sqlite_in_memory().unwrap();
    let before = plane(&store, "before", 1).await;
    let ids = buy(&before, 2).await.unwrap().instance_ids;
    for id in &ids {
        let id = id.as_str();
        before
            .let_time_pass_until("ckafka", id, Phase::Running)
            .await;
    }
    before.control.background_stop().await;
    damage(&store, statement, ids[0].as_str(), "{damaged").await;

    let after = plane(&store, "after", 2).await;
    let clusters = after.engine.list_clusters().await.unwrap();
    assert_eq!(clusters, [ids[1].clone()], "{column}: the other one runs");
    let fresh = buy(&after, 1).await.unwrap().instance_ids;
    let id = fresh[0].as_str();
    after
        .let_time_pass_until("ckafka", id, Phase::Running)
        .await;

    let all = after.control.instance_list_all().await.unwrap();
    let (readable, unreadable): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    let readable: Vec<Instance> = readable.into_iter().map(Result::unwrap).collect();
    assert_eq!(readable.len(), 2, "{column}");
    let [Err(Unreadable { id, reason, .. })] = &unreadable[..] else {
        panic!("{column}: {unreadable:?}");
    };
    assert_eq!(*id, ids[0]);
    assert!(reason.starts_with(column), "{column}: {reason}");
    // Its owner is refused, and nobody is charged or paid for it.
    let cx = after.context("ckafka", "").await;
    let refused = after.control.instance_view(&cx, id).await.unwrap_err();
    assert!(matches!(refused, Error::Internal(_)), "{refused:?}");
    after.assert_ledger().await;
    let id = id.clone();
    let is_there = store.read("exists", move |tx| instance_exists(tx, &id));
    assert!(is_there.await.unwrap(), "its cluster is no orphan");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_cannot_be_read_stops_nobody_else() {
    check_instance(&sql::PLAN, "plan").await;
    check_instance(&sql::CHARGE, "charge").await;
    check_instance(&sql::PLACEMENT, "placement").await;
    check_instance(&sql::PHASE, "phase").await;
    check_instance(&sql::WANT, "want").await;
    check_instance(&sql::PORTS, "ports").await;
    check_instance(&sql::SETTINGS, "settings").await;
    check_instance(&sql::TAGS, "tags").await;
}

/// Orders that nobody starts, beside what is damaged: they are cancelled and their money returns, but for what `held`
/// of them cost.
async fn check_unstarted(hurt: impl AsyncFn(&Store, &InstanceId), held: i64) {
    let store = Store::open_sqlite_in_memory().unwrap();
    let plane = plane(&store, "one", 1).await;
    let before = available(&plane).await;
    let damaged = order_unstarted(&plane).await;
    let other = order_unstarted(&plane).await;
    hurt(&store, &damaged).await;
    let later = plane.control.real_now().plus_seconds(PAST_THE_WAIT_S);
    plane.clock.set(later);
    plane.control.task_wake("timers");
    let both = [&other, &damaged];
    for id in &both[..if held == 0 { 2 } else { 1 }] {
        plane
            .let_time_pass_until("ckafka", id.as_str(), Phase::Gone)
            .await;
    }
    let kept = before.checked_sub(available(&plane).await).unwrap();
    assert_eq!(kept, price(&plane).checked_mul(held).unwrap());
    let failing = plane.control.task_list().into_iter().filter(|(_, status)| {
        let last = status.last.as_ref();
        last.is_some_and(|last| last.failure.is_some())
    });
    let failing: Vec<_> = failing.map(|(task, _)| task.name).collect();
    assert!(failing.is_empty(), "{failing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_whose_work_cannot_be_read_holds_up_no_other() {
    let hurt = async |store: &Store, id: &InstanceId| {
        damage(store, &sql::PHASE, id.as_str(), "flying").await;
    };
    check_unstarted(hurt, 1).await;
    let hurt = async |store: &Store, _: &InstanceId| {
        let set = store.write("damage", |tx| {
            tx.execute(&sql::TIMER_OF_NO_TEXT, params![])?;
            timer_set(tx, "of another version", "x", Moment::default())?;
            timer_set(tx, "cancel_unstarted", "of nobody", Moment::default())
        });
        set.await.unwrap();
    };
    check_unstarted(hurt, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_read_is_named_and_keeps_its_money() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let plane = plane(&store, "one", 1).await;
    let id = order_unstarted(&plane).await;
    let order = view(&plane, &id).await.order_id;
    damage(&store, &sql::ORDER_PAYMENT, order.as_str(), "\"someday\"").await;
    let later = plane.control.real_now().plus_seconds(PAST_THE_WAIT_S);
    plane.clock.set(later);
    plane.control.task_wake("timers");
    let next = buy(&plane, 1).await.unwrap().instance_ids;
    plane
        .let_time_pass_until("ckafka", next[0].as_str(), Phase::Running)
        .await;
    let report = plane.control.ledger_check().await.unwrap();
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(
        matches!(&findings[..], [one, digest] if one.contains(order.as_str()) && digest.starts_with("orders of")),
        "{findings:?}"
    );
    let wanted = order.clone();
    let refused = store.read("order", move |tx| order_by_id(tx, &wanted));
    check_named(refused.await.map(drop), order.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_and_a_key_that_cannot_be_read_are_refused_by_their_names() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let plane = plane(&store, "one", 1).await;
    let (damaged, other) = (InstanceId::new("i-damaged"), InstanceId::new("i-other"));
    let record = TopicRecord {
        name: "t-damaged".to_owned(),
        kafka_id: None,
        remark: String::new(),
        tags: Default::default(),
        allow_list: Default::default(),
        notes: Notes::default(),
        created_at: Moment::default(),
    };
    let put = {
        let (damaged, other) = (damaged.clone(), other.clone());
        store.write("put", move |tx| {
            topic_record_put(tx, &damaged, &record)?;
            let other_record = TopicRecord {
                name: "t-other".to_owned(),
                ..record.clone()
            };
            topic_record_put(tx, &other, &other_record)
        })
    };
    put.await.unwrap();
    damage(&store, &sql::TOPIC, "t-damaged", "[]").await;
    let refused = store.read("topics", move |tx| topic_record_list(tx, &damaged));
    check_named(refused.await.map(drop), "t-damaged");
    let listed = store.read("topics", move |tx| topic_record_list(tx, &other));
    assert_eq!(listed.await.unwrap().len(), 1);

    let account = plane.control.account_view("sandbox").await.unwrap();
    for id in ["k-damaged", "k-other"] {
        let new = NewKey {
            id: Some(AccessKeyId::new(id)),
            secret: None,
            session_token: None,
            policy: Policy::allow_all(),
        };
        let made = plane.control.access_key_create(&account.id, new).await;
        made.unwrap();
    }
    damage(&store, &sql::POLICY, "k-damaged", "everything").await;
    let refused = plane.control.access_key_open("k-damaged").await;
    let refused = refused.map(drop).unwrap_err();
    let Error::Internal(cause) = &refused else {
        panic!("{refused:?}");
    };
    assert!(cause.to_string().contains("k-damaged"), "{cause}");
    let other = plane.control.access_key_open("k-other").await;
    assert!(other.unwrap().is_some());
}

fn check_named(refused: Result<(), StoreError>, name: &str) {
    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Column { .. }), "{error:?}");
    assert!(error.to_string().contains(name), "{error}");
}

/// A start beside a damaged row of something else than an instance: it buys and delivers.
async fn check_start(statement: &'static Statement, id: &str, value: &'static str) {
    let store = Store::open_sqlite_in_memory().unwrap();
    let before = plane(&store, "before", 1).await;
    let first = buy(&before, 1).await.unwrap().instance_ids;
    before
        .let_time_pass_until("ckafka", first[0].as_str(), Phase::Running)
        .await;
    let other = before.control.account_create("other").await.unwrap();
    let money = brokerage_domain::money::Money::from_units(1_000).unwrap();
    let currency = brokerage_domain::money::Currency::Cny;
    let added = before
        .control
        .account_top_up(&other.id, money, currency, "1");
    assert!(added.await.unwrap());
    let mut cx = before.context("ckafka", crate::purchase::REGION).await;
    cx.principal.account_id = other.id;
    before.control.background_stop().await;
    let id = if id.is_empty() { first[0].as_str() } else { id };
    damage(&store, statement, id, value).await;
    let options = PlaneOptions {
        seed: 2,
        store: Some(store.clone()),
        node: "after".to_owned(),
        ..PlaneOptions::default()
    };
    let after = Plane::start(options).await;
    let plan = crate::purchase::plan_public(&after, 0);
    let bought = crate::purchase::buy_in(&after, cx.clone(), 1, plan)
        .await
        .unwrap();
    let fresh = &bought.instance_ids[0];
    for _ in 0..200 {
        let seen = after.control.instance_view(&cx, fresh).await.unwrap();
        if seen.phase == Phase::Running {
            return;
        }
        after.control.reconcile_wake();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{}: {fresh} does not run", statement.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_beside_a_damaged_row_serves_everybody_else() {
    check_start(&sql::ID, "", "x").await;
    check_start(&sql::RETRY_AT, "", "soon").await;
    check_start(&sql::DUE_AT, "of no time", "soon").await;
    check_start(&sql::KEPT_AT, "ckafka", "today").await;
    check_start(&sql::CATALOG_TEXT, "alikafka", "x").await;
    check_start(&sql::ACCOUNT_NUMBER, "sandbox", "many").await;
    check_start(&sql::ACCOUNT_NAME, "sandbox", "x").await;
}
