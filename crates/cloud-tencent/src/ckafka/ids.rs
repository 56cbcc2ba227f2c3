//! The forms of Tencent Cloud's identifiers.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{Chance, InstanceId, LOWER_ALPHANUMERIC, OrderId};
use sha2::{Digest, Sha256};

/// What an instance id begins with.
const INSTANCE_PREFIX: &str = "ckafka-";
/// Letters and digits after `ckafka-` and `topic-`.
const ID_CHARS: usize = 8;
/// Digits of a deal name after its date and time: 23 digits in all, as in the vendor's examples.
const DEAL_RANDOM_DIGITS: usize = 9;
/// Letters and digits are digits of this base.
const BASE: i64 = 36;

/// A new instance id: `ckafka-` and eight of `[a-z0-9]`.
pub fn instance_id(chance: &Chance) -> InstanceId {
    InstanceId::new(format!(
        "{INSTANCE_PREFIX}{}",
        chance.text(LOWER_ALPHANUMERIC, ID_CHARS)
    ))
}

/// A new topic id: `topic-` and eight of `[a-z0-9]`.
pub fn topic_id(chance: &Chance) -> String {
    format!("topic-{}", chance.text(LOWER_ALPHANUMERIC, ID_CHARS))
}

/// The id of a topic that a Kafka client made: always the same for the same name on the same instance.
pub fn topic_id_of_name(instance: &InstanceId, name: &str) -> String {
    let hash = Sha256::digest(format!("{instance}/{name}"));
    let letters = hash.iter().take(ID_CHARS).map(|byte| {
        let at = usize::from(*byte) % LOWER_ALPHANUMERIC.len();
        char::from(LOWER_ALPHANUMERIC[at])
    });
    format!("topic-{}", letters.collect::<String>())
}

/// A new deal name: the time as `YYYYMMDDhhmmss`, then random digits.
pub fn deal_name(now: Moment, chance: &Chance) -> OrderId {
    let (year, month, day, hour, minute, second) = now.civil();
    let random = chance.digits(DEAL_RANDOM_DIGITS);
    OrderId::new(format!(
        "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{random}"
    ))
}

/// The `FlowId` of whatever is under way on an instance: its id as a number, so that nothing has to be kept of a flow.
/// 0 (which a purchase answers, and which is no flow) for ids of another form.
pub fn flow_id(instance: &InstanceId) -> i64 {
    let digits = instance
        .as_str()
        .strip_prefix(INSTANCE_PREFIX)
        .unwrap_or_default();
    let known = digits.len() == ID_CHARS
        && digits
            .bytes()
            .all(|byte| LOWER_ALPHANUMERIC.contains(&byte));
    match i64::from_str_radix(digits, 36) {
        Ok(number) if known => number + 1,
        _ => 0,
    }
}

/// The instance of a [`flow_id`].
pub fn instance_of_flow(flow_id: i64) -> Option<InstanceId> {
    let mut rest = flow_id.checked_sub(1).filter(|number| *number >= 0)?;
    let mut letters = Vec::with_capacity(ID_CHARS);
    for _ in 0..ID_CHARS {
        let digit = u32::try_from(rest % BASE).ok()?;
        letters.push(char::from_digit(digit, 36)?);
        rest /= BASE;
    }
    let digits: String = letters.iter().rev().collect();
    (rest == 0).then(|| InstanceId::new(format!("{INSTANCE_PREFIX}{digits}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_flow_leads_back_to_its_instance(digits in "[a-z0-9]{8}") {
            let id = InstanceId::new(format!("ckafka-{digits}"));
            let flow = flow_id(&id);
            prop_assert!(flow > 0);
            prop_assert_eq!(instance_of_flow(flow), Some(id));
        }

        #[test]
        fn any_number_is_a_flow_or_none(number in any::<i64>()) {
            if let Some(id) = instance_of_flow(number) {
                prop_assert_eq!(flow_id(&id), number);
            }
        }
    }

    #[test]
    fn ids_of_another_form_have_no_flow() {
        let check = |id: &str| assert_eq!(flow_id(&InstanceId::new(id)), 0, "{id}");
        check("ckafka-");
        check("ckafka-ABCDEFGH");
        check("ckafka-+bcdefgh");
        check("other-abcdefgh");
        assert_eq!(instance_of_flow(0), None);
    }

    #[test]
    fn topic_ids_have_the_vendors_form() {
        let instance = InstanceId::new("ckafka-abcdefgh");
        for id in [
            topic_id(&Chance::seeded(1)),
            topic_id_of_name(&instance, "orders"),
        ] {
            let digits = id.strip_prefix("topic-").unwrap();
            assert!(
                digits.len() == 8 && digits.bytes().all(|b| LOWER_ALPHANUMERIC.contains(&b)),
                "{id}"
            );
        }
        assert_eq!(
            topic_id_of_name(&instance, "a"),
            topic_id_of_name(&instance, "a")
        );
        assert_ne!(
            topic_id_of_name(&instance, "a"),
            topic_id_of_name(&instance, "b")
        );
    }
}
