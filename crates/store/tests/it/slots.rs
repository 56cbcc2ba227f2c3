//! Slots: the lowest free ones are taken, each by one instance.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::id::InstanceId;
use brokerage_store::slot::{slot_block, slot_free, slot_give_back, slot_set_range, slot_take};
use brokerage_store::{Store, StoreError, Tx};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::write;

on_every_backend!(
    the_lowest_free_slots_are_taken,
    a_slot_is_taken_once_however_many_ask,
);

/// What the slots should be.
#[derive(Default)]
struct Model {
    range: (u16, u16),
    free: BTreeSet<u16>,
    held: BTreeMap<InstanceId, BTreeSet<u16>>,
}

impl Model {
    fn step(&mut self, tx: &mut dyn Tx, step: &Step) -> Result<(), StoreError> {
        let Step {
            what,
            instance,
            number,
        } = *step;
        let id = InstanceId::new(format!("i-{instance}"));
        let held = self.held.entry(id.clone()).or_default();
        // One of its own, mostly.
        let slot = held.iter().nth(usize::from(number)).copied();
        let slot = slot.unwrap_or(100 + number);
        match what {
            0..5 => {
                let lowest: Vec<u16> = self.free.iter().copied().take(number.into()).collect();
                assert_eq!(slot_take(tx, &id, number.into())?, lowest);
                self.free.retain(|slot| !lowest.contains(slot));
                held.extend(lowest);
            }
            5..8 => {
                slot_give_back(tx, &id, slot)?;
                if held.remove(&slot) {
                    self.free.insert(slot);
                }
            }
            8 => {
                slot_block(tx, &id, slot)?;
                held.remove(&slot);
            }
            9 => {
                slot_free(tx, &id)?;
                self.free.append(held);
            }
            _ => {
                let range = (100 + number, 130 + number);
                slot_set_range(tx, range.0, range.1)?;
                self.range = range;
                self.free = (range.0..=range.1).collect();
                let held = self.held.values().flatten();
                for slot in held {
                    self.free.remove(slot);
                }
            }
        }
        self.free
            .retain(|slot| (self.range.0..=self.range.1).contains(slot));
        Ok(())
    }
}

/// What is done, by which instance, with which slot or how many.
#[derive(Debug, Clone, Copy)]
struct Step {
    what: u8,
    instance: u8,
    number: u16,
}

async fn the_lowest_free_slots_are_taken(store: Store) {
    let step = (0..11_u8, 0..6_u8, 0..6_u16).prop_map(|(what, instance, number)| Step {
        what,
        instance,
        number,
    });
    let steps = proptest::collection::vec(step, 600)
        .new_tree(&mut TestRunner::deterministic())
        .unwrap()
        .current();
    let walked = write(&store, move |tx| {
        let mut model = Model::default();
        steps.iter().try_for_each(|step| model.step(tx, step))
    });
    walked.await.unwrap();
}

async fn a_slot_is_taken_once_however_many_ask(store: Store) {
    const TAKERS: u16 = 8;
    const TIMES: u16 = 20;
    const EACH: u16 = 3;
    const PORTS: u16 = TAKERS * TIMES * EACH;
    write(&store, |tx| slot_set_range(tx, 1_000, 999 + PORTS))
        .await
        .unwrap();
    let takers = (0..TAKERS).map(|taker| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut all = Vec::new();
            for time in 0..TIMES {
                let id = InstanceId::new(format!("i-{taker}-{time}"));
                let taken = write(&store, move |tx| slot_take(tx, &id, EACH.into()));
                all.extend(taken.await.unwrap());
            }
            all
        })
    });
    let mut all = BTreeSet::new();
    for taker in takers.collect::<Vec<_>>() {
        all.extend(taker.await.unwrap());
    }
    assert_eq!(all, (1_000..1_000 + PORTS).collect());
    let more = write(&store, |tx| slot_take(tx, &InstanceId::new("i"), 1));
    assert_eq!(more.await.unwrap(), Vec::<u16>::new());
}
