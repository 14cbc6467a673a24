//! The paths between the machines: interfaces, routers, links, and the way of a packet through them.
//!
//! - [`router`]: at the edge of a network: translates addresses. `link`: what becomes of a packet between two of them.
//! - `rejecting`: a router that turns packets away and says so.

pub(in crate::sim) mod link;
mod rejecting;
pub mod router;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use rustc_hash::FxHashMap;

use self::link::{Direction, Quality, Verdict, Window};
use self::router::{Routed, Router, RouterOptions};
use crate::mix;
use crate::packet::{Marks, Transport};
use crate::sim::fault::SegmentKind;
use crate::sim::machine::kernel::Departure;
use crate::trace::recorder::{PacketId, Recorder};
use crate::trace::{Fate, HostId};

/// An interface of a machine: an index into the list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::sim) struct InterfaceId(pub usize);

#[derive(Debug)]
pub(in crate::sim) struct Interface {
    /// The group that its machine is in, and the machine's place there.
    pub group: usize,
    pub place: usize,
    pub host: HostId,
    /// The machine's address on it; the rest of the world sees the router's, if there is one.
    pub inside: Ipv4Addr,
    router: Option<Router>,
    /// Whether the machine uses it just now.
    pub up: bool,
    /// Parcels sent from it so far, so that the number of a parcel depends on its sender alone.
    sent: u64,
}

/// A packet on its way, as an engine carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim) struct Parcel {
    /// When it arrives.
    pub due: Duration,
    /// Which of two that arrive together is first.
    pub seq: u64,
    pub to: InterfaceId,
    /// Its number in the trace; `None`: a router's own answer to its machine, which is on no wire.
    pub recorded: Option<PacketId>,
    /// The router at the end of the link turns it away.
    pub rejected: bool,
    pub packet: Transport,
}

/// Links with a quality or a trouble of their own, by their two ends.
pub(in crate::sim) type Ends = (InterfaceId, InterfaceId);

/// The paths between the machines of a world.
#[derive(Debug)]
pub(in crate::sim) struct Paths {
    seed: u64,
    recorder: Recorder,
    interfaces: Vec<Interface>,
    /// Never gone through.
    by_outside: FxHashMap<Ipv4Addr, InterfaceId>,
    default_quality: Quality,
    qualities: BTreeMap<Ends, Quality>,
    troubles: BTreeMap<Ends, Vec<Window>>,
    /// Made when a packet first goes there; never gone through.
    directions: FxHashMap<Ends, Direction>,
}

impl Paths {
    pub fn new(seed: u64, recorder: Recorder, default_quality: Quality) -> Self {
        Self {
            seed,
            recorder,
            interfaces: Vec::new(),
            by_outside: FxHashMap::default(),
            default_quality,
            qualities: BTreeMap::new(),
            troubles: BTreeMap::new(),
            directions: FxHashMap::default(),
        }
    }

    /// Adds an interface; the address inside is the one outside, unless there is a router.
    pub fn add_interface(
        &mut self,
        (group, place): (usize, usize),
        host: HostId,
        outside: Ipv4Addr,
        router: Option<(Ipv4Addr, RouterOptions)>,
    ) -> InterfaceId {
        let id = InterfaceId(self.interfaces.len());
        self.interfaces.push(Interface {
            group,
            place,
            host,
            inside: router.map_or(outside, |(inside, _)| inside),
            router: router.map(|(_, options)| Router::new(outside, options)),
            up: true,
            sent: 0,
        });
        self.by_outside.insert(outside, id);
        id
    }

    /// Gives a link, in one direction, a quality of its own.
    pub fn set_quality(&mut self, ends: Ends, quality: Quality) {
        self.qualities.insert(ends, quality);
    }

    /// Plans a trouble of a link, in one direction.
    pub fn plan(&mut self, ends: Ends, window: Window) {
        self.troubles.entry(ends).or_default().push(window);
    }

    pub fn interface(&self, id: InterfaceId) -> &Interface {
        &self.interfaces[id.0]
    }

    pub fn interface_mut(&mut self, id: InterfaceId) -> &mut Interface {
        &mut self.interfaces[id.0]
    }

    /// The router before an interface, if there is one.
    pub fn router(&mut self, id: InterfaceId) -> Option<&mut Router> {
        self.interfaces[id.0].router.as_mut()
    }

    /// A machine puts a packet on the wire: what arrives somewhere, and when, is added to `parcels`.
    pub fn send(&mut self, from: &[InterfaceId], departure: Departure, parcels: &mut Vec<Parcel>) {
        let Departure { at: now, mut packet, marks } = departure;
        let (address, to) = (*packet.src().ip(), *packet.dst().ip());
        let Some(from) = from.iter().copied().find(|i| {
            let interface = &self.interfaces[i.0];
            interface.up && interface.inside == address
        }) else {
            // The address is gone: there is no wire to put it on (measured: g_* in `fidelity`).
            return;
        };
        if let Some(router) = &mut self.interfaces[from.0].router {
            match router.outbound(now, &packet) {
                Routed::On(source) => packet.set_src(source),
                Routed::Dropped(reason, answer) => {
                    self.record(now, from, None, &packet, marks, lost(now, reason));
                    let answer =
                        answer.map(|answer| self.parcel(now, (from, from), None, false, (*answer).into()));
                    parcels.extend(answer);
                    return;
                }
            }
        }
        self.transmit(now, from, to, packet, marks, parcels);
    }

    fn transmit(
        &mut self,
        now: Duration,
        from: InterfaceId,
        to: Ipv4Addr,
        packet: Transport,
        marks: Marks,
        parcels: &mut Vec<Parcel>,
    ) {
        let Some(to) = self.by_outside.get(&to).copied() else {
            self.record(now, from, None, &packet, marks, lost(now, "no such host"));
            return;
        };
        let is = |kind| is_of_kind(&packet, kind);
        let direction = self.direction((from, to));
        // What a router says passes: else nobody would hear that a link rejects both ways.
        let rejected = packet.unreachable().is_none() && direction.rejects(now);
        match direction.judge(now, packet.len(), is) {
            Verdict::Lost(reason) => {
                self.record(now, from, Some(to), &packet, marks, lost(now, reason));
            }
            Verdict::Held => {
                self.record(now, from, Some(to), &packet, marks, Fate::UnderWay);
            }
            Verdict::Arrives(at, again) => {
                let recorded = self.record(now, from, Some(to), &packet, marks, Fate::UnderWay);
                let copy = again.map(|at| (at, packet.clone()));
                parcels.push(self.parcel(at, (from, to), Some(recorded), rejected, packet));
                if let Some((at, packet)) = copy {
                    let marks = Marks { duplicate: true, ..marks };
                    let recorded = self.record(now, from, Some(to), &packet, marks, Fate::UnderWay);
                    parcels.push(self.parcel(at, (from, to), Some(recorded), rejected, packet));
                }
            }
        }
    }

    /// A parcel that no router has [turned away](Self::turn_away) has come to an interface: what its machine gets, if it
    /// gets it; what goes back is added to `parcels`.
    pub fn arrive(&mut self, now: Duration, parcel: Parcel, parcels: &mut Vec<Parcel>) -> Option<Transport> {
        let Parcel { to, recorded, mut packet, .. } = parcel;
        // A router's own answer has passed it.
        let Some(recorded) = recorded else { return Some(packet) };
        let interface = &mut self.interfaces[to.0];
        if let Some(router) = &mut interface.router {
            match router.inbound(now, &packet) {
                Routed::On(destination) => packet.set_dst(destination),
                Routed::Dropped(reason, answer) => {
                    self.recorder.fate(recorded, lost(now, reason));
                    if let Some(answer) = answer {
                        let back = *packet.src().ip();
                        self.transmit(now, to, back, (*answer).into(), Marks::default(), parcels);
                    }
                    return None;
                }
            }
        }
        if !interface.up {
            self.recorder.fate(recorded, lost(now, "no such host"));
            return None;
        }
        self.recorder.fate(recorded, Fate::Arrived(now));
        Some(packet)
    }

    /// A parcel found nobody who could take it, for that reason.
    pub fn nobody_there(&self, now: Duration, parcel: &Parcel, why: &'static str) {
        if let Some(recorded) = parcel.recorded {
            self.recorder.fate(recorded, lost(now, why));
        }
    }

    fn parcel(
        &mut self,
        due: Duration,
        (from, to): Ends,
        recorded: Option<PacketId>,
        rejected: bool,
        packet: Transport,
    ) -> Parcel {
        let count = &mut self.interfaces[from.0].sent;
        *count += 1;
        // Of two that arrive together the one of the lower interface is first, else the one sent first.
        Parcel { due, seq: ((from.0 as u64) << 40) | *count, to, recorded, rejected, packet }
    }

    fn record(
        &self,
        now: Duration,
        from: InterfaceId,
        to: Option<InterfaceId>,
        packet: &Transport,
        marks: Marks,
        fate: Fate,
    ) -> PacketId {
        let host = |i: InterfaceId| self.interfaces[i.0].host;
        self.recorder.packet(now, (host(from), to.map(host)), packet, marks, fate)
    }

    fn direction(&mut self, ends: Ends) -> &mut Direction {
        let Self { seed, default_quality, qualities, troubles, directions, .. } = self;
        directions.entry(ends).or_insert_with(|| {
            let quality = qualities.get(&ends).unwrap_or(default_quality);
            let key = ((ends.0.0 as u64) << 32) | ends.1.0 as u64;
            let troubles = troubles.get(&ends).cloned().unwrap_or_default();
            Direction::new(*quality, troubles, mix(*seed ^ mix(key)))
        })
    }
}

fn lost(now: Duration, reason: &'static str) -> Fate {
    Fate::Died(now, reason)
}

/// Whether a packet is of that kind; a datagram is one of data, a router's message of none.
fn is_of_kind(packet: &Transport, kind: SegmentKind) -> bool {
    match (kind, packet) {
        (SegmentKind::Any, _) | (SegmentKind::Data, Transport::Udp(_)) => true,
        (_, Transport::Udp(_) | Transport::Icmp(_)) => false,
        (SegmentKind::Data, Transport::Tcp(s)) => !s.data.is_empty(),
        (SegmentKind::Syn, Transport::Tcp(s)) => s.flags.syn,
        (SegmentKind::Fin, Transport::Tcp(s)) => s.flags.fin,
        (SegmentKind::Rst, Transport::Tcp(s)) => s.flags.rst,
        (SegmentKind::Ack, Transport::Tcp(s)) => {
            s.flags.ack && s.data.is_empty() && !s.flags.syn && !s.flags.fin && !s.flags.rst
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use super::*;
    use crate::packet::testing::{FIN, NONE, RST, SYN, bare, datagram};
    use crate::packet::{Code, Unreachable};
    use crate::parameter::Choice as _;

    #[test]
    fn a_segment_is_of_the_kinds_that_its_flags_say() {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let kinds = |packet: Transport| {
            let words = SegmentKind::WORDS.iter().filter(|(_, kind)| is_of_kind(&packet, *kind));
            words.map(|(word, _)| *word).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kinds(bare(address, address, SYN, 1, None, 100)), "any syn");
        assert_eq!(kinds(bare(address, address, SYN, 1, Some(1), 100)), "any syn");
        assert_eq!(kinds(bare(address, address, NONE, 1, Some(1), 100)), "any ack");
        assert_eq!(kinds(bare(address, address, FIN, 1, Some(1), 100)), "any fin");
        assert_eq!(kinds(bare(address, address, RST, 1, Some(1), 100)), "any rst");
        let datagram = datagram(address, address, b"");
        let said = Unreachable::about(&datagram, Ipv4Addr::LOCALHOST, Code::HOST).expect("of a datagram");
        assert_eq!((kinds(datagram), kinds(said.into())), ("any data".to_owned(), "any".to_owned()));
    }
}
