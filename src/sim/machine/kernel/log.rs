//! What the machine's TCP did, in the words of the trace.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::Kernel;
use crate::tcp::What;
use crate::trace::{Layer, Recording, Value};

impl Kernel {
    pub(super) fn log_tcp(&self, now: Duration, peer: SocketAddrV4, what: What) {
        let (name, field): (_, Option<(&'static str, Value)>) = match what {
            What::Connecting => ("connecting", None),
            What::SynDropped => ("SYN dropped", Some(("reason", "accept queue full".into()))),
            What::AckDropped => ("ACK dropped", Some(("reason", "accept queue full".into()))),
            What::Established => ("established", None),
            What::FinSent => ("FIN sent", None),
            What::FinReceived => ("FIN received", None),
            What::ResetSent(reason) => ("reset sent", Some(("reason", reason.into()))),
            What::ResetReceived => ("reset received", None),
            What::Unreachable(code) => ("unreachable received", Some(("code", code.to_string().into()))),
            What::Retransmitted(attempt) => ("retransmitted", Some(("attempt", u64::from(attempt).into()))),
            What::LossDetected => ("loss detected", None),
            What::LossUndone => ("loss undone", None),
            What::TailProbe => ("tail-loss probe sent", None),
            What::Keepalive(unanswered) => {
                ("keepalive sent", Some(("unanswered", u64::from(unanswered).into())))
            }
            What::KeepaliveAnswered => ("keepalive answered", None),
            What::WindowProbe => ("zero-window probe sent", None),
            What::ChallengeAck => ("challenge ACK sent", None),
            What::TimedOut(reset) => ("timed out", Some(("reset_sent", reset.into()))),
            What::Destroyed => ("socket destroyed", None),
            What::Closed => ("closed", None),
            What::EnteredTimeWait => ("entered TIME-WAIT", None),
            What::LeftTimeWait => ("left TIME-WAIT", None),
        };
        self.log_at(Layer::Tcp, now, name, Some(peer), field.into_iter().collect());
    }

    pub(super) fn log_at(
        &self,
        layer: Layer,
        now: Duration,
        name: &'static str,
        peer: Option<SocketAddrV4>,
        mut fields: Vec<(&'static str, Value)>,
    ) {
        if let Some(peer) = peer.filter(|_| self.recorder.keeps(Recording::Story)) {
            fields.insert(0, ("peer", self.name_of(peer).into()));
        }
        self.recorder.event(now + self.slept, Some(self.host), layer, name, fields);
    }

    fn name_of(&self, address: SocketAddrV4) -> String {
        match self.names.get(address.ip()) {
            Some(name) => format!("{name}:{}", address.port()),
            None => address.to_string(),
        }
    }
}
