//! The forms of AliKafka's identifiers.

use brokerage_domain::id::{InstanceId, OrderId, base36};

/// Letters and digits at the end of an instance id.
const INSTANCE_CHARS: usize = 11;
/// Spreads a serial number over all eleven characters; the product stays below 2^64 and in order.
const INSTANCE_STEP: u64 = 31;

/// The instance id of a serial number: how it is paid for, the site, and eleven of `[a-z0-9]`.
pub fn instance_id(serial: u64, prepaid: bool) -> InstanceId {
    let kind = if prepaid { "pre" } else { "post" };
    let number = serial.saturating_mul(INSTANCE_STEP);
    InstanceId::new(format!(
        "alikafka_{kind}-cn-{}",
        base36(number, INSTANCE_CHARS)
    ))
}

/// Whether a text has the form of an instance id, also of one that is not there any more.
pub fn is_instance_id(text: &str) -> bool {
    let rest = text.strip_prefix("alikafka_");
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

/// The order id of a serial number: digits. BSS answers some of them as integers, and JSON readers keep those exact
/// up to 2^53, far beyond serial numbers.
pub fn order_id(serial: u64) -> OrderId {
    OrderId::new(serial.to_string())
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_resource_id_of_any_topic_gives_back_its_parts(
            serial in 0u64..1 << 53,
            prepaid in any::<bool>(),
            topic in "[A-Za-z0-9._-]{1,64}",
        ) {
            let id = instance_id(serial, prepaid);
            let resource = format!("Kafka_{id}_{topic}");
            prop_assert_eq!(resource_parts(&resource), Some((id, topic.as_str())));
        }

        #[test]
        fn any_text_is_a_resource_id_or_none(text in "[Kafk_a-]{0,24}") {
            if let Some((id, name)) = resource_parts(&text) {
                prop_assert_eq!(format!("Kafka_{id}_{name}"), text);
            }
        }
    }

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
