//! A look inside a kernel, as `ss -tan -o` gives it.

use super::{Kernel, Wait};
use crate::trace::SocketInfo;

impl Kernel {
    /// How many timers run.
    pub fn timers(&self) -> usize {
        self.calendar.len()
    }

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
                (name, at + self.slept)
            });
            out.push(SocketInfo {
                state: conn.state().to_string(),
                local: tuple.local,
                remote: Some(tuple.remote),
                receive_queue: conn.receive_queue(),
                send_queue: conn.send_queue(),
                dropped: 0,
                timer: xmit.or(conn.keepalive.as_ref().map(|k| ("keepalive", k.deadline() + self.slept))),
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
                timer: Some(("timewait", ends + self.slept)),
                timeouts: 0,
                rtt: None,
                rto: None,
            });
        }
        out.extend(self.udp.netstat());
        out
    }
}
