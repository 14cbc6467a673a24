//! What is to be sent, and what has been sent and is not acknowledged: the retransmission queue, which with the marks on
//! its segments is also the scoreboard of selective acknowledgements (RFC 6675 section 3).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::seq::{after, before};

/// A segment that was sent and is not acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// Its first sequence number.
    pub seq: u32,
    /// The sequence number after it.
    pub end: u32,
    pub data: Bytes,
    pub syn: bool,
    pub fin: bool,
    pub psh: bool,
    /// When it was sent last.
    pub at: Duration,
    /// Selectively acknowledged.
    pub sacked: bool,
    /// Taken for lost.
    pub lost: bool,
    /// Sent again, and that one is still under way.
    pub retransmitted: bool,
    /// Sent again at some time: it measures no round trip (Karn's algorithm, RFC 6298 section 3).
    pub ever_retransmitted: bool,
}

/// The sender's queues.
#[derive(Debug)]
pub(super) struct SendQueue {
    /// The oldest unacknowledged sequence number (SND.UNA).
    pub una: u32,
    /// The next one to be sent (SND.NXT).
    pub nxt: u32,
    /// Sent and not acknowledged, in order.
    pub flight: VecDeque<Sent>,
    /// How many of them are selectively acknowledged; without SACK, how many duplicate acknowledgements said so.
    pub sacked_out: u32,
    /// How many of them are taken for lost.
    pub lost_out: u32,
    /// How many retransmissions are under way.
    pub retrans_out: u32,
    /// Written, and not yet sent.
    unsent: VecDeque<Bytes>,
    unsent_len: usize,
    /// A FIN is to follow what was written, and was not sent yet.
    pub fin_waits: bool,
    /// Where the receiver should hand over what it has: the ends of writes.
    marks: VecDeque<u32>,
    /// Where a record ends (MSG_EOR): no segment goes beyond. Hardly any connection has one.
    records: Vec<u32>,
    /// The end of the last segment that was not a full one (RFC 896, as Minshall mended it).
    pub small_end: u32,
}

impl SendQueue {
    pub fn new(isn: u32) -> Self {
        Self {
            una: isn,
            nxt: isn,
            flight: VecDeque::new(),
            sacked_out: 0,
            lost_out: 0,
            retrans_out: 0,
            unsent: VecDeque::new(),
            unsent_len: 0,
            fin_waits: false,
            marks: VecDeque::new(),
            records: Vec::new(),
            small_end: isn,
        }
    }

    /// Bytes written and not yet sent.
    pub fn unsent_len(&self) -> usize {
        self.unsent_len
    }

    /// Bytes written and not yet acknowledged.
    pub fn unacknowledged_len(&self) -> usize {
        self.unsent_len + self.flight.iter().map(|s| s.data.len()).sum::<usize>()
    }

    /// Whether anything, a FIN included, waits to be sent for the first time.
    pub fn has_unsent(&self) -> bool {
        self.unsent_len > 0 || self.fin_waits
    }

    pub fn segments_out(&self) -> u32 {
        // A queue of 2^32 segments does not fit into memory.
        self.flight.len() as u32
    }

    /// Segments thought to be in the network (RFC 6675 section 4, as Linux's `tcp_packets_in_flight()` counts).
    pub fn in_flight(&self) -> u32 {
        (self.segments_out() + self.retrans_out).saturating_sub(self.sacked_out + self.lost_out)
    }

    /// Queues data.
    pub fn write(&mut self, data: &[u8]) {
        /// Small writes that wait are put together up to this size, so that a thousand of them do not make a thousand
        /// allocations.
        const CHUNK: usize = 4096;
        self.unsent_len += data.len();
        if data.len() < CHUNK / 4
            && let Some(last) = self.unsent.pop_back()
        {
            if last.len() + data.len() <= CHUNK {
                let mut joined = last.try_into_mut().unwrap_or_else(|shared| {
                    let mut own = BytesMut::with_capacity(CHUNK);
                    own.extend_from_slice(&shared);
                    own
                });
                joined.extend_from_slice(data);
                self.unsent.push_back(joined.freeze());
                return;
            }
            self.unsent.push_back(last);
        }
        self.unsent.push_back(Bytes::copy_from_slice(data));
    }

    /// The sequence number after all that was written.
    pub fn write_end(&self) -> u32 {
        // The length of a send buffer is below 2^31 by its parameter's range.
        self.nxt.wrapping_add(self.unsent_len as u32)
    }

    /// The receiver should hand over what was written up to here.
    pub fn push(&mut self) {
        self.marks.push_back(self.write_end());
    }

    /// More is put behind what was written: what was to be handed over goes on. Returns whether it was.
    pub fn take_push(&mut self) -> bool {
        let there = self.marks.back() == Some(&self.write_end());
        if there {
            self.marks.pop_back();
        }
        there
    }

    /// A record ends with what was written.
    pub fn end_record(&mut self) {
        self.records.retain(|record| !before(*record, self.una));
        self.records.push(self.write_end());
    }

    /// How many of the unsent bytes belong to the same record.
    pub fn record_len(&self) -> u32 {
        let next = self.records.iter().find(|record| after(**record, self.nxt));
        next.map_or(u32::MAX, |record| record.wrapping_sub(self.nxt))
    }

    fn ends_record(&self, seq: u32) -> bool {
        self.records.contains(&seq)
    }

    /// The next `len` bytes have become one packet: what is to be handed over within it is so at its end.
    pub fn gather_pushes(&mut self, len: u32) {
        let end = self.nxt.wrapping_add(len);
        let mut inside = false;
        while self.marks.front().is_some_and(|mark| before(*mark, end)) {
            inside |= self.marks.pop_front().is_some_and(|mark| after(mark, self.nxt));
        }
        if inside && self.marks.front() != Some(&end) {
            self.marks.push_front(end);
        }
    }

    /// Whether a segment that ends there is pushed.
    pub fn is_pushed(&mut self, end: u32) -> bool {
        while self.marks.front().is_some_and(|mark| before(*mark, end)) {
            self.marks.pop_front();
        }
        self.marks.front() == Some(&end) && self.marks.pop_front().is_some()
    }

    /// Takes the first `len` unsent bytes; there are as many.
    pub fn take(&mut self, len: usize) -> Bytes {
        self.unsent_len -= len;
        if let Some(front) = self.unsent.front_mut()
            && front.len() > len
        {
            return front.split_to(len);
        }
        match self.unsent.pop_front() {
            None => Bytes::new(),
            Some(front) if front.len() == len => front,
            Some(front) => {
                let mut joined = BytesMut::with_capacity(len);
                joined.extend_from_slice(&front);
                while joined.len() < len {
                    let Some(next) = self.unsent.front_mut() else { break };
                    let n = next.len().min(len - joined.len());
                    joined.extend_from_slice(&next.split_to(n));
                    if next.is_empty() {
                        self.unsent.pop_front();
                    }
                }
                joined.freeze()
            }
        }
    }

    /// Forgets everything: nothing will be sent any more.
    pub fn clear(&mut self) {
        self.flight = VecDeque::new();
        self.unsent = VecDeque::new();
        self.marks = VecDeque::new();
        self.unsent_len = 0;
        self.fin_waits = false;
        (self.sacked_out, self.lost_out, self.retrans_out) = (0, 0, 0);
    }

    /// The end of the highest segment that is selectively acknowledged, or the oldest unacknowledged number (Linux's
    /// `tcp_highest_sack_seq()`: where none is, nothing lies below it).
    pub fn highest_sacked(&self) -> u32 {
        match self.flight.iter().rev().find(|s| s.sacked) {
            Some(sent) => sent.end,
            None => self.una,
        }
    }

    /// Takes a segment for lost. Returns whether that is news.
    pub fn mark_lost(&mut self, i: usize) -> bool {
        let Some(sent) = self.flight.get_mut(i) else { return false };
        if sent.sacked {
            return false;
        }
        if sent.lost {
            let again = std::mem::take(&mut sent.retransmitted);
            self.retrans_out -= u32::from(again);
            return again;
        }
        sent.lost = true;
        self.lost_out += 1;
        true
    }

    /// Small segments that follow one which is to be sent again go with it, as far as they fit (Linux's
    /// `tcp_retrans_try_collapse()`).
    pub fn collapse(&mut self, i: usize, mss: usize, window_end: u32) {
        while let (Some(sent), Some(next)) = (self.flight.get(i), self.flight.get(i + 1)) {
            let fits = sent.data.len() < mss && sent.data.len() + next.data.len() <= mss;
            let apart = sent.syn || sent.fin || self.ends_record(sent.end);
            if !fits || apart || next.sacked || after(next.end, window_end) {
                return;
            }
            let mut joined = BytesMut::with_capacity(sent.data.len() + next.data.len());
            joined.extend_from_slice(&sent.data);
            joined.extend_from_slice(&next.data);
            let Some(next) = self.flight.remove(i + 1) else { return };
            self.lost_out -= u32::from(next.lost);
            self.retrans_out -= u32::from(next.retransmitted);
            let Some(sent) = self.flight.get_mut(i) else { return };
            (sent.end, sent.fin, sent.psh) = (next.end, next.fin, next.psh || sent.psh);
            sent.data = joined.freeze();
        }
    }

    /// Whether anything that was sent again is not acknowledged yet, or is the oldest (Linux's `tcp_any_retrans_done()`).
    pub fn any_retransmission(&self) -> bool {
        self.retrans_out > 0 || self.flight.front().is_some_and(|s| s.ever_retransmitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_taken_is_what_was_written_in_order(
            writes in proptest::collection::vec(0usize..3000, 0..20), takes in proptest::collection::vec(1usize..2000, 1..60)
        ) {
            let mut queue = SendQueue::new(0);
            let mut expected = Vec::new();
            for (i, len) in writes.iter().enumerate() {
                let data: Vec<u8> = (0..*len).map(|k| (i * 7 + k) as u8).collect();
                queue.write(&data);
                expected.extend(data);
            }
            prop_assert_eq!(queue.unsent_len(), expected.len());
            let mut got = Vec::new();
            for len in takes {
                let len = len.min(queue.unsent_len());
                got.extend_from_slice(&queue.take(len));
            }
            prop_assert_eq!(&got[..], &expected[..got.len()]);
            prop_assert_eq!(queue.unsent_len(), expected.len() - got.len());
        }
    }
}
