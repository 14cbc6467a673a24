//! One TCP connection: a smoltcp interface with one socket, whose clock is ours.
//!
//! smoltcp's state machine processes and makes the segments. Its timers never run by themselves: its clock stands still
//! while one of them is pending, and jumps to smoltcp's own deadline exactly when *our* timer for that purpose fires.
//!
//! Here: what arrives, and what is due. `output`: what leaves. `process`: what the process above it does.

mod output;
mod process;

use std::io;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::acks::AckTimer;
use super::keepalive::{self, KeepaliveTimer};
use super::retransmit::{self, Phase, Retransmit};
use super::segment::{Tuple, before as seq_before, endpoint, refreshed, without_fin};
use super::slow_start::SlowStart;
use super::sysctl::Sysctls;
use super::wire::{Outgoing, Wire, seed_for_isn};
use crate::net::SocketOptions;
use crate::packet::{Marks, Segment, Transport};
use crate::sim::machine::process::ProcessId;

/// Only there to be pending: our own timer decides when an acknowledgement leaves.
const ACK_PENDING: smoltcp::time::Duration = smoltcp::time::Duration::from_micros(1);
/// Only there to be pending: our own timer decides when a keepalive leaves.
const KEEPALIVE_PENDING: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(3600);
/// Longer than any retransmission timeout of smoltcp's (60 s).
const ANY_TIMEOUT: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(61);

/// What a timer of the connection did, for the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fired {
    Nothing,
    Retransmitted {
        attempt: u32,
    },
    TailProbe,
    Keepalive {
        unanswered: u32,
    },
    WindowProbe,
    /// The connection is gone; `reset`: and a RST was sent.
    GaveUp {
        reset: bool,
    },
}

/// How it is known that a segment was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The third duplicate acknowledgement (RFC 5681 section 3.2).
    ByDuplicates,
    /// A duplicate acknowledgement answers a tail-loss probe.
    ByProbe,
}

pub(super) struct Conn {
    pub tuple: Tuple,
    pub owner: ProcessId,
    /// The port of the listener that it belongs to until it is accepted.
    pub listener: Option<u16>,
    pub options: SocketOptions,
    /// No process holds it any more.
    pub orphan: bool,
    /// No segment of it passes any more; what was received may still be read.
    pub detached: bool,
    pub error: Option<io::ErrorKind>,
    pub read_waker: Option<Waker>,
    pub write_waker: Option<Waker>,
    /// When the kernel's calendar has it.
    pub scheduled: Option<Duration>,
    pub xmit: Retransmit,
    /// Last arrival.
    pub last_heard: Duration,
    pub keepalive: Option<KeepaliveTimer>,
    fin_wait_2: Option<Duration>,
    /// The process has closed its direction, and smoltcp is yet to be told; see [`Self::finish`].
    finishing: bool,
    acks: AckTimer,
    peer_window: u32,
    peer_scale: u8,
    last_ack_sent: u32,
    last_window_sent: u16,
    /// The shift of that window (RFC 7323 section 2.2).
    scale: u8,
    /// What the tail-loss probe would send.
    tail: Option<Bytes>,
    /// The congestion window until the first loss; afterwards it is smoltcp's.
    slow_start: SlowStart,
    iface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    wire: Wire,
    clock: Instant,
    fin_timeout: Duration,
}

impl Conn {
    /// A connection that has yet to be opened ([`Self::open`]) or to be greeted by a SYN.
    pub fn new(
        now: Duration,
        tuple: Tuple,
        owner: ProcessId,
        isn: u32,
        sysctls: &Sysctls,
        options: &SocketOptions,
        active: bool,
    ) -> Self {
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed_for_isn(isn);
        let clock = Instant::from_micros(1);
        let mut iface = Interface::new(config, &mut wire, clock);
        iface.update_ip_addrs(|a| {
            // The vector is empty and has room for two.
            let _ = a.push(IpCidr::new(IpAddress::Ipv4(*tuple.local.ip()), 0));
        });
        let size = |n: crate::parameter::ByteSize| usize::try_from(n.0).unwrap_or(usize::MAX);
        let mut socket = Socket::new(
            SocketBuffer::new(vec![0; size(sysctls.rmem)]),
            SocketBuffer::new(vec![0; size(sysctls.wmem)]),
        );
        socket.set_congestion_control(CongestionControl::None);
        socket.set_ack_delay(None);
        let phase = if active {
            // Ports and addresses were checked by the kernel: these cannot fail.
            let _ = socket.connect(iface.context(), endpoint(tuple.remote), endpoint(tuple.local));
            Phase::Connecting
        } else {
            let _ = socket.listen(endpoint(tuple.local));
            Phase::Accepting
        };
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        let mut conn = Self {
            tuple,
            owner,
            listener: (!active).then_some(tuple.local.port()),
            options: options.clone(),
            orphan: false,
            detached: false,
            error: None,
            read_waker: None,
            write_waker: None,
            scheduled: None,
            xmit: Retransmit::new(sysctls, phase),
            last_heard: now,
            keepalive: None,
            fin_wait_2: None,
            finishing: false,
            acks: AckTimer::new(sysctls),
            peer_window: 0,
            peer_scale: 0,
            last_ack_sent: 0,
            last_window_sent: 0,
            scale: 0,
            tail: None,
            slow_start: SlowStart::new(),
            iface,
            sockets,
            handle,
            wire,
            clock,
            fin_timeout: sysctls.fin_timeout,
        };
        conn.set_options(now, options);
        conn
    }

    pub fn set_options(&mut self, now: Duration, options: &SocketOptions) {
        self.socket_mut().set_nagle_enabled(!options.no_delay);
        self.xmit.user_timeout = options.user_timeout;
        if options.keepalive != self.options.keepalive || self.keepalive.is_none() {
            let since = if self.is_open() { now } else { self.last_heard };
            self.keepalive = options.keepalive.map(|k| KeepaliveTimer::new(k, since));
        }
        self.options = options.clone();
    }

    pub fn state(&self) -> State {
        self.sockets.get::<Socket>(self.handle).state()
    }

    fn is_open(&self) -> bool {
        !matches!(self.state(), State::SynSent | State::SynReceived | State::Listen | State::Closed)
    }

    /// Whether keepalive runs: not on what a closed socket has left behind in FIN-WAIT-2 (Linux keeps no more of it than
    /// a timer).
    fn is_probed(&self) -> bool {
        self.is_open() && !(self.orphan && self.state() == State::FinWait2)
    }

    fn socket(&self) -> &Socket<'static> {
        self.sockets.get::<Socket>(self.handle)
    }

    fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut::<Socket>(self.handle)
    }

    /// Bytes received and not yet read.
    pub fn receive_queue(&self) -> usize {
        self.socket().recv_queue()
    }

    /// Bytes written and not yet acknowledged.
    pub fn send_queue(&self) -> usize {
        if self.detached { 0 } else { self.socket().send_queue() }
    }

    /// The next sequence numbers of both directions, for TIME-WAIT.
    pub fn next_seqs(&self) -> (u32, u32) {
        (self.xmit.next_seq(), self.last_ack_sent)
    }

    /// Whether a segment carries data beyond what was acknowledged.
    pub fn is_new(&self, segment: &Segment) -> bool {
        !segment.data.is_empty()
            && seq_before(self.last_ack_sent, segment.seq.wrapping_add(segment.data_len()))
    }

    /// Sends the SYN of a connection that this machine opens.
    pub fn start(&mut self, now: Duration) {
        self.emit(now, true);
    }

    /// A segment of this connection arrived.
    pub fn receive(&mut self, now: Duration, segment: &Segment) {
        self.last_heard = now;
        if let Some(k) = &mut self.keepalive {
            k.unanswered = 0;
        }
        let window_before = self.peer_window;
        if segment.flags.syn {
            self.peer_scale = segment.options.window_scale.unwrap_or(0);
            self.peer_window = u32::from(segment.window);
        } else if !segment.flags.rst {
            self.peer_window = u32::from(segment.window) << self.peer_scale;
        }
        if !segment.data.is_empty() {
            let at_once = self.acks.data_arrived(now, self.xmit.rtt.timeout());
            self.socket_mut().set_ack_delay(if at_once { None } else { Some(ACK_PENDING) });
        }
        let missing = self.something_is_missing(segment, window_before);
        if missing == Some(Missing::ByDuplicates) {
            self.congested();
        }
        let before = self.state();
        let unacknowledged = self.socket().send_queue();
        self.follow(now);
        let packet = Transport::Tcp(segment.clone()).emit();
        self.wire.arriving =
            Some(if self.fin_is_out_of_reach(segment) { without_fin(&packet) } else { packet });
        self.iface.poll_ingress_single(self.clock, &mut self.wire, &mut self.sockets);
        // An acknowledgement counts only if its segment was acceptable, and then it shows: fewer bytes wait for one, or,
        // where it was for a SYN or a FIN, the state is another.
        let counts = self.socket().send_queue() < unacknowledged || self.state() != before;
        if let Some(ack) =
            segment.ack.filter(|ack| counts || !seq_before(self.xmit.first_unacknowledged(), *ack))
        {
            let flight = self.xmit.segments_in_flight();
            if self.xmit.acknowledged(now, ack) {
                self.slow_start.acknowledged(flight, self.xmit.segments_in_flight());
                if !self.xmit.in_flight() {
                    self.tail = None;
                }
            }
        }
        // What smoltcp answered at once.
        for i in 0..self.wire.leaving.len() {
            self.account(now, i);
        }
        if missing == Some(Missing::ByProbe) {
            self.congested();
            self.provoke(now);
            self.xmit.restart(now);
        }
        if matches!(before, State::SynSent | State::SynReceived) && self.is_open() {
            self.xmit.established();
            self.keepalive = self.options.keepalive.map(|k| KeepaliveTimer::new(k, now));
        }
        if before == State::SynReceived && segment.flags.syn && self.state() == State::SynReceived {
            // A SYN again: our SYN-ACK was lost. smoltcp waits for its timer; Linux answers, and its timer begins anew
            // (tcp_check_req()).
            self.provoke(now);
            self.xmit.restart(now);
        }
        self.emit(now, segment.sequence_len() > 0);
        if self.finishing {
            self.finish(now);
        }
        if matches!(self.state(), State::TimeWait | State::Closing) && self.acks.deadline().is_some() {
            // The acknowledgement of a FIN does not wait where none may follow it (tcp_fin()).
            self.acknowledge(now);
        }
    }

    /// Sends the acknowledgement that waits.
    fn acknowledge(&mut self, now: Duration) {
        self.acks.sent(now, false);
        if let Some(at) = self.iface.poll_at(self.clock, &self.sockets) {
            self.clock = self.clock.max(at);
        }
        self.emit(now, true);
    }

    /// Whether the data before a FIN reach beyond the window. smoltcp would cut them off and take the FIN, and nobody would
    /// know that they are missing; smoltcp also sends such a thing, as a fast retransmission does not look at the window.
    fn fin_is_out_of_reach(&self, segment: &Segment) -> bool {
        let window_ends = self.last_ack_sent.wrapping_add(u32::from(self.last_window_sent) << self.scale);
        segment.flags.fin
            && self.is_open()
            && seq_before(window_ends, segment.seq.wrapping_add(segment.data_len()))
    }

    /// What a segment tells about those that this side has sent.
    fn something_is_missing(&mut self, segment: &Segment, window_before: u32) -> Option<Missing> {
        let repeated = segment.sequence_len() == 0
            && !segment.flags.rst
            && self.xmit.in_flight()
            && segment.ack == Some(self.xmit.first_unacknowledged());
        let duplicate = repeated && self.peer_window == window_before;
        let third = self.slow_start.third_duplicate(duplicate);
        if repeated && (duplicate || !segment.options.sack.is_empty()) && self.xmit.tail_probed() {
            // The probe arrived and is not what was missing (RFC 8985 section 7.4.2, as far as smoltcp goes: it sends
            // SACK, and does not read it).
            return Some(Missing::ByProbe);
        }
        third.then_some(Missing::ByDuplicates)
    }

    /// A loss: from here on smoltcp's congestion control has it (RFC 5681).
    fn congested(&mut self) {
        if self.slow_start.ends() {
            self.socket_mut().set_congestion_control(CongestionControl::Reno);
        }
    }

    /// The earliest of the connection's timers.
    pub fn deadline(&self) -> Option<Duration> {
        if self.detached {
            return None;
        }
        let keepalive = self.keepalive.as_ref().filter(|_| self.is_probed()).map(KeepaliveTimer::deadline);
        [self.xmit.deadline(), keepalive, self.acks.deadline(), self.fin_wait_2].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn fire(&mut self, now: Duration) -> Fired {
        if self.acks.deadline().is_some_and(|at| at <= now) {
            self.acknowledge(now);
        }
        if self.fin_wait_2.is_some_and(|at| at <= now) {
            return self.give_up(now, false);
        }
        if self.is_probed() && self.keepalive.as_ref().is_some_and(|k| k.deadline() <= now) {
            match self.fire_keepalive(now) {
                keepalive::OnSilence::Nothing => {}
                // Linux sends a RST after the last probe, and none when TCP_USER_TIMEOUT has taken its place (measured).
                keepalive::OnSilence::GiveUp => {
                    return self.give_up(now, self.options.user_timeout.is_none());
                }
                keepalive::OnSilence::Probe => {
                    let unanswered = self.keepalive.as_ref().map_or(0, |k| k.unanswered);
                    return Fired::Keepalive { unanswered };
                }
            }
        }
        if self.xmit.deadline().is_some_and(|at| at <= now) {
            return match self.xmit.fire(now) {
                retransmit::OnTimeout::GiveUp => {
                    self.error = Some(io::ErrorKind::TimedOut);
                    self.give_up(now, false)
                }
                retransmit::OnTimeout::Retransmit => {
                    self.congested();
                    if !self.provoke(now) {
                        // The peer took its window back while data were under way; smoltcp would stay silent for ever.
                        // "Our retransmits become zero probes" (tcp_retransmit_timer()): any segment asks for an answer.
                        self.probe_tail(now);
                    }
                    Fired::Retransmitted { attempt: self.xmit.timeouts }
                }
                retransmit::OnTimeout::ProbeTail => {
                    self.probe_tail(now);
                    Fired::TailProbe
                }
                retransmit::OnTimeout::ProbeWindow => {
                    self.wire.marks = Marks { window_probe: true, ..Marks::default() };
                    self.provoke(now);
                    self.wire.marks = Marks::default();
                    Fired::WindowProbe
                }
            };
        }
        Fired::Nothing
    }

    fn fire_keepalive(&mut self, now: Duration) -> keepalive::OnSilence {
        let busy = self.xmit.in_flight() || self.socket().send_queue() > 0;
        let (last_heard, user_timeout) = (self.last_heard, self.options.user_timeout);
        let Some(timer) = &mut self.keepalive else {
            return keepalive::OnSilence::Nothing;
        };
        let action = timer.fire(now, last_heard, busy, user_timeout);
        match action {
            keepalive::OnSilence::Probe => {
                self.socket_mut().set_keep_alive(Some(KEEPALIVE_PENDING));
                self.wire.marks = Marks { keepalive: true, ..Marks::default() };
                self.provoke(now);
                self.wire.marks = Marks::default();
                self.socket_mut().set_keep_alive(None);
            }
            keepalive::OnSilence::GiveUp => self.error = Some(io::ErrorKind::TimedOut),
            keepalive::OnSilence::Nothing => {}
        }
        action
    }

    /// Sends the last segment again. smoltcp knows nothing of it: to smoltcp a retransmission begins with the first.
    fn probe_tail(&mut self, now: Duration) {
        let Some(tail) = &self.tail else { return };
        let bytes = refreshed(tail, self.last_ack_sent, self.last_window_sent);
        if let Ok(segment) = Segment::parse(&bytes) {
            self.xmit.sent(now, &segment);
        }
        self.wire
            .leaving
            .push_back(Outgoing { bytes, marks: Marks { retransmission: true, ..Marks::default() } });
    }

    /// Ends the connection on this side, with a RST or silently.
    pub fn give_up(&mut self, now: Duration, reset: bool) -> Fired {
        if reset {
            self.socket_mut().abort();
            self.emit(now, true);
        }
        self.detached = true;
        Fired::GaveUp { reset }
    }
}
