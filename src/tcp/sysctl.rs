//! The kernel's settings, under the names of Linux's sysctls.

use std::time::Duration;

use super::congestion::CongestionControl;
use crate::parameter::{ByteSize, Choice, mins, ms, secs};

/// Whose timers a kernel's TCP runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerPolicy {
    /// Linux's, as measured: RTO = SRTT + at least 200 ms, tail-loss probe, cap 120 s, timers rounded by the wheel.
    Linux,
    /// RFC 6298's: RTO of at least 1 s, cap 60 s, exact.
    Rfc6298,
}

impl Choice for TimerPolicy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("linux", TimerPolicy::Linux), ("rfc6298", TimerPolicy::Rfc6298)];
}
crate::choice_parameter!(TimerPolicy);

crate::parameters! {
    /// Settings of a machine's kernel. Names and defaults are those of Linux's `Documentation/networking/ip-sysctl.rst`
    /// (without the `tcp_`), but for `timers`, which chooses the policy.
    #[derive(Copy)]
    pub struct Sysctls {
        /// Whose retransmission timers: linux or rfc6298.
        timers: TimerPolicy = TimerPolicy::Linux;
        /// tcp_early_retrans: send a tail-loss probe (RFC 8985 section 7) before the first timeout (linux only).
        tail_loss_probe: bool = true;
        /// tcp_rto_min_us: floor of the RTO's margin over the round-trip time (linux only).
        rto_min: Duration = ms(200), in ms(1)..=secs(10);
        /// tcp_rto_max_ms: cap of the RTO (rfc6298: at most 60s).
        rto_max: Duration = secs(120), in secs(1)..=secs(120);
        /// tcp_retries2: retransmissions of data before the connection is given up.
        retries2: u32 = 15, in 1..=50;
        /// tcp_orphan_retries: the same for a connection its process has closed (0: eight).
        orphan_retries: u32 = 0, in 0..=50;
        /// tcp_syn_retries: retransmissions of a SYN with doubled pauses.
        syn_retries: u32 = 6, in 0..=50;
        /// tcp_syn_linear_timeouts: retransmissions of a SYN, one a second, before the doubling (0 before Linux 6.5).
        syn_linear_timeouts: u32 = 4, in 0..=50;
        /// tcp_synack_retries: retransmissions of a SYN-ACK.
        synack_retries: u32 = 5, in 0..=50;
        /// tcp_fin_timeout: how long a closed connection waits for the peer's FIN.
        fin_timeout: Duration = secs(60), in secs(1)..=mins(10);
        /// TCP_TIMEWAIT_LEN: how long TIME-WAIT lasts (fixed in Linux; RFC 9293 asks for 2 MSL = 4 min).
        time_wait: Duration = secs(60), in secs(0)..=mins(10);
        /// TCP_DELACK_MIN: how long an acknowledgement may wait for data to ride on.
        delayed_ack: Duration = ms(40), in ms(0)..=ms(500);
        /// tcp_rmem: what the receive buffer of a connection may grow to.
        rmem: ByteSize = ByteSize(32 << 20), in ByteSize(2048)..=ByteSize(64 << 20);
        /// The second number of tcp_rmem: what it begins with, or `rmem` if that is less.
        rmem_initial: ByteSize = ByteSize(128 << 10), in ByteSize(2048)..=ByteSize(64 << 20);
        /// tcp_wmem: what the send buffer of a connection may grow to.
        wmem: ByteSize = ByteSize(4 << 20), in ByteSize(2048)..=ByteSize(64 << 20);
        /// The second number of tcp_wmem: what it begins with, or `wmem` if that is less.
        wmem_initial: ByteSize = ByteSize(16 << 10), in ByteSize(2048)..=ByteSize(64 << 20);
        /// tcp_min_tso_segs: segments at least in a packet that the device cuts.
        min_tso_segs: u32 = 2, in 1..=64;
        /// tcp_timestamps: measure round trips by timestamps (RFC 7323), also those of retransmissions.
        timestamps: bool = true;
        /// tcp_sack: tell, and be told, which segments beyond a gap have arrived (RFC 2018).
        sack: bool = true;
        /// tcp_window_scaling: windows of more than 64 KiB (RFC 7323 section 2).
        window_scaling: bool = true;
        /// RFC 5961: answer a SYN on a live connection, and a RST that is not exactly in place, by an acknowledgement.
        challenge_ack: bool = true;
        /// tcp_congestion_control: cubic or reno.
        congestion_control: CongestionControl = CongestionControl::Cubic;
        /// tcp_slow_start_after_idle: begin with a small window again after a pause of more than an RTO.
        slow_start_after_idle: bool = true;
        /// tcp_frto: after a timeout, find out whether it was spurious (RFC 5682).
        frto: bool = true;
        /// tcp_reordering: how many segments may overtake one before it counts as lost.
        reordering: u32 = 3, in 1..=300;
        /// ip_local_port_range: first port for outgoing connections (the last is 60999).
        first_local_port: u32 = 32_768, in 1024..=60_999;
    }
}

impl Sysctls {
    /// The cap of the RTO under the policy (RFC 6298 section 2.5 allows 60 s or more; smoltcp and many others take 60).
    pub fn rto_cap(&self) -> Duration {
        match self.timers {
            TimerPolicy::Linux => self.rto_max,
            TimerPolicy::Rfc6298 => self.rto_max.min(secs(60)),
        }
    }

    /// Retransmissions of a connection without a process (`tcp_orphan_retries()`: 0 means 8).
    pub fn orphan_limit(&self) -> u32 {
        if self.orphan_retries == 0 { 8 } else { self.orphan_retries }
    }
}
