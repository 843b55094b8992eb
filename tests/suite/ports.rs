//! Ports that the program listens on several times, one run after another.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below the ports that systems give to connections by themselves: a card that dials one of those, while nobody
/// listens, may be given the same one, and is then connected to itself.
const FIRST: u16 = 20_000;
const LAST: u16 = 30_000;

/// A TCP port on 127.0.0.1 that nobody uses, and that no other test takes as long as this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    /// The UDP port of that number, which only one can have.
    _token: UdpSocket,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let free = |number| {
            let token = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
            Some(Self { number, _token: token })
        };
        (FIRST..LAST).find_map(free).expect("a free port")
    }
}
