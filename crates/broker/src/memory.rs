//! What peers make a host hold in memory, counted in bytes: requests on their way in, what they become, answers
//! on their way out.
//!
//! A cluster has a share for each [`Stage`] of a request, and all clusters together have one. Who needs more than
//! is left waits in line for it, cluster by cluster: a cluster that has used up its share waits for itself. What
//! a cluster holds up to [`Stage::floor_bytes`] is never refused to it, however much others hold. Stages are taken
//! in their order, and each at most once by a request, so nobody waits for somebody who waits for him.
//!
//! What is small is not counted ([`UNCOUNTED_BYTES`]): that is what an open connection costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

/// What a request, what it becomes, and its answer may each take without being counted: with it a connection at
/// work costs less than 16 KiB more than one at rest.
pub(crate) const UNCOUNTED_BYTES: usize = 8 << 10;

/// Where a request is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A request to produce comes in, or is kept as it came while something else is still read from it.
    Produce,
    /// The same of any other.
    Request,
    /// It is decoded, and waits for whatever it asks for.
    Decoded,
    /// Its answer is put together, which waits for nobody but the disk.
    Building,
    /// Its answer is sent, as fast as its client takes it.
    Answer,
}

/// How many stages there are.
const STAGES: usize = 5;

impl Stage {
    const ALL: [Self; STAGES] = [
        Self::Produce,
        Self::Request,
        Self::Decoded,
        Self::Building,
        Self::Answer,
    ];

    /// Most that one cluster holds.
    pub(crate) const fn share_bytes(self) -> usize {
        match self {
            // Two messages of 12 MiB, the largest that is sold.
            Self::Produce => 25 << 20,
            Self::Request | Self::Decoded | Self::Building => 8 << 20,
            Self::Answer => 10 << 20,
        }
    }

    /// Most that all clusters hold together, beyond the floor of each.
    const fn host_bytes(self) -> usize {
        4 * self.share_bytes()
    }

    /// What a cluster may hold whatever others do.
    const fn floor_bytes(self) -> usize {
        1 << 20
    }
}

/// What all clusters of a host hold.
#[derive(Debug)]
pub(crate) struct HostMemory {
    left: [Semaphore; STAGES],
    held_bytes: AtomicUsize,
}

impl Default for HostMemory {
    fn default() -> Self {
        Self {
            left: Stage::ALL.map(|stage| Semaphore::new(stage.host_bytes())),
            held_bytes: AtomicUsize::new(0),
        }
    }
}

impl HostMemory {
    /// Bytes that are held now.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// The share of one cluster.
    pub(crate) fn share(self: &Arc<Self>) -> Memory {
        Memory {
            host: self.clone(),
            share: OnceLock::new(),
        }
    }
}

/// What is left to one cluster.
#[derive(Debug)]
struct Share {
    left: [Semaphore; STAGES],
    /// Of what is never refused.
    floor: [Semaphore; STAGES],
    held_bytes: AtomicUsize,
    host: Arc<HostMemory>,
}

/// The memory that the clients of one cluster take.
#[derive(Debug)]
pub(crate) struct Memory {
    host: Arc<HostMemory>,
    /// Made when first asked for: most clusters are idle.
    share: OnceLock<Arc<Share>>,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    stage: Stage,
    bytes: usize,
    /// Of these, from the host.
    from_host: usize,
    share: Arc<Share>,
}

/// As many as a semaphore counts at a time.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Memory {
    fn share(&self) -> &Arc<Share> {
        self.share.get_or_init(|| {
            Arc::new(Share {
                left: Stage::ALL.map(|stage| Semaphore::new(stage.share_bytes())),
                floor: Stage::ALL.map(|stage| Semaphore::new(stage.floor_bytes())),
                held_bytes: AtomicUsize::new(0),
                host: self.host.clone(),
            })
        })
    }

    /// Bytes that are held now.
    pub(crate) fn held_bytes(&self) -> usize {
        let share = self.share.get();
        share.map_or(0, |share| share.held_bytes.load(Ordering::Relaxed))
    }

    /// Waits for room; `None` if so little needs none. Who needs more than the whole share gets it alone.
    pub(crate) async fn take(&self, stage: Stage, bytes: usize) -> Option<Held> {
        match bytes <= UNCOUNTED_BYTES {
            true => None,
            // On the heap, so that connections keep no room for it.
            false => Box::pin(self.take_counted(stage, bytes)).await,
        }
    }

    /// Takes what there is room for now.
    pub(crate) fn try_take(&self, stage: Stage, bytes: usize) -> Option<Held> {
        self.take(stage, bytes).now_or_never().flatten()
    }

    async fn take_counted(&self, stage: Stage, bytes: usize) -> Option<Held> {
        let bytes = bytes.min(stage.share_bytes());
        let share = self.share();
        let (at, count) = (stage as usize, permits(bytes));
        // Never closed.
        share.left[at].acquire_many(count).await.ok()?.forget();
        // Given back if the wait for the host is given up.
        let mut held = Held {
            stage,
            bytes,
            from_host: 0,
            share: share.clone(),
        };
        share.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        share.host.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        match share.floor[at].try_acquire_many(count) {
            Ok(floor) => floor.forget(),
            Err(_) => {
                held.from_host = WAITING;
                share.host.left[at].acquire_many(count).await.ok()?.forget();
                held.from_host = bytes;
            }
        }
        Some(held)
    }
}

impl Held {
    /// Gives back what is more than this. What came from the floor goes back there.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let Some(less) = self.bytes.checked_sub(bytes).filter(|less| *less > 0) else {
            return;
        };
        let (share, at) = (&self.share, self.stage as usize);
        share.left[at].add_permits(less);
        match self.from_host {
            0 => share.floor[at].add_permits(less),
            _ => {
                share.host.left[at].add_permits(less);
                self.from_host = bytes;
            }
        }
        share.held_bytes.fetch_sub(less, Ordering::Relaxed);
        share.host.held_bytes.fetch_sub(less, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

/// Neither the floor nor the host has given anything yet.
const WAITING: usize = usize::MAX;

impl Drop for Held {
    fn drop(&mut self) {
        let (share, at) = (&self.share, self.stage as usize);
        share.left[at].add_permits(self.bytes);
        // Even if all of it was given back before.
        match self.from_host {
            _ if self.bytes == 0 => {}
            0 => share.floor[at].add_permits(self.bytes),
            WAITING => {}
            bytes => share.host.left[at].add_permits(bytes),
        }
        share.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let host = &share.host.held_bytes;
        host.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes with what they hold of the share.
struct Owner<B> {
    bytes: B,
    _held: Held,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Owner<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Bytes that give back what is held for them when the last slice of them is gone.
pub(crate) fn counted<B>(bytes: B, held: Option<Held>) -> Bytes
where
    B: AsRef<[u8]> + Into<Bytes> + Send + 'static,
{
    match held {
        Some(held) => Bytes::from_owner(Owner { bytes, _held: held }),
        None => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: usize = Stage::Produce.share_bytes();

    fn two() -> (Arc<HostMemory>, Memory, Memory) {
        let host = Arc::new(HostMemory::default());
        let (one, other) = (host.share(), host.share());
        (host, one, other)
    }

    fn now(memory: &Memory, bytes: usize) -> Option<Held> {
        let taken = memory.take(Stage::Produce, bytes).now_or_never();
        taken.expect("there is room")
    }

    #[test]
    fn what_is_held_is_counted_until_the_last_slice_is_gone() {
        let (host, memory, _) = two();
        assert!(now(&memory, UNCOUNTED_BYTES).is_none());
        let bytes = counted(vec![7; 1 << 20], now(&memory, 1 << 20));
        let slice = bytes.slice(5..6);
        drop(bytes);
        assert_eq!((memory.held_bytes(), host.held_bytes()), (1 << 20, 1 << 20));
        drop(slice);
        assert_eq!((memory.held_bytes(), host.held_bytes()), (0, 0));
    }

    #[test]
    fn what_is_needed_no_more_is_given_back_early() {
        let (host, memory, other) = two();
        for bytes in [SHARE, Stage::Produce.floor_bytes()] {
            for less in [bytes, 1 << 10, 0] {
                let mut held = now(&memory, bytes).expect("counted");
                held.shrink(less);
                assert_eq!(host.held_bytes(), less);
                held.shrink(bytes);
                assert_eq!(memory.held_bytes(), less);
            }
        }
        assert_eq!(host.held_bytes(), 0);
        let all = [now(&memory, SHARE), now(&other, SHARE)];
        assert_eq!(host.held_bytes(), 2 * SHARE);
        drop(all);
    }

    #[test]
    fn who_is_over_his_share_waits_and_others_do_not_notice() {
        let (host, greedy, other) = two();
        let first = now(&greedy, SHARE);
        // A second of the same cluster waits; one that gives up leaves no trace.
        assert!(
            greedy
                .take(Stage::Produce, 1 << 20)
                .now_or_never()
                .is_none()
        );
        assert!(now(&other, SHARE).is_some());
        // Other stages are not waited for.
        let answer = greedy.take(Stage::Answer, 1 << 20).now_or_never();
        assert!(answer.expect("another stage").is_some());
        drop(first);
        // More than the share is the whole of it.
        let all = now(&greedy, 10 * SHARE).expect("counted");
        assert_eq!(all.bytes, SHARE);
        drop(all);
        assert_eq!(host.held_bytes(), 0);
    }

    #[test]
    fn a_cluster_has_its_floor_however_much_others_hold() {
        let host = Arc::new(HostMemory::default());
        let greedy: Vec<Memory> = (0..8).map(|_| host.share()).collect();
        let held: Vec<Option<Held>> = greedy
            .iter()
            .filter_map(|memory| memory.take(Stage::Produce, SHARE).now_or_never())
            .collect();
        assert_eq!(held.len(), 4);
        let late = host.share();
        let floor = Stage::Produce.floor_bytes();
        let small = now(&late, floor);
        assert!(late.take(Stage::Produce, floor).now_or_never().is_none());
        drop(small);
        drop(held);
        assert!(now(&late, SHARE).is_some());
        assert_eq!(host.held_bytes(), 0);
        for memory in greedy {
            assert!(now(&memory, SHARE).is_some());
        }
    }
}
