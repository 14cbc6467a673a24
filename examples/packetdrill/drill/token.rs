//! A script's text as words, numbers and signs, each with its line.

use super::Fault;

/// A word of the notation.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Integer(i64),
    Float(f64),
    Word(String),
    /// `"..."`
    Text(String),
    /// A shell command: `` `...` ``
    Command(String),
    /// `%{ ... }%`
    Code(String),
    /// `--name` and `--name=value`, as a line at the head of a script
    Flag(String, Option<String>),
    /// `...`
    Ellipsis,
    Sign(char),
}

/// A word, where it stands, and whether it is the first of its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
    pub first: bool,
}

/// Takes a script apart.
///
/// # Errors
/// A quotation, a comment or a piece of code without an end; a number out of range.
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { rest: text, line: 1, first: true };
    let mut out = Vec::new();
    while let Some(token) = lexer.next()? {
        out.push(token);
    }
    Ok(out)
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    first: bool,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Option<Token>, Fault> {
        self.skip_blanks()?;
        let (line, first) = (self.line, self.first);
        let Some(start) = self.rest.chars().next() else { return Ok(None) };
        self.first = false;
        let kind = match start {
            '"' => Kind::Text(self.quoted('"')?),
            '`' => Kind::Command(self.quoted('`')?),
            '%' if self.rest.starts_with("%{") => {
                self.take(2);
                let code = self.until("}%", "code")?;
                Kind::Code(code.to_string())
            }
            '-' if self.rest.starts_with("--") && first => self.flag(),
            '.' if self.rest.starts_with("...") => {
                self.take(3);
                Kind::Ellipsis
            }
            _ if start.is_ascii_alphanumeric() || start == '_' || self.number_len() > 0 => self.word()?,
            _ => {
                self.take(start.len_utf8());
                Kind::Sign(start)
            }
        };
        Ok(Some(Token { kind, line, first }))
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) -> Result<(), Fault> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            if self.take(blank).contains('\n') {
                self.first = true;
            }
            if self.rest.starts_with("//") || self.rest.starts_with('#') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(end);
            } else if self.rest.starts_with("/*") {
                self.take(2);
                self.until("*/", "comment")?;
            } else {
                return Ok(());
            }
        }
    }

    fn until(&mut self, end: &str, what: &str) -> Result<&'a str, Fault> {
        let line = self.line;
        let length =
            self.rest.find(end).ok_or_else(|| Fault::new(line, format!("{what} without `{end}`")))?;
        let inside = self.take(length);
        self.take(end.len());
        Ok(inside)
    }

    /// What stands between two quotation marks, without them; a backslash keeps the character after it.
    fn quoted(&mut self, mark: char) -> Result<String, Fault> {
        let line = self.line;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            if c == mark && !escaped {
                let inside = self.rest[1..at].to_string();
                self.take(at + 1);
                return Ok(inside);
            }
            escaped = c == '\\' && !escaped;
        }
        Err(Fault::new(line, format!("quotation without a second {mark}")))
    }

    fn flag(&mut self) -> Kind {
        self.take(2);
        let name = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let name = self.take(name.unwrap_or(self.rest.len())).to_string();
        if !self.rest.starts_with('=') {
            return Kind::Flag(name, None);
        }
        self.take(1);
        let value = self.take(self.rest.find(char::is_whitespace).unwrap_or(self.rest.len()));
        Kind::Flag(name, Some(value.trim_matches('"').to_string()))
    }

    /// How long the number is that stands here; 0: none does.
    fn number_len(&self) -> usize {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let minus = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits(minus);
        let end = minus + whole;
        let fraction = if bytes.get(end) == Some(&b'.') { digits(end + 1) } else { 0 };
        if fraction > 0 {
            end + 1 + fraction
        } else if whole > 0 {
            end
        } else {
            0
        }
    }

    /// The longer of a number and a word, as both begin with digits.
    fn word(&mut self) -> Result<Kind, Fault> {
        let line = self.line;
        let number = self.number_len();
        let word = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let word = word.unwrap_or(self.rest.len());
        if number >= word {
            let digits = self.take(number);
            // An IPv4 address looks like a number at first.
            let dots = digits.contains('.') && self.rest.starts_with('.');
            if dots && self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                let more = self.rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
                let more = self.take(more.unwrap_or(self.rest.len()));
                return Ok(Kind::Word(format!("{digits}{more}")));
            }
            let wrong = |_| Fault::new(line, format!("{digits} is out of range"));
            return if digits.contains('.') {
                digits
                    .parse()
                    .map(Kind::Float)
                    .map_err(|_| Fault::new(line, format!("{digits} is no number")))
            } else {
                digits.parse().map(Kind::Integer).map_err(wrong)
            };
        }
        let word = self.take(word);
        if let Some(digits) = word.strip_prefix("0x")
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_hexdigit())
        {
            let number = i64::from_str_radix(digits, 16);
            return number
                .map(Kind::Integer)
                .map_err(|_| Fault::new(line, format!("{word} is out of range")));
        }
        Ok(Kind::Word(word.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn a_blocking_range_is_two_numbers_around_an_ellipsis() {
        use Kind::{Ellipsis, Float, Integer, Sign};
        assert_eq!(kinds("+0...0.200"), [Sign('+'), Integer(0), Ellipsis, Float(0.2)]);
        assert_eq!(kinds("+.1...1"), [Sign('+'), Float(0.1), Ellipsis, Integer(1)]);
    }

    #[test]
    fn comments_of_all_three_kinds_are_no_words() {
        assert_eq!(kinds("// one\n1 /* two\n*/ 2 # three"), [Kind::Integer(1), Kind::Integer(2)]);
    }

    #[test]
    fn a_line_is_counted_inside_comments_code_and_commands() {
        let tokens = tokens("/* \n */ `a\nb` %{ x\n y }% z").unwrap();
        assert_eq!(tokens.iter().map(|t| t.line).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn a_quotation_without_an_end_is_told_with_its_line() {
        assert_eq!(tokens("\n\"abc").unwrap_err().line, 2);
    }
}
