//! CUBIC (RFC 9438) in Linux's integers: W(t) = C (t - K)^3 + W_max, read off at the jiffy, in units of 1/1024 s.

use std::time::Duration;

use super::JIFFY;

/// RFC 9438's C = 0.4 segments/s^3, as Linux scales it: 41 * 10 / 1024 (bic_scale).
const C_1024: u64 = 410;
/// What a loss leaves of the window: 717/1024 = 0.7 (RFC 9438 section 4.6).
const BETA_1024: u64 = 717;
/// Acknowledged segments a Reno flow of equal share needs for a segment: window * 15/8. RFC 9438 section 4.3 has
/// alpha = 3 (1 - beta) / (1 + beta); 15/8 is its reciprocal in eighths, rounded down.
const RENO_ACKS_IN_EIGHTHS: u64 = 8 * (1024 + BETA_1024) / 3 / (1024 - BETA_1024);
/// While no loss has shown a limit, the window grows by 5 % a round trip at least.
const MOST_ACKS_BEFORE_FIRST_LOSS: u32 = 20;
/// The window never grows by more than half a round trip (RFC 9438 section 4.2: the target is at most 1.5 windows).
const LEAST_ACKS: u32 = 2;
/// While the window stays the same, the curve is read again only after 1/32 s.
const READ_AGAIN_AFTER_JIFFIES: u64 = 250 / 32;
/// A second after an epoch began, round trips count again: those right after recovery are not the path's.
const NO_SAMPLES_FOR_JIFFIES: u64 = 250;

/// Where on the curve the connection is. Times in jiffies.
#[derive(Debug, Clone, Default)]
pub(super) struct Cubic {
    /// W_max: the window at the last loss, or less under fast convergence; 0: no loss yet.
    last_max: u32,
    epoch: Option<Epoch>,
    acks_per_segment: u32,
    /// When the curve was read last, and the window then.
    read: Option<(u64, u32)>,
    /// The fastest round trip seen.
    fastest: Option<Duration>,
}

/// One flight along the curve: it begins with the first acknowledgement after a loss.
#[derive(Debug, Clone)]
struct Epoch {
    start: u64,
    /// K: how long the curve takes to W_max, in 1/1024 s.
    plateau_at: u64,
    /// The window at the plateau.
    origin: u32,
    /// Segments acknowledged which the Reno estimate has not used up.
    acked: u64,
    /// W_est: the window a Reno flow would have.
    reno: u32,
}

impl Cubic {
    /// `acked` more segments arrived with this window: how many it takes for one segment more (bictcp_update).
    pub(super) fn acks_per_segment(&mut self, now: Duration, window: u32, acked: u32) -> u32 {
        let jiffy = jiffies(now);
        if let Some(epoch) = &mut self.epoch {
            epoch.acked += u64::from(acked);
        }
        if let Some((at, of)) = self.read
            && of == window
            && jiffy - at <= READ_AGAIN_AFTER_JIFFIES
        {
            return self.acks_per_segment.max(LEAST_ACKS);
        }
        let already_read = self.epoch.is_some() && self.read.is_some_and(|(at, _)| at == jiffy);
        if !already_read {
            self.read = Some((jiffy, window));
            self.read_curve(jiffy, window, acked);
        }
        self.be_reno_friendly(window);
        self.acks_per_segment = self.acks_per_segment.max(LEAST_ACKS);
        self.acks_per_segment
    }

    /// RFC 9438 section 4.2, 4.4 and 4.5: the curve a round trip ahead is the target.
    fn read_curve(&mut self, jiffy: u64, window: u32, acked: u32) {
        let last_max = self.last_max;
        let epoch = self.epoch.get_or_insert_with(|| Epoch {
            start: jiffy,
            plateau_at: time_to_plateau(last_max.saturating_sub(window)),
            origin: last_max.max(window),
            acked: u64::from(acked),
            reno: window,
        });
        let ahead = jiffy - epoch.start + round_up_to_jiffies(self.fastest.unwrap_or_default());
        let t = ahead * 1024 / 250;
        let offset = t.abs_diff(epoch.plateau_at);
        let rise = (u128::from(C_1024) * u128::from(offset).pow(3)) >> 40;
        let rise = u32::try_from(rise).unwrap_or(u32::MAX);
        let target = match t < epoch.plateau_at {
            true => epoch.origin.saturating_sub(rise),
            false => epoch.origin.saturating_add(rise),
        };
        self.acks_per_segment = match target.checked_sub(window) {
            Some(missing) if missing > 0 => window / missing,
            _ => window.saturating_mul(100),
        };
        if self.last_max == 0 {
            self.acks_per_segment = self.acks_per_segment.min(MOST_ACKS_BEFORE_FIRST_LOSS);
        }
    }

    /// RFC 9438 section 4.3: never slower than a Reno flow with the same losses.
    fn be_reno_friendly(&mut self, window: u32) {
        let Some(epoch) = &mut self.epoch else { return };
        let per_segment = (u64::from(window) * RENO_ACKS_IN_EIGHTHS / 8).max(1);
        // A segment takes more than `per_segment` acknowledged ones, so that exactly as many are carried over.
        let grown = epoch.acked.saturating_sub(1) / per_segment;
        epoch.acked -= grown * per_segment;
        epoch.reno = epoch.reno.saturating_add(grown as u32);
        if let Some(behind) = epoch.reno.checked_sub(window)
            && behind > 0
        {
            self.acks_per_segment = self.acks_per_segment.min(window / behind);
        }
    }

    /// A loss at this window: what is left of it (RFC 9438 sections 4.6 and 4.7; bictcp_recalc_ssthresh).
    pub(super) fn reduced(&mut self, window: u32) -> u32 {
        self.epoch = None;
        let share =
            |of: u32, numerator: u64, denominator: u64| (u64::from(of) * numerator / denominator) as u32;
        // Fast convergence: a window that did not reach its old maximum makes room for a newcomer.
        self.last_max = match window < self.last_max {
            true => share(window, 1024 + BETA_1024, 2 * 1024),
            false => window,
        };
        share(window, BETA_1024, 1024)
    }

    /// A round trip was measured. Returns the fastest one so far, or none where samples do not count.
    pub(super) fn rtt_sample(&mut self, now: Duration, rtt: Duration) -> Option<Duration> {
        if self.epoch.as_ref().is_some_and(|epoch| jiffies(now) - epoch.start < NO_SAMPLES_FOR_JIFFIES) {
            return None;
        }
        // Microseconds, at least one: zero would mean "not known".
        let rtt = Duration::from_micros((rtt.as_micros() as u64).max(1));
        let fastest = self.fastest.map_or(rtt, |fastest| fastest.min(rtt));
        self.fastest = Some(fastest);
        Some(fastest)
    }

    /// Nothing was under way for `pause`: the epoch begins that much later (RFC 9438 section 5.8).
    pub(super) fn shift(&mut self, now: Duration, pause: Duration) {
        if let Some(epoch) = &mut self.epoch {
            epoch.start = (epoch.start + jiffies(pause)).min(jiffies(now));
        }
    }
}

/// K = cubic root of (W_max - cwnd) / C (RFC 9438 section 4.2), in 1/1024 s.
fn time_to_plateau(missing: u32) -> u64 {
    let scaled = (1u64 << 40) / C_1024 * u64::from(missing);
    cubic_root(scaled)
}

/// The largest integer whose cube is at most `value`.
fn cubic_root(value: u64) -> u64 {
    let mut root = 0u64;
    for bit in (0..=21).rev() {
        let candidate = root | 1 << bit;
        if u128::from(candidate).pow(3) <= u128::from(value) {
            root = candidate;
        }
    }
    root
}

fn jiffies(of: Duration) -> u64 {
    (of.as_nanos() / JIFFY.as_nanos()) as u64
}

fn round_up_to_jiffies(of: Duration) -> u64 {
    of.as_nanos().div_ceil(JIFFY.as_nanos()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_largest_integer_whose_cube_fits() {
        for value in [0, 1, 7, 8, 26, 27, 999_999, 1_000_000, u64::MAX] {
            let root = u128::from(cubic_root(value));
            assert!(
                root.pow(3) <= u128::from(value) && u128::from(value) < (root + 1).pow(3),
                "{value}: {root}"
            );
        }
    }

    /// RFC 9438 section 4.2: K = cbrt(W_max (1 - beta) / C); for W_max = 1000 that is cbrt(300 / 0.4) = 9.09 s.
    #[test]
    fn the_time_to_the_plateau_is_rfc_9438s_k() {
        for (missing, k) in [(3u32, 1.957), (30, 4.217), (300, 9.086), (3000, 19.574)] {
            let seconds = time_to_plateau(missing) as f64 / 1024.0;
            assert!((seconds / k - 1.0).abs() < 0.002, "{missing}: {seconds} s instead of {k} s");
        }
    }
}
