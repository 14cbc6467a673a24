//! A look inside a kernel, as `ss -tan -o` gives it.

use super::Kernel;
use crate::tcp::{State, Wait};
use crate::trace::SocketInfo;

impl Kernel {
    /// How many timers run.
    pub fn timers(&self) -> usize {
        self.tcp.timers()
    }

    /// Every socket: listeners, connections, TIME-WAITs, UDP sockets, each in order of its addresses.
    pub fn netstat(&self) -> Vec<SocketInfo> {
        let nothing = |state: &str, local| SocketInfo {
            state: state.into(),
            local,
            remote: None,
            receive_queue: 0,
            send_queue: 0,
            dropped: 0,
            timer: None,
            timeouts: 0,
            rtt: None,
            rto: None,
        };
        let mut out = Vec::new();
        for (port, options, waiting) in self.tcp.listeners() {
            out.push(SocketInfo {
                receive_queue: waiting,
                send_queue: options.backlog as usize,
                ..nothing("LISTEN", self.listen_address(port))
            });
        }
        let mut conns: Vec<_> =
            self.tcp.ids().filter_map(|id| Some((self.tcp.tuple(id)?, self.tcp.info(id)?))).collect();
        conns.retain(|(_, info)| info.state != State::Closed);
        conns.sort_unstable_by_key(|(tuple, _)| *tuple);
        for (tuple, info) in conns {
            let transmission = info.transmission_timer.map(|(wait, at)| {
                let name = match wait {
                    Wait::LossProbe => "loss probe",
                    Wait::Retransmission => "on",
                    Wait::Reordering => "reordering",
                    Wait::WindowProbe => "persist",
                };
                (name, at + self.slept)
            });
            let keepalive = info.keepalive_timer.map(|at| ("keepalive", at + self.slept));
            out.push(SocketInfo {
                remote: Some(tuple.remote),
                receive_queue: info.unread,
                send_queue: info.unacknowledged,
                timer: transmission.or(keepalive),
                timeouts: info.retransmits,
                rtt: info.srtt,
                rto: Some(info.rto),
                ..nothing(&info.state.to_string(), tuple.local)
            });
        }
        for (tuple, ends) in self.tcp.time_waits() {
            out.push(SocketInfo {
                remote: Some(tuple.remote),
                timer: Some(("timewait", ends + self.slept)),
                ..nothing("TIME-WAIT", tuple.local)
            });
        }
        out.extend(self.udp.netstat());
        out
    }
}
