//! The glossary: a chapter whose entries open where their words are used.

use std::collections::BTreeMap;

use super::markdown;
use crate::page::html::escape;
use crate::parameter::suggestion;

/// The name of the chapter's file.
pub const FILE: &str = "glossary.md";

/// The entries, by their words.
#[derive(Debug, Clone, Default)]
pub struct Glossary {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// The word as the glossary writes it.
    word: String,
    /// What it means, as HTML.
    meaning: String,
}

impl Glossary {
    /// Reads the chapter: an entry begins with its word as a heading of the second level.
    pub fn read(chapter: &str) -> Self {
        let mut entries = BTreeMap::new();
        for part in chapter.split("\n## ").skip(1) {
            let (word, text) = part.split_once('\n').unwrap_or((part, ""));
            let word = word.trim().to_owned();
            entries.insert(word.to_lowercase(), Entry { word, meaning: markdown::paragraphs(text) });
        }
        Self { entries }
    }

    /// A word in running text that opens its entry in place: `NAME` or `NAME|as shown`. `id` is unique on the page.
    ///
    /// # Errors
    /// One line that says what is valid.
    pub fn term(&self, phrase: &str, id: &str) -> Result<(String, String), String> {
        let (name, shown) = phrase.split_once('|').unwrap_or((phrase, phrase));
        let Some(entry) = self.entries.get(&name.trim().to_lowercase()) else {
            let valid: Vec<String> = self.entries.values().map(|entry| entry.word.clone()).collect();
            let near = suggestion(name, &valid);
            return Err(format!("no word `{name}` in the glossary{near}; valid: {}", valid.join(", ")));
        };
        let word = format!(
            "<button type=\"button\" class=\"ho-term\" popovertarget=\"{id}\">{}</button>",
            escape(shown.trim())
        );
        let entry = format!(
            "<div popover id=\"{id}\" class=\"ho-entry\"><strong>{}</strong>\n{}</div>\n",
            escape(&entry.word),
            entry.meaning
        );
        Ok((word, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_opens_the_entry_of_the_glossary() {
        let glossary = Glossary::read(
            "# Glossary\n\nWords.\n\n## RTT\n\nThere *and* back.\n\n## Seed\n\nOne.\n\nTwo.\n",
        );
        let (word, entry) = glossary.term("rtt|round trips", "t-1").unwrap();
        assert_eq!(
            word,
            "<button type=\"button\" class=\"ho-term\" popovertarget=\"t-1\">round trips</button>"
        );
        assert_eq!(
            entry,
            "<div popover id=\"t-1\" class=\"ho-entry\"><strong>RTT</strong>\n<p>There <em>and</em> back.</p>\n</div>\n"
        );
        assert!(glossary.term("seed", "t-2").unwrap().1.contains("<p>One.</p>\n<p>Two.</p>"));
        assert_eq!(
            glossary.term("Sed", "t").unwrap_err(),
            "no word `Sed` in the glossary; did you mean `Seed`?; valid: RTT, Seed"
        );
    }
}
