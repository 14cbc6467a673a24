//! One connection.
//!
//! - `handshake`: how it begins. `arrives`: a segment came. `data`: what it carries. `acked`: what it acknowledges.
//! - `sacked`, `losses`, `undo`, `rack`: what was lost, or only seemed so.
//! - `transmit`: what leaves. `again`: what leaves once more. `answers`: acknowledgements and resets.
//! - `timeouts`: what is due. `keepalive`: probes of a silent peer.
//! - `unreachable`: a router turns its segments away.
//! - `calls`: what its process does. `info`: a look inside.

mod acked;
mod again;
mod answers;
mod arrives;
mod calls;
mod data;
mod handshake;
mod info;
mod keepalive;
mod losses;
mod rack;
mod sacked;
mod timeouts;
mod transmit;
mod undo;
mod unreachable;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(super) use answers::reset_for;
pub(super) use handshake::Handshake;
pub use info::Info;
pub(super) use info::LastWords;

use super::acks::Acks;
use super::congestion::Congestion;
use super::endpoint::ConnId;
use super::event::{Event, What};
use super::memory::{ReceiveMemory, SendMemory};
use super::reassembly::Reassembly;
use super::recovery::Recovery;
use super::rtt::{INITIAL_RTO, Rtt};
use super::send::SendQueue;
use super::state::State;
use super::sysctl::{Sysctls, TimerPolicy};
use super::timers::{Timers, Wait};
use super::wheel::Wheel;
use super::{Transmit, Tuple};
use crate::net::SocketOptions;
use crate::packet::Segment;

/// The largest segment that an Ethernet's MTU of 1,500 bytes has room for, without options (RFC 9293 section 3.7.1).
pub(super) const MSS: u16 = 1460;
/// What a peer takes that says nothing of it (RFC 9293 section 3.7.1, MUST-15).
const DEFAULT_MSS: u16 = 536;
/// The timestamps option, padded (RFC 7323 appendix A).
const TIMESTAMPS_LEN: u32 = 12;

/// What surrounds a connection while something is done with it.
pub(super) struct Cx<'a> {
    pub now: Duration,
    pub id: ConnId,
    /// Whether the machine has the connection's address: else nothing can be sent.
    pub routable: bool,
    /// The segment that arrives was put together by the device from pieces of this size.
    pub piece: Option<u16>,
    pub out: &'a mut VecDeque<Transmit>,
    pub events: &'a mut VecDeque<Event>,
}

/// What both ends of every connection of a machine share.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub sysctls: Arc<Sysctls>,
    pub wheel: Wheel,
    /// The data of a full segment without options: what is sent, and asked for, at most.
    pub max_segment: u16,
}

impl Common {
    /// When a timer of that length, armed now, fires: Linux's are rounded by the wheel.
    pub fn fires_at(&self, now: Duration, delay: Duration) -> Duration {
        match self.sysctls.timers {
            TimerPolicy::Linux => self.wheel.fires_at(now, delay),
            TimerPolicy::Rfc6298 => now + delay,
        }
    }
}

/// A connection.
pub(super) struct Connection {
    pub tuple: Tuple,
    pub state: State,
    common: Common,
    pub options: SocketOptions,
    /// Born of a SYN: until the handshake is over it is what Linux calls a request.
    pub passive: bool,
    /// The handshake's last segment found the accept queue full.
    pub held_back: bool,
    /// It waits in the accept queue or has left it: somebody knows of it.
    pub born: bool,
    /// No process holds it any more.
    pub orphan: bool,
    pub error: Option<io::ErrorKind>,
    /// What a router has said since anything was acknowledged: the reason, if the connection is given up
    /// (Linux's `sk_err_soft`).
    soft_error: Option<io::ErrorKind>,
    /// A reader, a writer has found nothing, and waits.
    reader_waits: bool,
    writer_waits: bool,
    /// TCP_CORK, or MSG_MORE while it is being written.
    corked: bool,

    send: SendQueue,
    send_memory: SendMemory,
    /// How much the peer has acknowledged so far; once it is more than any window, how much does not matter.
    acknowledged_len: u32,
    /// The window of the peer, in bytes (SND.WND), and the largest it ever was.
    send_window: u32,
    largest_window: u32,
    /// The segment that told it (SND.WL1).
    window_told_at: u32,
    send_scale: u8,
    mss: u32,
    /// The end of what was pushed last.
    pushed: u32,

    /// Nothing was heard of the peer's sequence numbers yet, or the next one expected (RCV.NXT).
    receive_next: u32,
    /// RCV.NXT when the window was told, and the window.
    window_told: u32,
    receive_window: u32,
    receive_scale: u8,
    /// Whether windows are scaled: offered, and not declined.
    scaling: bool,
    reassembly: Reassembly,
    receive_memory: ReceiveMemory,
    /// The sequence number after the peer's FIN, if that lies beyond a gap.
    fin_beyond: Option<u32>,
    /// The peer's FIN was taken.
    pub fin_taken: bool,
    /// All data that came in order.
    bytes_received: u64,

    timestamps: bool,
    timestamp_offset: u32,
    /// TS.Recent, and when it was taken (RFC 7323 section 4.3).
    timestamp_recent: u32,
    timestamp_recent_at: Duration,
    /// The timestamp of ours that the peer echoed last.
    echo: Option<u32>,
    /// The one that a round trip was last measured by, as a receiver.
    echo_measured: Option<u32>,
    sack: bool,

    acks: Acks,
    compressed: Compressed,
    rtt: Rtt,
    /// The retransmission timeout with its backoff.
    rto: Duration,
    backoff: u32,
    /// Timeouts since something new was acknowledged.
    pub retransmits: u32,
    total_retransmits: u32,
    recovery: Recovery,
    congestion: Congestion,
    usage: Usage,
    /// When data last left.
    last_sent: Duration,
    /// Probes, of a closed window or of a silent peer, without an answer; and since when.
    probes_out: u32,
    probes_since: Option<Duration>,
    timers: Timers,
    /// Last arrival.
    last_heard: Duration,
    last_challenge: Option<Duration>,
    last_out_of_window: Option<Duration>,
    /// When the calendar looks at it.
    pub scheduled: Option<Duration>,
    /// The memory that it was last booked with.
    pub booked: u64,
}

/// Acknowledgements that tell of a gap: the first ones leave at once, later ones stand for several (`tcp_comp_sack_*`).
#[derive(Debug, Default)]
struct Compressed {
    gap_at: u32,
    told: u32,
    waiting: u32,
}

/// How much of the congestion window is used.
#[derive(Debug)]
struct Usage {
    /// The window was what held the sender back.
    limited: bool,
    most_out: u32,
    /// Until what is acknowledged `most_out` counts.
    until: u32,
    /// The most segments under way since `since`.
    used: u32,
    since: Duration,
}

impl Connection {
    /// A connection in no state yet; `handshake` opens it.
    fn new(
        cx: &Cx<'_>,
        common: &Common,
        tuple: Tuple,
        isn: u32,
        options: &SocketOptions,
        passive: bool,
    ) -> Self {
        let sysctls = &common.sysctls;
        let bytes = |size: Option<crate::parameter::ByteSize>| size.map(|s| s.0);
        let mut send_memory = SendMemory::new(
            sysctls.wmem_initial.0,
            sysctls.wmem.0,
            bytes(options.send_buffer),
            sysctls.min_tso_segs,
        );
        let mut receive_memory =
            ReceiveMemory::new(sysctls.rmem_initial.0, sysctls.rmem.0, bytes(options.receive_buffer));
        receive_memory.is_held = !passive;
        send_memory.set_unsent_limit(bytes(options.notsent_lowat));
        Self {
            tuple,
            state: State::Closed,
            options: options.clone(),
            passive,
            held_back: false,
            born: !passive,
            orphan: false,
            error: None,
            soft_error: None,
            reader_waits: false,
            writer_waits: false,
            corked: false,
            send: SendQueue::new(isn),
            send_memory,
            acknowledged_len: 0,
            send_window: 0,
            largest_window: 0,
            window_told_at: 0,
            send_scale: 0,
            mss: u32::from(DEFAULT_MSS),
            pushed: isn,
            receive_next: 0,
            window_told: 0,
            receive_window: 0,
            receive_scale: 0,
            scaling: sysctls.window_scaling,
            reassembly: Reassembly::default(),
            receive_memory,
            fin_beyond: None,
            fin_taken: false,
            bytes_received: 0,
            timestamps: sysctls.timestamps,
            // Not the machine's uptime: that would tell who is behind an address (RFC 7323 section 5.4).
            timestamp_offset: crate::mix(u64::from(isn)) as u32,
            timestamp_recent: 0,
            timestamp_recent_at: Duration::ZERO,
            echo: None,
            echo_measured: None,
            sack: sysctls.sack,
            acks: Acks::new(sysctls.delayed_ack),
            compressed: Compressed::default(),
            rtt: Rtt::new(sysctls),
            rto: INITIAL_RTO,
            backoff: 0,
            retransmits: 0,
            total_retransmits: 0,
            recovery: Recovery::new(isn, sysctls.reordering),
            congestion: Congestion::new(sysctls.congestion_control, true),
            usage: Usage { limited: false, most_out: 0, until: isn, used: 0, since: cx.now },
            last_sent: cx.now,
            probes_out: 0,
            probes_since: None,
            timers: Timers::default(),
            last_heard: cx.now,
            last_challenge: None,
            last_out_of_window: None,
            scheduled: None,
            booked: 0,
            common: common.clone(),
        }
    }

    fn sysctls(&self) -> &Sysctls {
        &self.common.sysctls
    }

    /// Whether the timers are Linux's.
    fn is_linux(&self) -> bool {
        self.sysctls().timers == TimerPolicy::Linux
    }

    /// The earliest of its timers.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// When a timer of that length, armed now, fires.
    fn fires_at(&self, now: Duration, delay: Duration) -> Duration {
        self.common.fires_at(now, delay)
    }

    /// Arms the sender's timer.
    fn arm(&mut self, now: Duration, wait: Wait, delay: Duration) {
        let delay = delay.min(self.sysctls().rto_cap());
        self.timers.transmission = Some((wait, self.fires_at(now, delay)));
    }

    /// The clock of its timestamps: milliseconds, from anywhere (RFC 7323 section 5.4).
    fn timestamp(&self, now: Duration) -> u32 {
        // Only the low 32 bits are meant.
        (now.as_millis() as u32).wrapping_add(self.timestamp_offset)
    }

    /// How much more the peer may send: what was told, less what came.
    fn open_window(&self) -> u32 {
        super::seq::distance(self.receive_next, self.window_told.wrapping_add(self.receive_window))
    }

    /// The sequence number after the peer's window.
    fn window_end(&self) -> u32 {
        self.send.una.wrapping_add(self.send_window)
    }

    fn happened(&self, cx: &mut Cx<'_>, what: What) {
        cx.events.push_back(Event::Happened { peer: self.tuple.remote, what });
    }

    /// Somebody who waits to read has reason to look.
    fn wake_reader(&mut self, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.reader_waits) {
            cx.events.push_back(Event::Readable(cx.id));
        }
    }

    /// Somebody who waits to write has reason to look.
    fn wake_writer(&mut self, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.writer_waits) {
            cx.events.push_back(Event::Writable(cx.id));
        }
    }

    /// It is over: no timer runs, nothing is sent any more. What was received may still be read.
    fn end(&mut self, cx: &mut Cx<'_>, error: Option<io::ErrorKind>) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.error = self.error.or(error);
        self.timers = Timers::default();
        self.send.clear();
        self.wake_reader(cx);
        self.wake_writer(cx);
    }

    /// The bytes that it holds.
    pub fn memory(&self) -> u64 {
        (self.send.unacknowledged_len() + self.reassembly.unread() + self.reassembly.beyond_len()) as u64
    }

    /// Whether a segment acknowledges this connection's FIN, which is all it ever sent.
    fn fin_acknowledged(&self) -> bool {
        !self.send.has_unsent() && self.send.flight.is_empty()
    }

    /// How many bytes of data a segment carries just now: less while it also tells of gaps (RFC 6691).
    fn current_mss(&self) -> u32 {
        // No longer than half of the largest window that the peer ever had: else one that buffers little waits for a window
        // that never opens (RFC 1122 section 4.2.3.4, Linux's tcp_bound_to_half_wnd()).
        let window = self.largest_window;
        let most = if window > u32::from(DEFAULT_MSS) { window / 2 } else { window };
        let mss = if most > 0 && self.mss > most { most.max(28) } else { self.mss };
        if !self.sack || !self.reassembly.has_gap() {
            return mss;
        }
        let room = if self.timestamps { 3 } else { 4 };
        let blocks = self.reassembly.block_count().min(room) as u32;
        mss.saturating_sub(4 + 8 * blocks).max(28)
    }

    /// Whether a segment is beyond everything that was sent, so that it cannot be of this connection.
    fn is_reset_acceptable(&self, segment: &Segment) -> bool {
        // tcp_reset_check(): a peer that has sent its FIN may not count it.
        segment.seq == self.receive_next.wrapping_sub(1)
            && matches!(self.state, State::CloseWait | State::LastAck | State::Closing)
    }
}
