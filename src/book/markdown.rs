//! Markdown where mdBook sees none: in the options of directives and in the entries of the glossary.

use pulldown_cmark::{Parser, html};

use crate::page::html::dense;

/// Text as HTML, without empty lines.
pub fn paragraphs(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, Parser::new(text.trim()));
    dense(&out)
}

/// Text of one paragraph as HTML that can stand within another one.
pub fn sentence(text: &str) -> String {
    let out = paragraphs(text);
    let inner = out.trim_end().strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>"));
    inner.filter(|inner| !inner.contains("<p>")).map_or_else(|| out.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_no_paragraph_of_its_own() {
        assert_eq!(
            sentence("A *long* `<b>` & <data value=\"1\">1</data>"),
            "A <em>long</em> <code>&lt;b&gt;</code> &amp; <data value=\"1\">1</data>"
        );
        assert_eq!(paragraphs("One.\n\nTwo.\n"), "<p>One.</p>\n<p>Two.</p>\n");
    }
}
