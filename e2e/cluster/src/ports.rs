//! Free ports on the loopback address.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// Below the range from which the kernel takes the local ports of outgoing connections, so that a program that was
/// killed finds its port free when it starts again.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// `N` different ports on 127.0.0.1 that nobody listens on now.
///
/// # Errors
/// When there are none.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    // Each RandomState has keys of its own: a start that two processes rarely share.
    let start = RandomState::new().hash_one(std::process::id()) % u64::from(COUNT);
    let start = u16::try_from(start)?;
    let mut found = Vec::with_capacity(N);
    for step in 0..COUNT {
        let port = FIRST + (start + step) % COUNT;
        // The listeners stay until all are found.
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            found.push((port, listener));
        }
        if found.len() == N {
            break;
        }
    }
    let ports: Vec<_> = found.iter().map(|(port, _)| *port).collect();
    ports.try_into().ok().context("no free port on 127.0.0.1")
}
