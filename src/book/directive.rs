//! Finding the directives in a chapter and taking them apart. What they mean is [`super::grammar`]'s matter.

/// A directive as it stands in a chapter: `{{#NAME word key=value --option=value}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// What comes after `{{#`.
    pub name: String,
    /// Plain words, in order.
    pub words: Vec<String>,
    /// `key=value`, in order.
    pub parameters: Vec<(String, String)>,
    /// `--option=value`, in order.
    pub options: Vec<(String, String)>,
}

/// A piece of a chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that stays as it is.
    Text(&'a str),
    /// A directive to be replaced.
    Directive(Directive),
    /// A directive that mdBook replaces and the file it names (`title` names none).
    OfMdBook {
        /// Where it begins, in bytes.
        start: usize,
        /// The file, as written: relative to the chapter's folder.
        file: Option<&'a str>,
        /// The whole directive.
        text: &'a str,
    },
    /// A directive that cannot be read; it begins at this byte.
    Malformed(usize, Malformed),
}

/// Why a directive cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No `}}` follows.
    #[error("`{{{{#{0}` is not closed by `}}}}`")]
    Open(String),
    /// A quote that is not closed.
    #[error("`{{{{#{0}`: the quote {1} is not closed")]
    Quote(String, char),
    /// An option without a value.
    #[error("`{{{{#{0}`: `--{1}` has no value; write `--{1}=VALUE`")]
    Option(String, String),
    /// A parameter or option that is given twice.
    #[error("`{{{{#{0}`: `{1}` is given twice")]
    Twice(String, String),
}

/// What mdBook itself replaces.
const OF_MDBOOK: [&str; 5] = ["include", "rustdoc_include", "playground", "playpen", "title"];

/// Takes a chapter apart. A directive after a backslash is text, without the backslash (mdBook's own keep it).
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    // Text before `done` is in `pieces`; the search goes on at `at`.
    let (mut done, mut at) = (0, 0);
    while let Some(start) = text[at..].find("{{").map(|i| at + i) {
        at = start + 2;
        let Some(head) = text[at..].trim_start().strip_prefix('#') else {
            continue;
        };
        let name_end = head.find(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)));
        let (name, rest) = head.split_at(name_end.unwrap_or(head.len()));
        at = text.len() - rest.len();
        let escaped = text[..start].ends_with('\\');
        let of_mdbook = OF_MDBOOK.contains(&name);
        if escaped {
            // mdBook takes the backslash away from its own.
            push(&mut pieces, &text[done..start - usize::from(!of_mdbook)]);
            done = start;
            continue;
        }
        push(&mut pieces, &text[done..start]);
        if of_mdbook {
            let end = rest.find("}}").map_or(at, |i| at + i + 2);
            let file = text[at..end].trim_end_matches('}').split_whitespace().next();
            // `file.rs:anchor`, `file.rs:3:10`
            let file = file.filter(|_| name != "title").and_then(|file| file.split(':').next());
            pieces.push(Piece::OfMdBook { start, file, text: &text[start..end] });
            (at, done) = (end, end);
            continue;
        }
        match arguments(name, rest) {
            Ok((mut directive, rest)) => {
                directive.start = start;
                directive.end = text.len() - rest.len();
                at = directive.end;
                pieces.push(Piece::Directive(directive));
            }
            Err(malformed) => pieces.push(Piece::Malformed(start, malformed)),
        }
        done = at;
    }
    push(&mut pieces, &text[done..]);
    pieces
}

fn push<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

/// Reads what follows the name, up to and with `}}`; returns what comes after it.
fn arguments<'a>(name: &str, text: &'a str) -> Result<(Directive, &'a str), Malformed> {
    let mut directive = Directive {
        start: 0,
        end: 0,
        name: name.to_owned(),
        words: Vec::new(),
        parameters: Vec::new(),
        options: Vec::new(),
    };
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((directive, after));
        }
        if rest.is_empty() {
            return Err(Malformed::Open(name.to_owned()));
        }
        let (word, after) = word(name, rest)?;
        rest = after;
        file(&mut directive, word)?;
    }
}

/// Reads one word, which ends at a blank or at `}}`. Quotes, single or double, keep blanks and braces in it.
fn word<'a>(name: &str, text: &'a str) -> Result<(String, &'a str), Malformed> {
    let mut word = String::new();
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_whitespace() || text[i..].starts_with("}}") => return Ok((word, &text[i..])),
            None => word.push(c),
        }
    }
    match quote {
        Some(open) => Err(Malformed::Quote(name.to_owned(), open)),
        None => Err(Malformed::Open(name.to_owned())),
    }
}

fn file(directive: &mut Directive, word: String) -> Result<(), Malformed> {
    let (list, key, value) = if let Some(option) = word.strip_prefix("--") {
        let Some((key, value)) = option.split_once('=') else {
            return Err(Malformed::Option(directive.name.clone(), option.to_owned()));
        };
        (&mut directive.options, key, value)
    } else if let Some((key, value)) = word.split_once('=') {
        (&mut directive.parameters, key, value)
    } else {
        directive.words.push(word);
        return Ok(());
    };
    if list.iter().any(|(k, _)| k == key) {
        return Err(Malformed::Twice(directive.name.clone(), key.to_owned()));
    }
    list.push((key.to_owned(), value.to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(text: &str) -> Directive {
        match pieces(text).as_slice() {
            [Piece::Directive(directive)] => directive.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The directive, as it would be written.
    fn written(directive: &Directive) -> String {
        let quoted = |text: &str| match text {
            "" => "\"\"".to_owned(),
            t if t.contains('"') => format!("'{t}'"),
            t if t.contains(|c: char| c.is_whitespace() || "'{}".contains(c)) => format!("\"{t}\""),
            t => t.to_owned(),
        };
        let mut out = format!("{{{{#{}", directive.name);
        out.extend(directive.words.iter().map(|word| format!(" {}", quoted(word))));
        out.extend(directive.parameters.iter().map(|(k, v)| format!(" {k}={}", quoted(v))));
        out.extend(directive.options.iter().map(|(k, v)| format!(" --{k}={}", quoted(v))));
        out + "}}"
    }

    fn malformed(text: &str) -> String {
        match pieces(text).iter().find(|p| matches!(p, Piece::Malformed(..))) {
            Some(Piece::Malformed(_, malformed)) => malformed.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_parameters_and_options_are_told_apart_and_quotes_keep_blanks() {
        let directive = only("{{#story a/b stall=\"1m 30s\" x='}} \"q\"'\n  --from=2s}}");
        assert_eq!(directive.name, "story");
        assert_eq!(directive.words, ["a/b"]);
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(directive.parameters, [pair("stall", "1m 30s"), pair("x", "}} \"q\"")]);
        assert_eq!(directive.options, [pair("from", "2s")]);
    }

    #[test]
    fn the_text_around_a_directive_stays_as_it_is() {
        let text = "Ä {{#measure a/b c}} s, {{ #list }}\n";
        let kept: Vec<_> = pieces(text);
        assert!(matches!(
            kept.as_slice(),
            [
                Piece::Text("Ä "),
                Piece::Directive(_),
                Piece::Text(" s, "),
                Piece::Directive(_),
                Piece::Text("\n")
            ]
        ));
    }

    #[test]
    fn a_backslash_keeps_a_directive_and_mdbooks_own_are_left_to_mdbook() {
        let text = r"\{{#story a}} {{#include x.rs:b}} \{{#include y.rs}} {{#title Don't}} {{word}}";
        let mut kept = String::new();
        let mut files = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => kept += text,
                Piece::OfMdBook { text, file, .. } => {
                    kept += text;
                    files.push(file);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(kept, r"{{#story a}} {{#include x.rs:b}} \{{#include y.rs}} {{#title Don't}} {{word}}");
        assert_eq!(files, [Some("x.rs"), None]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(malformed("{{#story a/b"), "`{{#story` is not closed by `}}`");
        assert_eq!(malformed("{{#story 'a/b}}"), "`{{#story`: the quote ' is not closed");
        assert_eq!(malformed("{{#story --from}}"), "`{{#story`: `--from` has no value; write `--from=VALUE`");
        assert_eq!(malformed("{{#story a=1 a=2}}"), "`{{#story`: `a` is given twice");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_and_no_text_is_lost(
            text in r#"(\{\{#|\}\}|\\|story|include|[ \n'"=-]|--|ä|[a-z/]){0,40}"#
        ) {
            let mut end = 0;
            for piece in pieces(&text) {
                match piece {
                    Piece::Text(t) => prop_assert!(text[end..].contains(t)),
                    Piece::Directive(d) => {
                        prop_assert!(d.start >= end && d.end > d.start);
                        prop_assert!(text[d.start..d.end].ends_with("}}"));
                        end = d.end;
                    }
                    Piece::OfMdBook { start, text: t, .. } => prop_assert!(text[start..].starts_with(t)),
                    Piece::Malformed(at, _) => prop_assert!(text[at..].starts_with("{{")),
                }
            }
        }

        #[test]
        fn a_directive_that_is_written_out_reads_back_the_same(
            word in r"[a-z/ }{'=]{1,8}",
            value in r#"([a-z ={}-]{0,8}|[a-z"{}]{0,8})"#
        ) {
            prop_assume!(!word.contains('=') && !word.starts_with("--"));
            let directive = Directive {
                start: 0, end: 0, name: "story".to_owned(), words: vec![word],
                parameters: vec![("stall".to_owned(), value.clone())], options: vec![("from".to_owned(), value)],
            };
            let read = only(&written(&directive));
            prop_assert_eq!(Directive { start: 0, end: 0, ..read }, directive);
        }
    }
}
