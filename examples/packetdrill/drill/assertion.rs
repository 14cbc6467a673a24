//! The Python of scripts, as far as they use it: assertions over fields of `tcp_info`, variables, arithmetic.

use std::collections::BTreeMap;

use super::{Fault, Stop};

/// Brackets within brackets, at most.
const MAX_DEPTH: usize = 64;

/// Names with a fixed value: states of the congestion control (`tcp_ca_state`) and of a connection (`tcp_states.h`),
/// options (`TCPI_OPT_*`), and the slow-start threshold before any loss.
const CONSTANTS: &[(&str, f64)] = &[
    ("TCP_CA_Open", 0.0),
    ("TCP_CA_Disorder", 1.0),
    ("TCP_CA_CWR", 2.0),
    ("TCP_CA_Recovery", 3.0),
    ("TCP_CA_Loss", 4.0),
    ("TCP_ESTABLISHED", 1.0),
    ("TCP_SYN_SENT", 2.0),
    ("TCP_SYN_RECV", 3.0),
    ("TCP_FIN_WAIT1", 4.0),
    ("TCP_FIN_WAIT2", 5.0),
    ("TCP_TIME_WAIT", 6.0),
    ("TCP_CLOSE", 7.0),
    ("TCP_CLOSE_WAIT", 8.0),
    ("TCP_LAST_ACK", 9.0),
    ("TCP_LISTEN", 10.0),
    ("TCP_CLOSING", 11.0),
    ("TCPI_OPT_TIMESTAMPS", 1.0),
    ("TCPI_OPT_SACK", 2.0),
    ("TCPI_OPT_WSCALE", 4.0),
    ("TCPI_OPT_ECN", 8.0),
    ("TCPI_OPT_ECN_SEEN", 16.0),
    ("TCPI_OPT_SYN_DATA", 32.0),
    ("TCP_INFINITE_SSTHRESH", 0x7fff_ffff as f64),
    ("True", 1.0),
    ("False", 0.0),
];

/// Variables of a script; they last from one piece of code to the next.
pub type Variables = BTreeMap<String, f64>;

/// Runs a piece of code. `field` tells a field of `tcp_info`, if it is known.
///
/// # Errors
/// [`Stop::Fail`] where an assertion does not hold, with its values; [`Stop::Skip`] where it is Python that this cannot read.
pub fn run(
    line: usize,
    code: &str,
    variables: &mut Variables,
    field: &dyn Fn(&str) -> Option<i64>,
) -> Result<(), Stop> {
    for statement in statements(&code.replace("\\\n", " ")) {
        let mut python = Python { rest: &statement, variables, field, used: Vec::new(), depth: 0 };
        let held = python.statement()?;
        if !held {
            let used: Vec<String> = python.used.iter().map(|(n, v)| format!("{n} is {v}")).collect();
            let why = format!("expected `{}`, but {}", statement.trim(), used.join(", "));
            return Err(Fault::new(line, why).into());
        }
    }
    Ok(())
}

/// Splits at line ends and semicolons, outside of brackets and strings; drops comments.
fn statements(code: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let (mut depth, mut quote, mut comment) = (0usize, None, false);
    for c in code.chars() {
        if comment && c != '\n' {
            continue;
        }
        comment = false;
        match (quote, c) {
            (Some(q), _) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, '#') => {
                comment = true;
                continue;
            }
            (None, '\n' | ';') if depth == 0 => {
                out.push(String::new());
                continue;
            }
            _ => {}
        }
        // There is always a last one.
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
    }
    out.retain(|s| !s.trim().is_empty());
    out
}

struct Python<'a> {
    rest: &'a str,
    variables: &'a mut Variables,
    field: &'a dyn Fn(&str) -> Option<i64>,
    /// What the expression has looked up, for the message.
    used: Vec<(String, f64)>,
    depth: usize,
}

type Value = Result<f64, Stop>;

impl Python<'_> {
    /// Whether the statement holds, if it is an assertion; true otherwise.
    fn statement(&mut self) -> Result<bool, Stop> {
        self.rest = self.rest.trim();
        if self.rest == "pass" || self.rest.starts_with("print(") || self.rest.starts_with("print (") {
            return Ok(true);
        }
        if let Some(condition) = self.rest.strip_prefix("assert").filter(|r| r.starts_with([' ', '('])) {
            self.rest = condition;
            let holds = self.either()? != 0.0;
            // What follows is the message.
            return if self.rest.trim().is_empty() || self.eat(",") { Ok(holds) } else { self.unknown() };
        }
        let whole = self.rest;
        let name = self.name();
        let old = self.variables.get(&name).copied();
        let value = match (name.as_str(), old) {
            ("", _) => return self.unknown(),
            (_, Some(old)) if self.eat("+=") => old + self.either()?,
            (_, Some(old)) if self.eat("-=") => old - self.either()?,
            _ if !self.rest.trim_start().starts_with("==") && self.eat("=") => self.either()?,
            _ => {
                self.rest = whole;
                return self.unknown();
            }
        };
        self.variables.insert(name, value);
        if self.rest.trim().is_empty() { Ok(true) } else { self.unknown() }
    }

    fn unknown<T>(&self) -> Result<T, Stop> {
        Err(Stop::Skip(format!("Python: {}", self.rest.trim())))
    }

    fn eat(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(after) = rest.strip_prefix(sign) else { return false };
        // A word must end here.
        let letters = sign.ends_with(|c: char| c.is_alphabetic());
        if letters && after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = after;
        true
    }

    /// Takes a name, or nothing.
    fn name(&mut self) -> String {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        self.rest = after;
        name.to_string()
    }

    fn either(&mut self) -> Value {
        if self.depth > MAX_DEPTH {
            return self.unknown();
        }
        self.depth += 1;
        let mut value = self.both()?;
        while self.eat("or") {
            let other = self.both()?;
            value = if value != 0.0 { value } else { other };
        }
        self.depth -= 1;
        Ok(value)
    }

    fn both(&mut self) -> Value {
        let mut value = self.negated()?;
        while self.eat("and") {
            let other = self.negated()?;
            value = if value == 0.0 { value } else { other };
        }
        Ok(value)
    }

    fn negated(&mut self) -> Value {
        let mut times = 0;
        while self.eat("not") {
            times += 1;
        }
        let value = self.comparison()?;
        Ok(match times {
            0 => value,
            n => f64::from(u8::from((value == 0.0) == (n % 2 == 1))),
        })
    }

    /// `a < b <= c`: each with the one beside it.
    fn comparison(&mut self) -> Value {
        let mut left = self.bits()?;
        let (mut holds, mut any) = (true, false);
        loop {
            let compare: fn(f64, f64) -> bool = if self.eat("==") {
                |a, b| a == b
            } else if self.eat("!=") {
                |a, b| a != b
            } else if self.eat("<=") {
                |a, b| a <= b
            } else if self.eat(">=") {
                |a, b| a >= b
            } else if !self.rest.trim_start().starts_with("<<") && self.eat("<") {
                |a, b| a < b
            } else if !self.rest.trim_start().starts_with(">>") && self.eat(">") {
                |a, b| a > b
            } else {
                return Ok(if any { f64::from(u8::from(holds)) } else { left });
            };
            let right = self.bits()?;
            holds &= compare(left, right);
            any = true;
            left = right;
        }
    }

    fn bits(&mut self) -> Value {
        let mut value = self.masked()?;
        while self.eat("|") {
            value = (value as i64 | self.masked()? as i64) as f64;
        }
        Ok(value)
    }

    fn masked(&mut self) -> Value {
        let mut value = self.shifted()?;
        while self.eat("&") {
            value = (value as i64 & self.shifted()? as i64) as f64;
        }
        Ok(value)
    }

    fn shifted(&mut self) -> Value {
        let mut value = self.sum()?;
        loop {
            if self.eat("<<") {
                value *= 2f64.powf(self.sum()?);
            } else if self.eat(">>") {
                value = (value / 2f64.powf(self.sum()?)).floor();
            } else {
                return Ok(value);
            }
        }
    }

    fn sum(&mut self) -> Value {
        let mut value = self.product()?;
        loop {
            if self.eat("+") {
                value += self.product()?;
            } else if self.eat("-") {
                value -= self.product()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Value {
        let mut value = self.factor()?;
        loop {
            if self.eat("//") {
                value = (value / self.factor()?).floor();
            } else if self.eat("/") {
                value /= self.factor()?;
            } else if self.eat("*") {
                value *= self.factor()?;
            } else if self.eat("%") {
                value = value.rem_euclid(self.factor()?);
            } else {
                return Ok(value);
            }
        }
    }

    fn factor(&mut self) -> Value {
        if self.eat("-") {
            let (before, deepest) = (self.depth, self.depth >= MAX_DEPTH);
            if deepest {
                return self.unknown();
            }
            self.depth += 1;
            let value = -self.factor()?;
            self.depth = before;
            return Ok(value);
        }
        if self.eat("(") {
            let value = self.either()?;
            return if self.eat(")") { Ok(value) } else { self.unknown() };
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let hex = word.strip_prefix("0x").and_then(|h| i64::from_str_radix(h, 16).ok());
            let number = hex.map(|h| h as f64).or_else(|| word.parse().ok());
            let Some(number) = number else { return self.unknown() };
            self.rest = after;
            return Ok(number);
        }
        if word.is_empty() {
            return self.unknown();
        }
        self.rest = after;
        if self.eat("(") {
            return self.function(word);
        }
        let known = CONSTANTS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if let Some(value) = known {
            return Ok(value);
        }
        let value = self.variables.get(word).copied().or_else(|| (self.field)(word).map(|v| v as f64));
        let Some(value) = value else { return Err(Stop::Skip(format!("Python: {word}"))) };
        self.used.push((word.to_string(), value));
        Ok(value)
    }

    fn function(&mut self, name: &str) -> Value {
        let mut arguments = vec![self.either()?];
        while self.eat(",") {
            arguments.push(self.either()?);
        }
        if !self.eat(")") {
            return self.unknown();
        }
        match (name, arguments.as_slice()) {
            ("abs", [value]) => Ok(value.abs()),
            ("int", [value]) => Ok(value.trunc()),
            ("min", values) => Ok(values.iter().copied().fold(f64::INFINITY, f64::min)),
            ("max", values) => Ok(values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            _ => Err(Stop::Skip(format!("Python: {name}()"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str) -> Result<(), Stop> {
        run(7, code, &mut Variables::new(), &|name| (name == "tcpi_snd_cwnd").then_some(10))
    }

    #[test]
    fn assertions_hold_or_tell_line_and_values() {
        assert_eq!(check("assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd"), Ok(()));
        assert_eq!(check("assert 9 <= tcpi_snd_cwnd <= 10, 'cwnd=%d' % tcpi_snd_cwnd"), Ok(()));
        let Err(Stop::Fail(fault)) = check("assert 1 == 1; assert 2 * tcpi_snd_cwnd < 20") else { panic!() };
        assert_eq!(fault.line, 7);
        assert!(fault.why.contains("tcpi_snd_cwnd is 10"), "{}", fault.why);
    }

    #[test]
    fn variables_last_and_comments_and_prints_are_passed_over() {
        let code =
            "print(tcpi_snd_cwnd) # shown\ncwnd = 8; cwnd += 2\nassert cwnd == tcpi_snd_cwnd, \\\n cwnd";
        assert_eq!(check(code), Ok(()));
    }

    #[test]
    fn what_is_not_understood_is_skipped_by_name() {
        assert_eq!(check("assert tcpi_unknown == 1"), Err(Stop::Skip("Python: tcpi_unknown".to_string())));
        assert!(matches!(check("import os"), Err(Stop::Skip(_))));
    }

    #[test]
    fn operators_bind_as_in_python() {
        assert_eq!(check("assert 1 + 2 * 3 == 7 and not 1 > 2 or False"), Ok(()));
        assert_eq!(check("assert (tcpi_snd_cwnd & 8) != 0 and 7 // 2 == 3 and -1 < 0"), Ok(()));
        assert_eq!(check("assert min(3, 4) == abs(-3) and 1 << 3 == 8"), Ok(()));
    }
}
