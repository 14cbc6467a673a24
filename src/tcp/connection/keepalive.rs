//! Keepalive probes (RFC 9293 section 3.8.4), as Linux's `tcp_keepalive_timer()` runs them.

use super::*;
use crate::packet::Marks;

impl Connection {
    /// Starts the clock, if the process wants probes.
    pub(super) fn start_keepalive(&mut self, now: Duration) {
        let idle = self.options.keepalive.map(|k| k.idle);
        self.timers.keepalive = idle.map(|idle| self.fires_at(now, idle));
    }

    /// The options have changed: what was silent counts.
    pub(super) fn restart_keepalive(&mut self, now: Duration) {
        let idle = self.options.keepalive.map(|k| k.idle);
        let silent = now.saturating_sub(self.last_heard);
        self.timers.keepalive = idle.map(|idle| self.fires_at(now, idle.saturating_sub(silent)));
    }

    /// Its time has come.
    pub(super) fn keepalive_timed_out(&mut self, cx: &mut Cx<'_>) {
        let Some(options) = self.options.keepalive else { return };
        if !self.state.is_synchronized() {
            return;
        }
        let mut next = options.idle;
        // While data are unacknowledged or unsent the retransmissions ask (claim X-08).
        if self.send.flight.is_empty() && !self.send.has_unsent() {
            let silent = cx.now.saturating_sub(self.last_heard);
            if silent < options.idle {
                next = options.idle - silent;
            } else {
                // TCP_USER_TIMEOUT takes the place of the count (tcp(7)).
                let enough = match self.options.user_timeout {
                    Some(limit) => silent >= limit && self.probes_out > 0,
                    None => self.probes_out >= options.count,
                };
                if enough {
                    self.send_reset(cx);
                    return self.give_up(cx, true);
                }
                self.happened(cx, What::Keepalive(self.probes_out));
                self.probes_out += 1;
                self.send_probe(cx, Marks { keepalive: true, ..Marks::default() });
                next = options.interval;
            }
        }
        self.timers.keepalive = Some(self.fires_at(cx.now, next));
    }
}
