//! Socket options: their names in scripts, their units, what Linux answers when it is asked for them.

use super::Stop;
use super::script::Expr;
use super::subject::Options;
use super::symbols::number;

/// Linux's `SOCK_MIN_SNDBUF` and `SOCK_MIN_RCVBUF`: what is asked for is doubled and not less than this.
const MIN_SEND_BUFFER: i64 = 4608;
const MIN_RECEIVE_BUFFER: i64 = 2304;

/// Options that change nothing here.
pub fn harmless(name: &str) -> bool {
    let names = [
        "SO_REUSEADDR",
        "SO_REUSEPORT",
        "SO_PRIORITY",
        "SO_MARK",
        "SO_ZEROCOPY",
        "SO_ERROR",
        "IP_MTU_DISCOVER",
        "IP_TOS",
        "IP_TTL",
    ];
    names.contains(&name)
}

/// Sets an option; the inner error is what `setsockopt(2)` returns.
pub fn set(options: &mut Options, name: &str, value: &Expr) -> Result<Result<(), &'static str>, Stop> {
    if harmless(name) {
        return Ok(Ok(()));
    }
    let unknown = || Stop::Skip(format!("the value of socket option {name}"));
    if name == "SO_LINGER" {
        let field = |name| value.single().field(name).and_then(number);
        let (Some(on), Some(seconds)) = (field("onoff"), field("linger")) else { return Err(unknown()) };
        options.linger = (on != 0).then_some(u32::try_from(seconds).unwrap_or(0));
        return Ok(Ok(()));
    }
    let Some(number) = number(value.single()) else { return Err(unknown()) };
    let Ok(unsigned) = u32::try_from(number) else { return Ok(Err("EINVAL")) };
    let on = number != 0;
    match name {
        "TCP_NODELAY" => options.no_delay = on,
        "TCP_CORK" => options.cork = on,
        "TCP_INQ" => options.tells_unread = on,
        "SO_KEEPALIVE" => options.keepalive = on,
        "TCP_KEEPIDLE" => options.keep_idle = Some(unsigned),
        "TCP_KEEPINTVL" => options.keep_interval = Some(unsigned),
        "TCP_KEEPCNT" => options.keep_count = Some(unsigned),
        "TCP_USER_TIMEOUT" => options.user_timeout = Some(unsigned),
        "SO_SNDBUF" | "SO_SNDBUFFORCE" => options.send_buffer = Some(unsigned),
        "SO_RCVBUF" | "SO_RCVBUFFORCE" => options.receive_buffer = Some(unsigned),
        "TCP_NOTSENT_LOWAT" => options.notsent_lowat = Some(unsigned),
        "TCP_MAXSEG" => match u16::try_from(unsigned) {
            // Linux's TCP_MIN_MSS and MAX_TCP_WINDOW.
            Ok(segment) if (88..=32_767).contains(&segment) => options.max_segment = Some(segment),
            _ => return Ok(Err("EINVAL")),
        },
        _ => return Err(Stop::Skip(format!("socket option {name}"))),
    }
    Ok(Ok(()))
}

/// The value that `getsockopt(2)` tells, if it was set here.
pub fn get(options: &Options, name: &str) -> Option<i64> {
    let doubled = |value: u32, least: i64| (i64::from(value) * 2).max(least);
    match name {
        "TCP_NODELAY" => Some(options.no_delay.into()),
        "TCP_CORK" => Some(options.cork.into()),
        "SO_KEEPALIVE" => Some(options.keepalive.into()),
        "TCP_KEEPIDLE" => options.keep_idle.map(i64::from),
        "TCP_KEEPINTVL" => options.keep_interval.map(i64::from),
        "TCP_KEEPCNT" => options.keep_count.map(i64::from),
        "TCP_USER_TIMEOUT" => Some(options.user_timeout.unwrap_or(0).into()),
        "SO_SNDBUF" => options.send_buffer.map(|v| doubled(v, MIN_SEND_BUFFER)),
        "SO_RCVBUF" => options.receive_buffer.map(|v| doubled(v, MIN_RECEIVE_BUFFER)),
        "TCP_NOTSENT_LOWAT" => Some(options.notsent_lowat.unwrap_or(0).into()),
        "TCP_MAXSEG" => options.max_segment.map(i64::from),
        _ => None,
    }
}
