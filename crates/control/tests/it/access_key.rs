//! Keys and the policies that they carry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brokerage_control::access_key::{KEY_AGE_US_MAX, NewKey};
use brokerage_control::seal::MasterKey;
use brokerage_domain::Error;
use brokerage_domain::access::{AccessKey, Attempt, Effect, Policy, STATEMENTS_MAX};
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccessKeyId, Chance};
use brokerage_store::Store;
use brokerage_store::access_key::{StoredKey, access_key_insert};
use brokerage_testkit::{Plane, PlaneOptions};
use secrecy::SecretString;

/// Keys that are switched off while they are used for the first time.
const RACES: usize = 150;

/// A new key of the sandbox account.
async fn key(plane: &Plane) -> String {
    let account = plane.control.account_view("sandbox").await.unwrap();
    let new = NewKey {
        id: None,
        secret: None,
        session_token: None,
        policy: Policy::allow_all(),
    };
    let made = plane.control.access_key_create(&account.id, new).await;
    made.unwrap().0.as_str().to_owned()
}

async fn is_open(plane: &Plane, id: &str) -> bool {
    plane.control.access_key_open(id).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_process_switches_is_switched_within_a_second() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let plane = async |node: &str| {
        let options = PlaneOptions {
            store: Some(store.clone()),
            node: node.to_owned(),
            ..PlaneOptions::default()
        };
        Plane::start(options).await
    };
    let (here, there) = (plane("here").await, plane("there").await);
    let id = key(&here).await;
    for active in [false, true] {
        assert_eq!(is_open(&there, &id).await, !active, "as it was");
        let switched = here.control.access_key_set_active(&id, active).await;
        switched.unwrap();
        assert_eq!(is_open(&here, &id).await, active, "at once here");
        let later = there.control.real_now().micros() + KEY_AGE_US_MAX;
        there.clock.set(Moment::from_micros(later));
        assert_eq!(is_open(&there, &id).await, active, "soon there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_off_also_when_it_is_switched_while_it_is_read() {
    let plane = Arc::new(Plane::sandbox().await);
    for _ in 0..RACES {
        let id = key(&plane).await;
        let is_off = Arc::new(AtomicBool::new(false));
        let using = {
            let (plane, id, is_off) = (plane.clone(), id.clone(), is_off.clone());
            tokio::spawn(async move {
                while !is_off.load(Ordering::SeqCst) {
                    is_open(&plane, &id).await;
                }
            })
        };
        let switched = plane.control.access_key_set_active(&id, false).await;
        switched.unwrap();
        assert!(!is_open(&plane, &id).await, "off at once");
        is_off.store(true, Ordering::SeqCst);
        using.await.unwrap();
        assert!(!is_open(&plane, &id).await, "off for good");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_has_a_bounded_number_of_statements() {
    let plane = Plane::sandbox().await;
    let account = plane.control.account_view("sandbox").await.unwrap();
    let one = Policy::allow_all().statements.remove(0);
    for (statements, fits) in [(STATEMENTS_MAX, true), (STATEMENTS_MAX + 1, false)] {
        let new = NewKey {
            id: None,
            secret: None,
            session_token: None,
            policy: Policy {
                statements: vec![one.clone(); statements],
            },
        };
        let made = plane.control.access_key_create(&account.id, new).await;
        match made {
            Ok(_) => assert!(fits, "{statements} statements"),
            Err(error) => assert!(
                !fits && matches!(error, Error::LimitReached { .. }),
                "{error}"
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_policy_that_is_not_understood_permits_nothing() {
    let store = Store::open_sqlite_in_memory().unwrap();
    let options = PlaneOptions {
        store: Some(store.clone()),
        ..PlaneOptions::default()
    };
    let seed = options.seed;
    let plane = Plane::start(options).await;
    let account = plane.control.account_view("sandbox").await.unwrap();
    let chance = Chance::seeded(seed);
    let master_key = MasterKey::draw(&chance);
    let mut cx = plane.context("alikafka", "").await;
    for (id, denied, expected) in [
        ("UNDERSTOOD", "alikafka:ReleaseInstance", true),
        ("MISSPELT", "alikafka:RelaeseInstance", false),
    ] {
        let mut deny = Policy::allow_all().statements.remove(0);
        deny.effect = Effect::Deny;
        deny.actions = vec![denied.to_owned()];
        let mut policy = Policy::allow_all();
        policy.statements.push(deny);
        let stored = StoredKey {
            key: AccessKey {
                id: AccessKeyId::new(id),
                account_id: account.id.clone(),
                active: true,
                policy,
                expires_at: None,
            },
            account_number: 0,
            sealed_secret: master_key
                .seal(id, &SecretString::from("secret"), &chance)
                .unwrap(),
            session_token_hash: None,
        };
        let now = plane.control.real_now();
        // As a version kept it that did not know these words, or had others.
        let insert = store.write("insert", move |tx| access_key_insert(tx, &stored, now));
        assert!(insert.await.unwrap());
        cx.principal.key_id = Some(AccessKeyId::new(id));
        let attempt = Attempt {
            action: "alikafka:GetQuotaTip",
            resource: "*",
            conditions: &[],
        };
        let permitted = plane.control.authorize(&cx, &attempt).await;
        assert_eq!(permitted.is_ok(), expected, "{id}: {permitted:?}");
    }
}
