//! A range of ports for the brokers of one server that no other server on this machine uses.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Where brokers may listen: below the ports that the kernel gives to outgoing connections.
pub const BROKER_PORTS: RangeInclusive<u16> = 20_000..=32_767;

/// Where the next search begins, so that servers that start at once in one program do not find the same ports.
static NEXT: Mutex<Option<u16>> = Mutex::new(None);

/// Finds `count` free ports in a row. Servers of runs side by side begin to search at different places, and each
/// search of one program behind the ports that the last one found.
///
/// # Errors
/// If there is no such range.
pub fn broker_ports_find(count: u16) -> Result<RangeInclusive<u16>> {
    let (first, last) = (*BROKER_PORTS.start(), *BROKER_PORTS.end());
    let ports = last - first + 1;
    let blocks = ports / count.max(1);
    if blocks == 0 {
        bail!("{count} ports do not fit into {first}-{last}");
    }
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let begin = match *next {
        Some(port) => port,
        None => first + u16::try_from(std::process::id() % u32::from(ports))?,
    };
    let mut start = begin;
    for _ in 0..=blocks {
        if start > last - (count - 1) {
            start = first;
        }
        let range = start..=start + (count - 1);
        if range
            .clone()
            .all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        {
            *next = Some(start + count);
            return Ok(range);
        }
        start += count;
    }
    bail!("no {count} free ports in a row between {first} and {last}")
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::{BROKER_PORTS, broker_ports_find};

    #[test]
    fn a_range_with_a_listener_in_it_is_not_chosen() {
        let first = broker_ports_find(50).expect("there is room");
        let taken = *first.start() + 7;
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).expect("it was free");
        let second = broker_ports_find(50).expect("there is room");
        assert!(!second.contains(&taken) && second.len() == 50);
        assert!(BROKER_PORTS.contains(second.start()) && BROKER_PORTS.contains(second.end()));
    }

    #[test]
    fn servers_that_start_at_once_get_ports_of_their_own() {
        let ranges = [(); 8].map(|()| broker_ports_find(20).expect("there is room"));
        for (index, range) in ranges.iter().enumerate() {
            assert!(
                ranges[..index]
                    .iter()
                    .all(|other| !other.contains(range.start()))
            );
        }
    }

    #[test]
    fn more_ports_than_there_are_is_an_error() {
        assert!(broker_ports_find(u16::MAX).is_err());
    }
}
