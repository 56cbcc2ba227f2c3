//! Orders: placing them (all or nothing, in one transaction) and looking at them.

use std::collections::BTreeMap;
use std::sync::Arc;

use brokerage_domain::catalog::{Plan, Quote, Term};
use brokerage_domain::clock::Moment;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::error::Kind;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase, Tags, Want, instance_name_check, tags_check};
use brokerage_domain::ledger::{Transfer, TransferKind, customer_account, revenue_account};
use brokerage_domain::listener::SlotHolder;
use brokerage_domain::listing::{Listing, OrderClass};
use brokerage_domain::money::{Currency, Money};
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{
    Charge, LineState, ORDER_LINES_MAX, Order, OrderKind, OrderLine, OrderPlan, Payment,
    line_transfer_id,
};
use brokerage_domain::{Error, Result};
use brokerage_store::Tx;
use brokerage_store::idempotency::{Begin, TokenKey, idempotency_begin};
use brokerage_store::instance::{
    Attention, instance_by_id, instance_by_order, instance_count_spec, instance_insert,
};
use brokerage_store::ledger::{Entered, transfer_hold, transfer_pay};
use brokerage_store::list::Classes;
use brokerage_store::order::{order_by_id, order_insert, order_page};
use brokerage_store::order_plan::{order_plan_insert, order_plan_of};
use brokerage_store::slot::{slot_give_back, slot_take};
use brokerage_store::timer::timer_set;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::background::CANCEL_UNSTARTED;
use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::failpoints::crash_point;
use crate::network::{NetworkScope, PlacementRequest, placement_resolve};

/// How long a client token binds, in seconds: a day (the vendors publish no window).
pub const TOKEN_SECONDS: i64 = 24 * 3_600;

/// A client's token: the same token with the same request is the same order.
#[derive(Debug, Clone)]
pub struct ClientToken {
    /// As the client sent it.
    pub token: String,
    /// SHA-256 over the request's own parameters, without what every call changes (nonce, time, signature).
    pub request_hash: [u8; 32],
}

/// An instance to buy.
#[derive(Debug, Clone)]
pub struct NewInstance {
    /// Its id, in the dialect's form.
    pub id: InstanceId,
    /// What its owner calls it.
    pub name: String,
}

/// A purchase, translated by a dialect.
#[derive(Debug, Clone)]
pub struct OrderRequest {
    /// The order's id, in the dialect's form.
    pub order_id: OrderId,
    /// One for each instance.
    pub instances: Vec<NewInstance>,
    /// What is bought, each.
    pub plan: Plan,
    /// How it is paid for.
    pub charge: Charge,
    /// When the money moves.
    pub payment: Payment,
    /// Where; `None` when the buyer says it at the start.
    pub placement: Option<PlacementRequest>,
    /// Whether the instances start by themselves, or wait for their owner.
    pub start: bool,
    /// Cluster settings.
    pub settings: ClusterSettings,
    /// What the dialect has to show again.
    pub notes: Notes,
    /// Tags.
    pub tags: Tags,
    /// Makes a repetition safe.
    pub token: Option<ClientToken>,
}

/// What an accepted order is answered with; stored under its client token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// Its instances, by line.
    pub instance_ids: Vec<InstanceId>,
}

/// An accepted order is a row of everything below, or nothing.
struct Admission {
    order: Order,
    bought: OrderPlan,
    instances: Vec<Instance>,
    placement: Option<(NetworkScope, PlacementRequest)>,
    once: Once,
    attention: Attention,
    listing: Listing,
    /// When the order is cancelled unless its owner starts it.
    cancelled_at: Option<Moment>,
    answer: OrderPlaced,
}

/// What is done once for one client's token, if there is one.
pub(crate) struct Once {
    token: Option<(TokenKey, [u8; 32])>,
    real_now: Moment,
}

impl Once {
    /// In a transaction: does what was asked for, or answers what it was answered before with the same token.
    pub(crate) fn run<T: Serialize + DeserializeOwned>(
        &self,
        tx: &mut dyn Tx,
        act: impl FnOnce(&mut dyn Tx) -> TxResult<T>,
    ) -> TxResult<T> {
        let Some((key, hash)) = &self.token else {
            return act(tx);
        };
        let now_us = self.real_now.micros();
        match idempotency_begin(tx, key, hash, now_us, TOKEN_SECONDS * 1_000_000)? {
            Begin::Replay { answer } => {
                serde_json::from_str(&answer).map_err(|e| Error::internal(e).into())
            }
            Begin::Mismatch => Err(Error::TokenReused.into()),
            Begin::Fresh(claim) => {
                let answer = act(tx)?;
                let text = serde_json::to_string(&answer).map_err(Error::internal)?;
                claim.bind(tx, &text)?;
                Ok(answer)
            }
        }
    }
}

impl Control {
    /// What a call does once, by its client's token.
    pub(crate) fn once(&self, cx: &Context, token: Option<ClientToken>) -> Once {
        Once {
            token: token.map(|token| token_key(cx, token)),
            real_now: self.real_now(),
        }
    }

    /// What a plan costs for the whole of a charge's term, whether or not a term of that length is sold at once: an hour of
    /// pay-as-you-go.
    ///
    /// # Errors
    /// As [`Control::price_quote`].
    pub(crate) fn price_of_term(&self, plan: &Plan, charge: &Charge) -> Result<(Currency, Money)> {
        let Charge::Prepaid { months, .. } = charge else {
            let quote = self.price_quote(plan, charge, 1)?;
            return Ok((quote.currency, quote.instance_total));
        };
        let terms = self.catalog_of(plan)?.terms().months_default;
        let quote = self.price_quote(plan, &Charge::prepaid(terms, None), 1)?;
        let month = quote.instance_period().map_err(Error::internal)?;
        let term = month.checked_mul(i64::from(*months));
        Ok((quote.currency, term.map_err(Error::internal)?))
    }

    /// What `plan` costs for one term of `charge`, `quantity` times: the one rater behind inquiry, order and bill.
    ///
    /// # Errors
    /// [`Error::Rate`] where the plan's catalog has no price for it, [`Error::Internal`] when that catalog is not kept.
    pub fn price_quote(&self, plan: &Plan, charge: &Charge, quantity: u32) -> Result<Quote> {
        let term = match charge {
            Charge::Postpaid => Term::Hour,
            Charge::Prepaid { months, .. } => Term::Months(*months),
        };
        Ok(self.catalog_of(plan)?.quote(plan, term, quantity)?)
    }

    /// Places an order: checks who pays, reserves or takes the money, takes slots, and writes what should exist.
    ///
    /// # Errors
    /// [`Error::InsufficientFunds`], [`Error::SoldOut`], [`Error::TokenReused`], [`Error::Replayed`],
    /// [`Error::NotFound`] and [`Error::SubnetElsewhere`] for networks; nothing is left of a refused order.
    pub async fn order_place(&self, call: Call, request: OrderRequest) -> Result<OrderPlaced> {
        check_request(&request)?;
        let quantity = u32::try_from(request.instances.len()).map_err(Error::internal)?;
        let quote = self.price_quote(&request.plan, &request.charge, quantity)?;
        call.tell_price(&quote);
        let admission = Arc::new(self.admission(&call, request, &quote)?);
        let resource = admission.order.id.as_str().to_owned();
        let starts = admission.attention != Attention::Settled;
        crash_point("order_before_commit");
        let placed = self
            .audited_write(call, &resource, move |tx| admit(tx, &admission))
            .await?;
        crash_point("order_after_commit");
        if starts {
            self.reconcile_wake();
        }
        Ok(placed)
    }

    fn admission(&self, cx: &Context, request: OrderRequest, quote: &Quote) -> Result<Admission> {
        let now = self.now();
        let cancelled_at = match request.start {
            true => None,
            false => Some(self.unstarted_until(&request.plan, now)?),
        };
        let order = ordered(cx, &request, quote, now);
        let instances = (0..).zip(&request.instances);
        let instances: Vec<_> = instances
            .map(|(line, new)| self.instance_ordered(cx, &request, line, new, now))
            .collect();
        let bought = OrderPlan {
            plan: request.plan.clone(),
            before: None,
        };
        let scope = request
            .placement
            .map(|wanted| Ok::<_, Error>((self.network_scope(cx, &request.plan.region)?, wanted)))
            .transpose()?;
        let answer = OrderPlaced {
            order_id: request.order_id,
            instance_ids: instances.iter().map(|new| new.id.clone()).collect(),
        };
        let attention = match request.start {
            true => Attention::From(self.real_now()),
            false => Attention::Settled,
        };
        Ok(Admission {
            order,
            bought,
            instances,
            placement: scope,
            once: self.once(cx, request.token),
            attention,
            listing: self.listing(cx.profile),
            cancelled_at,
            answer,
        })
    }

    /// An instance of an order, before anything was done for it.
    fn instance_ordered(
        &self,
        cx: &Context,
        request: &OrderRequest,
        line: u32,
        new: &NewInstance,
        now: Moment,
    ) -> Instance {
        let (phase, want) = match request.start {
            true => (Phase::Provisioning, Want::Running),
            false => (Phase::AwaitingStart, Want::Nothing),
        };
        Instance {
            id: new.id.clone(),
            account_id: cx.account().clone(),
            profile: cx.profile.to_owned(),
            region: request.plan.region.clone(),
            name: new.name.clone(),
            order_id: request.order_id.clone(),
            order_line: line,
            plan: self.plan_with_listeners(&request.plan, &self.settings.listeners),
            charge: request.charge.clone(),
            placement: None,
            phase,
            want,
            slots: Vec::new(),
            settings: self.settings_chosen(&request.settings),
            notes: request.notes.clone(),
            tags: request.tags.clone(),
            created_at: now,
            running_since: None,
            expires_at: None,
            billed_until: None,
            attempts: 0,
            failure: None,
            resize: None,
            deletion_protected: false,
            revision: 0,
        }
    }

    /// The settings that an instance begins with: its order's, and the operator's where that says nothing.
    fn settings_chosen(&self, ordered: &ClusterSettings) -> ClusterSettings {
        let by_operator = self.settings.auto_create_topics.then_some(true);
        ClusterSettings {
            auto_create_topics: ordered.auto_create_topics.or(by_operator),
            ..ordered.clone()
        }
    }

    /// Any order, for the operator.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn order_find(&self, id: &OrderId) -> Result<Order> {
        let wanted = id.clone();
        let found = self
            .read("order_find", move |tx| Ok(order_by_id(tx, &wanted)?))
            .await?;
        found.ok_or_else(|| Error::not_found(Kind::Order, id.as_str()))
    }

    /// One order of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another account's and for one in another region than the call's.
    pub async fn order_view(&self, cx: &Context, id: &OrderId) -> Result<Order> {
        let (account, wanted) = (cx.account().clone(), id.clone());
        let order = self
            .read("order_view", move |tx| Ok(order_by_id(tx, &wanted)?))
            .await?;
        order
            .filter(|order| order.account_id == account && cx.covers(&order.region))
            .ok_or_else(|| Error::not_found(Kind::Order, id.as_str()))
    }

    /// The caller's orders in this profile and every region that pass `filter`, made in a span of business time, newest
    /// first, with how many there are in all. A page costs the same wherever it is.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn order_list(
        &self,
        cx: &Context,
        span: (Moment, Moment),
        filter: impl Fn(OrderClass) -> bool,
        (offset, limit): (i64, u32),
    ) -> Result<(Vec<Order>, i64)> {
        let (account, profile) = (cx.account().clone(), cx.profile);
        let classes = Classes(OrderClass::all().map(filter));
        self.read("order_list", move |tx| {
            let asked = (span, classes);
            Ok(order_page(tx, &account, profile, asked, offset, limit)?)
        })
        .await
    }

    /// What an order bought, as it was ordered, whatever its instances have become. `None` of one that was made before
    /// this was kept. Whose order it is was looked at by [`Control::order_view`] or is the operator's.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn order_plan(&self, order: &Order) -> Result<Option<OrderPlan>> {
        let id = order.id.clone();
        self.read("order_plan", move |tx| Ok(order_plan_of(tx, &id)?))
            .await
    }

    /// The instances that an order of the caller's bought or changed, by line.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] when one of them is denied.
    pub async fn order_instances(&self, cx: &Context, id: &OrderId) -> Result<Vec<Instance>> {
        let order = self.order_view(cx, id).await?;
        let found = self
            .read("order_instances", move |tx| match order.kind {
                OrderKind::New => Ok(instance_by_order(tx, &order.id)?),
                OrderKind::Resize | OrderKind::Renew | OrderKind::Convert | OrderKind::Refund => {
                    let mut changed = Vec::with_capacity(order.lines.len());
                    for line in &order.lines {
                        changed.extend(instance_by_id(tx, &line.instance_id)?);
                    }
                    Ok(changed)
                }
            })
            .await?;
        found.iter().try_for_each(|instance| cx.check(instance))?;
        Ok(found)
    }
}

/// The order of a request, with a line an instance.
fn ordered(cx: &Context, request: &OrderRequest, quote: &Quote, now: Moment) -> Order {
    Order {
        id: request.order_id.clone(),
        account_id: cx.account().clone(),
        profile: cx.profile.to_owned(),
        region: request.plan.region.clone(),
        kind: OrderKind::New,
        charge: request.charge.clone(),
        payment: request.payment,
        currency: quote.currency,
        total: quote.total,
        catalog_version: request.plan.catalog_version.clone(),
        catalog_hash: request.plan.catalog_hash.clone(),
        created_at: now,
        lines: (0..)
            .zip(&request.instances)
            .map(|(line, new)| order_line(line, new, quote.instance_total))
            .collect(),
    }
}

/// Which call a client's token stands for, and what it asked for.
fn token_key(cx: &Context, given: ClientToken) -> (TokenKey, [u8; 32]) {
    let key = TokenKey {
        account_id: cx.account().as_str().to_owned(),
        operation: format!("{}:{}", cx.profile, cx.operation),
        token: given.token,
    };
    (key, given.request_hash)
}

fn order_line(line: u32, new: &NewInstance, amount: Money) -> OrderLine {
    OrderLine {
        line,
        instance_id: new.id.clone(),
        amount,
        state: LineState::Placed,
    }
}

fn check_request(request: &OrderRequest) -> Result<()> {
    let count = request.instances.len();
    if count == 0 || count > ORDER_LINES_MAX as usize {
        return Err(Error::invalid(
            "count",
            format!("1 to {ORDER_LINES_MAX} instances in one order"),
        ));
    }
    tags_check(&request.tags)?;
    request.notes.check()?;
    let mut names = request.instances.iter().map(|new| &new.name);
    names.try_for_each(|name| instance_name_check(name))
}

/// The one transaction of an order.
fn admit(tx: &mut dyn Tx, admission: &Admission) -> TxResult<OrderPlaced> {
    admission.once.run(tx, |tx| admit_new(tx, admission))
}

fn admit_new(tx: &mut dyn Tx, admission: &Admission) -> TxResult<OrderPlaced> {
    let Admission {
        order,
        bought,
        instances,
        placement,
        once: _,
        attention,
        listing,
        cancelled_at,
        answer,
    } = admission;
    let placement = match placement {
        Some((scope, wanted)) => Some(placement_resolve(tx, scope, wanted)?),
        None => None,
    };
    check_per_account(tx, instances)?;
    for line in &order.lines {
        take_money(tx, order, line)?;
    }
    order_write(tx, order, bought)?;
    for instance in instances {
        let mut instance = instance.clone();
        instance.placement.clone_from(&placement);
        instance.slots = slots_take(tx, &instance, &instance.plan)?;
        instance_insert(tx, &instance, *attention, *listing)?;
        if let Some(at) = cancelled_at {
            timer_set(tx, CANCEL_UNSTARTED, instance.id.as_str(), *at)?;
        }
    }
    crash_point("order_in_transaction");
    Ok(answer.clone())
}

/// Writes an order that is new, with what it bought.
pub(crate) fn order_write(tx: &mut dyn Tx, order: &Order, bought: &OrderPlan) -> TxResult<()> {
    order_insert(tx, order)?;
    Ok(order_plan_insert(tx, &order.id, bought)?)
}

/// The slots that a plan's brokers hold: those that the instance has for the same listeners, and new ones for what it
/// lacks.
pub(crate) fn slots_take(tx: &mut dyn Tx, instance: &Instance, plan: &Plan) -> TxResult<Vec<u16>> {
    let holders_of = |plan: &Plan| plan.listeners.slot_holders(plan.brokers);
    let held: BTreeMap<SlotHolder, u16> = holders_of(&instance.plan)
        .into_iter()
        .zip(instance.slots.iter().copied())
        .collect();
    let wanted = holders_of(plan);
    let lacking = wanted.iter().filter(|holder| !held.contains_key(holder));
    let lacking = u32::try_from(lacking.count()).map_err(Error::internal)?;
    let mut fresh = slot_take(tx, &instance.id, lacking)?.into_iter();
    let slot = |holder| held.get(&holder).copied().or_else(|| fresh.next());
    let slots: Option<Vec<u16>> = wanted.into_iter().map(slot).collect();
    let sold_out = Error::SoldOut {
        what: "ports for brokers",
    };
    Ok(slots.ok_or(sold_out)?)
}

/// Frees the slots of `held` that are not among `kept`.
pub(crate) fn slots_give_back(
    tx: &mut dyn Tx,
    instance: &InstanceId,
    held: &[u16],
    kept: &[u16],
) -> TxResult<()> {
    for slot in held.iter().filter(|slot| !kept.contains(slot)) {
        slot_give_back(tx, instance, *slot)?;
    }
    Ok(())
}

/// Some plans are sold to each account a few times only.
fn check_per_account(tx: &mut dyn Tx, instances: &[Instance]) -> TxResult<()> {
    let Some(Instance {
        plan, account_id, ..
    }) = instances.first()
    else {
        return Ok(());
    };
    let (Some(max), Some(spec)) = (plan.per_account_max, &plan.spec) else {
        return Ok(());
    };
    let bought = instance_count_spec(tx, account_id, spec)?;
    let wanted = i64::try_from(instances.len()).unwrap_or(i64::MAX);
    if bought.saturating_add(wanted) > i64::from(max) {
        return Err(Error::LimitReached {
            what: "instances of this plan for one account",
            max: max.into(),
        }
        .into());
    }
    Ok(())
}

/// Reserves or takes the money of a line, as its order says.
pub(crate) fn take_money(tx: &mut dyn Tx, order: &Order, line: &OrderLine) -> TxResult<()> {
    let transfer = Transfer {
        id: line_transfer_id(&order.id, line.line),
        kind: match order.payment {
            Payment::OnDelivery => TransferKind::Pending,
            Payment::AtOrder => TransferKind::Posted,
        },
        pending_id: None,
        debit: customer_account(&order.account_id, order.currency),
        credit: revenue_account(order.currency),
        currency: order.currency,
        amount: line.amount,
        at: order.created_at,
    };
    let entered = match order.payment {
        Payment::OnDelivery => transfer_hold(tx, &transfer)?,
        Payment::AtOrder => transfer_pay(tx, &transfer)?,
    };
    match entered {
        Entered::Entered => Ok(()),
        Entered::Refused => Err(Error::InsufficientFunds {
            needed: order.total,
            currency: order.currency,
        }
        .into()),
        Entered::Exists => Err(Error::Exists {
            kind: Kind::Order,
            id: order.id.as_str().to_owned(),
        }
        .into()),
    }
}
