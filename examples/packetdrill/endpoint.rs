//! `halfopen::tcp` as what a script is run on.

use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use halfopen::net::{Keepalive, ListenOptions, SocketOptions};
use halfopen::packet::Segment;
use halfopen::parameter::ByteSize;
use halfopen::tcp::congestion::CongestionControl;
use halfopen::tcp::{ConnId, Endpoint, State, Sysctls, Tuple, WriteFlags};

use super::drill::settings::{Settings, harmless};
use super::drill::subject::{Options, Subject};

/// What initial sequence numbers and the position of the timer wheel are made from. No script depends on it.
const SECRET: u64 = 0x5eed;
/// Linux's TCP_INFINITE_SSTHRESH: no loss was seen yet.
const INFINITE_THRESHOLD: u32 = 0x7fff_ffff;

/// A TCP endpoint with the settings of a script.
///
/// # Errors
/// The name of a setting that it has not.
pub fn endpoint(settings: &Settings) -> Result<Endpoint, String> {
    let mut sysctls = Sysctls::default();
    for (name, value) in &settings.sysctls {
        if !set(&mut sysctls, name, value) && !harmless(name, value) {
            return Err(format!("sysctl {name}={value}"));
        }
    }
    Ok(Endpoint::new(sysctls, SECRET))
}

/// Takes a setting; returns whether it has one of that name and takes that value.
fn set(sysctls: &mut Sysctls, name: &str, value: &str) -> bool {
    let mut numbers = value.split(' ').filter_map(|word| word.parse::<u64>().ok());
    // Of three numbers (least, initial, most).
    if let ("tcp_rmem" | "tcp_wmem", Some(_), Some(initial), Some(most)) =
        (name, numbers.next(), numbers.next(), numbers.next())
    {
        let (initial, most) = (ByteSize(initial), ByteSize(most));
        match name {
            "tcp_rmem" => (sysctls.rmem_initial, sysctls.rmem) = (initial, most),
            _ => (sysctls.wmem_initial, sysctls.wmem) = (initial, most),
        }
        return true;
    }
    let number = value.parse::<u64>().ok();
    let count = number.and_then(|n| u32::try_from(n).ok());
    let flag = match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    // Every setting has the same shape: a value of its kind is stored, any other is not known here.
    macro_rules! store {
        ($field:ident, $value:expr) => {
            $value.map(|v| sysctls.$field = v).is_some()
        };
    }
    match name {
        "tcp_timestamps" => store!(timestamps, flag),
        "tcp_sack" => store!(sack, flag),
        "tcp_window_scaling" => store!(window_scaling, flag),
        "tcp_slow_start_after_idle" => store!(slow_start_after_idle, flag),
        "tcp_frto" => store!(frto, count.map(|n| n > 0)),
        // 1 and 2 were early retransmit, which is no more.
        "tcp_early_retrans" => store!(tail_loss_probe, count.map(|n| n >= 3)),
        "tcp_syn_retries" => store!(syn_retries, count),
        "tcp_syn_linear_timeouts" => store!(syn_linear_timeouts, count),
        "tcp_synack_retries" => store!(synack_retries, count),
        "tcp_retries2" => store!(retries2, count),
        "tcp_orphan_retries" => store!(orphan_retries, count),
        "tcp_reordering" => store!(reordering, count),
        "tcp_fin_timeout" => store!(fin_timeout, number.map(Duration::from_secs)),
        "tcp_rto_min_us" => store!(rto_min, number.map(Duration::from_micros)),
        "tcp_rto_max_ms" => store!(rto_max, number.map(Duration::from_millis)),
        "tcp_min_tso_segs" => store!(min_tso_segs, count),
        "tcp_congestion_control" => match value {
            "cubic" => store!(congestion_control, Some(CongestionControl::Cubic)),
            "reno" => store!(congestion_control, Some(CongestionControl::Reno)),
            _ => false,
        },
        _ => false,
    }
}

fn socket_options(options: &Options) -> SocketOptions {
    let seconds = |value: Option<u32>, default| value.map_or(default, |s| Duration::from_secs(s.into()));
    let bytes = |value: Option<u32>| value.map(|b| ByteSize(b.into()));
    let default = Keepalive::default();
    let keepalive = Keepalive {
        idle: seconds(options.keep_idle, default.idle),
        interval: seconds(options.keep_interval, default.interval),
        count: options.keep_count.unwrap_or(default.count),
    };
    SocketOptions {
        no_delay: options.no_delay,
        keepalive: options.keepalive.then_some(keepalive),
        user_timeout: options.user_timeout.filter(|t| *t > 0).map(|t| Duration::from_millis(t.into())),
        linger: options.linger.map(|s| Duration::from_secs(s.into())),
        send_buffer: bytes(options.send_buffer),
        receive_buffer: bytes(options.receive_buffer),
        notsent_lowat: bytes(options.notsent_lowat.filter(|b| *b > 0)),
        ..SocketOptions::default()
    }
}

/// The number of a state in Linux's `tcp_states.h`.
fn state_number(state: State) -> i64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Closing => 11,
    }
}

impl Subject for Endpoint {
    type Id = ConnId;

    fn set_max_segment(&mut self, bytes: u16) {
        Endpoint::set_max_segment(self, bytes);
    }

    fn receive(&mut self, now: Duration, segment: &Segment, piece: Option<u16>) {
        match piece {
            Some(piece) => self.receive_joined(now, segment, piece),
            None => Endpoint::receive(self, now, segment),
        }
    }

    fn transmit(&mut self) -> Option<Segment> {
        // Nobody reads its events here.
        while self.poll_event().is_some() {}
        self.poll_transmit().map(|transmit| transmit.segment)
    }

    fn next_timeout(&self) -> Option<Duration> {
        Endpoint::next_timeout(self)
    }

    fn on_timeout(&mut self, now: Duration) {
        Endpoint::on_timeout(self, now);
    }

    fn connect(
        &mut self,
        now: Duration,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        options: &Options,
    ) -> ConnId {
        Endpoint::connect(self, now, Tuple { local, remote }, &socket_options(options))
    }

    fn connected(&mut self, id: ConnId) -> Option<io::Result<()>> {
        Endpoint::connected(self, id)
    }

    fn listen(&mut self, port: u16, backlog: u32, options: &Options) {
        let accepted = socket_options(options);
        Endpoint::listen(self, port, &ListenOptions { backlog, accepted, ..ListenOptions::default() });
    }

    fn accept(&mut self, port: u16) -> Option<ConnId> {
        Endpoint::accept(self, port)
    }

    fn close_listener(&mut self, now: Duration, port: u16) {
        Endpoint::close_listener(self, now, port);
    }

    fn read(&mut self, now: Duration, id: ConnId, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        Endpoint::read(self, now, id, buffer)
    }

    fn write(
        &mut self,
        now: Duration,
        id: ConnId,
        data: &[u8],
        flags: WriteFlags,
    ) -> Option<io::Result<usize>> {
        self.write_as(now, id, data, flags)
    }

    fn set_cork(&mut self, now: Duration, id: ConnId, corked: bool) {
        Endpoint::set_cork(self, now, id, corked);
    }

    fn is_readable(&self, id: ConnId) -> bool {
        Endpoint::is_readable(self, id)
    }

    fn is_writable(&self, id: ConnId) -> bool {
        Endpoint::is_writable(self, id)
    }

    fn shutdown(&mut self, now: Duration, id: ConnId) {
        Endpoint::shutdown(self, now, id);
    }

    fn close(&mut self, now: Duration, id: ConnId) {
        Endpoint::close(self, now, id);
    }

    fn set_options(&mut self, now: Duration, id: ConnId, options: &Options) {
        // A connection that is gone has no use for them.
        let _ = Endpoint::set_options(self, now, id, &socket_options(options));
    }

    fn take_error(&mut self, id: ConnId) -> Option<io::Result<()>> {
        // Once the handshake is over, it tells the error of the connection, if there is one.
        Endpoint::connected(self, id)
    }

    fn info(&self, now: Duration, id: ConnId, field: &str) -> Option<i64> {
        if field == "tcpi_state" {
            return Some(state_number(self.state(id).unwrap_or(State::Closed)));
        }
        let info = Endpoint::info(self, id)?;
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        Some(match field {
            "tcpi_snd_cwnd" => info.cwnd.into(),
            "tcpi_snd_ssthresh" => info.ssthresh.min(INFINITE_THRESHOLD).into(),
            "tcpi_ca_state" => info.ca_state.into(),
            "tcpi_snd_mss" => info.mss.into(),
            "tcpi_unacked" => info.unacked.into(),
            "tcpi_sacked" => info.sacked.into(),
            "tcpi_lost" => info.lost.into(),
            "tcpi_retrans" => info.retrans.into(),
            "tcpi_reordering" => info.reordering.into(),
            "tcpi_retransmits" => info.retransmits.into(),
            "tcpi_total_retrans" => info.total_retransmits.into(),
            "tcpi_backoff" => info.backoff.into(),
            "tcpi_probes" => info.probes.into(),
            "tcpi_rtt" => micros(info.srtt?),
            "tcpi_rto" => micros(info.rto),
            "tcpi_options" => {
                let flags = [(info.timestamps, 1), (info.sack, 2), (info.scales.is_some(), 4)];
                flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum()
            }
            "tcpi_snd_wscale" => info.scales.map_or(0, |(theirs, _)| theirs).into(),
            "tcpi_rcv_wscale" => info.scales.map_or(0, |(_, ours)| ours).into(),
            "tcpi_delivered" => info.delivered.into(),
            "tcpi_bytes_received" => i64::try_from(info.bytes_received).ok()?,
            "tcpi_rcv_mss" => info.receive_mss.into(),
            "tcpi_advmss" => info.asked_mss.into(),
            "tcpi_snd_wnd" => info.send_window.into(),
            "tcpi_min_rtt" => info.shortest_rtt.map_or(i64::from(u32::MAX), micros),
            "tcpi_last_data_recv" => i64::try_from((now - info.last_received?).as_millis()).ok()?,
            "SK_MEMINFO_RCVBUF" => i64::try_from(info.receive_limit).ok()?,
            "tcpi_notsent_bytes" => i64::try_from(info.unsent).ok()?,
            "unread" => i64::try_from(info.unread).ok()?,
            "unsent" => i64::try_from(info.unacknowledged).ok()?,
            _ => return None,
        })
    }
}
