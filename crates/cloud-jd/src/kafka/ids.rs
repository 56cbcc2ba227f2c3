//! The forms of JD Cloud's identifiers. The vendor publishes none: these are ours.

use brokerage_domain::id::{Chance, InstanceId, LOWER_ALPHANUMERIC, OrderId};

/// Letters and digits after `kafka-`.
const INSTANCE_CHARS: usize = 10;

/// A new instance id: `kafka-` and ten of `[a-z0-9]`.
pub fn instance_id(chance: &Chance) -> InstanceId {
    InstanceId::new(format!(
        "kafka-{}",
        chance.text(LOWER_ALPHANUMERIC, INSTANCE_CHARS)
    ))
}

/// A new `buyId`: a UUID.
pub fn buy_id(chance: &Chance) -> OrderId {
    OrderId::new(chance.uuid())
}
