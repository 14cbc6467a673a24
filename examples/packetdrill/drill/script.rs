//! What a script says, as data.

use halfopen::packet::{Flags, TcpOptions};

/// Microseconds, the notation's unit of time.
pub type Micros = i64;

/// A whole script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// `--name=value` lines, in order.
    pub flags: Vec<(usize, String, Option<String>)>,
    /// Shell commands before the first event and after the last one.
    pub commands: Vec<(usize, String)>,
    pub events: Vec<Event>,
}

/// One line: when, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub line: usize,
    pub when: When,
    pub action: Action,
}

/// The time before an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// `1.5`
    Absolute(Micros),
    /// `+.01`: after the event before it
    Relative(Micros),
    /// `1~1.2`
    AbsoluteRange(Micros, Micros),
    /// `+.1~+.2`
    RelativeRange(Micros, Micros),
    /// `*`
    Any,
}

/// What is done or expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `<`: a packet that the other side sends
    Inbound(Packet),
    /// `>`: a packet that is expected
    Outbound(Packet),
    Call(Call),
    /// A shell command
    Command(String),
    /// Python
    Code(String),
    /// What the notation has and this interpreter has not
    Unsupported(String),
}

/// A TCP packet as a script writes it: its numbers are relative.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    pub flags: Flags,
    pub seq: u32,
    pub len: u32,
    /// 0 where none is written
    pub ack: u32,
    /// `None`: not compared; 0 when sent
    pub window: Option<u16>,
    /// `None`: `<...>`, not compared
    pub options: Option<TcpOptions>,
    /// Written ports, of the sender and of the receiver
    pub ports: Option<(u16, u16)>,
}

/// A system call and its expected result.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: String,
    pub arguments: Vec<Expr>,
    /// When a blocking call returns, counted like the time before it
    pub until: Option<Micros>,
    pub result: Expr,
    pub errno: Option<String>,
}

/// An argument or a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `...`
    Ellipsis,
    Number(i64),
    Word(String),
    Text(String),
    /// `a|b`
    Or(Box<Expr>, Box<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{a, name=b}`
    Record(Vec<Expr>),
    /// `name=value`
    Field(String, Box<Expr>),
    /// `name(a, b)`
    Function(String, Vec<Expr>),
}

impl Expr {
    /// The value of a record's field.
    pub fn field(&self, name: &str) -> Option<&Expr> {
        let Expr::Record(fields) = self else { return None };
        fields.iter().find_map(|f| match f {
            Expr::Field(n, value) if n == name => Some(&**value),
            _ => None,
        })
    }

    /// What stands inside brackets, if it is one thing.
    pub fn single(&self) -> &Expr {
        match self {
            Expr::List(items) if items.len() == 1 => &items[0],
            other => other,
        }
    }
}
