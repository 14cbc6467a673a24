//! The paths between the machines: interfaces, routers, links, and the way of a packet through them.

pub(in crate::sim) mod link;
mod rewrite;
pub mod router;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use self::link::{Direction, Quality, Verdict, Window};
use self::rewrite::{with_destination, with_source};
use self::router::{Routed, Router, RouterOptions};
use crate::sim::fault::SegmentKind;
use crate::sim::machine::kernel::{Departure, mix};
use crate::trace::recorder::{PacketId, Recorder};
use crate::trace::{Fate, HostId, Marks, Packet, Transport};

/// An interface of a machine: an index into the list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
}

/// A packet on its way, as an engine carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim) struct Parcel {
    /// When it arrives.
    pub due: Duration,
    /// Which of two that arrive together is first.
    pub seq: u64,
    pub to: InterfaceId,
    pub packet: Option<PacketId>,
    pub bytes: Bytes,
}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.to, self.seq).cmp(&(other.due, other.to, other.seq))
    }
}

/// Links with a quality or a trouble of their own, by their two ends.
pub(in crate::sim) type Ends = (InterfaceId, InterfaceId);

/// The paths between the machines of a world.
#[derive(Debug)]
pub(in crate::sim) struct Paths {
    seed: u64,
    recorder: Recorder,
    interfaces: Vec<Interface>,
    by_outside: BTreeMap<Ipv4Addr, InterfaceId>,
    default_quality: Quality,
    qualities: BTreeMap<Ends, Quality>,
    troubles: BTreeMap<Ends, Vec<Window>>,
    directions: BTreeMap<Ends, Direction>,
    /// Parcels sent so far, by sender, so that the number of a parcel depends on its sender alone.
    sent: BTreeMap<InterfaceId, u64>,
}

impl Paths {
    pub fn new(seed: u64, recorder: Recorder, default_quality: Quality) -> Self {
        Self {
            seed,
            recorder,
            interfaces: Vec::new(),
            by_outside: BTreeMap::new(),
            default_quality,
            qualities: BTreeMap::new(),
            troubles: BTreeMap::new(),
            directions: BTreeMap::new(),
            sent: BTreeMap::new(),
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

    /// A machine puts a packet on the wire: what arrives somewhere, and when.
    pub fn send(&mut self, from: &[InterfaceId], departure: Departure) -> Vec<Parcel> {
        let Departure { at: now, bytes, marks } = departure;
        // A kernel sends nothing else.
        let Ok(packet) = Transport::parse(&bytes) else { return Vec::new() };
        let (address, to) = (*packet.src().ip(), *packet.dst().ip());
        let Some(from) = from.iter().copied().find(|i| {
            let interface = &self.interfaces[i.0];
            interface.up && interface.inside == address
        }) else {
            // The address is gone: there is no wire to put it on (measured: g_* in `fidelity`).
            return Vec::new();
        };
        let bytes = match &mut self.interfaces[from.0].router {
            None => bytes,
            Some(router) => match router.outbound(now, &packet) {
                Routed::On(source) => with_source(bytes, source),
                Routed::Dropped(reason, answer) => {
                    self.record(now, from, None, bytes, marks, lost(now, reason));
                    return answer
                        .map(|bytes| self.parcel(now, from, from, None, bytes))
                        .into_iter()
                        .collect();
                }
            },
        };
        self.transmit(now, from, to, bytes, marks)
    }

    fn transmit(
        &mut self,
        now: Duration,
        from: InterfaceId,
        to: Ipv4Addr,
        bytes: Bytes,
        marks: Marks,
    ) -> Vec<Parcel> {
        let Some(to) = self.by_outside.get(&to).copied() else {
            self.record(now, from, None, bytes, marks, lost(now, "no such host"));
            return Vec::new();
        };
        let is = |kind| is_of_kind(&bytes, kind);
        match self.direction((from, to)).judge(now, bytes.len(), is) {
            Verdict::Lost(reason) => {
                self.record(now, from, Some(to), bytes, marks, lost(now, reason));
                Vec::new()
            }
            Verdict::Held => {
                self.record(now, from, Some(to), bytes, marks, Fate::UnderWay);
                Vec::new()
            }
            Verdict::Arrives(at, again) => {
                let packet = self.record(now, from, Some(to), bytes.clone(), marks, Fate::UnderWay);
                let mut parcels = vec![self.parcel(at, from, to, Some(packet), bytes.clone())];
                if let Some(at) = again {
                    let marks = Marks { duplicate: true, ..marks };
                    let copy = self.record(now, from, Some(to), bytes.clone(), marks, Fate::UnderWay);
                    parcels.push(self.parcel(at, from, to, Some(copy), bytes));
                }
                parcels
            }
        }
    }

    /// A parcel has come to an interface: what its machine gets, or what goes back.
    pub fn arrive(&mut self, now: Duration, parcel: Parcel) -> Result<Bytes, Vec<Parcel>> {
        let interface = &mut self.interfaces[parcel.to.0];
        let fate = |paths: &Self, fate| {
            if let Some(packet) = parcel.packet {
                paths.recorder.fate(packet, fate);
            }
        };
        if parcel.packet.is_none() {
            // The router's own answer to its machine.
            return Ok(parcel.bytes);
        }
        let bytes = match (&mut interface.router, Transport::parse(&parcel.bytes)) {
            (None, _) => Ok(parcel.bytes.clone()),
            (Some(router), Ok(packet)) => match router.inbound(now, &packet) {
                Routed::On(destination) => Ok(with_destination(parcel.bytes.clone(), destination)),
                Routed::Dropped(reason, answer) => {
                    Err((reason, answer.map(|answer| (*packet.src().ip(), answer))))
                }
            },
            (Some(_), Err(_)) => Err(("not translatable", None)),
        };
        match bytes {
            Ok(_) if !self.interfaces[parcel.to.0].up => {
                fate(self, lost(now, "no such host"));
                Err(Vec::new())
            }
            Ok(bytes) => {
                fate(self, Fate::Arrived(now));
                Ok(bytes)
            }
            Err((reason, answer)) => {
                fate(self, lost(now, reason));
                let back =
                    answer.map(|(to, bytes)| self.transmit(now, parcel.to, to, bytes, Marks::default()));
                Err(back.unwrap_or_default())
            }
        }
    }

    /// A parcel found nobody who could take it, for that reason.
    pub fn nobody_there(&self, now: Duration, parcel: &Parcel, why: &'static str) {
        if let Some(packet) = parcel.packet {
            self.recorder.fate(packet, lost(now, why));
        }
    }

    fn parcel(
        &mut self,
        due: Duration,
        from: InterfaceId,
        to: InterfaceId,
        packet: Option<PacketId>,
        bytes: Bytes,
    ) -> Parcel {
        let count = self.sent.entry(from).or_default();
        *count += 1;
        // Of two that arrive together the one of the lower interface is first, else the one sent first.
        Parcel { due, seq: ((from.0 as u64) << 40) | *count, to, packet, bytes }
    }

    fn record(
        &self,
        now: Duration,
        from: InterfaceId,
        to: Option<InterfaceId>,
        bytes: Bytes,
        marks: Marks,
        fate: Fate,
    ) -> PacketId {
        let host = |i: InterfaceId| self.interfaces[i.0].host;
        self.recorder.packet(Packet { sent: now, from: host(from), to: to.map(host), bytes, marks, fate })
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

/// Whether a packet is of that kind; a datagram is one of data.
fn is_of_kind(packet: &[u8], kind: SegmentKind) -> bool {
    match (kind, Transport::parse(packet)) {
        (SegmentKind::Any, _) => true,
        (_, Err(_)) => false,
        (SegmentKind::Data, Ok(Transport::Udp(_))) => true,
        (_, Ok(Transport::Udp(_))) => false,
        (SegmentKind::Data, Ok(Transport::Tcp(s))) => !s.data.is_empty(),
        (SegmentKind::Syn, Ok(Transport::Tcp(s))) => s.flags.syn,
        (SegmentKind::Fin, Ok(Transport::Tcp(s))) => s.flags.fin,
        (SegmentKind::Rst, Ok(Transport::Tcp(s))) => s.flags.rst,
        (SegmentKind::Ack, Ok(Transport::Tcp(s))) => {
            s.flags.ack && s.data.is_empty() && !s.flags.syn && !s.flags.fin && !s.flags.rst
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use smoltcp::wire::TcpControl;

    use super::*;
    use crate::parameter::Choice as _;
    use crate::sim::machine::kernel::segment::craft;

    #[test]
    fn a_segment_is_of_the_kinds_that_its_flags_say() {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let kinds = |control, ack| {
            let packet = craft(address, address, control, 1, ack, 100);
            let words = SegmentKind::WORDS.iter().filter(|(_, kind)| is_of_kind(&packet, *kind));
            words.map(|(word, _)| *word).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kinds(TcpControl::Syn, None), "any syn");
        assert_eq!(kinds(TcpControl::Syn, Some(1)), "any syn");
        assert_eq!(kinds(TcpControl::None, Some(1)), "any ack");
        assert_eq!(kinds(TcpControl::Fin, Some(1)), "any fin");
        assert_eq!(kinds(TcpControl::Rst, Some(1)), "any rst");
        assert!(is_of_kind(b"no segment", SegmentKind::Any));
        assert!(!is_of_kind(b"no segment", SegmentKind::Ack));
    }
}
