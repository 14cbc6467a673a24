//! A heat map: one quantity over two others, a cell for each combination; the darker, the more. Every cell that has room
//! says its value, so that nothing hangs on the shade alone.

use super::chart::Frame;
use super::svg::{Document, Svg, document};
use super::ticks::AxisUnit;
use super::words::{shortened, stretch, width};
use crate::trace::text::grouped;

/// What a heat map shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// What it is, in a few words: read by screen readers, shown under the pointer.
    pub title: String,
    /// What there is to see, in a sentence or two, for those who do not see it.
    pub description: String,
    /// The prefix of the ids inside; unique on its page.
    pub id: String,
    /// What the columns differ in, and their values.
    pub along: (String, Vec<String>),
    /// What the rows differ in, and their values.
    pub down: (String, Vec<String>),
    /// The quantity.
    pub name: String,
    /// Its unit.
    pub unit: AxisUnit,
    /// Row by row; `None`: it did not happen.
    pub cells: Vec<Vec<Option<f64>>>,
    /// The width it is laid out for, in CSS pixels.
    pub width: u32,
}

/// How many shades the style sheet has.
const SHADES: usize = 7;
/// The height of a row.
const ROW: f64 = 26.0;

/// Draws a heat map; see the [module](self).
pub fn heat(heat: &Heat) -> String {
    let frame = Frame::of(heat.width);
    let size = frame.size;
    let mut svg = Svg::default();
    let values = || heat.cells.iter().flatten().flatten().copied().filter(|v| v.is_finite());
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let widest = heat.down.1.iter().map(|name| width(name, size)).fold(0.0, f64::max);
    let left = 14.0 + widest.min(frame.width / 4.0);
    let wide = (frame.right + 8.0 - left) / heat.along.1.len().max(1) as f64;
    svg.text("ho-name", (8.0, 18.0), "start", &shortened(&heat.name, frame.name, frame.width - 16.0));
    svg.text(
        "ho-time",
        (8.0, 36.0),
        "start",
        &shortened(&format!("{}, downwards", heat.down.0), size, frame.width / 2.0),
    );
    let top = 44.0;
    for (row, cells) in heat.cells.iter().enumerate() {
        let y = top + ROW * row as f64;
        let name = heat.down.1.get(row).map_or("", String::as_str);
        let told = shortened(name, size, left - 12.0);
        svg.text("ho-time", (left - 6.0, y + ROW / 2.0 + size * 0.35), "end", &told);
        for (column, cell) in cells.iter().enumerate() {
            let x = left + wide * column as f64;
            let value = cell.map_or_else(|| "did not happen".to_owned(), |value| said(value, heat.unit));
            let along = heat.along.1.get(column).map_or("", String::as_str);
            svg.open("ho-cell", &format!("{} {along}, {} {name}: {value}", heat.along.0, heat.down.0));
            let shade = match cell {
                Some(value) if high > low => {
                    let shade = ((value - low) / (high - low) * (SHADES - 1) as f64).round() as usize;
                    format!("ho-heat ho-heat-{}", shade.min(SHADES - 1))
                }
                Some(_) => "ho-heat ho-heat-0".to_owned(),
                None => "ho-heat ho-none".to_owned(),
            };
            svg.rect(&shade, (x + 0.5, y + 0.5, x + wide - 0.5, y + ROW - 0.5), "");
            let text = if cell.is_some() { value.as_str() } else { "–" };
            if width(text, size) <= wide - 4.0 {
                svg.text("ho-time", (x + wide / 2.0, y + ROW / 2.0 + size * 0.35), "middle", text);
            }
            svg.close();
        }
    }
    let mut bottom = top + ROW * heat.cells.len() as f64;
    let mut free = f64::NEG_INFINITY;
    for (column, name) in heat.along.1.iter().enumerate() {
        let name = shortened(name, size, (wide * 2.0).max(40.0));
        let half = width(&name, size) / 2.0;
        let x = (left + wide * (column as f64 + 0.5)).min(frame.width - 2.0 - half);
        if x - half >= free {
            svg.text("ho-time", (x, bottom + size + 4.0), "middle", &name);
            free = x + half + 6.0;
        }
    }
    bottom += size + 10.0;
    svg.text(
        "ho-name",
        (frame.right, bottom + frame.name),
        "end",
        &shortened(&heat.along.0, frame.name, frame.width / 2.0),
    );
    if low <= high {
        let text = format!("{} to {}", said(low, heat.unit), said(high, heat.unit));
        svg.text(
            "ho-key",
            (8.0, bottom + frame.name),
            "start",
            &shortened(&text, size, frame.width / 2.0 - 16.0),
        );
    }
    bottom += frame.name + 10.0;
    let document_of = Document {
        id: &heat.id,
        title: &heat.title,
        description: &heat.description,
        width: frame.width,
        height: bottom,
        least_type: size,
        class: frame.class(),
        attributes: "",
    };
    document(&document_of, svg)
}

/// A value as it stands in a cell.
pub(super) fn said(value: f64, unit: AxisUnit) -> String {
    match unit {
        AxisUnit::Seconds if (0.0..1e12).contains(&value) => {
            stretch(std::time::Duration::from_micros((value * 1e6).round() as u64))
        }
        AxisUnit::Share => format!("{:.1}%", value * 100.0),
        AxisUnit::Bytes | AxisUnit::Count if value >= 0.0 => grouped(value.round() as usize),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::Document;

    fn map(width: u32) -> Heat {
        Heat {
            title: "How late".to_owned(),
            description: String::new(),
            id: "heat".to_owned(),
            along: ("loss".to_owned(), ["1%", "2%", "5%"].map(str::to_owned).to_vec()),
            down: ("every".to_owned(), ["50ms", "1s"].map(str::to_owned).to_vec()),
            name: "late_s".to_owned(),
            unit: AxisUnit::Seconds,
            cells: vec![vec![Some(0.1), Some(0.2), None], vec![Some(1.0), Some(2.5), Some(10.0)]],
            width,
        }
    }

    #[test]
    fn a_cell_says_its_value_and_the_largest_is_the_darkest() {
        for width in [super::super::WIDE, super::super::NARROW] {
            let svg = heat(&map(width));
            let doc = Document::parse(&svg).unwrap();
            let cells: Vec<_> =
                doc.descendants().filter(|n| n.attribute("class") == Some("ho-cell")).collect();
            let title =
                |i: usize| cells[i].children().find(|c| c.has_tag_name("title")).unwrap().text().unwrap();
            assert_eq!(cells.len(), 6);
            assert_eq!(
                (title(0), title(2)),
                ("loss 1%, every 50ms: 100 ms", "loss 5%, every 50ms: did not happen")
            );
            let shade =
                |i: usize| cells[i].children().find(|c| c.has_tag_name("rect")).unwrap().attribute("class");
            assert_eq!((shade(0), shade(2)), (Some("ho-heat ho-heat-0"), Some("ho-heat ho-none")));
            assert_eq!(shade(5), Some("ho-heat ho-heat-6"));
            assert!(cells[5].children().any(|c| c.text() == Some("10 s")));
        }
    }
}
