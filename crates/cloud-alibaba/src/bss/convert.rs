//! Between the order system's words and the domain's.

use brokerage_control::Context;
use brokerage_control::order::ClientToken;
use brokerage_domain::catalog::Plan;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::{ID_BYTES_MAX, OrderId};
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::money::{Money, Rounding};
use brokerage_domain::order::{Charge, Order, OrderKind, OrderLine};
use brokerage_wire::fault::{CallError, invalid};
use brokerage_wire::page::Page;
use brokerage_wire::params::given;
use serde::Serialize;
use serde_json::Number;
use sha2::{Digest, Sha256};

use super::fault::{invalid_owner, not_sold, order_check};
use super::property::{MINUTES_PER_HOUR, Property};

/// `ProductCode` of Kafka.
pub const PRODUCT_CODE: &str = "alikafka";
/// `PageSize` where none is given.
const PAGE_SIZE_DEFAULT: i64 = 20;
/// Largest `PageSize`.
const PAGE_SIZE_MAX: i64 = 300;
/// Decimals of amounts as text.
const AMOUNT_DECIMALS: usize = 2;
/// Months in a year.
pub const MONTHS_PER_YEAR: u32 = 12;
/// How far ahead the end of pay-as-you-go is shown, months: a century, as the vendor shows it.
const NEVER_MONTHS: u32 = 100 * MONTHS_PER_YEAR;

/// `SubscriptionType`: how an instance is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// In advance.
    Subscription,
    /// By the hour.
    PayAsYouGo,
}

impl Subscription {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Subscription, Self::PayAsYouGo];

    /// That of a charge.
    pub const fn of(charge: &Charge) -> Self {
        match charge {
            Charge::Prepaid { .. } => Self::Subscription,
            Charge::Postpaid => Self::PayAsYouGo,
        }
    }

    /// Reads `SubscriptionType`.
    ///
    /// # Errors
    /// For any other word.
    pub fn parse(word: &str) -> Result<Self, CallError> {
        let found = Self::ALL.into_iter().find(|known| known.word() == word);
        found.ok_or_else(|| invalid("SubscriptionType", "not Subscription or PayAsYouGo"))
    }

    /// That of orders whose term is paid in advance, or is not.
    pub const fn of_prepaid(is_prepaid: bool) -> Self {
        match is_prepaid {
            true => Self::Subscription,
            false => Self::PayAsYouGo,
        }
    }

    /// The vendor's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Subscription => "Subscription",
            Self::PayAsYouGo => "PayAsYouGo",
        }
    }

    /// `ProductType`, which is the commodity code as well.
    pub const fn product_type(self) -> &'static str {
        match self {
            Self::Subscription => "alikafka_pre",
            Self::PayAsYouGo => "alikafka_post",
        }
    }

    /// The name for people.
    pub const fn product_name(self) -> &'static str {
        match self {
            Self::Subscription => "Message Queue for Apache Kafka (subscription)",
            Self::PayAsYouGo => "Message Queue for Apache Kafka (pay-as-you-go)",
        }
    }

    /// Whether the goods that these filters name are sold in this way; an absent filter takes everything.
    pub fn is_named(
        self,
        product_code: Option<&str>,
        product_type: Option<&str>,
        subscription: Option<Self>,
    ) -> bool {
        product_code.is_none_or(|code| code == PRODUCT_CODE)
            && product_type.is_none_or(|name| name == self.product_type())
            && subscription.is_none_or(|wanted| wanted == self)
    }
}

/// Refuses a call for somebody else's account: `OwnerId` is old, hidden, and still sent by some clients.
///
/// # Errors
/// `InvalidOwner`.
pub fn check_owner(cx: &Context, owner_id: Option<i64>) -> Result<(), CallError> {
    match owner_id {
        Some(owner) if owner != cx.principal.account_number => Err(invalid_owner().into()),
        _ => Ok(()),
    }
}

/// Refuses a product that is not sold here, and a type that is not the instance's.
///
/// # Errors
/// The page's refusal of an order.
pub fn check_product(
    code: Option<&str>,
    product_type: Option<&str>,
    instance: &Instance,
) -> Result<(), CallError> {
    if code.is_some_and(|code| code != PRODUCT_CODE) {
        return Err(not_sold().into());
    }
    let expected = Subscription::of(&instance.charge).product_type();
    match product_type {
        Some(named) if named != expected => {
            let reason = format!("ProductType must be {expected} for {}", instance.id);
            Err(order_check(&reason).into())
        }
        _ => Ok(()),
    }
}

/// `ClientToken`, bound to what has to be equal when it comes again.
///
/// # Errors
/// One that is too long.
pub fn client_token(
    token: Option<&String>,
    bound: &impl Serialize,
) -> Result<Option<ClientToken>, CallError> {
    let Some(token) = given(token) else {
        return Ok(None);
    };
    if token.len() > ID_BYTES_MAX {
        let reason = format!("longer than {ID_BYTES_MAX} bytes");
        return Err(invalid("ClientToken", reason));
    }
    let text = serde_json::to_vec(bound).map_err(brokerage_domain::Error::internal)?;
    Ok(Some(ClientToken {
        token: token.to_owned(),
        request_hash: Sha256::digest(text).into(),
    }))
}

/// The page that `PageNum` and `PageSize` name.
///
/// # Errors
/// Outside their ranges.
pub fn page(number: Option<i64>, size: Option<i64>) -> Result<Page, CallError> {
    let within = |value: i64, max: i64| {
        usize::try_from(value)
            .ok()
            .filter(|_| (1..=max).contains(&value))
    };
    let number = within(number.unwrap_or(1), i32::MAX.into());
    let size = within(size.unwrap_or(PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX);
    Ok(Page::numbered(
        number.ok_or_else(|| invalid("PageNum", "not from 1"))?,
        size.ok_or_else(|| invalid("PageSize", format!("not from 1 to {PAGE_SIZE_MAX}")))?,
    ))
}

/// A span of time named by two parameters; both ends belong to it, and an absent one is open.
///
/// # Errors
/// For other forms than `2016-05-23T12:00:00Z`, and for an end before its beginning.
pub fn span(
    (from_name, from): (&str, Option<&str>),
    (until_name, until): (&str, Option<&str>),
) -> Result<(Option<Moment>, Option<Moment>), CallError> {
    let from = from.map(|text| moment(from_name, text)).transpose()?;
    let until = until.map(|text| moment(until_name, text)).transpose()?;
    match (from, until) {
        (Some(from), Some(until)) if until < from => {
            Err(invalid(until_name, format!("before {from_name}")))
        }
        // Times are said in whole seconds: the second that ends a span belongs to it.
        (from, until) => Ok((from, until.map(|until| until.plus_seconds(1)))),
    }
}

/// Whether a moment lies in a span of [`span`].
pub fn in_span(at: Moment, (from, until): (Option<Moment>, Option<Moment>)) -> bool {
    from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
}

fn moment(name: &str, text: &str) -> Result<Moment, CallError> {
    let wrong = || invalid(name, "not a time such as 2016-05-23T12:00:00Z");
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    // Other forms of the standard are refused, so that one moment has one spelling.
    let at = Moment::from_seconds(at.as_second());
    if at.iso() == text {
        Ok(at)
    } else {
        Err(wrong())
    }
}

/// An amount as text with two decimals, rounded down: a balance is never shown larger than it is.
pub fn amount_text(amount: Money) -> String {
    let shown = Money::from_minor(amount.to_minor(Rounding::Down)).unwrap_or(amount);
    shown.to_decimal(AMOUNT_DECIMALS)
}

/// An amount as text, exact: two decimals or more.
pub fn amount_exact(amount: Money) -> String {
    amount.to_decimal(AMOUNT_DECIMALS)
}

/// An amount as a JSON number, written as its decimal text: exact for as many digits as clients can read.
///
/// # Errors
/// [`brokerage_domain::Error::Internal`]; a decimal text is a number.
pub fn amount_number(amount: Money) -> Result<Number, CallError> {
    serde_json::from_str(&amount.to_decimal(0))
        .map_err(|error| brokerage_domain::Error::internal(error).into())
}

/// The answer of operations that place an order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ordered {
    data: OrderedData,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OrderedData {
    order_id: String,
}

impl Ordered {
    /// The answer that names an order.
    pub fn new(order_id: &OrderId) -> Self {
        Self {
            data: OrderedData {
                order_id: order_id.to_string(),
            },
        }
    }
}

/// `RenewalStatus`, `RenewStatus`.
pub mod renewal {
    /// It renews itself.
    pub const AUTO: &str = "AutoRenewal";
    /// Its owner renews it.
    pub const MANUAL: &str = "ManualRenewal";
    /// It ends. Nothing here is sold so; a filter may name it.
    pub const NONE: &str = "NotRenewal";
}

/// How an instance is renewed; `None` where it never ends.
pub const fn renew_status(charge: &Charge) -> Option<&'static str> {
    match charge {
        Charge::Postpaid => None,
        Charge::Prepaid {
            renew_months: Some(_),
            ..
        } => Some(renewal::AUTO),
        Charge::Prepaid {
            renew_months: None, ..
        } => Some(renewal::MANUAL),
    }
}

/// `Status` of an available instance; `None` for one that is not available any more. The page has `Creating` and
/// `Normal`; the word for an instance that is stopped for want of money is ours.
pub const fn status(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::AwaitingStart | Phase::Provisioning => Some("Creating"),
        Phase::Running | Phase::Changing | Phase::Stopped => Some("Normal"),
        Phase::Suspended => Some("Expired"),
        Phase::Failed | Phase::Releasing | Phase::Released | Phase::Gone => None,
    }
}

/// `OrderType`.
pub const fn order_type(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::New => "New",
        OrderKind::Resize => "Upgrade",
        OrderKind::Renew => "Renew",
        OrderKind::Convert => "Convert",
        OrderKind::Refund => "Refund",
    }
}

/// `PaymentStatus`: an order is paid or it is not accepted, until its money goes back.
pub const fn payment_status(is_given_back: bool) -> &'static str {
    match is_given_back {
        false => "Paid",
        true => "Cancelled",
    }
}

/// What an order itself costs: a subscription its term, pay-as-you-go nothing (its hours are billed). What gives money back
/// costs less than nothing: so the amounts of all orders are what was paid.
///
/// # Errors
/// [`brokerage_domain::Error::Internal`]; no amount is that large.
pub fn order_amount(order: &Order) -> Result<Money, brokerage_domain::Error> {
    amount_of(order, order.total)
}

/// The same of one of its lines.
///
/// # Errors
/// As [`order_amount`].
pub fn line_amount(order: &Order, line: &OrderLine) -> Result<Money, brokerage_domain::Error> {
    amount_of(order, line.amount)
}

fn amount_of(order: &Order, amount: Money) -> Result<Money, brokerage_domain::Error> {
    match (&order.charge, order.kind) {
        (Charge::Postpaid, _) => Ok(Money::ZERO),
        (_, OrderKind::Refund) => Money::ZERO
            .checked_sub(amount)
            .map_err(brokerage_domain::Error::internal),
        _ => Ok(amount),
    }
}

/// When what an order bought begins to be used: a renewal when the term before it ends.
pub fn usage_start(order: &Order, instance: Option<&Instance>) -> Moment {
    let ran = || instance.and_then(|instance| instance.running_since);
    match &order.charge {
        Charge::Prepaid {
            since: Some(at), ..
        } => *at,
        _ => ran().unwrap_or(order.created_at),
    }
}

/// The end of an instance's term. Before its user starts it, which begins the term, it is that of one that began with the
/// order, as order details say.
pub fn term_end(instance: &Instance) -> Option<Moment> {
    let from_order = || instance.charge.expires_at(instance.created_at);
    instance.expires_at.or_else(from_order)
}

/// The end of what an order bought.
pub fn usage_end(order: &Order, instance: Option<&Instance>) -> Moment {
    if let Charge::Prepaid {
        since: Some(at), ..
    } = &order.charge
    {
        return order.charge.expires_at(*at).unwrap_or(*at);
    }
    let expires_at = instance.and_then(term_end);
    let from_order = || {
        order
            .charge
            .expires_at(order.created_at)
            .unwrap_or_else(|| order.created_at.plus_months(NEVER_MONTHS))
    };
    expires_at.unwrap_or_else(from_order)
}

/// A plan as order details show it: `topic_quata:[topic_quata:50;]disk_type:[disk_type:0;]…`.
pub fn original_config(plan: &Plan) -> String {
    let pairs = config_pairs(plan);
    pairs
        .iter()
        .map(|(code, value)| format!("{code}:[{code}:{value};]"))
        .collect()
}

/// The properties of a plan under the codes of order details. The word for partitions is ours, since no public
/// answer shows an order that bought any.
pub fn config_pairs(plan: &Plan) -> Vec<(&'static str, String)> {
    let bought = &plan.bought;
    let pairs = [
        (
            "topic_quata",
            bought.topics.map(|topics| topics.to_string()),
        ),
        (
            "partition_num",
            bought.partitions.map(|partitions| partitions.to_string()),
        ),
        ("disk_type", Some(bought.disk_type.clone())),
        ("disk_size", Some(bought.disk_gb.to_string())),
        (
            "msg_retain",
            Some((bought.retention_minutes / MINUTES_PER_HOUR).to_string()),
        ),
        ("region", Some(plan.region.clone())),
        ("IO_max", bought.bandwidth_mbps.map(|mbps| mbps.to_string())),
        ("IO_max_spec", plan.spec.clone()),
        ("spec_type", Some(plan.edition.clone())),
        (
            "eip",
            bought.deploy_public.then(|| bought.public_mbit.to_string()),
        ),
        ("vpc_deploy", Some((!bought.deploy_public).to_string())),
    ];
    let known: Vec<(&'static str, String)> = pairs
        .into_iter()
        .filter_map(|(code, value)| Some((code, value?)))
        .collect();
    debug_assert!(
        known
            .iter()
            .all(|(code, _)| Property::named(code).is_some()),
        "what is shown can be ordered"
    );
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_from_one() {
        let check = |number, size, expected: &[i32]| {
            assert_eq!(page(number, size).unwrap().cut(1..=45), expected);
        };
        check(Some(3), None, &[41, 42, 43, 44, 45]);
        check(Some(2), Some(2), &[3, 4]);
        check(Some(i64::from(i32::MAX)), Some(300), &[]);
        for (number, size) in [
            (Some(0), None),
            (Some(i64::MAX), None),
            (None, Some(0)),
            (None, Some(301)),
        ] {
            assert!(page(number, size).is_err(), "{number:?} {size:?}");
        }
    }

    #[test]
    fn a_span_has_both_its_ends() {
        let at = |text| moment("T", text).unwrap();
        let (noon, later) = ("2016-05-23T12:00:00Z", "2016-05-23T12:00:01Z");
        let both = span(("A", Some(noon)), ("B", Some(noon))).unwrap();
        assert!(in_span(at(noon), both));
        assert!(!in_span(at(later), both));
        assert!(in_span(at(later), span(("A", None), ("B", None)).unwrap()));
        assert!(span(("A", Some(later)), ("B", Some(noon))).is_err());
        for form in [
            "2016-05-23",
            "2016-05-23 12:00:00Z",
            "2016-05-23T12:00:00+00:00",
            "2016-05-23T12:00:00.5Z",
            "noon",
        ] {
            assert!(moment("T", form).is_err(), "{form}");
        }
    }

    #[test]
    fn balances_are_shown_with_two_decimals_and_never_larger() {
        let check = |amount: &str, text: &str| {
            assert_eq!(amount_text(amount.parse().unwrap()), text, "{amount}")
        };
        check("0", "0.00");
        check("100000000", "100000000.00");
        check("1.999999", "1.99");
        check("-0.5", "-0.50");
    }
}
