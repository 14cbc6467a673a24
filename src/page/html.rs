//! Small pieces of HTML. A block of HTML in Markdown ends at an empty line, so there is none in any of them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use crate::figure::svg::escape;

/// A line of text as HTML; backticks mark code.
pub fn inline(text: &str) -> String {
    if !text.matches('`').count().is_multiple_of(2) {
        return escape(text);
    }
    let parts = text.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 0 { escape(part) } else { code(part) }).collect()
}

/// Text as the value of an attribute in single quotes: JSON stays short in it.
#[cfg(feature = "book")]
pub fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('\'', "&#39;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text as inline code of HTML.
pub fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// The command under a figure, and a link to the page that runs it; `up` leads from the page to the book's root.
pub fn command(text: &str, up: &str) -> String {
    format!(
        "<p class=\"halfopen-command\">{} <a href=\"{}\" title=\"Run it in this browser, and change it\">run</a></p>\n",
        code(text),
        link_to(text, up)
    )
}

/// The address of the page that runs a command.
pub fn link_to(command: &str, up: &str) -> String {
    // The page shows the program's name itself, and takes what follows it.
    let arguments = command.split_once(' ').map_or("", |(_, arguments)| arguments);
    format!("{up}run/index.html?run={}", utf8_percent_encode(arguments, NON_ALPHANUMERIC))
}

/// A table; `class` tells the style sheet what it is about, the cells are HTML.
pub fn table(class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let mut out = format!(
        "<div class=\"table-wrapper\"><table class=\"halfopen-{class}\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
    );
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        out += &format!("<tr>{cells}</tr>\n");
    }
    out + "</tbody></table></div>\n"
}

/// HTML without the empty lines that would end it.
pub fn dense(html: &str) -> String {
    html.lines().filter(|line| !line.trim().is_empty()).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_gets_out_of_its_place() {
        assert_eq!(
            inline("`<b>` > \"long\" & `x`"),
            "<code>&lt;b&gt;</code> &gt; &quot;long&quot; &amp; <code>x</code>"
        );
        assert_eq!(inline("one ` only"), "one ` only");
        assert_eq!(dense("<svg>\n\n  \n<g/>\n</svg>"), "<svg>\n<g/>\n</svg>\n");
    }
}
