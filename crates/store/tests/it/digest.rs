//! Digests: whatever is changed, forged or gone behind the store's back shows, and nothing else does.

use std::sync::Arc;

use brokerage_domain::access::{AccessKey, Policy};
use brokerage_domain::account::Account;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, AccountId, InstanceId, OrderId, TransferId};
use brokerage_domain::ledger::{
    Transfer, TransferKind, customer_account, funding_account, revenue_account,
};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::order::{Charge, LineState, Order, OrderKind, OrderLine, Payment};
use brokerage_store::access_key::{StoredKey, access_key_insert, access_key_set_active};
use brokerage_store::account::account_insert;
use brokerage_store::digest::{
    DIGEST_KEY_BYTES, DIGEST_PAGE, DigestFinding, DigestKey, DigestReport, Digested, HOUSE,
    digest_accept, digest_check,
};
use brokerage_store::ledger::{
    ledger_account_open, transfer_end_hold, transfer_hold, transfer_receive,
};
use brokerage_store::order::{order_by_id, order_insert, order_line_move};
use brokerage_store::sasl_user::{
    SaslUserRecord, sasl_user_delete, sasl_user_delete_all, sasl_user_put,
};
use brokerage_store::{Statement, Store, StoreError, Tx, params};

use crate::write;

mod sql {
    brokerage_store::statements! {
        pub CURRENCY = "UPDATE transfer SET currency = 'USD' WHERE id = 'top-up:a'";
        pub AMOUNT = "UPDATE transfer SET amount = amount + 1 WHERE id = 'top-up:a'";
        pub FORGED_MONEY = "INSERT INTO transfer (id, kind, pending_id, debit, credit, currency, amount, at_us) \
            SELECT 'top-up:forged', kind, pending_id, debit, credit, currency, amount, at_us FROM transfer WHERE id = 'top-up:a'";
        pub LOST_MONEY = "DELETE FROM transfer WHERE id = 'order:o-1'";
        pub OTHERS_MONEY = "UPDATE transfer SET credit = 'customer:b:CNY' WHERE id = 'top-up:a'";
        pub ORDER_CHANGED = "UPDATE orders SET total = 0 WHERE id = 'o-1'";
        pub ORDER_LOST = "DELETE FROM orders WHERE id = 'o-1'";
        pub LINE_CHANGED = "UPDATE order_line SET state = 'failed' WHERE order_id = 'o-1' AND line = 1";
        pub LINE_LOST = "DELETE FROM order_line WHERE order_id = 'o-1' AND line = 1";
        pub KEY_ON = "UPDATE access_key SET active = 1 - active WHERE id = 'k-a'";
        pub POLICY = "UPDATE access_key SET policy = '{\"statements\":[]}' WHERE id = 'k-a'";
        pub KEY_FORGED = "INSERT INTO access_key (id, account_id, sealed_secret, active, policy, created_at_us) \
            SELECT 'k-forged', account_id, sealed_secret, active, policy, created_at_us FROM access_key WHERE id = 'k-a'";
        pub USER_CHANGED = "UPDATE sasl_user SET sealed_password = 'x' WHERE name = 'u-1'";
        pub USER_LOST = "DELETE FROM sasl_user WHERE name = 'u-1'";
        pub ACCOUNT_RENAMED = "UPDATE account SET name = 'z' WHERE id = 'a'";
        pub DIGEST_CHANGED = "UPDATE digest SET orders_b = orders_b + 1 WHERE scope = 'a'";
        pub DIGEST_LOST = "DELETE FROM digest WHERE scope = 'a'";
        pub DIGESTS_LOST = "DELETE FROM digest";
        pub HOUSE_LOST = "DELETE FROM digest WHERE scope = ''";
        pub INSTANCE = "INSERT INTO instance (id, account_id, profile, region, name, order_id, order_line, plan, charge, phase, \
            want, unsettled, retry_at_us, ports, settings, attributes, tags, created_at_us, attempts, revision) \
            VALUES ('i', 'a', 'p', 'r', 'n', 'o-1', 0, '{}', '{}', 'running', 'running', 0, 0, '[]', '{}', '{}', '{}', 1, 0, 0)";
    }
}

on_every_backend!(
    what_is_written_agrees_and_what_is_changed_behind_the_store_does_not,
    an_account_with_all_that_it_had_cannot_go,
    rows_from_before_are_taken_as_they_are,
    sums_agree_however_many_write,
    a_check_in_bounds_says_what_it_left_out,
);

fn account(id: &str, number: i64) -> Account {
    Account {
        id: AccountId::new(id),
        number,
        name: format!("name-{id}"),
        created_at: Moment::from_micros(number),
    }
}

fn transfer(id: &str, kind: TransferKind, account: &str, amount: i64) -> Transfer {
    let customer = customer_account(&AccountId::new(account), Currency::Cny);
    let (debit, credit) = match kind {
        TransferKind::Posted => (funding_account(Currency::Cny), customer),
        _ => (customer, revenue_account(Currency::Cny)),
    };
    Transfer {
        id: TransferId::new(id),
        kind,
        pending_id: None,
        debit,
        credit,
        currency: Currency::Cny,
        amount: Money::from_micros(amount),
        at: Moment::from_micros(1),
    }
}

fn order(id: &str, account: &str) -> Order {
    let line = |line| OrderLine {
        line,
        instance_id: InstanceId::new("i"),
        amount: Money::from_micros(5),
        state: LineState::Placed,
    };
    Order {
        id: OrderId::new(id),
        account_id: AccountId::new(account),
        profile: "p".into(),
        region: "r".into(),
        kind: OrderKind::New,
        charge: Charge::Postpaid,
        payment: Payment::OnDelivery,
        currency: Currency::Cny,
        total: Money::from_micros(10),
        catalog_version: "1".into(),
        catalog_hash: "h".into(),
        created_at: Moment::from_micros(3),
        lines: (0..2).map(line).collect(),
    }
}

fn key(id: &str, account: &str) -> StoredKey {
    StoredKey {
        key: AccessKey {
            id: AccessKeyId::new(id),
            account_id: AccountId::new(account),
            active: true,
            policy: Policy::allow_all(),
            expires_at: None,
        },
        account_number: 0,
        sealed_secret: "sealed".into(),
        session_token_hash: None,
    }
}

fn user(name: &str, at: i64) -> SaslUserRecord {
    SaslUserRecord {
        name: name.into(),
        sealed_password: format!("sealed-{at}"),
        created_at: Moment::from_micros(at),
        updated_at: Moment::from_micros(at),
    }
}

/// Something of everything, and every way in which a row changes.
fn fill(tx: &mut dyn Tx) -> Result<(), StoreError> {
    for (number, id) in (1..).zip(["a", "b"]) {
        assert!(account_insert(tx, &account(id, number))?);
        let owner = AccountId::new(id);
        ledger_account_open(
            tx,
            &customer_account(&owner, Currency::Cny),
            &owner,
            Currency::Cny,
        )?;
        transfer_receive(
            tx,
            &transfer(&format!("top-up:{id}"), TransferKind::Posted, id, 100),
        )?;
        assert!(access_key_insert(
            tx,
            &key(&format!("k-{id}"), id),
            Moment::from_micros(2)
        )?);
    }
    assert!(!account_insert(tx, &account("a", 1))?);
    assert!(!access_key_insert(
        tx,
        &key("k-a", "a"),
        Moment::from_micros(9)
    )?);
    assert!(access_key_set_active(tx, "k-a", false)?);
    assert!(access_key_set_active(tx, "k-b", true)?);
    let hold = transfer("order:o-1", TransferKind::Pending, "a", 10);
    transfer_hold(tx, &hold)?;
    // Once more: nothing is entered.
    transfer_hold(tx, &hold)?;
    order_insert(tx, &order("o-1", "a"))?;
    let id = TransferId::new("order:o-1:end");
    transfer_end_hold(
        tx,
        &hold,
        &id,
        TransferKind::PostPending,
        Moment::from_micros(4),
    )?;
    let read = order_by_id(tx, &OrderId::new("o-1"))?.unwrap();
    assert!(order_line_move(
        tx,
        &read,
        0,
        LineState::Placed,
        LineState::Delivered
    )?);
    assert!(!order_line_move(
        tx,
        &read,
        0,
        LineState::Placed,
        LineState::Failed
    )?);
    tx.execute(&sql::INSTANCE, params![])?;
    let of = InstanceId::new("i");
    for at in [1, 2] {
        sasl_user_put(tx, &of, &user("u-1", at))?;
        sasl_user_put(tx, &of, &user("u-2", at))?;
    }
    sasl_user_delete(tx, &of, "u-2")?;
    sasl_user_delete(tx, &of, "u-3")?;
    // Of an instance that nobody has.
    sasl_user_put(tx, &InstanceId::new("gone"), &user("u-4", 1))?;
    sasl_user_delete_all(tx, &InstanceId::new("gone"))
}

async fn check(store: &Store) -> DigestReport {
    let report = store.read("check", |tx| digest_check(tx, u64::MAX));
    report.await.unwrap()
}

async fn findings(store: &Store) -> Vec<(String, Digested)> {
    let findings = check(store).await.findings.into_iter();
    let differs = findings.map(|finding| match finding {
        DigestFinding::Differs { scope, of } => (scope, of),
        DigestFinding::Missing => panic!("there are digests"),
    });
    differs.collect()
}

/// What a change behind the store's back shows, and that nothing is left of it afterwards.
async fn damage(store: &Store, statement: &'static Statement, expected: &[(&str, Digested)]) {
    // Undone: a transaction that ends with an error leaves nothing.
    let found = store.write("damage", move |tx| -> Result<(), Found> {
        assert!(tx.execute(statement, params![])? > 0, "{}", statement.name);
        Err(Found::Report(digest_check(tx, u64::MAX)?))
    });
    let Err(Found::Report(report)) = found.await else {
        panic!("{}", statement.name);
    };
    let expected = expected.iter().map(|(scope, of)| DigestFinding::Differs {
        scope: (*scope).to_owned(),
        of: *of,
    });
    assert_eq!(
        report.findings,
        expected.collect::<Vec<_>>(),
        "{}",
        statement.name
    );
    assert_eq!(findings(store).await, [], "{}", statement.name);
}

enum Found {
    Report(DigestReport),
    Failed,
}

impl From<StoreError> for Found {
    fn from(_: StoreError) -> Self {
        Self::Failed
    }
}

async fn what_is_written_agrees_and_what_is_changed_behind_the_store_does_not(store: Store) {
    use Digested::{Accounts, Keys, Lines, Orders, Transfers, Users};
    assert_eq!(check(&store).await, DigestReport::default());
    store.digest_with(DigestKey::new(&[7; DIGEST_KEY_BYTES]));
    write(&store, fill).await.unwrap();
    let report = check(&store).await;
    assert_eq!((report.findings, report.rows), (Vec::new(), 12));
    for (statement, expected) in [
        (&sql::CURRENCY, &[("a", Transfers)][..]),
        (&sql::AMOUNT, &[("a", Transfers)]),
        (&sql::FORGED_MONEY, &[("a", Transfers)]),
        (&sql::LOST_MONEY, &[("a", Transfers)]),
        (&sql::OTHERS_MONEY, &[("a", Transfers), ("b", Transfers)]),
        (&sql::ORDER_CHANGED, &[("a", Orders)]),
        (
            &sql::ORDER_LOST,
            &[(HOUSE, Lines), ("a", Orders), ("a", Lines)],
        ),
        (&sql::LINE_CHANGED, &[("a", Lines)]),
        (&sql::LINE_LOST, &[("a", Lines)]),
        (&sql::KEY_ON, &[("a", Keys)]),
        (&sql::POLICY, &[("a", Keys)]),
        (&sql::KEY_FORGED, &[("a", Keys)]),
        (&sql::USER_CHANGED, &[("a", Users)]),
        (&sql::USER_LOST, &[("a", Users)]),
        (&sql::ACCOUNT_RENAMED, &[(HOUSE, Accounts), ("a", Accounts)]),
        (&sql::DIGEST_CHANGED, &[("a", Orders)]),
        (
            &sql::DIGEST_LOST,
            &[
                ("a", Accounts),
                ("a", Keys),
                ("a", Users),
                ("a", Transfers),
                ("a", Orders),
                ("a", Lines),
            ],
        ),
    ] {
        damage(&store, statement, expected).await;
    }
    for statement in [&sql::DIGESTS_LOST, &sql::HOUSE_LOST] {
        let found = store.write("damage", move |tx| -> Result<(), Found> {
            tx.execute(statement, params![])?;
            Err(Found::Report(digest_check(tx, u64::MAX)?))
        });
        let Err(Found::Report(report)) = found.await else {
            panic!("{}", statement.name);
        };
        assert_eq!(report.findings, [DigestFinding::Missing]);
    }
}

mod gone {
    brokerage_store::statements! {
        pub ACCOUNT = "DELETE FROM account WHERE id = 'b'";
        pub KEYS = "DELETE FROM access_key WHERE account_id = 'b'";
        pub MONEY = "DELETE FROM transfer WHERE id = 'top-up:b'";
        pub DIGEST = "DELETE FROM digest WHERE scope = 'b'";
    }
}

async fn an_account_with_all_that_it_had_cannot_go(store: Store) {
    write(&store, fill).await.unwrap();
    write(&store, |tx| {
        for statement in [&gone::KEYS, &gone::MONEY, &gone::ACCOUNT, &gone::DIGEST] {
            assert_eq!(tx.execute(statement, params![])?, 1);
        }
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(
        findings(&store).await,
        [(HOUSE.to_owned(), Digested::Accounts)]
    );
    write(&store, |tx| digest_accept(tx, Some(HOUSE)))
        .await
        .unwrap();
    assert_eq!(findings(&store).await, []);
}

async fn rows_from_before_are_taken_as_they_are(store: Store) {
    write(&store, fill).await.unwrap();
    for only in [None, Some("a")] {
        let statement = match only {
            None => &sql::DIGESTS_LOST,
            Some(_) => &sql::DIGEST_LOST,
        };
        write(&store, move |tx| {
            tx.execute(statement, params![])?;
            digest_accept(tx, only)
        })
        .await
        .unwrap();
        assert_eq!(findings(&store).await, [], "{only:?}");
    }
    // What is written afterwards goes on from there.
    write(&store, |tx| order_insert(tx, &order("o-2", "a")))
        .await
        .unwrap();
    assert_eq!(findings(&store).await, []);
}

async fn sums_agree_however_many_write(store: Store) {
    write(&store, fill).await.unwrap();
    let store = Arc::new(store);
    let writers = (0..6).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..20 {
                let account = ["a", "b"][number % 2];
                write(&store, move |tx| {
                    order_insert(tx, &order(&format!("o-{writer}-{number}"), account))?;
                    let of = InstanceId::new("i");
                    sasl_user_put(tx, &of, &user("u-1", writer * 100 + number as i64))?;
                    sasl_user_put(tx, &of, &user(&format!("u-{number}"), writer))?;
                    access_key_set_active(tx, &format!("k-{account}"), writer % 2 == 0).map(drop)
                })
                .await
                .unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(findings(&store).await, []);
    // More than a page of each.
    write(&store, |tx| {
        let numbers = 0..i64::from(DIGEST_PAGE);
        numbers.clone().try_for_each(|number| {
            order_insert(tx, &order(&format!("p-{number}"), "a"))?;
            let of = InstanceId::new(if number % 2 == 0 { "i" } else { "j" });
            sasl_user_put(tx, &of, &user(&format!("v-{number}"), 1))
        })
    })
    .await
    .unwrap();
    assert_eq!(findings(&store).await, []);
}

async fn a_check_in_bounds_says_what_it_left_out(store: Store) {
    write(&store, fill).await.unwrap();
    write(&store, |tx| tx.execute(&sql::KEY_ON, params![]))
        .await
        .unwrap();
    write(&store, |tx| tx.execute(&sql::AMOUNT, params![]))
        .await
        .unwrap();
    let report = store.read("check", |tx| digest_check(tx, 4));
    let report = report.await.unwrap();
    // Who may do what comes first.
    let key = DigestFinding::Differs {
        scope: "a".to_owned(),
        of: Digested::Keys,
    };
    assert_eq!(report.findings, [key]);
    use Digested::{Audit, Lines, Orders, Transfers, Users};
    assert_eq!(report.left_out, [Users, Audit, Transfers, Orders, Lines]);
}
