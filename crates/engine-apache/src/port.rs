//! Ports for nodes.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

/// A port of 127.0.0.1 that is kept for a process that comes, or comes back, later. A port that nobody has is given to the
/// next outgoing connection of anybody; one with a socket that is bound and does not listen is not, and who listens with
/// `SO_REUSEADDR`, as Java does, gets it all the same.
#[derive(Debug)]
pub struct HeldPort {
    port: u16,
    _socket: OwnedFd,
}

impl HeldPort {
    /// One that the system chooses.
    ///
    /// # Errors
    /// If there is none.
    pub fn any() -> io::Result<Self> {
        Self::at(0)
    }

    /// This one.
    ///
    /// # Errors
    /// If somebody listens there.
    pub fn at(port: u16) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        let bound = SocketAddrV4::try_from(getsockname(&socket)?)?;
        Ok(Self {
            port: bound.port(),
            _socket: socket,
        })
    }

    /// Its number.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::HeldPort;

    #[test]
    fn a_held_port_can_be_listened_at_and_is_still_held() {
        let held = HeldPort::any().expect("a port");
        let address = (Ipv4Addr::LOCALHOST, held.port());
        for _ in 0..2 {
            assert!(TcpStream::connect(address).is_err(), "nobody listens");
            let listener = TcpListener::bind(address).expect("it may listen");
            HeldPort::at(held.port()).expect_err("somebody listens");
            TcpStream::connect(address).expect("somebody listens");
            drop(listener);
        }
    }
}
