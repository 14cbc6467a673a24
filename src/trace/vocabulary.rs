//! The names of events: all that the machines, mechanisms and sessions of this crate may say, so that a misspelt name in
//! a question is a mistake and not an answer of none.
//!
//! What a scenario notes on its own (`note!`) is known when it happened, or when the scenario has declared it
//! ([`World::notes`](crate::sim::World::notes)).

use super::{Layer, Trace};
use crate::parameter::suggestion;

/// The names of events, layer by layer. The fields are documented where they are said: [`crate::sim`],
/// [`crate::mechanism`], [`crate::session`].
pub const EVENTS: &[(Layer, &[&str])] = &[
    (
        Layer::Fault,
        &[
            "booted",
            "crash begins",
            "crash ends",
            "deploy begins",
            "duplication begins",
            "duplication ends",
            "goes offline",
            "hold begins",
            "hold ends",
            "latency as before",
            "latency changes",
            "line rate as before",
            "line rate changes",
            "loss begins",
            "loss ends",
            "loss of the next begins",
            "loss of the next ends",
            "name lookups as before",
            "name lookups change",
            "new processes start",
            "offline begins",
            "offline ends",
            "online again",
            "partition begins",
            "partition ends",
            "power loss begins",
            "power loss ends",
            "power lost",
            "processes crash",
            "processes killed",
            "processes start",
            "reject begins",
            "reject ends",
            "reordering begins",
            "reordering ends",
            "resumed",
            "router forgets",
            "router rebinds",
            "slowness begins",
            "slowness ends",
            "stall begins",
            "stall ends",
            "suspended",
            "suspension begins",
            "suspension ends",
            "switch begins",
            "switch ends",
            "switches back",
            "switches interface",
        ],
    ),
    (Layer::Link, &["network changes are not watched any more", "network changes cannot be watched"]),
    (
        Layer::Tcp,
        &[
            "ACK dropped",
            "FIN received",
            "FIN sent",
            "SYN dropped",
            "accept failed",
            "challenge ACK sent",
            "closed",
            "connecting",
            "entered TIME-WAIT",
            "established",
            "keepalive answered",
            "keepalive sent",
            "left TIME-WAIT",
            "loss detected",
            "loss undone",
            "reset received",
            "reset sent",
            "retransmitted",
            "socket destroyed",
            "tail-loss probe sent",
            "timed out",
            "unreachable received",
            "zero-window probe sent",
        ],
    ),
    (Layer::Udp, &["datagram dropped"]),
    (Layer::Http, &["request failed", "upgrade accepted", "upgrade refused", "upgrade requested"]),
    (
        Layer::Ws,
        &[
            "close failed",
            "close received",
            "close sent",
            "close timed out",
            "connected",
            "connection lost",
            "open failed",
            "ping received",
            "ping sent",
            "pong received",
            "protocol violated",
        ],
    ),
    (
        Layer::App,
        &[
            "conversation ended",
            "gap noticed",
            "message received",
            "message sent",
            "name looked up",
            "name lookup failed",
            "peer declared dead",
            "process failed",
            "process panicked",
            "session ended",
            "shutting down",
            "unreadable message",
            "update published",
            "update received",
            "update sent",
            "updates skipped",
        ],
    ),
];

/// Whether an event of this name may happen in any run.
pub fn is_known(name: &str) -> bool {
    EVENTS.iter().any(|(_, names)| names.contains(&name))
}

impl Trace {
    /// Makes sure that an event may have this name.
    ///
    /// # Panics
    /// If it is not in the vocabulary, did not happen in this run, and was not declared.
    pub(super) fn knows_event(&self, name: &str) {
        let known = is_known(name)
            || self.notes.contains(&name)
            || self.counters.names().any(|happened| happened == name)
            || self.events.iter().any(|event| event.name == name);
        if known {
            return;
        }
        let mut valid: Vec<String> =
            EVENTS.iter().flat_map(|(_, names)| *names).chain(&self.notes).map(|n| (*n).to_owned()).collect();
        valid.extend(self.counters.names().chain(self.events.iter().map(|e| e.name)).map(str::to_owned));
        valid.sort_unstable();
        valid.dedup();
        panic!(
            "no event is called `{name}`{}; if it is a note of the scenario's own that may not happen, declare it: \
             `world.notes([\"{name}\"])`",
            suggestion(name, &valid)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::a_day_in_the_life;

    /// The events in the tables of a room's documentation: `| `halfopen::ws` | `ping sent` | ...`.
    fn documented(source: &str) -> Vec<(Layer, String)> {
        let mut layer = None;
        let mut events = Vec::new();
        for line in source.lines().filter_map(|line| line.strip_prefix("//! |")) {
            let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let target = cells[0].strip_prefix("halfopen::");
            layer = target.and_then(|name| Layer::ALL.into_iter().find(|l| l.name() == name)).or(layer);
            if let (Some(layer), Some(event)) = (layer, cells.get(1).filter(|e| !e.is_empty())) {
                events.push((layer, (*event).to_owned()));
            }
        }
        events
    }

    #[test]
    fn every_event_that_a_room_documents_is_in_the_vocabulary() {
        let rooms = [include_str!("../mechanism/mod.rs"), include_str!("../session/mod.rs")];
        let documented: Vec<_> = rooms.into_iter().flat_map(documented).collect();
        assert!(documented.len() > 25, "{documented:?}");
        for (layer, event) in documented {
            let listed = EVENTS.iter().any(|(l, names)| *l == layer && names.contains(&event.as_str()));
            assert!(listed, "`{event}` of {layer:?} is documented and not in the vocabulary");
        }
    }

    #[test]
    fn the_vocabulary_is_sorted_and_says_nothing_twice() {
        for (layer, names) in EVENTS {
            assert!(names.is_sorted_by(|a, b| a < b), "{layer:?}");
        }
    }

    #[test]
    #[should_panic(expected = "no event is called `establised`; did you mean `established`?")]
    fn a_misspelt_event_is_a_mistake_not_an_answer_of_none() {
        let _ = a_day_in_the_life().first("establised").happened();
    }

    #[test]
    fn an_event_that_could_have_happened_or_was_declared_is_an_answer_of_none() {
        let mut trace = a_day_in_the_life();
        assert!(!trace.first("SYN dropped").happened());
        assert!(trace.first("healed").happened(), "in no vocabulary, but it happened");
        trace.notes.push("gave up waiting");
        assert_eq!(trace.all("gave up waiting").count(), 0);
    }
}
