//! A router at the edge of a network, which translates addresses (RFC 3022) and forgets.
//!
//! What it does for TCP and for UDP is one behaviour with different numbers:
//!
//! - Mapping is endpoint-independent (RFC 4787 REQ-1, RFC 5382 REQ-1): one end inside has one port outside, whomever it
//!   talks to.
//! - Filtering: into a mapping comes only what answers. With TCP that is the very end that was written to (address- and
//!   port-dependent, RFC 5382 REQ-3); with UDP every port of an address that was written to (address-dependent, RFC
//!   4787 REQ-8 for those who want to keep others out).
//! - Only a SYN opens a TCP translation; any datagram opens one for UDP.
//! - A translation that is idle too long is forgotten. With TCP both directions keep it alive; with UDP only what goes
//!   out does (RFC 4787 REQ-6 demands that and leaves the other to the router).
//!
//! - What another router says of a packet that went out is for whoever sent that (RFC 5508 REQ-4), and keeps no translation
//!   alive (REQ-6).
//!
//! Not modelled: TCP's shorter timeouts before and after a connection (RFC 5382 REQ-5), port preservation and parity,
//! hairpinning, what machines behind it say by ICMP.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::packet::{Quoted, Segment, Transport};
use crate::parameter::{Choice, mins};

/// What a router says to a packet of a TCP connection that it does not know (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing: the packet vanishes.
    Silent,
    /// A RST to its sender.
    Reset,
}

impl Choice for Forgotten {
    const WORDS: &'static [(&'static str, Self)] =
        &[("silent", Forgotten::Silent), ("reset", Forgotten::Reset)];
}
crate::choice_parameter!(Forgotten);

/// How a router behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterOptions {
    /// After how much silence a TCP translation is forgotten (RFC 5382 REQ-5 asks for 2 h 4 min at least); `None`: never.
    pub idle_timeout: Option<Duration>,
    /// After how long without anything sent a UDP translation is forgotten (RFC 4787 REQ-5: not below 2 min, and 5 min
    /// recommended); `None`: never.
    pub udp_idle_timeout: Option<Duration>,
    /// What happens to packets of a TCP connection it does not know. UDP has no way to say it.
    pub forgotten: Forgotten,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(2 * 3600 + 4 * 60)),
            udp_idle_timeout: Some(mins(5)),
            forgotten: Forgotten::Silent,
        }
    }
}

/// The first port a router uses outside; the last is 65,535.
const FIRST_PORT: u16 = 20_000;

/// A router with the tables of its translations.
#[derive(Debug)]
pub(in crate::sim) struct Router {
    outside: Ipv4Addr,
    forgotten: Forgotten,
    tcp: Table,
    udp: Table,
}

/// What a router does with a packet.
#[derive(Debug, PartialEq)]
pub(in crate::sim) enum Routed {
    /// It goes on, with this for its source (outbound) or destination (inbound).
    On(SocketAddrV4),
    /// It goes no further, for that reason; perhaps its sender gets an answer.
    Dropped(&'static str, Option<Box<Segment>>),
}

impl Router {
    pub fn new(outside: Ipv4Addr, options: RouterOptions) -> Self {
        Self {
            outside,
            forgotten: options.forgotten,
            tcp: Table::new(options.idle_timeout),
            udp: Table::new(options.udp_idle_timeout),
        }
    }

    /// Everything it knew is forgotten, as after a restart of the router.
    pub fn forget(&mut self) {
        self.tcp.forget();
        self.udp.forget();
    }

    /// Every translation gets another port outside; what comes to the old one is unknown. A translation for which no port
    /// is left is forgotten.
    pub fn rebind(&mut self) {
        self.tcp.rebind();
        self.udp.rebind();
    }

    /// A packet from inside.
    pub fn outbound(&mut self, now: Duration, packet: &Transport) -> Routed {
        let (inside, remote) = (packet.src(), packet.dst());
        let port = match packet {
            Transport::Tcp(segment) => {
                // Only a SYN opens a translation.
                let opens = segment.flags.syn && !segment.flags.ack;
                if !opens && !self.tcp.knows(now, inside, remote) {
                    return self.unknown(segment);
                }
                self.tcp.leave(now, inside, remote)
            }
            Transport::Udp(_) => self.udp.leave(now, inside, remote),
            // No machine says such a thing here.
            Transport::Icmp(_) => return Routed::Dropped("no translation", None),
        };
        match port {
            Some(port) => Routed::On(SocketAddrV4::new(self.outside, port)),
            None => Routed::Dropped("router full", None),
        }
    }

    /// A packet from outside.
    pub fn inbound(&mut self, now: Duration, packet: &Transport) -> Routed {
        let (port, remote) = (packet.dst().port(), packet.src());
        match packet {
            Transport::Tcp(segment) => match self.tcp.enter(now, port, remote) {
                Some(inside) => Routed::On(inside),
                None => self.unknown(segment),
            },
            Transport::Udp(_) => match self.udp.answer(now, port, *remote.ip()) {
                Ok(inside) => Routed::On(inside),
                Err(reason) => Routed::Dropped(reason, None),
            },
            Transport::Icmp(said) => {
                let Quoted { src, dst, seq, .. } = said.quoted;
                let table = if seq.is_some() { &mut self.tcp } else { &mut self.udp };
                match table.sender(now, src.port(), dst) {
                    Some(inside) => Routed::On(inside),
                    // RFC 5508 REQ-4: without a word.
                    None => Routed::Dropped("no translation", None),
                }
            }
        }
    }

    fn unknown(&self, segment: &Segment) -> Routed {
        let answer = self.forgotten == Forgotten::Reset && !segment.flags.rst;
        Routed::Dropped("router forgot", answer.then(|| Box::new(segment.reset())))
    }
}

/// The translations of one protocol.
#[derive(Debug)]
struct Table {
    idle_timeout: Option<Duration>,
    next_port: u16,
    by_inside: BTreeMap<SocketAddrV4, u16>,
    by_port: BTreeMap<u16, Mapping>,
}

/// An end inside that has a port outside.
#[derive(Debug)]
struct Mapping {
    inside: SocketAddrV4,
    /// Whom it talks to, and when that was used last.
    remotes: BTreeMap<SocketAddrV4, Duration>,
}

impl Mapping {
    fn forget_idle(&mut self, now: Duration, limit: Option<Duration>) {
        if let Some(limit) = limit {
            self.remotes.retain(|_, used| now.saturating_sub(*used) < limit);
        }
    }
}

impl Table {
    fn new(idle_timeout: Option<Duration>) -> Self {
        Self { idle_timeout, next_port: FIRST_PORT, by_inside: BTreeMap::new(), by_port: BTreeMap::new() }
    }

    fn forget(&mut self) {
        self.by_inside.clear();
        self.by_port.clear();
    }

    fn rebind(&mut self) {
        let old: Vec<(u16, SocketAddrV4)> = self.by_port.iter().map(|(port, m)| (*port, m.inside)).collect();
        // The old ones are free only when all have a new one, so that none gets its own or another's.
        let new: Vec<Option<u16>> = old
            .iter()
            .map(|(_, inside)| {
                let port = self.free_port()?;
                self.by_port.insert(port, Mapping { inside: *inside, remotes: BTreeMap::new() });
                Some(port)
            })
            .collect();
        for ((old, inside), new) in old.into_iter().zip(new) {
            let mapping = self.by_port.remove(&old);
            match (mapping, new) {
                (Some(mapping), Some(new)) => {
                    self.by_inside.insert(inside, new);
                    self.by_port.insert(new, mapping);
                }
                _ => {
                    self.by_inside.remove(&inside);
                }
            }
        }
    }

    /// The mapping of a port, unless it is idle too long: then it is forgotten.
    fn alive(&mut self, now: Duration, port: u16) -> Option<&mut Mapping> {
        let mapping = self.by_port.get_mut(&port)?;
        mapping.forget_idle(now, self.idle_timeout);
        if mapping.remotes.is_empty() {
            let inside = mapping.inside;
            self.by_port.remove(&port);
            self.by_inside.remove(&inside);
        }
        self.by_port.get_mut(&port)
    }

    /// Whether there is a translation between these two.
    fn knows(&mut self, now: Duration, inside: SocketAddrV4, remote: SocketAddrV4) -> bool {
        let port = self.by_inside.get(&inside).copied();
        port.and_then(|port| self.alive(now, port)).is_some_and(|m| m.remotes.contains_key(&remote))
    }

    /// Something goes out: the port it gets, an old one or a new one; `None` when there is none left.
    fn leave(&mut self, now: Duration, inside: SocketAddrV4, remote: SocketAddrV4) -> Option<u16> {
        let known = self.by_inside.get(&inside).copied();
        if let Some(port) = known
            && let Some(mapping) = self.alive(now, port)
        {
            mapping.remotes.insert(remote, now);
            return Some(port);
        }
        let port = self.free_port().or_else(|| {
            let ports: Vec<u16> = self.by_port.keys().copied().collect();
            for port in ports {
                self.alive(now, port);
            }
            self.free_port()
        })?;
        self.by_inside.insert(inside, port);
        self.by_port.insert(port, Mapping { inside, remotes: BTreeMap::from([(remote, now)]) });
        Some(port)
    }

    /// Something comes in that keeps its translation alive: whom it is for.
    fn enter(&mut self, now: Duration, port: u16, remote: SocketAddrV4) -> Option<SocketAddrV4> {
        let mapping = self.alive(now, port)?;
        *mapping.remotes.get_mut(&remote)? = now;
        Some(mapping.inside)
    }

    /// Who sent what left by that port for `remote`, if anybody did; asking keeps nothing alive.
    fn sender(&mut self, now: Duration, port: u16, remote: SocketAddrV4) -> Option<SocketAddrV4> {
        let mapping = self.alive(now, port)?;
        mapping.remotes.contains_key(&remote).then_some(mapping.inside)
    }

    /// Something comes in from an address, which keeps nothing alive: whom it is for, or why it is dropped.
    fn answer(&mut self, now: Duration, port: u16, from: Ipv4Addr) -> Result<SocketAddrV4, &'static str> {
        let mapping = self.alive(now, port).ok_or("no translation")?;
        let ports = SocketAddrV4::new(from, 0)..=SocketAddrV4::new(from, u16::MAX);
        if mapping.remotes.range(ports).next().is_none() {
            return Err("filtered by the router");
        }
        Ok(mapping.inside)
    }

    /// The next port that nobody has, in turn.
    fn free_port(&mut self) -> Option<u16> {
        let free = |port: &u16| !self.by_port.contains_key(port);
        let port = (self.next_port..=u16::MAX).chain(FIRST_PORT..self.next_port).find(free)?;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        Some(port)
    }
}

#[cfg(test)]
mod tests;
