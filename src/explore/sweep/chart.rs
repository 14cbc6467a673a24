//! A sweep as a chart.

use super::{Point, Sweep};
use crate::figure::chart::{Axis, AxisUnit, Chart, Dot, Panel, chart};
use crate::figure::heat::{Heat, heat};
use crate::figure::{WIDE, standalone};
use crate::parameter::{self, Choice};

/// How a sweep is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Along it the first varied parameter, a panel for each measure, a line for each value (or combination of values)
    /// of the others.
    #[default]
    Lines,
    /// A cell for each pair of values of the first two varied parameters: its shade is the first measure's median. With
    /// fewer or more than two varied parameters: lines.
    Heat,
    /// Panels beside each other over one scale, one for each line: the first measure. With several measures, or a
    /// single line: lines.
    Multiples,
}

impl Choice for Form {
    const WORDS: &'static [(&'static str, Self)] =
        &[("lines", Form::Lines), ("heat", Form::Heat), ("multiples", Form::Multiples)];
}

/// A chart to stand in a page, laid out for a width in CSS pixels. `id` is unique on the page.
pub fn svg(sweep: &Sweep, id: &str, width: u32) -> String {
    let lines = Chart { width, ..of(sweep, id) };
    match sweep.form {
        Form::Heat if sweep.vary.len() == 2 && !sweep.measures.is_empty() => heat(&heat_of(sweep, lines)),
        Form::Multiples if lines.lines.len() > 1 && lines.panels.len() == 1 => chart(&multiples(lines)),
        _ => chart(&lines),
    }
}

/// The first measure over both varied parameters.
fn heat_of(sweep: &Sweep, chart: Chart) -> Heat {
    let texts =
        |vary: usize| sweep.vary[vary].values.iter().map(|value| value.text.clone()).collect::<Vec<_>>();
    let (along, down) = (texts(0), texts(1));
    let median = |column: usize, row: usize| {
        let point = sweep.points.iter().find(|point| point.values == [column, row])?;
        point.measures[0].map(|spread| spread.median)
    };
    let row = |row: usize| (0..along.len()).map(|column| median(column, row)).collect();
    Heat {
        title: chart.title,
        description: chart.description,
        id: chart.id,
        name: sweep.measures[0].to_owned(),
        unit: unit_of_measure(&sweep.measures[0]),
        cells: (0..down.len()).map(row).collect(),
        along: (sweep.vary[0].name.clone(), along),
        down: (sweep.vary[1].name.clone(), down),
        width: chart.width,
    }
}

/// A panel for each line of the only one.
fn multiples(chart: Chart) -> Chart {
    let Some(only) = chart.panels.first().cloned() else { return chart };
    let panels = only.lines.into_iter().zip(&chart.lines).map(|(line, name)| Panel {
        name: format!("{} {name}", chart.cases),
        unit: only.unit,
        lines: vec![line],
    });
    let panels: Vec<Panel> = panels.collect();
    let columns = panels.len().clamp(2, 3);
    Chart { panels, lines: vec![only.name], cases: String::new(), columns, ..chart }
}

/// A chart as a file of its own.
pub fn standalone_svg(sweep: &Sweep) -> String {
    standalone(&svg(sweep, "figure", WIDE))
}

fn of(sweep: &Sweep, id: &str) -> Chart {
    let (first, others) = sweep.vary.split_first().expect("a sweep varies something");
    let positions: Option<Vec<f64>> = first.values.iter().map(|value| value.position).collect();
    let axis = match positions {
        Some(_) => Axis::Numbers(unit_of_parameter(first.unit)),
        None => Axis::Words(first.values.iter().map(|value| value.text.clone()).collect()),
    };
    let positions = positions.unwrap_or_else(|| (0..first.values.len()).map(|place| place as f64).collect());
    // The first parameter varies slowest: the points of one of its values stand together, in the order of the lines.
    let lines = sweep.points.len() / first.values.len();
    let name = |point: &Point| {
        let values = others.iter().zip(&point.values[1..]);
        let texts: Vec<&str> = values.map(|(vary, &place)| vary.values[place].text.as_str()).collect();
        texts.join(", ")
    };
    let panel = |(measure, name): (usize, &String)| {
        let line = |line: usize| {
            let of_line = sweep.points.iter().skip(line).step_by(lines);
            let mut dots: Vec<Dot> = of_line
                .map(|point| Dot {
                    x: positions[point.values[0]],
                    y: point.measures[measure].map(|s| [s.min, s.median, s.max]),
                })
                .collect();
            dots.sort_by(|a, b| a.x.total_cmp(&b.x));
            dots
        };
        Panel { name: name.clone(), unit: unit_of_measure(name), lines: (0..lines).map(line).collect() }
    };
    Chart {
        title: sweep.question.to_owned(),
        description: description(sweep),
        id: id.to_owned(),
        along: first.name.clone(),
        axis,
        cases: others.iter().map(|vary| vary.name.as_str()).collect::<Vec<_>>().join(", "),
        lines: sweep.points.iter().take(lines).map(name).collect(),
        panels: sweep.measures.iter().enumerate().map(panel).collect(),
        columns: 1,
        width: WIDE,
    }
}

/// What is drawn, and over what.
fn description(sweep: &Sweep) -> String {
    let mut out = format!("{} by {}", sweep.measures.join(", "), sweep.vary[0].name);
    if let Some((first, last)) = sweep.vary[0].values.first().zip(sweep.vary[0].values.last()) {
        out += &format!(" ({} values, {} to {})", sweep.vary[0].values.len(), first.text, last.text);
    }
    for vary in &sweep.vary[1..] {
        let texts: Vec<&str> = vary.values.iter().map(|value| value.text.as_str()).collect();
        out += &format!(", for {} {}", vary.name, texts.join(", "));
    }
    if sweep.seeds.get() > 1 {
        out += &format!("; the median of {} runs, and from the smallest to the largest", sweep.seeds);
    }
    out += ".";
    for (measure, name) in sweep.measures.iter().enumerate() {
        let happened = || sweep.points.iter().filter_map(|point| point.measures[measure]);
        let low = happened().map(|s| s.min).fold(f64::INFINITY, f64::min);
        let high = happened().map(|s| s.max).fold(f64::NEG_INFINITY, f64::max);
        let missing = sweep.points.len() - happened().count();
        if low <= high {
            let plain = crate::explore::run::plain;
            out += &format!(" {name} lies between {} and {}.", plain(low), plain(high));
        }
        if missing > 0 {
            out += &format!(" It did not happen at {missing} of {} points.", sweep.points.len());
        }
    }
    out
}

fn unit_of_parameter(unit: parameter::Unit) -> AxisUnit {
    match unit {
        parameter::Unit::Duration => AxisUnit::Seconds,
        parameter::Unit::Count => AxisUnit::Count,
        parameter::Unit::Bytes => AxisUnit::Bytes,
        parameter::Unit::BitRate => AxisUnit::BitsPerSecond,
        parameter::Unit::Probability => AxisUnit::Share,
        parameter::Unit::Flag
        | parameter::Unit::Choice
        | parameter::Unit::Text
        | parameter::Unit::List(_) => AxisUnit::Number,
    }
}

/// The unit that a measure's name ends with, before what statistic it is: `stall_s`, `connect_s_p99`.
pub(in crate::explore) fn unit_of_measure(name: &str) -> AxisUnit {
    let statistic = |part: &&str| !["min", "median", "p99", "max"].contains(part);
    match name.rsplit('_').find(statistic) {
        Some("s") => AxisUnit::Seconds,
        Some("bytes") => AxisUnit::Bytes,
        Some("count") => AxisUnit::Count,
        _ => AxisUnit::Number,
    }
}
