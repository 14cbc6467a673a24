//! Selective acknowledgements, read (RFC 2018, 2883, 6675 section 4): which segments beyond a gap have arrived; and what
//! stands in for them where the peer sends none (RFC 6582).

use super::acked::Told;
use super::*;
use crate::tcp::seq::{after, before, distance, earliest};

/// Linux's `tcp_max_reordering`.
const MOST_REORDERING: u32 = 300;

impl Connection {
    /// Takes the blocks of a segment (Linux's `tcp_sacktag_write_queue()`).
    pub(super) fn take_sack(&mut self, now: Duration, segment: &Segment, ack: u32, told: &mut Told) {
        if !self.sack {
            return;
        }
        let blocks = &segment.options.sack;
        let highest = self.send.highest_sacked();
        let mut reordered = self.send.highest_sacked();
        let mut first_sacked = None;
        let duplicate = self.duplicate_block(blocks, ack);
        if let Some((from, end)) = duplicate {
            self.take_duplicate(from, end, told);
        }
        for (i, &(from, end)) in blocks.iter().enumerate() {
            // A block tells of something under way: it lies within it (RFC 5961's caution, tcp_is_sackblock_valid()).
            let sensible = before(from, end) && !after(end, self.send.nxt) && after(end, self.send.una);
            if !sensible || (i == 0 && duplicate.is_some() && !after(end, ack)) {
                continue;
            }
            let is_duplicate = i == 0 && duplicate.is_some();
            for n in 0..self.send.flight.len() {
                let sent = &self.send.flight[n];
                if !before(sent.seq, end) {
                    break;
                }
                if before(sent.seq, from) || after(sent.end, end) {
                    continue;
                }
                self.tag(now, n, is_duplicate, highest, &mut reordered, &mut first_sacked, told);
            }
        }
        if before(reordered, highest) && self.recovery.phase != super::super::recovery::Phase::Loss {
            self.overtaken(reordered);
        }
        if let Some(at) = first_sacked {
            let rtt = now.saturating_sub(at);
            // Less than the oldest segment's age tells nothing that its acknowledgement would not.
            self.measured_by_sack(now, rtt);
        }
    }

    /// Whether the first block repeats what was acknowledged before (RFC 2883 section 4).
    fn duplicate_block(&self, blocks: &[(u32, u32)], ack: u32) -> Option<(u32, u32)> {
        let &(from, end) = blocks.first()?;
        let below = before(from, ack);
        let inside = blocks.get(1).is_some_and(|(f, e)| !before(from, *f) && !after(end, *e));
        (below || inside).then_some((from, end))
    }

    /// A segment arrived twice.
    fn take_duplicate(&mut self, from: u32, end: u32, told: &mut Told) {
        if !before(from, end) || distance(end, self.send.una) > self.largest_window {
            return;
        }
        told.duplicate = true;
        self.recovery.rack.duplicate_seen = true;
        let segments = distance(from, end).div_ceil(self.mss.max(1)).max(1);
        if self.recovery.probe_repeats && self.recovery.probe_high == Some(end) {
            told.duplicate_probe = true;
        }
        if let (Some(marker), Some(open)) = (self.recovery.undo_marker, self.recovery.undo_retrans.as_mut())
            && *open > 0
            && !after(end, self.send.una)
            && after(end, marker)
        {
            *open = open.saturating_sub(segments);
        }
    }

    /// A segment has arrived, although something before it has not (Linux's `tcp_sacktag_one()`).
    #[expect(clippy::too_many_arguments, reason = "what one pass over the blocks gathers")]
    fn tag(
        &mut self,
        now: Duration,
        n: usize,
        is_duplicate: bool,
        highest: u32,
        reordered: &mut u32,
        first_sacked: &mut Option<Duration>,
        told: &mut Told,
    ) {
        let Some(sent) = self.send.flight.get_mut(n) else { return };
        if is_duplicate && sent.ever_retransmitted {
            if let (Some(marker), Some(open)) =
                (self.recovery.undo_marker, self.recovery.undo_retrans.as_mut())
                && after(sent.end, marker)
            {
                *open = open.saturating_sub(1);
            }
            if sent.sacked {
                *reordered = earliest(*reordered, sent.seq);
            }
        }
        if sent.sacked {
            return;
        }
        if sent.retransmitted {
            // Which of the two has arrived is not known: unless it is taken for lost, the other is thought to be under way.
            if sent.lost {
                (sent.lost, sent.retransmitted) = (false, false);
                self.send.lost_out -= 1;
                self.send.retrans_out -= 1;
            }
        } else {
            if !sent.ever_retransmitted {
                if before(sent.seq, highest) {
                    *reordered = earliest(*reordered, sent.seq);
                }
                told.original |= !after(sent.end, self.recovery.high);
                first_sacked.get_or_insert(sent.at);
            }
            if std::mem::take(&mut sent.lost) {
                self.send.lost_out -= 1;
            }
        }
        sent.sacked = true;
        let (at, end, again) = (sent.at, sent.end, sent.ever_retransmitted);
        told.sacked = true;
        self.send.sacked_out += 1;
        self.recovery.delivered += 1;
        self.rack_advance(now, at, end, again);
    }

    /// A segment was overtaken: what lies that far back may still come (Linux's `tcp_check_sack_reordering()`).
    pub(super) fn overtaken(&mut self, seq: u32) {
        let by = distance(seq, self.send.highest_sacked());
        if by == 0 {
            return;
        }
        let mss = self.mss.max(1);
        if by > self.recovery.reordering * mss {
            self.recovery.reordering = by.div_ceil(mss).min(MOST_REORDERING);
        }
        self.recovery.reordering_seen = true;
    }

    /// Without SACK: a duplicate acknowledgement says that one more has arrived beyond the gap (RFC 6582).
    pub(super) fn count_duplicate(&mut self, repeated: u32) {
        if repeated == 0 || self.sack {
            return;
        }
        let before = self.send.sacked_out;
        self.send.sacked_out += repeated;
        let holes = self.send.lost_out.max(1).min(self.send.segments_out());
        let most = self.send.segments_out() - holes;
        if self.send.sacked_out > most {
            self.send.sacked_out = most;
        }
        self.recovery.delivered += self.send.sacked_out.saturating_sub(before);
    }

    /// Without SACK: an acknowledgement fills a hole, and takes what the duplicates had told of.
    pub(super) fn take_from_duplicates(&mut self, segments: u32) {
        self.recovery.delivered += segments.saturating_sub(self.send.sacked_out).max(1);
        self.send.sacked_out = self.send.sacked_out.saturating_sub(segments - 1);
    }

    /// A round trip measured by a segment beyond a gap.
    fn measured_by_sack(&mut self, now: Duration, rtt: Duration) {
        self.measured(now, rtt);
    }
}
