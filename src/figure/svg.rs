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

/// The smallest type that can be read: a figure is never scaled down so far that its type is smaller.
const LEAST_TYPE: f64 = 11.0;

/// What the outermost element says.
pub(super) struct Document<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    pub width: f64,
    pub height: f64,
    /// The smallest type in it, in its own units.
    pub least_type: f64,
    /// More classes, and attributes, of the element.
    pub class: &'a str,
    pub attributes: &'a str,
}

/// How wide an element of this width may be shown: never larger than it was laid out for, never so small that its type
/// cannot be read. One that lies over the next takes its height back.
pub(super) fn sizes(width: f64, least_type: f64, over: Option<f64>) -> String {
    let least = n((width * LEAST_TYPE / least_type).ceil().min(width));
    let most = n(width);
    let over = over.map_or_else(String::new, |height| {
        format!(";margin-bottom:calc(clamp({least}px,100%,{most}px)*-{:.5})", height / width)
    });
    format!("width=\"100%\" style=\"min-width:{least}px;max-width:{most}px{over}\"")
}

/// The outermost element. Where rows in it can be focused it is a group, else an image.
pub(super) fn document(document: &Document<'_>, body: Svg) -> String {
    let id = ident(document.id);
    let (title, description) = (escape(document.title), escape(document.description));
    let (w, h, sizes) =
        (n(document.width), n(document.height), sizes(document.width, document.least_type, None));
    let Document { class, attributes, .. } = document;
    let role = if body.0.contains(" tabindex=") { "group" } else { "img" };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ho-figure{class}\" id=\"{id}\" viewBox=\"0 0 {w} {h}\" \
         {sizes} role=\"{role}\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\"{attributes}>\n\
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

    /// Opens the group of a row: it can be pointed at, touched and focused, and then says all about it.
    pub fn row(&mut self, class: &str, row: usize, title: &str) {
        let title = escape(title);
        let _ = writeln!(
            self.0,
            r#"<g class="{class}" data-r="{row}" tabindex="0" role="img"><title>{title}</title>"#
        );
    }

    /// A rectangle: left, top, right, bottom.
    pub fn rect(&mut self, class: &str, (left, top, right, bottom): (f64, f64, f64, f64), more: &str) {
        let (x, y, w, h) = (n(left), n(top), n(right - left), n((bottom - top).max(0.0)));
        let _ = writeln!(self.0, r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}"{more}/>"#);
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
