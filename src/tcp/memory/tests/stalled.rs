//! A writer, two buffers and a reader that does not read, held against the byte counts measured on Linux. The
//! connection between them is as simple as it can be: no loss, and of Linux's rules only those the counts depend on.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::*;
use crate::parameter::{ms, secs};
use crate::tcp::congestion::{Congestion, CongestionControl};

/// Data of a full segment: 1,460 bytes less the timestamps.
const MSS: u32 = 1448;

/// What happens at an instant.
enum Happens {
    Segment { len: u32, pushed: bool },
    Acknowledgement { ack: u64, window: u32 },
    DelayedAck { of: u64 },
    Probe,
    Write,
}

/// The writer's and the reader's ends of one connection without loss; the reader never reads.
struct Stalled {
    now: Duration,
    one_way: Duration,
    nagle: bool,
    agenda: BTreeMap<(Duration, u64), Happens>,
    planned: u64,
    // The writer.
    message: usize,
    every: Duration,
    send: SendMemory,
    congestion: Congestion,
    written: u64,
    nxt: u64,
    last_sent: Duration,
    una: u64,
    right_edge: u64,
    max_window: u32,
    flight: VecDeque<u32>,
    most_in_flight: u32,
    probes: u32,
    is_probing: bool,
    is_blocked: bool,
    first_refusal: Option<u64>,
    // The reader.
    receive: ReceiveMemory,
    received: u64,
    acknowledged: u64,
    offered_edge: u64,
    ack_due: Option<Duration>,
    quick_acks: u32,
}

impl Stalled {
    /// `message` bytes at a time, as fast as they are taken or one every so often.
    fn new(
        rtt: Duration,
        message: usize,
        every: Duration,
        sndbuf: Option<u64>,
        rcvbuf: Option<u64>,
    ) -> Stalled {
        let (mut send, mut receive) =
            (SendMemory::new(16 << 10, 4 << 20, sndbuf, 2), ReceiveMemory::new(128 << 10, 32 << 20, rcvbuf));
        let (window, shift) = receive.initial_window(MSS);
        receive.established(secs(0), MSS, MSS, shift);
        send.established(1460, 10);
        Stalled {
            now: secs(0),
            one_way: rtt / 2,
            nagle: every.is_zero(),
            agenda: BTreeMap::new(),
            planned: 0,
            message,
            every,
            send,
            congestion: Congestion::new(CongestionControl::Cubic, true),
            written: 0,
            nxt: 0,
            last_sent: secs(0),
            una: 0,
            right_edge: window.into(),
            max_window: window,
            flight: VecDeque::new(),
            most_in_flight: 0,
            probes: 0,
            is_probing: false,
            is_blocked: false,
            first_refusal: None,
            receive,
            received: 0,
            acknowledged: 0,
            offered_edge: window.into(),
            ack_due: None,
            quick_acks: 16,
        }
    }

    fn plan(&mut self, after: Duration, what: Happens) {
        self.planned += 1;
        self.agenda.insert((self.now + after, self.planned), what);
    }

    /// Until nothing has been written for several probes. What was taken before the first refusal, and at all.
    fn run(mut self) -> (u64, u64) {
        self.plan(secs(0), Happens::Write);
        while let Some(((at, _), what)) = self.agenda.pop_first() {
            self.now = at;
            match what {
                Happens::Write => self.write(),
                Happens::Segment { len, pushed } => self.segment(len, pushed),
                Happens::Acknowledgement { ack, window } => self.acknowledgement(ack, window),
                Happens::DelayedAck { of } if self.acknowledged < of => self.acknowledge(),
                Happens::Probe if self.flight.is_empty() && self.nxt < self.written => self.probe(),
                Happens::DelayedAck { .. } | Happens::Probe => {}
            }
        }
        (self.first_refusal.unwrap(), self.written)
    }

    fn write(&mut self) {
        loop {
            let goal = size_goal(MSS, self.max_window);
            let (idle, rto) = (self.now - self.last_sent, ms(200) + 2 * self.one_way);
            if self.send.begins_packet(self.message, goal) && self.flight.is_empty() && idle > rto {
                self.congestion.restart_after_idle(idle, rto);
            }
            let mut taken = 0;
            while taken < self.message {
                let more = self.send.write(self.message - taken, goal);
                if more == 0 {
                    break;
                }
                taken += more;
                self.written += more as u64;
                self.transmit();
            }
            if taken < self.message {
                self.first_refusal.get_or_insert(self.written);
                self.is_blocked = true;
                return;
            }
            if !self.every.is_zero() {
                return self.plan(self.every, Happens::Write);
            }
        }
    }

    fn transmit(&mut self) {
        let rate = 2_000_000 * u64::from(MSS * self.congestion.cwnd())
            / (2 * self.one_way.as_micros().max(1) as u64);
        self.send.set_pace(rate, 2 * self.one_way, self.congestion.cwnd());
        let was_idle = self.flight.is_empty();
        while self.nxt < self.written && (self.flight.len() as u32) < self.congestion.cwnd() {
            let half = self.congestion.cwnd() / 2;
            self.send.grow(half.min(self.send.burst()) * MSS);
            let unsent = self.written - self.nxt;
            let len = unsent.min(MSS.into()).min(self.right_edge - self.nxt) as u32;
            let is_cut_by_window = u64::from(len) < unsent && len < MSS;
            if len == 0 || is_cut_by_window || (self.nagle && len < MSS && !was_idle) {
                break;
            }
            self.put_on_the_wire(len);
        }
        self.most_in_flight = self.most_in_flight.max(self.flight.len() as u32);
        if self.flight.is_empty() && self.nxt < self.written && !self.is_probing {
            self.is_probing = true;
            self.plan(ms(200) + 2 * self.one_way, Happens::Probe);
        }
    }

    fn put_on_the_wire(&mut self, len: u32) {
        self.send.sent(len);
        self.flight.push_back(len);
        self.nxt += u64::from(len);
        self.last_sent = self.now;
        let pushed = self.nxt == self.written;
        self.plan(self.one_way, Happens::Segment { len, pushed });
    }

    /// The persist timer: what little fits into the window, or a segment without data.
    fn probe(&mut self) {
        if self.probes == 8 {
            return;
        }
        self.probes += 1;
        let len = (self.right_edge - self.nxt).min(self.written - self.nxt).min(MSS.into()) as u32;
        if len > 0 {
            self.put_on_the_wire(len);
        } else {
            let (ack, window) = (self.acknowledged, (self.offered_edge - self.received) as u32);
            self.plan(2 * self.one_way, Happens::Acknowledgement { ack, window });
        }
        self.plan(ms(200) * 2u32.pow(self.probes), Happens::Probe);
    }

    fn segment(&mut self, len: u32, pushed: bool) {
        assert!(self.receive.arrived(self.now, len as usize, pushed, 0), "no memory within the window");
        self.received += u64::from(len);
        if self.receive.is_half_full() {
            self.quick_acks = 0;
        }
        let is_much = self.received - self.acknowledged > self.receive.segment().into();
        let is_soon_due = self.ack_due.is_some_and(|due| due <= self.now + ms(10));
        if self.quick_acks > 0 || (is_much && self.receive.can_advance()) || is_soon_due {
            self.quick_acks = self.quick_acks.saturating_sub(1);
            self.acknowledge();
        } else if self.ack_due.is_none() {
            self.ack_due = Some(self.now + ms(40));
            self.plan(ms(40), Happens::DelayedAck { of: self.received });
        }
    }

    fn acknowledge(&mut self) {
        self.ack_due = None;
        self.acknowledged = self.received;
        let window = self.receive.window((self.offered_edge - self.received) as u32);
        self.offered_edge = self.received + u64::from(window);
        self.plan(self.one_way, Happens::Acknowledgement { ack: self.received, window });
    }

    fn acknowledgement(&mut self, ack: u64, window: u32) {
        self.right_edge = ack + u64::from(window);
        self.max_window = self.max_window.max(window);
        let mut bytes = ack - self.una;
        self.send.acknowledged(bytes);
        self.una = ack;
        let is_limited = self.congestion.cwnd() < 2 * self.most_in_flight;
        let mut segments = 0;
        while bytes > 0 {
            bytes -= u64::from(self.flight.pop_front().unwrap());
            segments += 1;
        }
        self.congestion.acked(self.now, segments, is_limited);
        self.transmit();
        if self.send.check_space(self.congestion.cwnd(), self.flight.len() as u32) && self.is_blocked {
            self.is_blocked = false;
            self.write();
        }
    }
}

/// What is taken before the first refusal, and until the writer blocks for good.
#[track_caller]
fn assert_taken(ours: (u64, u64), linux: (u64, u64), percent: u64) {
    let is_close = |ours: u64, linux: u64| ours.abs_diff(linux) * 100 <= linux * percent;
    assert!(is_close(ours.0, linux.0) && is_close(ours.1, linux.1), "{ours:?} bytes, on Linux {linux:?}");
}

/// A path that is as short as the measured ones without delay.
const NEAR: Duration = Duration::from_micros(200);

/// Row c_write_rtt100.
#[test]
fn a_stalled_reader_100_ms_away_swallows_as_much_as_on_linux() {
    let ours = Stalled::new(ms(100), 4096, ms(0), None, None).run();
    assert_taken(ours, (46_088, 428_104), 1);
}

/// Row st1000.
#[test]
fn messages_of_a_thousand_bytes_go_on_for_as_long_as_on_linux() {
    let ours = Stalled::new(ms(60), 1000, ms(5), None, None).run();
    assert_taken(ours, (153_760, 281_184), 2);
}

/// Row st100: a hundred bytes cost the reader 832, and its limit moves up to nearly a megabyte for them.
#[test]
fn messages_of_a_hundred_bytes_go_on_for_as_long_as_on_linux() {
    let ours = Stalled::new(ms(60), 100, ms(2), None, None).run();
    assert_taken(ours, (181_928, 355_688), 2);
}

/// Row c_write_small: SO_SNDBUF and SO_RCVBUF of 4,096.
#[test]
fn buffers_of_four_kilobytes_swallow_twelve() {
    let ours = Stalled::new(NEAR, 512, ms(0), Some(4096), Some(4096)).run();
    assert_taken(ours, (6_144, 12_096), 4);
}
