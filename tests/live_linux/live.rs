//! Our endpoint and Linux's kernel, joined, in real time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use bytes::Bytes;
use halfopen::net::{ListenOptions, SocketOptions};
use halfopen::packet::{Segment, Transport};
use halfopen::tcp::{ConnId, Endpoint, Sysctls, Tuple};

use super::namespace::{LINUX, OURS, Tun};
use super::path::{From, Path};
use crate::common;

/// No step of a test takes longer, however busy the machine is and however often one segment is lost: at a loss of 20 % both
/// ways, 100 kB each way took two Linux kernels 0.04 to 17 s (32 runs).
pub const LIMIT: Duration = Duration::from_secs(100);
/// How often the threads on Linux's side are looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// A segment that was sent, and when it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Duration,
    pub from: From,
    pub segment: Segment,
    pub arrivals: Vec<Duration>,
}

/// Our endpoint on one side, Linux on the other.
pub struct Live {
    tun: Tun,
    epoch: Instant,
    pub endpoint: Endpoint,
    pub path: Path,
    /// Every segment so far.
    pub seen: Vec<Seen>,
    /// What is under way, by the time of its arrival.
    under_way: BTreeMap<(Duration, usize), (From, Segment)>,
}

/// Runs a test in a namespace of its own, in which its threads are Linux's side.
pub fn live(seed: u64, test: impl FnOnce(&mut Live) + Send + 'static) {
    live_with(seed, Sysctls::default(), test);
}

/// The same with other settings of our endpoint.
pub fn live_with(seed: u64, sysctls: Sysctls, test: impl FnOnce(&mut Live) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let tun = match Tun::enter() {
            Ok(tun) => tun,
            Err(error) => return Some(error),
        };
        let mut live = Live {
            tun,
            epoch: Instant::now(),
            endpoint: Endpoint::new(sysctls, seed),
            path: Path::new(seed),
            seen: Vec::new(),
            under_way: BTreeMap::new(),
        };
        test(&mut live);
        None
    });
    match thread.join() {
        Ok(None) => {}
        Ok(Some(error)) => common::missing(&format!("no network namespace with a TUN device ({error})")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Runs a test once for each case and its seed, all at the same time: most of it is waiting.
pub fn each<T: Send + 'static>(cases: impl IntoIterator<Item = (u64, T)>, test: fn(&mut Live, T)) {
    let runs = cases.into_iter();
    let runs: Vec<_> = runs
        .map(|(seed, case)| std::thread::spawn(move || live(seed, move |live| test(live, case))))
        .collect();
    for run in runs {
        if let Err(panic) = run.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Live {
    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Goes on until `done` has an answer; it is asked at every turn, and may use our endpoint.
    pub fn until<T>(&mut self, what: &str, mut done: impl FnMut(&mut Endpoint, Duration) -> Option<T>) -> T {
        let deadline = self.now() + LIMIT;
        loop {
            let now = self.now();
            self.deliver(now);
            if self.endpoint.next_timeout().is_some_and(|at| at <= now) {
                self.endpoint.on_timeout(now);
            }
            let answer = done(&mut self.endpoint, now);
            while self.endpoint.poll_event().is_some() {}
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.sent(now, From::Us, transmit.segment);
            }
            if let Some(answer) = answer {
                return answer;
            }
            assert!(now < deadline, "{what} has not happened.\n{}", self.told());
            self.wait();
            while let Some(packet) = self.tun.receive() {
                // The kernel looks for IPv6 routers, too.
                if let Ok(Transport::Tcp(segment)) = Transport::received(&packet) {
                    let now = self.now();
                    self.sent(now, From::Linux, segment);
                }
            }
        }
    }

    /// Goes on for that long.
    pub fn run_for(&mut self, lasts: Duration) {
        let end = self.now() + lasts;
        self.until("the end of a pause", |_, now| (now >= end).then_some(()));
    }

    /// Sends a segment as if the other side, or we, had done so, and at once.
    pub fn forge(&mut self, from: From, segment: Segment) {
        let now = self.now();
        self.seen.push(Seen { at: now, from, segment: segment.clone(), arrivals: vec![now] });
        self.under_way.insert((now, self.seen.len() << 1), (from, segment));
    }

    /// A segment that fits into the connection of the one sent last by `from`: no flags, no data.
    pub fn fitting(&self, from: From) -> Segment {
        let newest = |from| &self.seen.iter().rfind(|seen| seen.from == from).expect("it has sent").segment;
        let (own, other) = (newest(from), newest(if from == From::Us { From::Linux } else { From::Us }));
        Segment { seq: own.end(), ack: Some(other.end()), data: Bytes::new(), ..own.clone() }
    }

    /// Segments sent by a side since a moment.
    pub fn since(&self, at: Duration, from: From) -> impl Iterator<Item = &Segment> {
        self.seen.iter().filter(move |seen| seen.at >= at && seen.from == from).map(|seen| &seen.segment)
    }

    fn sent(&mut self, now: Duration, from: From, segment: Segment) {
        let arrivals = self.path.arrivals(now, from, &segment);
        for (copy, at) in arrivals.iter().enumerate() {
            self.under_way.insert((*at, self.seen.len() << 1 | copy), (from, segment.clone()));
        }
        self.seen.push(Seen { at: now, from, segment, arrivals });
    }

    fn deliver(&mut self, now: Duration) {
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                (From::Us, segment) => self.tun.send(&Transport::Tcp(segment).emit()),
                (From::Linux, segment) => {
                    self.endpoint.receive(now, &segment);
                    while let Some(transmit) = self.endpoint.poll_transmit() {
                        self.sent(now, From::Us, transmit.segment);
                    }
                }
            }
        }
    }

    /// Waits for the next thing to do.
    fn wait(&self) {
        let next = self.under_way.keys().next().map(|(at, _)| *at);
        let next = [next, self.endpoint.next_timeout()].into_iter().flatten().min();
        let pause = next.map_or(GLANCE, |at| at.saturating_sub(self.now()).min(GLANCE));
        self.tun.wait(pause);
    }

    /// The last segments, a line each.
    pub fn told(&self) -> String {
        let mut out = format!("The last segments at {:.6} s:\n", self.now().as_secs_f64());
        for seen in &self.seen[self.seen.len().saturating_sub(60)..] {
            let Seen { at, from, segment: s, arrivals } = seen;
            let ack = s.ack.map_or(String::new(), |ack| format!(" ack {ack}"));
            let fate = match arrivals.first() {
                None => "lost".to_owned(),
                Some(first) => format!("arrives {:.6}", first.as_secs_f64()),
            };
            writeln!(
                out,
                "{:.6} {from:?} {}:{}>{} {} seq {}+{}{ack} win {} {:?} {fate}",
                at.as_secs_f64(),
                if arrivals.len() > 1 { "twice " } else { "" },
                s.src.port(),
                s.dst.port(),
                s.flags,
                s.seq,
                s.data.len(),
                s.window,
                s.options,
            )
            .expect("a string takes all");
        }
        out
    }

    /// Our connection to a port of Linux, from a port of ours, once it stands.
    pub fn connect(&mut self, from: u16, to: u16, options: &SocketOptions) -> ConnId {
        let tuple = Tuple { local: SocketAddrV4::new(OURS, from), remote: SocketAddrV4::new(LINUX, to) };
        let now = self.now();
        let id = self.endpoint.connect(now, tuple, options);
        let result = self.until("our connect", |endpoint, _| endpoint.connected(id));
        result.unwrap_or_else(|error| panic!("our connect: {error}\n{}", self.told()));
        id
    }

    /// We listen on a port.
    pub fn listen(&mut self, port: u16) {
        self.endpoint.listen(port, &ListenOptions::default());
    }

    /// The next connection to a port on which we listen.
    pub fn accept(&mut self, port: u16) -> ConnId {
        self.until("our accept", |endpoint, _| endpoint.accept(port))
    }
}
