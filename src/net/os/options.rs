//! Socket options as system calls.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::net::{Keepalive, SocketOptions};
use crate::parameter::ByteSize;

/// Sets all options of a socket, except for its local port.
///
/// # Errors
/// `Unsupported` for an option that the system does not have, `InvalidInput` for a value it cannot take.
pub(super) fn set(socket: &SockRef<'_>, options: &SocketOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(options.no_delay)?;
    match options.keepalive {
        None => socket.set_keepalive(false)?,
        Some(keepalive) => socket.set_tcp_keepalive(&params(keepalive)?)?,
    }
    socket.set_linger(options.linger.map(|l| whole_seconds("linger", l, 0)).transpose()?)?;
    if let Some(size) = options.send_buffer {
        socket.set_send_buffer_size(bytes("send_buffer", size)?)?;
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes("receive_buffer", size)?)?;
    }
    set_notsent_lowat(socket, options.notsent_lowat)?;
    set_user_timeout(socket, options.user_timeout)
}

fn bytes(what: &str, size: ByteSize) -> io::Result<usize> {
    let problem = || format!("{what} {}: more than this system can take", size.0);
    usize::try_from(size.0).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, problem()))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_notsent_lowat(socket: &SockRef<'_>, lowat: Option<ByteSize>) -> io::Result<()> {
    match lowat {
        // socket2 counts in 32 bits, as the system call does.
        Some(size) => {
            socket.set_tcp_notsent_lowat(u32::try_from(bytes("notsent_lowat", size)?).unwrap_or(u32::MAX))
        }
        None => Ok(()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_notsent_lowat(_: &SockRef<'_>, lowat: Option<ByteSize>) -> io::Result<()> {
    match lowat {
        Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no TCP_NOTSENT_LOWAT")),
        None => Ok(()),
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "illumos",
    target_os = "windows",
))]
fn params(keepalive: Keepalive) -> io::Result<TcpKeepalive> {
    Ok(TcpKeepalive::new()
        .with_time(whole_seconds("keepalive idle", keepalive.idle, 1)?)
        .with_interval(whole_seconds("keepalive interval", keepalive.interval, 1)?)
        .with_retries(keepalive.count))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "illumos",
    target_os = "windows",
)))]
fn params(_: Keepalive) -> io::Result<TcpKeepalive> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no TCP_KEEPINTVL and TCP_KEEPCNT"))
}

/// The kernel counts in whole seconds, and rounding would not be what was asked for.
fn whole_seconds(what: &str, value: Duration, least: u64) -> io::Result<Duration> {
    if value.subsec_nanos() == 0 && value.as_secs() >= least {
        return Ok(value);
    }
    let problem = format!("{what} {value:?}: a whole number of seconds, at least {least}, is needed");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

/// In milliseconds on Linux; 0 stands for the system's default (`tcp(7)`).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_user_timeout(socket: &SockRef<'_>, value: Option<Duration>) -> io::Result<()> {
    if value.is_some_and(|v| v.as_millis() == 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a user timeout of less than 1 ms"));
    }
    socket.set_tcp_user_timeout(value)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_user_timeout(_: &SockRef<'_>, value: Option<Duration>) -> io::Result<()> {
    match value {
        None => Ok(()),
        Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no TCP_USER_TIMEOUT")),
    }
}
