//! Orders: one purchase, its lines (one for each instance bought), and when its money moves.

use serde::{Deserialize, Serialize};

use crate::catalog::Plan;
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
        /// When the term began, where that was neither when the instance ran first nor at the end of another term.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Moment>,
    },
}

impl Charge {
    /// A term of so many months, renewed by itself for so many or not.
    pub const fn prepaid(months: u32, renew_months: Option<u32>) -> Self {
        Self::Prepaid {
            months,
            renew_months,
            since: None,
        }
    }

    /// The same with another automatic renewal; nothing else has one.
    #[must_use]
    pub fn renewed_by_itself(self, months_or_none: Option<u32>) -> Self {
        match self {
            Self::Postpaid => Self::Postpaid,
            Self::Prepaid { months, since, .. } => Self::Prepaid {
                months,
                renew_months: months_or_none,
                since,
            },
        }
    }

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
        let (Self::Prepaid { months, since, .. }, Some(end)) = (self, expires_at) else {
            return TermLeft::WHOLE;
        };
        // The first term begins when the instance ran; counted back from its end it could begin earlier, because
        // months are clipped.
        let counted_back = end.minus_months(*months);
        let start = since
            .unwrap_or_else(|| running_since.map_or(counted_back, |ran| ran.max(counted_back)));
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

/// What is given back for the rest of a term, from the price of the whole: its share, a started micro not counted.
///
/// # Errors
/// [`MoneyError::TooLarge`].
pub fn refund_amount(price: Money, left: TermLeft) -> Result<Money, MoneyError> {
    price.ratio(left.left_us, left.whole_us, Rounding::Down)
}

/// A term after `months` more were paid for at `now`, with its end. They follow the present term, and lengthen it, so that
/// what is left of it is left of both; where that is over, they are a term of their own that begins now.
pub fn term_renewed(
    charge: &Charge,
    expires_at: Moment,
    months: u32,
    now: Moment,
) -> (Charge, Moment) {
    let Charge::Prepaid {
        months: before,
        renew_months,
        since,
    } = charge
    else {
        return (charge.clone(), expires_at);
    };
    let (months_in_all, since, begin) = match expires_at > now {
        true => (before.saturating_add(months), *since, expires_at),
        false => (months, Some(now), now),
    };
    let renewed = Charge::Prepaid {
        months: months_in_all,
        renew_months: *renew_months,
        since,
    };
    (renewed, begin.plus_months(months))
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
    /// More months for what is paid in advance.
    Renew,
    /// From pay-as-you-go to a term that is paid in advance.
    Convert,
    /// The rest of a term given back: its total is what the customer receives.
    Refund,
}

impl OrderKind {
    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Resize => "change",
            Self::Renew => "renew",
            Self::Convert => "convert",
            Self::Refund => "refund",
        }
    }

    /// All kinds, for tables.
    pub const ALL: [Self; 5] = [
        Self::New,
        Self::Resize,
        Self::Renew,
        Self::Convert,
        Self::Refund,
    ];

    /// The kind of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
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

/// What an order bought, each line the same: it stays what it was, while instances change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPlan {
    /// What was ordered.
    pub plan: Plan,
    /// What the instance was before, where the order changed one.
    pub before: Option<Plan>,
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
mod tests;
