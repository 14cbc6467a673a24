//! How much a connection may have under way until it first loses something (RFC 5681 section 3.1, RFC 6928).
//!
//! smoltcp's congestion control would begin with two segments of 1,024 bytes, and cannot be told otherwise. So until the
//! first loss it has none, and the kernel takes no more segments out of it than this allows; from the first loss on it is
//! smoltcp's Reno.

/// Linux's `TCP_INIT_CWND` (RFC 6928): ten segments.
const INITIAL_WINDOW: usize = 10;

/// The congestion window of a connection that has lost nothing, in segments, as Linux counts it.
#[derive(Debug)]
pub(super) struct SlowStart {
    /// `None`: something was lost.
    window: Option<usize>,
    duplicates: u32,
}

impl SlowStart {
    pub fn new() -> Self {
        Self { window: Some(INITIAL_WINDOW), duplicates: 0 }
    }

    /// Whether a segment more may be sent while so many are under way.
    pub fn allows(&self, in_flight: usize) -> bool {
        self.window.is_none_or(|window| in_flight < window)
    }

    /// Of `before` segments under way `after` are left. The window grows by what was acknowledged, if it was in the way:
    /// a sender with little to say does not earn a larger one (`tcp_is_cwnd_limited()`: less than half of it used).
    pub fn acknowledged(&mut self, before: usize, after: usize) {
        if let Some(window) = self.window.as_mut().filter(|window| before * 2 > **window) {
            *window += before.saturating_sub(after);
        }
    }

    /// Counts duplicate acknowledgements; returns whether this was the third in a row (RFC 5681 section 3.2).
    pub fn third_duplicate(&mut self, duplicate: bool) -> bool {
        self.duplicates = if duplicate { self.duplicates + 1 } else { 0 };
        self.duplicates == 3
    }

    /// Something was lost. Returns whether for the first time.
    pub fn ends(&mut self) -> bool {
        self.window.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_segments_may_leave_at_once_and_twice_as_many_a_round_trip_later() {
        let mut s = SlowStart::new();
        assert!(s.allows(9) && !s.allows(10));
        for left in (0..10).rev() {
            s.acknowledged(10, left.max(9));
        }
        assert!(s.allows(19) && !s.allows(20));
    }

    #[test]
    fn a_trickle_does_not_widen_the_window() {
        let mut s = SlowStart::new();
        for _ in 0..1000 {
            s.acknowledged(1, 0);
        }
        assert!(!s.allows(10));
    }

    #[test]
    fn after_a_loss_the_window_is_somebody_elses_business() {
        let mut s = SlowStart::new();
        assert!(s.ends());
        assert!(s.allows(1000));
        assert!(!s.ends());
    }
}
