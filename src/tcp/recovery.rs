//! What a sender knows of losses (RFC 6675, 8985, 5682, 6937): the state that recovery is in, and RACK's view of time.

use std::time::Duration;

use super::seq::after;

/// The states of Linux's `tcp_ca_state`, as far as they exist without ECN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing is amiss.
    Open,
    /// Something was selectively acknowledged or acknowledged twice: a loss, or an overtaking.
    Disorder,
    /// The window is being reduced, without anything to send again.
    Reduction,
    /// What was lost is sent again (RFC 6675 section 5).
    Recovery,
    /// The retransmission timer ran out.
    Loss,
}

/// RACK (RFC 8985): the segment sent last of those that are known to have arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rack {
    /// When it was sent.
    pub sent: Duration,
    /// The sequence number after it.
    pub end: u32,
    /// Its round trip.
    pub rtt: Duration,
    /// It is another one than at the last look.
    pub advanced: bool,
    /// How many quarters of a round trip an overtaken segment is given.
    pub steps: u32,
    /// For how many recoveries more the larger window is kept (RFC 8985 section 6.2, step 4).
    pub persist: u32,
    /// A duplicate was reported: something was sent again in vain.
    pub duplicate_seen: bool,
    /// How much had been delivered when the window was last adjusted.
    pub adjusted_at: u32,
}

impl Rack {
    /// Whether a segment sent at `sent`, ending at `end`, was sent before the newest that arrived.
    pub fn is_after(&self, sent: Duration, end: u32) -> bool {
        self.sent > sent || (self.sent == sent && after(self.end, end))
    }
}

/// What a sender knows of its losses.
#[derive(Debug)]
pub(super) struct Recovery {
    pub phase: Phase,
    /// What was sent when the phase began: acknowledged, it is over.
    pub high: u32,
    /// From where on a reduction can be taken back; `None`: it cannot.
    pub undo_marker: Option<u32>,
    /// Retransmissions that no duplicate was reported for; `None`: not known (Linux's -1).
    pub undo_retrans: Option<u32>,
    /// The threshold before the reduction can be gone back to.
    pub may_restore: bool,
    /// The window when the reduction began (RFC 6937: RecoverFS).
    pub prior_window: u32,
    /// Proportional rate reduction (RFC 6937): delivered and sent since the reduction began.
    pub prr_delivered: u32,
    pub prr_out: u32,
    /// When the first retransmission was sent (Linux's `retrans_stamp`).
    pub first_retransmission: Option<Duration>,
    /// Whether it is still open if a timeout was spurious (RFC 5682).
    pub frto: bool,
    /// What was sent when the tail-loss probe left, if it is not resolved (RFC 8985 section 7.4).
    pub probe_high: Option<u32>,
    /// The probe was a retransmission.
    pub probe_repeats: bool,
    /// By how many segments one may be overtaken.
    pub reordering: u32,
    /// An overtaking was seen.
    pub reordering_seen: bool,
    pub rack: Rack,
    /// Segments delivered in all.
    pub delivered: u32,
    /// Segments found lost in all.
    pub lost: u32,
}

impl Recovery {
    pub fn new(isn: u32, reordering: u32) -> Self {
        Self {
            phase: Phase::Open,
            high: isn,
            undo_marker: None,
            undo_retrans: Some(0),
            may_restore: false,
            prior_window: 0,
            prr_delivered: 0,
            prr_out: 0,
            first_retransmission: None,
            frto: false,
            probe_high: None,
            probe_repeats: false,
            reordering,
            reordering_seen: false,
            rack: Rack {
                sent: Duration::ZERO,
                end: isn,
                rtt: Duration::ZERO,
                advanced: false,
                steps: 1,
                persist: 0,
                duplicate_seen: false,
                adjusted_at: 0,
            },
            delivered: 0,
            lost: 0,
        }
    }

    /// Whether the window is being reduced step by step.
    pub fn is_reducing(&self) -> bool {
        matches!(self.phase, Phase::Reduction | Phase::Recovery)
    }

    /// How many segments may be sent in answer to an acknowledgement that reports `delivered` more, `lost` of them lost:
    /// proportional rate reduction (RFC 6937 section 3), with the slow start of a reduction that went too far.
    pub fn proportional(
        &mut self,
        ssthresh: u32,
        in_flight: u32,
        delivered: u32,
        advanced: bool,
        lost: u32,
    ) -> u32 {
        self.prr_delivered += delivered;
        let may_send = if in_flight > ssthresh {
            let share = u64::from(ssthresh) * u64::from(self.prr_delivered);
            let due = share.div_ceil(u64::from(self.prior_window.max(1)));
            u32::try_from(due).unwrap_or(u32::MAX).saturating_sub(self.prr_out)
        } else {
            let mut n = self.prr_delivered.saturating_sub(self.prr_out).max(delivered);
            if advanced && lost == 0 {
                n += 1;
            }
            n.min(ssthresh - in_flight)
        };
        // The first retransmission leaves whatever the arithmetic says.
        may_send.max(u32::from(self.prr_out == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reduction_sends_in_proportion_to_what_is_delivered() {
        // RFC 6937 section 4, the example of a window of 20 that becomes 10: about one segment out for two that arrive.
        let mut r = Recovery::new(0, 3);
        r.prior_window = 20;
        let mut sent = Vec::new();
        let mut in_flight = 19;
        for _ in 0..8 {
            in_flight -= 1;
            let n = r.proportional(10, in_flight, 1, false, 0);
            r.prr_out += n;
            in_flight += n;
            sent.push(n);
        }
        assert_eq!(sent.iter().sum::<u32>(), 4);
        assert_eq!(sent[0], 1, "the first retransmission leaves at once");
    }
}
