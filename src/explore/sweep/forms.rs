//! A sweep as a table, as CSV, as JSON.

use serde_json::{Map, Value, json};

use super::{Point, Spread, Sweep};
use crate::explore::run::{number, plain};
use crate::trace::text::columns;

/// For a person: the scenario, its seeds, what was set for all runs, a row for each point, and the command that does it
/// again. `-`: it did not happen. Over several seeds a measure is one number where all runs agree, else the smallest,
/// the median and the largest, and in how many runs it happened where that is not all of them.
pub fn text(sweep: &Sweep) -> String {
    let last = sweep.seed.saturating_add(u64::from(sweep.seeds.get()) - 1);
    let mut out = match sweep.seeds.get() {
        1 => format!("{}  seed {}\n", sweep.scenario, sweep.seed),
        _ => format!("{}  seeds {} to {last}: min / median / max\n", sweep.scenario, sweep.seed),
    };
    let set: Vec<Vec<String>> =
        sweep.set.iter().map(|(name, value)| vec![format!("* {name}"), value.clone()]).collect();
    out += &columns("", &set);
    if let Some(script) = &sweep.faults {
        out += &format!("* faults  {script}\n");
    }
    let grid = grid(sweep, sweep.measures.clone(), "does not hold", |spread| vec![told(sweep, spread)]);
    out += &format!("\n{}", columns("", &grid));
    out + &format!("\n{}\n", sweep.command)
}

fn told(sweep: &Sweep, spread: Option<Spread>) -> String {
    let Some(s) = spread else {
        return "-".to_owned();
    };
    let mut out = match s.min == s.max {
        true => plain(s.median),
        false => format!("{} / {} / {}", plain(s.min), plain(s.median), plain(s.max)),
    };
    if s.happened != sweep.seeds.get() {
        out += &format!(" ({} of {})", s.happened, sweep.seeds);
    }
    out
}

/// For a spreadsheet: a header, then a row for each point. A measure `NAME` is a column; over several seeds it is
/// `NAME.min`, `NAME.median`, `NAME.max` and `NAME.happened` (in how many runs). What did not happen is empty. The last
/// column is `claims_failed`: the rows of the ledger, separated by blanks. As RFC 4180 says.
pub fn csv(sweep: &Sweep) -> String {
    let several = sweep.seeds.get() > 1;
    let of = |name: &String| match several {
        true => ["min", "median", "max", "happened"].map(|of| format!("{name}.{of}")).to_vec(),
        false => vec![name.clone()],
    };
    let cells = |spread: Option<Spread>| {
        let cell = |value: fn(Spread) -> f64| spread.map(value).map(plain).unwrap_or_default();
        let mut cells = vec![cell(|s| s.min)];
        if several {
            let happened = spread.map_or(0, |s| s.happened).to_string();
            cells.extend([cell(|s| s.median), cell(|s| s.max), happened]);
        }
        cells
    };
    let row = |cells: &Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        // RFC 4180, 2.1: lines end with CR LF.
        cells.join(",") + "\r\n"
    };
    let names = sweep.measures.iter().flat_map(of).collect();
    grid(sweep, names, "claims_failed", cells).iter().map(row).collect()
}

/// RFC 4180, 2.5 to 2.7: a cell with line ends, quotes or commas is quoted, and quotes in it are doubled.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

/// Header and rows: varied parameters, measures, and the rows of the ledger that do not hold.
fn grid(
    sweep: &Sweep,
    measures: Vec<String>,
    failed: &str,
    cells: impl Fn(Option<Spread>) -> Vec<String>,
) -> Vec<Vec<String>> {
    let mut head: Vec<String> = sweep.vary.iter().map(|vary| vary.name.clone()).collect();
    head.extend(measures);
    head.push(failed.to_owned());
    let mut rows = vec![head];
    for point in &sweep.points {
        let mut row: Vec<String> = values(sweep, point).map(|(_, value)| value.to_owned()).collect();
        row.extend(point.measures.iter().flat_map(|spread| cells(*spread)));
        row.push(point.claims_failed.join(" "));
        rows.push(row);
    }
    rows
}

/// The names of the varied parameters, each with its value at this point.
fn values<'a>(sweep: &'a Sweep, point: &'a Point) -> impl Iterator<Item = (&'a str, &'a str)> {
    let pairs = sweep.vary.iter().zip(&point.values);
    pairs.map(|(vary, &place)| (vary.name.as_str(), vary.values[place].text.as_str()))
}

/// For a program: `{scenario, seed, seeds, set: {NAME: VALUE}, faults, vary: [{name, unit, values}], points: [{parameters: {NAME:
/// VALUE}, measures: {NAME: {min, median, max, happened}|null}, claims_failed: [ID]}]}`; with one seed a measure is a plain
/// number.
pub fn json(sweep: &Sweep) -> Value {
    let vary: Value = sweep
        .vary
        .iter()
        .map(|vary| {
            let values: Vec<&str> = vary.values.iter().map(|value| value.text.as_str()).collect();
            json!({"name": vary.name, "unit": vary.unit.to_string(), "values": values})
        })
        .collect();
    let set: Map<String, Value> =
        sweep.set.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let points: Value = sweep.points.iter().map(|point| point_json(sweep, point)).collect();
    json!({
        "scenario": sweep.scenario,
        "seed": sweep.seed,
        "seeds": sweep.seeds.get(),
        "set": set,
        "faults": sweep.faults,
        "vary": vary,
        "points": points,
    })
}

fn point_json(sweep: &Sweep, point: &Point) -> Value {
    let parameters: Map<String, Value> =
        values(sweep, point).map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let measures: Map<String, Value> = sweep
        .measures
        .iter()
        .zip(&point.measures)
        .map(|(name, spread)| {
            let value = match spread {
                None => Value::Null,
                Some(s) if sweep.seeds.get() == 1 => number(s.median),
                Some(s) => json!({
                    "min": number(s.min),
                    "median": number(s.median),
                    "max": number(s.max),
                    "happened": s.happened,
                }),
            };
            (name.clone(), value)
        })
        .collect();
    json!({"parameters": parameters, "measures": measures, "claims_failed": point.claims_failed})
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_with_commas_quotes_or_line_ends_is_quoted() {
        assert_eq!(quoted("1m 30s"), "1m 30s");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"no\""), "\"say \"\"no\"\"\"");
        assert_eq!(quoted("one\r\ntwo"), "\"one\r\ntwo\"");
    }
}
