//! What becomes of a connection of which a router says that its segments do not get through.

use std::io::{self, ErrorKind};

use super::*;
use crate::packet::Flags;

const TUPLE: Tuple = Tuple { local: CLIENT, remote: SERVER };

/// A client that has sent its SYN, and the number of that.
fn connecting() -> (Endpoint, ConnId, u32) {
    let mut client = Endpoint::new(Sysctls::default(), 1);
    let id = client.connect(secs(1), TUPLE, &SocketOptions::default());
    let syn = client.poll_transmit().expect("a SYN").segment;
    (client, id, syn.seq)
}

/// A client that is connected, and has heard nothing from its server since.
fn connected(sysctls: Sysctls) -> (Endpoint, ConnId, Duration) {
    let mut pair = Pair::new(sysctls, ms(30), 0.0, 1);
    let (client, server) = pair.connect();
    for _ in 0..20 {
        pair.transfer(client, server, 1).expect("a byte");
    }
    let now = pair.now;
    let [mut end, _] = pair.ends;
    end.write(now, client, b"x").expect("there is room").expect("it lives");
    (end, client, now)
}

/// Nothing gets through any more, and a router says so of every segment; `code`: or does not. When segments left.
fn cut_off(client: &mut Endpoint, mut now: Duration, code: Option<Code>, until: Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    loop {
        while let Some(Transmit { segment, .. }) = client.poll_transmit() {
            times.push(now);
            code.map(|code| client.unreachable(now, TUPLE, segment.seq, code));
        }
        let Some(next) = client.next_timeout().filter(|at| *at <= until) else { return times };
        now = next;
        client.on_timeout(now);
    }
}

fn failure(client: &mut Endpoint, now: Duration, id: ConnId) -> Option<ErrorKind> {
    client.read(now, id, &mut [0]).and_then(io::Result::err).map(|e| e.kind())
}

#[test]
fn a_connect_ends_with_the_first_word_of_a_router() {
    for (code, error) in [
        (Code::NET, ErrorKind::NetworkUnreachable),
        (Code::HOST, ErrorKind::HostUnreachable),
        (Code::PROTOCOL, ErrorKind::Other),
        (Code::PORT, ErrorKind::ConnectionRefused),
        (Code::PROHIBITED, ErrorKind::HostUnreachable),
    ] {
        let (mut client, id, seq) = connecting();
        assert!(client.unreachable(secs(1), TUPLE, seq, code));
        let said = client.connected(id).and_then(io::Result::err).map(|e| e.kind());
        assert_eq!((said, client.timers()), (Some(error), 0), "{code}");
        assert!(!client.has_transmits(), "{code}: nothing more is said");
    }
}

#[test]
fn what_is_no_word_about_this_connection_is_ignored() {
    let (mut client, id, seq) = connecting();
    let other = Tuple { local: CLIENT, remote: SocketAddrV4::new(*SERVER.ip(), 81) };
    for (tuple, seq, code) in [
        (TUPLE, seq.wrapping_sub(1), Code::HOST),
        (TUPLE, seq.wrapping_add(2), Code::HOST),
        (other, seq, Code::HOST),
        (TUPLE, seq, Code::FRAGMENTATION_NEEDED),
        (TUPLE, seq, Code(16)),
    ] {
        assert!(!client.unreachable(secs(1), tuple, seq, code), "{tuple:?} {seq} {code}");
    }
    assert!(client.connected(id).is_none(), "it still waits");
}

#[test]
fn an_open_connection_goes_on_and_gives_the_reason_when_it_gives_up() {
    let sysctls = Sysctls { retries2: 5, ..Sysctls::default() };
    for (code, error) in [
        (Some(Code::HOST), ErrorKind::HostUnreachable),
        (Some(Code::NET), ErrorKind::NetworkUnreachable),
        (Some(Code::PORT), ErrorKind::ConnectionRefused),
        (None, ErrorKind::TimedOut),
    ] {
        let (mut client, id, now) = connected(sysctls);
        cut_off(&mut client, now, code, now + secs(5));
        assert_eq!(failure(&mut client, now + secs(5), id), None, "{code:?}");
        cut_off(&mut client, now + secs(5), code, now + secs(60));
        assert_eq!(failure(&mut client, now + secs(60), id), Some(error), "{code:?}");
    }
}

#[test]
fn what_a_router_has_turned_away_is_sent_again_without_a_longer_pause() {
    let pauses = |code| {
        let (mut client, _, now) = connected(Sysctls::default());
        let times = cut_off(&mut client, now, code, now + secs(20));
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    let longest = |code| pauses(code).into_iter().max().expect("some");
    assert!(longest(Some(Code::HOST)) < ms(400), "{:?}", pauses(Some(Code::HOST)));
    // RFC 6069 section 4.2: of the codes only "net" and "host" are about the way.
    assert_eq!(pauses(Some(Code::PROHIBITED)), pauses(None));
    assert!(longest(None) > secs(5));
}

/// A kernel 6.18 wrote a byte into a path of which its router had just begun to say "host unreachable", but not every time:
/// routers limit that. With a `TCP_USER_TIMEOUT` of 10 s; seconds since the write.
#[test]
fn the_pauses_are_those_of_linux_where_a_router_speaks_now_and_then() {
    const SENT: [f64; 8] = [0.001, 0.207, 0.415, 0.831, 1.663, 3.327, 4.959, 8.383];
    const ANSWERED: [usize; 4] = [0, 1, 5, 7];
    const FAILED: f64 = 11.712;
    let near = |ours: Duration, linux: f64| (ours.as_secs_f64() - linux).abs() <= 0.05 + linux * 0.09;
    let mut pair = Pair::new(Sysctls::default(), Duration::from_micros(100), 0.0, 1);
    let (id, server) = pair.connect();
    for _ in 0..20 {
        pair.transfer(id, server, 1).expect("a byte");
    }
    let written = pair.now;
    let client = &mut pair.ends[0];
    let options = SocketOptions { user_timeout: Some(secs(10)), ..SocketOptions::default() };
    client.set_options(written, id, &options).expect("it lives");
    client.write(written, id, b"y").expect("there is room").expect("it lives");
    let (mut now, mut sent) = (written, Vec::new());
    let failed = loop {
        while let Some(Transmit { segment, .. }) = client.poll_transmit() {
            if ANSWERED.contains(&sent.len()) {
                assert!(client.unreachable(now, TUPLE, segment.seq, Code::HOST));
            }
            sent.push(now - written);
        }
        match client.next_timeout() {
            Some(next) => now = next,
            None => break now - written,
        }
        client.on_timeout(now);
    };
    assert!(sent.len() == SENT.len() && sent.iter().zip(SENT).all(|(o, l)| near(*o, l)), "{sent:?}");
    assert!(near(failed, FAILED), "{failed:?}");
    assert_eq!(failure(client, now, id), Some(ErrorKind::HostUnreachable));
}

#[test]
fn once_something_gets_through_the_reason_is_forgotten() {
    let sysctls = Sysctls { retries2: 3, ..Sysctls::default() };
    let mut pair = Pair::new(sysctls, ms(30), 0.0, 1);
    let (client, server) = pair.connect();
    let now = pair.now;
    pair.ends[0].write(now, client, b"x").expect("there is room").expect("it lives");
    let seq = pair.ends[0].poll_transmit().expect("a segment").segment.seq;
    assert!(pair.ends[0].unreachable(now, TUPLE, seq, Code::HOST));
    pair.run(now + secs(5), |_| false);
    assert_eq!(pair.ends[1].read(pair.now, server, &mut [0; 9]).map(Result::ok), Some(Some(1)), "sent again");
    let now = pair.now;
    pair.ends[0].write(now, client, b"y").expect("there is room").expect("it lives");
    cut_off(&mut pair.ends[0], now, None, now + secs(60));
    assert_eq!(failure(&mut pair.ends[0], now + secs(60), client), Some(ErrorKind::TimedOut));
}

#[test]
fn nothing_that_is_said_of_a_probe_is_believed() {
    let keepalive = Some(crate::net::Keepalive { idle: secs(10), interval: secs(1), count: 3 });
    let mut pair = Pair::new(Sysctls::default(), ms(30), 0.0, 1);
    let (client, _) = pair.connect();
    let now = pair.now;
    let options = SocketOptions { keepalive, ..SocketOptions::default() };
    pair.ends[0].set_options(now, client, &options).expect("it lives");
    let probes = cut_off(&mut pair.ends[0], now, Some(Code::HOST), now + secs(60));
    assert_eq!(probes.len(), 4, "three probes and a RST");
    assert_eq!(failure(&mut pair.ends[0], now + secs(60), client), Some(ErrorKind::TimedOut));
}

#[test]
fn a_request_is_dropped_when_its_answer_does_not_get_through() {
    for (code, left) in [(Code::HOST, 0), (Code::PORT, 1)] {
        let (_, _, seq) = connecting();
        let mut server = Endpoint::new(Sysctls::default(), 2);
        server.listen(SERVER.port(), &ListenOptions::default());
        let syn = Segment::bare(CLIENT, SERVER, Flags { syn: true, ..Flags::default() }, seq, None, 64_000);
        server.receive(secs(1), &syn);
        let answer = server.poll_transmit().expect("a SYN-ACK").segment;
        let tuple = Tuple { local: SERVER, remote: CLIENT };
        assert!(server.unreachable(secs(1), tuple, answer.seq, code));
        assert_eq!(server.ids().count(), left, "{code}");
    }
}
