//! Routes and lists of addresses: further ways to the brokers of an instance, and who may take each.

use brokerage_domain::address::{ALLOWED_RANGES_MAX, RANGE_DESCRIPTION_CHARS_MAX};
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::listener::{
    Addressing, AllowedRange, ListenerKind, ROUTES_MAX, Route, SecurityProtocol,
};
use brokerage_domain::{Error, Result};
use brokerage_store::instance::Attention;

use super::record::{instance_of_caller, instance_put};
use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::network::{PlacementRequest, placement_resolve};

/// Longest note of a route, in characters. Ours.
const NOTE_CHARS_MAX: usize = 256;

/// A route that an owner wants.
#[derive(Debug, Clone)]
pub struct NewRoute {
    /// Whether clients come from the public network.
    pub is_public: bool,
    /// How it is secured.
    pub security_protocol: SecurityProtocol,
    /// The network and subnet that it is made for, in which it is shown.
    pub placement: Option<PlacementRequest>,
    /// The address that is asked for, which is only shown.
    pub address_asked: String,
    /// What its owner says of it.
    pub note: String,
    /// Where clients may come from; `None`: from everywhere.
    pub allowed: Option<Vec<AllowedRange>>,
}

impl Control {
    /// Makes a route to a running instance of the caller's: a listener of each broker, which the reconciler opens. Answers
    /// its number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance, network or subnet, [`Error::WrongPhase`] unless it runs and nothing of it is
    /// under way, [`Error::LimitReached`] for routes, [`Error::Invalid`] for lists and notes that are too long,
    /// [`Error::Unsupported`] where the operator's addressing cannot have it, [`Error::SoldOut`] for slots.
    pub async fn route_create(&self, call: Call, id: &InstanceId, new: NewRoute) -> Result<u16> {
        check_ranges(new.allowed.as_deref().unwrap_or_default())?;
        if new.note.chars().count() > NOTE_CHARS_MAX {
            let reason = format!("at most {NOTE_CHARS_MAX} characters");
            return Err(Error::invalid("the note", reason));
        }
        let region = self.instance_view(&call, id).await?.region;
        let scope = self.network_scope(&call, &region)?;
        let real_now = self.real_now();
        let (cx, wanted) = (Context::clone(&call), id.clone());
        let number = self
            .audited_write(call, id.as_str(), move |tx| {
                let mut instance = instance_of_caller(tx, &cx, &wanted)?;
                check_runs(&instance)?;
                let network = match &new.placement {
                    None => None,
                    Some(asked) => {
                        let placed = placement_resolve(tx, &scope, asked)?;
                        Some((placed.network_id, placed.subnet_id))
                    }
                };
                let mut listeners = instance.plan.listeners.clone();
                if listeners.addressing == Addressing::ServerName
                    && !new.security_protocol.has_tls()
                {
                    let what = "a route without TLS, where names tell listeners apart".to_owned();
                    return Err(Error::Unsupported { what }.into());
                }
                let number = listeners.routes_made.saturating_add(1);
                if listeners.routes.len() >= ROUTES_MAX || number == u16::MAX {
                    return Err(Error::LimitReached {
                        what: "routes",
                        max: ROUTES_MAX as i64,
                    }
                    .into());
                }
                listeners.routes_made = number;
                let route = Route {
                    number,
                    is_public: new.is_public,
                    security_protocol: new.security_protocol,
                    network,
                    address_asked: new.address_asked.clone(),
                    note: new.note.clone(),
                };
                listeners.allow(route.kind(), new.allowed.clone());
                listeners.routes.push(route);
                Self::listeners_put(tx, &mut instance, listeners)?;
                instance_put(tx, &instance, Attention::From(real_now))?;
                Ok(number)
            })
            .await?;
        self.reconcile_wake();
        Ok(number)
    }

    /// Takes a route away, with its list: its clients are disconnected.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or route, [`Error::WrongPhase`] unless it runs and nothing of it is under way.
    pub async fn route_delete(&self, call: Call, id: &InstanceId, number: u16) -> Result<()> {
        let real_now = self.real_now();
        self.instance_write(call, id, move |tx, instance| {
            check_runs(instance)?;
            let mut listeners = instance.plan.listeners.clone();
            let place = listeners
                .routes
                .iter()
                .position(|route| route.number == number);
            let place = place.ok_or_else(|| Error::not_found(Kind::Route, number.to_string()))?;
            let route = listeners.routes.remove(place);
            listeners.allow(route.kind(), None);
            Self::listeners_put(tx, instance, listeners)?;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }

    /// Changes where clients of a listener may come from, also of one that is not there now. `change` is given the present
    /// list (`None`: from everywhere) and answers the next. Clients that are connected and are not in it are disconnected.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] unless it runs and nothing of it is under way, [`Error::LimitReached`]
    /// for ranges, [`Error::Invalid`] for a description that is too long, and what `change` answers.
    pub async fn listener_allow<F>(
        &self,
        call: Call,
        id: &InstanceId,
        kind: ListenerKind,
        change: F,
    ) -> Result<()>
    where
        F: Fn(Option<&[AllowedRange]>) -> Result<Option<Vec<AllowedRange>>> + Send + 'static,
    {
        let real_now = self.real_now();
        self.instance_write(call, id, move |tx, instance| {
            let listeners = allowed(instance, kind, &change)?;
            Self::listeners_put(tx, instance, listeners)?;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }
}

fn allowed(
    instance: &Instance,
    kind: ListenerKind,
    change: impl Fn(Option<&[AllowedRange]>) -> Result<Option<Vec<AllowedRange>>>,
) -> TxResult<brokerage_domain::listener::Listeners> {
    check_runs(instance)?;
    let mut listeners = instance.plan.listeners.clone();
    let is_known = kind.route == 0 || listeners.kinds().any(|known| known == kind);
    if !is_known {
        return Err(Error::not_found(Kind::Route, kind.route.to_string()).into());
    }
    let next = change(listeners.allowed_to(kind))?;
    check_ranges(next.as_deref().unwrap_or_default())?;
    listeners.allow(kind, next);
    Ok(listeners)
}

fn check_runs(instance: &Instance) -> Result<()> {
    match instance.phase {
        Phase::Running => Ok(()),
        _ => Err(instance.wrong_phase()),
    }
}

fn check_ranges(ranges: &[AllowedRange]) -> Result<()> {
    if ranges.len() > ALLOWED_RANGES_MAX {
        return Err(Error::LimitReached {
            what: "ranges of addresses",
            max: ALLOWED_RANGES_MAX as i64,
        });
    }
    let is_long =
        |range: &AllowedRange| range.description.chars().count() > RANGE_DESCRIPTION_CHARS_MAX;
    if ranges.iter().any(is_long) {
        let reason = format!("at most {RANGE_DESCRIPTION_CHARS_MAX} characters");
        return Err(Error::invalid("the description", reason));
    }
    Ok(())
}
