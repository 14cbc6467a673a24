//! A loss that was none: the reduction of the window is taken back (RFC 3522, 3708, 5682; Linux's `tcp_undo_*()`).

use super::*;
use crate::tcp::recovery::Phase;
use crate::tcp::seq::before;

impl Connection {
    /// Whether what was acknowledged is older than the first retransmission: then it was the original (RFC 3522).
    fn is_original_acknowledged(&self) -> bool {
        match self.recovery.first_retransmission {
            Some(at) => self.timestamps && self.echo.is_some_and(|echo| before(echo, self.timestamp(at))),
            None => true,
        }
    }

    fn may_undo(&self) -> bool {
        self.recovery.undo_marker.is_some()
            && (self.recovery.undo_retrans == Some(0) || self.is_original_acknowledged())
    }

    fn undo(&mut self, cx: &mut Cx<'_>, unmark: bool) {
        if unmark {
            for sent in &mut self.send.flight {
                sent.lost = false;
            }
            self.send.lost_out = 0;
        }
        if self.recovery.may_restore {
            self.congestion.undo();
        }
        self.recovery.undo_marker = None;
        // What was sent since is looked at with other eyes.
        self.recovery.rack.advanced = true;
        // That a SYN was sent twice is no loss that anybody was told of.
        if self.state.is_synchronized() {
            self.happened(cx, What::LossUndone);
        }
    }

    /// All that was under way when recovery began is acknowledged. Returns whether the phase stays as it is: without
    /// SACK until something beyond it is acknowledged (RFC 6582 section 6).
    pub(super) fn undo_recovery(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.may_undo() {
            self.undo(cx, false);
        } else {
            let persist = &mut self.recovery.rack.persist;
            *persist = persist.saturating_sub(1);
        }
        if self.stays_closed() {
            return true;
        }
        self.recovery.phase = Phase::Open;
        false
    }

    fn stays_closed(&mut self) -> bool {
        if self.send.una != self.recovery.high || self.sack {
            return false;
        }
        if !self.send.any_retransmission() {
            self.recovery.first_retransmission = None;
        }
        true
    }

    /// Every retransmission was reported as a duplicate.
    pub(super) fn undo_by_duplicates(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.recovery.undo_marker.is_none() || self.recovery.undo_retrans != Some(0) {
            return false;
        }
        self.undo(cx, false);
        true
    }

    /// The timeout was spurious.
    pub(super) fn undo_loss(&mut self, cx: &mut Cx<'_>, by_frto: bool) -> bool {
        if !by_frto && !self.may_undo() {
            return false;
        }
        self.undo(cx, true);
        self.retransmits = 0;
        if self.stays_closed() {
            return true;
        }
        if by_frto || self.sack {
            self.recovery.phase = Phase::Open;
        }
        true
    }

    /// A part is acknowledged, and it was the original that had arrived. Returns whether to wait for the rest.
    pub(super) fn undo_partial(&mut self, cx: &mut Cx<'_>, before_una: u32) -> bool {
        if self.recovery.undo_marker.is_none() || !self.is_original_acknowledged() {
            return false;
        }
        self.overtaken(before_una);
        if self.send.retrans_out > 0 {
            return true;
        }
        if !self.send.any_retransmission() {
            self.recovery.first_retransmission = None;
        }
        self.undo(cx, true);
        self.keep_open();
        false
    }

    /// Open, or almost.
    pub(super) fn keep_open(&mut self) {
        let left = self.send.sacked_out + self.send.lost_out > 0;
        let phase = if left || self.send.any_retransmission() { Phase::Disorder } else { Phase::Open };
        if phase != self.recovery.phase {
            self.recovery.phase = phase;
            self.recovery.high = self.send.nxt;
        }
    }

    pub(super) fn try_to_open(&mut self) {
        if !self.send.any_retransmission() {
            self.recovery.first_retransmission = None;
        }
        if self.recovery.phase != Phase::Reduction {
            self.keep_open();
        }
    }
}
