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

/// The text in at most `lines` lines, broken at blanks. What does not fit is cut, and nothing is told behind a cut.
pub(super) fn wrapped(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let full = out.len() == lines;
        match out.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            Some(line) if full => {
                *line = shortened(&format!("{line} {word}"), size, room);
                break;
            }
            _ => out.push(word.to_owned()),
        }
        if width(word, size) > room {
            let line = out.last_mut().expect("the word was just put there");
            *line = shortened(word, size, room);
            break;
        }
    }
    if lines == 0 { Vec::new() } else { out }
}

/// As many of `items` as fit whole into `lines` lines, and a `…` for the others; one that alone is wider than the room
/// is cut.
pub(super) fn listed(items: &[String], size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut left_out = lines == 0;
    for item in items {
        let full = out.len() >= lines;
        match out.last_mut() {
            _ if lines == 0 => break,
            Some(line) if width(&format!("{line} {item}"), size) <= room => {
                line.push(' ');
                line.push_str(item);
            }
            Some(_) if full || width(item, size) > room => {
                left_out = true;
                break;
            }
            Some(_) => out.push(item.clone()),
            None if width(item, size) <= room => out.push(item.clone()),
            None => {
                out = wrapped(item, size, room, lines);
                return out;
            }
        }
    }
    if let Some(last) = out.last_mut().filter(|_| left_out) {
        let more = format!("{last} …");
        *last = if width(&more, size) <= room { more } else { shortened(&more, size, room) };
    }
    out
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

/// A moment for the time axis, to the millisecond: `77.086 s`. Where packets fly for less than that, exact.
pub(super) fn tick(at: Duration, latency: Duration) -> String {
    if latency < Duration::from_millis(2) {
        moment(at)
    } else {
        format!("{} s", decimals(at.as_micros(), 1_000_000, 3))
    }
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
        // Behind a word that is cut nothing more is told: it would read as if it followed.
        let quoted = wrapped("error=\"connection reset\"", 10.0, 80.0, 2);
        assert!(quoted.len() == 1 && quoted[0].ends_with('…'), "{quoted:?}");
    }

    #[test]
    fn fields_are_told_whole_or_not_at_all() {
        let fields = ["attempt=1", "unanswered=0", "n=7"].map(str::to_owned);
        assert_eq!(listed(&fields, 10.0, 300.0, 1), ["attempt=1 unanswered=0 n=7"]);
        assert_eq!(listed(&fields, 10.0, 90.0, 2), ["attempt=1", "unanswered=0 …"]);
        assert_eq!(listed(&fields, 10.0, 90.0, 0), Vec::<String>::new());
    }
}
