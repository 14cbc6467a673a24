//! Names of constants in scripts, with Linux's values, and numbers out of expressions.

use std::io;

use super::script::Expr;

/// Error numbers (`errno(3)`).
pub const ERRNOS: &[(&str, i64)] = &[
    ("EINTR", 4),
    ("EBADF", 9),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EFAULT", 14),
    ("EINVAL", 22),
    ("EPIPE", 32),
    ("EOPNOTSUPP", 95),
    ("EADDRINUSE", 98),
    ("ENETUNREACH", 101),
    ("ECONNABORTED", 103),
    ("ECONNRESET", 104),
    ("EISCONN", 106),
    ("ENOTCONN", 107),
    ("ETIMEDOUT", 110),
    ("ECONNREFUSED", 111),
    ("EHOSTUNREACH", 113),
    ("EALREADY", 114),
    ("EINPROGRESS", 115),
];

/// Other constants (`fcntl(2)`, `poll(2)`, `send(2)`, `shutdown(2)`).
const OTHERS: &[(&str, i64)] = &[
    ("NULL", 0),
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", 2),
    ("O_NONBLOCK", 0x800),
    ("SOCK_STREAM", 1),
    ("SOCK_NONBLOCK", 0x800),
    ("SOCK_CLOEXEC", 0x8_0000),
    ("F_GETFL", 3),
    ("F_SETFL", 4),
    ("SHUT_RD", 0),
    ("SHUT_WR", 1),
    ("SHUT_RDWR", 2),
    ("POLLIN", 1),
    ("POLLPRI", 2),
    ("POLLOUT", 4),
    ("POLLERR", 8),
    ("POLLHUP", 0x10),
    ("POLLNVAL", 0x20),
    ("POLLRDNORM", 0x40),
    ("POLLWRNORM", 0x100),
    ("POLLRDHUP", 0x2000),
    ("MSG_PEEK", 2),
    ("MSG_TRUNC", 0x20),
    ("MSG_DONTWAIT", 0x40),
    ("MSG_EOR", 0x80),
    ("MSG_WAITALL", 0x100),
    ("MSG_ERRQUEUE", 0x2000),
    ("MSG_NOSIGNAL", 0x4000),
    ("MSG_MORE", 0x8000),
    ("MSG_ZEROCOPY", 0x400_0000),
    ("MSG_FASTOPEN", 0x2000_0000),
];

/// The number that an expression stands for.
pub fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Number(number) => Some(*number),
        Expr::Word(word) => ERRNOS.iter().chain(OTHERS).find(|(name, _)| name == word).map(|(_, n)| *n),
        Expr::Or(a, b) => Some(number(a)? | number(b)?),
        _ => None,
    }
}

/// The constant of `poll(2)` or `send(2)` of that name.
pub fn value(name: &str) -> i64 {
    number(&Expr::Word(name.to_string())).unwrap_or_default()
}

/// The number of an error of that name.
pub fn errno_number(name: &str) -> i64 {
    ERRNOS.iter().find(|(n, _)| *n == name).map_or(-1, |(_, number)| *number)
}

/// The name of an error.
pub fn errno(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset => "ECONNRESET",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::NotConnected => "ENOTCONN",
        Kind::AddrInUse => "EADDRINUSE",
        Kind::BrokenPipe => "EPIPE",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::WouldBlock => "EAGAIN",
        Kind::InvalidInput => "EINVAL",
        _ => "another error",
    }
}
