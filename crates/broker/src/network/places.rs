//! Places for connections. Nobody waits for one: when all are taken, whoever comes displaces the one that has least
//! right to stay.
//!
//! Least right have strangers, those who have proved nothing yet, at the address that has most of them; among these
//! those at rest before those at work, and the oldest first. So whoever holds many connections without a word displaces
//! his own, and those who proved who they are notice nothing. A quarter of the places is kept for strangers all the
//! same, so that a known caller cannot close a door to the next by holding all.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::security::attempts::subscriber;

/// Which part of the places known callers leave to strangers.
const STRANGERS_PART: usize = 4;

/// Whose a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Stranger(IpAddr),
    Known(u64),
}

impl Owner {
    fn is_stranger(&self) -> bool {
        matches!(self, Self::Stranger(_))
    }
}

/// A place that is taken.
struct Taken {
    is_busy: bool,
    leave: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    /// By owner, and by when it was last used.
    owners: HashMap<Owner, BTreeMap<u64, Taken>>,
    strangers: usize,
    taken: usize,
    /// Counts uses.
    clock: u64,
}

impl Table {
    fn insert(&mut self, owner: Owner, taken: Taken) -> u64 {
        self.clock += 1;
        self.taken += 1;
        self.strangers += usize::from(owner.is_stranger());
        let of_owner = self.owners.entry(owner).or_default();
        of_owner.insert(self.clock, taken);
        self.clock
    }

    fn remove(&mut self, owner: Owner, at: u64) -> Option<Taken> {
        let of_owner = self.owners.get_mut(&owner)?;
        let taken = of_owner.remove(&at)?;
        if of_owner.is_empty() {
            self.owners.remove(&owner);
        }
        self.taken -= 1;
        self.strangers -= usize::from(owner.is_stranger());
        Some(taken)
    }

    /// Frees the place of the one with least right to it.
    fn displace(&mut self, strangers_min: usize) {
        let of_strangers = self.strangers >= strangers_min.max(1);
        let owners = self.owners.iter();
        let fattest = owners
            .filter(|(owner, _)| owner.is_stranger() == of_strangers)
            .max_by_key(|(_, places)| places.len());
        let Some((owner, places)) = fattest else {
            return;
        };
        let at_rest = places.iter().find(|(_, taken)| !taken.is_busy);
        let Some((at, _)) = at_rest.or_else(|| places.iter().next()) else {
            return;
        };
        let (owner, at) = (*owner, *at);
        if let Some(taken) = self.remove(owner, at) {
            taken.leave.notify_one();
        }
    }
}

/// Places of one door.
pub struct Places {
    places_max: usize,
    table: Mutex<Table>,
}

impl Places {
    /// So many places.
    #[must_use]
    pub fn new(places_max: usize) -> Arc<Self> {
        Arc::new(Self {
            places_max,
            table: Mutex::default(),
        })
    }

    /// Takes a place for a stranger; another one is displaced if all are taken.
    #[must_use]
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Place {
        let owner = Owner::Stranger(subscriber(address));
        let leave = Arc::new(Notify::new());
        let mut table = self.table.lock();
        if table.taken >= self.places_max {
            table.displace(self.places_max / STRANGERS_PART);
        }
        let taken = Taken {
            is_busy: false,
            leave: leave.clone(),
        };
        let at = table.insert(owner, taken);
        drop(table);
        Place {
            places: self.clone(),
            holding: Mutex::new((owner, at)),
            leave,
        }
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.table.lock().taken
    }
}

/// A place; free again when this is dropped.
pub struct Place {
    places: Arc<Places>,
    holding: Mutex<(Owner, u64)>,
    leave: Arc<Notify>,
}

impl Place {
    /// Waits until the place is somebody else's. Then the connection has to go.
    pub async fn displaced(&self) {
        self.leave.notified().await;
    }

    /// Its holder proved to be this caller, and is no stranger any more.
    pub fn prove(&self, caller: u64) {
        self.change(|owner, _| *owner = Owner::Known(caller));
    }

    /// Its holder begins to work, or comes to rest.
    pub fn set_busy(&self, is_busy: bool) {
        self.change(|_, taken| taken.is_busy = is_busy);
    }

    fn change(&self, change: impl FnOnce(&mut Owner, &mut Taken)) {
        let mut holding = self.holding.lock();
        let (mut owner, at) = *holding;
        let mut table = self.places.table.lock();
        // It may have been displaced meanwhile.
        if let Some(mut taken) = table.remove(owner, at) {
            change(&mut owner, &mut taken);
            *holding = (owner, table.insert(owner, taken));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (owner, at) = *self.holding.get_mut();
        self.places.table.lock().remove(owner, at);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn is_displaced(place: &Place) -> bool {
        place.displaced().now_or_never().is_some()
    }

    #[test]
    fn who_holds_most_without_a_word_displaces_his_own() {
        let places = Places::new(8);
        let quiet = places.take(address(1));
        let mut many: Vec<Place> = (0..20).map(|_| places.take(address(2))).collect();
        assert_eq!(places.taken(), 8);
        assert!(!is_displaced(&quiet));
        let displaced: Vec<bool> = many.iter().map(is_displaced).collect();
        assert_eq!(displaced, [vec![true; 13], vec![false; 7]].concat());
        // Those at work stay as long as one is at rest.
        many.drain(..13);
        many[0].set_busy(true);
        let next = places.take(address(3));
        assert!(!is_displaced(&many[0]) && is_displaced(&many[1]) && !is_displaced(&next));
        drop((many, next, quiet));
        assert_eq!(places.taken(), 0);
        assert!(places.table.lock().owners.is_empty());
    }

    #[test]
    fn known_callers_stay_and_leave_a_part_to_strangers() {
        let places = Places::new(8);
        let known = places.take(address(1));
        known.prove(7);
        let strangers: Vec<Place> = (0..50).map(|_| places.take(address(1))).collect();
        assert!(
            !is_displaced(&known),
            "the address of a crowd does not matter"
        );
        drop(strangers);
        // One caller proves many connections: the next stranger displaces the oldest of these.
        let many: Vec<Place> = (0..7).map(|_| places.take(address(2))).collect();
        many.iter().for_each(|place| place.prove(8));
        let stranger = places.take(address(3));
        assert!(!is_displaced(&known) && !is_displaced(&stranger));
        assert!(is_displaced(&many[0]) && !is_displaced(&many[1]));
        // What is displaced proves nothing any more.
        many[0].prove(9);
        assert_eq!(places.taken(), 8);
    }
}
