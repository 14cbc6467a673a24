//! Round values along an axis, with their units.

/// What the numbers along an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisUnit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bits a second.
    BitsPerSecond,
    /// Shares of 1, told in percent.
    Share,
    /// Things: whole numbers.
    Count,
    /// Plain numbers.
    Number,
}

/// The names of multiples, the smallest first.
type Names = &'static [(f64, &'static str)];

const SECONDS: Names =
    &[(1e-6, " µs"), (1e-3, " ms"), (1.0, " s"), (60.0, " min"), (3600.0, " h"), (86_400.0, " d")];
const BYTES: Names = &[(1.0, " B"), (1024.0, " KiB"), (1_048_576.0, " MiB"), (1_073_741_824.0, " GiB")];
const RATES: Names = &[(1.0, " bit/s"), (1e3, " kbit/s"), (1e6, " Mbit/s"), (1e9, " Gbit/s")];
const PERCENT: Names = &[(0.01, "%")];
const PLAIN: Names = &[(1.0, "")];

/// Round steps of time between those of decimal fractions of a second and those of days.
const TIMES: [f64; 17] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0,
    21_600.0, 43_200.0,
];

impl AxisUnit {
    fn names(self) -> Names {
        match self {
            AxisUnit::Seconds => SECONDS,
            AxisUnit::Bytes => BYTES,
            AxisUnit::BitsPerSecond => RATES,
            AxisUnit::Share => PERCENT,
            AxisUnit::Count | AxisUnit::Number => PLAIN,
        }
    }

    /// The smallest round step that is not below `least`.
    fn step(self, least: f64) -> f64 {
        match self {
            AxisUnit::Seconds if least > 1.0 && least <= TIMES[TIMES.len() - 1] => {
                TIMES.into_iter().find(|step| *step >= least).unwrap_or(least)
            }
            AxisUnit::Seconds if least > 1.0 => 86_400.0 * decimal(least / 86_400.0).max(1.0),
            AxisUnit::Bytes => least.max(1.0).log2().ceil().exp2(),
            AxisUnit::Count => decimal(least).max(1.0),
            _ => decimal(least),
        }
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn decimal(least: f64) -> f64 {
    let exponent = least.log10().floor() as i32;
    // Powers of ten below 1 are not exact as products: 0.001 is the parsed one.
    let power = |e: i32| format!("1e{e}").parse::<f64>().unwrap_or(1.0);
    let candidates = [(1.0, exponent), (2.0, exponent), (5.0, exponent), (1.0, exponent + 1)];
    let steps = candidates.map(|(digit, e)| digit * power(e));
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(least)
}

/// Round values of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    unit: AxisUnit,
    pub step: f64,
}

impl Ticks {
    /// For the stretch from `low` to `high`, not more than about `most` of them.
    pub fn new(unit: AxisUnit, low: f64, high: f64, most: usize) -> Self {
        let room = high - low;
        let least = if room > 0.0 && room.is_finite() { room / most as f64 } else { 1.0 };
        Self { unit, step: unit.step(least) }
    }

    /// All ticks between the two, both included.
    pub fn between(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        let (first, last) = ((low / self.step - 1e-9).ceil(), (high / self.step + 1e-9).floor());
        let count = (last - first).max(-1.0) as i64;
        (0..=count).map(|n| (first + n as f64) * self.step).map(|at| (at, self.label(at))).collect()
    }

    /// A value in the unit that suits the step: `1.5 s`, `90 min`.
    pub fn label(&self, value: f64) -> String {
        if value == 0.0 {
            return "0".to_owned();
        }
        let names = self.unit.names();
        let fits = |one: f64| {
            let n = self.step / one;
            n >= 1.0 - 1e-9 && (n - n.round()).abs() < 1e-6
        };
        let (one, name) = names.iter().rev().find(|(one, _)| fits(*one)).unwrap_or(&names[0]);
        let decimals = (0..9).find(|d| {
            let n = self.step / one * 10f64.powi(*d);
            (n - n.round()).abs() < 1e-6
        });
        format!("{:.*}{name}", decimals.unwrap_or(9) as usize, value / one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(unit: AxisUnit, low: f64, high: f64) -> Vec<String> {
        Ticks::new(unit, low, high, 6).between(low, high).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_carry_their_unit() {
        assert_eq!(
            labels(AxisUnit::Seconds, 0.0, 120.0),
            ["0", "20 s", "40 s", "60 s", "80 s", "100 s", "120 s"]
        );
        assert_eq!(labels(AxisUnit::Seconds, 0.0, 300.0), ["0", "1 min", "2 min", "3 min", "4 min", "5 min"]);
        assert_eq!(
            labels(AxisUnit::Seconds, 0.0, 0.25),
            ["0", "50 ms", "100 ms", "150 ms", "200 ms", "250 ms"]
        );
        assert_eq!(labels(AxisUnit::Seconds, 0.0, 2.0), ["0", "500 ms", "1000 ms", "1500 ms", "2000 ms"]);
        assert_eq!(labels(AxisUnit::Seconds, 0.0, 1e6)[1], "2 d");
        assert_eq!(labels(AxisUnit::Bytes, 0.0, 5e5), ["0", "128 KiB", "256 KiB", "384 KiB"]);
        assert_eq!(labels(AxisUnit::BitsPerSecond, 1e6, 2e6)[0], "1000 kbit/s");
        assert_eq!(labels(AxisUnit::Share, 0.0, 0.05), ["0", "1%", "2%", "3%", "4%", "5%"]);
        assert_eq!(labels(AxisUnit::Count, 0.0, 2.0), ["0", "1", "2"]);
        assert_eq!(labels(AxisUnit::Number, -1.0, 0.5), ["-1.0", "-0.5", "0", "0.5"]);
    }

    #[test]
    fn a_stretch_without_length_has_its_tick_if_it_is_round() {
        assert_eq!(labels(AxisUnit::Seconds, 5.0, 5.0), ["5 s"]);
        assert_eq!(labels(AxisUnit::Seconds, 5.5, 5.5), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn there_are_some_ticks_and_not_too_many_and_no_two_say_the_same(
            low in -1e3f64..1e3, room in 1e-4f64..1e7, kind in 0usize..6
        ) {
            use AxisUnit::*;
            let unit = [Seconds, Bytes, BitsPerSecond, Share, Count, Number][kind];
            let ticks = Ticks::new(unit, low, low + room, 6).between(low, low + room);
            prop_assert!(ticks.len() <= 8, "{ticks:?}");
            prop_assert!(ticks.iter().all(|(at, _)| *at >= low - room * 1e-6 && *at <= low + room * (1.0 + 1e-6)));
            // Whole bytes and things need room for a whole one.
            prop_assert!(ticks.len() >= 2 || room < 4.0 || matches!(unit, Seconds), "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0].1 != pair[1].1), "{ticks:?}");
        }
    }
}
