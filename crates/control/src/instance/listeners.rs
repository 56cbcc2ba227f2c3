//! Where the brokers of an instance listen, and what clients begin with.

use std::collections::BTreeMap;

use brokerage_domain::catalog::Plan;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::listener::{
    Addressing, ListenerKind, Listeners, SecurityProtocol, SlotHolder, loopback_address,
};
use brokerage_engine::Listener;
use brokerage_store::Tx;

use crate::control::{Control, TxResult};
use crate::order::{slots_give_back, slots_take};

/// Where clients of one kind of listener begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// Which listeners these are.
    pub kind: ListenerKind,
    /// `host:port` of each broker, joined by commas.
    pub addresses: String,
}

impl Control {
    /// A plan with the listeners that its instance has, which come from `base`: with public ones where the plan has
    /// public access, and without them where it has none.
    pub(crate) fn plan_with_listeners(&self, plan: &Plan, base: &Listeners) -> Plan {
        let is_public = plan.has_public_access();
        let offered = &self.settings.listeners;
        Plan {
            listeners: base.clone().with_public_access(is_public, offered),
            ..plan.clone()
        }
    }

    /// Gives an instance these private listeners besides the operator's.
    pub(super) fn listeners_switch(
        tx: &mut dyn Tx,
        instance: &mut Instance,
        switched_security_protocols: &[SecurityProtocol],
    ) -> TxResult<()> {
        let listeners = Listeners {
            switched_security_protocols: switched_security_protocols.to_vec(),
            ..instance.plan.listeners.clone()
        };
        Self::listeners_put(tx, instance, listeners)
    }

    /// Gives an instance these listeners, with slots for them.
    pub(super) fn listeners_put(
        tx: &mut dyn Tx,
        instance: &mut Instance,
        listeners: Listeners,
    ) -> TxResult<()> {
        if listeners == instance.plan.listeners {
            return Ok(());
        }
        if instance.resize.is_some() {
            return Err(instance.wrong_phase().into());
        }
        let plan = Plan {
            listeners,
            ..instance.plan.clone()
        };
        let slots = slots_take(tx, instance, &plan)?;
        slots_give_back(tx, &instance.id, &instance.slots, &slots)?;
        instance.plan = plan;
        instance.slots = slots;
        Ok(())
    }

    /// Where the instance's brokers listen; nowhere after its end.
    pub fn instance_listeners(&self, instance: &Instance) -> Vec<Listener> {
        if matches!(
            instance.phase,
            Phase::Failed | Phase::Released | Phase::Gone
        ) {
            return Vec::new();
        }
        self.listeners_of(&instance.id, &instance.plan, &instance.slots)
    }

    /// The listeners of brokers that hold these slots, by broker id from 0.
    pub(crate) fn listeners_of(
        &self,
        id: &InstanceId,
        plan: &Plan,
        slots: &[u16],
    ) -> Vec<Listener> {
        let holders = plan.listeners.slot_holders(plan.brokers);
        let slots: BTreeMap<SlotHolder, u16> =
            holders.into_iter().zip(slots.iter().copied()).collect();
        let mut listeners = Vec::new();
        for broker_id in 0..plan.brokers {
            for kind in plan.listeners.kinds() {
                let holder = plan.listeners.slot_holder(broker_id, kind);
                let slot = holder.and_then(|holder| slots.get(&holder).copied());
                listeners.extend(self.listener(id, plan, broker_id, kind, slot));
            }
        }
        listeners
    }

    /// One listener; `None` while it has no slot and needs one.
    fn listener(
        &self,
        id: &InstanceId,
        plan: &Plan,
        broker_id: u32,
        kind: ListenerKind,
        slot: Option<u16>,
    ) -> Option<Listener> {
        let settings = &self.settings;
        let (own_bind, own_host, shared_port) = match kind.is_public {
            true => (
                settings.broker_public_bind,
                &settings.broker_public_host,
                settings.broker_public_shared_port,
            ),
            false => (
                settings.broker_bind,
                &settings.broker_host,
                settings.broker_shared_port,
            ),
        };
        let (bind, advertised_host, port) = match plan.listeners.addressing {
            Addressing::Port => (Some(own_bind), own_host.clone(), slot?),
            Addressing::Loopback => {
                let address = loopback_address(slot?);
                let port = kind.security_protocol.usual_port();
                (Some(address.into()), address.to_string(), port)
            }
            Addressing::ServerName => {
                // Host names have no underscores, and some clients insist.
                let id = id.as_str().replace('_', "-");
                let which = match (kind.route, kind.is_public) {
                    (0, true) => "public-".to_owned(),
                    (0, false) if plan.listeners.kinds().next() == Some(kind) => String::new(),
                    (0, false) => "sasl-".to_owned(),
                    (route, _) => format!("route{route}-"),
                };
                // One label, so that one wildcard certificate and one DNS record cover all.
                let host = format!("b{broker_id}-{which}{id}.{own_host}");
                (None, host, shared_port)
            }
        };
        Some(Listener {
            broker_id: i32::try_from(broker_id).ok()?,
            security_protocol: kind.security_protocol,
            is_public: kind.is_public,
            bind,
            advertised_host,
            port,
            route: kind.route,
            allowed: plan.listeners.allowed_to(kind).map(|ranges| {
                let ranges = ranges.iter();
                ranges.map(|range| range.addresses.clone()).collect()
            }),
        })
    }

    /// What clients begin with, for each kind of listener of the instance in its order. Empty after its end.
    pub fn instance_bootstraps(&self, instance: &Instance) -> Vec<Bootstrap> {
        let listeners = self.instance_listeners(instance);
        let of = |kind: ListenerKind| {
            let addresses: Vec<String> = listeners
                .iter()
                .filter(|listener| listener.kind() == kind)
                .map(|listener| format!("{}:{}", listener.advertised_host, listener.port))
                .collect();
            (!addresses.is_empty()).then(|| Bootstrap {
                kind,
                addresses: addresses.join(","),
            })
        };
        instance.plan.listeners.kinds().filter_map(of).collect()
    }
}
