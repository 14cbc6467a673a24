//! A look inside a connection, as `ss -ti` and `TCP_INFO` give it.

use super::*;
use crate::tcp::recovery::Phase;

/// What a connection knows of its path and its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Its state.
    pub state: State,
    /// The smoothed round-trip time, once measured.
    pub srtt: Option<Duration>,
    /// The retransmission timeout, with its backoff.
    pub rto: Duration,
    /// The congestion window, in segments.
    pub cwnd: u32,
    /// The slow start threshold, in segments.
    pub ssthresh: u32,
    /// The bytes of data that a segment carries.
    pub mss: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Of them, selectively acknowledged.
    pub sacked: u32,
    /// Of them, taken for lost.
    pub lost: u32,
    /// Of them, sent again and under way.
    pub retrans: u32,
    /// Segments that have arrived so far, as the peer's acknowledgements tell.
    pub delivered: u32,
    /// Bytes of data that the peer has sent in order.
    pub bytes_received: u64,
    /// The data of a full segment of the peer's, as far as seen.
    pub receive_mss: u32,
    /// The data of a full segment as it is asked of the peer.
    pub asked_mss: u32,
    /// What the receive buffer may hold, as bookkeeping counts.
    pub receive_limit: u64,
    /// The shifts of both windows, the peer's and ours; `None`: windows are not scaled.
    pub scales: Option<(u8, u8)>,
    /// Whether timestamps are used.
    pub timestamps: bool,
    /// Whether selective acknowledgements are used.
    pub sack: bool,
    /// The shortest round-trip time of late.
    pub shortest_rtt: Option<Duration>,
    /// When data came last, or the connection was established.
    pub last_received: Option<Duration>,
    /// By how many segments one may be overtaken before it counts as lost.
    pub reordering: u32,
    /// Timeouts since something new was acknowledged.
    pub retransmits: u32,
    /// All retransmissions of its life.
    pub total_retransmits: u32,
    /// Doublings of the RTO.
    pub backoff: u32,
    /// Probes, of a closed window or a silent peer, without an answer.
    pub probes: u32,
    /// Where recovery is: 0 open, 1 disorder, 2 window being reduced, 3 recovery, 4 loss (Linux's `tcpi_ca_state`).
    pub ca_state: u8,
    /// The window of the peer, in bytes.
    pub send_window: u32,
    /// Bytes received and not yet read.
    pub unread: usize,
    /// Bytes written and not yet acknowledged.
    pub unacknowledged: usize,
    /// Bytes written and not yet sent.
    pub unsent: usize,
    /// What the sender waits for, and until when.
    pub transmission_timer: Option<(Wait, Duration)>,
    /// When the next keepalive probe is due.
    pub keepalive_timer: Option<Duration>,
}

impl Connection {
    /// A look inside.
    pub fn info(&self) -> Info {
        Info {
            state: self.state,
            srtt: self.rtt.smoothed(),
            rto: self.rto,
            cwnd: self.congestion.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            mss: self.mss,
            unacked: self.send.segments_out(),
            sacked: self.send.sacked_out,
            lost: self.send.lost_out,
            retrans: self.send.retrans_out,
            delivered: self.recovery.delivered,
            bytes_received: self.bytes_received,
            receive_mss: self.receive_memory.segment(),
            asked_mss: self.asked_mss(),
            receive_limit: self.receive_memory.limit(),
            scales: self.scaling.then_some((self.send_scale, self.receive_scale)),
            timestamps: self.timestamps,
            sack: self.sack,
            shortest_rtt: self.rtt.shortest(),
            last_received: self.acks.last_data,
            reordering: self.recovery.reordering,
            retransmits: self.retransmits,
            total_retransmits: self.total_retransmits,
            backoff: self.backoff,
            probes: self.probes_out,
            ca_state: match self.recovery.phase {
                Phase::Open => 0,
                Phase::Disorder => 1,
                Phase::Reduction => 2,
                Phase::Recovery => 3,
                Phase::Loss => 4,
            },
            send_window: self.send_window,
            unread: self.reassembly.unread(),
            unacknowledged: self.send.unacknowledged_len(),
            unsent: self.send.unsent_len(),
            transmission_timer: self.timers.transmission,
            keepalive_timer: self.timers.keepalive,
        }
    }

    /// The next sequence numbers of both directions, for TIME-WAIT; and the shift and size of the window last told.
    pub fn last_words(&self) -> LastWords {
        LastWords {
            send_next: self.send.nxt,
            receive_next: self.receive_next,
            window: u16::try_from(self.receive_window >> self.receive_scale).unwrap_or(u16::MAX),
            timestamps: self.timestamps.then_some((self.timestamp_offset, self.timestamp_recent)),
        }
    }
}

/// What stays of a connection in TIME-WAIT.
#[derive(Debug, Clone, Copy)]
pub(in crate::tcp) struct LastWords {
    pub send_next: u32,
    pub receive_next: u32,
    pub window: u16,
    /// Offset of our clock and TS.Recent.
    pub timestamps: Option<(u32, u32)>,
}
