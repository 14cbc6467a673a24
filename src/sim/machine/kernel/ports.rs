//! Which ports are taken.

use std::io;
use std::net::SocketAddrV4;

use super::Kernel;
use crate::tcp::{Sysctls, Tuple};

/// The end of Linux's `ip_local_port_range`.
pub(super) const LAST: u16 = 60_999;

/// The first port for outgoing connections.
pub(super) fn first(sysctls: &Sysctls) -> u16 {
    u16::try_from(sysctls.first_local_port).unwrap_or(LAST)
}

impl Kernel {
    /// A connection from a free port, or from the one wished for.
    ///
    /// # Errors
    /// `NetworkUnreachable` without an address, `AddrNotAvailable` when the port (or every port) is taken: by a
    /// connection to the same destination, or by its TIME-WAIT.
    pub(super) fn choose_tuple(&mut self, remote: SocketAddrV4, wished: u16) -> io::Result<Tuple> {
        let ip = *self.addresses.first().ok_or(io::ErrorKind::NetworkUnreachable)?;
        let taken = |kernel: &Self, port| {
            let tuple = Tuple { local: SocketAddrV4::new(ip, port), remote };
            kernel.tcp.has_tuple(&tuple) || kernel.tcp.has_listener(port)
        };
        let port = if wished != 0 {
            Some(wished).filter(|&p| !taken(self, p))
        } else {
            let first = first(self.tcp.sysctls());
            let start = self.next_port.clamp(first, LAST);
            let free = (start..=LAST).chain(first..start).find(|&p| !taken(self, p));
            if let Some(port) = free {
                self.next_port = if port == LAST { first } else { port + 1 };
            }
            free
        };
        let port = port.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Tuple { local: SocketAddrV4::new(ip, port), remote })
    }

    /// Whether a listener may have the port (Linux's `inet_csk_get_port()`): not beside another listener, nor, unless it
    /// asks for `reuse`, while a connection of an earlier one is still about: alive or in TIME-WAIT.
    pub(super) fn port_is_free(&self, port: u16, reuse: bool) -> bool {
        !self.tcp.has_listener(port) && (reuse || !self.tcp.uses_port(port))
    }
}
