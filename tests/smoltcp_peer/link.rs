//! Two sides, a link between them, a process on each; virtual time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use halfopen::packet::Segment;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::side::{Read, Side};

/// More turns than this at one instant are a side that asks to be called for ever.
const SPIN: usize = 10_000;

/// What a process does.
#[derive(Debug, Clone)]
pub struct Process {
    /// Sizes of its writes in bytes, each with the pause after it. Behind them it closes its direction.
    pub writes: Vec<(usize, Duration)>,
    /// How much it reads at once, and the pause after it.
    pub reads: (usize, Duration),
}

/// What the link does, the same both ways.
#[derive(Debug, Clone)]
pub struct Link {
    pub seed: u64,
    pub one_way: Duration,
    pub jitter: Duration,
    /// Shares of the packets.
    pub loss: f64,
    pub duplicate: f64,
    pub reorder: f64,
    /// When nothing gets through.
    pub cuts: Vec<Range<Duration>>,
}

/// A segment that was sent.
#[derive(Debug)]
pub struct Sent {
    pub at: Duration,
    pub from: usize,
    pub segment: Segment,
    pub arrivals: Vec<Duration>,
}

/// A process at work.
struct Working<'a> {
    process: &'a Process,
    salt: usize,
    /// Writes that are done, and bytes of the next one.
    done: usize,
    part: usize,
    written: usize,
    shut: bool,
    got: usize,
    ended: bool,
    /// Until when it pauses, writing and reading.
    writes_at: Duration,
    reads_at: Duration,
}

/// What a side may send, from what has reached it; and what it has said itself.
#[derive(Debug, Default, Clone, Copy)]
struct Window {
    /// The highest number that the peer has allowed it to send, excluded.
    allowed: Option<u32>,
    /// The highest number that it has allowed the peer, excluded.
    promised: Option<u32>,
}

/// Two sides and their link.
pub struct Wire {
    sides: [Box<dyn Side>; 2],
    link: Link,
    rng: ChaCha8Rng,
    sent: Vec<Sent>,
    under_way: BTreeMap<(Duration, usize), (usize, Segment)>,
    windows: [Window; 2],
    syn_shifts: [Option<Option<u8>>; 2],
    last: [Duration; 2],
}

/// The `i`-th byte of a stream: neighbours differ, and so do the two directions.
fn byte(salt: usize, i: usize) -> u8 {
    let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (salt as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (x >> 40) as u8
}

/// Whether `a` comes before `b`.
fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

fn later(a: Option<u32>, b: u32) -> Option<u32> {
    Some(a.filter(|a| before(b, *a)).unwrap_or(b))
}

impl<'a> Working<'a> {
    fn new(process: &'a Process, salt: usize) -> Self {
        Self {
            process,
            salt,
            done: 0,
            part: 0,
            written: 0,
            shut: false,
            got: 0,
            ended: false,
            writes_at: Duration::ZERO,
            reads_at: Duration::ZERO,
        }
    }

    fn to_write(&self) -> usize {
        self.process.writes.iter().map(|(size, _)| size).sum()
    }

    /// Does what it can; returns when it wants to go on if nothing happens before.
    fn go_on(
        &mut self,
        now: Duration,
        side: &mut dyn Side,
        expected: usize,
    ) -> Result<Option<Duration>, String> {
        while let Some(&(size, pause)) = self.process.writes.get(self.done).filter(|_| self.writes_at <= now)
        {
            let data: Vec<u8> =
                (self.written..self.written + size - self.part).map(|i| byte(self.salt, i)).collect();
            let n = side.write(now, &data)?;
            if n == 0 {
                break;
            }
            (self.written, self.part) = (self.written + n, self.part + n);
            if self.part == size {
                (self.done, self.part, self.writes_at) = (self.done + 1, 0, now + pause);
            }
        }
        let mut buffer = vec![0; self.process.reads.0];
        while !self.ended && self.reads_at <= now {
            match side.read(now, &mut buffer)? {
                Read::Nothing => break,
                Read::End => {
                    self.ended = true;
                    if self.got != expected {
                        return Err(format!("the stream ends after {} of {expected} bytes", self.got));
                    }
                }
                Read::Data(n) => {
                    let wrong = (0..n).find(|i| buffer[*i] != byte(1 - self.salt, self.got + i));
                    if let Some(i) = wrong {
                        return Err(format!("byte {} is wrong", self.got + i));
                    }
                    self.got += n;
                    self.reads_at = now + self.process.reads.1;
                }
            }
        }
        if !self.shut
            && self.done == self.process.writes.len()
            && self.writes_at <= now
            && side.stands(now)?
        {
            self.shut = true;
            side.shutdown(now);
        }
        Ok([self.writes_at, self.reads_at].into_iter().filter(|at| *at > now).min())
    }

    fn is_done(&self) -> bool {
        self.shut && self.ended
    }
}

impl Wire {
    pub fn new(sides: [Box<dyn Side>; 2], link: Link) -> Self {
        Self {
            sides,
            rng: ChaCha8Rng::seed_from_u64(link.seed),
            link,
            sent: Vec::new(),
            under_way: BTreeMap::new(),
            windows: Default::default(),
            syn_shifts: [None; 2],
            last: [Duration::ZERO; 2],
        }
    }

    /// Runs until both sides have closed; what was sent. An error says what went wrong, and what was sent last.
    pub fn run(mut self, processes: &[Process; 2], most: Duration) -> Result<Vec<Sent>, String> {
        match self.go(processes, most) {
            Ok(()) => Ok(self.sent),
            Err(error) => Err(format!("{error}\n{}", self.told())),
        }
    }

    fn go(&mut self, processes: &[Process; 2], most: Duration) -> Result<(), String> {
        let mut working = [Working::new(&processes[0], 0), Working::new(&processes[1], 1)];
        let mut now = Duration::ZERO;
        let mut spins = 0;
        loop {
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
                let (to, segment) = entry.remove();
                self.arrives(to, &segment);
                self.sides[to].receive(now, &segment);
                self.transmit(now, to)?;
            }
            let mut next = None;
            for n in 0..2 {
                if self.sides[n].next_timeout(now).is_some_and(|at| at <= now) {
                    self.sides[n].on_timeout(now);
                }
                self.transmit(now, n)?;
                let expected = working[1 - n].to_write();
                let wakes = working[n].go_on(now, &mut *self.sides[n], expected);
                let wakes = wakes.map_err(|error| format!("side {n} at {now:?}: {error}"))?;
                self.transmit(now, n)?;
                let due = self.sides[n].next_timeout(now);
                next = [next, wakes, due].into_iter().flatten().min();
            }
            if working.iter().all(Working::is_done) && self.sides.iter().all(|side| side.is_closed()) {
                return Ok(());
            }
            let arrives = self.under_way.keys().next().map(|(at, _)| *at);
            let Some(next) = [next, arrives].into_iter().flatten().min() else {
                return Err(format!("at {now:?} nothing will ever happen"));
            };
            spins = if next <= now { spins + 1 } else { 0 };
            if spins > SPIN {
                return Err(format!("at {now:?} time stands still"));
            }
            now = now.max(next);
            if now > most {
                return Err(format!("after {now:?} they have not closed"));
            }
        }
    }

    fn transmit(&mut self, now: Duration, from: usize) -> Result<(), String> {
        for segment in self.sides[from].transmit(now) {
            let arrivals = self.arrivals(now, from);
            for (copy, at) in arrivals.iter().enumerate() {
                self.under_way.insert((*at, self.sent.len() << 1 | copy), (1 - from, segment.clone()));
            }
            let kept = if self.sides[from].is_ours() { self.leaves(from, &segment) } else { Ok(()) };
            self.sent.push(Sent { at: now, from, segment, arrivals });
            kept.map_err(|error| format!("side {from} at {now:?} {error}"))?;
        }
        Ok(())
    }

    /// When the copies of a packet arrive.
    fn arrivals(&mut self, now: Duration, from: usize) -> Vec<Duration> {
        // Each packet takes as many draws as any other.
        let [lost, repeated, overtaken, late, jitter]: [f64; 5] = std::array::from_fn(|_| self.rng.random());
        let link = &self.link;
        if link.cuts.iter().any(|cut| cut.contains(&now)) || lost < link.loss {
            return Vec::new();
        }
        let at = now + link.one_way + link.jitter.mul_f64(jitter);
        let at = if overtaken < link.reorder {
            at + link.one_way.max(Duration::from_millis(5)).mul_f64(3.0 * late)
        } else {
            self.last[from] = self.last[from].max(at);
            self.last[from]
        };
        if repeated < link.duplicate { vec![at, at + link.jitter] } else { vec![at] }
    }

    /// A segment reaches a side: what it allows.
    fn arrives(&mut self, to: usize, segment: &Segment) {
        if segment.flags.rst {
            return;
        }
        let shift = self.shift(1 - to, segment);
        if let Some(ack) = segment.ack {
            let edge = ack.wrapping_add(u32::from(segment.window) << shift);
            self.windows[to].allowed = later(self.windows[to].allowed, edge);
        }
    }

    /// A segment leaves a side of ours: whether it keeps to what it has been told, and to what it has said itself.
    fn leaves(&mut self, from: usize, segment: &Segment) -> Result<(), String> {
        if segment.flags.rst {
            return Ok(());
        }
        let shift = self.shift(from, segment);
        let window = &mut self.windows[from];
        let end = segment.seq.wrapping_add(segment.data_len());
        if segment.data_len() > 0 && window.allowed.is_none_or(|allowed| before(allowed, end)) {
            return Err(format!("sends beyond the window: up to {end}, not {:?}", window.allowed));
        }
        if let Some(ack) = segment.ack {
            let edge = ack.wrapping_add(u32::from(segment.window) << shift);
            if segment.window == 0 {
                // Linux takes it all back when it finds no memory (ICSK_ACK_NOMEM), and begins anew.
                window.promised = Some(edge);
                return Ok(());
            }
            // Scaled, a window is a multiple of some bytes.
            let least = window.promised.map(|promised| promised.wrapping_sub((1 << shift) - 1));
            if least.is_some_and(|least| before(edge, least)) {
                return Err(format!("takes back a window: {edge} after {:?}", window.promised));
            }
            window.promised = later(window.promised, edge);
        }
        Ok(())
    }

    /// The shift of the window in a segment of a side's: none in a SYN, nor before both have offered one.
    fn shift(&mut self, from: usize, segment: &Segment) -> u8 {
        if segment.flags.syn {
            self.syn_shifts[from] = Some(segment.options.window_scale);
            return 0;
        }
        match self.syn_shifts {
            [Some(Some(a)), Some(Some(b))] => [a, b][from],
            _ => 0,
        }
    }

    /// The last segments, a line each.
    fn told(&self) -> String {
        let mut out = format!("{}, {}; the last segments:\n", self.sides[0].told(), self.sides[1].told());
        for Sent { at, from, segment: s, arrivals } in &self.sent[self.sent.len().saturating_sub(40)..] {
            let ack = s.ack.map_or(String::new(), |ack| format!(" ack {ack}"));
            let sack =
                if s.options.sack.is_empty() { String::new() } else { format!(" sack {:?}", s.options.sack) };
            let (flags, len) = (s.flags, s.data.len());
            writeln!(
                out,
                "{at:?} {from}: {flags} seq {}+{len}{ack} win {}{sack}, arrives {arrivals:?}",
                s.seq, s.window
            )
            .expect("a string takes all");
        }
        out
    }
}
