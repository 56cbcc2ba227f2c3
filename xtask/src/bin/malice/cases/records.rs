//! Records: many bytes in few, and the largest that are sold.

use std::sync::OnceLock;
use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;

use super::{Attack, at_once, hold};
use crate::batch::{self, Codec};
use crate::target::TOPIC;
use crate::wire::{frame, produce_request};

/// A topic that is compacted.
const COMPACTED: &str = "compacted";
/// What is sold with CKafka's clusters.
const MESSAGE_BYTES_MAX: usize = 12_582_912;
/// The topic for them.
const LARGE: &str = "large";

/// Made once.
static BOMBS: OnceLock<Vec<Bytes>> = OnceLock::new();

/// Batches of each codec: a few records of many bytes, one of all, and the fewest bytes a record.
fn bombs_of_all() -> Result<Vec<Bytes>> {
    if let Some(bombs) = BOMBS.get() {
        return Ok(bombs.clone());
    }
    let mut bombs = vec![batch::hollow(9_000_000)?];
    for codec in Codec::PACKED {
        bombs.push(batch::bomb(codec, 15, 4 << 20)?);
        bombs.push(batch::bomb(codec, 1, 60 << 20)?);
        bombs.push(batch::bomb(codec, 1, 12 << 20)?);
        bombs.push(batch::bomb(codec, 100_000, 20)?);
    }
    Ok(BOMBS.get_or_init(|| bombs).clone())
}

/// Sends them from several clients, to a plain and to a compacted topic.
fn send_all(attack: &Attack<'_>, clients: usize, bombs: &[Bytes]) -> Result<()> {
    let configs = [("cleanup.policy", "compact")];
    attack.victim.connect(0)?.create(COMPACTED, 1, &configs)?;
    at_once(attack, clients, |at, deadline| {
        let topic = [TOPIC, COMPACTED][at % 2];
        let mut connection = attack.victim.leader(topic)?;
        let mut next = at;
        while Instant::now() < deadline {
            let request = produce_request(topic, &[(0, &bombs[next % bombs.len()])]);
            connection.send(&frame(&request, 7)?);
            if !connection.skip() {
                connection = attack.victim.leader(topic)?;
            }
            next += 1;
        }
        Ok(())
    })
}

pub(super) fn bombs(attack: &Attack<'_>) -> Result<()> {
    send_all(attack, 12, &bombs_of_all()?)
}

/// Frames that want a large window, which are unpacked all the same if they hold little.
pub(super) fn windows(attack: &Attack<'_>) -> Result<()> {
    let mut bombs = Vec::new();
    for bits in [20, 23, 25, 27] {
        bombs.push(batch::window_bomb(bits, 60, 1 << 20)?);
        bombs.push(batch::window_bomb(bits, 10, 1 << 20)?);
    }
    send_all(attack, 8, &bombs)
}

/// Four clients, each with the largest message again and again: all are acknowledged.
pub(super) fn largest(attack: &Attack<'_>) -> Result<()> {
    let bytes_max = MESSAGE_BYTES_MAX.to_string();
    let configs = [("max.message.bytes", bytes_max.as_str())];
    attack.victim.connect(0)?.create(LARGE, 1, &configs)?;
    let value = vec![b'x'; MESSAGE_BYTES_MAX - 200];
    let records = batch::of_values(&[&value])?;
    at_once(attack, 4, |_, deadline| {
        let mut connection = attack.victim.leader(LARGE)?;
        connection.produce(LARGE, 0, &records)?;
        while Instant::now() < deadline {
            connection.produce(LARGE, 0, &records)?;
        }
        Ok(())
    })
}

/// The same without reading an answer.
pub(super) fn pipelined(attack: &Attack<'_>) -> Result<()> {
    let value = vec![b'x'; MESSAGE_BYTES_MAX / 2];
    let records = batch::of_values(&[&value])?;
    let request = frame(&produce_request(TOPIC, &[(0, &records), (1, &records)]), 7)?;
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut connection = attack.victim.leader(TOPIC)?;
        connection.set_patience(attack.time / 20)?;
        let deadline = Instant::now() + attack.time / 8;
        while Instant::now() < deadline && connection.send(&request) {}
        open.push(connection);
    }
    hold(attack, open)
}
