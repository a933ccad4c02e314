//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::{Error, random};

/// Below those that the operating system gives to outgoing connections: else a client that waits for a
/// killed service may be given the service's own port and talk to itself.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

/// Ports tried for one service.
const TRIES_MAX: u32 = 100;

/// A port that nobody listens on right now. Somebody may, before the service does: then try again.
pub(crate) fn free() -> Result<u16, Error> {
    for _ in 0..TRIES_MAX {
        let bytes = random::bytes::<2>()?;
        let offset = u16::from_le_bytes(bytes).checked_rem(COUNT);
        let port = FIRST.saturating_add(offset.unwrap_or_default());
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::NoPort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_below_those_of_outgoing_connections() {
        for _ in 0..200 {
            let port = free().expect("a free port");
            assert!((15_000..30_000).contains(&port), "{port}");
        }
    }
}
