//! What each side takes its connection for, beside its lane: derived from the TCP events of the trace.
//!
//! A host that believes in a connection of which its peer has nothing (any more, or yet) is drawn differently from one
//! that is right.

use std::collections::BTreeMap;
use std::time::Duration;

use super::draw::Canvas;
use super::layout::HEAD;
use super::rows::Content;
use super::svg::Svg;
use super::words::stretch;
use crate::trace::{Event, HostId, Layer, Trace, Value};

/// What a host takes a connection for; what matters more comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Belief {
    /// Closed, and remembered: TIME-WAIT.
    Waits,
    /// One side has closed.
    Closes,
    /// A SYN was sent.
    Connects,
    /// Connected, and so is the other side.
    Connected,
    /// Connected, as it believes; the other side has no such connection.
    Believes,
}

impl Belief {
    pub const ALL: [Belief; 5] =
        [Belief::Connects, Belief::Connected, Belief::Believes, Belief::Closes, Belief::Waits];

    pub fn told(self) -> &'static str {
        match self {
            Belief::Connects => "connecting",
            Belief::Connected => "connected",
            Belief::Believes => "connected, the other is not",
            Belief::Closes => "closing",
            Belief::Waits => "TIME-WAIT",
        }
    }
}

/// A stretch of time in which a host believes something of its connection to another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub lane: usize,
    /// The lane of the other.
    pub other: usize,
    pub from: Duration,
    pub until: Duration,
    pub belief: Belief,
}

/// The connections of one host with one peer, the oldest first.
type Connections = Vec<Belief>;

/// What a host believes from when on; `None`: in nothing.
type Course = Vec<(Duration, Option<Belief>)>;

/// What the hosts of the lanes believe of each other, inside the window and in order of time.
pub(super) fn states(trace: &Trace, content: &Content) -> Vec<State> {
    let lane = |host: HostId| content.lanes.iter().position(|l| *l == host);
    // By host and whom it names, port included: a server's connections with one client are told apart.
    let mut known: BTreeMap<(usize, usize, &str), Connections> = BTreeMap::new();
    let mut courses: BTreeMap<(usize, usize), Course> = BTreeMap::new();
    for event in &trace.events {
        if event.at > content.until {
            break;
        }
        let Some(host) = event.host.and_then(lane) else { continue };
        let mut changed = Vec::new();
        if event.layer == Layer::Fault && matches!(event.name, "power lost" | "booted") {
            for ((of, other, _), connections) in &mut known {
                if *of == host {
                    connections.clear();
                    changed.push(*other);
                }
            }
        } else if let Some((other, peer)) = peer(trace, event)
            && event.layer == Layer::Tcp
            && let Some(other) = lane(other).filter(|other| *other != host)
        {
            become_of(known.entry((host, other, peer)).or_default(), event);
            changed.push(other);
        }
        for other in changed {
            let all = known.range((host, other, "")..).take_while(|((h, o, _), _)| (*h, *o) == (host, other));
            let belief = all.flat_map(|(_, connections)| connections).max().copied();
            let course = courses.entry((host, other)).or_default();
            match course.last_mut() {
                Some((at, last)) if *at == event.at => *last = belief,
                _ => course.push((event.at, belief)),
            }
        }
    }
    let mut out = Vec::new();
    for (&(lane, other), course) in &courses {
        let theirs = courses.get(&(other, lane)).map_or(&[][..], Vec::as_slice);
        out.extend(stretches(course, theirs, content).into_iter().map(|(from, until, belief)| State {
            lane,
            other,
            from,
            until,
            belief,
        }));
    }
    out.sort_by_key(|s| (s.from, s.lane, s.other));
    out
}

/// The peer that an event names, and how.
fn peer<'a>(trace: &Trace, event: &'a Event) -> Option<(HostId, &'a str)> {
    let Some(Value::Text(text)) = event.field("peer") else { return None };
    let (name, _) = text.rsplit_once(':')?;
    Some((trace.hosts.find(name)?, text))
}

/// What an event makes of the connections with a peer. Where there are several, the oldest one to which it can happen is
/// meant: a host that connects anew may still be closing the connection before.
fn become_of(connections: &mut Connections, event: &Event) {
    use Belief::{Closes, Connected, Connects, Waits};
    let oldest = |c: &Connections, of: &[Belief]| {
        of.iter().find_map(|wanted| c.iter().position(|belief| belief == wanted))
    };
    match event.name {
        "connecting" => connections.push(Connects),
        "established" => match connections.iter().rposition(|b| *b == Connects) {
            Some(i) => connections[i] = Connected,
            None => connections.push(Connected),
        },
        "FIN sent" | "FIN received" => {
            if let Some(i) = oldest(connections, &[Connected, Connects]) {
                connections[i] = Closes;
            }
        }
        "entered TIME-WAIT" => {
            if let Some(i) = oldest(connections, &[Closes, Connected]) {
                connections[i] = Waits;
            }
        }
        "left TIME-WAIT" => {
            oldest(connections, &[Waits]).map(|i| connections.remove(i));
        }
        // A RST that concerns a connection ends it, unless it answers what is left of an older one.
        "reset sent" if !matches!(event.field("reason"), Some(Value::Text(why)) if ends_nothing(why)) => {
            oldest(connections, &[Closes, Connected, Connects]).map(|i| connections.remove(i));
        }
        "closed" | "reset received" | "timed out" | "socket destroyed" => {
            oldest(connections, &[Closes, Connected, Connects]).map(|i| connections.remove(i));
        }
        _ => {}
    }
}

/// Whether a RST with this reason says nothing of a connection that the sender has.
fn ends_nothing(reason: &str) -> bool {
    ["no such connection", "an acknowledgement of something never sent"].contains(&reason)
}

/// One side's course cut into stretches, at its own changes and at those of the other side that matter to it.
fn stretches(
    mine: &[(Duration, Option<Belief>)],
    theirs: &[(Duration, Option<Belief>)],
    content: &Content,
) -> Vec<(Duration, Duration, Belief)> {
    let at = |course: &[(Duration, Option<Belief>)], time: Duration| {
        let i = course.partition_point(|(t, _)| *t <= time);
        i.checked_sub(1).and_then(|i| course[i].1)
    };
    let mut times: Vec<Duration> = mine.iter().chain(theirs).map(|(t, _)| *t).collect();
    times.push(content.from);
    times.retain(|t| (content.from..=content.until).contains(t));
    times.sort();
    times.dedup();
    let mut out: Vec<(Duration, Duration, Belief)> = Vec::new();
    for (i, &time) in times.iter().enumerate() {
        let until = times.get(i + 1).copied().unwrap_or(content.until);
        let belief = match (at(mine, time), at(theirs, time)) {
            // While the other is closing, it still knows of the connection.
            (Some(Belief::Connected), None | Some(Belief::Connects | Belief::Waits)) => {
                Some(Belief::Believes)
            }
            (belief, _) => belief,
        };
        match (belief, out.last_mut()) {
            (Some(belief), Some(last)) if last.2 == belief && last.1 == time => last.1 = until,
            (Some(belief), _) => out.push((time, until, belief)),
            (None, _) => {}
        }
    }
    out.retain(|(from, until, _)| until > from);
    out
}

impl Canvas<'_> {
    /// The states as bars beside the lanes, on the side of the other.
    pub fn bars(&self, svg: &mut Svg) {
        for state in &self.states {
            let (x, other) = (self.layout.lanes[state.lane], self.layout.lanes[state.other]);
            let side = if other > x { 1.0 } else { -1.0 };
            let torn_above = state.from <= self.content.from && self.content.begins_later();
            let top = if torn_above { HEAD + 6.0 } else { self.y(state.from) };
            let ends = state.until >= self.content.until;
            let bottom = if ends { self.layout.scale.bottom + 8.0 } else { self.y(state.until) };
            let (near, far) = (x + side * 2.0, x + side * 6.0);
            let name = |lane: usize| self.trace.host_name(self.content.lanes[lane]);
            let lasting = stretch(state.until - state.from);
            let open = if torn_above || ends { "at least " } else { "" };
            svg.open(
                "ho-state",
                &format!(
                    "{} with {}: {} ({open}{lasting})",
                    name(state.lane),
                    name(state.other),
                    state.belief.told()
                ),
            );
            self.bar(svg, state.belief, (near.min(far), top, near.max(far), bottom));
            svg.close();
        }
    }

    /// A piece of a bar.
    pub fn bar(&self, svg: &mut Svg, belief: Belief, place: (f64, f64, f64, f64)) {
        let pattern = |name: &str| format!(" style=\"fill:url(#{}-{name})\"", self.id);
        match belief {
            Belief::Connects => svg.rect("ho-bar ho-connects", place, ""),
            Belief::Connected => svg.rect("ho-bar ho-connected", place, ""),
            Belief::Believes => svg.rect("ho-bar ho-wrong", place, &pattern("believes")),
            Belief::Closes => svg.rect("ho-bar ho-closes", place, ""),
            Belief::Waits => svg.rect("ho-bar ho-waiting", place, &pattern("waits")),
        }
    }

    /// The beliefs in sight.
    pub fn beliefs(&self) -> Vec<Belief> {
        Belief::ALL.into_iter().filter(|b| self.states.iter().any(|s| s.belief == *b)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Options;
    use crate::trace::testing::TraceBuilder;

    fn believed(events: &[(u64, &str, &'static str)]) -> Vec<(usize, u64, u64, Belief)> {
        let mut b = TraceBuilder::new(&["client", "server"]);
        for (at, host, name) in events {
            let peer = if *host == "client" { "server:80" } else { "client:5000" };
            let layer = if *name == "power lost" { Layer::Fault } else { Layer::Tcp };
            b.event(*at, host, layer, name, &[("peer", peer.into())]);
        }
        let trace = b.build();
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap();
        let content = Content::of(&trace, &Options::default());
        states(&trace, &content).iter().map(|s| (s.lane, ms(s.from), ms(s.until), s.belief)).collect()
    }

    #[test]
    fn a_side_whose_peer_has_forgotten_believes_and_is_wrong() {
        let events = [
            (0, "client", "connecting"),
            (50, "client", "established"),
            (75, "server", "established"),
            (1000, "client", "power lost"),
            (2000, "server", "timed out"),
        ];
        let told = [
            (0, 0, 50, Belief::Connects),
            (0, 50, 75, Belief::Believes),
            (0, 75, 1000, Belief::Connected),
            (1, 75, 1000, Belief::Connected),
            (1, 1000, 2000, Belief::Believes),
        ];
        assert_eq!(believed(&events), told);
    }

    #[test]
    fn closing_is_no_error_and_time_wait_is_told() {
        let events = [
            (0, "client", "established"),
            (0, "server", "established"),
            (100, "client", "FIN sent"),
            (125, "server", "FIN received"),
            (150, "client", "entered TIME-WAIT"),
            (175, "server", "closed"),
            (200, "client", "left TIME-WAIT"),
        ];
        let told = [
            (0, 0, 100, Belief::Connected),
            (1, 0, 125, Belief::Connected),
            (0, 100, 150, Belief::Closes),
            (1, 125, 175, Belief::Closes),
            (0, 150, 200, Belief::Waits),
        ];
        assert_eq!(believed(&events), told);
    }

    #[test]
    fn a_connection_opened_anew_is_not_ended_by_the_end_of_the_one_before() {
        let mut events = vec![(0, "client", "established"), (0, "server", "established")];
        events.extend([
            (100, "client", "FIN sent"),
            (110, "client", "connecting"),
            (120, "client", "established"),
        ]);
        events.extend([(130, "client", "closed"), (300, "server", "closed")]);
        let last = believed(&events).into_iter().rfind(|s| s.0 == 0).unwrap();
        assert_eq!((last.2, last.3), (300, Belief::Connected));
    }
}
