//! The small shapes: what an event is, why a packet was sent, where it died. Shape or dash tells, besides colour.

use super::arrows::Mark;
use super::svg::{Svg, n};
use crate::trace::Layer;

/// Draws the marker of an event.
pub(super) fn event(svg: &mut Svg, layer: Layer, (x, y): (f64, f64)) {
    let class = if layer == Layer::Fault { "ho-marker ho-fault" } else { "ho-marker" };
    svg.path(class, &shape(layer, x, y));
}

/// The marker of an event as a path.
pub(super) fn shape(layer: Layer, x: f64, y: f64) -> String {
    let polygon = |points: &[(f64, f64)]| {
        let points: Vec<String> =
            points.iter().map(|(dx, dy)| format!("{} {}", n(x + dx), n(y + dy))).collect();
        format!("M{}Z", points.join("L"))
    };
    match layer {
        // a bolt
        Layer::Fault => {
            polygon(&[(1.0, -7.0), (-4.5, 1.0), (-0.5, 1.0), (-1.5, 7.0), (4.5, -1.5), (0.5, -1.5)])
        }
        Layer::Link => polygon(&[(-4.0, -2.0), (4.0, -2.0), (4.0, 2.0), (-4.0, 2.0)]),
        Layer::Tcp => polygon(&[(-3.4, -3.4), (3.4, -3.4), (3.4, 3.4), (-3.4, 3.4)]),
        Layer::Udp => polygon(&[(-4.2, -3.4), (4.2, -3.4), (0.0, 4.2)]),
        Layer::Http => polygon(&[(-4.2, 3.4), (4.2, 3.4), (0.0, -4.2)]),
        Layer::Ws => polygon(&[(-4.6, 0.0), (0.0, -4.6), (4.6, 0.0), (0.0, 4.6)]),
        Layer::App => circle(x, y, 3.8),
    }
}

/// A circle as a path.
pub(super) fn circle(x: f64, y: f64, r: f64) -> String {
    let (left, d, r) = (n(x - r), n(2.0 * r), n(r));
    format!("M{left} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z", n(y))
}

/// The classes of a packet's line.
pub(super) fn line_class(mark: Mark, light: bool) -> &'static str {
    match (mark, light) {
        (Mark::Plain, true) => "ho-arrow ho-light",
        (Mark::Plain, false) => "ho-arrow",
        (Mark::Retransmission, _) => "ho-arrow ho-again",
        (Mark::Keepalive | Mark::WindowProbe, _) => "ho-arrow ho-probe",
        (Mark::Duplicate, _) => "ho-arrow ho-copy",
    }
}

/// Draws what stands at the beginning of a marked packet's line.
pub(super) fn tail(svg: &mut Svg, mark: Mark, (x, y): (f64, f64)) {
    let (l, r, t, b) = (n(x - 3.0), n(x + 3.0), n(y - 3.0), n(y + 3.0));
    match mark {
        Mark::Plain => {}
        Mark::Retransmission => svg.path("ho-tail ho-full", &format!("M{l} {t}H{r}V{b}H{l}Z")),
        Mark::Keepalive => svg.path("ho-tail", &circle(x, y, 3.2)),
        Mark::WindowProbe => {
            let (x, y) = (n(x), n(y));
            svg.path("ho-tail", &format!("M{l} {y}L{x} {t}L{r} {y}L{x} {b}Z"));
        }
        Mark::Duplicate => {
            svg.path("ho-tail", &format!("M{} {t}V{b}M{} {t}V{b}", n(x - 1.5), n(x + 1.5)));
        }
    }
}

/// Draws the head of an arrow that points from `from` to `tip`: full, or open if it is light.
pub(super) fn head(svg: &mut Svg, from: (f64, f64), tip: (f64, f64), light: bool) {
    let (dx, dy) = (tip.0 - from.0, tip.1 - from.1);
    let len = dx.hypot(dy).max(0.1);
    let (ux, uy) = (dx / len, dy / len);
    let (long, wide) = if light { (6.0, 2.8) } else { (8.0, 3.4) };
    let back = (tip.0 - ux * long, tip.1 - uy * long);
    let point = |side: f64| format!("{} {}", n(back.0 - uy * wide * side), n(back.1 + ux * wide * side));
    let tip = format!("{} {}", n(tip.0), n(tip.1));
    let (class, close) = if light { ("ho-head ho-light", "") } else { ("ho-head", "Z") };
    svg.path(class, &format!("M{}L{tip}L{}{close}", point(1.0), point(-1.0)));
}

/// Draws the cross where a packet died.
pub(super) fn cross(svg: &mut Svg, (x, y): (f64, f64)) {
    let (l, r, t, b) = (n(x - 4.5), n(x + 4.5), n(y - 4.5), n(y + 4.5));
    svg.path("ho-cross", &format!("M{l} {t}L{r} {b}M{l} {b}L{r} {t}"));
}
