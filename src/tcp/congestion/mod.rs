//! How many segments may be under way: the congestion window as Linux counts it, in whole segments.
//!
//! - [`mod@self`]: what all algorithms share: slow start (RFC 5681), undo, restart after idle.
//! - `reno`: congestion avoidance of RFC 5681.
//! - `cubic`: RFC 9438, with Linux's integers.
//! - `hystart`: leaving slow start before the first loss.

mod cubic;
mod hystart;
mod reno;

use std::time::Duration;

use crate::parameter::Choice;
use cubic::Cubic;
use hystart::HyStart;

/// The window a connection begins with, in segments (RFC 6928; TCP_INIT_CWND).
pub const INITIAL_WINDOW: u32 = 10;
/// "No threshold yet": slow start goes on until the first loss (TCP_INFINITE_SSTHRESH).
pub const INFINITE_THRESHOLD: u32 = 0x7fff_ffff;
/// No reduction goes below two segments (RFC 5681 equation 4).
const MINIMUM_THRESHOLD: u32 = 2;
/// The clock that CUBIC's curve is drawn against ticks this often: a jiffy at HZ = 250.
const JIFFY: Duration = Duration::from_millis(4);

/// Which algorithm grows the window, and what it makes of a loss (tcp_congestion_control).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CongestionControl {
    /// RFC 9438, Linux's default.
    Cubic,
    /// RFC 5681: one segment a round trip, half on a loss.
    Reno,
}

impl Choice for CongestionControl {
    const WORDS: &'static [(&'static str, Self)] =
        &[("cubic", CongestionControl::Cubic), ("reno", CongestionControl::Reno)];
}
crate::choice_parameter!(CongestionControl);

/// The window and what the algorithms keep beside it. All windows are in segments.
#[derive(Debug, Clone)]
pub struct Congestion {
    window: u32,
    threshold: u32,
    /// Segments acknowledged since the window last grew in congestion avoidance (snd_cwnd_cnt).
    credit: u32,
    before_reduction: Option<Before>,
    algorithm: Algorithm,
}

/// What a reduction that proves unnecessary goes back to.
#[derive(Debug, Clone, Copy)]
struct Before {
    window: u32,
    threshold: u32,
}

#[derive(Debug, Clone)]
enum Algorithm {
    Cubic { curve: Cubic, hystart: Option<HyStart> },
    Reno,
}

impl Congestion {
    /// The window of a new connection. `hystart` has a meaning for CUBIC only.
    pub fn new(control: CongestionControl, hystart: bool) -> Congestion {
        Congestion {
            window: INITIAL_WINDOW,
            threshold: INFINITE_THRESHOLD,
            credit: 0,
            before_reduction: None,
            algorithm: match control {
                CongestionControl::Cubic => {
                    Algorithm::Cubic { curve: Cubic::default(), hystart: hystart.then(HyStart::default) }
                }
                CongestionControl::Reno => Algorithm::Reno,
            },
        }
    }

    /// How many segments may be under way (snd_cwnd).
    pub fn cwnd(&self) -> u32 {
        self.window
    }

    /// Sets the window, as recovery does while it reduces proportionally (RFC 6937); at least one segment.
    pub fn set_cwnd(&mut self, segments: u32) {
        self.window = segments.max(1);
    }

    /// Below it the window doubles every round trip (snd_ssthresh).
    pub fn ssthresh(&self) -> u32 {
        self.threshold
    }

    /// Sets the threshold.
    pub fn set_ssthresh(&mut self, segments: u32) {
        self.threshold = segments;
    }

    /// Whether the window doubles every round trip.
    pub fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    /// `segments` were acknowledged, or selectively acknowledged, and nothing is being recovered. The window grows only
    /// if it was what held the sender back (RFC 9438 section 5.8; tcp_is_cwnd_limited).
    pub fn acked(&mut self, now: Duration, segments: u32, is_cwnd_limited: bool) {
        if !is_cwnd_limited || segments == 0 {
            return;
        }
        let mut rest = segments;
        if self.in_slow_start() {
            let grown = self.window.saturating_add(segments).min(self.threshold);
            rest -= grown - self.window;
            self.window = grown;
        }
        if rest == 0 {
            return;
        }
        let per_segment = match &mut self.algorithm {
            Algorithm::Cubic { curve, .. } => curve.acks_per_segment(now, self.window, rest),
            Algorithm::Reno => reno::acks_per_segment(self.window),
        };
        self.avoid(per_segment, rest);
    }

    /// Congestion avoidance: one segment more for every `per_segment` acknowledged (tcp_cong_avoid_ai).
    fn avoid(&mut self, per_segment: u32, segments: u32) {
        // A count that was saved up under a larger divisor is worth one segment, not several.
        if self.credit >= per_segment {
            self.credit = 0;
            self.window += 1;
        }
        self.credit += segments;
        self.window += self.credit / per_segment;
        self.credit %= per_segment;
    }

    /// An acknowledgement measured a round trip of `rtt`. `una` is the oldest unacknowledged sequence number after it,
    /// `nxt` the next one to be sent: HyStart counts a round from `nxt` to its acknowledgement. To be called before
    /// [`acked`](Self::acked) for the same acknowledgement.
    pub fn rtt_sample(&mut self, now: Duration, rtt: Duration, una: u32, nxt: u32) {
        let in_slow_start = self.in_slow_start();
        let Algorithm::Cubic { curve, hystart } = &mut self.algorithm else { return };
        let Some(fastest) = curve.rtt_sample(now, rtt) else { return };
        let Some(hystart) = hystart else { return };
        if in_slow_start && hystart.ends_slow_start(now, rtt, fastest, self.window, una, nxt) {
            self.threshold = self.window;
        }
    }

    /// A loss: remembers window and threshold for [`undo`](Self::undo), and lowers the threshold as the algorithm wants.
    /// The window is left to recovery. Returns the new threshold.
    pub fn loss_ssthresh(&mut self) -> u32 {
        self.before_reduction = Some(Before { window: self.window, threshold: self.current_ssthresh() });
        let reduced = match &mut self.algorithm {
            Algorithm::Cubic { curve, .. } => curve.reduced(self.window),
            Algorithm::Reno => reno::reduced(self.window),
        };
        self.threshold = reduced.max(MINIMUM_THRESHOLD);
        self.credit = 0;
        self.threshold
    }

    /// The window at the last loss, while it can still be gone back to (prior_cwnd).
    pub fn prior_cwnd(&self) -> Option<u32> {
        self.before_reduction.map(|before| before.window)
    }

    /// The retransmission timer ran out (CA_Loss): the path may be another one, so CUBIC forgets its curve. Call it
    /// after [`loss_ssthresh`](Self::loss_ssthresh), and set the window.
    pub fn on_timeout(&mut self) {
        if let Algorithm::Cubic { curve, hystart } = &mut self.algorithm {
            *curve = Cubic::default();
            if let Some(hystart) = hystart {
                *hystart = HyStart::default();
            }
        }
    }

    /// Nothing was sent for `idle`, longer than the RTO: the window falls by half for every RTO, down to the initial
    /// window (RFC 2861; tcp_cwnd_restart), and the threshold remembers three quarters of it.
    pub fn restart_after_idle(&mut self, idle: Duration, rto: Duration) {
        self.threshold = self.current_ssthresh();
        let floor = INITIAL_WINDOW.min(self.window);
        let mut rest = idle.saturating_sub(rto);
        while rest > Duration::ZERO && self.window > floor {
            self.window >>= 1;
            rest = rest.saturating_sub(rto);
        }
        self.window = self.window.max(floor);
    }

    /// For an RTO the application used no more than `used` segments of the window: it falls half the way to them
    /// (RFC 2861; tcp_cwnd_application_limited).
    pub fn application_limited(&mut self, used: u32) {
        let used = used.max(INITIAL_WINDOW);
        if used < self.window {
            self.threshold = self.current_ssthresh();
            self.window = (self.window + used) / 2;
        }
    }

    /// Data leave while nothing is under way (CA_EVENT_TX_START): a pause does not count as time on the curve.
    pub fn tx_start(&mut self, now: Duration, last_sent: Duration) {
        if let Algorithm::Cubic { curve, .. } = &mut self.algorithm {
            curve.shift(now, now.saturating_sub(last_sent));
        }
    }

    /// The loss was none (RFC 3522, 2883): the window and the threshold of before, unless they are larger by now
    /// (tcp_undo_cwnd_reduction).
    pub fn undo(&mut self) {
        if let Some(before) = self.before_reduction {
            self.window = self.window.max(before.window);
            self.threshold = self.threshold.max(before.threshold);
        }
    }

    /// The threshold that stands for what the connection has used: three quarters of the window at least
    /// (tcp_current_ssthresh).
    fn current_ssthresh(&self) -> u32 {
        self.threshold.max(self.window / 2 + self.window / 4)
    }
}

#[cfg(test)]
mod tests;
