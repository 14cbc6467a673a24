//! Durations, as the whole program counts them: in whole microseconds, and no longer than a run.

use std::time::Duration;

/// The longest time a run may simulate, and the longest duration that may be typed: a leap year. Far more than any timer
/// of a protocol, far less than any overflow.
pub const LONGEST: Duration = hours(24 * 366);

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
/// Seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
/// Minutes.
pub const fn mins(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}
/// Hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

/// The nearest whole number of microseconds, the resolution of every clock, packet and trace. Whatever enters the
/// simulation passes through here, so that no two parts of it round one deadline differently. Durations beyond 584,000
/// years become that.
#[must_use]
pub const fn micros(duration: Duration) -> Duration {
    let whole = duration.as_micros() + (duration.subsec_nanos() % 1000 >= 500) as u128;
    Duration::from_micros(if whole > u64::MAX as u128 { u64::MAX } else { whole as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_the_nearest_microsecond_and_never_overflow() {
        let ns = Duration::from_nanos;
        assert_eq!(micros(ns(25_000_300)), ms(25));
        assert_eq!(micros(ns(499)), Duration::ZERO);
        assert_eq!(micros(ns(500)), Duration::from_micros(1));
        assert_eq!(micros(ns(1_999_999_999)), secs(2));
        assert_eq!(micros(Duration::MAX), Duration::from_micros(u64::MAX));
    }
}
