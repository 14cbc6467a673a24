//! Congestion avoidance of RFC 5681: one segment a round trip, half on a loss.

/// How many segments must be acknowledged for the window to grow by one: all of it.
pub(super) fn acks_per_segment(window: u32) -> u32 {
    window
}

/// What a loss leaves of the window.
pub(super) fn reduced(window: u32) -> u32 {
    window / 2
}
