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
    let prepaid = |months| Charge::prepaid(months, None);
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
        let charge = Charge::prepaid(1, None);
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
    let charge = Charge::prepaid(1, Some(1));
    let left = charge.term_left(Some(ran), Some(ran.plus_months(3)), ran.plus_months(2));
    assert_eq!(left.left_us, left.whole_us);
    assert_eq!(left.whole_us, 31 * DAY_S * 1_000_000);
}

proptest! {
    /// Whoever gives a term back gets what is left of it and never more than it cost, however it was put together.
    #[test]
    fn what_is_left_of_a_term_is_what_was_paid_for_it(
        months in 1..36_u32,
        renewals in proptest::collection::vec((0..60 * DAY_S, 1..36_u32), 0..4),
        began_s in 0..366 * DAY_S,
        month_price in 0..1_000_000_000_i64,
    ) {
        let began = Moment::from_seconds(1_767_225_600 + began_s);
        let mut now = began;
        let mut charge = Charge::prepaid(months, None);
        let mut end = began.plus_months(months);
        let price = |charge: &Charge| match charge {
            Charge::Prepaid { months, .. } => Money::from_micros(month_price * i64::from(*months)),
            Charge::Postpaid => Money::ZERO,
        };
        for (passed_s, more) in renewals {
            now = now.plus_seconds(passed_s);
            let before = refund_amount(price(&charge), charge.term_left(Some(began), Some(end), now))?;
            let (renewed, later) = term_renewed(&charge, end, more, now);
            prop_assert!(later > end && later > now);
            (charge, end) = (renewed, later);
            let left = charge.term_left(Some(began), Some(end), now);
            let after = refund_amount(price(&charge), left)?;
            prop_assert!(after <= price(&charge));
            prop_assert!(after >= before);
            if left.left_us == left.whole_us {
                prop_assert_eq!(after, price(&charge));
            }
        }
        let over = charge.term_left(Some(began), Some(end), end);
        prop_assert_eq!(refund_amount(price(&charge), over)?, Money::ZERO);
    }
}

#[test]
fn a_term_that_is_over_begins_anew_with_its_renewal() {
    let ran = Moment::from_seconds(1_769_817_600); // 2026-01-31T00:00:00Z
    let charge = Charge::prepaid(1, None);
    let end = ran.plus_months(1);
    let late = end.plus_seconds(DAY_S);
    let (renewed, later) = term_renewed(&charge, end, 2, late);
    assert_eq!(later, late.plus_months(2));
    let left = renewed.term_left(Some(ran), Some(later), late);
    assert_eq!(left.left_us, left.whole_us);
    let (renewed, later) = term_renewed(&charge, end, 2, ran);
    assert_eq!(later, end.plus_months(2));
    assert_eq!(renewed, Charge::prepaid(3, None));
    assert_eq!(
        term_renewed(&Charge::Postpaid, end, 2, ran),
        (Charge::Postpaid, end)
    );
}

#[test]
fn charges_of_before_are_read_and_written_back_to_the_byte() {
    for row in [
        r#"{"mode":"postpaid"}"#,
        r#"{"mode":"prepaid","months":12,"renew_months":null}"#,
        r#"{"mode":"prepaid","months":1,"renew_months":3}"#,
    ] {
        let charge: Charge = serde_json::from_str(row).unwrap();
        assert_eq!(serde_json::to_string(&charge).unwrap(), row);
    }
}

#[test]
fn stored_words_are_read_back() {
    for kind in OrderKind::ALL {
        assert_eq!(OrderKind::from_word(kind.word()), Some(kind));
    }
    for state in LineState::ALL {
        assert_eq!(LineState::from_word(state.word()), Some(state));
    }
}
