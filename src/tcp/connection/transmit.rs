//! What leaves for the first time (RFC 9293 section 3.8.6.2; Linux's `tcp_write_xmit()`): as much as both windows allow,
//! in segments worth sending.

use bytes::Bytes;

use super::*;
use crate::packet::{Flags, Marks, TcpOptions};
use crate::tcp::send::Sent;
use crate::tcp::seq::{after, before, distance};

impl Connection {
    /// Sends what may be sent just now.
    pub(super) fn transmit(&mut self, cx: &mut Cx<'_>) {
        self.transmit_as(cx, self.options.no_delay && !self.corked);
    }

    /// The same; `at_once`: whatever Nagle's algorithm says (RFC 896).
    pub(super) fn transmit_as(&mut self, cx: &mut Cx<'_>, at_once: bool) {
        if !self.state.is_synchronized() || !self.send.has_unsent() {
            return;
        }
        let (mut sent, mut cut) = (0, 0);
        let mut limited_by_network = false;
        // Without a route what is written stays unsent, and a timer tries again (as in tcp_write_xmit()).
        while self.send.has_unsent() && cx.routable {
            if cut == 0 {
                // Also a FIN waits for the congestion window, since Linux 6.13.
                let quota = self.congestion.cwnd().saturating_sub(self.send.in_flight());
                if quota == 0 {
                    limited_by_network = true;
                    break;
                }
                let Some(len) = self.next_cut(quota, at_once) else { break };
                cut = len;
            }
            let len = self.next_len().min(cut);
            self.transmit_next(cx, len as usize, false);
            sent += 1;
            cut -= len;
        }
        limited_by_network |= self.send.in_flight() >= self.congestion.cwnd();
        if sent > 0 {
            if self.recovery.is_reducing() {
                self.recovery.prr_out += sent;
            }
            self.note_usage(cx.now, limited_by_network);
            if self.timers.waiting_for() != Some(Wait::Reordering) {
                self.arm_tail_probe(cx.now, false);
            }
        }
        self.check_window_probe(cx.now);
    }

    /// How long the next segment would be.
    pub(super) fn next_len(&self) -> u32 {
        // A send buffer holds less than 2^31 bytes.
        (self.send.unsent_len() as u32).min(self.current_mss()).min(self.send.record_len())
    }

    /// Whether the next segment, in its whole length, lies within the peer's window.
    pub(super) fn next_fits(&self) -> bool {
        self.next_len() <= distance(self.send.nxt, self.window_end()) || self.next_len() == 0
    }

    /// How many bytes leave next, cut off the first packet of the send buffer, if anything may leave as far as the peer's
    /// window and Nagle's algorithm go: `quota` segments at most. Silly windows are waited for (RFC 9293 section 3.8.6.2.1),
    /// but if a whole segment of the packet fits, what is cut may end with the window (tcp_mss_split_point()).
    fn next_cut(&mut self, quota: u32, at_once: bool) -> Option<u32> {
        let mss = self.current_mss();
        let segments = quota.min((self.congestion.cwnd() / 2).max(1)).min(self.send_memory.burst());
        let most = mss.saturating_mul(segments);
        self.send_memory.grow(most);
        let unsent = self.send.unsent_len() as u32;
        let packet = self.send_memory.next_packet().min(self.send.record_len());
        let window = distance(self.send.nxt, self.window_end());
        if packet.min(mss) > window {
            return None;
        }
        let is_last = packet == unsent;
        if packet == 0
            && before(self.window_end(), self.send.nxt.wrapping_add(1))
            && !self.send.flight.is_empty()
        {
            return None;
        }
        if packet <= mss {
            let waits = is_last && !self.send.fin_waits && self.nagle_waits(packet < mss, at_once);
            return (!waits).then_some(packet);
        }
        if most <= window && !is_last {
            return Some(most.min(packet));
        }
        let cut = packet.min(window);
        if most <= cut {
            return Some(most);
        }
        let part = cut % mss;
        Some(if self.nagle_waits(part != 0, at_once) { cut - part } else { cut })
    }

    /// RFC 896, as Minshall mended it: a segment that is not a full one waits while another such one is unacknowledged;
    /// the tail of a large message does not. In a corked connection it waits in any case (TCP_CORK).
    fn nagle_waits(&self, partial: bool, at_once: bool) -> bool {
        let small_unacknowledged = !self.send.flight.is_empty()
            && after(self.send.small_end, self.send.una)
            && !after(self.send.small_end, self.send.nxt);
        partial && !at_once && (self.corked || small_unacknowledged)
    }

    /// One segment whatever the congestion window says: the tail-loss probe. Returns whether it was sent.
    pub(super) fn transmit_forced(&mut self, cx: &mut Cx<'_>) -> bool {
        let Some(len) = self.next_cut(1, true) else { return false };
        self.transmit_next(cx, len as usize, false);
        if self.recovery.is_reducing() {
            self.recovery.prr_out += 1;
        }
        true
    }

    /// Sends the next `len` bytes; `push`: the receiver should hand them over now.
    pub(super) fn transmit_next(&mut self, cx: &mut Cx<'_>, len: usize, push: bool) {
        let data = self.send.take(len);
        let fin = self.send.unsent_len() == 0 && std::mem::take(&mut self.send.fin_waits);
        let psh = self.send.is_pushed(self.send.nxt.wrapping_add(len as u32)) || push;
        let flags = Flags { ack: true, psh: psh && len > 0, fin, ..Flags::default() };
        if (len as u32) < self.current_mss() {
            self.send.small_end = self.send.nxt.wrapping_add(len as u32);
        }
        if len > 0 {
            self.send_memory.sent(len as u32);
            if self.send.in_flight() == 0 {
                self.congestion.tx_start(cx.now, self.last_sent);
            }
            self.last_sent = cx.now;
            self.acks.data_sent(cx.now);
        }
        let first = self.send.flight.is_empty();
        self.transmit_new(cx, flags, data);
        if fin {
            self.happened(cx, What::FinSent);
        }
        // tcp_event_new_data_sent(): a running timeout stays (RFC 6298 section 5.1).
        if first || self.timers.waiting_for() == Some(Wait::LossProbe) {
            self.rearm_timeout(cx.now);
        }
    }

    /// Puts a segment that takes sequence space on the wire, and into the queue of what is to be acknowledged.
    pub(super) fn transmit_new(&mut self, cx: &mut Cx<'_>, flags: Flags, data: Bytes) {
        let seq = self.send.nxt;
        let segment = self.segment(cx.now, seq, flags, data.clone());
        let end = segment.end();
        self.send.flight.push_back(Sent {
            seq,
            end,
            data,
            syn: flags.syn,
            fin: flags.fin,
            psh: flags.psh,
            at: cx.now,
            sacked: false,
            lost: false,
            retransmitted: false,
            ever_retransmitted: false,
        });
        self.send.nxt = end;
        self.leave(cx, segment, Marks::default());
    }

    /// Makes a segment, with what is to be acknowledged and the window as they are now.
    pub(super) fn segment(&mut self, now: Duration, seq: u32, flags: Flags, data: Bytes) -> Segment {
        let mut options = TcpOptions::default();
        if flags.syn {
            options.mss = Some(self.common.max_segment);
            options.sack_permitted = self.sack;
            options.window_scale = Some(self.receive_scale).filter(|_| self.scaling);
        }
        if self.timestamps {
            let echo = if flags.ack { self.timestamp_recent } else { 0 };
            options.timestamps = Some((self.timestamp(now), echo));
        }
        if flags.ack && !flags.syn && !flags.rst && self.sack {
            options.sack = self.reassembly.sack(if self.timestamps { 3 } else { 4 });
        }
        let window = if flags.syn {
            // RFC 7323 section 2.2: the window of a SYN is never scaled.
            self.receive_window.min(u32::from(u16::MAX))
        } else {
            self.tell_window() >> self.receive_scale
        };
        Segment {
            src: self.tuple.local,
            dst: self.tuple.remote,
            flags,
            seq,
            ack: flags.ack.then_some(self.receive_next),
            window: u16::try_from(window).unwrap_or(u16::MAX),
            options,
            data,
        }
    }

    /// The window as it is to be told: never less than what was told before (RFC 9293 section 3.8.6).
    pub(super) fn window_to_tell(&mut self) -> u32 {
        let open = self.open_window();
        self.receive_memory.window(open)
    }

    fn tell_window(&mut self) -> u32 {
        if self.fin_taken {
            // Nothing more will come: it stays as it was.
            return self.receive_window;
        }
        self.receive_window = self.window_to_tell();
        if self.receive_memory.is_half_full() {
            self.acks.slow_down();
        }
        self.window_told = self.receive_next;
        self.receive_window
    }

    /// A segment leaves.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>, segment: Segment, marks: Marks) {
        if segment.ack.is_some() {
            self.acks.sent();
            self.timers.delayed_ack = None;
            self.timers.compressed_ack = None;
            self.compressed.waiting = 0;
        }
        cx.out.push_back(Transmit { segment, marks });
    }

    /// How much of the window was used (Linux's `tcp_cwnd_validate()`).
    fn note_usage(&mut self, now: Duration, limited: bool) {
        let out = self.send.segments_out();
        let over = !before(self.send.una, self.usage.until);
        if over || limited || (!self.usage.limited && out > self.usage.most_out) {
            self.usage.limited = limited;
            self.usage.most_out = out;
            self.usage.until = self.send.nxt;
        }
        if self.is_window_limited() {
            (self.usage.used, self.usage.since) = (0, now);
            return;
        }
        self.usage.used = self.usage.used.max(out);
        if self.sysctls().slow_start_after_idle && now.saturating_sub(self.usage.since) >= self.rto {
            if self.recovery.phase == super::super::recovery::Phase::Open {
                self.congestion.application_limited(self.usage.used);
            }
            (self.usage.used, self.usage.since) = (0, now);
        }
    }

    /// After a pause of more than an RTO the window is small again (RFC 5681 section 4.1).
    pub(super) fn restart_if_idle(&mut self, now: Duration) {
        let idle = now.saturating_sub(self.last_sent);
        if self.sysctls().slow_start_after_idle && self.send.flight.is_empty() && idle > self.rto {
            self.congestion.restart_after_idle(idle, self.rto);
            (self.usage.used, self.usage.since) = (0, now);
        }
    }

    /// Data wait, nothing is under way, and no timer runs: the window is closed, and has to be probed.
    pub(super) fn check_window_probe(&mut self, now: Duration) {
        if self.send.has_unsent() && self.send.flight.is_empty() && self.timers.transmission.is_none() {
            let delay = self.rto.max(self.sysctls().rto_min);
            self.arm(now, Wait::WindowProbe, delay);
        }
    }
}
