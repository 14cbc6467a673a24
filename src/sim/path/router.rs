//! A router at the edge of a network, which translates addresses (RFC 3022) and forgets.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use smoltcp::wire::{IpAddress, Ipv4Packet, TcpPacket};

use crate::parameter::Choice;
use crate::sim::machine::kernel::segment::Segment;

/// What a router says to a packet of a connection that it does not know (any more).
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
    /// After how much silence a translation is forgotten (RFC 5382 REQ-5 asks for 2 h 4 min at least); `None`: never.
    pub idle_timeout: Option<Duration>,
    /// What happens to packets of a connection it does not know.
    pub forgotten: Forgotten,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self { idle_timeout: Some(Duration::from_secs(2 * 3600 + 4 * 60)), forgotten: Forgotten::Silent }
    }
}

/// The first port a router uses outside.
const FIRST_PORT: u16 = 20_000;

#[derive(Debug)]
struct Translation {
    inside: SocketAddrV4,
    outside_port: u16,
    remote: SocketAddrV4,
    last_used: Duration,
}

/// A router with the table of its translations.
#[derive(Debug)]
pub(in crate::sim) struct Router {
    options: RouterOptions,
    outside: Ipv4Addr,
    next_port: u16,
    /// By what is seen outside: our port and the remote end.
    by_outside: BTreeMap<(u16, SocketAddrV4), Translation>,
    by_inside: BTreeMap<(SocketAddrV4, SocketAddrV4), u16>,
}

/// What a router does with a packet.
#[derive(Debug, PartialEq)]
pub(in crate::sim) enum Routed {
    /// It goes on, translated.
    On(Bytes),
    /// It goes no further; perhaps its sender gets an answer.
    Dropped(Option<Bytes>),
}

impl Router {
    pub fn new(outside: Ipv4Addr, options: RouterOptions) -> Self {
        Self {
            options,
            outside,
            next_port: FIRST_PORT,
            by_outside: BTreeMap::new(),
            by_inside: BTreeMap::new(),
        }
    }

    /// Everything it knew is forgotten, as after a restart of the router.
    pub fn forget(&mut self) {
        self.by_outside.clear();
        self.by_inside.clear();
    }

    /// Every translation gets another port outside, as when a router has lost its table and makes it anew in another order,
    /// or a carrier moves its customers to another one.
    pub fn rebind(&mut self) {
        self.by_inside.clear();
        for t in std::mem::take(&mut self.by_outside).into_values() {
            self.open(t.last_used, t.inside, t.remote);
        }
    }

    /// A packet from inside.
    pub fn outbound(&mut self, now: Duration, packet: &Bytes) -> Routed {
        let Some(segment) = Segment::parse(packet) else {
            return Routed::Dropped(None);
        };
        let key = (segment.src, segment.dst);
        let known = self.by_inside.get(&key).copied().filter(|port| self.alive(now, (*port, segment.dst)));
        let port = match known {
            Some(port) => port,
            // Only a SYN opens a translation.
            None if !(segment.syn && segment.ack.is_none()) => return self.unknown(&segment),
            None => self.open(now, segment.src, segment.dst),
        };
        if let Some(t) = self.by_outside.get_mut(&(port, segment.dst)) {
            t.last_used = now;
        }
        Routed::On(rewrite(packet, Some(SocketAddrV4::new(self.outside, port)), None))
    }

    /// A packet from outside.
    pub fn inbound(&mut self, now: Duration, packet: &Bytes) -> Routed {
        let Some(segment) = Segment::parse(packet) else {
            return Routed::Dropped(None);
        };
        let key = (segment.dst.port(), segment.src);
        if !self.alive(now, key) {
            return self.unknown(&segment);
        }
        let Some(t) = self.by_outside.get_mut(&key) else {
            return Routed::Dropped(None);
        };
        t.last_used = now;
        Routed::On(rewrite(packet, None, Some(t.inside)))
    }

    fn unknown(&self, segment: &Segment) -> Routed {
        let answer = self.options.forgotten == Forgotten::Reset && !segment.rst;
        Routed::Dropped(answer.then(|| segment.reset()))
    }

    fn alive(&mut self, now: Duration, key: (u16, SocketAddrV4)) -> bool {
        let Some(t) = self.by_outside.get(&key) else {
            return false;
        };
        let idle = now.saturating_sub(t.last_used);
        if self.options.idle_timeout.is_none_or(|limit| idle < limit) {
            return true;
        }
        if let Some(t) = self.by_outside.remove(&key) {
            debug_assert_eq!(t.outside_port, key.0);
            self.by_inside.remove(&(t.inside, t.remote));
        }
        false
    }

    fn open(&mut self, now: Duration, inside: SocketAddrV4, remote: SocketAddrV4) -> u16 {
        let port = self.next_port;
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        self.by_inside.insert((inside, remote), port);
        let t = Translation { inside, outside_port: port, remote, last_used: now };
        self.by_outside.insert((port, remote), t);
        port
    }
}

/// The packet with another source or destination, and right checksums.
fn rewrite(packet: &Bytes, src: Option<SocketAddrV4>, dst: Option<SocketAddrV4>) -> Bytes {
    let mut buffer = packet.to_vec();
    let mut ip = Ipv4Packet::new_unchecked(&mut buffer[..]);
    if let Some(src) = src {
        ip.set_src_addr(*src.ip());
    }
    if let Some(dst) = dst {
        ip.set_dst_addr(*dst.ip());
    }
    ip.fill_checksum();
    let (from, to) = (IpAddress::Ipv4(ip.src_addr()), IpAddress::Ipv4(ip.dst_addr()));
    let mut tcp = TcpPacket::new_unchecked(ip.payload_mut());
    if let Some(src) = src {
        tcp.set_src_port(src.port());
    }
    if let Some(dst) = dst {
        tcp.set_dst_port(dst.port());
    }
    tcp.fill_checksum(&from, &to);
    buffer.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::machine::kernel::segment::craft;
    use smoltcp::wire::TcpControl;

    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    const INSIDE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 2), 40_000);
    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1), 80);

    fn on(routed: Routed) -> Segment {
        match routed {
            Routed::On(packet) => Segment::parse(&packet).expect("a segment with right checksums"),
            dropped => panic!("{dropped:?}"),
        }
    }

    fn router(forgotten: Forgotten) -> (Router, SocketAddrV4) {
        let options = RouterOptions { idle_timeout: Some(Duration::from_secs(60)), forgotten };
        let mut router = Router::new(OUTSIDE, options);
        let syn = craft(INSIDE, SERVER, TcpControl::Syn, 1, None, 100);
        let seen = on(router.outbound(Duration::ZERO, &syn)).src;
        (router, seen)
    }

    #[test]
    fn an_answer_finds_its_way_in() {
        let (mut router, seen) = router(Forgotten::Silent);
        assert_eq!(*seen.ip(), OUTSIDE);
        let answer = craft(SERVER, seen, TcpControl::Syn, 9, Some(2), 100);
        assert_eq!(on(router.inbound(Duration::from_secs(1), &answer)).dst, INSIDE);
    }

    #[test]
    fn a_silent_router_forgets_without_a_word_and_another_says_rst() {
        for (policy, answers) in [(Forgotten::Silent, false), (Forgotten::Reset, true)] {
            let (mut router, seen) = router(policy);
            let late = craft(SERVER, seen, TcpControl::None, 9, Some(2), 100);
            match router.inbound(Duration::from_secs(61), &late) {
                Routed::Dropped(answer) => assert_eq!(answer.is_some(), answers),
                on => panic!("{on:?}"),
            }
            let data = craft(INSIDE, SERVER, TcpControl::Psh, 2, Some(9), 100);
            match router.outbound(Duration::from_secs(62), &data) {
                Routed::Dropped(answer) => {
                    let rst = answer.map(|a| Segment::parse(&a).expect("a segment"));
                    assert_eq!(rst.is_some_and(|r| r.rst && r.dst == INSIDE), answers);
                }
                on => panic!("{on:?}"),
            }
        }
    }

    #[test]
    fn after_rebinding_a_connection_goes_on_from_another_port_and_its_old_one_is_unknown() {
        let (mut router, seen) = router(Forgotten::Silent);
        router.rebind();
        let now = Duration::from_secs(1);
        let data = craft(INSIDE, SERVER, TcpControl::Psh, 2, Some(9), 100);
        let again = on(router.outbound(now, &data)).src;
        assert_ne!(seen.port(), again.port());
        let to = |outside| craft(SERVER, outside, TcpControl::None, 9, Some(2), 100);
        assert_eq!(router.inbound(now, &to(seen)), Routed::Dropped(None));
        assert_eq!(on(router.inbound(now, &to(again))).dst, INSIDE);
    }

    #[test]
    fn traffic_keeps_a_translation_alive() {
        let (mut router, seen) = router(Forgotten::Silent);
        for s in (30..600).step_by(30) {
            let probe = craft(SERVER, seen, TcpControl::None, 9, Some(2), 100);
            on(router.inbound(Duration::from_secs(s), &probe));
        }
    }
}
