//! Two endpoints and a link between them.

mod unreachable;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddrV4};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::net::{ListenOptions, SocketOptions};
use crate::parameter::{ms, secs};

const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 80);

/// Two machines and what is between them.
struct Pair {
    now: Duration,
    ends: [Endpoint; 2],
    one_way: Duration,
    loss: f64,
    random: ChaCha8Rng,
    flying: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    segments: Vec<Segment>,
    log: Vec<(Duration, usize, What)>,
    sent: [usize; 2],
}

impl Pair {
    fn new(sysctls: Sysctls, one_way: Duration, loss: f64, seed: u64) -> Self {
        Self {
            now: secs(1),
            ends: [Endpoint::new(sysctls, 1), Endpoint::new(sysctls, 2)],
            one_way,
            loss,
            random: ChaCha8Rng::seed_from_u64(seed),
            flying: BinaryHeap::new(),
            segments: Vec::new(),
            log: Vec::new(),
            sent: [0, 0],
        }
    }

    fn flush(&mut self) {
        for from in 0..2 {
            while let Some(Transmit { segment, .. }) = self.ends[from].poll_transmit() {
                self.sent[from] += 1;
                if self.random.random::<f64>() >= self.loss {
                    self.segments.push(segment);
                    let n = self.segments.len() - 1;
                    self.flying.push(Reverse((self.now + self.one_way, n as u64, 1 - from)));
                }
            }
            while let Some(event) = self.ends[from].poll_event() {
                if let Event::Happened { what, .. } = event {
                    self.log.push((self.now, from, what));
                }
            }
        }
    }

    /// Until `until`, or until `f` wants no more; it is called after everything that happens.
    fn run(&mut self, until: Duration, mut f: impl FnMut(&mut Self) -> bool) {
        loop {
            while f(self) {
                self.flush();
            }
            self.flush();
            let arrival = self.flying.peek().map(|Reverse((at, ..))| *at);
            let timers = self.ends.iter().filter_map(Endpoint::next_timeout).min();
            let Some(next) = arrival.into_iter().chain(timers).min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let Some(Reverse((_, n, to))) = self.flying.pop() else { return };
                let segment = self.segments[n as usize].clone();
                self.ends[to].receive(self.now, &segment);
            } else {
                for end in &mut self.ends {
                    end.on_timeout(self.now);
                }
            }
        }
    }

    fn connect(&mut self) -> (ConnId, ConnId) {
        self.ends[1].listen(SERVER.port(), &ListenOptions::default());
        let tuple = Tuple { local: CLIENT, remote: SERVER };
        let client = self.ends[0].connect(self.now, tuple, &SocketOptions::default());
        let mut server = None;
        self.run(self.now + secs(60), |pair| {
            server = server.or_else(|| pair.ends[1].accept(SERVER.port()));
            false
        });
        (client, server.expect("the handshake gets through"))
    }

    /// Writes `len` bytes at the server; returns when the client has read all of them.
    fn transfer(&mut self, client: ConnId, server: ConnId, len: usize) -> Option<Duration> {
        let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let (mut written, mut got) = (0, Vec::new());
        let mut done = None;
        self.run(self.now + secs(300), |pair| {
            let now = pair.now;
            let mut more = false;
            while written < len
                && let Some(n) = pair.ends[1].write(now, server, &data[written..])
            {
                written += n.expect("the connection lives");
                more = true;
            }
            let mut buffer = [0; 16384];
            while let Some(n) = pair.ends[0].read(now, client, &mut buffer) {
                let n = n.expect("the connection lives");
                if n == 0 {
                    break;
                }
                got.extend_from_slice(&buffer[..n]);
                more = true;
            }
            if got.len() == len {
                done.get_or_insert(now);
            }
            more
        });
        assert!(got == data, "{} of {len} bytes, or others", got.len());
        done
    }
}

#[test]
fn a_stream_arrives_whole_whatever_is_lost() {
    for sysctls in [
        Sysctls::default(),
        Sysctls { sack: false, ..Sysctls::default() },
        Sysctls { timestamps: false, ..Sysctls::default() },
        Sysctls { timers: super::super::TimerPolicy::Rfc6298, ..Sysctls::default() },
    ] {
        for (seed, loss) in [(1, 0.0), (2, 0.02), (3, 0.1), (4, 0.2)] {
            let mut pair = Pair::new(sysctls, ms(30), loss, seed);
            let (client, server) = pair.connect();
            let begin = pair.now;
            let done = pair.transfer(client, server, 300_000).expect("all of it");
            println!("loss {loss}: {:?}, {:?} segments", done - begin, pair.sent);
        }
    }
}

#[test]
fn both_close_and_only_the_first_keeps_a_time_wait() {
    let mut pair = Pair::new(Sysctls::default(), ms(30), 0.0, 1);
    let (client, server) = pair.connect();
    pair.ends[0].close(pair.now, client);
    let mut closed = false;
    pair.run(pair.now + secs(10), |pair| {
        let now = pair.now;
        if !closed && matches!(pair.ends[1].read(now, server, &mut [0]), Some(Ok(0))) {
            pair.ends[1].close(now, server);
            closed = true;
            return true;
        }
        false
    });
    assert_eq!(pair.ends[0].time_waits().count(), 1);
    assert_eq!((pair.ends[0].ids().count(), pair.ends[1].ids().count()), (0, 0));
    pair.run(pair.now + secs(70), |_| false);
    assert_eq!(pair.ends[0].time_waits().count(), 0);
    assert_eq!(pair.ends.iter().map(Endpoint::timers).sum::<usize>(), 0, "no timer is left");
}
