//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, TcpStream};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports that are handed out lie below those that Linux gives to outgoing connections, so that nothing takes one by
/// chance while its server is being restarted.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// Where this process goes on to look. Processes start at different places.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Ports that nothing listens on and that this process has not handed out before.
///
/// # Panics
///
/// When there are not enough of them.
#[must_use]
#[track_caller]
pub fn free_ports<const N: usize>() -> [u16; N] {
    [(); N].map(|()| next_free())
}

#[track_caller]
fn next_free() -> u16 {
    let start = (process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let port = FIRST + (start.wrapping_add(step)) % COUNT;
        // Asked, not tried: a listener of our own would live on for a moment in a child process that another thread starts just then, and
        // the port could not be bound.
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {}", FIRST + COUNT);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn ports_differ_and_can_be_bound() {
        let ports: BTreeSet<u16> = free_ports::<8>().into_iter().chain(free_ports::<8>()).collect();
        assert_eq!(ports.len(), 16);
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }
}
