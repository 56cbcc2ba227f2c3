//! Connections to the Kafka of instances: one each, kept while it is used.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use brokerage_domain::Result;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_kafka_admin::Client;
use parking_lot::Mutex;
use tokio::sync::{OwnedMappedMutexGuard, OwnedMutexGuard};

use crate::background::Next;
use crate::control::Control;
use crate::engine_error::Failure;

/// A connection that nobody used for so long is closed.
const IDLE_MS_MAX: i64 = 30_000;
/// Connections that are kept; the one that was not used for longest makes room.
const KEPT_MAX: usize = 256;

type Slot = tokio::sync::Mutex<Option<Client>>;

struct Kept {
    slot: Arc<Slot>,
    used_at: Moment,
}

impl Kept {
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.slot) > 1
    }
}

/// The connections that are kept.
#[derive(Default)]
pub(crate) struct KafkaConnections(Mutex<HashMap<InstanceId, Kept>>);

impl KafkaConnections {
    /// The place of an instance's connection. One that finds no room is closed after its use.
    fn slot(&self, id: &InstanceId, now: Moment) -> Arc<Slot> {
        let mut kept = self.0.lock();
        if let Some(known) = kept.get_mut(id) {
            known.used_at = now;
            return known.slot.clone();
        }
        if kept.len() >= KEPT_MAX {
            let idle = kept.iter().filter(|(_, kept)| !kept.is_in_use());
            let oldest = idle.min_by_key(|(_, kept)| kept.used_at);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                kept.remove(&id);
            }
        }
        let slot = Arc::<Slot>::default();
        if kept.len() < KEPT_MAX {
            let new = Kept {
                slot: slot.clone(),
                used_at: now,
            };
            kept.insert(id.clone(), new);
        }
        slot
    }

    fn close_idle(&self, now: Moment) {
        let is_used = |kept: &Kept| now.millis() - kept.used_at.millis() < IDLE_MS_MAX;
        let mut kept = self.0.lock();
        kept.retain(|_, kept| kept.is_in_use() || is_used(kept));
    }
}

/// An instance's connection, while it is used: others who want it wait.
pub(crate) struct Kafka(OwnedMappedMutexGuard<Option<Client>, Client>);

impl Deref for Kafka {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl DerefMut for Kafka {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0
    }
}

impl Control {
    /// The connection to an instance's Kafka. One that has ended, because its cluster was started anew, is replaced
    /// before it is used, so that no request is sent twice.
    pub(crate) async fn kafka(&self, id: &InstanceId) -> std::result::Result<Kafka, Failure> {
        let slot = self.kafka_connections.slot(id, self.real_now());
        let mut place = slot.lock_owned().await;
        if !place.as_mut().is_some_and(Client::is_alive) {
            *place = None;
            let stream = self.engine.connect(id).await?;
            *place = Some(Client::connect(stream).await?);
        }
        let connected = OwnedMutexGuard::try_map(place, Option::as_mut);
        let client = connected.map_err(|_| Failure::unconnected())?;
        Ok(Kafka(client))
    }

    /// How many connections to the Kafka of instances are kept.
    pub fn kafka_connection_count(&self) -> usize {
        self.kafka_connections.0.lock().len()
    }

    pub(crate) async fn close_idle_kafka(&self) -> Result<Next> {
        self.kafka_connections.close_idle(self.real_now());
        Ok(Next::Period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Moment {
        Moment::from_micros(ms * 1_000)
    }

    fn id(number: usize) -> InstanceId {
        InstanceId::new(format!("i-{number}"))
    }

    #[test]
    fn connections_are_kept_up_to_a_bound_and_the_longest_unused_goes() {
        let connections = KafkaConnections::default();
        let held = connections.slot(&id(0), at(0));
        for number in 1..=KEPT_MAX {
            connections.slot(&id(number), at(number as i64));
        }
        let is_kept = |number| connections.0.lock().contains_key(&id(number));
        assert_eq!(connections.0.lock().len(), KEPT_MAX);
        assert!(is_kept(0), "it is in use");
        assert!(!is_kept(1), "it made room");
        assert!(is_kept(2) && is_kept(KEPT_MAX));
        drop(held);
    }

    #[test]
    fn connections_are_closed_when_nobody_used_them_for_some_time() {
        let connections = KafkaConnections::default();
        let held = connections.slot(&id(0), at(0));
        connections.slot(&id(1), at(0));
        connections.slot(&id(2), at(1));
        connections.close_idle(at(IDLE_MS_MAX - 1));
        assert_eq!(connections.0.lock().len(), 3);
        connections.close_idle(at(IDLE_MS_MAX));
        let mut left: Vec<_> = connections.0.lock().keys().cloned().collect();
        left.sort();
        assert_eq!(left, [id(0), id(2)]);
        drop(held);
        connections.close_idle(at(IDLE_MS_MAX + 1));
        assert_eq!(connections.0.lock().len(), 0);
    }
}
