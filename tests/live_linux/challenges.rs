//! Segments that are out of place: from a machine that has forgotten, or from somebody else (RFC 9293 section 3.5.1, RFC
//! 5961).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddrV4;
use std::thread::spawn;
use std::time::Duration;

use halfopen::net::SocketOptions;
use halfopen::packet::{Flags, Segment, TcpOptions};
use halfopen::tcp::{ConnId, Endpoint, State, Sysctls, Tuple};
use socket2::SockRef;

use super::live::{Live, live};
use super::namespace::{LINUX, OURS};
use super::path::From;
use super::talk::{bound, echo, echoed, joined, listener, patient, serve};

const MS: Duration = Duration::from_millis(1);

/// A connection whose Linux side sends back what it gets.
fn echoing(live: &mut Live) -> (ConnId, std::thread::JoinHandle<std::io::Result<()>>) {
    let linux = serve(listener(5_000), echo);
    let id = live.connect(40_000, 5_000, &SocketOptions::default());
    echoed(live, id, b"hello");
    // Linux acknowledges at its leisure.
    live.run_for(100 * MS);
    (id, linux)
}

/// Sends a segment as if `from` had; returns what the other side answers, once it is quiet again.
fn answers(live: &mut Live, from: From, forge: impl FnOnce(Segment) -> Segment) -> Vec<Segment> {
    let segment = forge(live.fitting(from));
    let at = live.now();
    live.forge(from, segment);
    live.run_for(100 * MS);
    let to = if from == From::Us { From::Linux } else { From::Us };
    live.since(at, to).cloned().collect()
}

/// The one answer is an acknowledgement that tells what is due, and the connection lives.
fn challenged(live: &mut Live, id: ConnId, from: From, what: &str, forge: impl Fn(Segment) -> Segment) {
    // Linux sends one such answer in half a second (tcp_invalid_ratelimit).
    live.run_for(550 * MS);
    let due = live.fitting(from);
    let answers = answers(live, from, &forge);
    let [answer] = &answers[..] else { panic!("{what} from {from:?}: {answers:?}\n{}", live.told()) };
    assert_eq!(answer.flags, Flags { ack: true, ..Flags::default() }, "{what} from {from:?}");
    assert_eq!((answer.seq, answer.ack), (due.ack.unwrap(), Some(due.seq)), "{what} from {from:?}");
    assert_eq!(live.endpoint.state(id), Some(State::Established), "{what} from {from:?}");
    echoed(live, id, what.as_bytes());
    live.run_for(100 * MS);
}

fn syn(segment: Segment, seq: u32) -> Segment {
    let options = TcpOptions { mss: Some(1_460), ..segment.options };
    Segment { flags: Flags { syn: true, ..Flags::default() }, seq, ack: None, options, ..segment }
}

#[test]
fn a_syn_on_a_live_connection_is_challenged_by_either_side() {
    live(301, |live| {
        let (id, _linux) = echoing(live);
        for from in [From::Us, From::Linux] {
            challenged(live, id, from, "a SYN outside the window", |s| {
                let seq = s.seq.wrapping_sub(1_000_000);
                syn(s, seq)
            });
            challenged(live, id, from, "a SYN inside the window", |s| {
                let seq = s.seq.wrapping_add(1_000);
                syn(s, seq)
            });
        }
    });
}

#[test]
fn a_reset_inside_the_window_is_challenged_by_either_side() {
    live(302, |live| {
        let (id, _linux) = echoing(live);
        for from in [From::Us, From::Linux] {
            challenged(live, id, from, "a RST inside the window", |s| Segment {
                flags: Flags { rst: true, ..Flags::default() },
                seq: s.seq.wrapping_add(1_000),
                ack: None,
                options: TcpOptions::default(),
                ..s
            });
        }
    });
}

#[test]
fn a_reset_outside_the_window_is_ignored_by_either_side() {
    live(303, |live| {
        let (id, _linux) = echoing(live);
        for from in [From::Us, From::Linux] {
            let answers = answers(live, from, |s| Segment {
                flags: Flags { rst: true, ..Flags::default() },
                seq: s.seq.wrapping_sub(1_000_000),
                ack: None,
                options: TcpOptions::default(),
                ..s
            });
            assert_eq!(answers, [], "{from:?}");
            echoed(live, id, b"alive");
            live.run_for(100 * MS);
        }
    });
}

#[test]
fn a_reset_at_the_edge_ends_the_connection_of_either_side() {
    for (seed, from) in [(304, From::Linux), (305, From::Us)] {
        live(seed, move |live| {
            let (id, linux) = echoing(live);
            let reset = |s: Segment| Segment {
                flags: Flags { rst: true, ..Flags::default() },
                ack: None,
                options: TcpOptions::default(),
                ..s
            };
            assert_eq!(answers(live, from, reset), []);
            if from == From::Linux {
                let read = live.endpoint.read(live.now(), id, &mut [0]).expect("an error");
                assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
                // Linux knows nothing of it; it is told when it speaks.
                let now = live.now();
                live.endpoint.close(now, id);
            } else {
                let result = joined(live, "Linux's end", linux);
                assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
            }
        });
    }
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_challenged_by_either_side() {
    live(306, |live| {
        let (id, _linux) = echoing(live);
        for from in [From::Us, From::Linux] {
            challenged(live, id, from, "an ACK of the future", |s| Segment {
                flags: Flags { ack: true, ..Flags::default() },
                ack: s.ack.map(|ack| ack.wrapping_add(100_000)),
                ..s
            });
        }
    });
}

#[test]
fn old_data_is_answered_with_what_is_due_by_either_side() {
    live(307, |live| {
        let (id, _linux) = echoing(live);
        for from in [From::Us, From::Linux] {
            live.run_for(550 * MS);
            let due = live.fitting(from);
            let answers = answers(live, from, |s| Segment {
                flags: Flags { ack: true, psh: true, ..Flags::default() },
                seq: s.seq.wrapping_sub(5),
                data: "hello".into(),
                ..s
            });
            let [answer] = &answers[..] else { panic!("{from:?}: {answers:?}") };
            assert_eq!((answer.ack, answer.data.len()), (Some(due.seq), 0), "{from:?}");
            echoed(live, id, b"alive");
            live.run_for(100 * MS);
        }
    });
}

#[test]
fn after_our_reboot_linux_challenges_our_syn_and_the_new_connection_stands_at_once() {
    live(308, |live| {
        let listener = listener(5_000);
        let first = serve(listener.try_clone().expect("a handle"), echo);
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        echoed(live, id, b"hello");
        live.run_for(100 * MS);

        let at = live.now();
        live.endpoint = Endpoint::new(Sysctls::default(), 999);
        let second = serve(listener, echo);
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        let took = live.now() - at;
        // The SYN, Linux's challenge, our RST; the SYN again, and not only after a second; Linux's SYN-ACK.
        assert!(took < 500 * MS, "{took:?}: {}", live.told());
        let ours: Vec<&Segment> = live.since(at, From::Us).collect();
        let linuxs: Vec<&Segment> = live.since(at, From::Linux).collect();
        assert!(ours[0].flags.syn && ours[1].flags.rst && ours[2].flags.syn, "{}", live.told());
        assert!(!linuxs[0].flags.syn && linuxs[1].flags.syn, "{}", live.told());
        assert_eq!(Some(ours[1].seq), linuxs[0].ack, "the RST is exactly where Linux will believe it");
        let ended = joined(live, "the end of Linux's old connection", first);
        assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
        echoed(live, id, b"hello again");
        let now = live.now();
        live.endpoint.close(now, id);
        joined(live, "the end of Linux's new connection", second).expect("an end in order");
    });
}

#[test]
fn after_linux_has_forgotten_we_challenge_its_syn_and_the_new_connection_stands_at_once() {
    live(309, |live| {
        live.listen(80);
        let connects = || {
            let socket = bound(30_000);
            socket.connect(&SocketAddrV4::new(OURS, 80).into())?;
            patient(socket.into())
        };
        let linux = spawn(connects);
        let id = live.accept(80);
        let stream = joined(live, "Linux's connection", linux).expect("it connects");
        // Linux forgets the connection: it resets it, and the RST is lost.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option");
        live.path.loses = Box::new(|from, segment| from == From::Linux && segment.flags.rst);
        drop(stream);
        live.run_for(50 * MS);
        assert_eq!(live.endpoint.state(id), Some(State::Established));

        live.path.loses = Box::new(|_, _| false);
        let at = live.now();
        let linux = spawn(move || {
            let mut stream = connects()?;
            stream.write_all(b"x")?;
            stream.read(&mut [0])
        });
        let new = live.accept(80);
        let took = live.now() - at;
        assert!(took < 500 * MS, "{took:?}: {}", live.told());
        let challenge = live.since(at, From::Us).next().expect("an answer");
        assert_eq!(challenge.flags, Flags { ack: true, ..Flags::default() }, "{}", live.told());
        let read = live.endpoint.read(live.now(), id, &mut [0]).expect("an end");
        assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset), "the old connection");
        live.until("a byte", |endpoint, now| endpoint.read(now, new, &mut [0])).expect("no error");
        let now = live.now();
        live.endpoint.close(now, new);
        assert_eq!(joined(live, "Linux's end", linux).expect("no error"), 0);
    });
}

#[test]
fn who_answers_for_a_connection_that_we_do_not_have_is_reset_and_believes_it() {
    live(310, |live| {
        let (_, linux) = echoing(live);
        live.endpoint = Endpoint::new(Sysctls::default(), 999);
        // A segment of a connection that Linux has, and we no longer: it is Linux who gets to know.
        let at = live.now();
        let data = Segment { data: "x".into(), ..live.fitting(From::Us) };
        live.forge(From::Us, data);
        let ended = joined(live, "Linux's end", linux);
        assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset), "{}", live.told());
        assert!(live.since(at, From::Us).any(|segment| segment.flags.rst));
    });
}

#[test]
fn a_simultaneous_open_becomes_one_connection() {
    live(311, |live| {
        live.path.one_way = 50 * MS;
        // Both SYNs are under way before either arrives.
        let linux = spawn(|| {
            let socket = bound(30_000);
            socket.connect(&SocketAddrV4::new(OURS, 40_000).into())?;
            let mut stream = patient(socket.into())?;
            stream.write_all(b"x")?;
            stream.read(&mut [0])
        });
        live.until("Linux's SYN", |_, _| (!super::namespace::states().is_empty()).then_some(()));
        let tuple =
            Tuple { local: SocketAddrV4::new(OURS, 40_000), remote: SocketAddrV4::new(LINUX, 30_000) };
        let now = live.now();
        let id = live.endpoint.connect(now, tuple, &SocketOptions::default());
        let result = live.until("our connect", |endpoint, _| endpoint.connected(id));
        result.unwrap_or_else(|error| panic!("{error}\n{}", live.told()));
        assert_eq!(live.until("a byte", |e, now| e.read(now, id, &mut [0])).expect("no error"), 1);
        let now = live.now();
        live.endpoint.close(now, id);
        assert_eq!(joined(live, "Linux's end", linux).expect("no error"), 0);
    });
}
