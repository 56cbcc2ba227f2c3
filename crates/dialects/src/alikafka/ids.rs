//! The forms of AliKafka's identifiers.

use brokerage_domain::id::{Chance, InstanceId, LOWER_ALPHANUMERIC, OrderId};

/// Letters and digits at the end of an instance id.
const INSTANCE_CHARS: usize = 11;
/// Digits of an order id. BSS answers some of them as integers, so that they stay below 2^53.
const ORDER_DIGITS: usize = 15;

/// A new instance id: how it is paid for, the site, and eleven of `[a-z0-9]`.
pub fn instance_id(chance: &Chance, prepaid: bool) -> InstanceId {
    let kind = if prepaid { "pre" } else { "post" };
    InstanceId::new(format!(
        "alikafka_{kind}-cn-{}",
        chance.text(LOWER_ALPHANUMERIC, INSTANCE_CHARS)
    ))
}

/// A new order id.
pub fn order_id(chance: &Chance) -> OrderId {
    OrderId::new(chance.digits(ORDER_DIGITS))
}

/// The instance and the topic or group of a tag's resource id, `Kafka_<instance>_<name>`. Instance ids hold one
/// underscore themselves (`alikafka_post-cn-…`).
pub fn resource_parts(resource: &str) -> Option<(InstanceId, &str)> {
    let rest = resource.strip_prefix("Kafka_")?;
    let (kind, rest) = rest.split_once('_')?;
    let (id, name) = rest.split_once('_')?;
    (!name.is_empty()).then(|| (InstanceId::new(format!("{kind}_{id}")), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_id_is_taken_apart() {
        let check = |resource: &str, expected: Option<(&str, &str)>| {
            let parts = resource_parts(resource);
            assert_eq!(
                parts.as_ref().map(|(id, name)| (id.as_str(), *name)),
                expected,
                "{resource}"
            );
        };
        check(
            "Kafka_alikafka_post-cn-v0h1_a_b",
            Some(("alikafka_post-cn-v0h1", "a_b")),
        );
        check("Kafka_alikafka_post-cn-v0h1_", None);
        check("Kafka_alikafka_post-cn-v0h1", None);
        check("alikafka_post-cn-v0h1", None);
    }
}
