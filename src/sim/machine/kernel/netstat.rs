//! A look inside a kernel, as `ss -tan -o` gives it.

use std::fmt;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::{Kernel, Wait};

/// One line of it.
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

impl Kernel {
    /// Every socket: listeners, connections, TIME-WAITs, UDP sockets, each in order of its addresses.
    pub fn netstat(&self) -> Vec<SocketInfo> {
        let mut out = Vec::new();
        for (port, listener) in &self.listeners {
            out.push(SocketInfo {
                state: "LISTEN".into(),
                local: self.listen_address(*port),
                remote: None,
                receive_queue: listener.queue.len(),
                send_queue: listener.options.backlog as usize,
                dropped: 0,
                timer: None,
                timeouts: 0,
                rtt: None,
                rto: None,
            });
        }
        for (tuple, id) in &self.by_tuple {
            let Some(conn) = self.conns.get(id) else { continue };
            let xmit = conn.xmit.waiting_for().map(|(wait, at)| {
                let name = match wait {
                    Wait::LossProbe => "loss probe",
                    Wait::Retransmission => "on",
                    Wait::WindowProbe => "persist",
                };
                (name, at)
            });
            out.push(SocketInfo {
                state: conn.state().to_string(),
                local: tuple.local,
                remote: Some(tuple.remote),
                receive_queue: conn.receive_queue(),
                send_queue: conn.send_queue(),
                dropped: 0,
                timer: xmit.or(conn.keepalive.as_ref().map(|k| ("keepalive", k.deadline()))),
                timeouts: conn.xmit.timeouts,
                rtt: conn.xmit.rtt.smoothed(),
                rto: Some(conn.xmit.rtt.timeout()),
            });
        }
        for (tuple, ends) in self.time_waits.iter() {
            out.push(SocketInfo {
                state: "TIME-WAIT".into(),
                local: tuple.local,
                remote: Some(tuple.remote),
                receive_queue: 0,
                send_queue: 0,
                dropped: 0,
                timer: Some(("timewait", ends)),
                timeouts: 0,
                rtt: None,
                rto: None,
            });
        }
        out.extend(self.udp.netstat());
        out
    }
}
