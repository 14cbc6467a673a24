//! Faults as they would be typed; what is printed reads back as the same.

use std::fmt::{Display, Formatter, Result};

use super::{Between, Dns, Entry, Fault, GivenFaults, Script, SuspendedClock};
use crate::parameter::Scalar;

/// As typed, without blanks, so that it is one word.
fn word(value: &impl Scalar) -> String {
    value.show().replace(' ', "")
}

impl Display for GivenFaults {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let sign = match (self.adds, self.script.0.is_empty()) {
            (true, true) => "+",
            (true, false) => "+ ",
            (false, _) => "",
        };
        write!(f, "{sign}{}", self.script)
    }
}

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (i, entry) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{entry}")?;
        }
        Ok(())
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "at {} {}", word(&self.at), self.fault)?;
        match self.lasting {
            Some(d) => write!(f, " for {}", word(&d)),
            None => Ok(()),
        }
    }
}

impl Display for Between {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let arrow = if self.one_way { "->" } else { " " };
        write!(f, "{}{arrow}{}", self.a, self.b)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} ", self.verb())?;
        match self {
            Fault::Partition(l) | Fault::Reject(l) | Fault::Hold(l) => write!(f, "{l}"),
            Fault::Loss(l, p) | Fault::Duplicate(l, p) | Fault::Reorder(l, p) => {
                write!(f, "{l} {}", word(p))
            }
            Fault::Latency(l, one_way, jitter) => write!(f, "{l} {} {}", word(one_way), word(jitter)),
            Fault::Rate(l, rate, queue) => write!(f, "{l} {} {}", word(rate), word(queue)),
            Fault::LoseNext(l, count, kind) => write!(f, "next {count} {} {l}", word(kind)),
            Fault::Stall(m)
            | Fault::Suspend(m, SuspendedClock::Stops)
            | Fault::Crash(m)
            | Fault::PowerLoss(m)
            | Fault::Offline(m)
            | Fault::Forget(m)
            | Fault::Rebind(m) => write!(f, "{m}"),
            Fault::Slow(m, share) => write!(f, "{m} {}", word(share)),
            Fault::Suspend(m, SuspendedClock::Runs) => write!(f, "{m} clock-runs"),
            Fault::Deploy { machine, grace, pause } => write!(f, "{machine} {} {}", word(grace), word(pause)),
            Fault::Switch { machine, to, destroy } => {
                write!(f, "{machine} {to}{}", if *destroy { " destroy" } else { "" })
            }
            Fault::Dns(m, Dns::Takes(d)) => write!(f, "{m} {}", word(d)),
            Fault::Dns(m, Dns::Dead) => write!(f, "{m} dead"),
        }
    }
}
