use super::*;
use proptest::prelude::*;

#[test]
fn decimal_text_is_read_exactly_or_refused() {
    let check = |text: &str, expected: Result<i64, MoneyError>| {
        assert_eq!(
            text.parse::<Money>().map(Money::micros),
            expected,
            "{text:?}"
        );
    };
    check("2.42", Ok(2_420_000));
    check("0.000625", Ok(625));
    check("0.00034", Ok(340));
    check("32925", Ok(32_925_000_000));
    check("-0.5", Ok(-500_000));
    check("-0", Ok(0));
    check("9223372036854.775807", Ok(i64::MAX));
    check("-9223372036854.775808", Ok(i64::MIN));
    check("9223372036854.775808", Err(MoneyError::TooLarge));
    for text in [
        "",
        "-",
        ".5",
        "5.",
        "1.0000001",
        "1e3",
        "+1",
        " 1",
        "1 ",
        "--1",
        "1.-5",
        "٣",
        "1_000",
        "0.1.2",
    ] {
        check(text, Err(MoneyError::NotDecimal));
    }
    check("00000000000000000000001", Err(MoneyError::NotDecimal));
}

#[test]
fn an_amount_is_shown_with_the_decimals_that_it_needs() {
    let check = |micros: i64, decimals_min: usize, expected: &str| {
        assert_eq!(
            Money::from_micros(micros).to_decimal(decimals_min),
            expected
        );
    };
    check(2_420_000, 0, "2.42");
    check(3_000_000, 0, "3");
    check(3_000_000, 2, "3.00");
    check(625, 2, "0.000625");
    check(-5, 0, "-0.000005");
    check(0, 0, "0");
    check(i64::MIN, 0, "-9223372036854.775808");
    check(1, 99, "0.000001");
    assert_eq!(format!("{:>8}", Money::from_micros(2_420_000)), "    2.42");
}

#[test]
fn rounding_goes_where_it_is_told() {
    let check =
        |micros: i64, numerator: i64, denominator: i64, up: i64, down: i64, half_up: i64| {
            let ratio = |rounding| {
                Money::from_micros(micros)
                    .ratio(numerator, denominator, rounding)
                    .map(Money::micros)
            };
            assert_eq!(ratio(Rounding::Up), Ok(up), "up");
            assert_eq!(ratio(Rounding::Down), Ok(down), "down");
            assert_eq!(ratio(Rounding::HalfUp), Ok(half_up), "half up");
        };
    check(10, 1, 3, 4, 3, 3);
    check(10, 1, 4, 3, 2, 3);
    check(-10, 1, 4, -3, -2, -3);
    check(10, -1, 4, -3, -2, -3);
    check(10, 1, -4, -3, -2, -3);
    check(-10, 1, 3, -4, -3, -3);
    check(12, 1, 4, 3, 3, 3);
    check(0, 7, 9, 0, 0, 0);
}

#[test]
fn what_does_not_fit_is_an_error_and_never_wraps() {
    assert_eq!(
        Money::MAX.checked_add(Money::from_micros(1)),
        Err(MoneyError::TooLarge)
    );
    assert_eq!(
        Money::from_micros(i64::MIN).checked_neg(),
        Err(MoneyError::TooLarge)
    );
    assert_eq!(
        Money::from_micros(i64::MIN).checked_sub(Money::from_micros(1)),
        Err(MoneyError::TooLarge)
    );
    assert_eq!(Money::MAX.checked_mul(2), Err(MoneyError::TooLarge));
    assert_eq!(
        Money::MAX.ratio(2, 1, Rounding::Up),
        Err(MoneyError::TooLarge)
    );
    assert_eq!(
        Money::MAX.ratio(1, 0, Rounding::Up),
        Err(MoneyError::DividedByZero)
    );
    assert_eq!(
        Money::sum([Money::MAX, Money::MAX]),
        Err(MoneyError::TooLarge)
    );
    let passing = [Money::MAX, Money::MAX, Money::from_micros(-i64::MAX)];
    assert_eq!(
        Money::sum(passing),
        Ok(Money::MAX),
        "only the result has to fit"
    );
}

#[test]
fn minor_units_are_hundredths() {
    assert_eq!(Money::from_minor(242), "2.42".parse());
    let amount: Money = "1.005".parse().unwrap();
    assert_eq!(amount.to_minor(Rounding::HalfUp), 101);
    assert_eq!(amount.to_minor(Rounding::Down), 100);
    assert_eq!(
        "-1.005"
            .parse::<Money>()
            .unwrap()
            .to_minor(Rounding::HalfUp),
        -101
    );
    assert_eq!(
        Money::MAX.to_minor(Rounding::Up),
        i64::MAX / MICROS_PER_MINOR + 1
    );
}

#[test]
fn currencies_are_known_by_their_code() {
    for currency in Currency::ALL {
        assert_eq!(currency.code().parse(), Ok(currency));
    }
    assert_eq!("EUR".parse::<Currency>(), Err(MoneyError::UnknownCurrency));
}

proptest! {
    #[test]
    fn every_amount_survives_its_text_and_its_json(micros: i64) {
        let amount = Money::from_micros(micros);
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        prop_assert_eq!(amount.to_decimal(2).parse(), Ok(amount));
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert!(json.starts_with('"'));
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
    }

    #[test]
    fn rounding_is_within_one_and_ordered(micros in -1_000_000_000_i64..1_000_000_000, numerator in 0_i64..10_000, denominator in 1_i64..10_000) {
        let ratio = |rounding| Money::from_micros(micros).ratio(numerator, denominator, rounding).unwrap().micros();
        let exact_times_denominator = micros * numerator;
        for rounding in [Rounding::Up, Rounding::Down, Rounding::HalfUp] {
            let error = ratio(rounding) * denominator - exact_times_denominator;
            prop_assert!(error.abs() < denominator);
        }
        prop_assert!((ratio(Rounding::HalfUp) * denominator - exact_times_denominator).abs() * 2 <= denominator);
        prop_assert!(ratio(Rounding::Up).abs() >= ratio(Rounding::Down).abs());
    }
}
