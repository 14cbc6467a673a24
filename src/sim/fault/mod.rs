//! Faults are data: a script of times and faults, which can be printed, parsed, generated and shrunk.
//!
//! ```text
//! at 30s partition phone server for 20s        both ways, lost; `phone->server` for one way
//! at 30s hold phone server for 5s              nothing lost, nothing delivered until the end
//! at 10s loss phone server 5% for 1m           also: duplicate, reorder
//! at 10s latency phone server 300ms for 1m     optionally a jitter after the latency
//! at 10s rate phone server 64kbit/s 16KiB      a line rate and its queue
//! at 60s stall server for 1h                   its processes get no CPU; its kernel lives on
//! at 60s crash server for 10s                  its processes die; with `for` they are started again then
//! at 60s power-loss server for 30s             silence; with `for` it boots again then
//! at 60s switch phone lte                      another interface; `destroy` kills its sockets
//! at 60s offline phone for 5s                  no interface
//! at 60s forget phone                          the router before it loses its translations
//! ```
//!
//! Entries are separated by `;` or line ends.

pub(in crate::sim) mod in_force;
pub(in crate::sim) mod plan;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::parameter::{BitRate, ByteSize, Probability, Scalar};

/// The two ends of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// One machine.
    pub a: String,
    /// The other.
    pub b: String,
    /// Only what goes from `a` to `b`.
    pub one_way: bool,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Packets that enter the link are lost.
    Partition(Between),
    /// Packets that enter the link stay there until the end of the fault.
    Hold(Between),
    /// This share of the packets is lost.
    Loss(Between, Probability),
    /// This share of the packets arrives twice.
    Duplicate(Between, Probability),
    /// This share of the packets is overtaken.
    Reorder(Between, Probability),
    /// Another latency, and up to so much jitter.
    Latency(Between, Duration, Duration),
    /// A line rate, and a queue before it.
    Rate(Between, BitRate, ByteSize),
    /// The machine's processes get no CPU.
    Stall(String),
    /// The machine's processes die; its kernel closes what they held.
    Crash(String),
    /// The machine is off.
    PowerLoss(String),
    /// The machine goes over to another interface; `destroy`: its system destroys the sockets of the old one.
    Switch {
        /// Which machine.
        machine: String,
        /// The name of the interface.
        to: String,
        /// Whether the system destroys the sockets of the old one.
        destroy: bool,
    },
    /// The machine has no interface.
    Offline(String),
    /// The router before the machine forgets its translations.
    Forget(String),
}

impl Fault {
    /// The word for it.
    pub const fn verb(&self) -> &'static str {
        match self {
            Fault::Partition(_) => "partition",
            Fault::Hold(_) => "hold",
            Fault::Loss(..) => "loss",
            Fault::Duplicate(..) => "duplicate",
            Fault::Reorder(..) => "reorder",
            Fault::Latency(..) => "latency",
            Fault::Rate(..) => "rate",
            Fault::Stall(_) => "stall",
            Fault::Crash(_) => "crash",
            Fault::PowerLoss(_) => "power-loss",
            Fault::Switch { .. } => "switch",
            Fault::Offline(_) => "offline",
            Fault::Forget(_) => "forget",
        }
    }

    /// The machines it names.
    pub fn machines(&self) -> Vec<&str> {
        match self {
            Fault::Partition(l)
            | Fault::Hold(l)
            | Fault::Loss(l, _)
            | Fault::Duplicate(l, _)
            | Fault::Reorder(l, _)
            | Fault::Latency(l, ..)
            | Fault::Rate(l, ..) => vec![&l.a, &l.b],
            Fault::Stall(m)
            | Fault::Crash(m)
            | Fault::PowerLoss(m)
            | Fault::Offline(m)
            | Fault::Forget(m) => {
                vec![m]
            }
            Fault::Switch { machine, .. } => vec![machine],
        }
    }
}

/// A fault and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Virtual time of its beginning.
    pub at: Duration,
    /// What goes wrong.
    pub fault: Fault,
    /// How long; `None`: for good.
    pub lasting: Option<Duration>,
}

impl Entry {
    /// When it is over.
    pub fn until(&self) -> Option<Duration> {
        self.lasting.map(|d| self.at + d)
    }
}

/// A script of faults.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script(pub Vec<Entry>);

/// A fault script could not be read, or names what is not there. Its text is one line that says what is valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault `{entry}`: {problem}")]
pub struct ScriptError {
    /// The entry as given.
    pub entry: String,
    /// What is wrong and what is valid.
    pub problem: String,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, entry) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.one_way { "->" } else { " " };
        write!(f, "{}{arrow}{}", self.a, self.b)
    }
}

/// As typed, without blanks, so that it is one word.
fn word(value: &impl Scalar) -> String {
    value.show().replace(' ', "")
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} {}", word(&self.at), self.fault.verb())?;
        match &self.fault {
            Fault::Partition(l) | Fault::Hold(l) => write!(f, " {l}")?,
            Fault::Loss(l, p) | Fault::Duplicate(l, p) | Fault::Reorder(l, p) => {
                write!(f, " {l} {}", word(p))?
            }
            Fault::Latency(l, one_way, jitter) => write!(f, " {l} {} {}", word(one_way), word(jitter))?,
            Fault::Rate(l, rate, queue) => write!(f, " {l} {} {}", word(rate), word(queue))?,
            Fault::Stall(m)
            | Fault::Crash(m)
            | Fault::PowerLoss(m)
            | Fault::Offline(m)
            | Fault::Forget(m) => {
                write!(f, " {m}")?;
            }
            Fault::Switch { machine, to, destroy } => {
                write!(f, " {machine} {to}{}", if *destroy { " destroy" } else { "" })?;
            }
        }
        match self.lasting {
            Some(d) => write!(f, " for {}", word(&d)),
            None => Ok(()),
        }
    }
}

impl FromStr for Script {
    type Err = ScriptError;
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        text.split([';', '\n'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| parse(entry).map_err(|problem| ScriptError { entry: entry.to_owned(), problem }))
            .collect::<Result<_, _>>()
            .map(Script)
    }
}

const VERBS: &str = "partition, hold, loss, duplicate, reorder, latency, rate, stall, crash, power-loss, switch, \
                     offline, forget";

fn parse(entry: &str) -> Result<Entry, String> {
    let mut words: Vec<&str> = entry.split_whitespace().collect();
    let lasting = match words.iter().position(|w| *w == "for") {
        None => None,
        Some(i) => {
            let rest = words.split_off(i);
            Some(value::<Duration>(rest.get(1).copied(), "how long after `for`")?)
        }
    };
    let mut words = words.into_iter();
    if words.next() != Some("at") {
        return Err("starts with `at TIME`, as in `at 30s partition phone server for 20s`".into());
    }
    let at = value::<Duration>(words.next(), "a time after `at`")?;
    let verb = words.next().unwrap_or_default();
    let words = &mut words;
    let fault = match verb {
        "partition" => Fault::Partition(between(words)?),
        "hold" => Fault::Hold(between(words)?),
        "loss" => Fault::Loss(between(words)?, value(words.next(), "a probability")?),
        "duplicate" => Fault::Duplicate(between(words)?, value(words.next(), "a probability")?),
        "reorder" => Fault::Reorder(between(words)?, value(words.next(), "a probability")?),
        "latency" => {
            let (link, one_way) = (between(words)?, value(words.next(), "a latency")?);
            let jitter = words.next().map_or(Ok(Duration::ZERO), |w| value(Some(w), "a jitter"))?;
            Fault::Latency(link, one_way, jitter)
        }
        "rate" => {
            let (link, rate) = (between(words)?, value(words.next(), "a line rate")?);
            let queue = words.next().map_or(Ok(ByteSize(256 << 10)), |w| value(Some(w), "a queue size"))?;
            Fault::Rate(link, rate, queue)
        }
        "stall" => Fault::Stall(machine(words)?),
        "crash" => Fault::Crash(machine(words)?),
        "power-loss" => Fault::PowerLoss(machine(words)?),
        "offline" => Fault::Offline(machine(words)?),
        "forget" => Fault::Forget(machine(words)?),
        "switch" => {
            let machine = machine(words)?;
            let to = words.next().ok_or("needs the interface to switch to")?.to_owned();
            let destroy = match words.next() {
                None => false,
                Some("destroy") => true,
                Some(other) => return Err(format!("`{other}` is not `destroy`")),
            };
            Fault::Switch { machine, to, destroy }
        }
        other => return Err(format!("no fault `{other}`; valid: {VERBS}")),
    };
    match words.next() {
        Some(extra) => Err(format!("`{extra}` is too much")),
        None => Ok(Entry { at, fault, lasting }),
    }
}

fn value<T: Scalar>(word: Option<&str>, what: &str) -> Result<T, String> {
    let word = word.ok_or_else(|| format!("needs {what}, like {}", T::EXAMPLE))?;
    T::parse(word).ok_or_else(|| format!("`{word}` is not {what}; valid: a {} like {}", T::UNIT, T::EXAMPLE))
}

fn machine<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<String, String> {
    words.next().map(str::to_owned).ok_or_else(|| "needs a machine".into())
}

fn between<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Between, String> {
    let first = machine(words)?;
    if let Some((a, b)) = first.split_once("->")
        && !a.is_empty()
        && !b.is_empty()
    {
        return Ok(Between { a: a.into(), b: b.into(), one_way: true });
    }
    let b = words.next().ok_or("needs two machines: `phone server`, or `phone->server` for one way")?;
    Ok(Between { a: first, b: b.to_owned(), one_way: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn duration() -> impl Strategy<Value = Duration> {
        (0u64..10_000_000).prop_map(Duration::from_millis)
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-z][a-z0-9]{0,5}".prop_filter("a keyword", |n| n != "for" && n != "destroy")
    }

    fn link() -> impl Strategy<Value = Between> {
        (name(), name(), any::<bool>()).prop_map(|(a, b, one_way)| Between { a, b, one_way })
    }

    fn chance() -> impl Strategy<Value = Probability> {
        (0u32..=1000).prop_map(|p| Probability(f64::from(p) / 1000.0))
    }

    fn fault() -> impl Strategy<Value = Fault> {
        prop_oneof![
            link().prop_map(Fault::Partition),
            link().prop_map(Fault::Hold),
            (link(), chance()).prop_map(|(l, p)| Fault::Loss(l, p)),
            (link(), chance()).prop_map(|(l, p)| Fault::Duplicate(l, p)),
            (link(), chance()).prop_map(|(l, p)| Fault::Reorder(l, p)),
            (link(), duration(), duration()).prop_map(|(l, a, b)| Fault::Latency(l, a, b)),
            (link(), 1u64..1 << 40, 1u64..1 << 40).prop_map(|(l, r, q)| Fault::Rate(
                l,
                BitRate(r),
                ByteSize(q)
            )),
            name().prop_map(Fault::Stall),
            name().prop_map(Fault::Crash),
            name().prop_map(Fault::PowerLoss),
            name().prop_map(Fault::Offline),
            name().prop_map(Fault::Forget),
            (name(), name(), any::<bool>()).prop_map(|(machine, to, destroy)| Fault::Switch {
                machine,
                to,
                destroy
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_script_reads_back_as_it_was_printed(
            entries in proptest::collection::vec(
                (duration(), fault(), proptest::option::of(duration()))
                    .prop_map(|(at, fault, lasting)| Entry { at, fault, lasting }), 0..8)
        ) {
            let script = Script(entries);
            prop_assert_eq!(script.to_string().parse::<Script>(), Ok(script));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<Script>();
        }
    }

    #[test]
    fn a_wrong_entry_says_what_would_be_right() {
        let problem = |s: &str| s.parse::<Script>().expect_err("wrong").to_string();
        assert!(problem("at 3s explode server").contains("power-loss"));
        assert!(problem("at soon stall server").contains("a time after `at`"));
        assert!(problem("at 3s partition phone").contains("two machines"));
        assert!(problem("partition phone server").contains("at 30s partition"));
        assert!(problem("at 3s stall server 5s").contains("too much"));
    }
}
