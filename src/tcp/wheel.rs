//! When a Linux timer really fires.
//!
//! Linux keeps timers in a wheel whose levels get coarser with distance (`kernel/time/timer.c`): a timer never fires
//! early, and up to an eighth of its length late. This is what stretches the measured ladders of retransmissions.

use std::time::Duration;

/// Ticks of the kernel's clock per second (`CONFIG_HZ`), as on the kernel that was measured.
const HZ: u64 = 250;
/// A tick, in microseconds.
const JIFFY_US: u64 = 1_000_000 / HZ;
/// Each level is eight times coarser than the one before it (`LVL_CLK_SHIFT`).
const LEVEL_SHIFT: u32 = 3;
/// Buckets in a level (`LVL_SIZE`).
const LEVEL_SIZE: u64 = 64;
/// Levels of the wheel at HZ > 100 (`LVL_DEPTH`).
const LEVELS: u32 = 9;

/// A kernel's wheel: how far its clock was when time began here. Where in a bucket a timer falls is a matter of when the
/// machine was booted, which is why two runs of one experiment on Linux differ by that much.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wheel {
    phase_us: u64,
}

impl Wheel {
    /// A wheel whose position follows from `seed`: anywhere within the coarsest level that timers of minutes reach.
    pub fn at(seed: u64) -> Self {
        Self { phase_us: seed % (1 << 36) }
    }

    /// When a timer armed at `now` to expire `delay` later fires.
    pub fn fires_at(self, now: Duration, delay: Duration) -> Duration {
        let phase = Duration::from_micros(self.phase_us);
        fires_at(now + phase, delay).saturating_sub(phase).max(now)
    }
}

/// The same where the wheel's clock began with ours.
fn fires_at(now: Duration, delay: Duration) -> Duration {
    let clock = micros(now) / JIFFY_US;
    let expires = clock + micros(delay).div_ceil(JIFFY_US);
    let distance = expires - clock;
    // LVL_START(n) = (LVL_SIZE - 1) << ((n - 1) * LVL_CLK_SHIFT): the distance from which level n takes over.
    let level =
        (1..LEVELS).take_while(|n| distance >= (LEVEL_SIZE - 1) << ((n - 1) * LEVEL_SHIFT)).count() as u32;
    // calc_index(): round up to the level's granularity, and one more, so that it cannot be early.
    let shift = level * LEVEL_SHIFT;
    let bucket = ((expires >> shift) + 1) << shift;
    Duration::from_micros(bucket * JIFFY_US)
}

fn micros(d: Duration) -> u64 {
    // A run is limited to parameter::LONGEST, which is 2^45 microseconds.
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forty_milliseconds_become_forty_four() {
        assert_eq!(fires_at(Duration::ZERO, Duration::from_millis(40)), Duration::from_millis(44));
    }

    #[test]
    fn twenty_seconds_are_up_to_two_seconds_late() {
        // 4864 jiffies: level 3, granularity 512 jiffies = 2.048 s.
        let fired = fires_at(Duration::ZERO, Duration::from_millis(19_456));
        assert_eq!(fired, Duration::from_millis(10 * 2048));
    }

    proptest! {
        #[test]
        fn never_early_and_at_most_an_eighth_and_a_jiffy_late(now in 0u64..1 << 40, delay in 1u64..1 << 38) {
            let (now, delay) = (Duration::from_micros(now), Duration::from_micros(delay));
            let late = fires_at(now, delay).checked_sub(now + delay).expect("early");
            prop_assert!(late <= delay / 7 + Duration::from_millis(8), "{late:?} late after {delay:?}");
        }
    }
}
