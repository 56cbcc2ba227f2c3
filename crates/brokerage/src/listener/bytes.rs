//! One account of the bytes that callers make the server hold: heads and bodies on their way in, answers on their way
//! out.
//!
//! Each caller has a share: an address as long as nobody has proved anything, then the account. A quarter is left to
//! accounts, so that strangers together cannot stop those who are known. What comes in is refused over the share; an
//! answer is always counted, and whoever is over his share with answers that he does not read is served nothing more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use brokerage_domain::id::AccountId;
use parking_lot::Mutex;

/// Bytes of all callers.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of strangers together.
const STRANGERS_BYTES_MAX: usize = BYTES_MAX / 4 * 3;
/// Bytes of one address, or of one account: the largest body, and the smaller ones beside it.
pub const SHARE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Whose bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Strangers at an address.
    Address(IpAddr),
    /// Whoever has a key of an account.
    Account(AccountId),
}

#[derive(Default)]
struct Counts {
    shares: HashMap<Holder, usize>,
    all: usize,
    strangers: usize,
}

impl Counts {
    fn add(&mut self, holder: &Holder, bytes: usize) {
        self.all += bytes;
        if let Holder::Address(_) = holder {
            self.strangers += bytes;
        }
        match self.shares.get_mut(holder) {
            Some(share) => *share += bytes,
            None => drop(self.shares.insert(holder.clone(), bytes)),
        }
    }

    fn subtract(&mut self, holder: &Holder, bytes: usize) {
        self.all -= bytes;
        if let Holder::Address(_) = holder {
            self.strangers -= bytes;
        }
        if let Some(share) = self.shares.get_mut(holder) {
            *share -= bytes;
            if *share == 0 {
                self.shares.remove(holder);
            }
        }
    }

    fn has_room(&self, holder: &Holder, bytes: usize) -> bool {
        let is_stranger = matches!(holder, Holder::Address(_));
        let share = self.shares.get(holder).copied().unwrap_or(0);
        share + bytes <= SHARE_BYTES_MAX
            && self.all + bytes <= BYTES_MAX
            && (!is_stranger || self.strangers + bytes <= STRANGERS_BYTES_MAX)
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
        let of_strangers: Vec<Reservation> = (0..5).map(|at| fill(&budget, address(at))).collect();
        let bytes: Vec<usize> = of_strangers.iter().map(|one| one.bytes).collect();
        let share = SHARE_BYTES_MAX;
        assert_eq!(bytes, [share, share, share, 0, 0]);
        assert_eq!(fill(&budget, account("a")).bytes, share);
        assert!(!budget.has_room(&address(9)) && budget.has_room(&account("a")));
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
