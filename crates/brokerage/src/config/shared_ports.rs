//! The ports at which listeners of many instances are told apart by name.

use std::net::IpAddr;

use anyhow::{Context as _, ensure};
use brokerage_domain::listener::{Addressing, Listeners};

/// Kafka's usual port of TLS.
const SHARED_PORT_DEFAULT: u16 = 9093;

/// Instances that were ordered with names keep them, so the ports may be wanted without the setting. Public names have
/// another port than private ones, which whoever reaches it shall not reach, and have it wherever these have one: an
/// instance that has no public access may buy it.
///
/// # Errors
/// If there is no port left for public names, or it is that of private ones at the same address.
pub fn shared_ports_of(
    [private, public]: [Option<u16>; 2],
    listeners: &Listeners,
    binds: [IpAddr; 2],
) -> anyhow::Result<[Option<u16>; 2]> {
    let is_shared = listeners.addressing == Addressing::ServerName;
    let private = private.or(is_shared.then_some(SHARED_PORT_DEFAULT));
    let next = match private {
        // The system chooses either.
        Some(0) => Some(0),
        Some(port) if public.is_none() => Some(
            port.checked_add(1)
                .context("broker_public_shared_port: there is none after broker_shared_port")?,
        ),
        _ => None,
    };
    let public = public.or(next);
    ensure!(
        public.is_none_or(|port| port == 0 || private != public) || binds[0] != binds[1],
        "broker_public_shared_port: it is broker_shared_port, at the same address"
    );
    Ok([private, public])
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use brokerage_domain::listener::SecurityProtocol;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn public_names_have_another_port_than_private_ones() {
        let check = |addressing, said, binds, expected: Option<[Option<u16>; 2]>| {
            let protocols = vec![SecurityProtocol::Ssl];
            let listeners = Listeners::new(addressing, protocols).expect("listeners");
            let ports = shared_ports_of(said, &listeners, binds);
            assert_eq!(ports.ok(), expected, "{addressing:?} {said:?} {binds:?}");
        };
        let (port, name) = (Addressing::Port, Addressing::ServerName);
        let same = [HERE, HERE];
        check(port, [None, None], same, Some([None, None]));
        check(name, [None, None], same, Some([Some(9_093), Some(9_094)]));
        check(name, [Some(0), None], same, Some([Some(0), Some(0)]));
        check(port, [Some(1), None], same, Some([Some(1), Some(2)]));
        check(port, [Some(1), Some(7)], same, Some([Some(1), Some(7)]));
        check(name, [Some(65_535), None], same, None);
        check(name, [Some(9), Some(9)], same, None);
        check(name, [None, Some(9_093)], same, None);
        let apart = [HERE, OUTSIDE];
        check(name, [Some(9), Some(9)], apart, Some([Some(9), Some(9)]));
    }
}
