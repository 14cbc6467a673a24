//! How a connection begins (RFC 9293 section 3.5): three segments, or four when both begin at once.

use super::*;
use crate::net::SocketOptions;
use crate::packet::Flags;
use crate::tcp::seq::{after, before};

/// Linux's `TCP_TIMEOUT_FALLBACK`: the RTO when the handshake has measured no round trip (RFC 6298 section 5.7).
const FALLBACK_RTO: Duration = Duration::from_secs(3);
/// Linux's `TCP_TIMEOUT_MIN`, two jiffies.
const SOON: Duration = Duration::from_millis(8);

/// What became of a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tcp) enum Handshake {
    /// It goes on, or the segment was of no use.
    Continues,
    /// It is over: the connection is established.
    Completed,
    /// The request is dropped.
    Dropped,
    /// The segment belongs to nothing, and is answered by a RST.
    Refused,
}

impl Connection {
    /// Opens a connection: sends a SYN.
    pub fn connect(
        cx: &mut Cx<'_>,
        common: &Common,
        tuple: Tuple,
        isn: u32,
        options: &SocketOptions,
    ) -> Self {
        let mut conn = Self::new(cx, common, tuple, isn, options, false);
        conn.state = State::SynSent;
        conn.open_receive_window();
        conn.happened(cx, What::Connecting);
        conn.transmit_syn(cx);
        conn.recovery.first_retransmission = Some(cx.now);
        conn
    }

    /// A SYN for a listener: answers it by one.
    pub fn accept(
        cx: &mut Cx<'_>,
        common: &Common,
        tuple: Tuple,
        isn: u32,
        options: &SocketOptions,
        syn: &Segment,
    ) -> Self {
        let mut conn = Self::new(cx, common, tuple, isn, options, true);
        conn.state = State::SynReceived;
        conn.take_syn(cx.now, syn);
        conn.open_receive_window();
        conn.transmit_syn(cx);
        conn
    }

    /// The data of a full segment as it is asked of the peer.
    pub(super) fn asked_mss(&self) -> u32 {
        u32::from(self.common.max_segment) - if self.timestamps { TIMESTAMPS_LEN } else { 0 }
    }

    fn open_receive_window(&mut self) {
        // An answer to a SYN knows whether its segments will carry timestamps.
        let options_len =
            if self.state == State::SynReceived && self.timestamps { TIMESTAMPS_LEN } else { 0 };
        let (window, scale) =
            self.receive_memory.initial_window(u32::from(self.common.max_segment) - options_len);
        self.receive_window = window;
        self.receive_scale = if self.scaling { scale } else { 0 };
        self.window_told = self.receive_next;
    }

    /// Takes the peer's sequence number and options.
    fn take_syn(&mut self, now: Duration, syn: &Segment) {
        self.receive_next = syn.seq.wrapping_add(1);
        self.window_told = self.receive_next;
        self.window_told_at = syn.seq;
        self.send_window = u32::from(syn.window);
        self.largest_window = self.send_window;
        let options = &syn.options;
        self.sack &= options.sack_permitted;
        match options.timestamps {
            Some((value, _)) if self.timestamps => {
                self.timestamp_recent = value;
                self.timestamp_recent_at = now;
            }
            _ => self.timestamps = false,
        }
        match options.window_scale {
            Some(shift) if self.scaling => self.send_scale = shift.min(14),
            // RFC 7323 section 2.2: both scale or neither does.
            _ => (self.scaling, self.send_scale, self.receive_scale) = (false, 0, 0),
        }
        let mss = options.mss.unwrap_or(DEFAULT_MSS).clamp(88, self.common.max_segment);
        self.mss = u32::from(mss) - if self.timestamps { TIMESTAMPS_LEN } else { 0 };
    }

    /// Sends the SYN, or the SYN-ACK.
    fn transmit_syn(&mut self, cx: &mut Cx<'_>) {
        let flags = Flags { syn: true, ack: self.state == State::SynReceived, ..Flags::default() };
        self.transmit_new(cx, flags, bytes::Bytes::new());
        self.arm(cx.now, Wait::Retransmission, self.rto);
    }

    /// Answers a repeated SYN.
    pub fn repeat_syn_ack(&mut self, cx: &mut Cx<'_>) {
        self.retransmit(cx, 0, crate::packet::Marks { retransmission: true, ..Default::default() });
    }

    /// A segment for a connection that has sent its SYN (RFC 9293 section 3.10.7.3).
    pub(super) fn arrives_in_syn_sent(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        if let Some(ack) = segment.ack {
            let echoes_ours = segment.options.timestamps.is_none_or(|(_, echo)| {
                let first = self.recovery.first_retransmission.unwrap_or(cx.now);
                !self.timestamps
                    || echo == 0
                    || (!before(echo, self.timestamp(first)) && !after(echo, self.timestamp(cx.now)))
            });
            if !after(ack, self.send.una) || after(ack, self.send.nxt) || !echoes_ours {
                // It belongs to an earlier connection, of which the peer still thinks.
                if !segment.flags.rst {
                    if self.retransmits == 0 {
                        // The RST makes room: the SYN follows it at once.
                        self.arm(cx.now, Wait::Retransmission, SOON);
                    }
                    self.refuse(cx, segment, "an acknowledgement of something never sent");
                }
                return;
            }
            if segment.flags.rst {
                self.happened(cx, What::ResetReceived);
                return self.end(cx, Some(io::ErrorKind::ConnectionRefused));
            }
        }
        if segment.flags.rst || !segment.flags.syn {
            return;
        }
        self.take_syn(cx.now, segment);
        if segment.ack.is_none() {
            // Both open at once.
            self.state = State::SynReceived;
            self.send.flight.clear();
            self.send.nxt = self.send.una;
            return self.transmit_syn(cx);
        }
        self.acknowledged(cx, segment);
        self.established(cx);
        self.acks.owed = true;
        // The handshake's last segment does not wait.
        self.send_ack(cx);
        self.transmit(cx);
    }

    /// A segment for a request (Linux's `tcp_check_req()`); `full`: the accept queue has no room.
    pub fn arrives_at_request(&mut self, cx: &mut Cx<'_>, segment: &Segment, full: bool) -> Handshake {
        let first = self.receive_next.wrapping_sub(1);
        let stale = self.is_stale(cx.now, segment);
        if segment.flags.syn && segment.ack.is_none() && segment.seq == first && !stale {
            // The SYN-ACK was lost. The timer begins anew.
            if self.may_answer_out_of_window(cx.now) {
                self.repeat_syn_ack(cx);
                self.arm_request(cx.now);
            }
            return Handshake::Continues;
        }
        if segment.ack.is_some_and(|ack| ack != self.send.nxt) {
            return if segment.flags.rst { Handshake::Continues } else { Handshake::Refused };
        }
        let window_end = self.receive_next.wrapping_add(self.receive_window);
        let beyond =
            !after(segment.end(), self.receive_next.wrapping_sub(1)) || !before(segment.seq, window_end);
        if stale || (beyond && segment.seq != self.receive_next) {
            if !segment.flags.rst && self.may_answer_out_of_window(cx.now) {
                self.send_ack(cx);
            }
            return Handshake::Continues;
        }
        if segment.flags.rst {
            self.happened(cx, What::ResetReceived);
            self.end(cx, None);
            return Handshake::Dropped;
        }
        if segment.flags.syn && segment.seq != first {
            self.end(cx, None);
            return Handshake::Refused;
        }
        if segment.ack.is_none() {
            return Handshake::Continues;
        }
        if full {
            // It will say it again with its data (tcp_abort_on_overflow = 0); the SYN-ACK has arrived.
            if !self.held_back {
                self.happened(cx, What::AckDropped);
            }
            self.held_back = true;
            return Handshake::Continues;
        }
        self.send_window = u32::from(segment.window) << self.send_scale;
        let measured =
            self.send.flight.front().filter(|syn| !syn.ever_retransmitted).map(|syn| cx.now - syn.at);
        self.send.una = self.send.nxt;
        self.send.flight.clear();
        (self.send.lost_out, self.send.retrans_out) = (0, 0);
        (self.retransmits, self.backoff) = (0, 0);
        self.recovery = Recovery::new(self.send.una, self.sysctls().reordering);
        self.timers.transmission = None;
        if let Some(rtt) = measured {
            self.measured(cx.now, rtt);
        }
        self.usage.until = self.send.nxt;
        self.window_told_at = segment.seq;
        self.largest_window = self.send_window;
        self.established(cx);
        Handshake::Completed
    }

    /// The handshake is over.
    fn established(&mut self, cx: &mut Cx<'_>) {
        self.state = State::Established;
        if !self.rtt.is_measured() && self.is_linux() {
            self.rto = FALLBACK_RTO;
        }
        if self.total_retransmits > 1 {
            // A SYN that had to be sent thrice: the path is bad (tcp_init_transfer()).
            self.congestion.set_cwnd(1);
        }
        self.recovery.first_retransmission = None;
        self.last_sent = cx.now;
        self.usage.since = cx.now;
        self.receive_memory.established(cx.now, self.asked_mss(), self.mss, self.receive_scale);
        self.acks.last_data = Some(cx.now);
        let mss = self.mss + if self.timestamps { TIMESTAMPS_LEN } else { 0 };
        self.send_memory.established(mss, self.congestion.cwnd());
        self.note_pace();
        self.start_keepalive(cx.now);
        self.happened(cx, What::Established);
        self.wake_writer(cx);
    }

    /// The listener is gone: nobody waits for it.
    pub fn drop_request(&mut self, cx: &mut Cx<'_>) {
        self.end(cx, None);
    }

    /// Both had opened at once, and now both have heard it.
    pub(super) fn established_by_both(&mut self, cx: &mut Cx<'_>) {
        self.established(cx);
    }

    /// How long a request waits for its last segment: doubled each time (`reqsk_timeout()`).
    pub(super) fn arm_request(&mut self, now: Duration) {
        let delay = INITIAL_RTO.saturating_mul(1 << self.retransmits.min(20));
        self.arm(now, Wait::Retransmission, delay);
    }
}
