//! ChargeSpec of a purchase: how it is paid, and the voucher of a campaign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brokerage_domain::clock::Moment;
use brokerage_domain::order::Charge;
use brokerage_wire::fault::{CallError, invalid, missing};
use brokerage_wire::params::{IndexBase, Param, decode, from_json, given};
use jiff::civil::Date;
use serde::Deserialize;

use super::notes::InstanceNotes;

/// Pay in advance for months or years.
pub const PREPAID: &str = "prepaid_by_duration";
/// Pay by the hour, for what is configured.
pub const POSTPAID: &str = "postpaid_by_duration";
/// Pay for what is used; the vendor's page excludes it for Kafka.
const POSTPAID_BY_USAGE: &str = "postpaid_by_usage";
/// Longest duration in months, and in years.
const MONTHS_MAX: i64 = 9;
const YEARS_MAX: i64 = 3;
const MONTHS_OF_A_YEAR: i64 = 12;
/// Largest `buyScenario`, in bytes of Base64.
const BUY_SCENARIO_BYTES_MAX: usize = 4_096;
/// The vendor's days begin at midnight in China.
const CHINA_OFFSET_HOURS: i8 = 8;

/// How a purchase is paid, as on the vendor's page; the two about changing the mode come with newer SDKs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeSpec {
    charge_mode: Option<String>,
    charge_unit: Option<String>,
    charge_duration: Option<i64>,
    auto_renew: Option<bool>,
    auto_change_charge_mode: Option<bool>,
    auto_change_charge_mode_date: Option<String>,
    buy_scenario: Option<String>,
}

/// The voucher of a campaign, before its Base64.
#[derive(Debug, Deserialize)]
struct BuyScenario {
    activity: Activity,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    activity_type: Param,
    activity_identifier: Param,
}

impl ChargeSpec {
    /// How the purchase is paid. Unit and duration count where the page says so: in advance, or with a change of
    /// mode. `None` for the whole is the default mode.
    ///
    /// # Errors
    /// The first parameter that breaks a rule of the page.
    pub fn charge(&self, now: Moment) -> Result<Charge, CallError> {
        self.check_buy_scenario()?;
        let changes = self.auto_change_charge_mode.unwrap_or(false);
        match given(self.charge_mode.as_ref()).unwrap_or(POSTPAID) {
            PREPAID if changes => Err(invalid(
                "charge.autoChangeChargeMode",
                "is for pay-as-you-go; this is prepaid already",
            )),
            PREPAID => {
                let months = self.months()?;
                let renew_months = self.auto_renew.unwrap_or(false).then_some(months);
                Ok(Charge::prepaid(months, renew_months))
            }
            POSTPAID => {
                if changes {
                    self.months()?;
                    self.check_change_date(now)?;
                }
                Ok(Charge::Postpaid)
            }
            POSTPAID_BY_USAGE => Err(invalid("charge.chargeMode", "Kafka is not sold by usage")),
            _ => Err(invalid(
                "charge.chargeMode",
                format!("must be {PREPAID} or {POSTPAID}"),
            )),
        }
    }

    /// What is kept to be shown to the operator.
    pub fn notes(&self) -> InstanceNotes {
        let changes = self.auto_change_charge_mode.unwrap_or(false);
        let date = self.auto_change_charge_mode_date.clone();
        InstanceNotes {
            change_date: date.filter(|_| changes),
            change_unit: self.charge_unit.clone().filter(|_| changes),
            change_duration: self.charge_duration.filter(|_| changes),
            buy_scenario: given(self.buy_scenario.as_ref()).map(str::to_owned),
            ..InstanceNotes::default()
        }
    }

    /// The length of a term: 1 to 9 months, or 1 to 3 years.
    fn months(&self) -> Result<u32, CallError> {
        let duration = self
            .charge_duration
            .ok_or_else(|| missing("charge.chargeDuration"))?;
        let (max, factor, unit) = match given(self.charge_unit.as_ref()).unwrap_or("month") {
            "month" => (MONTHS_MAX, 1, "months"),
            "year" => (YEARS_MAX, MONTHS_OF_A_YEAR, "years"),
            _ => return Err(invalid("charge.chargeUnit", "must be month or year")),
        };
        let months = Some(duration)
            .filter(|duration| (1..=max).contains(duration))
            .map(|duration| duration * factor);
        let months = months.and_then(|months| u32::try_from(months).ok());
        months.ok_or_else(|| {
            invalid(
                "charge.chargeDuration",
                format!("must be from 1 to {max} {unit}"),
            )
        })
    }

    /// The change runs at midnight of a day, which has to come.
    fn check_change_date(&self, now: Moment) -> Result<(), CallError> {
        const NAME: &str = "charge.autoChangeChargeModeDate";
        let text =
            given(self.auto_change_charge_mode_date.as_ref()).ok_or_else(|| missing(NAME))?;
        let date = Some(text).filter(|text| text.len() == "yyyy-MM-dd".len());
        let date = date.and_then(|text| Date::strptime("%Y-%m-%d", text).ok());
        let date = date.ok_or_else(|| invalid(NAME, "must be a day as yyyy-MM-dd"))?;
        let midnight = jiff::tz::offset(CHINA_OFFSET_HOURS).to_timestamp(date.at(0, 0, 0, 0));
        match midnight {
            Ok(midnight) if midnight.as_second() > now.seconds() => Ok(()),
            _ => Err(invalid(NAME, "must be a day to come")),
        }
    }

    fn check_buy_scenario(&self) -> Result<(), CallError> {
        const NAME: &str = "charge.buyScenario";
        let Some(text) = given(self.buy_scenario.as_ref()) else {
            return Ok(());
        };
        if text.len() > BUY_SCENARIO_BYTES_MAX {
            return Err(invalid(
                NAME,
                format!("has more than {BUY_SCENARIO_BYTES_MAX} bytes"),
            ));
        }
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| invalid(NAME, "is not Base64"))?;
        let tree =
            from_json(&bytes).map_err(|_| invalid(NAME, "is not the Base64 of a JSON object"))?;
        let within = |name: &str| format!("{NAME}.{name}");
        let BuyScenario { activity } = decode(&tree, IndexBase::One)
            .map_err(|fault| match fault.name() {
                "" => invalid(NAME, "has no activity"),
                name => missing(within(name)),
            })?
            .value;
        for (name, value) in [
            ("activity.activityType", &activity.activity_type),
            ("activity.activityIdentifier", &activity.activity_identifier),
        ] {
            if value.as_text().is_none_or(|text| text.is_empty()) {
                return Err(missing(within(name)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// 2026-11-23T16:30:00Z, which is 24 November in China.
    const NOW: Moment = Moment::from_seconds(1_795_451_400);

    fn check(spec: Value, expected: Result<Charge, &str>) {
        let tree = from_json(spec.to_string().as_bytes()).unwrap();
        let charge = decode::<ChargeSpec>(&tree, IndexBase::One)
            .unwrap()
            .value
            .charge(NOW);
        match (charge.map_err(|error| error.to_string()), expected) {
            (Ok(charge), Ok(expected)) => assert_eq!(charge, expected, "{spec}"),
            (Err(message), Err(part)) => assert!(message.contains(part), "{spec}: {message}"),
            (charge, expected) => panic!("{spec}: {charge:?}, not {expected:?}"),
        }
    }

    fn prepaid(months: u32, renew_months: Option<u32>) -> Result<Charge, &'static str> {
        Ok(Charge::prepaid(months, renew_months))
    }

    #[test]
    fn the_mode_is_the_pages() {
        check(json!({}), Ok(Charge::Postpaid));
        check(
            json!({ "chargeMode": null, "chargeUnit": null, "chargeDuration": null }),
            Ok(Charge::Postpaid),
        );
        check(
            json!({ "chargeMode": POSTPAID, "chargeDuration": 99, "autoRenew": true }),
            Ok(Charge::Postpaid),
        );
        check(
            json!({ "chargeMode": "postpaid_by_usage" }),
            Err("charge.chargeMode"),
        );
        check(json!({ "chargeMode": "free" }), Err("charge.chargeMode"));
    }

    #[test]
    fn a_prepaid_term_is_one_to_nine_months_or_one_to_three_years() {
        let spec = |unit: &str, duration: i64| json!({ "chargeMode": PREPAID, "chargeUnit": unit, "chargeDuration": duration });
        check(
            json!({ "chargeMode": PREPAID, "chargeDuration": 2 }),
            prepaid(2, None),
        );
        check(
            json!({ "chargeMode": PREPAID, "chargeDuration": "2", "autoRenew": true }),
            prepaid(2, Some(2)),
        );
        check(spec("month", 1), prepaid(1, None));
        check(spec("month", 9), prepaid(9, None));
        check(spec("year", 1), prepaid(12, None));
        check(spec("year", 3), prepaid(36, None));
        for (unit, duration) in [
            ("month", 0),
            ("month", 10),
            ("year", 0),
            ("year", 4),
            ("month", -1),
        ] {
            check(spec(unit, duration), Err("charge.chargeDuration"));
        }
        check(spec("week", 1), Err("charge.chargeUnit"));
        check(
            json!({ "chargeMode": PREPAID }),
            Err("parameter charge.chargeDuration is missing"),
        );
    }

    #[test]
    fn a_change_to_prepaid_needs_its_term_and_a_day_to_come() {
        let spec = |date: Value| json!({ "autoChangeChargeMode": true, "chargeDuration": 1, "autoChangeChargeModeDate": date });
        check(spec(json!("2026-11-25")), Ok(Charge::Postpaid));
        for date in [
            "2026-11-24",
            "2026-11-31",
            "2026-1-05",
            "25.11.2026",
            "2026-11-25 ",
        ] {
            check(
                spec(json!(date)),
                Err("charge.autoChangeChargeModeDate is invalid"),
            );
        }
        check(
            spec(Value::Null),
            Err("charge.autoChangeChargeModeDate is missing"),
        );
        check(
            json!({ "autoChangeChargeMode": true }),
            Err("charge.chargeDuration is missing"),
        );
        check(
            json!({ "chargeMode": PREPAID, "chargeDuration": 1, "autoChangeChargeMode": true }),
            Err("charge.autoChangeChargeMode is invalid"),
        );
        check(
            json!({ "autoChangeChargeMode": false, "autoChangeChargeModeDate": "?" }),
            Ok(Charge::Postpaid),
        );
    }

    #[test]
    fn a_voucher_names_its_activity_twice() {
        let voucher = |text: &str| json!({ "buyScenario": STANDARD.encode(text) });
        let sound = r#"{"activity":{"activityType":1,"activityIdentifier":"spring","more":{}}}"#;
        check(voucher(sound), Ok(Charge::Postpaid));
        check(json!({ "buyScenario": "" }), Ok(Charge::Postpaid));
        check(
            json!({ "buyScenario": "no base64!" }),
            Err("charge.buyScenario is invalid: is not Base64"),
        );
        check(
            json!({ "buyScenario": "A".repeat(4_100) }),
            Err("more than 4096 bytes"),
        );
        check(voucher("[]"), Err("JSON object"));
        check(voucher("{}"), Err("charge.buyScenario.activity is missing"));
        check(
            voucher(r#"{"activity":{"activityType":1}}"#),
            Err("activity.activityIdentifier is missing"),
        );
        check(
            voucher(r#"{"activity":{"activityType":"","activityIdentifier":"x"}}"#),
            Err("activity.activityType is missing"),
        );
    }
}
