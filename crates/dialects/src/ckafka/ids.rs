//! The forms of Tencent Cloud's identifiers.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{Chance, InstanceId, LOWER_ALPHANUMERIC, OrderId};

/// Letters and digits after `ckafka-`.
const INSTANCE_CHARS: usize = 8;
/// Digits of a deal name after its date and time: 23 digits in all, as in the vendor's examples.
const DEAL_RANDOM_DIGITS: usize = 9;

/// A new instance id: `ckafka-` and eight of `[a-z0-9]`.
pub fn instance_id(chance: &Chance) -> InstanceId {
    InstanceId::new(format!("ckafka-{}", chance.text(LOWER_ALPHANUMERIC, INSTANCE_CHARS)))
}

/// A new deal name: the time as `YYYYMMDDhhmmss`, then random digits.
pub fn deal_name(now: Moment, chance: &Chance) -> OrderId {
    let (year, month, day, hour, minute, second) = now.civil();
    let random = chance.digits(DEAL_RANDOM_DIGITS);
    OrderId::new(format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{random}"))
}
