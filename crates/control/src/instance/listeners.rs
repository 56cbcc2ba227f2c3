//! Where the brokers of an instance listen, and what clients begin with.

use brokerage_domain::catalog::Plan;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase};
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol, loopback_address};
use brokerage_engine::Listener;

use crate::control::Control;

impl Control {
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
                brokers.zip(protocols).zip(slots).map(at).collect()
            }
            Addressing::Loopback => (0..)
                .zip(slots)
                .flat_map(|(broker_id, &number)| {
                    let address = loopback_address(number);
                    security_protocols.iter().map(move |&protocol| Listener {
                        bind: Some(address.into()),
                        advertised_host: address.to_string(),
                        port: protocol.usual_port(),
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
}
