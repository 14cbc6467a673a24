//! What is there when a run ends: the sockets, tasks, timers and buffers of every machine, so that "nothing was left
//! behind" can be claimed.

use std::fmt;
use std::net::SocketAddrV4;
use std::time::Duration;

/// A machine when the run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineState {
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub powered: bool,
    /// Its sockets, as `netstat` shows them.
    pub sockets: Vec<SocketInfo>,
    /// The tasks of its processes, their programs among them.
    pub tasks: usize,
    /// The timers of its kernel.
    pub timers: usize,
    /// Bytes in the buffers of its sockets, both ways.
    pub buffered_bytes: usize,
}

impl MachineState {
    /// How many sockets are in a state, as RFC 9293 writes it (`ESTABLISHED`).
    pub fn sockets_in(&self, state: &str) -> usize {
        self.sockets.iter().filter(|socket| socket.state == state).count()
    }

    /// How many connections there are, listeners and closed ones in TIME-WAIT not counted.
    pub fn connections(&self) -> usize {
        self.sockets.iter().filter(|s| s.remote.is_some() && s.state != "TIME-WAIT").count()
    }
}

/// One line of `ss -tan -o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketInfo {
    /// The state, as RFC 9293 writes it; `UNCONN` for UDP, as `ss` has it.
    pub state: String,
    /// This end.
    pub local: SocketAddrV4,
    /// The other end; `None` for a listener, and for UDP.
    pub remote: Option<SocketAddrV4>,
    /// Bytes received and not yet read; of a listener: connections not yet accepted.
    pub receive_queue: usize,
    /// Bytes written and not yet acknowledged; of a listener: its backlog.
    pub send_queue: usize,
    /// Datagrams that found the receive buffer full; 0 for TCP.
    pub dropped: u64,
    /// What it waits for, and when that fires.
    pub timer: Option<(&'static str, Duration)>,
    /// Timeouts since the last progress.
    pub timeouts: u32,
    /// The smoothed round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// The retransmission timeout, without backoff.
    pub rto: Option<Duration>,
}

impl fmt::Display for SocketInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = self.remote.map_or_else(|| "*:*".to_owned(), |r| r.to_string());
        write!(
            f,
            "{:<12} {:>6} {:>6} {:>21} {:>21}",
            self.state,
            self.receive_queue,
            self.send_queue,
            self.local.to_string(),
            remote
        )?;
        if let Some((what, at)) = self.timer {
            write!(f, " timer:({what},{:.3}s,{})", at.as_secs_f64(), self.timeouts)?;
        }
        if self.dropped > 0 {
            write!(f, " dropped:{}", self.dropped)?;
        }
        Ok(())
    }
}
