//! Orders: one purchase, its lines (one for each instance bought), and when its money moves.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{AccountId, InstanceId, OrderId, TransferId};
use crate::money::{Currency, Money, MoneyError, Rounding};

/// Most instances in one order, whatever a catalog permits.
pub const ORDER_LINES_MAX: u32 = 100;

/// How an instance is paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
pub enum Charge {
    /// By the hour of existence.
    Postpaid,
    /// For whole months in advance.
    Prepaid {
        /// Length of the term.
        months: u32,
        /// Length of each automatic renewal; `None` when it is not renewed by itself.
        renew_months: Option<u32>,
    },
}

impl Charge {
    /// Whether the term is paid in advance.
    pub const fn is_prepaid(&self) -> bool {
        matches!(self, Self::Prepaid { .. })
    }

    /// The end of a term that starts at `start`; pay-as-you-go has none.
    pub fn expires_at(&self, start: Moment) -> Option<Moment> {
        match self {
            Self::Postpaid => None,
            Self::Prepaid { months, .. } => Some(start.plus_months(*months)),
        }
    }

    /// How much is left at `now` of the term that ends at `expires_at`, of an instance that ran first at
    /// `running_since`. Of pay-as-you-go the whole: its term is the hour under way.
    pub fn term_left(
        &self,
        running_since: Option<Moment>,
        expires_at: Option<Moment>,
        now: Moment,
    ) -> TermLeft {
        let (Self::Prepaid { months, .. }, Some(end)) = (self, expires_at) else {
            return TermLeft::WHOLE;
        };
        // The first term begins when the instance ran; counted back from its end it could begin earlier, because
        // months are clipped.
        let start = running_since.map_or_else(
            || end.minus_months(*months),
            |ran| ran.max(end.minus_months(*months)),
        );
        let whole_us = (end.micros() - start.micros()).max(1);
        let left_us = (end.micros() - now.micros()).clamp(0, whole_us);
        TermLeft { left_us, whole_us }
    }
}

/// How much of a term is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermLeft {
    /// What is left, in microseconds.
    pub left_us: i64,
    /// The whole term, in microseconds; never 0.
    pub whole_us: i64,
}

impl TermLeft {
    /// A term of which nothing has passed.
    pub const WHOLE: Self = Self {
        left_us: 1,
        whole_us: 1,
    };

    /// Whether the term has ended.
    pub const fn is_over(self) -> bool {
        self.left_us == 0
    }
}

/// What a resize costs at once, from the two prices of one whole term: the difference for the part of the
/// term that is left, a started micro counted whole. A resize to a lower price costs nothing and gives nothing
/// back: pay-as-you-go costs less from its next hour on.
///
/// # Errors
/// [`MoneyError::TooLarge`].
pub fn resize_amount(before: Money, after: Money, left: TermLeft) -> Result<Money, MoneyError> {
    if after <= before {
        return Ok(Money::ZERO);
    }
    let difference = after.checked_sub(before)?;
    difference.ratio(left.left_us, left.whole_us, Rounding::Up)
}

/// When the money of a line moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// Reserved at the order, taken when the instance runs.
    OnDelivery,
    /// Taken at the order, given back by a new transfer if delivery fails.
    AtOrder,
}

/// What became of one instance of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// Accepted, not delivered yet.
    Placed,
    /// The instance ran.
    Delivered,
    /// It could not be delivered; its money went back.
    Failed,
    /// Cancelled before delivery; its money went back.
    Cancelled,
    /// Nobody but the operator can decide.
    NeedsOperator,
}

impl LineState {
    /// All states, for tables.
    pub const ALL: [Self; 5] = [
        Self::Placed,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
        Self::NeedsOperator,
    ];

    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsOperator => "needs_operator",
        }
    }

    /// The state of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// One instance of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Counted from 0.
    pub line: u32,
    /// The instance that it bought.
    pub instance_id: InstanceId,
    /// What it costs: the term when prepaid, the first hour otherwise.
    pub amount: Money,
    /// What became of it.
    pub state: LineState,
}

/// The state of a whole order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// Some line is not delivered yet.
    Placed,
    /// Every line was delivered.
    Fulfilled,
    /// Some lines were delivered, the others were not and were paid back.
    PartlyFulfilled,
    /// No line was delivered.
    Failed,
    /// Cancelled before anything was delivered.
    Cancelled,
    /// Some line waits for the operator.
    NeedsOperator,
}

impl OrderState {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Fulfilled => "fulfilled",
            Self::PartlyFulfilled => "partly_fulfilled",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsOperator => "needs_operator",
        }
    }

    /// Whether nothing was delivered and all money went back.
    pub const fn is_given_back(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled)
    }
}

/// The state that `lines` add up to. An order without lines is fulfilled by definition; none is ever stored.
pub fn order_state(lines: impl IntoIterator<Item = LineState>) -> OrderState {
    let (mut delivered, mut failed, mut cancelled, mut placed, mut stuck) = (0, 0, 0, 0, 0);
    for state in lines {
        match state {
            LineState::Placed => placed += 1,
            LineState::Delivered => delivered += 1,
            LineState::Failed => failed += 1,
            LineState::Cancelled => cancelled += 1,
            LineState::NeedsOperator => stuck += 1,
        }
    }
    if stuck > 0 {
        OrderState::NeedsOperator
    } else if placed > 0 {
        OrderState::Placed
    } else if failed + cancelled == 0 {
        OrderState::Fulfilled
    } else if delivered > 0 {
        OrderState::PartlyFulfilled
    } else if failed > 0 {
        OrderState::Failed
    } else {
        OrderState::Cancelled
    }
}

/// What kind of purchase an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// New instances.
    New,
    /// A resize: another plan for what was bought.
    Resize,
}

impl OrderKind {
    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Resize => "change",
        }
    }

    /// The kind of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::New, Self::Resize]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// One purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id, in its dialect's form.
    pub id: OrderId,
    /// Who pays.
    pub account_id: AccountId,
    /// The catalog that it was bought from.
    pub profile: String,
    /// The region of its instances.
    pub region: String,
    /// What kind of purchase.
    pub kind: OrderKind,
    /// How its instances are paid for.
    pub charge: Charge,
    /// When its money moves.
    pub payment: Payment,
    /// The currency of its amounts.
    pub currency: Currency,
    /// Sum over its lines.
    pub total: Money,
    /// Version of the catalog that priced it.
    pub catalog_version: String,
    /// Hash of that catalog's text, so that the order is always rated again with the same prices.
    pub catalog_hash: String,
    /// When it was accepted.
    pub created_at: Moment,
    /// One for each instance.
    pub lines: Vec<OrderLine>,
}

impl Order {
    /// Its state.
    pub fn state(&self) -> OrderState {
        order_state(self.lines.iter().map(|line| line.state))
    }
}

/// The id of the transfer that reserves or takes a line's money.
pub fn line_transfer_id(order: &OrderId, line: u32) -> TransferId {
    TransferId::new(format!("order:{order}:{line}"))
}

/// The id of the transfer that ends a line's hold, or gives its money back.
pub fn line_resolution_id(order: &OrderId, line: u32) -> TransferId {
    TransferId::new(format!("order:{order}:{line}:end"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use LineState::{Cancelled, Delivered, Failed, NeedsOperator, Placed};

    #[test]
    fn an_order_is_what_its_lines_add_up_to() {
        let check = |lines: &[LineState], expected| {
            assert_eq!(order_state(lines.iter().copied()), expected, "{lines:?}")
        };
        check(&[Placed], OrderState::Placed);
        check(&[Placed, Failed], OrderState::Placed);
        check(&[Delivered, Delivered], OrderState::Fulfilled);
        check(&[Delivered, Failed], OrderState::PartlyFulfilled);
        check(&[Delivered, Cancelled], OrderState::PartlyFulfilled);
        check(&[Failed, Cancelled], OrderState::Failed);
        check(&[Cancelled], OrderState::Cancelled);
        check(&[Delivered, NeedsOperator], OrderState::NeedsOperator);
    }

    const DAY_S: i64 = 86_400;

    #[test]
    fn a_change_costs_the_difference_for_what_is_left_of_the_term() {
        let start = Moment::from_seconds(1_769_817_600); // 2026-01-31T00:00:00Z
        let prepaid = |months| Charge::Prepaid {
            months,
            renew_months: None,
        };
        let check = |charge: Charge, days_passed, before, after, expected| {
            let end = charge.expires_at(start);
            let left = charge.term_left(Some(start), end, start.plus_seconds(days_passed * DAY_S));
            let amount = resize_amount(Money::from_micros(before), Money::from_micros(after), left);
            assert_eq!(
                amount,
                Ok(Money::from_micros(expected)),
                "{charge:?} {days_passed}"
            );
        };
        check(Charge::Postpaid, 3, 100, 150, 50);
        check(Charge::Postpaid, 3, 150, 100, 0);
        // From 31 January a month is 28 days.
        check(prepaid(1), 0, 100, 380, 280);
        check(prepaid(1), 7, 100, 380, 210);
        check(prepaid(1), 7, 380, 100, 0);
        check(prepaid(1), 27, 0, 1, 1);
        check(prepaid(1), 28, 100, 380, 0);
        check(prepaid(1), 40, 100, 380, 0);
        check(prepaid(12), 73, 0, 365, 292);
    }

    proptest! {
        /// Against seconds counted one by one: a resize costs between nothing and the whole difference, less as time
        /// passes, and no less for being ordered in two steps.
        #[test]
        fn a_change_costs_its_share(
            prices in [0..1_000_000_000_i64, 0..1_000_000_000, 0..1_000_000_000],
            passed_s in 0..40 * DAY_S,
            later_s in 0..DAY_S,
        ) {
            let charge = Charge::Prepaid { months: 1, renew_months: None };
            let start = Moment::from_seconds(1_772_323_200); // 2026-03-01T00:00:00Z
            let end = charge.expires_at(start);
            let [low, middle, high] = {
                let mut sorted = prices;
                sorted.sort_unstable();
                sorted
            };
            let cost = |before, after, passed_s| {
                let left = charge.term_left(Some(start), end, start.plus_seconds(passed_s));
                resize_amount(Money::from_micros(before), Money::from_micros(after), left).map(Money::micros)
            };
            let whole_s = 31 * DAY_S;
            let left_s = (whole_s - passed_s).max(0);
            let product = i128::from(high - low) * i128::from(left_s);
            let whole = i128::from(whole_s);
            let naive = product / whole + i128::from(product % whole != 0);
            let amount = cost(low, high, passed_s)?;
            prop_assert_eq!(i128::from(amount), naive);
            prop_assert!(amount <= high - low);
            prop_assert!(cost(low, high, passed_s + later_s)? <= amount);
            prop_assert!(cost(low, middle, passed_s)? + cost(middle, high, passed_s)? >= amount);
            prop_assert_eq!(cost(high, low, passed_s)?, 0);
        }
    }

    #[test]
    fn a_renewed_term_is_counted_from_its_own_beginning() {
        let ran = Moment::from_seconds(1_767_225_600); // 2026-01-01T00:00:00Z
        let charge = Charge::Prepaid {
            months: 1,
            renew_months: Some(1),
        };
        let left = charge.term_left(Some(ran), Some(ran.plus_months(3)), ran.plus_months(2));
        assert_eq!(left.left_us, left.whole_us);
        assert_eq!(left.whole_us, 31 * DAY_S * 1_000_000);
    }

    #[test]
    fn stored_words_are_read_back() {
        for state in LineState::ALL {
            assert_eq!(LineState::from_word(state.word()), Some(state));
        }
    }
}
