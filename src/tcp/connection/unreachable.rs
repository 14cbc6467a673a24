//! A router says that a segment did not get through (Linux's `tcp_v4_err()`; RFC 1122 section 4.2.3.9, RFC 5461).

use super::*;
use crate::packet::Code;
use crate::tcp::seq::before;

/// What a process is told of such a message (`icmp_err_convert` of Linux's net/ipv4/icmp.c); `None`: nothing.
fn error(code: Code) -> Option<io::ErrorKind> {
    Some(match code {
        // Net unreachable, unknown, prohibited, not for this type of service.
        Code(0 | 6 | 9 | 11) => io::ErrorKind::NetworkUnreachable,
        // Host unreachable, prohibited, not for this type of service; prohibited; precedence too low.
        Code(1 | 10 | 12..=15) => io::ErrorKind::HostUnreachable,
        Code::PORT => io::ErrorKind::ConnectionRefused,
        // ENOPROTOOPT, EOPNOTSUPP, EHOSTDOWN, ENONET: Rust has no word for them.
        Code(2 | 5 | 7 | 8) => io::ErrorKind::Other,
        // Path MTU discovery is not modelled; and Linux knows no code beyond `NR_ICMP_UNREACH`.
        Code(4 | 16..) => return None,
    })
}

impl Connection {
    /// A message about a segment of this connection that began with `seq`. Returns whether it was believed: anybody can
    /// send one, and who guesses its numbers wrong is not heard (RFC 5927 section 4.1).
    pub fn unreachable(&mut self, cx: &mut Cx<'_>, seq: u32, code: Code) -> bool {
        // Both ends included, as in Linux: a bare acknowledgement has the number of what follows. A probe of a silent peer
        // or of a closed window has the one before, so that nothing said of probes counts (measured: ETIMEDOUT).
        let in_flight = !before(seq, self.send.una) && !before(self.send.nxt, seq);
        let Some(error) = error(code).filter(|_| in_flight && self.state != State::Closed) else {
            return false;
        };
        self.happened(cx, What::Unreachable(code));
        match self.state {
            // A request has no process that could be told (`tcp_req_err()`); most of what is said of it is ignored.
            State::SynReceived if self.passive => {
                if matches!(code, Code::NET | Code::HOST) {
                    self.drop_request(cx);
                }
            }
            // RFC 1122 wants only port and protocol to end it; like most, Linux takes the first word for the answer (RFC 5461
            // section 4.1).
            State::SynSent | State::SynReceived => self.end(cx, Some(error)),
            // MUST-56 of RFC 9293: it may pass. Remembered, in case that it does not.
            _ => {
                if matches!(code, Code::NET | Code::HOST) {
                    self.revert_backoff(cx, seq);
                }
                self.soft_error = Some(error);
            }
        }
        true
    }

    /// A retransmission that a router has turned away was not lost to congestion: the pause that it had doubled is taken back
    /// (RFC 6069, Linux's `tcp_ld_RTO_revert()`).
    fn revert_backoff(&mut self, cx: &mut Cx<'_>, seq: u32) {
        if !self.is_linux() || seq != self.send.una || self.retransmits == 0 || self.backoff == 0 {
            return;
        }
        let Some(sent) = self.send.flight.front().map(|oldest| oldest.at) else { return };
        self.backoff -= 1;
        let rto = self.rtt.timeout().saturating_mul(1 << self.backoff.min(30));
        self.rto = rto.min(self.sysctls().rto_cap());
        let left = self.rto.saturating_sub(cx.now.saturating_sub(sent));
        if left > Duration::ZERO {
            self.arm(cx.now, Wait::Retransmission, left);
        } else {
            self.timers.transmission = None;
            self.retransmission_timed_out(cx);
        }
    }
}
