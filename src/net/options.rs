//! Socket options, under the names of `tcp(7)` and `socket(7)`.

use std::net::IpAddr;
use std::time::Duration;

use crate::parameter::{ByteSize, hours, secs};
use crate::parameters;

/// Options of a connection. The defaults are the operating system's, but for `no_delay`, which any interactive
/// protocol wants.
#[derive(Debug, Clone, PartialEq)]
pub struct SocketOptions {
    /// `TCP_NODELAY`: send small segments at once (Nagle's algorithm off).
    pub no_delay: bool,
    /// `SO_KEEPALIVE` with `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`; `None` (the default): no probes.
    pub keepalive: Option<Keepalive>,
    /// `TCP_USER_TIMEOUT`: how long sent data may stay unacknowledged before the connection is given up;
    /// `None`: as long as the retransmissions last.
    pub user_timeout: Option<Duration>,
    /// `SO_LINGER`: `None` closes in the background; `Some(0)` resets the connection on close.
    pub linger: Option<Duration>,
    /// `SO_SNDBUF`: what the send buffer may hold; the kernel doubles it for its own needs. `None` (the default): it grows
    /// on demand.
    pub send_buffer: Option<ByteSize>,
    /// `SO_RCVBUF`: the same for the receive buffer.
    pub receive_buffer: Option<ByteSize>,
    /// `TCP_NOTSENT_LOWAT`: with so many bytes unsent a write waits, however much room the buffer has; `None`: the room
    /// alone counts.
    pub notsent_lowat: Option<ByteSize>,
    /// Bind the local port to this number before connecting (0: any).
    pub local_port: u16,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            no_delay: true,
            keepalive: None,
            user_timeout: None,
            linger: None,
            send_buffer: None,
            receive_buffer: None,
            notsent_lowat: None,
            local_port: 0,
        }
    }
}

parameters! {
    /// Keepalive probes of a connection (`tcp(7)`); the default values are Linux's.
    #[derive(Copy)]
    pub struct Keepalive {
        /// TCP_KEEPIDLE: silence before the first probe (Linux: tcp_keepalive_time, 2 h).
        idle: Duration = hours(2), in secs(1)..=hours(9);
        /// TCP_KEEPINTVL: between probes (Linux: tcp_keepalive_intvl, 75 s).
        interval: Duration = secs(75), in secs(1)..=hours(9);
        /// TCP_KEEPCNT: unanswered probes before the connection is given up (Linux: tcp_keepalive_probes, 9).
        count: u32 = 9, in 1..=127;
    }
}

/// Options of a listening socket.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenOptions {
    /// Listen on this address of the machine only; `None`: on all of them.
    pub address: Option<IpAddr>,
    /// `listen(2)`: how many established connections may wait to be accepted. Linux takes one more than it says.
    pub backlog: u32,
    /// `SO_REUSEADDR`: listen although connections of an earlier listener are in TIME-WAIT.
    pub reuse_address: bool,
    /// Options of every accepted connection.
    pub accepted: SocketOptions,
}

impl Default for ListenOptions {
    fn default() -> Self {
        // 128 was SOMAXCONN until Linux 5.4 and is what many servers still ask for.
        Self { address: None, backlog: 128, reuse_address: true, accepted: SocketOptions::default() }
    }
}
