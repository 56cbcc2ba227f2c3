//! One account of the bytes that callers make the server hold: heads and bodies on their way in, answers on their way
//! out.
//!
//! Each caller has a share: an address as long as nobody has proved anything, a larger one when the head of a request
//! names a key that is known, then the account. Strangers together have a quarter, and a quarter is left to accounts, so
//! that nobody stops those who are known. What comes in is refused over the share; an answer is always counted, and
//! whoever is over his share with answers that he does not read is served nothing more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use brokerage_domain::id::AccountId;
use parking_lot::Mutex;

/// Bytes of all callers.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of strangers together. What is read costs a few times as much until it is taken apart.
const STRANGERS_BYTES_MAX: usize = BYTES_MAX / 4;
/// Bytes of strangers and of those who name a key that is known, together.
const UNPROVED_BYTES_MAX: usize = BYTES_MAX / 4 * 3;
/// Bytes of strangers at one address.
const STRANGER_SHARE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one address that names keys, or of one account: the largest body, and the smaller ones beside it.
pub const SHARE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Whose bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Strangers at an address.
    Address(IpAddr),
    /// Those at an address whose heads name a key that is known.
    Claimant(IpAddr),
    /// Whoever has a key of an account.
    Account(AccountId),
}

#[derive(Default)]
struct Counts {
    shares: HashMap<Holder, usize>,
    all: usize,
    strangers: usize,
    claimants: usize,
}

impl Counts {
    fn add(&mut self, holder: &Holder, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.all += bytes;
        match holder {
            Holder::Address(_) => self.strangers += bytes,
            Holder::Claimant(_) => self.claimants += bytes,
            Holder::Account(_) => {}
        }
        match self.shares.get_mut(holder) {
            Some(share) => *share += bytes,
            None => drop(self.shares.insert(holder.clone(), bytes)),
        }
    }

    fn subtract(&mut self, holder: &Holder, bytes: usize) {
        self.all -= bytes;
        match holder {
            Holder::Address(_) => self.strangers -= bytes,
            Holder::Claimant(_) => self.claimants -= bytes,
            Holder::Account(_) => {}
        }
        if let Some(share) = self.shares.get_mut(holder) {
            *share -= bytes;
            if *share == 0 {
                self.shares.remove(holder);
            }
        }
    }

    fn has_room(&self, holder: &Holder, bytes: usize) -> bool {
        let share = self.shares.get(holder).copied().unwrap_or(0) + bytes;
        let unproved = self.strangers + self.claimants + bytes;
        let has_room = match holder {
            Holder::Address(_) => {
                share <= STRANGER_SHARE_BYTES_MAX
                    && self.strangers + bytes <= STRANGERS_BYTES_MAX
                    && unproved <= UNPROVED_BYTES_MAX
            }
            Holder::Claimant(_) => share <= SHARE_BYTES_MAX && unproved <= UNPROVED_BYTES_MAX,
            Holder::Account(_) => share <= SHARE_BYTES_MAX,
        };
        has_room && self.all + bytes <= BYTES_MAX
    }
}

/// The bytes of all callers.
#[derive(Default)]
pub struct ByteBudget(Mutex<Counts>);

impl ByteBudget {
    /// Whether a holder may have more.
    pub fn has_room(&self, holder: &Holder) -> bool {
        self.0.lock().has_room(holder, 1)
    }

    /// How many there are now.
    pub fn held(&self) -> usize {
        self.0.lock().all
    }
}

/// Bytes that are held; given back when this is dropped.
pub struct Reservation {
    budget: Arc<ByteBudget>,
    holder: Holder,
    bytes: usize,
}

impl Reservation {
    /// None yet.
    pub fn none(budget: &Arc<ByteBudget>, holder: Holder) -> Self {
        Self {
            budget: budget.clone(),
            holder,
            bytes: 0,
        }
    }

    /// So many, whoever is over his share: they are there already.
    pub fn of_answer(budget: &Arc<ByteBudget>, holder: Holder, bytes: usize) -> Self {
        budget.0.lock().add(&holder, bytes);
        Self {
            budget: budget.clone(),
            holder,
            bytes,
        }
    }

    /// They are this holder's from now on, whatever he has already.
    pub fn pass_to(&mut self, holder: Holder) {
        if self.holder == holder {
            return;
        }
        let mut counts = self.budget.0.lock();
        counts.subtract(&self.holder, self.bytes);
        counts.add(&holder, self.bytes);
        drop(counts);
        self.holder = holder;
    }

    /// Holds so many from now on. False, and nothing changes, where that is more than there is room for.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        if bytes == self.bytes {
            return true;
        }
        let mut counts = self.budget.0.lock();
        match bytes.checked_sub(self.bytes) {
            Some(more) if !counts.has_room(&self.holder, more) => return false,
            Some(more) => counts.add(&self.holder, more),
            None => counts.subtract(&self.holder, self.bytes - bytes),
        }
        drop(counts);
        self.bytes = bytes;
        true
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.0.lock().subtract(&self.holder, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Holder {
        Holder::Address([10, 0, 0, last].into())
    }

    fn account(name: &str) -> Holder {
        Holder::Account(AccountId::new(name))
    }

    /// As much as there is room for.
    fn fill(budget: &Arc<ByteBudget>, holder: Holder) -> Reservation {
        let mut all = Reservation::none(budget, holder);
        while all.resize(all.bytes + 1024 * 1024) {}
        all
    }

    #[test]
    fn nobody_has_more_than_his_share_and_strangers_leave_room() {
        let budget = Arc::new(ByteBudget::default());
        let mut of_strangers: Vec<Reservation> =
            (0..5).map(|at| fill(&budget, address(at))).collect();
        let bytes: Vec<usize> = of_strangers.iter().map(|one| one.bytes).collect();
        let (small, share) = (STRANGER_SHARE_BYTES_MAX, SHARE_BYTES_MAX);
        assert_eq!(bytes, [small, small, small, small, 0]);
        // Who names a key has more, and makes room for others.
        let claimant = Holder::Claimant([10, 0, 0, 1].into());
        of_strangers[0].pass_to(claimant.clone());
        assert!(budget.has_room(&address(9)));
        assert_eq!(fill(&budget, claimant).bytes, share - small);
        assert_eq!(fill(&budget, account("a")).bytes, share);
        drop(of_strangers);
        assert_eq!(budget.held(), 0);
        assert!(budget.0.lock().shares.is_empty());
    }

    #[test]
    fn answers_are_counted_over_the_share() {
        let budget = Arc::new(ByteBudget::default());
        let answer = Reservation::of_answer(&budget, account("a"), 2 * SHARE_BYTES_MAX);
        assert!(!budget.has_room(&account("a")) && budget.has_room(&account("b")));
        let mut more = Reservation::none(&budget, account("a"));
        assert!(!more.resize(1) && more.resize(0));
        drop(answer);
        assert!(more.resize(1));
        assert!(more.resize(0));
        assert_eq!(budget.held(), 0);
    }
}
