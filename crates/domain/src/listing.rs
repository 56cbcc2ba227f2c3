//! How a cloud lists what was bought: in which order, over which regions, and until when.

use crate::clock::Moment;
use crate::instance::{Instance, Phase};
use crate::order::{Order, OrderKind};

/// From what times are counted down in keys, so that the newest comes first and every key has as many digits.
const NEWEST_FIRST_BEGIN: i64 = 9_000_000_000_000_000_000;

/// How a cloud lists its instances. A declaration: the store keeps each instance where its cloud's lists have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    /// By id, region by region, until it is released.
    ById,
    /// The newest first and then by id, region by region, until it is released.
    NewestFirst,
    /// By id over all regions, as long as it is available: until it fails or its release begins.
    AvailableById,
}

impl Listing {
    /// Every kind of list.
    pub const ALL: [Self; 3] = [Self::ById, Self::NewestFirst, Self::AvailableById];

    /// The stored word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ById => "by_id",
            Self::NewestFirst => "newest_first",
            Self::AvailableById => "available_by_id",
        }
    }

    /// Whether each region has a list of its own.
    pub const fn is_by_region(self) -> bool {
        matches!(self, Self::ById | Self::NewestFirst)
    }

    /// Whether an instance in this phase is in the list. What has left a list never comes back.
    pub const fn lists(self, phase: Phase) -> bool {
        match phase {
            Phase::Released | Phase::Gone => false,
            Phase::Failed | Phase::Releasing => !matches!(self, Self::AvailableById),
            _ => true,
        }
    }

    /// Which list of its account and profile an instance in `region` is in.
    pub const fn scope(self, region: &str) -> &str {
        if self.is_by_region() { region } else { "" }
    }

    /// Where in its list an instance is: lists are in the order of these texts, then of ids.
    pub fn key(self, instance: &Instance) -> String {
        match self {
            Self::ById | Self::AvailableById => instance.id.as_str().to_owned(),
            Self::NewestFirst => newest_first_key(instance.created_at),
        }
    }
}

/// A text that sorts before those of all earlier moments.
pub fn newest_first_key(at: Moment) -> String {
    (NEWEST_FIRST_BEGIN - at.micros()).to_string()
}

/// The moment of a [`newest_first_key`].
pub fn newest_first_moment(key: &str) -> Option<Moment> {
    let number: i64 = key.parse().ok()?;
    Some(Moment::from_micros(NEWEST_FIRST_BEGIN - number))
}

/// Classes that the counters of a list distinguish.
pub const LIST_CLASSES: usize = 11;
/// Kinds of orders that change a term that is paid in advance. They are done when they are placed: none is given back.
const TERM_KINDS: [OrderKind; 3] = [OrderKind::Renew, OrderKind::Convert, OrderKind::Refund];
/// The number of the first class of these.
const TERM_KIND_FIRST: usize = LIST_CLASSES - TERM_KINDS.len();

/// What lists of orders are filtered by. Orders of one class pass the same filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderClass {
    /// Whether the term is paid in advance.
    pub is_prepaid: bool,
    /// What kind of purchase.
    pub kind: OrderKind,
    /// Whether nothing was delivered and all money went back. An order that has come here stays.
    pub is_given_back: bool,
}

impl OrderClass {
    /// All classes, by number.
    pub fn all() -> [Self; LIST_CLASSES] {
        let of_term = |number: usize| {
            let kind = TERM_KINDS.get(number.checked_sub(TERM_KIND_FIRST)?)?;
            Some(Self {
                is_prepaid: true,
                kind: *kind,
                is_given_back: false,
            })
        };
        std::array::from_fn(|number| {
            of_term(number).unwrap_or(Self {
                is_prepaid: number & 1 == 0,
                kind: match number & 2 {
                    0 => OrderKind::New,
                    _ => OrderKind::Resize,
                },
                is_given_back: number & 4 != 0,
            })
        })
    }

    /// That of an order.
    pub fn of(order: &Order) -> Self {
        Self {
            is_prepaid: order.charge.is_prepaid(),
            kind: order.kind,
            is_given_back: order.state().is_given_back(),
        }
    }

    /// The number that is stored, below [`LIST_CLASSES`].
    pub fn number(self) -> usize {
        let of_term = TERM_KINDS.iter().position(|kind| *kind == self.kind);
        if let Some(place) = of_term {
            return TERM_KIND_FIRST + place;
        }
        usize::from(!self.is_prepaid)
            | usize::from(self.kind == OrderKind::Resize) << 1
            | usize::from(self.is_given_back) << 2
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn later_moments_sort_first(a in 0_i64..1 << 59, b in 0_i64..1 << 59) {
            let key = |micros| newest_first_key(Moment::from_micros(micros));
            prop_assert_eq!(key(a).cmp(&key(b)), b.cmp(&a));
            prop_assert_eq!(key(a).len(), 19);
            prop_assert_eq!(newest_first_moment(&key(a)), Some(Moment::from_micros(a)));
        }
    }

    #[test]
    fn classes_of_orders_are_numbered() {
        for (number, class) in OrderClass::all().into_iter().enumerate() {
            assert_eq!(class.number(), number, "{class:?}");
        }
    }

    #[test]
    fn what_has_left_a_list_does_not_come_back() {
        for listing in Listing::ALL {
            let at = |phase| listing.lists(phase);
            assert!(at(Phase::AwaitingStart) && at(Phase::Running));
            assert!(!at(Phase::Released) && !at(Phase::Gone));
            assert_eq!(at(Phase::Failed), at(Phase::Releasing));
        }
    }
}
