//! How values are spread: the share that is at most so large (an empirical distribution function), how many lie in each
//! of several equal stretches (a histogram), or all of them on a line, with the box that holds the middle half.

use super::chart::{Axis, AxisUnit, Chart, Dot, Frame, Panel, chart};
use super::heat::said;
use super::svg::{Document, Svg, document};
use super::ticks::Ticks;
use super::words::{shortened, width};
use crate::parameter::Choice;
use crate::trace::quantile;

/// How a distribution is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Steps: the share of the values that are at most so large.
    Steps,
    /// Bars: how many values lie in each of several equal stretches.
    Bars,
    /// Dots: every value, and a box from the first to the third quartile with a line at the median.
    Dots,
}

impl Choice for Look {
    const WORDS: &'static [(&'static str, Self)] =
        &[("steps", Look::Steps), ("bars", Look::Bars), ("dots", Look::Dots)];
}

/// What is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// What it is, in a few words: read by screen readers, shown under the pointer.
    pub title: String,
    /// What there is to see, in a sentence or two, for those who do not see it.
    pub description: String,
    /// The prefix of the ids inside; unique on its page.
    pub id: String,
    /// What is spread.
    pub name: String,
    /// Its unit.
    pub unit: AxisUnit,
    /// What the cases differ in; empty where there is only one.
    pub cases: String,
    /// The cases, each with its values.
    pub values: Vec<(String, Vec<f64>)>,
    /// How it is drawn.
    pub look: Look,
    /// The width it is laid out for, in CSS pixels.
    pub width: u32,
}

/// Bars of a histogram, about.
const BARS: usize = 24;
/// The height of the bars of a case, and of its dots.
const HEIGHTS: (f64, f64) = (90.0, 44.0);

/// Draws a distribution; see the [module](self).
pub fn distribution(distribution: &Distribution) -> String {
    match distribution.look {
        Look::Steps => chart(&steps(distribution)),
        Look::Bars | Look::Dots => rows(distribution),
    }
}

/// The finite values, from the smallest.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    out.sort_by(f64::total_cmp);
    out
}

fn steps(d: &Distribution) -> Chart {
    let line = |values: &Vec<f64>| {
        let values = sorted(values);
        let share = |i: usize| i as f64 / values.len() as f64;
        let at = |x: f64, i: usize| Dot { x, y: Some([share(i); 3]) };
        values.iter().enumerate().flat_map(|(i, value)| [at(*value, i), at(*value, i + 1)]).collect()
    };
    Chart {
        title: d.title.clone(),
        description: d.description.clone(),
        id: d.id.clone(),
        along: d.name.clone(),
        axis: Axis::Numbers(d.unit),
        cases: d.cases.clone(),
        lines: d.values.iter().map(|(name, _)| name.clone()).collect(),
        panels: vec![Panel {
            name: "share of values up to this one".to_owned(),
            unit: AxisUnit::Share,
            lines: d.values.iter().map(|(_, values)| line(values)).collect(),
        }],
        columns: 1,
        width: d.width,
    }
}

/// A row for each case over one axis.
fn rows(d: &Distribution) -> String {
    let frame = Frame::of(d.width);
    let size = frame.size;
    let mut svg = Svg::default();
    let cases: Vec<(&str, Vec<f64>)> = d.values.iter().map(|(name, v)| (name.as_str(), sorted(v))).collect();
    let all = || cases.iter().flat_map(|(_, values)| values.iter().copied());
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    let low = all().fold(f64::INFINITY, f64::min);
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let low = if low > 0.0 && low <= high * 0.25 { 0.0 } else { low };
    let ticks = Ticks::new(d.unit, low, high, BARS);
    let (first, end) = ((low / ticks.step + 1e-9).floor(), (high / ticks.step - 1e-9).ceil());
    let bins = ((end - first).max(1.0) as usize).min(10 * BARS);
    let (low, high) = (first * ticks.step, (first + bins as f64) * ticks.step);
    let x = |value: f64| frame.left + (value - low) / (high - low) * (frame.right - frame.left);
    let counts = |values: &[f64]| {
        let mut out = vec![0_usize; bins];
        for value in values {
            out[(((value - low) / ticks.step) as usize).min(bins - 1)] += 1;
        }
        out
    };
    let most = cases.iter().flat_map(|(_, values)| counts(values)).max().unwrap_or(0).max(1);
    let mut top = 8.0;
    for (i, (name, values)) in cases.iter().enumerate() {
        let told = if d.cases.is_empty() { (*name).to_owned() } else { format!("{} {name}", d.cases) };
        let told = format!("{told} ({} values)", values.len());
        svg.text(
            "ho-time",
            (frame.left, top + size),
            "start",
            &shortened(&told, size, frame.right - frame.left),
        );
        top += size + 8.0;
        svg.open(&format!("ho-line ho-line-{}", i % 5), &summary(&told, values, d.unit));
        if d.look == Look::Bars {
            for (bin, count) in counts(values).into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let height = HEIGHTS.0 * count as f64 / most as f64;
                let (l, r) = (x(low + bin as f64 * ticks.step), x(low + (bin as f64 + 1.0) * ticks.step));
                let bottom = top + HEIGHTS.0;
                svg.rect("ho-column", (l + 0.5, bottom - height, r - 0.5, bottom), "");
            }
            svg.text(
                "ho-key",
                (frame.left - 6.0, top + size * 0.7),
                "end",
                &crate::trace::text::grouped(most),
            );
            top += HEIGHTS.0;
        } else if !values.is_empty() {
            dots(&mut svg, values, &x, top);
            top += HEIGHTS.1;
        }
        svg.close();
        svg.line("ho-axis", (frame.left, top), (frame.right, top));
        top += 10.0;
    }
    let mut free = f64::NEG_INFINITY;
    let few = Ticks::new(d.unit, low, high, ((frame.right - frame.left) / 80.0) as usize + 1);
    for (value, label) in few.between(low, high) {
        let (at, half) = (x(value), width(&label, size) / 2.0);
        svg.line("ho-axis", (at, top - 10.0), (at, top - 6.0));
        let middle = at.min(frame.width - 2.0 - half).max(half + 2.0);
        if middle - half >= free {
            svg.text("ho-time", (middle, top + size * 0.6), "middle", &label);
            free = middle + half + 8.0;
        }
    }
    top += size + 6.0;
    svg.text(
        "ho-name",
        (frame.right, top + frame.name * 0.7),
        "end",
        &shortened(&d.name, frame.name, frame.right - 8.0),
    );
    let said = Document {
        id: &d.id,
        title: &d.title,
        description: &d.description,
        width: frame.width,
        height: top + frame.name,
        least_type: size,
        class: frame.class(),
        attributes: "",
    };
    document(&said, svg)
}

/// Every value, spread over the height so that equal ones do not hide each other, and the box of the middle half.
fn dots(svg: &mut Svg, values: &[f64], x: &impl Fn(f64) -> f64, top: f64) {
    let (first, median, third) = (quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75));
    if let (Some(first), Some(median), Some(third)) = (first, median, third) {
        svg.rect("ho-spread", (x(first), top + 4.0, x(third).max(x(first) + 1.0), top + HEIGHTS.1 - 8.0), "");
        svg.line("ho-median", (x(median), top + 2.0), (x(median), top + HEIGHTS.1 - 6.0));
    }
    let mut d = String::new();
    for (i, value) in values.iter().enumerate() {
        // Seven heights in turn: neighbours stand apart.
        let y = top + 8.0 + (i * 3 % 7) as f64 * 4.0;
        d += &super::glyphs::circle(x(*value), y, 1.6);
    }
    svg.path("ho-dots", &d);
}

fn summary(name: &str, values: &[f64], unit: AxisUnit) -> String {
    let (Some(first), Some(last), Some(median)) = (values.first(), values.last(), quantile(values, 0.5))
    else {
        return format!("{name}: none");
    };
    format!("{name}: {} to {}, median {}", said(*first, unit), said(*last, unit), said(median, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(look: Look, values: &[f64]) -> String {
        distribution(&Distribution {
            title: "How long it took".to_owned(),
            description: String::new(),
            id: "d".to_owned(),
            name: "connect_s".to_owned(),
            unit: AxisUnit::Seconds,
            cases: String::new(),
            values: vec![("all".to_owned(), values.to_vec())],
            look,
            width: super::super::WIDE,
        })
    }

    #[test]
    fn every_value_is_in_a_bar_and_the_highest_bar_has_the_most() {
        let svg = drawn(Look::Bars, &[0.05, 0.05, 0.05, 0.06, 1.0, 3.0, 7.0]);
        let heights: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("ho-column"))
            .map(|line| line.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(heights, [90.0, 22.5, 22.5, 22.5]);
        assert!(svg.contains("all (7 values): 50 ms to 7 s, median 60 ms"));
    }

    #[test]
    fn steps_end_at_all_of_them_and_dots_show_each() {
        let d = Distribution {
            title: String::new(),
            description: String::new(),
            id: String::new(),
            name: String::new(),
            unit: AxisUnit::Seconds,
            cases: String::new(),
            values: vec![("all".to_owned(), vec![3.0, 1.0])],
            look: Look::Steps,
            width: 328,
        };
        let shares: Vec<f64> = steps(&d).panels[0].lines[0].iter().map(|dot| dot.y.unwrap()[1]).collect();
        assert_eq!(shares, [0.0, 0.5, 0.5, 1.0]);
        let dots = drawn(Look::Dots, &[1.0, 2.0, 2.0, 9.0]);
        let path = dots.lines().find(|line| line.contains("ho-dots")).unwrap();
        assert_eq!(path.matches('M').count(), 4);
        for look in [Look::Steps, Look::Bars, Look::Dots] {
            assert!(roxmltree::Document::parse(&drawn(look, &[])).is_ok());
        }
    }
}
