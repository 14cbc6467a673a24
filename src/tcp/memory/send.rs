//! The send buffer: whole packets' worth of memory, a limit that grows with the congestion window, and a writer who is
//! woken when a third is free.

use std::collections::VecDeque;
use std::time::Duration;

use super::{DESCRIPTOR, HEADERS, OVERHEAD, SHARED_INFO};
use crate::tcp::congestion::INITIAL_WINDOW;

/// No SO_SNDBUF makes it smaller: two packets of 2 KiB (SOCK_MIN_SNDBUF).
const SMALLEST_LIMIT: u64 = 2 * (2048 + DESCRIPTOR as u64);
/// Room for twice the congestion window, so that fast recovery does not run dry (tcp_sndbuf_expand).
const WINDOWS: u64 = 2;
/// The largest packet to be cut by the device: 64 KiB less headers (sk_gso_max_size).
const LARGEST_BURST: u32 = (64 << 10) - HEADERS - 1;

/// How large the last packet of the queue may grow before a new one is begun: half of the largest window the peer ever
/// offered (`max_window`), in whole segments (tcp_xmit_size_goal).
pub fn size_goal(mss: u32, max_window: u32) -> u32 {
    let half = if max_window > 536 { max_window / 2 } else { max_window };
    let bound = if half == 0 { LARGEST_BURST } else { half.min(LARGEST_BURST) };
    (bound / mss * mss).max(mss)
}

/// What a connection's unsent and unacknowledged data cost, and how much they may.
#[derive(Debug, Clone)]
pub struct SendMemory {
    /// sk_sndbuf.
    limit: u64,
    /// tcp_wmem's third number.
    max: u64,
    /// Set by SO_SNDBUF: it does not grow.
    is_fixed: bool,
    /// TCP_NOTSENT_LOWAT.
    unsent_limit: Option<u64>,
    /// sk_wmem_queued.
    used: u64,
    /// Packets that have left, oldest first.
    sent: VecDeque<Burst>,
    /// Lengths of the packets that have not.
    unsent: VecDeque<u32>,
    unsent_bytes: u64,
    /// A record ended (MSG_EOR): packets are not joined any more; and the last one takes in nothing.
    has_records: bool,
    is_tail_closed: bool,
    /// The peer's option.
    mss: u32,
    /// Segments in a packet that is cut for sending.
    burst: u32,
    least_burst: u32,
    /// Somebody waits for space (SOCK_NOSPACE).
    is_awaited: bool,
    /// Segments that an acknowledgement has let go.
    let_go: u32,
}

/// A packet as it left: cut off a longer one, of so many segments.
#[derive(Debug, Clone, Copy)]
struct Burst {
    len: u32,
    segments: u32,
    /// Whether what it was cut from goes on behind it.
    goes_on: bool,
}

impl SendMemory {
    /// An empty buffer of `initial` bytes that may grow to `max` (tcp_wmem's second and third number), or stays at what
    /// SO_SNDBUF asked for. `least_burst`: segments in a packet that is cut for sending, unless the path is very fast
    /// (tcp_min_tso_segs).
    pub fn new(initial: u64, max: u64, fixed: Option<u64>, least_burst: u32) -> SendMemory {
        let mut memory = SendMemory {
            limit: initial.min(max),
            max,
            is_fixed: false,
            unsent_limit: None,
            used: 0,
            sent: VecDeque::new(),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            has_records: false,
            is_tail_closed: false,
            mss: 0,
            burst: least_burst,
            least_burst,
            is_awaited: false,
            let_go: 0,
        };
        if let Some(bytes) = fixed {
            memory.set_fixed(bytes);
        }
        memory
    }

    /// SO_SNDBUF: twice the bytes asked for, as bookkeeping counts, and no growth any more.
    pub fn set_fixed(&mut self, bytes: u64) {
        self.limit = (bytes * 2).max(SMALLEST_LIMIT);
        self.is_fixed = true;
    }

    /// TCP_NOTSENT_LOWAT: no more than this waits to be sent.
    pub fn set_unsent_limit(&mut self, bytes: Option<u64>) {
        self.unsent_limit = bytes;
    }

    /// The handshake is done. `mss` is the peer's option, without timestamps subtracted.
    pub fn established(&mut self, mss: u32, cwnd: u32) {
        self.mss = mss;
        self.expand(cwnd);
    }

    /// How fast the path is: on a fast one, packets leave that carry as much as is paced out in a millisecond, and up to
    /// 64 KiB more the shorter the fastest round trip is (tcp_tso_autosize), but at most half a window.
    pub fn set_pace(&mut self, bytes_per_second: u64, fastest: Duration, cwnd: u32) {
        let halvings = (fastest.as_micros() >> 9) as u32;
        let close = if halvings < 32 { u64::from(LARGEST_BURST) >> halvings } else { 0 };
        let bytes = (bytes_per_second / 1024 + close).min(LARGEST_BURST.into()) as u32;
        self.burst = (bytes / self.mss.max(1)).max(self.least_burst).min((cwnd / 2).max(1));
    }

    /// A process writes `len` bytes, which is more than none: how many are taken, up to the end of a packet; what is full
    /// may leave before the next one begins. None: the writer would block, and is awaited from now on. Memory is asked
    /// for only where a new packet begins: the last one is filled up to `size_goal` even if the limit is reached
    /// (tcp_sendmsg).
    pub fn write(&mut self, len: usize, size_goal: u32) -> usize {
        if self.begins(size_goal) {
            if !self.has_space(1) {
                self.is_awaited = true;
                return 0;
            }
            self.unsent.push_back(0);
            self.used += u64::from(OVERHEAD);
            self.is_tail_closed = false;
        }
        let Some(tail) = self.unsent.back_mut() else { return 0 };
        let taken = (size_goal - *tail).min(u32::try_from(len).unwrap_or(u32::MAX));
        *tail += taken;
        self.used += u64::from(taken);
        self.unsent_bytes += u64::from(taken);
        taken as usize
    }

    /// A record ends with what was written (MSG_EOR).
    pub fn end_record(&mut self) {
        (self.has_records, self.is_tail_closed) = (true, true);
    }

    fn begins(&self, size_goal: u32) -> bool {
        self.is_tail_closed || self.unsent.back().is_none_or(|tail| *tail >= size_goal)
    }

    /// Whether writing `len` bytes begins a new packet: the moment at which Linux looks whether the connection was idle
    /// for so long that its window has to shrink (tcp_skb_entail, tcp_slow_start_after_idle_check).
    pub fn begins_packet(&self, len: usize, size_goal: u32) -> bool {
        let fits = self.unsent.back().is_some_and(|tail| *tail as usize + len <= size_goal as usize);
        self.has_space(1) && (self.is_tail_closed || !fits)
    }

    /// The packet that is next to be sent takes from the one behind it, until it has `len` bytes (tcp_grow_skb).
    pub fn grow(&mut self, len: u32) {
        if let (Some(head), Some(next)) = (self.unsent.front().copied(), self.unsent.get(1).copied())
            && !self.has_records
        {
            let more = len.saturating_sub(head).min(next);
            self.unsent[0] += more;
            self.unsent[1] -= more;
            if more == next {
                self.unsent.remove(1);
                self.used -= u64::from(OVERHEAD);
            }
        }
    }

    /// How many segments a packet that is cut off for sending has at most (tcp_tso_segs).
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// How long the next packet is that is to be sent.
    pub fn next_packet(&self) -> u32 {
        self.unsent.front().copied().unwrap_or(0)
    }

    /// A segment with `len` bytes never sent before has left: what it is cut from costs one packet more.
    pub fn sent(&mut self, len: u32) {
        self.let_go += 1;
        let mut rest = len;
        while rest > 0 {
            let Some(head) = self.unsent.front_mut() else { return };
            let cut = rest.min(*head);
            *head -= cut;
            rest -= cut;
            self.unsent_bytes -= u64::from(cut);
            let goes_on = *head > 0;
            if !goes_on {
                self.unsent.pop_front();
            }
            match self.sent.back_mut() {
                Some(last) if last.goes_on && last.segments < self.burst => {
                    last.len += cut;
                    last.segments += 1;
                    last.goes_on = goes_on;
                    // What was cut off the rest before is its end now.
                    if !goes_on {
                        self.used -= u64::from(OVERHEAD);
                    }
                }
                _ => {
                    self.sent.push_back(Burst { len: cut, segments: 1, goes_on });
                    if goes_on {
                        self.used += u64::from(OVERHEAD);
                    }
                }
            }
        }
    }

    /// The peer acknowledged `bytes` more. Packets that are whole go; of a packet that is not, its data.
    pub fn acknowledged(&mut self, bytes: u64) {
        // What is sent from now on has left at another moment, so it is another packet.
        if let Some(last) = self.sent.back_mut() {
            last.goes_on = false;
        }
        self.let_go = 0;
        let mut rest = bytes;
        while rest > 0 {
            let Some(head) = self.sent.front_mut() else { return };
            let gone = u64::from(head.len).min(rest);
            head.len -= gone as u32;
            self.used -= gone;
            rest -= gone;
            if head.len == 0 {
                self.used -= u64::from(OVERHEAD);
                self.sent.pop_front();
            }
        }
    }

    /// To be called when a segment of the peer has been dealt with and what it allowed has been sent
    /// (tcp_check_space). If somebody waits and the network does not hold the data up, the limit grows with the
    /// congestion window. As measured, what counts as held up is what is under way after the first packet that the
    /// segment let go: an acknowledgement that lets more than one go makes the limit grow. True: the one who waits can
    /// write again.
    pub fn check_space(&mut self, cwnd: u32, in_flight: u32) -> bool {
        let behind_the_first = std::mem::take(&mut self.let_go).saturating_sub(self.burst);
        if !self.is_awaited {
            return false;
        }
        if in_flight.saturating_sub(behind_the_first) < cwnd {
            self.expand(cwnd);
        }
        let is_writable = self.is_writable();
        self.is_awaited = !is_writable;
        is_writable
    }

    /// poll(2)'s POLLOUT: a third is free (sk_stream_is_writeable).
    pub fn is_writable(&self) -> bool {
        let free = self.limit.saturating_sub(self.used);
        self.has_space(2) && free >= self.used / 2
    }

    /// Whether a packet more may begin; `weight`: a waker wants half of TCP_NOTSENT_LOWAT to be free, a writer a byte.
    fn has_space(&self, weight: u64) -> bool {
        self.used < self.limit && self.unsent_limit.is_none_or(|limit| self.unsent_bytes * weight < limit)
    }

    fn expand(&mut self, cwnd: u32) {
        if !self.is_fixed {
            let segment = (self.mss + HEADERS + SHARED_INFO).next_power_of_two() + DESCRIPTOR;
            let wanted = WINDOWS * u64::from(cwnd.max(INITIAL_WINDOW)) * u64::from(segment);
            self.limit = self.limit.max(wanted.min(self.max));
        }
    }

    /// What is used and what may be, in bytes (sk_wmem_queued, sk_sndbuf).
    #[cfg(test)]
    pub(super) fn usage(&self) -> (u64, u64) {
        (self.used, self.limit)
    }
}
