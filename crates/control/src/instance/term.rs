//! Terms that are paid in advance: lengthened, begun by what was paid by the hour, and given back. Each by an order of its
//! own, which is done in the transaction that places it.

use brokerage_domain::catalog::Plan;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::OrderId;
use brokerage_domain::instance::{Instance, Phase, PrepaidRelease, ReleaseTerms, Want};
use brokerage_domain::ledger::{Transfer, TransferKind, customer_account, revenue_account};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::order::{
    Charge, LineState, Order, OrderKind, OrderLine, OrderPlan, Payment, line_transfer_id,
    refund_amount, term_renewed,
};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::instance::Attention;
use brokerage_store::ledger::{Entered, transfer_receive};
use serde::{Deserialize, Serialize};

use super::record::{instance_of_caller, instance_put};
use super::release::{AfterRelease, release_begin};
use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::order::{ClientToken, order_write, take_money};

/// More months for what is paid in advance.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The instance as the caller saw it.
    pub before: Instance,
    /// The id of the order that pays for it, in the dialect's form.
    pub order_id: OrderId,
    /// How many.
    pub months: u32,
    /// Whether one that is stopped runs again.
    pub reopens: bool,
    /// Makes a repetition safe.
    pub token: Option<ClientToken>,
}

/// A term for what was paid by the hour.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The instance as the caller saw it.
    pub before: Instance,
    /// The id of the order that pays for it, in the dialect's form.
    pub order_id: OrderId,
    /// The term.
    pub charge: Charge,
}

/// The rest of a term given back, and the instance with it.
#[derive(Debug, Clone)]
pub struct Refund {
    /// The instance as the caller saw it.
    pub before: Instance,
    /// The id of the order that gives the money back, in the dialect's form.
    pub order_id: OrderId,
    /// What becomes of the instance.
    pub after: AfterRelease,
    /// Makes a repetition safe.
    pub token: Option<ClientToken>,
}

/// What was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// The order that gave it back; that of the purchase, where it was never delivered and is paid back whole.
    pub order_id: OrderId,
}

impl Control {
    /// Pays for more months of an instance of the caller's: they follow those that are paid for.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for one that is paid by the hour; [`Error::WrongPhase`] while it is made,
    /// changed or taken away, or when it is not as it was seen any more; [`Error::Rate`] for a number of months that is not
    /// sold, [`Error::InsufficientFunds`].
    pub async fn instance_renew(&self, call: Call, renewal: Renewal) -> Result<OrderId> {
        let Renewal {
            before,
            order_id,
            months,
            reopens,
            token,
        } = renewal;
        let (now, real_now) = (self.now(), self.real_now());
        let Charge::Prepaid { renew_months, .. } = before.charge else {
            return Err(not_prepaid());
        };
        let paid = Charge::prepaid(months, renew_months);
        let quote = self.price_quote(&before.plan, &paid, 1)?;
        call.tell_price(&quote);
        let begin = before.expires_at.unwrap_or(now).max(now);
        let charge = Charge::Prepaid {
            months,
            renew_months,
            since: Some(begin),
        };
        let price = (quote.currency, quote.instance_total);
        let order = term_order(
            &call,
            OrderKind::Renew,
            (&order_id, now),
            &before,
            charge,
            price,
        );
        let once = self.once(&call, token);
        let (cx, id) = (Context::clone(&call), before.id.clone());
        let resource = before.id.clone();
        let renewed = self
            .audited_write(call, resource.as_str(), move |tx| {
                once.run(tx, |tx| {
                    let mut instance = instance_of_caller(tx, &cx, &id)?;
                    check_settled(&instance, &before)?;
                    let end = instance.expires_at.ok_or_else(|| instance.wrong_phase())?;
                    take_term(tx, &order, &before.plan)?;
                    let (charge, expires_at) = term_renewed(&instance.charge, end, months, now);
                    instance.charge = charge;
                    instance.expires_at = Some(expires_at);
                    if reopens && instance.want == Want::Stopped {
                        instance.want = Want::Running;
                        instance.attempts = 0;
                    }
                    instance_put(tx, &instance, Attention::From(real_now))?;
                    Ok(order.id.clone())
                })
            })
            .await?;
        self.reconcile_wake();
        Ok(renewed)
    }

    /// Begins a term that is paid in advance for an instance of the caller's that runs by the hour. The hour under way is
    /// paid already.
    ///
    /// # Errors
    /// As [`Control::instance_renew`]; [`Error::Invalid`] for one that is paid in advance already.
    pub async fn instance_convert(&self, call: Call, conversion: Conversion) -> Result<OrderId> {
        let Conversion {
            before,
            order_id,
            charge,
        } = conversion;
        let (now, real_now) = (self.now(), self.real_now());
        let Charge::Prepaid {
            months,
            renew_months,
            ..
        } = charge
        else {
            return Err(not_prepaid());
        };
        if before.charge.is_prepaid() {
            return Err(Error::invalid(
                "the instance",
                "it is paid in advance already",
            ));
        }
        let quote = self.price_quote(&before.plan, &charge, 1)?;
        call.tell_price(&quote);
        let charge = Charge::Prepaid {
            months,
            renew_months,
            since: Some(now),
        };
        let price = (quote.currency, quote.instance_total);
        let order_of = (&order_id, now);
        let order = term_order(
            &call,
            OrderKind::Convert,
            order_of,
            &before,
            charge.clone(),
            price,
        );
        let id = before.id.clone();
        self.instance_write(call, &id, move |tx, instance| {
            check_settled(instance, &before)?;
            if instance.phase != Phase::Running {
                return Err(instance.wrong_phase().into());
            }
            take_term(tx, &order, &before.plan)?;
            instance.expires_at = charge.expires_at(now);
            instance.charge = charge.clone();
            instance.billed_until = None;
            Ok(Attention::From(real_now))
        })
        .await?;
        Ok(order_id)
    }

    /// What would be given back for the rest of an instance's term now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that is paid by the hour.
    pub fn refund_quote(&self, instance: &Instance) -> Result<(Currency, Money)> {
        if !instance.charge.is_prepaid() {
            return Err(not_prepaid());
        }
        let (currency, price) = self.price_of_term(&instance.plan, &instance.charge)?;
        let amount = match instance.phase {
            // Paid back already.
            Phase::Failed => Money::ZERO,
            // Of what never ran nothing has passed.
            _ if instance.running_since.is_none() => price,
            _ => {
                let (ran, end) = (instance.running_since, instance.expires_at);
                let left = instance.charge.term_left(ran, end, self.now());
                refund_amount(price, left).map_err(Error::internal)?
            }
        };
        Ok((currency, amount))
    }

    /// Gives an instance up whose term is paid in advance, and its owner the money for the rest of the term.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for one that is paid by the hour; [`Error::ReleaseDenied`] when it is
    /// protected; [`Error::WrongPhase`] when it is given up already, or is not as it was seen any more.
    pub async fn instance_refund(&self, call: Call, refund: Refund) -> Result<Refunded> {
        let Refund {
            before,
            order_id,
            after,
            token,
        } = refund;
        let (now, real_now) = (self.now(), self.real_now());
        let price = self.refund_quote(&before)?;
        let kept_s = self.catalog(call.profile)?.lifecycle().release_keeps_data_s;
        let charge = before.charge.clone();
        let order = term_order(
            &call,
            OrderKind::Refund,
            (&order_id, now),
            &before,
            charge,
            price,
        );
        let once = self.once(&call, token);
        let (cx, id) = (Context::clone(&call), before.id.clone());
        let resource = before.id.clone();
        let refunded = self
            .audited_write(call, resource.as_str(), move |tx| {
                once.run(tx, |tx| {
                    let mut instance = instance_of_caller(tx, &cx, &id)?;
                    instance.may_be_released(now, REFUND_TERMS)?;
                    check_same(&instance, &before)?;
                    let order_id = match instance.running_since {
                        // What never ran is paid back whole, by the end of its own order.
                        None => instance.order_id.clone(),
                        Some(_) => {
                            give_term_back(tx, &order, &before.plan)?;
                            order.id.clone()
                        }
                    };
                    release_begin(tx, &mut instance, after, kept_s, now)?;
                    instance_put(tx, &instance, Attention::From(real_now))?;
                    Ok(Refunded { order_id })
                })
            })
            .await?;
        self.reconcile_wake();
        Ok(refunded)
    }
}

/// Whoever gives money back for an instance may have it back at any time, also while it is made or changed.
const REFUND_TERMS: ReleaseTerms = ReleaseTerms {
    prepaid: PrepaidRelease::Permitted,
    under_way: true,
};

/// What an order of a term is about: it changes nothing of the plan.
fn of_term(plan: &Plan) -> OrderPlan {
    OrderPlan {
        plan: plan.clone(),
        before: None,
    }
}

fn not_prepaid() -> Error {
    Error::invalid("the instance", "it is not paid in advance")
}

/// An order of one line that is done when it is placed.
fn term_order(
    cx: &Context,
    kind: OrderKind,
    (id, now): (&OrderId, Moment),
    of: &Instance,
    charge: Charge,
    (currency, amount): (Currency, Money),
) -> Order {
    Order {
        id: id.clone(),
        account_id: cx.account().clone(),
        profile: cx.profile.to_owned(),
        region: of.region.clone(),
        kind,
        charge,
        payment: Payment::AtOrder,
        currency,
        total: amount,
        catalog_version: of.plan.catalog_version.clone(),
        catalog_hash: of.plan.catalog_hash.clone(),
        created_at: now,
        lines: vec![OrderLine {
            line: 0,
            instance_id: of.id.clone(),
            amount,
            state: LineState::Delivered,
        }],
    }
}

/// Whether an instance is as it was when the price of its order was formed.
fn check_same(instance: &Instance, before: &Instance) -> Result<()> {
    let is_same = instance.plan == before.plan
        && instance.charge == before.charge
        && instance.expires_at == before.expires_at
        && instance.running_since.is_some() == before.running_since.is_some();
    if is_same {
        return Ok(());
    }
    Err(Error::WrongPhase {
        id: instance.id.as_str().to_owned(),
        phase: Phase::Changing,
    })
}

/// Whether nothing is under way, and it is as it was seen.
fn check_settled(instance: &Instance, before: &Instance) -> Result<()> {
    let is_at_rest = matches!(
        instance.phase,
        Phase::Running | Phase::Stopped | Phase::Suspended
    );
    if !is_at_rest || instance.resize.is_some() {
        return Err(instance.wrong_phase());
    }
    check_same(instance, before)
}

fn take_term(tx: &mut dyn Tx, order: &Order, plan: &Plan) -> TxResult<()> {
    for line in &order.lines {
        take_money(tx, order, line)?;
    }
    order_write(tx, order, &of_term(plan))
}

fn give_term_back(tx: &mut dyn Tx, order: &Order, plan: &Plan) -> TxResult<()> {
    for line in &order.lines {
        let transfer = Transfer {
            id: line_transfer_id(&order.id, line.line),
            kind: TransferKind::Posted,
            pending_id: None,
            debit: revenue_account(order.currency),
            credit: customer_account(&order.account_id, order.currency),
            currency: order.currency,
            amount: line.amount,
            at: order.created_at,
        };
        if transfer_receive(tx, &transfer)? != Entered::Entered {
            let twice = format!("the order {} is there already", order.id);
            return Err(Error::internal(twice).into());
        }
    }
    order_write(tx, order, &of_term(plan))
}
