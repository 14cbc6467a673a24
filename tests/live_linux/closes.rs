//! Connections end as both sides understand it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::thread::spawn;
use std::time::Duration;

use halfopen::net::SocketOptions;
use halfopen::packet::Segment;
use halfopen::tcp::{ConnId, State};
use socket2::SockRef;

use super::live::{Live, live};
use super::namespace::{CLOSE_WAIT, ESTABLISHED, TIME_WAIT, states};
use super::path::From;
use super::talk::{
    Talk, bound, bytes, connect, echo, echoed, exchange, joined, listener, patient, same, serve,
};

const MS: Duration = Duration::from_millis(1);

/// Reads until something other than "would block" comes of it; what it is.
fn read_end(live: &mut Live, id: ConnId) -> Result<usize, ErrorKind> {
    let read = live.until("an end to read", |endpoint, now| endpoint.read(now, id, &mut [0; 4_096]));
    read.map_err(|error| error.kind())
}

/// Goes on until our connection is in that state.
fn until_in(live: &mut Live, id: ConnId, state: State) {
    live.until(&format!("{state}"), |endpoint, _| (endpoint.state(id) == Some(state)).then_some(()));
}

/// Goes on until Linux's connections with us are in those states.
fn until_linux_in(live: &mut Live, expected: &[u8]) {
    live.until(&format!("{expected:?} on Linux"), |_, _| (states() == expected).then_some(()));
}

fn resets(live: &Live, from: From) -> Vec<&Segment> {
    live.since(Duration::ZERO, from).filter(|segment| segment.flags.rst).collect()
}

#[test]
fn when_we_close_first_time_wait_is_ours() {
    live(101, |live| {
        let linux = serve(listener(5_000), echo);
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        echoed(live, id, b"hello");
        let now = live.now();
        live.endpoint.close(now, id);
        joined(live, "Linux's end", linux).expect("an end in order");
        until_linux_in(live, &[]);
        assert!(resets(live, From::Us).is_empty() && resets(live, From::Linux).is_empty(), "{}", live.told());
        // Nothing but the wait keeps the port.
        let state = live.endpoint.state(id);
        assert!(matches!(state, None | Some(State::TimeWait)), "{state:?}");
    });
}

#[test]
fn when_linux_closes_first_time_wait_is_linuxs() {
    live(102, |live| {
        let linux = serve(listener(5_000), |mut stream| {
            stream.write_all(b"bye")?;
            Ok(())
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        joined(live, "Linux's end", linux).expect("no error");
        until_in(live, id, State::CloseWait);
        assert_eq!(read_end(live, id), Ok(3));
        assert_eq!(read_end(live, id), Ok(0));
        let now = live.now();
        live.endpoint.close(now, id);
        until_linux_in(live, &[TIME_WAIT]);
        live.run_for(100 * MS);
        assert!(
            matches!(live.endpoint.state(id), None | Some(State::Closed)),
            "{:?}",
            live.endpoint.state(id)
        );
        assert!(resets(live, From::Us).is_empty() && resets(live, From::Linux).is_empty(), "{}", live.told());
    });
}

#[test]
fn a_simultaneous_close_leaves_both_in_time_wait() {
    live(103, |live| {
        live.path.one_way = 60 * MS;
        let (closes, close) = std::sync::mpsc::channel();
        let linux = serve(listener(5_000), move |mut stream| {
            stream.write_all(b"hello")?;
            close.recv().expect("a signal");
            drop(stream);
            Ok(())
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        assert_eq!(read_end(live, id), Ok(5));
        closes.send(()).expect("it listens");
        let now = live.now();
        live.endpoint.close(now, id);
        joined(live, "Linux's end", linux).expect("no error");
        until_linux_in(live, &[TIME_WAIT]);
        // Each FIN left before the other arrived.
        let fin =
            |from| live.seen.iter().find(|seen| seen.from == from && seen.segment.flags.fin).expect("a FIN");
        let (ours, theirs) = (fin(From::Us), fin(From::Linux));
        assert!(ours.at < theirs.arrivals[0] && theirs.at < ours.arrivals[0]);
        assert!(resets(live, From::Us).is_empty() && resets(live, From::Linux).is_empty(), "{}", live.told());
    });
}

#[test]
fn a_half_closed_connection_still_carries_the_other_direction() {
    live(104, |live| {
        // Linux answers when it has heard all.
        let linux = serve(listener(5_000), |mut stream| {
            let mut got = Vec::new();
            stream.read_to_end(&mut got)?;
            stream.write_all(&bytes(2, 300_000))?;
            Ok(got)
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        let mut talk = Talk::new(id, bytes(1, 50_000));
        live.until("both ends", |endpoint, now| talk.go_on(endpoint, now).expect("no error").then_some(()));
        same("what we got", &talk.got, &bytes(2, 300_000));
        same("what Linux got", &joined(live, "Linux's end", linux).expect("no error"), &bytes(1, 50_000));

        // We answer when we have heard all.
        live.listen(80);
        let linux = spawn(|| {
            let mut stream = patient(connect(80)?)?;
            stream.write_all(&bytes(3, 50_000))?;
            stream.shutdown(Shutdown::Write)?;
            let mut got = Vec::new();
            stream.read_to_end(&mut got).map(|_| got)
        });
        let id = live.accept(80);
        let mut talk = Talk::new(id, bytes(4, 300_000));
        live.until("the end of Linux's stream", |endpoint, now| {
            talk.read(endpoint, now).expect("no error").then_some(())
        });
        live.run_for(50 * MS);
        live.until("the end of ours", |endpoint, now| {
            talk.write(endpoint, now).expect("no error").then_some(())
        });
        same("what Linux got", &joined(live, "Linux's end", linux).expect("no error"), &bytes(4, 300_000));
    });
}

#[test]
fn linux_resets_and_our_reader_is_told() {
    live(105, |live| {
        let linux = serve(listener(5_000), |stream| SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        joined(live, "Linux's end", linux).expect("no error");
        assert_eq!(read_end(live, id), Err(ErrorKind::ConnectionReset));
        let write = live.endpoint.write(live.now(), id, b"x");
        assert_eq!(write.expect("an error").map_err(|e| e.kind()), Err(ErrorKind::BrokenPipe));
        assert_eq!(resets(live, From::Us), Vec::<&Segment>::new(), "a RST is never answered");
    });
}

#[test]
fn linux_closes_with_our_data_unread_and_we_are_told() {
    live(106, |live| {
        let linux = serve(listener(5_000), |stream| {
            stream.peek(&mut [0])?;
            Ok(())
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        live.endpoint.write(live.now(), id, b"never read").expect("room").expect("a connection");
        joined(live, "Linux's end", linux).expect("no error");
        assert_eq!(read_end(live, id), Err(ErrorKind::ConnectionReset));
    });
}

#[test]
fn we_close_with_data_unread_and_linux_is_told() {
    live(107, |live| {
        let linux = serve(listener(5_000), |mut stream| {
            stream.write_all(b"never read")?;
            Ok(stream.read(&mut [0; 10]).map_err(|error| error.kind()))
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        live.until("Linux's data", |endpoint, _| endpoint.is_readable(id).then_some(()));
        let now = live.now();
        live.endpoint.close(now, id);
        let read = joined(live, "Linux's end", linux).expect("it writes");
        assert_eq!(read, Err(ErrorKind::ConnectionReset));
        until_linux_in(live, &[]);
    });
}

#[test]
fn we_close_without_linger_and_linux_is_told() {
    live(108, |live| {
        live.listen(80);
        let linux =
            spawn(|| Ok::<_, std::io::Error>(patient(connect(80)?)?.read(&mut [0]).map_err(|e| e.kind())));
        let id = live.accept(80);
        let now = live.now();
        let options = SocketOptions { linger: Some(Duration::ZERO), ..SocketOptions::default() };
        live.endpoint.set_options(now, id, &options).expect("an open connection");
        live.endpoint.close(now, id);
        let read = joined(live, "Linux's end", linux).expect("it connects");
        assert_eq!(read, Err(ErrorKind::ConnectionReset));
        assert_eq!(resets(live, From::Us).len(), 1, "{}", live.told());
    });
}

#[test]
fn who_writes_to_a_closed_socket_is_reset() {
    live(109, |live| {
        // Linux goes on writing after we have closed.
        let linux = serve(listener(5_000), |mut stream| {
            stream.write_all(b"a")?;
            let closed = stream.read(&mut [0])?;
            assert_eq!(closed, 0);
            stream.write_all(b"b")?;
            std::thread::sleep(100 * MS);
            Ok(stream.write_all(b"c").map_err(|error| error.kind()))
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        assert_eq!(read_end(live, id), Ok(1));
        let now = live.now();
        live.endpoint.close(now, id);
        let write = joined(live, "Linux's end", linux).expect("an end in order before that");
        assert_eq!(write, Err(ErrorKind::BrokenPipe), "{}", live.told());

        // We go on writing after Linux has closed.
        let linux = serve(listener(5_001), |_| Ok(()));
        let id = live.connect(40_001, 5_001, &SocketOptions::default());
        joined(live, "Linux's end", linux).expect("no error");
        assert_eq!(read_end(live, id), Ok(0));
        let write = |live: &mut Live| {
            let now = live.now();
            let result = live.until("a write", |endpoint, _| endpoint.write(now, id, b"x"));
            result.map_err(|error| error.kind())
        };
        assert_eq!(write(live), Ok(1));
        live.run_for(100 * MS);
        assert_eq!(write(live), Err(ErrorKind::BrokenPipe), "{}", live.told());
    });
}

#[test]
fn nobody_listens_and_the_connection_is_refused_on_either_side() {
    live(110, |live| {
        let tuple = halfopen::tcp::Tuple {
            local: std::net::SocketAddrV4::new(super::namespace::OURS, 40_000),
            remote: std::net::SocketAddrV4::new(super::namespace::LINUX, 5_000),
        };
        let now = live.now();
        let id = live.endpoint.connect(now, tuple, &SocketOptions::default());
        let result = live.until("the refusal", |endpoint, _| endpoint.connected(id));
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::ConnectionRefused));

        let linux = spawn(|| connect(80).map_err(|error| error.kind()).map(|_| ()));
        let result = joined(live, "Linux's refusal", linux);
        assert_eq!(result, Err(ErrorKind::ConnectionRefused), "{}", live.told());
    });
}

#[test]
fn the_handshake_survives_the_loss_of_each_of_its_segments() {
    // Which of the segments is lost: the SYN, the SYN-ACK, the ACK.
    for (seed, lost) in [(111, 0), (112, 1), (113, 2)] {
        live(seed, move |live| {
            let mut n = 0;
            live.path.loses = Box::new(move |_, _| {
                n += 1;
                n == lost + 1
            });
            let linux = serve(listener(5_000), |stream| exchange(stream, bytes(2, 5_000)));
            let id = live.connect(40_000, 5_000, &SocketOptions::default());
            let mut talk = Talk::new(id, bytes(1, 5_000));
            live.until("both ends", |endpoint, now| {
                talk.go_on(endpoint, now).expect("no error").then_some(())
            });
            same("what Linux got", &joined(live, "Linux's end", linux).expect("no error"), &bytes(1, 5_000));
            same("what we got", &talk.got, &bytes(2, 5_000));
        });
    }
}

#[test]
fn lost_fins_are_sent_again_by_either_side() {
    for (seed, loser) in [(114, From::Us), (115, From::Linux)] {
        live(seed, move |live| {
            let mut fins = 0;
            live.path.loses = Box::new(move |from, segment| {
                fins += usize::from(from == loser && segment.flags.fin);
                from == loser && segment.flags.fin && fins <= 2
            });
            let linux = serve(listener(5_000), |stream| exchange(stream, bytes(2, 5_000)));
            let id = live.connect(40_000, 5_000, &SocketOptions::default());
            let mut talk = Talk::new(id, bytes(1, 5_000));
            live.until("both ends", |endpoint, now| {
                talk.go_on(endpoint, now).expect("no error").then_some(())
            });
            let now = live.now();
            live.endpoint.close(now, id);
            same("what Linux got", &joined(live, "Linux's end", linux).expect("no error"), &bytes(1, 5_000));
            live.run_for(50 * MS);
            assert!(!states().contains(&ESTABLISHED) && !states().contains(&CLOSE_WAIT), "{:?}", states());
        });
    }
}

#[test]
fn a_port_in_our_time_wait_takes_a_new_connection_from_the_same_port() {
    live(116, |live| {
        live.listen(80);
        // Linux's port is the same both times. We close first, so that TIME-WAIT is ours.
        for round in 0..2_u8 {
            let linux = spawn(move || {
                let socket = bound(30_000);
                socket.connect(&std::net::SocketAddrV4::new(super::namespace::OURS, 80).into())?;
                let mut stream = patient(socket.into())?;
                stream.write_all(&[round])?;
                stream.read(&mut [0])
            });
            let id = live.accept(80);
            let mut byte = [9];
            let read = live.until("a byte", |endpoint, now| endpoint.read(now, id, &mut byte));
            assert_eq!((read.expect("no error"), byte[0]), (1, round));
            let now = live.now();
            live.endpoint.close(now, id);
            assert_eq!(joined(live, "Linux's end", linux).expect("no error"), 0);
            live.run_for(20 * MS);
        }
        assert!(resets(live, From::Us).is_empty(), "{}", live.told());
    });
}

#[test]
fn a_port_in_linuxs_time_wait_takes_a_new_connection_of_ours_from_the_same_port() {
    live(117, |live| {
        let listener = listener(5_000);
        for round in 0..2 {
            let linux =
                serve(listener.try_clone().expect("a handle"), move |mut stream| stream.write_all(&[round]));
            let id = live.connect(40_000, 5_000, &SocketOptions::default());
            joined(live, "Linux's end", linux).expect("no error");
            assert_eq!(read_end(live, id), Ok(1));
            assert_eq!(read_end(live, id), Ok(0));
            let now = live.now();
            live.endpoint.close(now, id);
            until_linux_in(live, &[TIME_WAIT]);
            live.run_for(20 * MS);
        }
    });
}
