//! Instances: looking at them, starting, changing and releasing them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use brokerage_domain::catalog::Plan;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase, ReleaseTerms, Want, instance_name_check};
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol, loopback_address};
use brokerage_domain::{Error, Result};
use brokerage_engine::{ClusterObservation, Listener};
use brokerage_store::Tx;
use brokerage_store::instance::{
    Attention, INSTANCE_PAGE, instance_by_id, instance_owned, instance_owned_page, instance_page,
    instance_update,
};

use crate::background::lease::lease_fence;
use crate::context::Context;
use crate::control::{Abort, Control};
use crate::failpoints::crash_point;
use crate::network::{PlacementRequest, placement_resolve};

/// Instances that one account may have in one profile and still see in one listing.
pub const INSTANCES_LISTED_MAX: usize = 100_000;

/// What its owner says when starting an instance of a two-step purchase.
#[derive(Debug, Clone)]
pub struct InstanceStart {
    /// Where.
    pub placement: PlacementRequest,
    /// A new name, if one is given.
    pub name: Option<String>,
    /// A version other than the ordered one, with the Kafka release that it is.
    pub version: Option<(String, String)>,
    /// Cluster settings by Kafka's names, over those of the order.
    pub settings: BTreeMap<String, String>,
    /// What the dialect has to show again, over that of the order.
    pub attributes: BTreeMap<String, String>,
}

/// What becomes of a released instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRelease {
    /// It stays listed as released until its owner deletes it.
    Listed,
    /// It is gone.
    Gone,
}

impl Control {
    /// One instance of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another account's, for one in another region than the call's, and for one that is
    /// gone; [`Error::Forbidden`].
    pub async fn instance_view(&self, cx: &Context, id: &InstanceId) -> Result<Instance> {
        let (account, wanted) = (cx.account().clone(), id.clone());
        let found = self
            .read("instance_view", move |tx| {
                Ok(instance_owned(tx, &account, &wanted)?)
            })
            .await?;
        let found = found
            .filter(|instance| is_there(cx, instance) && instance.phase != Phase::Gone)
            .ok_or_else(|| Error::not_found(Kind::Instance, id.as_str()))?;
        cx.check(&found)?;
        Ok(found)
    }

    /// The caller's instances in this profile and the call's region; sorted by id. Those that its policy denies it are
    /// left out.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn instance_list(&self, cx: &Context) -> Result<Vec<Instance>> {
        let (account, profile) = (cx.account().clone(), cx.profile);
        let mut all = self
            .read("instance_list", move |tx| {
                let mut all: Vec<Instance> = Vec::new();
                loop {
                    let after = all.last().map_or("", |last| last.id.as_str()).to_owned();
                    let page = instance_owned_page(tx, &account, profile, &after)?;
                    let full = page.len() == INSTANCE_PAGE as usize;
                    all.extend(page);
                    if !full || all.len() >= INSTANCES_LISTED_MAX {
                        return Ok(all);
                    }
                }
            })
            .await?;
        all.retain(|instance| cx.covers(&instance.region) && cx.permits(instance));
        Ok(all)
    }

    /// Every account's instances, those that are gone left out: for the operator.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn instance_list_all(&self) -> Result<Vec<Instance>> {
        let mut all: Vec<Instance> = Vec::new();
        loop {
            let after = all.last().map_or("", |last| last.id.as_str()).to_owned();
            let page = self
                .read("instance_list_all", move |tx| {
                    Ok(instance_page(tx, &after)?)
                })
                .await?;
            let full = page.len() == INSTANCE_PAGE as usize;
            all.extend(page);
            if !full || all.len() >= INSTANCES_LISTED_MAX {
                all.retain(|instance| instance.phase != Phase::Gone);
                return Ok(all);
            }
        }
    }

    /// What the engine sees of an instance; `None` when there is no cluster.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine cannot tell.
    pub async fn instance_observe(&self, id: &InstanceId) -> Result<Option<ClusterObservation>> {
        self.engine
            .observe_cluster(id)
            .await
            .map_err(Error::internal)
    }

    /// Where the instance's brokers listen; nowhere after its end.
    pub fn instance_listeners(&self, instance: &Instance) -> Vec<Listener> {
        if matches!(
            instance.phase,
            Phase::Failed | Phase::Released | Phase::Gone
        ) {
            return Vec::new();
        }
        self.listeners_of(&instance.id, &instance.plan, &instance.ports)
    }

    /// The listeners of brokers that hold these ports, by broker id from 0.
    pub(crate) fn listeners_of(
        &self,
        id: &InstanceId,
        plan: &Plan,
        ports: &[u16],
    ) -> Vec<Listener> {
        let Listeners {
            addressing,
            security_protocols,
        } = &plan.listeners;
        let listener = |broker_id, security_protocol| Listener {
            broker_id,
            security_protocol,
            bind: None,
            advertised_host: String::new(),
            port: 0,
        };
        match addressing {
            Addressing::Port => {
                let protocols = security_protocols.iter().cycle();
                let brokers =
                    (0..).flat_map(|broker| security_protocols.iter().map(move |_| broker));
                let at = |((broker_id, &protocol), &port)| Listener {
                    bind: Some(self.settings.broker_bind),
                    advertised_host: self.settings.broker_host.clone(),
                    port,
                    ..listener(broker_id, protocol)
                };
                brokers.zip(protocols).zip(ports).map(at).collect()
            }
            Addressing::Loopback => (0..)
                .zip(ports)
                .flat_map(|(broker_id, &number)| {
                    let address = loopback_address(number);
                    security_protocols.iter().map(move |&protocol| Listener {
                        bind: Some(address.into()),
                        advertised_host: address.to_string(),
                        port: protocol.port(),
                        ..listener(broker_id, protocol)
                    })
                })
                .collect(),
            Addressing::ServerName => {
                let brokers = i32::try_from(plan.brokers).unwrap_or(i32::MAX);
                let domain = &self.settings.broker_host;
                // Host names have no underscores, and some clients insist.
                let id = id.as_str().replace('_', "-");
                let at = |broker_id, &protocol| Listener {
                    // One label, so that one wildcard certificate and one DNS record cover all.
                    advertised_host: format!("b{broker_id}-{id}.{domain}"),
                    port: self.settings.broker_shared_port,
                    ..listener(broker_id, protocol)
                };
                (0..brokers)
                    .flat_map(|broker_id| {
                        security_protocols
                            .iter()
                            .map(move |protocol| at(broker_id, protocol))
                    })
                    .collect()
            }
        }
    }

    /// What clients begin with, for each security protocol of the instance in its order: `host:port` of each broker,
    /// joined by commas. Empty after its end.
    pub fn instance_bootstraps(&self, instance: &Instance) -> Vec<(SecurityProtocol, String)> {
        let listeners = self.instance_listeners(instance);
        let of = |protocol: SecurityProtocol| {
            let addresses: Vec<String> = listeners
                .iter()
                .filter(|listener| listener.security_protocol == protocol)
                .map(|listener| format!("{}:{}", listener.advertised_host, listener.port))
                .collect();
            (!addresses.is_empty()).then(|| (protocol, addresses.join(",")))
        };
        let protocols = &instance.plan.listeners.security_protocols;
        protocols.iter().copied().filter_map(of).collect()
    }

    /// Starts an instance of a two-step purchase: says where it is and lets the reconciler make it.
    ///
    /// # Errors
    /// [`Error::WrongPhase`] when it was started before, [`Error::NotFound`] for instance, network or subnet,
    /// [`Error::Plan`] for zones that its edition does not take.
    pub async fn instance_start(
        &self,
        cx: &Context,
        id: &InstanceId,
        start: InstanceStart,
    ) -> Result<()> {
        let real_now = self.real_now();
        let before = self.instance_view(cx, id).await?;
        let ground = self.ground(cx, &before.region)?;
        let zones = &start.placement.zones;
        if !zones.is_empty() {
            let catalog = self.catalog(cx.profile)?;
            catalog.zones_check(&before.plan.edition, &before.region, zones)?;
        }
        start.name.as_deref().map_or(Ok(()), instance_name_check)?;
        self.instance_change(cx, id, move |tx, instance| {
            if instance.phase != Phase::AwaitingStart || instance.want != Want::Nothing {
                return Err(instance.wrong_phase().into());
            }
            instance.placement = Some(placement_resolve(tx, &ground, &start.placement)?);
            if let Some(name) = &start.name {
                instance.name.clone_from(name);
            }
            if let Some((version, kafka)) = &start.version {
                instance.plan.version.clone_from(version);
                instance.plan.kafka_version.clone_from(kafka);
            }
            instance.settings.extend(start.settings.clone());
            instance.attributes.extend(start.attributes.clone());
            instance.phase = Phase::Provisioning;
            instance.want = Want::Running;
            Ok(Attention::From(real_now))
        })
        .await?;
        crash_point("start_after_commit");
        self.reconcile_wake();
        Ok(())
    }

    /// Lets an instance be taken away: its cluster, its data, its ports, and the money of a start that never was.
    /// Whether it may go is decided as it is when it goes.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`Instance::may_be_released`].
    pub async fn instance_release(
        &self,
        cx: &Context,
        id: &InstanceId,
        after: AfterRelease,
        terms: ReleaseTerms,
    ) -> Result<()> {
        let (now, real_now) = (self.now(), self.real_now());
        self.instance_change(cx, id, move |_, instance| {
            instance.may_be_released(now, terms)?;
            instance.phase = Phase::Releasing;
            instance.want = match after {
                AfterRelease::Listed => Want::Released,
                AfterRelease::Gone => Want::Gone,
            };
            instance.attempts = 0;
            Ok(Attention::From(real_now))
        })
        .await?;
        self.reconcile_wake();
        Ok(())
    }

    /// Takes a released instance off the lists.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::WrongPhase`] when it is not released.
    pub async fn instance_delete(&self, cx: &Context, id: &InstanceId) -> Result<()> {
        self.instance_change(cx, id, |_, instance| {
            if !matches!(instance.phase, Phase::Released | Phase::Failed) {
                return Err(instance.wrong_phase().into());
            }
            instance.phase = Phase::Gone;
            instance.want = Want::Gone;
            Ok(Attention::Settled)
        })
        .await
    }

    /// Changes the record of one of the caller's instances: reads it, applies `apply`, writes it back in the same
    /// transaction with the audit trail and the call's nonce.
    pub(crate) async fn instance_change<F>(
        &self,
        cx: &Context,
        id: &InstanceId,
        mut apply: F,
    ) -> Result<()>
    where
        F: FnMut(&mut dyn Tx, &mut Instance) -> std::result::Result<Attention, Abort>
            + Send
            + 'static,
    {
        let (caller, wanted) = (cx.clone(), id.clone());
        self.change(cx, id.as_str(), move |tx| {
            let missing = || Abort::from(Error::not_found(Kind::Instance, wanted.as_str()));
            let mut instance =
                instance_owned(tx, caller.account(), &wanted)?.ok_or_else(missing)?;
            if !is_there(&caller, &instance) || instance.phase == Phase::Gone {
                return Err(missing());
            }
            caller.check(&instance)?;
            let attention = apply(tx, &mut instance)?;
            instance_write(tx, &instance, attention)
        })
        .await
    }

    /// Changes the record of any instance, for the reconciler. `apply` says when to look again, or `None` to leave
    /// the record as it is. Answers the record after the change.
    pub(crate) async fn instance_record<F>(
        &self,
        label: &'static str,
        id: &InstanceId,
        mut apply: F,
    ) -> Result<Instance>
    where
        F: FnMut(&mut dyn Tx, &mut Instance) -> std::result::Result<Option<Attention>, Abort>
            + Send
            + 'static,
    {
        let wanted = id.clone();
        let generation = self.lease.load(Ordering::SeqCst);
        self.write(label, move |tx| {
            lease_fence(tx, generation)?;
            let missing = || Abort::from(Error::not_found(Kind::Instance, wanted.as_str()));
            let mut instance = instance_by_id(tx, &wanted)?.ok_or_else(missing)?;
            if let Some(attention) = apply(tx, &mut instance)? {
                instance_write(tx, &instance, attention)?;
                instance.revision += 1;
            }
            Ok(instance)
        })
        .await
    }
}

/// Whether an instance of the caller's account is one for this call.
pub(crate) fn is_there(cx: &Context, instance: &Instance) -> bool {
    instance.profile == cx.profile && cx.covers(&instance.region)
}

fn instance_write(
    tx: &mut dyn Tx,
    instance: &Instance,
    attention: Attention,
) -> std::result::Result<(), Abort> {
    if instance_update(tx, instance, attention)? {
        Ok(())
    } else {
        // Another transaction changed the row after this one read it: only where the database allows it.
        Err(Error::internal(format!(
            "the record of {} changed while it was being changed",
            instance.id
        ))
        .into())
    }
}
