//! Events: a marker on the lane and words beside it, or a rule across the lanes.

use super::draw::Canvas;
use super::glyphs;
use super::labels::{Page, Rect};
use super::layout::{ABOVE_RULE, Look, Placed, Side, Stand};
use super::svg::Svg;

impl Canvas<'_> {
    pub fn notes(&self, svg: &mut Svg, page: &mut Page) {
        for placed in &self.layout.notes {
            let title = self.content.rows[placed.row].title(self.trace);
            let fault = if placed.note.is_fault() { " ho-fault" } else { "" };
            svg.row(&format!("ho-note{fault}"), placed.row, &title);
            match placed.side {
                Side::Across => self.rule(svg, page, placed),
                side => self.beside(svg, page, placed, if side == Side::Left { -1.0 } else { 1.0 }),
            }
            svg.close();
        }
    }

    /// Something that happened to the world: its words stand on a rule across the lanes.
    fn rule(&self, svg: &mut Svg, page: &mut Page, placed: &Placed) {
        let fonts = self.layout.fonts;
        let (left, right) = self.layout.between();
        let y = self.y(placed.at);
        let fault = if placed.note.is_fault() { " ho-fault" } else { "" };
        let middle = (left + right) / 2.0;
        let half = placed.lines.iter().map(|l| l.width(fonts)).fold(0.0, f64::max) / 2.0 + 9.0;
        let bottom = placed.top + placed.height(fonts);
        svg.rect("ho-hit", (left, placed.top, right, y.max(bottom) + 4.0), "");
        svg.line(&format!("ho-rule{fault}"), (left - 8.0, y), (right + 8.0, y));
        if y - bottom > ABOVE_RULE + 3.0 || bottom > y {
            svg.line("ho-leader", (middle - half + 2.0, bottom), (middle - half + 2.0, y));
        }
        svg.rect("ho-plate", (middle - half, placed.top, middle + half, bottom), " rx=\"3\"");
        let mut baseline = placed.top - fonts.small.0 * 0.28;
        let mut marked = false;
        for line in &placed.lines {
            let (size, height) = line.look.size(fonts);
            baseline += height;
            let half = line.width(fonts) / 2.0;
            let shift = if !marked && matches!(line.look, Look::Event | Look::Fault) {
                marked = true;
                glyphs::event(svg, placed.note.layer(), (middle - half - 4.0, baseline - size * 0.35));
                6.0
            } else {
                0.0
            };
            svg.text(line.look.class(), (middle + shift, baseline), "middle", &line.text);
        }
        page.texts.push(Rect(middle - half - 4.0, placed.top, middle + half + 6.0, bottom));
        page.lines.push(((left - 8.0, y), (right + 8.0, y)));
    }

    fn beside(&self, svg: &mut Svg, page: &mut Page, placed: &Placed, side: f64) {
        let fonts = self.layout.fonts;
        let (lane, y) = (self.layout.lanes[placed.lane], self.y(placed.at));
        let anchor = if side < 0.0 { "end" } else { "start" };
        // Between the lanes the states stand next to the lane.
        let inner = !self.states.is_empty() && self.is_between(placed);
        let x = lane + side * (self.layout.beside + if inner { 4.0 } else { 0.0 });
        let wide = placed.lines.iter().map(|l| l.width(fonts)).fold(0.0, f64::max);
        let far = x + side * wide;
        let bottom = placed.top + placed.height(fonts);
        let hit = (far.min(lane - 8.0), placed.top.min(y - 8.0), far.max(lane + 8.0), bottom.max(y + 8.0));
        svg.rect("ho-hit", hit, "");
        if self.is_between(placed) {
            svg.rect("ho-plate", (x.min(far) - 2.0, placed.top, x.max(far) + 2.0, bottom), " rx=\"3\"");
        }
        // The line to which the marker belongs.
        let first = placed.lines.iter().take_while(|l| l.look == Look::Time);
        let middle = placed.top + first.map(|l| l.look.size(fonts).1).sum::<f64>() + fonts.event.1 / 2.0;
        // A note that leaves the way free for an arrow stands next to its moment all the same.
        let near = placed.stand != Stand::At && y > placed.top - 6.0 && y < bottom + 6.0;
        if (middle - y).abs() > 3.0 && !near {
            svg.line("ho-leader", (lane + side * 3.0, y), (x - side * 2.0, middle));
        }
        glyphs::event(svg, placed.note.layer(), (lane, y));
        let mut baseline = placed.top - fonts.small.0 * 0.28;
        for line in &placed.lines {
            let (size, height) = line.look.size(fonts);
            baseline += height;
            svg.text(line.look.class(), (x, baseline), anchor, &line.text);
            let far = x + side * line.width(fonts);
            page.texts.push(Rect(x.min(far), baseline - size * 0.8, x.max(far), baseline + size * 0.25));
        }
        page.texts.push(Rect(lane - 4.5, y - 4.5, lane + 4.5, y + 4.5));
    }

    /// Whether a note stands between two lanes, where arrows fly.
    fn is_between(&self, placed: &Placed) -> bool {
        let last = self.layout.lanes.len() - 1;
        match placed.side {
            Side::Left => placed.lane > 0,
            Side::Right => placed.lane < last,
            Side::Across => true,
        }
    }
}
