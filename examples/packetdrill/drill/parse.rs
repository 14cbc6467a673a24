//! Reads a script: options, commands and events, each with its time.

use super::Fault;
use super::packet;
use super::script::{Action, Call, Event, Expr, Micros, Script, When};
use super::token::{Kind, Token, tokens};

/// Records within records, at most: a text of brackets alone must not fill the stack.
const MAX_DEPTH: usize = 32;

/// Reads a script.
///
/// # Errors
/// The first line that is not of the notation, and what was expected there.
pub fn parse(text: &str) -> Result<Script, Fault> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    parser.script()
}

/// A position in a script's words.
pub struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    pub fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|t| &t.kind)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|t| &t.kind)
    }

    pub fn advance(&mut self) -> Option<Kind> {
        let kind = self.peek().cloned();
        self.at += 1;
        kind
    }

    pub fn line(&self) -> usize {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens.get(self.at.min(last)).map_or(1, |t| t.line)
    }

    pub fn eat(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(&Kind::Sign(sign));
        self.at += usize::from(there);
        there
    }

    pub fn eat_word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Kind::Word(w)) if w == word);
        self.at += usize::from(there);
        there
    }

    pub fn expected<T>(&self, what: &str) -> Result<T, Fault> {
        let found = self.peek().map_or("the end".to_string(), show);
        Err(Fault::new(self.line(), format!("expected {what}, found {found}")))
    }

    pub fn need(&mut self, sign: char) -> Result<(), Fault> {
        if self.eat(sign) { Ok(()) } else { self.expected(&format!("`{sign}`")) }
    }

    pub fn integer(&mut self, what: &str) -> Result<i64, Fault> {
        let Some(Kind::Integer(number)) = self.peek() else { return self.expected(what) };
        let number = *number;
        self.at += 1;
        Ok(number)
    }

    /// An integer that fits.
    pub fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T, Fault> {
        let line = self.line();
        let number = self.integer(what)?;
        T::try_from(number).map_err(|_| Fault::new(line, format!("{what} {number} is out of range")))
    }

    /// Goes to the next line that begins with a time, a command or the end.
    pub fn skip_event(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            use Kind::{Command, Float, Integer, Sign};
            let starts = matches!(token.kind, Sign('+' | '*') | Integer(_) | Float(_) | Command(_));
            if token.first && starts {
                return;
            }
            self.at += 1;
        }
    }

    fn script(&mut self) -> Result<Script, Fault> {
        let mut script = Script { flags: Vec::new(), commands: Vec::new(), events: Vec::new() };
        loop {
            let line = self.line();
            match self.peek() {
                None => return Ok(script),
                Some(Kind::Flag(name, value)) if script.events.is_empty() => {
                    script.flags.push((line, name.clone(), value.clone()));
                    self.at += 1;
                }
                Some(Kind::Command(command)) => {
                    script.commands.push((line, command.clone()));
                    self.at += 1;
                }
                Some(_) => {
                    let event = self.event()?;
                    script.events.push(event);
                }
            }
        }
    }

    fn event(&mut self) -> Result<Event, Fault> {
        let line = self.line();
        let when = self.when()?;
        let action = self.action(when)?;
        Ok(Event { line, when, action })
    }

    fn when(&mut self) -> Result<When, Fault> {
        if self.eat('*') {
            return Ok(When::Any);
        }
        let line = self.line();
        let relative = self.eat('+');
        let from = self.time()?;
        if !self.eat('~') {
            return Ok(if relative { When::Relative(from) } else { When::Absolute(from) });
        }
        if relative {
            self.need('+')?;
        }
        let to = self.time()?;
        if to < from {
            return Err(Fault::new(line, "this range of time ends before it begins"));
        }
        Ok(if relative { When::RelativeRange(from, to) } else { When::AbsoluteRange(from, to) })
    }

    fn time(&mut self) -> Result<Micros, Fault> {
        // A year: sums of times do not overflow.
        const LONGEST_S: f64 = 365.0 * 86_400.0;
        let seconds = match self.peek() {
            Some(Kind::Float(seconds)) => *seconds,
            Some(Kind::Integer(seconds)) => *seconds as f64,
            _ => return self.expected("a time"),
        };
        if !(0.0..=LONGEST_S).contains(&seconds) {
            return self.expected("a time from 0 to a year, in seconds");
        }
        self.at += 1;
        Ok((seconds * 1e6).round() as Micros)
    }

    fn action(&mut self, when: When) -> Result<Action, Fault> {
        let action = match self.peek() {
            Some(Kind::Command(command)) => {
                let command = command.clone();
                self.at += 1;
                Action::Command(command)
            }
            Some(Kind::Code(code)) => {
                let code = code.clone();
                self.at += 1;
                Action::Code(code)
            }
            Some(Kind::Sign('<' | '>')) => packet::parse(self)?,
            Some(Kind::Word(_) | Kind::Ellipsis) => self.call()?,
            _ => return self.expected("a packet, a system call, a command or code"),
        };
        let exact = matches!(when, When::Absolute(_) | When::Relative(_));
        if !exact && !matches!(action, Action::Outbound(_) | Action::Unsupported(_)) {
            return self.expected("an outgoing packet after `*` or a range of time");
        }
        Ok(action)
    }

    fn call(&mut self) -> Result<Action, Fault> {
        let until = if self.peek() == Some(&Kind::Ellipsis) {
            self.at += 1;
            Some(self.time()?)
        } else {
            None
        };
        let Some(Kind::Word(name)) = self.advance() else {
            self.at -= 1;
            return self.expected("a system call");
        };
        self.need('(')?;
        let arguments = self.expressions(')')?;
        self.need('=')?;
        let result = self.expression()?;
        let mut errno = None;
        if let Some(Kind::Word(word)) = self.peek() {
            errno = Some(word.clone());
            self.at += 1;
        }
        if self.eat('(') {
            while !self.eat(')') {
                // What strerror() says may be anything.
                if self.advance().is_none() {
                    return self.expected("`)`");
                }
            }
        }
        Ok(Action::Call(Call { name, arguments, until, result, errno }))
    }

    /// Expressions up to a closing sign, which is taken too.
    fn expressions(&mut self, end: char) -> Result<Vec<Expr>, Fault> {
        let mut out = Vec::new();
        if self.eat(end) {
            return Ok(out);
        }
        loop {
            out.push(self.expression()?);
            if self.eat(end) {
                return Ok(out);
            }
            self.need(',')?;
        }
    }

    fn expression(&mut self) -> Result<Expr, Fault> {
        if self.depth >= MAX_DEPTH {
            return self.expected("fewer brackets within brackets");
        }
        self.depth += 1;
        let expr = self.deeper();
        self.depth -= 1;
        expr
    }

    fn deeper(&mut self) -> Result<Expr, Fault> {
        let left = match self.peek().cloned() {
            Some(Kind::Ellipsis) => {
                self.at += 1;
                Expr::Ellipsis
            }
            Some(Kind::Integer(number)) => {
                self.at += 1;
                Expr::Number(number)
            }
            Some(Kind::Float(number)) if number.fract() == 0.0 => {
                self.at += 1;
                Expr::Number(number as i64)
            }
            Some(Kind::Text(mut text)) => {
                self.at += 1;
                while let Some(Kind::Text(more)) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                if self.peek() == Some(&Kind::Ellipsis) {
                    self.at += 1;
                }
                Expr::Text(text)
            }
            Some(Kind::Sign('[')) => {
                self.at += 1;
                Expr::List(self.expressions(']')?)
            }
            Some(Kind::Sign('{')) => {
                self.at += 1;
                Expr::Record(self.expressions('}')?)
            }
            Some(Kind::Word(word)) => {
                self.at += 1;
                let inside = if self.eat('(') { Some(self.expressions(')')?) } else { None };
                if self.eat('=') {
                    Expr::Field(word, Box::new(self.expression()?))
                } else if let Some(arguments) = inside {
                    Expr::Function(word, arguments)
                } else {
                    Expr::Word(word)
                }
            }
            _ => return self.expected("a value"),
        };
        if self.eat('|') {
            return Ok(Expr::Or(Box::new(left), Box::new(self.expression()?)));
        }
        Ok(left)
    }
}

/// A word as it is written.
pub fn show(kind: &Kind) -> String {
    match kind {
        Kind::Integer(number) => format!("`{number}`"),
        Kind::Float(number) => format!("`{number}`"),
        Kind::Word(word) => format!("`{word}`"),
        Kind::Text(text) => format!("\"{text}\""),
        Kind::Command(_) => "a command".to_string(),
        Kind::Code(_) => "code".to_string(),
        Kind::Flag(name, _) => format!("`--{name}`"),
        Kind::Ellipsis => "`...`".to_string(),
        Kind::Sign(sign) => format!("`{sign}`"),
    }
}
