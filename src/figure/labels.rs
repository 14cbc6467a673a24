//! Where the labels of arrows stand: along the arrow, over no other text, and over as few lines as possible.

use super::words::width;

/// From the arrow to the baseline of a text of this size: just above it, clear above its tail and cross, below it.
fn offsets(size: f64) -> [f64; 3] {
    [-3.5, -7.5, size + 1.0]
}

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect(pub f64, pub f64, pub f64, pub f64);

impl Rect {
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }
}

/// A straight line.
pub(super) type Line = ((f64, f64), (f64, f64));

/// A label in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub at: (f64, f64),
    pub degrees: f64,
}

/// What is on the page already.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub texts: Vec<Rect>,
    pub lines: Vec<Line>,
}

impl Page {
    /// Finds a place for `text` along `line`, at one of `shares` of its length (the first is the best), above or below
    /// it; `None` if there is none that is free of other text and runs over at most
    /// `most_crossed` other lines (one that would strike it out counts twice).
    pub fn place(
        &mut self,
        (text, size): (&str, f64),
        line: Line,
        shares: &[f64],
        most_crossed: usize,
    ) -> Option<Placed> {
        // Text reads from left to right, whichever way the arrow flies.
        let (left, right) = if line.0.0 <= line.1.0 { line } else { (line.1, line.0) };
        let (dx, dy) = (right.0 - left.0, right.1 - left.1);
        let len = dx.hypot(dy);
        if len < 1.0 {
            return None;
        }
        let (ux, uy) = (dx / len, dy / len);
        let mut best: Option<(usize, Placed, Vec<Rect>)> = None;
        for share in shares {
            // Shares count from the sender's end.
            let share = if line.0.0 <= line.1.0 { *share } else { 1.0 - *share };
            for off in offsets(size) {
                let on_line = (left.0 + dx * share, left.1 + dy * share);
                let at = (on_line.0 - uy * off, on_line.1 + ux * off);
                let pieces = pieces(at, (ux, uy), width(text, size), size);
                if pieces.iter().any(|p| self.texts.iter().any(|t| t.overlaps(p))) {
                    continue;
                }
                let crossed = self
                    .lines
                    .iter()
                    .filter(|l| **l != line && pieces.iter().any(|p| crosses(l, p)))
                    .map(|l| if strikes(l, (ux, uy)) { 2 } else { 1 })
                    .sum();
                if crossed <= most_crossed && best.as_ref().is_none_or(|(least, ..)| crossed < *least) {
                    best = Some((crossed, Placed { at, degrees: uy.atan2(ux).to_degrees() }, pieces));
                }
            }
        }
        let (_, placed, pieces) = best?;
        self.texts.extend(pieces);
        Some(placed)
    }
}

/// A turned text as a row of upright rectangles.
pub(super) fn pieces(at: (f64, f64), (ux, uy): (f64, f64), width: f64, size: f64) -> Vec<Rect> {
    // The middle of the letters is above the baseline.
    let middle = (at.0 + uy * size * 0.35, at.1 - ux * size * 0.35);
    let count = (width / 12.0).ceil().max(1.0);
    let half = width / count / 2.0;
    (0..count as usize)
        .map(|i| {
            let along = -width / 2.0 + half * (2.0 * i as f64 + 1.0);
            let (x, y) = (middle.0 + ux * along, middle.1 + uy * along);
            let (w, h) = (half * ux.abs() + size / 2.0 * uy.abs(), size / 2.0 + half * uy.abs());
            Rect(x - w, y - h, x + w, y + h)
        })
        .collect()
}

/// Whether a line runs along with a text, and so would strike it out.
fn strikes(line: &Line, (ux, uy): (f64, f64)) -> bool {
    let ((x0, y0), (x1, y1)) = *line;
    let (dx, dy) = (x1 - x0, y1 - y0);
    (ux * dy - uy * dx).abs() < 0.15 * dx.hypot(dy)
}

/// Whether a line runs through a rectangle (Liang and Barsky's clipping).
fn crosses(line: &Line, rect: &Rect) -> bool {
    let ((x, y), (x1, y1)) = *line;
    let (dx, dy) = (x1 - x, y1 - y);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (p, q) in [(-dx, x - rect.0), (dx, rect.2 - x), (-dy, y - rect.1), (dy, rect.3 - y)] {
        if p == 0.0 {
            if q < 0.0 {
                return false;
            }
        } else if p < 0.0 {
            enter = enter.max(q / p);
        } else {
            leave = leave.min(q / p);
        }
    }
    enter <= leave
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_stand_on_each_other() {
        let mut page = Page::default();
        let line = ((0.0, 0.0), (150.0, 30.0));
        let placed =
            (0..6).filter(|_| page.place(("ws text 9 B", 10.5), line, &[0.5, 0.3, 0.7], 9).is_some()).count();
        assert_eq!(placed, 2, "one above and one below the middle; all else would overlap");
    }

    #[test]
    fn a_label_avoids_lines_where_it_can() {
        let mut page = Page { lines: vec![((75.0, -100.0), (75.0, 100.0))], ..Page::default() };
        let placed = page.place(("SYN", 10.5), ((0.0, 0.0), (150.0, 0.0)), &[0.5, 0.25], 9).unwrap();
        assert!(placed.at.0 < 60.0, "{placed:?}");
    }

    #[test]
    fn a_label_is_never_upside_down_and_shares_count_from_the_sender() {
        let mut page = Page::default();
        let placed = page.place(("SYN", 10.5), ((150.0, 0.0), (0.0, 30.0)), &[0.25], 9).unwrap();
        assert!(placed.at.0 > 100.0 && placed.degrees.abs() < 90.0, "{placed:?}");
    }

    #[test]
    fn clipping_knows_inside_from_outside() {
        let rect = Rect(0.0, 0.0, 10.0, 10.0);
        assert!(crosses(&((-5.0, -5.0), (15.0, 15.0)), &rect));
        assert!(!crosses(&((-5.0, 0.0), (0.0, 20.0)), &rect));
        assert!(!crosses(&((20.0, 5.0), (30.0, 5.0)), &rect));
    }
}
