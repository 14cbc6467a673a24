//! Probes: of a peer that is silent, of a window that is closed.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use halfopen::net::{Keepalive, SocketOptions};
use socket2::{SockRef, TcpKeepalive};

use super::live::{Live, live};
use super::path::From;
use super::talk::{Talk, bytes, echo, echoed, joined, listener, same, serve};

const MS: Duration = Duration::from_millis(1);

/// Segments without data from a side that begin one before what is due: keepalives, and probes of a closed window.
fn probes(live: &Live, since: Duration, from: From) -> usize {
    let mut due = None;
    let mut probes = 0;
    for seen in live.seen.iter().filter(|seen| seen.from == from) {
        let segment = &seen.segment;
        let before = due.is_some_and(|due: u32| segment.seq == due.wrapping_sub(1));
        probes += usize::from(before && segment.data.is_empty() && seen.at >= since && !segment.flags.rst);
        if due.is_none_or(|due| (segment.end().wrapping_sub(due) as i32) > 0) {
            due = Some(segment.end());
        }
    }
    probes
}

/// A process on Linux's side that does not read before it is told to, with a small buffer, and what is written to it.
struct Reader {
    resumes: Sender<()>,
    linux: JoinHandle<io::Result<Vec<u8>>>,
    talk: Talk,
    total: usize,
}

impl Reader {
    fn stopped(live: &mut Live, total: usize) -> Self {
        let (resumes, resume) = channel();
        let listener = listener(5_000);
        SockRef::from(&listener).set_recv_buffer_size(20_000).expect("an option");
        let linux = serve(listener, move |mut stream| {
            resume.recv().expect("a signal");
            let mut got = Vec::new();
            stream.read_to_end(&mut got).map(|_| got)
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        Self { resumes, linux, talk: Talk::new(id, bytes(1, total)), total }
    }

    /// It is written to for so long.
    fn written_to(&mut self, live: &mut Live, lasts: Duration) {
        let end = live.now() + lasts;
        live.until("a pause", |endpoint, now| {
            self.talk.write(endpoint, now).expect("no error");
            (now >= end).then_some(())
        });
    }

    /// It reads on, and all arrives.
    fn reads_on(mut self, live: &mut Live) {
        self.resumes.send(()).expect("it waits");
        live.until("the end", |endpoint, now| {
            self.talk.write(endpoint, now).expect("no error");
            self.linux.is_finished().then_some(())
        });
        let got = joined(live, "Linux's end", self.linux).expect("no error");
        same("what Linux got", &got, &bytes(1, self.total));
    }
}

#[test]
fn linux_answers_our_keepalives_and_the_connection_lives() {
    live(201, |live| {
        let linux = serve(listener(5_000), echo);
        // Linux answers one such probe in half a second (tcp_invalid_ratelimit).
        let keepalive = Some(Keepalive { idle: 600 * MS, interval: 600 * MS, count: 2 });
        let id = live.connect(40_000, 5_000, &SocketOptions { keepalive, ..SocketOptions::default() });
        echoed(live, id, b"hello");
        let at = live.now();
        live.run_for(2_700 * MS);
        let sent = probes(live, at, From::Us);
        assert!((3..=4).contains(&sent), "{sent} probes: {}", live.told());
        // One answer each, and nothing else.
        assert_eq!(live.since(at, From::Linux).count(), sent, "{}", live.told());
        echoed(live, id, b"still there");
        let now = live.now();
        live.endpoint.close(now, id);
        joined(live, "Linux's end", linux).expect("an end in order");
    });
}

#[test]
fn our_keepalives_end_a_connection_that_linux_no_longer_answers() {
    live(202, |live| {
        let linux = serve(listener(5_000), |mut stream| Ok(stream.read(&mut [0]).map_err(|e| e.kind())));
        let keepalive = Some(Keepalive { idle: 300 * MS, interval: 300 * MS, count: 3 });
        let id = live.connect(40_000, 5_000, &SocketOptions { keepalive, ..SocketOptions::default() });
        live.path.loses = Box::new(|from, _| from == From::Linux);
        let at = live.now();
        let read = live.until("the verdict", |endpoint, now| endpoint.read(now, id, &mut [0]));
        assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
        let took = live.now() - at;
        assert!((1_100 * MS..1_800 * MS).contains(&took), "{took:?}");
        // The RST that goes with it is understood.
        let read = joined(live, "Linux's end", linux).expect("it accepts");
        assert_eq!(read, Err(ErrorKind::ConnectionReset), "{}", live.told());
    });
}

#[test]
fn we_answer_linuxs_keepalives_and_the_connection_lives() {
    live(203, |live| {
        let linux = serve(listener(5_000), |stream| {
            let keepalive = TcpKeepalive::new()
                .with_time(Duration::from_secs(1))
                .with_interval(Duration::from_secs(1))
                .with_retries(1);
            SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
            echo(stream)
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        echoed(live, id, b"hello");
        let at = live.now();
        // Unanswered, the first of them would have ended the connection by then.
        live.run_for(2_700 * MS);
        let sent = probes(live, at, From::Linux);
        assert!((2..=3).contains(&sent), "{sent} probes: {}", live.told());
        assert_eq!(live.since(at, From::Us).count(), sent, "one answer each: {}", live.told());
        echoed(live, id, b"still there");
        let now = live.now();
        live.endpoint.close(now, id);
        joined(live, "Linux's end", linux).expect("an end in order");
    });
}

#[test]
fn linux_stops_reading_and_reads_on_and_all_arrives() {
    live(204, |live| {
        let mut reader = Reader::stopped(live, 400_000);
        // Until Linux has closed its window, and a while more.
        reader.written_to(live, 1_500 * MS);
        let closed = live.since(Duration::ZERO, From::Linux).any(|s| s.window == 0 && !s.flags.syn);
        assert!(closed, "Linux's window is open: {}", live.told());
        let sent = probes(live, Duration::ZERO, From::Us);
        assert!((2..=6).contains(&sent), "{sent} probes: {}", live.told());
        reader.reads_on(live);
    });
}

#[test]
fn we_stop_reading_and_read_on_and_all_arrives() {
    live(205, |live| {
        // More than both sides' buffers hold at first.
        let linux = serve(listener(5_000), |mut stream| stream.write_all(&bytes(2, 8 << 20)));
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        let at = live.now();
        live.run_for(1_800 * MS);
        let closed = live.since(at, From::Us).any(|s| s.window == 0);
        assert!(closed, "our window is open: {}", live.told());
        let asked = probes(live, at, From::Linux);
        assert!(asked >= 2, "Linux asks: {}", live.told());
        let mut talk = Talk::new(id, Vec::new());
        live.until("the end", |endpoint, now| talk.read(endpoint, now).expect("no error").then_some(()));
        same("what we got", &talk.got, &bytes(2, 8 << 20));
        joined(live, "Linux's end", linux).expect("no error");
    });
}

#[test]
fn a_reader_that_is_slow_on_either_side_gets_all() {
    live(206, |live| {
        let slow = listener(5_000);
        SockRef::from(&slow).set_recv_buffer_size(8_192).expect("an option");
        let linux = serve(slow, |mut stream| {
            let mut got = Vec::new();
            let mut buffer = [0; 4_096];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(got),
                    n => got.extend_from_slice(&buffer[..n]),
                }
                std::thread::sleep(5 * MS);
            }
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        let mut talk = Talk::new(id, bytes(1, 500_000));
        live.until("the end", |endpoint, now| {
            talk.write(endpoint, now).expect("no error");
            linux.is_finished().then_some(())
        });
        same("what Linux got", &joined(live, "Linux's end", linux).expect("no error"), &bytes(1, 500_000));
    });
}

#[test]
fn a_lost_window_update_is_made_up_for_by_a_probe() {
    live(207, |live| {
        let mut reader = Reader::stopped(live, 200_000);
        reader.written_to(live, 600 * MS);
        // What Linux says of its own accord in the next moment is lost.
        let until = live.now() + 100 * MS;
        let now = live.now();
        live.path.outages = vec![now..until];
        reader.reads_on(live);
    });
}

#[test]
fn no_segment_is_longer_than_half_of_a_small_window() {
    live(208, |live| {
        live.path.one_way = 20 * MS;
        let listener = listener(5_000);
        SockRef::from(&listener).set_recv_buffer_size(1_460).expect("an option");
        let linux = serve(listener, |mut stream| {
            let mut got = Vec::new();
            stream.read_to_end(&mut got).map(|_| got)
        });
        let id = live.connect(40_000, 5_000, &SocketOptions::default());
        let at = live.now();
        let mut talk = Talk::new(id, bytes(1, 20_000));
        live.until("the end", |endpoint, now| {
            talk.write(endpoint, now).expect("no error");
            linux.is_finished().then_some(())
        });
        let took = live.now() - at;
        same("what Linux got", &joined(live, "Linux's end", linux).expect("no error"), &bytes(1, 20_000));
        // SWS avoidance in the sender (Linux's tcp_bound_to_half_wnd()): some 28 of them, a round trip each.
        let longest = live.since(at, From::Us).map(|segment| segment.data.len()).max();
        assert!(longest <= Some(724), "{longest:?}");
        assert!(took < 2_500 * MS, "{took:?}: {}", live.told());
    });
}
