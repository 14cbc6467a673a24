//! A segment arrived for a connection whose handshake has begun (RFC 9293 section 3.10.7.4, in the order of its steps).

use super::*;
use crate::tcp::seq::{after, before};

/// A timestamp that is older than this proves nothing (RFC 7323 section 5.5).
const TIMESTAMP_OUTDATED: Duration = Duration::from_secs(24 * 24 * 3600);

impl Connection {
    /// Takes a segment.
    pub fn receive(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        match self.state {
            State::Closed | State::TimeWait => {}
            State::SynSent => self.arrives_in_syn_sent(cx, segment),
            _ => self.arrives_synchronized(cx, segment),
        }
    }

    fn arrives_synchronized(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        // The first steps: sequence number, RST, SYN.
        if !self.is_in_place(cx, segment) {
            return;
        }
        // The fifth: the acknowledgement.
        if segment.ack.is_none() {
            return;
        }
        if !self.acknowledged(cx, segment) {
            // RFC 5961 section 5.2: it acknowledges what was never sent, or what is long over.
            return self.challenge(cx);
        }
        self.states_after_ack(cx, segment);
        if matches!(self.state, State::Closed) {
            return;
        }
        if self.orphan && self.state != State::Established && self.has_news(segment) {
            // Nobody will ever read it (RFC 9293 section 3.6.1).
            return self.refuse_data(cx, segment);
        }
        // The seventh and the eighth: the data and the FIN.
        self.take_data(cx, segment);
        if matches!(self.state, State::Closed | State::TimeWait) {
            return;
        }
        self.transmit(cx);
        self.check_space(cx);
        self.check_ack(cx);
    }

    /// Whether it carries data beyond what was taken.
    fn has_news(&self, segment: &Segment) -> bool {
        segment.data_len() > 0 && after(segment.seq.wrapping_add(segment.data_len()), self.receive_next)
    }

    fn states_after_ack(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        match self.state {
            // Both had opened at once.
            State::SynReceived if self.send.una == self.send.nxt => self.established_by_both(cx),
            State::FinWait1 if self.fin_acknowledged() => {
                self.state = State::FinWait2;
                self.wake_writer(cx);
                if self.orphan {
                    if self.has_news(segment) {
                        return;
                    }
                    self.wait_for_fin(cx.now);
                }
            }
            State::Closing if self.fin_acknowledged() => self.enter_time_wait(cx),
            State::LastAck if self.fin_acknowledged() => {
                self.happened(cx, What::Closed);
                self.end(cx, None);
            }
            _ => {}
        }
    }

    /// Nothing will come but the peer's FIN, and that not for ever.
    pub(super) fn wait_for_fin(&mut self, now: Duration) {
        let timeout = self.sysctls().fin_timeout;
        self.timers.keepalive = None;
        self.timers.fin_wait_2 = Some(self.fires_at(now, timeout));
    }

    pub(super) fn enter_time_wait(&mut self, cx: &mut Cx<'_>) {
        self.state = State::TimeWait;
        self.timers = Timers::default();
        self.wake_reader(cx);
        self.wake_writer(cx);
    }

    /// Whether a segment is where the receiver expects it; what is not is answered or dropped (Linux's
    /// `tcp_validate_incoming()`).
    fn is_in_place(&mut self, cx: &mut Cx<'_>, segment: &Segment) -> bool {
        let flags = segment.flags;
        if self.is_stale(cx.now, segment) && !flags.rst {
            if flags.syn {
                self.challenge(cx);
            } else if !self.is_overtaken_ack(segment) {
                self.answer_out_of_window(cx, segment);
            }
            return false;
        }
        if !self.is_in_window(segment) {
            if flags.rst {
                if self.is_reset_acceptable(segment) {
                    self.reset(cx);
                }
            } else if flags.syn {
                self.challenge(cx);
            } else {
                self.answer_out_of_window(cx, segment);
            }
            return false;
        }
        if flags.rst {
            // RFC 5961 section 3.2: exactly in place, or where what was told of beyond a gap ends; else the peer is asked.
            let at_block = self.sack && self.reassembly.highest_block() == Some(segment.seq);
            if segment.seq == self.receive_next || at_block || self.is_reset_acceptable(segment) {
                self.reset(cx);
            } else if !self.sysctls().challenge_ack {
                // RFC 793: anywhere in the window.
                self.reset(cx);
            } else {
                self.challenge(cx);
            }
            return false;
        }
        if flags.syn {
            self.challenge(cx);
            return false;
        }
        true
    }

    /// RFC 9293 section 3.4, as Linux reads it: it ends at or after what was acknowledged, and begins within the window.
    fn is_in_window(&self, segment: &Segment) -> bool {
        let window_ends = self.receive_next.wrapping_add(self.open_window());
        if before(segment.end(), self.window_told) || after(segment.seq, window_ends) {
            return false;
        }
        // What reaches beyond the window is taken only by a reader with nothing left to read.
        !after(segment.end(), window_ends) || self.reassembly.unread() == 0 || segment.data_len() == 0
    }

    /// PAWS (RFC 7323 section 5.3): its timestamp is older than one seen before.
    pub(super) fn is_stale(&self, now: Duration, segment: &Segment) -> bool {
        let Some((value, _)) = segment.options.timestamps.filter(|_| self.timestamps) else {
            return false;
        };
        before(value, self.timestamp_recent)
            && now.saturating_sub(self.timestamp_recent_at) < TIMESTAMP_OUTDATED
    }

    /// A mere acknowledgement that was overtaken by data (Linux's `tcp_disordered_ack()`): nothing to answer.
    fn is_overtaken_ack(&self, segment: &Segment) -> bool {
        segment.sequence_len() == 0
            && segment.seq == self.receive_next
            && segment.ack == Some(self.send.una)
            && u32::from(segment.window) << self.send_scale == self.send_window
    }

    /// Takes the timestamp of a segment, to be echoed (RFC 7323 section 4.3).
    pub(super) fn take_timestamp(&mut self, now: Duration, segment: &Segment) {
        let Some((value, _)) = segment.options.timestamps.filter(|_| self.timestamps) else { return };
        if !after(segment.seq, self.window_told) && !before(value, self.timestamp_recent) {
            self.timestamp_recent = value;
            self.timestamp_recent_at = now;
        }
    }

    /// The peer ends the connection at once (Linux's `tcp_reset()`).
    fn reset(&mut self, cx: &mut Cx<'_>) {
        self.happened(cx, What::ResetReceived);
        let error = match self.state {
            State::CloseWait => io::ErrorKind::BrokenPipe,
            _ => io::ErrorKind::ConnectionReset,
        };
        self.end(cx, Some(error));
    }
}
