//! A packet of a script: read, and shown as the notation writes it.

use std::fmt::Write;

use halfopen::packet::{Flags, TcpOptions};

use super::Fault;
use super::parse::Parser;
use super::script::{Action, Packet};
use super::token::Kind;

/// Reads a packet, from its `<` or `>` on.
pub fn parse(parser: &mut Parser) -> Result<Action, Fault> {
    let inbound = parser.peek() == Some(&Kind::Sign('<'));
    parser.advance();
    if let Some(feature) = unsupported_prefix(parser) {
        parser.skip_event();
        return Ok(Action::Unsupported(feature.to_string()));
    }
    let ports = match (parser.peek(), parser.peek_at(1)) {
        (Some(Kind::Integer(_)), Some(Kind::Sign('>'))) => {
            let from = parser.number("a port")?;
            parser.need('>')?;
            Some((from, parser.number("a port")?))
        }
        _ => None,
    };
    let flags = match flags(parser)? {
        Ok(flags) => flags,
        Err(feature) => {
            parser.skip_event();
            return Ok(Action::Unsupported(feature.to_string()));
        }
    };
    let line = parser.line();
    let seq: u32 = parser.number("a sequence number")?;
    parser.need(':')?;
    let end: u32 = parser.number("a sequence number")?;
    parser.need('(')?;
    let len: u32 = parser.number::<u16>("a length")?.into();
    parser.need(')')?;
    if seq.wrapping_add(len) != end {
        return Err(Fault::new(line, format!("{seq}:{end} is not {len} bytes")));
    }
    let ack = if parser.eat_word("ack") { parser.number("an acknowledgement number")? } else { 0 };
    let window = if parser.eat_word("win") { Some(parser.number("a window")?) } else { None };
    if parser.eat_word("urg") {
        parser.skip_event();
        return Ok(Action::Unsupported("urgent data".to_string()));
    }
    let options = match options(parser)? {
        Ok(options) => options,
        Err(feature) => {
            parser.skip_event();
            return Ok(Action::Unsupported(feature.to_string()));
        }
    };
    if inbound && options.is_none() {
        return Err(Fault::new(line, "`<...>` is for outgoing packets only"));
    }
    let packet = Packet { flags, seq, len, ack, window, options, ports };
    Ok(if inbound { Action::Inbound(packet) } else { Action::Outbound(packet) })
}

/// What stands before the flags of a packet that is not plain TCP over IPv4.
fn unsupported_prefix(parser: &mut Parser) -> Option<&'static str> {
    match parser.peek()? {
        // Marks of ECN, but for the one that says that there is none.
        Kind::Sign('[' | '(') => {
            let Some(Kind::Word(word)) = parser.peek_at(1) else { return Some("fields of the IP header") };
            match word.as_str() {
                "noecn" => {
                    for _ in 0..3 {
                        parser.advance();
                    }
                    None
                }
                "ect0" | "ect1" | "ect01" | "ce" => Some("ECN"),
                _ => Some("fields of the IP header"),
            }
        }
        Kind::Word(word) => match word.as_str() {
            "icmp" | "icmpv4" | "icmpv6" => Some("ICMP"),
            "udp" => Some("UDP"),
            "ipv6" => Some("IPv6"),
            "ipv4" => Some("IP headers within IP"),
            "gre" | "GREv0" => Some("GRE"),
            "mpls" => Some("MPLS"),
            "encap" | "psp" => Some("PSP"),
            _ => None,
        },
        _ => None,
    }
}

type Supported<T> = Result<T, &'static str>;

fn flags(parser: &mut Parser) -> Result<Supported<Flags>, Fault> {
    let mut flags = Flags::default();
    match parser.peek() {
        Some(Kind::Sign('-')) => {
            parser.advance();
            return Ok(Ok(flags));
        }
        Some(Kind::Sign('.')) => {}
        // `.5`: the field ACE of AccECN.
        Some(Kind::Float(_)) => return Ok(Err("AccECN")),
        Some(Kind::Word(word)) => {
            for letter in word.clone().chars() {
                match letter {
                    'S' => flags.syn = true,
                    'F' => flags.fin = true,
                    'R' => flags.rst = true,
                    'P' => flags.psh = true,
                    'E' | 'W' => return Ok(Err("ECN")),
                    'A' | '0'..='9' => return Ok(Err("AccECN")),
                    'U' => return Ok(Err("urgent data")),
                    _ => return parser.expected("flags (of S, F, R, P and a dot for ACK)"),
                }
            }
            parser.advance();
        }
        _ => return parser.expected("flags (of S, F, R, P and a dot for ACK)"),
    }
    if matches!(parser.peek(), Some(Kind::Float(_))) {
        return Ok(Err("AccECN"));
    }
    flags.ack = parser.eat('.');
    Ok(Ok(flags))
}

/// `<mss 1000,sackOK>`; `None`: `<...>`.
fn options(parser: &mut Parser) -> Result<Supported<Option<TcpOptions>>, Fault> {
    let mut options = TcpOptions::default();
    if !parser.eat('<') {
        return Ok(Ok(Some(options)));
    }
    if parser.peek() == Some(&Kind::Ellipsis) {
        parser.advance();
        parser.need('>')?;
        return Ok(Ok(None));
    }
    loop {
        let Some(Kind::Word(name)) = parser.peek().cloned() else {
            return parser.expected("a TCP option");
        };
        parser.advance();
        match name.as_str() {
            "nop" | "eol" => {}
            "sackOK" => options.sack_permitted = true,
            "mss" => match parser.peek() {
                Some(Kind::Word(_)) => return Ok(Err("an MSS that -D defines")),
                _ => options.mss = Some(parser.number("an MSS")?),
            },
            "wscale" => options.window_scale = Some(parser.number("a shift")?),
            "TS" => {
                if !parser.eat_word("val") {
                    return parser.expected("`val`");
                }
                let value = parser.number("a timestamp")?;
                if !parser.eat_word("ecr") {
                    return parser.expected("`ecr`");
                }
                options.timestamps = Some((value, parser.number("a timestamp")?));
            }
            "sack" => {
                while let Some(Kind::Integer(_)) = parser.peek() {
                    let from = parser.number("a sequence number")?;
                    parser.need(':')?;
                    let to = parser.number("a sequence number")?;
                    if !options.sack.push((from, to)) {
                        return parser.expected("at most four blocks of SACK");
                    }
                }
            }
            "FO" | "FOEXP" => return Ok(Err("TCP Fast Open")),
            "ECN" => return Ok(Err("AccECN")),
            "md5" => return Ok(Err("TCP MD5 signatures")),
            _ => {
                let line = parser.line();
                return Err(Fault::new(line, format!("`{name}` is no TCP option")));
            }
        }
        if parser.eat('>') {
            return Ok(Ok(Some(options)));
        }
        parser.need(',')?;
    }
}

/// A packet in the notation, without what is not compared.
impl std::fmt::Display for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut flags = String::new();
        let letters = [
            (self.flags.syn, 'S'),
            (self.flags.fin, 'F'),
            (self.flags.rst, 'R'),
            (self.flags.psh, 'P'),
            (self.flags.ack, '.'),
        ];
        flags.extend(letters.iter().filter(|(set, _)| *set).map(|(_, letter)| letter));
        if flags.is_empty() {
            flags.push('-');
        }
        write!(f, "{flags} {}:{}({})", self.seq, self.seq.wrapping_add(self.len), self.len)?;
        if self.flags.ack {
            write!(f, " ack {}", self.ack)?;
        }
        if let Some(window) = self.window {
            write!(f, " win {window}")?;
        }
        match &self.options {
            None => f.write_str(" <...>"),
            Some(options) => {
                let words = option_words(options);
                if words.is_empty() { Ok(()) } else { write!(f, " <{words}>") }
            }
        }
    }
}

/// Options in the notation, without padding.
fn option_words(options: &TcpOptions) -> String {
    let mut words: Vec<String> = Vec::new();
    if let Some(mss) = options.mss {
        words.push(format!("mss {mss}"));
    }
    if options.sack_permitted {
        words.push("sackOK".to_string());
    }
    if let Some((value, echo)) = options.timestamps {
        words.push(format!("TS val {value} ecr {echo}"));
    }
    if let Some(shift) = options.window_scale {
        words.push(format!("wscale {shift}"));
    }
    if !options.sack.is_empty() {
        let mut blocks = "sack".to_string();
        for (from, to) in options.sack.iter() {
            // Writing to a string does not fail.
            let _ = write!(blocks, " {from}:{to}");
        }
        words.push(blocks);
    }
    words.join(",")
}
