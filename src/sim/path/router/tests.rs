//! What a router lets through, and what it forgets.

use super::*;
use crate::packet::testing::{NONE, PSH, RST, SYN, bare, datagram};
use crate::packet::{Code, Unreachable};
use crate::parameter::{ms, secs};
use proptest::prelude::*;

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const INSIDE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 2), 40_000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1), 80);
const OTHER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 2), 80);

/// A world with one machine behind a router.
struct Bench(Router);

impl Bench {
    fn new(forgotten: Forgotten) -> Self {
        let options = RouterOptions { idle_timeout: Some(secs(60)), forgotten, ..RouterOptions::default() };
        Self(Router::new(OUTSIDE, options))
    }

    /// The packet as the router lets it out.
    fn out(
        &mut self,
        at: Duration,
        mut packet: Transport,
    ) -> Result<Transport, (&'static str, Option<Box<Segment>>)> {
        match self.0.outbound(at, &packet) {
            Routed::On(source) => {
                packet.set_src(source);
                Ok(packet)
            }
            Routed::Dropped(reason, answer) => Err((reason, answer)),
        }
    }

    /// The packet as the router lets it in.
    fn take(
        &mut self,
        at: Duration,
        mut packet: Transport,
    ) -> Result<Transport, (&'static str, Option<Box<Segment>>)> {
        match self.0.inbound(at, &packet) {
            Routed::On(destination) => {
                packet.set_dst(destination);
                Ok(packet)
            }
            Routed::Dropped(reason, answer) => Err((reason, answer)),
        }
    }

    /// Sends a datagram from inside; what its receiver takes for its source.
    fn sends(&mut self, at: Duration, inside: SocketAddrV4, to: SocketAddrV4) -> SocketAddrV4 {
        let seen = self.out(at, datagram(inside, to, b"data")).unwrap();
        assert_eq!((seen.dst(), &seen.data()[..]), (to, &b"data"[..]));
        seen.src()
    }

    /// A datagram comes from outside; whom it reaches.
    fn comes(
        &mut self,
        at: Duration,
        from: SocketAddrV4,
        to: SocketAddrV4,
    ) -> Result<SocketAddrV4, &'static str> {
        let packet = self.take(at, datagram(from, to, b"data")).map_err(|(reason, answer)| {
            assert_eq!(answer, None, "nothing is ever said about a datagram");
            reason
        })?;
        Ok(packet.dst())
    }

    /// Opens a TCP translation; what the server takes for the client.
    fn opens(&mut self, at: Duration) -> SocketAddrV4 {
        self.out(at, bare(INSIDE, SERVER, SYN, 1, None, 100)).unwrap().src()
    }
}

#[test]
fn an_answer_finds_its_way_in() {
    let mut bench = Bench::new(Forgotten::Silent);
    let seen = bench.opens(secs(0));
    assert_eq!(*seen.ip(), OUTSIDE);
    let answer = bench.take(secs(1), bare(SERVER, seen, SYN, 9, Some(2), 100)).unwrap();
    assert_eq!(answer.dst(), INSIDE);
    let stranger = bare(OTHER, seen, NONE, 9, Some(2), 100);
    assert!(bench.take(secs(1), stranger).is_err(), "of the end that was written to, and of nobody else");
}

#[test]
fn a_silent_router_forgets_without_a_word_and_another_says_rst() {
    for (policy, answers) in [(Forgotten::Silent, false), (Forgotten::Reset, true)] {
        let mut bench = Bench::new(policy);
        let seen = bench.opens(secs(0));
        let late = bare(SERVER, seen, NONE, 9, Some(2), 100);
        let (reason, answer) = bench.take(secs(61), late).unwrap_err();
        assert_eq!((reason, answer.is_some()), ("router forgot", answers));
        let data = bare(INSIDE, SERVER, PSH, 2, Some(9), 100);
        let (_, answer) = bench.out(secs(62), data).unwrap_err();
        assert_eq!(answer.is_some_and(|r| r.flags.rst && r.dst == INSIDE), answers);
        let rst = bare(INSIDE, SERVER, RST, 2, None, 0);
        assert_eq!(bench.out(secs(62), rst), Err(("router forgot", None)), "no RST answers a RST");
    }
}

#[test]
fn either_direction_keeps_a_tcp_translation_alive() {
    let mut bench = Bench::new(Forgotten::Silent);
    let seen = bench.opens(secs(0));
    for s in (30..600).step_by(30) {
        bench.take(secs(s), bare(SERVER, seen, NONE, 9, Some(2), 100)).unwrap();
    }
}

#[test]
fn one_port_inside_is_one_port_outside_whomever_it_talks_to() {
    let mut bench = Bench::new(Forgotten::Silent);
    let seen = bench.sends(secs(0), INSIDE, SERVER);
    assert_eq!(seen, bench.sends(secs(1), INSIDE, OTHER));
    let second = SocketAddrV4::new(*INSIDE.ip(), 40_001);
    assert_ne!(seen, bench.sends(secs(1), second, SERVER));
    assert_eq!(bench.comes(secs(2), OTHER, seen), Ok(INSIDE));
}

#[test]
fn a_datagram_comes_in_only_from_an_address_that_was_written_to() {
    let mut bench = Bench::new(Forgotten::Reset);
    let seen = bench.sends(secs(0), INSIDE, SERVER);
    let same_host = SocketAddrV4::new(*SERVER.ip(), 9_999);
    assert_eq!(bench.comes(secs(1), same_host, seen), Ok(INSIDE), "from any port of it");
    assert_eq!(bench.comes(secs(1), OTHER, seen), Err("filtered by the router"));
    let elsewhere = SocketAddrV4::new(OUTSIDE, seen.port() + 1);
    assert_eq!(bench.comes(secs(1), SERVER, elsewhere), Err("no translation"));
    // TCP's table is another one.
    let syn = bare(SERVER, seen, SYN, 9, None, 100);
    assert!(bench.take(secs(1), syn).is_err());
}

/// What somebody outside says of a packet.
fn said(packet: &Transport) -> Transport {
    let elsewhere = Ipv4Addr::new(203, 0, 113, 254);
    Unreachable::about(packet, elsewhere, Code::HOST).expect("of a packet").into()
}

#[test]
fn what_is_said_of_a_packet_finds_whoever_sent_it() {
    let mut bench = Bench::new(Forgotten::Reset);
    let syn = bench.out(secs(0), bare(INSIDE, SERVER, SYN, 7, None, 100)).unwrap();
    let heard = bench.take(secs(1), said(&syn)).unwrap();
    let quoted = heard.unreachable().expect("it is still that").quoted;
    assert_eq!((quoted.src, quoted.dst, quoted.seq), (INSIDE, SERVER, Some(7)), "as it was sent");
    assert_eq!(*heard.dst().ip(), *INSIDE.ip());
    let asked = bench.out(secs(0), datagram(INSIDE, SERVER, b"data")).unwrap();
    let heard = bench.take(secs(1), said(&asked)).unwrap();
    assert_eq!(heard.unreachable().map(|said| said.quoted.src), Some(INSIDE));
}

#[test]
fn what_is_said_of_an_unknown_packet_is_dropped_without_a_word() {
    let mut bench = Bench::new(Forgotten::Reset);
    let seen = bench.opens(secs(0));
    for stranger in [
        bare(seen, OTHER, SYN, 7, None, 100),
        bare(SocketAddrV4::new(OUTSIDE, seen.port() + 1), SERVER, SYN, 7, None, 100),
        datagram(seen, SERVER, b"data"),
    ] {
        assert_eq!(bench.take(secs(1), said(&stranger)), Err(("no translation", None)));
    }
}

#[test]
fn what_is_said_of_a_packet_keeps_no_translation_alive() {
    let mut bench = Bench::new(Forgotten::Silent);
    let syn = bench.out(secs(0), bare(INSIDE, SERVER, SYN, 7, None, 100)).unwrap();
    assert!(bench.take(secs(59), said(&syn)).is_ok());
    assert_eq!(bench.take(secs(61), said(&syn)), Err(("no translation", None)));
}

#[test]
fn only_what_goes_out_keeps_a_udp_translation_alive() {
    let mut bench = Bench::new(Forgotten::Silent);
    let seen = bench.sends(secs(0), INSIDE, SERVER);
    for s in (30..300).step_by(30) {
        assert_eq!(bench.comes(secs(s), SERVER, seen), Ok(INSIDE));
    }
    assert_eq!(bench.comes(secs(300), SERVER, seen), Err("no translation"), "five minutes after it was sent");
    let again = bench.sends(secs(301), INSIDE, SERVER);
    assert_ne!(again, seen, "what was forgotten comes back under another port");
    for s in (550..2_000).step_by(250) {
        assert_eq!(bench.sends(secs(s), INSIDE, SERVER), again);
    }
}

#[test]
fn tcp_and_udp_are_forgotten_each_after_its_own_time() {
    let options =
        RouterOptions { idle_timeout: None, udp_idle_timeout: Some(secs(1)), ..RouterOptions::default() };
    let mut bench = Bench(Router::new(OUTSIDE, options));
    let (tcp, udp) = (bench.opens(secs(0)), bench.sends(secs(0), INSIDE, SERVER));
    assert!(bench.comes(ms(999), SERVER, udp).is_ok());
    assert!(bench.comes(secs(1), SERVER, udp).is_err());
    let late = bare(SERVER, tcp, NONE, 9, Some(2), 100);
    assert!(bench.take(secs(1_000_000), late).is_ok());
}

#[test]
fn a_router_that_forgets_knows_neither_protocol() {
    let mut bench = Bench::new(Forgotten::Silent);
    let (tcp, udp) = (bench.opens(secs(0)), bench.sends(secs(0), INSIDE, SERVER));
    bench.0.forget();
    assert_eq!(bench.comes(secs(1), SERVER, udp), Err("no translation"));
    assert!(bench.take(secs(1), bare(SERVER, tcp, NONE, 9, Some(2), 100)).is_err());
    assert_ne!(bench.sends(secs(1), INSIDE, SERVER), udp);
}

#[test]
fn a_rebound_translation_lives_on_under_another_port_and_the_old_one_is_unknown() {
    let mut bench = Bench::new(Forgotten::Silent);
    let second = SocketAddrV4::new(*INSIDE.ip(), 40_001);
    let tcp = bench.opens(secs(0));
    let udp = [bench.sends(secs(0), INSIDE, SERVER), bench.sends(secs(0), second, SERVER)];
    bench.0.rebind();
    let data = bare(INSIDE, SERVER, PSH, 2, Some(9), 100);
    let now = bench.out(secs(1), data).expect("no SYN is needed").src();
    assert_ne!(now, tcp);
    assert!(bench.take(secs(1), bare(SERVER, tcp, NONE, 9, Some(2), 100)).is_err());
    assert!(bench.take(secs(1), bare(SERVER, now, NONE, 9, Some(2), 100)).is_ok());
    for old in udp {
        assert_eq!(bench.comes(secs(1), SERVER, old), Err("no translation"));
    }
    let new = [bench.sends(secs(1), INSIDE, SERVER), bench.sends(secs(1), second, SERVER)];
    assert!(new.iter().all(|new| !udp.contains(new)) && new[0] != new[1]);
    assert_eq!(bench.comes(secs(1), SERVER, new[1]), Ok(second));
}

#[test]
fn a_full_router_gives_ports_of_the_idle_to_others_and_takes_none_from_the_busy() {
    let mut bench = Bench::new(Forgotten::Silent);
    let ports = u32::from(u16::MAX - FIRST_PORT) + 1;
    let inside = |n: u32| SocketAddrV4::new(Ipv4Addr::from(0x0a00_0000 + n), 5_000);
    let seen: std::collections::BTreeSet<_> =
        (0..ports).map(|n| bench.sends(secs(u64::from(n == 7)), inside(n), SERVER)).collect();
    assert_eq!(seen.len(), ports as usize);
    let more = datagram(inside(ports), SERVER, b"");
    assert_eq!(bench.out(secs(299), more.clone()), Err(("router full", None)));
    assert!(bench.out(secs(300), more).is_ok());
    assert_eq!(
        bench.0.udp.by_port.len(),
        2,
        "all but the newcomer and the one that was used later were idle"
    );
    assert_eq!(bench.0.udp.by_inside.len(), 2);
}

proptest! {
    /// Whatever ends inside send to whatever servers, an answer reaches the end that asked, and a rebinding changes
    /// nothing but the ports.
    #[test]
    fn answers_reach_who_asked(
        sends in proptest::collection::vec((0u8..5, 0u8..5, 0u64..400, any::<bool>()), 1..40)
    ) {
        let mut bench = Bench::new(Forgotten::Silent);
        let mut now = secs(0);
        for (inside, remote, pause, rebind) in sends {
            now += secs(pause);
            let inside = SocketAddrV4::new(*INSIDE.ip(), 1_000 + u16::from(inside));
            let remote = SocketAddrV4::new(Ipv4Addr::new(9, 9, 9, remote), 53);
            if rebind {
                bench.0.rebind();
            }
            let seen = bench.sends(now, inside, remote);
            prop_assert_eq!(bench.comes(now, remote, seen), Ok(inside));
            prop_assert_eq!(bench.0.udp.by_port.len(), bench.0.udp.by_inside.len());
        }
    }
}
