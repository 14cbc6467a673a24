//! The receive buffer: what packets cost, what is offered to the peer, and how both grow with what the process reads.

use std::collections::VecDeque;
use std::time::Duration;

use super::reader::{Reading, RoundTrip};
use super::{DESCRIPTOR, OVERHEAD, SHARED_INFO};
use crate::tcp::congestion::INITIAL_WINDOW;

/// No SO_RCVBUF makes it smaller (SOCK_MIN_RCVBUF).
const SMALLEST_LIMIT: u64 = 2048 + DESCRIPTOR as u64;
/// The share of the memory that is data, in 1/256, until a segment has shown it (TCP_DEFAULT_SCALING_RATIO).
const INITIAL_RATIO: u64 = 128;
/// The largest shift of the window (RFC 7323 section 2.3).
const LARGEST_SHIFT: u32 = 14;
/// The peer's segments are taken for no larger than this before one has come (TCP_MIN_RCVMSS).
const INITIAL_SEGMENT: u32 = 536;
/// Segments smaller than this leave the window alone (tcp_event_data_recv).
const GROWS_WINDOW: u32 = 128;
/// Bytes of a packet before its data: IP and TCP with timestamps, and what a driver leaves free (NET_SKB_PAD).
const BEFORE_DATA: u32 = 52 + 64;
/// Rooms in which a driver puts a packet: 1, 2 and 4 KiB with the shared info in them, and one for the smallest.
const ROOMS: [(u32, u32); 4] = [
    (256, OVERHEAD),
    (1024 - SHARED_INFO, 1024 + DESCRIPTOR),
    (2048 - SHARED_INFO, 2048 + DESCRIPTOR),
    (4096 - SHARED_INFO, 4096 + DESCRIPTOR),
];
/// Small packets squeezed together get a page each.
const PAGE: u32 = 4096;

/// What a connection's received data cost, how much they may, and what is offered to the peer.
#[derive(Debug, Clone)]
pub struct ReceiveMemory {
    /// sk_rcvbuf.
    limit: u64,
    /// tcp_rmem's third number.
    max: u64,
    /// Set by SO_RCVBUF: it does not grow.
    is_fixed: bool,
    /// A process holds the connection: before it is accepted, nothing beyond a gap moves the limit.
    pub is_held: bool,
    /// What the arriving packet was put together from, if the device did so (gso_size).
    pub piece: Option<u16>,
    /// sk_rmem_alloc.
    used: u64,
    /// What was received and not read, one entry a packet.
    packets: VecDeque<Packet>,
    /// Data per 256 bytes of memory (scaling_ratio).
    ratio: u64,
    /// The largest window the memory allows (window_clamp).
    clamp: u64,
    /// The window grows to it with what arrives (rcv_ssthresh).
    threshold: u64,
    /// Of full segments, without options (advmss).
    advertised_mss: u32,
    /// What the peer's segments are taken for (rcv_mss), and the length of the last one below it.
    segment: u32,
    last_smaller: u32,
    shift: u8,
    /// The window as it was offered last (rcv_wnd).
    offered: u32,
    /// A segment found no memory: the next acknowledgement offers nothing (ICSK_ACK_NOMEM).
    is_exhausted: bool,
    /// The window has grown with what arrived since somebody asked.
    grew: bool,
    reading: Reading,
    round_trip: RoundTrip,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    len: u32,
    cost: u32,
    /// More data for which there is room behind the last.
    room: u32,
}

impl ReceiveMemory {
    /// An empty buffer of `initial` bytes that may grow to `max` (tcp_rmem's second and third number), or stays at what
    /// SO_RCVBUF asked for.
    pub fn new(initial: u64, max: u64, fixed: Option<u64>) -> ReceiveMemory {
        let mut memory = ReceiveMemory {
            limit: initial.min(max),
            max,
            is_fixed: false,
            is_held: true,
            piece: None,
            used: 0,
            packets: VecDeque::new(),
            ratio: INITIAL_RATIO,
            clamp: 0,
            threshold: 0,
            advertised_mss: INITIAL_SEGMENT,
            segment: INITIAL_SEGMENT,
            last_smaller: 0,
            shift: 0,
            offered: 0,
            is_exhausted: false,
            grew: false,
            reading: Reading::default(),
            round_trip: RoundTrip::default(),
        };
        if let Some(bytes) = fixed {
            memory.set_fixed(bytes);
        }
        memory
    }

    /// SO_RCVBUF: twice the bytes asked for, as bookkeeping counts, and no growth any more.
    pub fn set_fixed(&mut self, bytes: u64) {
        self.limit = (bytes * 2).max(SMALLEST_LIMIT);
        self.is_fixed = true;
    }

    /// The window of our SYN or SYN-ACK in bytes, and the shift it offers (tcp_select_initial_window). `mss` is our
    /// option; in a SYN-ACK less the timestamps.
    pub fn initial_window(&mut self, mss: u32) -> (u32, u8) {
        let space = self.window_from(self.limit);
        let largest = if self.is_fixed { space } else { space.max(self.max) };
        let bits = largest.max(1).ilog2().saturating_sub(15).min(LARGEST_SHIFT);
        self.shift = bits as u8;
        self.clamp = if self.is_fixed { space } else { 65_535 << bits };
        let whole = if space > u64::from(mss) { space / u64::from(mss) * u64::from(mss) } else { space };
        self.offered = u32::try_from(whole).unwrap_or(u32::MAX);
        self.threshold = whole;
        (self.offered, self.shift)
    }

    /// The handshake is done. `mss`: data of a full segment as we asked for it; `theirs`: as the peer did. `shift`: what
    /// both agreed on, 0 without scaling.
    pub fn established(&mut self, now: Duration, mss: u32, theirs: u32, shift: u8) {
        self.shift = shift;
        self.advertised_mss = mss;
        let segment = u64::from(mss);
        let most = self.window_from(self.limit);
        self.clamp = self.clamp.min(most).min(65_535 << shift);
        // One segment is kept in reserve.
        if self.clamp > 2 * segment && self.clamp + segment > most {
            self.clamp = (most - segment).max(2 * segment);
        }
        self.threshold = self.threshold.min(self.clamp);
        self.segment = mss.min(theirs).min(self.offered / 2).clamp(88, INITIAL_SEGMENT);
        let first_round = u64::from(INITIAL_WINDOW * mss);
        self.reading = Reading {
            since: now,
            most: self.threshold.min(first_round).min(self.offered.into()),
            ..Reading::default()
        };
    }

    /// `len` new bytes arrived; `pushed`: with the flag PSH; `beyond`: how far the last out-of-order byte lies ahead of
    /// what is still missing, 0 if this segment is in order. False: there is no memory for it; it has to be dropped and
    /// acknowledged at once, with the window of zero that [`window`](Self::window) then gives.
    pub fn arrived(&mut self, now: Duration, len: usize, pushed: bool, beyond: u32) -> bool {
        let len = len as u32;
        if !self.find_space() {
            // Of what lies beyond a gap Linux says nothing (tcp_data_queue_ofo).
            self.is_exhausted |= beyond == 0;
            return false;
        }
        self.is_exhausted = false;
        let cost = self.take(len, beyond == 0);
        self.measure_segment(len, cost, pushed);
        if beyond == 0 {
            self.reading.arrives(now, len);
            self.measure_window(now, len);
        }
        if len >= GROWS_WINDOW || beyond > 0 {
            self.grow_window(len, cost);
        }
        if beyond > 0 && self.is_held {
            self.grow_limit(self.reading.most, u64::from(beyond));
        }
        true
    }

    /// The process has read `len` bytes; `unread` more are there for it in order. To the limit it matters how much it
    /// reads in a round trip (tcp_rcv_space_adjust).
    pub fn copied(&mut self, now: Duration, len: usize, unread: usize) {
        // Linux looks after every packet it has copied: what it finds after the first is what counts.
        let first = self.packets.front().map_or(0, |packet| packet.len).min(len as u32);
        self.free(first);
        self.reading.copied += u64::from(first);
        let rest = len as u32 - first;
        self.measure_reading(now, unread as u64 + u64::from(rest));
        self.free(rest);
        self.reading.copied += u64::from(rest);
    }

    /// So many bytes of what had arrived were there twice: nobody will read them.
    pub fn dropped(&mut self, len: usize) {
        self.free(len as u32);
    }

    /// A segment of `len` bytes echoed a timestamp that no segment had echoed before, `rtt` after it was made.
    /// `unread`: bytes in order that the process has not read. Call it before [`arrived`](Self::arrived).
    pub fn rtt(&mut self, rtt: Duration, len: usize, unread: usize) {
        if len as u32 >= self.segment {
            self.round_trip.sample(rtt, unread == 0);
        }
    }

    /// The window to be offered now, in bytes: a multiple of the scale's unit. `outstanding`: what is left of the window
    /// offered last. It is never taken back, unless there was no memory (tcp_select_window).
    pub fn window(&mut self, outstanding: u32) -> u32 {
        if std::mem::take(&mut self.is_exhausted) {
            self.offered = 0;
            return 0;
        }
        let unit = 1u64 << self.shift;
        let mut window = self.wanted();
        if window < u64::from(outstanding) {
            window = u64::from(outstanding).next_multiple_of(unit);
        }
        // A peer that does not scale hears of no more than 64 KiB of it.
        self.offered = u32::try_from(window).unwrap_or(u32::MAX);
        self.offered
    }

    /// After a read: whether the window has opened so far that the peer should be told at once (tcp_cleanup_rbuf).
    pub fn should_announce(&self, outstanding: u32) -> bool {
        let outstanding = u64::from(outstanding);
        let wanted = if 2 * outstanding <= self.clamp { self.wanted() } else { 0 };
        wanted > 0 && wanted >= 2 * outstanding
    }

    /// Whether an acknowledgement now could move the right edge of the window: if not, one for every second segment
    /// gains nothing, and Linux delays it (__tcp_ack_snd_check).
    pub fn can_advance(&self) -> bool {
        self.wanted() >= self.offered.into()
    }

    /// Less than half of the buffer is free: Linux stops acknowledging at once what it would acknowledge at once
    /// (__tcp_select_window sets icsk_ack.quick to 0).
    pub fn is_half_full(&self) -> bool {
        self.space() < self.clamp.min(self.window_from(self.limit)) / 2
    }

    /// What the peer's segments are taken for, in bytes (rcv_mss).
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// What it may hold, in bytes (sk_rcvbuf).
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What is used and what may be, in bytes (sk_rmem_alloc, sk_rcvbuf).
    #[cfg(test)]
    pub(super) fn usage(&self) -> (u64, u64) {
        (self.used, self.limit)
    }

    /// The window that fits, without regard to what is already offered (__tcp_select_window).
    fn wanted(&self) -> u64 {
        let unit = 1u64 << self.shift;
        let all = self.window_from(self.limit);
        let full = self.clamp.min(all);
        let segment = u64::from(self.segment).min(full);
        let mut free = self.space();
        if segment == 0 {
            return 0;
        }
        if free < full / 2 {
            free = free / unit * unit;
            // Silly-window avoidance (RFC 9293 section 3.8.6.2.2), and zero in time, before packets find no memory.
            if free < all / 16 || free < segment {
                return 0;
            }
        }
        let free = free.min(self.threshold);
        if self.shift > 0 {
            return free.next_multiple_of(unit);
        }
        let offered = u64::from(self.offered);
        if offered + segment <= free || offered > free {
            free / segment * segment
        } else if segment == full && free > offered + full / 2 {
            free
        } else {
            offered
        }
    }

    /// Once in a round trip: what was read, less what is still there. What arrived at this very instant does not count:
    /// a process that reads it now has kept up, as it does on Linux, where it runs while the rest of a burst arrives.
    fn measure_reading(&mut self, now: Duration, unread: u64) {
        let Some(round_trip) = self.round_trip.smoothed else { return };
        if now.saturating_sub(self.reading.since) < round_trip {
            return;
        }
        let unread = unread.saturating_sub(self.reading.arrived_at(now));
        let copied = self.reading.copied.saturating_sub(unread);
        if copied > self.reading.most {
            self.grow_limit(copied, 0);
        }
        self.reading.since = now;
        self.reading.copied = 0;
    }

    /// Takes `len` bytes out; what they cost is free when a whole packet is gone.
    fn free(&mut self, len: u32) {
        let mut rest = len;
        while rest > 0 {
            let Some(head) = self.packets.front_mut() else { break };
            let gone = head.len.min(rest);
            head.len -= gone;
            rest -= gone;
            if head.len == 0 {
                self.used -= u64::from(head.cost);
                self.packets.pop_front();
            }
        }
    }

    /// Puts a packet into memory: behind the last one if there is room (tcp_try_coalesce). Returns what it costs alone.
    fn take(&mut self, len: u32, in_order: bool) -> u32 {
        let needed = len + BEFORE_DATA;
        let (room, cost) = match ROOMS.iter().find(|(room, _)| needed <= *room) {
            Some((room, cost)) => (room - needed, *cost),
            // What does not fit into the largest lies in pages.
            None => (0, 4096 + DESCRIPTOR + (needed - (4096 - SHARED_INFO)).next_multiple_of(PAGE)),
        };
        match self.packets.back_mut() {
            Some(last) if in_order && len <= last.room => {
                last.len += len;
                last.room -= len;
            }
            _ => {
                self.packets.push_back(Packet { len, cost, room });
                self.used += u64::from(cost);
            }
        }
        cost
    }

    /// Bytes of window that this much memory is worth (tcp_win_from_space).
    fn window_from(&self, memory: u64) -> u64 {
        memory * self.ratio / 256
    }

    /// The window that the free memory is worth (tcp_space).
    fn space(&self) -> u64 {
        self.window_from(self.limit.saturating_sub(self.used))
    }

    /// Whether there is memory for a packet more. If not, the limit moves up where it may, and small packets are squeezed
    /// together (tcp_prune_queue).
    pub fn find_space(&mut self) -> bool {
        if self.used > self.limit && !self.is_fixed && self.limit < self.max {
            self.limit = self.used.min(self.max);
        }
        if self.used > self.limit {
            self.threshold = self.clamp.min(2 * u64::from(self.advertised_mss));
            self.collapse();
        }
        self.used <= self.limit
    }

    /// From the first packet on that costs more than its data are worth, all data move into pages (tcp_collapse).
    fn collapse(&mut self) {
        let is_bloated = |packet: &Packet| u64::from(packet.cost) * self.ratio / 256 > u64::from(packet.len);
        let Some(first) = self.packets.iter().position(is_bloated) else { return };
        let mut rest: u32 = self.packets.drain(first..).map(|packet| packet.len).sum();
        while rest > 0 {
            let len = rest.min(PAGE - SHARED_INFO);
            self.packets.push_back(Packet { len, cost: PAGE + DESCRIPTOR, room: 0 });
            rest -= len;
        }
        self.used = self.packets.iter().map(|packet| u64::from(packet.cost)).sum();
    }

    /// Learns the peer's segment size, and from it how much of the memory is data (tcp_measure_rcv_mss).
    fn measure_segment(&mut self, len: u32, cost: u32, pushed: bool) {
        let last = std::mem::take(&mut self.last_smaller);
        let whole = len;
        let len = self.piece.map_or(len, |piece| len.min(piece.into()));
        if len >= self.segment {
            if len != self.segment {
                let ratio = (u64::from(whole) * 256 / u64::from(cost)).max(1);
                if ratio != self.ratio {
                    self.ratio = ratio;
                    self.set_clamp(self.window_from(self.limit));
                    self.reading.most = self.reading.most.min(self.clamp);
                }
            }
            self.segment = len.min(self.advertised_mss);
        } else {
            // Twice the same smaller size, with its header of 32 bytes: the peer's segments are smaller.
            let with_header = len + 32;
            if with_header >= INITIAL_SEGMENT + 20 || (with_header >= 88 + 20 && !pushed) {
                self.last_smaller = len;
                if len == last {
                    self.segment = len;
                }
            }
        }
    }

    fn set_clamp(&mut self, clamp: u64) {
        let clamp = clamp.max(SMALLEST_LIMIT / 2);
        if clamp < self.clamp {
            self.threshold = self.threshold.min(clamp);
        } else if clamp > self.clamp {
            self.threshold = self.threshold.max(clamp.min(u64::from(self.offered)));
        }
        self.clamp = clamp;
    }

    /// A segment whose cost the window can bear makes it grow, towards the free space (tcp_grow_window).
    fn grow_window(&mut self, len: u32, cost: u32) {
        let room = self.clamp.min(self.space()).saturating_sub(self.threshold);
        if room == 0 {
            return;
        }
        let worth = self.window_from(cost.into());
        let more = if worth <= u64::from(len) {
            2 * u64::from(self.advertised_mss)
        } else if self.can_bear(worth, len) {
            2 * u64::from(self.segment)
        } else {
            return;
        };
        self.threshold += room.min(more.max(2 * u64::from(len)));
        self.grew = true;
    }

    /// Whether the window has grown with what arrived since the last call: the sender is told soon.
    pub fn take_growth(&mut self) -> bool {
        std::mem::take(&mut self.grew)
    }

    /// The smaller the window still is compared with the largest possible, the more waste is borne: each halving of the
    /// one allows a doubling of the other (__tcp_grow_window).
    fn can_bear(&self, worth: u64, len: u32) -> bool {
        let (mut worth, mut window) = (worth / 2, self.window_from(self.max) / 2);
        while self.threshold <= window {
            if worth <= u64::from(len) {
                return true;
            }
            worth /= 2;
            window /= 2;
        }
        false
    }

    /// Without timestamps: a window's worth of data took this long to come (tcp_rcv_rtt_measure).
    fn measure_window(&mut self, now: Duration, len: u32) {
        let round_trip = &mut self.round_trip;
        round_trip.missing = round_trip.missing.saturating_sub(u64::from(len));
        if let Some(began) = round_trip.window_began {
            if round_trip.missing > 0 {
                return;
            }
            round_trip.sample(now.saturating_sub(began), false);
        }
        round_trip.window_began = Some(now);
        round_trip.missing = u64::from(self.offered);
    }

    /// The process read `copied` bytes in a round trip, or data are out of order up to `beyond`: room for twice that,
    /// and for the growth to go on (tcp_rcvbuf_grow).
    fn grow_limit(&mut self, copied: u64, beyond: u64) {
        let before = std::mem::replace(&mut self.reading.most, copied);
        if self.is_fixed {
            return;
        }
        let twice = 2 * copied;
        let growth = twice * (copied - before) / before.max(1);
        let window = twice + 2 * growth + beyond;
        let limit = (window * 256 / self.ratio).min(self.max);
        if limit > self.limit {
            self.limit = limit;
            self.set_clamp(self.window_from(limit));
        }
    }
}
