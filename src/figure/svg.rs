//! Writing SVG: numbers, escapes, elements.

use std::fmt::Write as _;

/// A coordinate with one decimal, so that the same figure has the same bytes everywhere.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0").unwrap_or(&text) {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

/// Text on one line as XML or HTML: what is markup is escaped, what XML 1.0 cannot hold (section 2.2) becomes U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// How much smaller than its own units a figure may get on a narrow page: below this its words cannot be read, and the
/// page has to let it scroll.
const SMALLEST_ZOOM: f64 = 0.75;
/// How much wider than its own units a figure may get on a wide screen.
const LARGEST_ZOOM: f64 = 1.4;

/// The outermost element.
pub(super) fn document(
    id: &str,
    title: &str,
    description: &str,
    (width, height): (f64, f64),
    body: Svg,
) -> String {
    let id = ident(id);
    let (title, description) = (escape(title), escape(description));
    let (w, h, least, most) = (n(width), n(height), n(width * SMALLEST_ZOOM), n(width * LARGEST_ZOOM));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ho-figure\" id=\"{id}\" viewBox=\"0 0 {w} {h}\" \
         width=\"100%\" style=\"min-width:{least}px;max-width:{most}px\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{description}</desc>\n{}</svg>\n",
        body.0
    )
}

/// An id that is safe anywhere.
pub(super) fn ident(id: &str) -> String {
    let safe: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect();
    if safe.starts_with(|c: char| c.is_ascii_alphabetic()) { safe } else { format!("figure-{safe}") }
}

/// A growing piece of SVG.
#[derive(Debug, Default)]
pub(super) struct Svg(pub String);

impl Svg {
    /// A path.
    pub fn path(&mut self, class: &str, d: &str) {
        let _ = writeln!(self.0, r#"<path class="{class}" d="{d}"/>"#);
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.path(class, &format!("M{} {}L{} {}", n(from.0), n(from.1), n(to.0), n(to.1)));
    }

    /// A text; `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, at: (f64, f64), anchor: &str, text: &str) {
        let (x, y, text) = (n(at.0), n(at.1), escape(text));
        let _ =
            writeln!(self.0, r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#);
    }

    /// A centred text, turned by `degrees` around its anchor.
    pub fn turned_text(&mut self, class: &str, at: (f64, f64), degrees: f64, text: &str) {
        let (x, y, text) = (n(at.0), n(at.1), escape(text));
        let turn = n(degrees);
        let _ = writeln!(
            self.0,
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="middle" transform="rotate({turn} {x} {y})">{text}</text>"#
        );
    }

    /// Opens a group that shows `title` under the pointer.
    pub fn open(&mut self, class: &str, title: &str) {
        let _ = write!(self.0, r#"<g class="{class}">"#);
        if !title.is_empty() {
            let _ = write!(self.0, "<title>{}</title>", escape(title));
        }
        self.0.push('\n');
    }

    /// Closes the group opened last.
    pub fn close(&mut self) {
        self.0.push_str("</g>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_have_one_decimal_and_no_negative_zero() {
        assert_eq!([1.0, 1.25, -0.04, -2.36].map(n), ["1", "1.2", "0", "-2.4"]);
    }

    #[test]
    fn markup_and_control_characters_are_made_harmless() {
        assert_eq!(escape("a<b>&\"'\u{0}\u{1b}\n"), "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd} ");
    }
}
