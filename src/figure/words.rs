//! The room that words take, without a font to measure them with: estimates after the widest of the usual faces (DejaVu
//! Sans), so that nothing is cut where a narrower one is used.

use std::time::Duration;

/// The width of a text in a sans-serif face, in the unit of `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' => 0.33,
            'f' | 't' | 'r' | ' ' | '(' | ')' | '/' | '-' | '[' | ']' => 0.38,
            'm' | 'w' | 'M' | 'W' | '@' | '⋯' | '…' => 0.95,
            '#' | '=' | '×' | '+' => 0.84,
            'A'..='Z' => 0.72,
            'c' | 's' | 'z' => 0.54,
            '0'..='9' | 'a'..='z' | '_' => 0.62,
            _ => 1.0,
        })
        .sum();
    em * size
}

/// The text, cut with `…` where it is wider than `room`.
pub(super) fn shortened(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out, size) + width("…", size) > room {
            out.pop();
            break;
        }
    }
    out.truncate(out.trim_end().len());
    out + "…"
}

/// The text in at most `lines` lines, broken at blanks; what does not fit is cut.
pub(super) fn wrapped(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let full = out.len() == lines;
        match out.last_mut() {
            Some(line) if full || width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out.iter().map(|line| shortened(line, size, room)).collect()
}

/// A stretch of time in at most two units: `57 s`, `1.96 s`, `480 ms`, `59 min 30 s`, `2 h 5 min`.
pub(crate) fn stretch(d: Duration) -> String {
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    let micros = d.as_micros();
    let seconds = (micros + 500_000) / 1_000_000;
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    if micros < 1000 {
        format!("{micros} µs")
    } else if micros < 1_000_000 {
        format!("{} ms", decimals(micros, 1000, if micros < 10_000 { 2 } else { 1 }))
    } else if micros < 120_000_000 {
        format!("{} s", decimals(micros, 1_000_000, 2))
    } else if seconds < 7200 {
        two(seconds / 60, "min", seconds % 60, "s")
    } else {
        let minutes = (seconds + 30) / 60;
        two(minutes / 60, "h", minutes % 60, "min")
    }
}

/// A moment: seconds since the start of the run, exact to the microsecond, without idle zeros: `11.44 s`.
pub(super) fn moment(at: Duration) -> String {
    format!("{} s", decimals(at.as_micros(), 1_000_000, 6))
}

/// `value / unit` with at most `places` decimals and no zeros at the end. `unit` is a power of ten.
fn decimals(value: u128, unit: u128, places: usize) -> String {
    let step = unit / 10u128.pow(u32::try_from(places).expect("few places")).min(unit);
    let step = step.max(1);
    let value = (value + step / 2) / step * step;
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_read_well_from_microseconds_to_days() {
        let told = |micros| stretch(Duration::from_micros(micros));
        assert_eq!(told(250), "250 µs");
        assert_eq!(told(1_250), "1.25 ms");
        assert_eq!(told(480_000), "480 ms");
        assert_eq!(told(1_960_000), "1.96 s");
        assert_eq!(told(57_000_000), "57 s");
        assert_eq!(told(3_570_200_000), "59 min 30 s");
        assert_eq!(told(3_600_000_000), "60 min");
        assert_eq!(told(7_500_000_000), "2 h 5 min");
        assert_eq!(told(86_400_000_000), "24 h");
    }

    #[test]
    fn moments_are_exact() {
        let told = |micros| moment(Duration::from_micros(micros));
        assert_eq!(
            [told(0), told(11_440_000), told(20), told(500_000_000)],
            ["0 s", "11.44 s", "0.00002 s", "500 s"]
        );
    }

    #[test]
    fn long_texts_are_wrapped_and_what_remains_is_cut() {
        assert_eq!(wrapped("peer declared dead", 10.0, 80.0, 2), ["peer declared", "dead"]);
        let cut = wrapped("a very long name of an event that goes on and on", 10.0, 80.0, 2);
        assert_eq!(cut.len(), 2);
        assert!(cut[1].ends_with('…') && cut.iter().all(|l| width(l, 10.0) <= 80.0), "{cut:?}");
        assert_eq!(shortened("short", 10.0, 80.0), "short");
    }
}
