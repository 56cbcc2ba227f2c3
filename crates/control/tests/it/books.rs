//! Rows that were changed behind the program's back: a start shows them, refuses what stands on them, and serves everybody else.

use std::time::Duration;

use brokerage_control::access_key::NewKey;
use brokerage_domain::Error;
use brokerage_domain::access::Policy;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{AccessKeyId, InstanceId};
use brokerage_domain::instance::Phase;
use brokerage_domain::money::{Currency, Money};
use brokerage_store::{Statement, Store, params};
use brokerage_testkit::{Plane, PlaneOptions};

use crate::purchase::{buy, buy_as};

/// Looks at an instance that is to run, and the pause between two.
const LOOKS_MAX: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

mod sql {
    brokerage_store::statements! {
        pub POLICY = "UPDATE access_key SET policy = '{\"statements\":[]}' WHERE id = 'k-other'";
        pub FORGED_MONEY = "INSERT INTO transfer (id, kind, pending_id, debit, credit, currency, amount, at_us) \
            SELECT 'top-up:forged', kind, pending_id, debit, credit, currency, 1000000, at_us FROM transfer \
            WHERE id LIKE 'top-up:%other'";
        pub FORGED_BALANCE = "UPDATE ledger_account SET posted = posted + 1000000 WHERE currency = 'CNY' AND account_id = \
            (SELECT id FROM account WHERE name = 'other')";
        pub CREDIT = "UPDATE ledger_account SET credit_limit = 5000000 WHERE currency = 'CNY' AND account_id = \
            (SELECT id FROM account WHERE name = 'other')";
        pub CURRENCY = "UPDATE transfer SET currency = 'USD' WHERE id LIKE 'top-up:%other'";
        pub LINES = "DELETE FROM order_line";
        pub LINE_OF_NO_TEXT = "UPDATE order_line SET state = CAST('x' AS BLOB)";
        pub LINE_OF_NO_ORDER = "UPDATE order_line SET order_id = CAST('x' AS BLOB)";
        pub DIGESTS = "DELETE FROM digest";
        pub BLOCKS = "DELETE FROM list_block";
        pub BLOCKS_ZEROED = "UPDATE list_block SET class_0 = 0, class_1 = 0, class_2 = 0, class_3 = 0";
        pub BLOCKS_BROKEN = "UPDATE list_block SET first = 'x', until = 'y'";
    }
}

async fn plane(store: &Store, node: &str, seed: u64) -> Plane {
    let options = PlaneOptions {
        seed,
        store: Some(store.clone()),
        node: node.to_owned(),
        ..PlaneOptions::default()
    };
    Plane::start(options).await
}

async fn damage(store: &Store, statements: &[&'static Statement]) {
    let statements = statements.to_vec();
    let changed = store.write("damage", move |tx| {
        statements
            .iter()
            .try_for_each(|statement| tx.execute(statement, params![]).map(drop))
    });
    let changed: Result<(), brokerage_store::StoreError> = changed.await;
    changed.unwrap();
}

async fn told(plane: &Plane) -> Vec<String> {
    let report = plane.control.ledger_check().await.unwrap();
    report.findings.iter().map(ToString::to_string).collect()
}

/// Waits for a cluster, whoever's it is.
async fn run(plane: &Plane, id: &InstanceId) {
    for _ in 0..LOOKS_MAX {
        let all = plane.control.instance_list_all().await.unwrap();
        let mut readable = all.into_iter().flatten();
        if readable.any(|seen| seen.id == *id && seen.phase == Phase::Running) {
            return;
        }
        plane.control.reconcile_wake();
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{id} does not run");
}

/// Another account, with a key and money, and a running cluster of it and of the sandbox's.
async fn filled(store: &Store) {
    let before = plane(store, "before", 1).await;
    let other = before.control.account_create("other").await.unwrap();
    let money = Money::from_units(1_000).unwrap();
    let added = before
        .control
        .account_top_up(&other.id, money, Currency::Cny, "other");
    assert!(added.await.unwrap());
    let key = NewKey {
        id: Some(AccessKeyId::new("k-other")),
        secret: None,
        session_token: None,
        policy: Policy::allow_all(),
    };
    before
        .control
        .access_key_create(&other.id, key)
        .await
        .unwrap();
    let ids = [
        buy(&before, 1).await.unwrap().instance_ids,
        buy_as(&before, &other, 1).await.unwrap().instance_ids,
    ];
    for id in ids.iter().flatten() {
        run(&before, id).await;
    }
    before.assert_ledger().await;
    before.control.background_stop().await;
}

/// What a start makes of rows of the account `other` that were changed: what `ledger check` says, and whether its key opens.
async fn check(statements: &[&'static Statement], said: &[&str], opens: bool) {
    let store = Store::open_sqlite_in_memory().unwrap();
    filled(&store).await;
    damage(&store, statements).await;
    let after = plane(&store, "after", 2).await;
    let name = statements[0].name;
    let findings = told(&after).await;
    for expected in said {
        let is_there = findings.iter().any(|finding| finding.contains(expected));
        assert!(is_there, "{name}: {expected} in {findings:?}");
    }
    let opened = after.control.access_key_open("k-other").await;
    assert_eq!(opened.is_ok(), opens, "{name}");
    let other = after.control.account_view("other").await.unwrap();
    let bought = buy_as(&after, &other, 1).await;
    assert!(
        matches!(bought, Err(Error::Internal(_))),
        "{name}: {bought:?}"
    );
    // The operator has looked.
    after.control.books_accept(Some(&other.id)).await.unwrap();
    let left = told(&after).await;
    let digests = left
        .iter()
        .filter(|finding| finding.contains("those that were written"));
    assert_eq!(digests.count(), 0, "{name}: {left:?}");
    assert!(
        after
            .control
            .access_key_open("k-other")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_changed_rows_is_refused_until_the_operator_has_looked() {
    check(&[&sql::POLICY], &["access keys of the account"], false).await;
    let forged = &["transfers of the account"];
    check(&[&sql::FORGED_MONEY, &sql::FORGED_BALANCE], forged, true).await;
    check(&[&sql::CURRENCY], forged, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_concerned() {
    let store = Store::open_sqlite_in_memory().unwrap();
    filled(&store).await;
    damage(&store, &[&sql::POLICY, &sql::CURRENCY]).await;
    let after = plane(&store, "after", 2).await;
    let bought = buy(&after, 1).await.unwrap().instance_ids;
    after
        .let_time_pass_until("ckafka", bought[0].as_str(), Phase::Running)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_that_nobody_granted_is_told() {
    let store = Store::open_sqlite_in_memory().unwrap();
    filled(&store).await;
    damage(&store, &[&sql::CREDIT]).await;
    let after = plane(&store, "after", 2).await;
    let findings = told(&after).await;
    let [only] = &findings[..] else {
        panic!("{findings:?}");
    };
    assert!(only.contains("was never granted"), "{only}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_gone_or_damaged_are_told_and_the_check_goes_on() {
    for (statement, expected) in [
        (&sql::LINES, "lines of orders of the account"),
        (&sql::LINE_OF_NO_TEXT, "a row cannot be read"),
        (&sql::LINE_OF_NO_ORDER, "a row cannot be read"),
    ] {
        let store = Store::open_sqlite_in_memory().unwrap();
        let plane = plane(&store, "one", 1).await;
        let id = buy(&plane, 1).await.unwrap().instance_ids[0].clone();
        plane
            .let_time_pass_until("ckafka", id.as_str(), Phase::Running)
            .await;
        let changed = store.write("damage", move |tx| tx.execute(statement, params![]));
        let changed: Result<u64, brokerage_store::StoreError> = changed.await;
        assert_eq!(changed.unwrap(), 1);
        let findings = told(&plane).await;
        for expected in [expected, "lines of orders of the account"] {
            let is_there = findings.iter().any(|finding| finding.contains(expected));
            assert!(is_there, "{}: {findings:?}", statement.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_digests_nothing_starts_until_the_operator_has_looked() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let plane = plane(&store, "one", 1).await;
    damage(&store, &[&sql::DIGESTS]).await;
    assert_eq!(
        told(&plane).await,
        ["the digests of all accounts are missing"]
    );
    plane.control.books_accept(None).await.unwrap();
    plane.control.books_open().await.unwrap();
    assert_eq!(told(&plane).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_whose_counts_are_lost_are_counted_anew() {
    for statement in [&sql::BLOCKS, &sql::BLOCKS_ZEROED, &sql::BLOCKS_BROKEN] {
        let store = Store::open_sqlite_in_memory().unwrap();
        let before = plane(&store, "before", 1).await;
        buy(&before, 3).await.unwrap();
        buy(&before, 2).await.unwrap();
        before.control.background_stop().await;
        let changed = store.write("damage", move |tx| tx.execute(statement, params![]));
        let changed: Result<u64, brokerage_store::StoreError> = changed.await;
        assert!(changed.unwrap() > 0);
        let said = told(&before).await;
        assert!(
            said.iter()
                .all(|finding| finding.contains("is counted wrong")),
            "{said:?}"
        );
        assert_eq!(said.len(), 2, "{}: {said:?}", statement.name);
        let after = plane(&store, "after", 2).await;
        let cx = after.context("ckafka", crate::purchase::REGION).await;
        let page = after.control.instance_page(&cx, None, 0, 10).await.unwrap();
        assert_eq!(
            (page.total, page.instances.len()),
            (5, 5),
            "{}",
            statement.name
        );
        after.assert_ledger().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_there_once() {
    let plane = Plane::sandbox().await;
    let again = plane.control.account_create("sandbox").await;
    assert!(matches!(
        again,
        Err(Error::Exists {
            kind: Kind::Account,
            ..
        })
    ));
    plane.assert_ledger().await;
}
