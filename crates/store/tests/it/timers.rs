//! Timers: due in order, one of a kind for a subject, taken once.

use std::sync::Arc;

use brokerage_domain::clock::Moment;
use brokerage_store::timer::{
    TIMERS_DUE_MAX, timer_clear, timer_due, timer_next, timer_set, timer_take,
};
use brokerage_store::{Store, StoreError, Tx};

use crate::write;

on_every_backend!(
    timers_are_due_in_order_and_one_of_a_kind,
    a_timer_is_taken_once_however_many_ask,
    a_timer_stays_when_its_work_is_undone,
);

const fn at(us: i64) -> Moment {
    Moment::from_micros(us)
}

fn taken(tx: &mut dyn Tx, now_us: i64) -> Result<Vec<(i64, String, String)>, StoreError> {
    let mut taken = Vec::new();
    for timer in timer_due(tx, at(now_us))? {
        if timer_take(tx, &timer)? {
            taken.push((timer.due_at.micros(), timer.kind, timer.subject));
        }
    }
    Ok(taken)
}

async fn timers_are_due_in_order_and_one_of_a_kind(store: Store) {
    let seen = write(&store, |tx| {
        timer_set(tx, "charge", "b", at(30))?;
        timer_set(tx, "charge", "a", at(20))?;
        timer_set(tx, "renew", "a", at(10))?;
        timer_set(tx, "charge", "b", at(15))?;
        timer_set(tx, "charge", "c", at(40))?;
        timer_set(tx, "charge", "d", at(5))?;
        timer_clear(tx, "charge", "d")?;
        timer_clear(tx, "charge", "unknown")?;
        let next = timer_next(tx)?;
        Ok((next, taken(tx, 30)?, taken(tx, 30)?, timer_next(tx)?))
    });
    let (first, due, again, next) = seen.await.unwrap();
    let row = |us, kind: &str, subject: &str| (us, kind.to_owned(), subject.to_owned());
    assert_eq!(first, Some(at(10)));
    let expected = [
        row(10, "renew", "a"),
        row(15, "charge", "b"),
        row(20, "charge", "a"),
    ];
    assert_eq!(due, expected);
    assert_eq!(again, []);
    assert_eq!(next, Some(at(40)));
}

async fn a_timer_is_taken_once_however_many_ask(store: Store) {
    const TIMERS: i64 = 1_000;
    write(&store, |tx| {
        (0..TIMERS).try_for_each(|n| timer_set(tx, "k", &n.to_string(), at(n)))
    })
    .await
    .unwrap();
    let store = Arc::new(store);
    let takers = (0..4).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                let slice = write(&store, |tx| taken(tx, TIMERS)).await.unwrap();
                assert!(slice.len() <= TIMERS_DUE_MAX as usize);
                assert!(slice.is_sorted());
                let left = write(&store, |tx| timer_next(tx)).await.unwrap();
                all.extend(slice);
                if left.is_none() {
                    return all;
                }
            }
        })
    });
    let mut all = Vec::new();
    for taker in takers.collect::<Vec<_>>() {
        all.extend(taker.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all.len(), usize::try_from(TIMERS).unwrap());
    all.dedup();
    assert_eq!(all.len(), usize::try_from(TIMERS).unwrap());
}

async fn a_timer_stays_when_its_work_is_undone(store: Store) {
    write(&store, |tx| timer_set(tx, "k", "s", at(1)))
        .await
        .unwrap();
    let undone = write(&store, |tx| {
        assert_eq!(taken(tx, 1)?.len(), 1);
        Err::<(), _>(StoreError::Closed)
    });
    assert!(undone.await.is_err());
    assert_eq!(write(&store, |tx| taken(tx, 1)).await.unwrap().len(), 1);
}
