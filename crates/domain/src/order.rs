//! Orders: one purchase, its lines (one for each instance bought), and when its money moves.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{AccountId, InstanceId, OrderId, TransferId};
use crate::money::{Currency, Money};

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
    /// A change of what was bought.
    Change,
}

impl OrderKind {
    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Change => "change",
        }
    }

    /// The kind of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::New, Self::Change]
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

    #[test]
    fn stored_words_are_read_back() {
        for state in LineState::ALL {
            assert_eq!(LineState::from_word(state.word()), Some(state));
        }
    }
}
