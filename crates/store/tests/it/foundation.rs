//! Leases, client tokens, nonces and the audit trail.

use std::sync::Arc;

use brokerage_store::audit::{
    AuditEntry, ChainCheck, ChainPoint, Pruned, audit_append, audit_beginning, audit_list,
    audit_prune, audit_seal, audit_verify,
};
use brokerage_store::digest::{Digested, digest_check_of};
use brokerage_store::idempotency::{Begin, TokenKey, idempotency_begin, idempotency_prune};
use brokerage_store::lease::{lease_acquire, lease_check, lease_release, lease_renew};
use brokerage_store::nonce::{nonce_insert, nonce_prune};
use brokerage_store::{Store, StoreError, Tx, params};
use proptest::prelude::*;

use crate::write;

mod sql {
    brokerage_store::statements! {
        pub ALTER_AUDIT = "UPDATE audit SET resource = 'another' WHERE sequence = $1";
        pub FORGE_AUDIT = "INSERT INTO audit (id, at_us, account_id, access_key_id, request_id, action, resource, decision, \
            decided_by, sequence, hash) SELECT 'forged', at_us, account_id, access_key_id, request_id, action, resource, decision, \
            decided_by, 7, hash FROM audit WHERE sequence = 400";
        pub FORGE_ANCHOR = "UPDATE audit_anchor SET sequence = (SELECT sequence FROM audit WHERE sequence = 300), \
            hash = (SELECT hash FROM audit WHERE sequence = 300)";
        pub CUT_BEFORE = "DELETE FROM audit WHERE sequence <= $1";
        pub CUT_AUDIT = "DELETE FROM audit WHERE sequence > $1";
    }
}

on_every_backend!(
    a_lease_has_one_holder_and_a_growing_generation,
    of_16_replicas_one_gets_the_lease,
    a_token_is_answered_alike_or_refused,
    a_token_binds_only_what_was_accepted,
    of_64_equal_requests_one_is_done,
    a_nonce_is_fresh_once,
    old_rows_go_in_slices,
    the_audit_chain_shows_every_alteration,
    concurrent_sealers_make_one_chain,
    a_chain_whose_oldest_rows_are_pruned_shows_every_alteration,
);

const TTL_US: i64 = 10;

async fn a_lease_has_one_holder_and_a_growing_generation(store: Store) {
    let acquired = write(&store, |tx| {
        let mut acquire =
            |holder: &str, now_us| lease_acquire(tx, "instance:1", holder, now_us, TTL_US);
        Ok([
            acquire("a", 100)?, // free
            acquire("b", 109)?, // held by a
            acquire("a", 109)?, // a restarted
            acquire("b", 118)?, // held by a until 119
            acquire("b", 119)?, // expired
        ])
    });
    assert_eq!(
        acquired.await.unwrap(),
        [Some(1), None, Some(2), None, Some(3)]
    );

    let fenced = write(&store, |tx| {
        let name = "instance:1";
        Ok([
            lease_check(tx, name, 2)?,
            lease_renew(tx, name, 2, 120, TTL_US)?,
            lease_release(tx, name, 2)?,
            lease_check(tx, name, 3)?,
            lease_renew(tx, name, 3, 500, TTL_US)?, // expired, but nobody took it
            lease_release(tx, name, 3)?,
            lease_check(tx, name, 3)?,
            lease_renew(tx, name, 3, 501, TTL_US)?,
        ])
    });
    assert_eq!(
        fenced.await.unwrap(),
        [false, false, false, true, true, true, false, false]
    );
    let again = write(&store, |tx| {
        lease_acquire(tx, "instance:1", "a", 502, TTL_US)
    })
    .await;
    assert_eq!(again.unwrap(), Some(4));
}

async fn of_16_replicas_one_gets_the_lease(store: Store) {
    let replicas: Vec<_> = (0..16)
        .map(|replica| {
            let store = store.clone();
            tokio::spawn(async move {
                write(&store, move |tx| {
                    lease_acquire(tx, "sweep", &replica.to_string(), 0, TTL_US)
                })
                .await
            })
        })
        .collect();
    let mut generations = Vec::new();
    for replica in replicas {
        generations.extend(replica.await.unwrap().unwrap());
    }
    assert_eq!(generations, [1]);
}

/// A lease by another account of it: who, until when, which generation.
#[derive(Default)]
struct LeaseModel {
    holder: Option<u8>,
    expires_at_us: i64,
    generation: i64,
}

#[derive(Clone, Debug)]
enum LeaseCall {
    Acquire { holder: u8, ttl_us: i64 },
    Renew { generations_ago: i64, ttl_us: i64 },
    Release { generations_ago: i64 },
    Check { generations_ago: i64 },
}

fn lease_call() -> impl Strategy<Value = LeaseCall> {
    let ago = 0..3_i64;
    prop_oneof![
        (0..3_u8, 1..20_i64).prop_map(|(holder, ttl_us)| LeaseCall::Acquire { holder, ttl_us }),
        (ago.clone(), 1..20_i64).prop_map(|(generations_ago, ttl_us)| LeaseCall::Renew {
            generations_ago,
            ttl_us
        }),
        ago.clone()
            .prop_map(|generations_ago| LeaseCall::Release { generations_ago }),
        ago.prop_map(|generations_ago| LeaseCall::Check { generations_ago }),
    ]
}

impl LeaseModel {
    fn expect(&mut self, call: &LeaseCall, now_us: i64) -> Option<i64> {
        let is_current = |ago: i64| ago == 0 && self.holder.is_some();
        match *call {
            LeaseCall::Acquire { holder, ttl_us } => {
                if self.holder.is_some_and(|other| other != holder) && self.expires_at_us > now_us {
                    return None;
                }
                self.holder = Some(holder);
                self.expires_at_us = now_us + ttl_us;
                self.generation += 1;
                Some(self.generation)
            }
            LeaseCall::Renew {
                generations_ago,
                ttl_us,
            } => is_current(generations_ago).then(|| {
                self.expires_at_us = now_us + ttl_us;
                1
            }),
            LeaseCall::Release { generations_ago } => is_current(generations_ago).then(|| {
                self.holder = None;
                1
            }),
            LeaseCall::Check { generations_ago } => is_current(generations_ago).then_some(1),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn leases_follow_a_naive_model(calls in prop::collection::vec((lease_call(), 0..12_i64), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            let store = Store::open_sqlite_in_memory().unwrap();
            let outcome = write(&store, move |tx| {
                let mut model = LeaseModel::default();
                let mut now_us = 1;
                for (call, pause_us) in &calls {
                    now_us += pause_us;
                    let generation = model.generation;
                    let expected = model.expect(call, now_us);
                    assert_eq!(lease_apply(tx, call, generation, now_us)?, expected, "{call:?} at {now_us}");
                }
                Ok(())
            });
            outcome.await.unwrap();
        });
    }
}

fn lease_apply(
    tx: &mut dyn Tx,
    call: &LeaseCall,
    generation: i64,
    now_us: i64,
) -> Result<Option<i64>, StoreError> {
    let as_option = |done: bool| done.then_some(1);
    match *call {
        LeaseCall::Acquire { holder, ttl_us } => {
            lease_acquire(tx, "x", &holder.to_string(), now_us, ttl_us)
        }
        LeaseCall::Renew {
            generations_ago,
            ttl_us,
        } => lease_renew(tx, "x", generation - generations_ago, now_us, ttl_us).map(as_option),
        LeaseCall::Release { generations_ago } => {
            lease_release(tx, "x", generation - generations_ago).map(as_option)
        }
        LeaseCall::Check { generations_ago } => {
            lease_check(tx, "x", generation - generations_ago).map(as_option)
        }
    }
}

const WINDOW_US: i64 = 1_000;

fn token(account: &str, operation: &str, token: &str) -> TokenKey {
    TokenKey {
        account_id: account.to_owned(),
        operation: operation.to_owned(),
        token: token.to_owned(),
    }
}

/// Places an order under a token; in short: `fresh`, the bound answer, or `mismatch`.
fn place(tx: &mut dyn Tx, key: &TokenKey, request: u8, now_us: i64) -> Result<String, StoreError> {
    Ok(
        match idempotency_begin(tx, key, &[request; 32], now_us, WINDOW_US)? {
            Begin::Fresh(claim) => {
                claim.bind(tx, &format!("order {request} at {now_us}"))?;
                "fresh".to_owned()
            }
            Begin::Replay { answer } => answer,
            Begin::Mismatch => "mismatch".to_owned(),
        },
    )
}

async fn a_token_is_answered_alike_or_refused(store: Store) {
    let key = token("1", "order", "t");
    let cases = [
        (key.clone(), 1, 0, "fresh"),
        (key.clone(), 1, 5, "order 1 at 0"),
        (key.clone(), 2, 6, "mismatch"),
        (key.clone(), 1, WINDOW_US, "order 1 at 0"),
        (token("2", "order", "t"), 2, 7, "fresh"),
        (token("1", "renew", "t"), 2, 8, "fresh"),
        (token("1", "order", "T"), 2, 9, "fresh"),
        (key.clone(), 2, WINDOW_US + 1, "fresh"),
        (key, 2, WINDOW_US + 2, "order 2 at 1001"),
    ];
    for (key, request, now_us, expected) in cases {
        let answer = write(&store, move |tx| place(tx, &key, request, now_us)).await;
        assert_eq!(answer.unwrap(), expected, "request {request} at {now_us}");
    }
}

async fn a_token_binds_only_what_was_accepted(store: Store) {
    let key = token("1", "order", "t");
    let refused = key.clone();
    let error = store
        .write("refused", move |tx| -> Result<(), Refused> {
            place(tx, &refused, 1, 0)?;
            Err(Refused)
        })
        .await;
    assert!(error.is_err());
    let unbound = key.clone();
    let begun = write(&store, move |tx| {
        let begun = idempotency_begin(tx, &unbound, &[2; 32], 1, WINDOW_US)?;
        Ok(matches!(begun, Begin::Fresh(_)))
    });
    assert!(begun.await.unwrap());
    let answer = write(&store, move |tx| place(tx, &key, 3, 2)).await;
    assert_eq!(answer.unwrap(), "fresh");
}

#[derive(Debug)]
struct Refused;

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        panic!("the store failed: {error}");
    }
}

async fn of_64_equal_requests_one_is_done(store: Store) {
    let key = Arc::new(token("1", "order", "t"));
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let (store, key) = (store.clone(), Arc::clone(&key));
            tokio::spawn(async move { write(&store, move |tx| place(tx, &key, 1, 0)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap().unwrap());
    }
    answers.sort();
    assert_eq!(answers[0], "fresh");
    assert_eq!(answers[1..], vec!["order 1 at 0".to_owned(); 63]);
}

async fn a_nonce_is_fresh_once(store: Store) {
    let insert = async |key: &'static str, nonce: &'static str| {
        write(&store, move |tx| nonce_insert(tx, key, nonce, 1))
            .await
            .unwrap()
    };
    assert!(insert("key", "n").await);
    assert!(!insert("key", "n").await);
    assert!(insert("key", "N").await);
    assert!(insert("other", "n").await);

    let refused = store.write("refused", |tx| -> Result<(), Refused> {
        assert!(nonce_insert(tx, "key", "refused", 1)?);
        Err(Refused)
    });
    assert!(refused.await.is_err());
    assert!(insert("key", "refused").await);
}

async fn old_rows_go_in_slices(store: Store) {
    write(&store, |tx| {
        for number in 0..450 {
            nonce_insert(tx, "key", &number.to_string(), number)?;
            place(tx, &token("1", "order", &number.to_string()), 1, number)?;
        }
        Ok(())
    })
    .await
    .unwrap();
    for expected in [200, 200, 45, 0] {
        let pruned = write(&store, |tx| {
            Ok([nonce_prune(tx, 445)?, idempotency_prune(tx, 445)?])
        })
        .await;
        assert_eq!(pruned.unwrap(), [expected; 2]);
    }
    let known = write(&store, |tx| {
        Ok([
            nonce_insert(tx, "key", "444", 0)?,
            nonce_insert(tx, "key", "445", 0)?,
        ])
    });
    assert_eq!(known.await.unwrap(), [true, false]);
}

fn audit_entry(number: i64) -> AuditEntry {
    AuditEntry {
        id: format!("{number:06}"),
        at_us: number / 3,
        account_id: (number % 2).to_string(),
        access_key_id: "key".to_owned(),
        request_id: format!("request {number}"),
        action: "order:Create".to_owned(),
        resource: "*".to_owned(),
        decision: "allow".to_owned(),
        decided_by: String::new(),
    }
}

async fn append(store: &Store, numbers: std::ops::Range<i64>) {
    let appended = write(store, move |tx| {
        numbers
            .clone()
            .try_for_each(|number| audit_append(tx, &audit_entry(number)))
    });
    appended.await.unwrap();
}

async fn verify(store: &Store) -> ChainCheck {
    let begin = store.read("begin", |tx| -> Result<_, StoreError> {
        audit_beginning(tx)
    });
    let mut point = begin.await.unwrap();
    loop {
        match store
            .read("verify", move |tx| audit_verify(tx, point))
            .await
        {
            Ok(ChainCheck::Good(next)) => point = next,
            Ok(end) => return end,
            Err::<_, StoreError>(error) => panic!("{error}"),
        }
    }
}

async fn the_audit_chain_shows_every_alteration(store: Store) {
    assert_eq!(
        verify(&store).await,
        ChainCheck::Complete(ChainPoint::START)
    );
    append(&store, 0..450).await;
    for expected in [200, 200, 50, 0] {
        assert_eq!(write(&store, audit_seal).await.unwrap(), expected);
    }
    let ChainCheck::Complete(end) = verify(&store).await else {
        panic!("the chain is whole")
    };
    let recomputed = (0..450).fold(ChainPoint::START, |point, number| {
        point.next(&audit_entry(number))
    });
    assert_eq!(end, recomputed);

    let listed = store
        .read("list", |tx| -> Result<_, StoreError> {
            audit_list(tx, "1", 100, 3)
        })
        .await;
    let expected: Vec<_> = [299, 297, 295].map(audit_entry).into();
    assert_eq!(listed.unwrap(), expected);

    write(&store, |tx| tx.execute(&sql::CUT_AUDIT, params![440_i64]))
        .await
        .unwrap();
    assert_eq!(verify(&store).await, ChainCheck::Broken { sequence: 441 });
    write(&store, |tx| tx.execute(&sql::ALTER_AUDIT, params![300_i64]))
        .await
        .unwrap();
    assert_eq!(verify(&store).await, ChainCheck::Broken { sequence: 300 });
}

async fn concurrent_sealers_make_one_chain(store: Store) {
    append(&store, 0..1_000).await;
    let sealers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut sealed = 0;
                loop {
                    match write(&store, audit_seal).await.unwrap() {
                        0 => return sealed,
                        slice => sealed += slice,
                    }
                }
            })
        })
        .collect();
    let mut sealed = 0;
    for sealer in sealers {
        sealed += sealer.await.unwrap();
    }
    assert_eq!(sealed, 1_000);
    assert!(matches!(verify(&store).await, ChainCheck::Complete(end) if end.sequence == 1_000));
}

async fn prune(store: &Store, before_us: i64) -> Pruned {
    let pruned = write(store, move |tx| audit_prune(tx, before_us));
    pruned.await.unwrap()
}

async fn ends_differ(store: &Store) -> bool {
    let report = store.read("ends", |tx| {
        digest_check_of(tx, &[Digested::Audit], u64::MAX)
    });
    let report: Result<_, StoreError> = report.await;
    !report.unwrap().findings.is_empty()
}

async fn a_chain_whose_oldest_rows_are_pruned_shows_every_alteration(store: Store) {
    append(&store, 0..450).await;
    while write(&store, audit_seal).await.unwrap() > 0 {}
    let at_us = |number| audit_entry(number).at_us;
    assert_eq!(prune(&store, at_us(0)).await, Pruned::Rows(0));
    assert_eq!(prune(&store, at_us(250)).await, Pruned::Rows(200));
    assert_eq!(prune(&store, at_us(250)).await, Pruned::Rows(49));
    assert_eq!(prune(&store, at_us(250)).await, Pruned::Rows(0));
    append(&store, 450..460).await;
    while write(&store, audit_seal).await.unwrap() > 0 {}
    // The hash of the last row is that of the whole chain, what was pruned of it included.
    let recomputed = (0..460).fold(ChainPoint::START, |point, number| {
        point.next(&audit_entry(number))
    });
    assert_eq!(verify(&store).await, ChainCheck::Complete(recomputed));
    assert!(!ends_differ(&store).await);

    write(&store, |tx| tx.execute(&sql::FORGE_AUDIT, params![]))
        .await
        .unwrap();
    assert_eq!(verify(&store).await, ChainCheck::Broken { sequence: 7 });
    write(&store, |tx| tx.execute(&sql::CUT_BEFORE, params![249_i64]))
        .await
        .unwrap();
    assert!(matches!(verify(&store).await, ChainCheck::Complete(_)));
    // Whoever takes rows and moves the beginning behind them makes a whole chain, whose end the digest does not know.
    write(&store, |tx| {
        tx.execute(&sql::FORGE_ANCHOR, params![])?;
        tx.execute(&sql::CUT_BEFORE, params![300_i64])
    })
    .await
    .unwrap();
    assert!(matches!(verify(&store).await, ChainCheck::Complete(_)));
    assert!(ends_differ(&store).await);

    write(&store, |tx| tx.execute(&sql::ALTER_AUDIT, params![310_i64]))
        .await
        .unwrap();
    let broken = Pruned::Broken { sequence: 310 };
    assert_eq!(prune(&store, i64::MAX).await, broken);
    assert_eq!(verify(&store).await, ChainCheck::Broken { sequence: 310 });
}
