//! What a TCP must offer to be run through scripts.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use halfopen::packet::Segment;
use halfopen::tcp::WriteFlags;

/// Options of a socket, in the units of `setsockopt(2)`; `None`: never set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// TCP_NODELAY
    pub no_delay: bool,
    /// TCP_CORK
    pub cork: bool,
    /// SO_KEEPALIVE
    pub keepalive: bool,
    /// TCP_KEEPIDLE, in seconds
    pub keep_idle: Option<u32>,
    /// TCP_KEEPINTVL, in seconds
    pub keep_interval: Option<u32>,
    /// TCP_KEEPCNT
    pub keep_count: Option<u32>,
    /// TCP_USER_TIMEOUT, in milliseconds
    pub user_timeout: Option<u32>,
    /// SO_LINGER, in seconds
    pub linger: Option<u32>,
    /// SO_SNDBUF, as it was asked for (Linux doubles it)
    pub send_buffer: Option<u32>,
    /// SO_RCVBUF, likewise
    pub receive_buffer: Option<u32>,
    /// TCP_NOTSENT_LOWAT, in bytes
    pub notsent_lowat: Option<u32>,
    /// TCP_MAXSEG, in bytes
    pub max_segment: Option<u16>,
    /// TCP_INQ: recvmsg(2) tells how much is left to read
    pub tells_unread: bool,
}

/// A TCP without clock and wires: it is told what arrives and what time it is, and asked what it sends.
pub trait Subject {
    /// Names a connection.
    type Id: Copy + Eq + Debug;

    /// How much data a segment of connections from now on carries and is asked for, without options of TCP.
    fn set_max_segment(&mut self, bytes: u16);
    /// `piece`: the device has put it together from segments with so much data.
    fn receive(&mut self, now: Duration, segment: &Segment, piece: Option<u16>);
    fn transmit(&mut self) -> Option<Segment>;
    fn next_timeout(&self) -> Option<Duration>;
    fn on_timeout(&mut self, now: Duration);
    fn connect(
        &mut self,
        now: Duration,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        options: &Options,
    ) -> Self::Id;
    fn connected(&mut self, id: Self::Id) -> Option<io::Result<()>>;
    fn listen(&mut self, port: u16, backlog: u32, options: &Options);
    fn accept(&mut self, port: u16) -> Option<Self::Id>;
    fn close_listener(&mut self, now: Duration, port: u16);
    /// `None`: it would block; likewise `write`.
    fn read(&mut self, now: Duration, id: Self::Id, buffer: &mut [u8]) -> Option<io::Result<usize>>;
    fn write(
        &mut self,
        now: Duration,
        id: Self::Id,
        data: &[u8],
        flags: WriteFlags,
    ) -> Option<io::Result<usize>>;
    /// TCP_CORK
    fn set_cork(&mut self, now: Duration, id: Self::Id, corked: bool);
    fn is_readable(&self, id: Self::Id) -> bool;
    fn is_writable(&self, id: Self::Id) -> bool;
    fn shutdown(&mut self, now: Duration, id: Self::Id);
    fn close(&mut self, now: Duration, id: Self::Id);
    fn set_options(&mut self, now: Duration, id: Self::Id, options: &Options);
    /// The error that waits to be told, which is taken (`SO_ERROR`), if that can be known.
    fn take_error(&mut self, id: Self::Id) -> Option<io::Result<()>>;
    /// A field of `tcp_info` by its name in scripts (`tcpi_snd_cwnd`), in their units; also `unread` and `unsent`, the
    /// bytes that SIOCINQ and SIOCOUTQ tell, and `state`, as a number of `tcp_states.h`.
    fn info(&self, now: Duration, id: Self::Id, field: &str) -> Option<i64>;
}
