//! What everything in one process shares: the time of day, alarms, threads and randomness.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use ring::rand::SecureRandom;
use uuid::Uuid;

use crate::clock::Clock;
use crate::timers::Timers;
use crate::vital::Vital;

/// Randomness in the nonce of a SCRAM exchange.
const NONCE_BYTES: usize = 24;

/// Time, alarms, threads and chance.
pub(crate) struct Process {
    clock: Arc<dyn Clock>,
    chance: Mutex<StdRng>,
    pub timers: Arc<Timers>,
    pub runtime: tokio::runtime::Handle,
    /// Where background tasks report that they ended.
    pub vital: Vital,
}

impl Process {
    /// On the ambient tokio runtime.
    pub(crate) fn new(clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            clock,
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            timers: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
            vital: Vital::default(),
        })
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A random (version 4) id.
    pub(crate) fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.chance.lock().fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Bytes for salts and nonces, which must not follow from the seed.
    pub(crate) fn secret(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        ring::rand::SystemRandom::new()
            .fill(&mut bytes)
            .expect("the operating system has randomness");
        bytes
    }

    /// Printable text that is never used twice.
    pub(crate) fn nonce(&self) -> String {
        BASE64.encode(self.secret(NONCE_BYTES))
    }
}
