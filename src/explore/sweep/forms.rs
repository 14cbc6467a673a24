//! A sweep as a table, as CSV, as JSON.

use serde_json::{Map, Value, json};

use super::{Point, Sweep};
use crate::explore::columns::columns;
use crate::explore::run::{number, plain};

/// For a person: the scenario, its seeds, what was set for all runs, a row for each point, and the command that does it
/// again. `-`: it did not happen.
pub fn text(sweep: &Sweep) -> String {
    let last = sweep.seed.saturating_add(u64::from(sweep.seeds.get()) - 1);
    let mut out = match sweep.seeds.get() {
        1 => format!("{}  seed {}\n", sweep.scenario, sweep.seed),
        _ => format!("{}  seeds {} to {last}\n", sweep.scenario, sweep.seed),
    };
    let set: Vec<Vec<String>> =
        sweep.set.iter().map(|(name, value)| vec![format!("* {name}"), value.clone()]).collect();
    out += &columns("", &set);
    if let Some(script) = &sweep.faults {
        out += &format!("* faults  {script}\n");
    }
    out += &format!("\n{}", columns("", &grid(sweep, "-", "does not hold")));
    out + &format!("\n{}\n", sweep.command)
}

/// For a spreadsheet: a header, a row for each point; the columns of [`text`], the last one named `claims_failed`. What
/// did not happen is empty. As RFC 4180 says.
pub fn csv(sweep: &Sweep) -> String {
    let row = |cells: &Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        // RFC 4180, 2.1: lines end with CR LF.
        cells.join(",") + "\r\n"
    };
    grid(sweep, "", "claims_failed").iter().map(row).collect()
}

/// RFC 4180, 2.5 to 2.7: a cell with line ends, quotes or commas is quoted, and quotes in it are doubled.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Header and rows: varied parameters, measures, and the rows of the ledger that do not hold.
fn grid(sweep: &Sweep, none: &str, failed: &str) -> Vec<Vec<String>> {
    let several = sweep.seeds.get() > 1;
    let mut head: Vec<String> = sweep.vary.iter().map(|vary| vary.name.clone()).collect();
    for name in &sweep.measures {
        match several {
            true => head.extend(["min", "median", "max", "happened"].map(|of| format!("{name}.{of}"))),
            false => head.push((*name).to_owned()),
        }
    }
    head.push(failed.to_owned());
    let mut rows = vec![head];
    for point in &sweep.points {
        let mut row: Vec<String> = values(sweep, point).map(|(_, value)| value.to_owned()).collect();
        for spread in &point.measures {
            let of = |value: Option<f64>| value.map_or_else(|| none.to_owned(), plain);
            row.push(of(spread.map(|s| s.min)));
            if several {
                row.extend([of(spread.map(|s| s.median)), of(spread.map(|s| s.max))]);
                row.push(spread.map_or(0, |s| s.happened).to_string());
            }
        }
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
            json!({"name": vary.name, "unit": vary.unit, "values": values})
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
            ((*name).to_owned(), value)
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
