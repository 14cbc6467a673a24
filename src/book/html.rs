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

/// Text as inline code of HTML.
pub fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// The command under a figure, and a link to the page that runs it; `up` leads from the chapter's page to the book's
/// root.
pub fn command(text: &str, up: &str) -> String {
    // The page shows the program's name itself, and takes what follows it.
    let query = utf8_percent_encode(text.trim_start_matches("halfopen "), NON_ALPHANUMERIC);
    format!(
        "<p class=\"halfopen-command\">{} <a href=\"{up}run/index.html?run={query}\" title=\"Run it in this browser, and \
         change it\">run</a></p>",
        code(text)
    )
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

/// Text as a fenced block of Markdown; the fence is longer than any run of backticks in it.
pub fn fence(class: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{class}\n{text}{end}{fence}\n")
}

/// Text as inline code of Markdown.
pub fn code_span(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
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
        assert_eq!(fence("text", "a\n```\nb"), "````text\na\n```\nb\n````\n");
        assert_eq!(code_span("a ``b`"), "``` a ``b` ```");
        assert_eq!(dense("<svg>\n\n  \n<g/>\n</svg>"), "<svg>\n<g/>\n</svg>\n");
    }
}
