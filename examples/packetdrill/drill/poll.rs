//! `poll(2)` and `epoll(7)`: what is ready.

use super::Stop;
use super::calls::{Attempt, same};
use super::run::Runner;
use super::script::{Call, Expr, Micros};
use super::subject::Subject;
use super::symbols::{number, value};

/// States of `tcp_states.h` in which the peer has closed its direction.
pub const PEER_CLOSED: [i64; 5] = [6, 7, 8, 9, 11];
/// The state CLOSE of `tcp_states.h`.
const CLOSED: i64 = 7;

/// What an epoll(7) file watches.
#[derive(Debug, Clone)]
pub struct Watch {
    fd: i64,
    events: i64,
    /// EPOLLET: only what is new is told
    edge: bool,
    news: bool,
    /// What was ready, and how many bytes could be read, at the last look
    ready: i64,
    unread: i64,
}

/// How long a call waits at most, if it is one that says so.
pub fn timeout(call: &Call) -> Option<Micros> {
    let milliseconds = match call.name.as_str() {
        "poll" => call.arguments.get(2),
        "epoll_wait" => call.arguments.get(3),
        _ => return None,
    };
    let milliseconds = milliseconds.and_then(number)?;
    (milliseconds >= 0).then(|| milliseconds.saturating_mul(1000))
}

impl<S: Subject> Runner<S> {
    /// What of a file is ready, whether it was asked for or not (`tcp_poll()`).
    fn ready(&mut self, fd: i64) -> Result<i64, Stop> {
        let Some(file) = self.files.get(&fd) else { return Ok(value("POLLNVAL")) };
        if file.listening {
            let port = self.settings.port;
            let waiting = !file.accepted.is_empty();
            let id = if waiting { None } else { self.subject.accept(port) };
            self.file(fd).accepted.extend(id);
            return Ok(if waiting || id.is_some() { value("POLLIN") | value("POLLRDNORM") } else { 0 });
        }
        let Some(id) = file.connection else { return Ok(value("POLLOUT") | value("POLLHUP")) };
        let (deaf, mute) = (file.deaf, file.mute);
        let Some(state) = self.subject.info(self.clock(), id, "tcpi_state") else {
            return Err(Stop::Skip("poll()".to_string()));
        };
        let peer_closed = PEER_CLOSED.contains(&state);
        let mut ready = 0;
        if self.subject.is_readable(id) || deaf {
            ready |= value("POLLIN") | value("POLLRDNORM");
        }
        if self.subject.is_writable(id) || mute {
            ready |= value("POLLOUT") | value("POLLWRNORM");
        }
        if peer_closed || deaf {
            ready |= value("POLLRDHUP");
        }
        if state == CLOSED || ((peer_closed || deaf) && mute) {
            ready |= value("POLLHUP");
        }
        if self.subject.info(self.clock(), id, "error").is_some_and(|e| e != 0) {
            ready |= value("POLLERR");
        }
        Ok(ready)
    }

    pub fn poll(&mut self, line: usize, call: &Call, deadline: Option<Micros>) -> Attempt {
        let Some(Expr::List(polled)) = call.arguments.first() else {
            return Err(Stop::Skip("this poll()".to_string()));
        };
        let mut results = Vec::new();
        for entry in polled {
            let field = |name| entry.field(name).and_then(number);
            let (Some(fd), Some(events)) = (field("fd"), field("events")) else {
                return Err(Stop::Skip("this poll()".to_string()));
            };
            let always = value("POLLERR") | value("POLLHUP") | value("POLLNVAL");
            results.push(self.ready(fd)? & (events | always));
        }
        let count = results.iter().filter(|r| **r != 0).count();
        if count == 0 && deadline.is_none_or(|at| self.now < at) {
            return Ok(None);
        }
        for (entry, actual) in polled.iter().zip(results) {
            let expected = entry.field("revents").unwrap_or(&Expr::Number(0));
            same(line, "revents", expected, actual)?;
        }
        Ok(Some(Ok(count as i64)))
    }

    pub fn epoll_ctl(&mut self, epoll: i64, call: &Call) -> Attempt {
        let unknown = || Stop::Skip("this epoll_ctl()".to_string());
        let [_, Expr::Word(what), fd, event, ..] = call.arguments.as_slice() else { return Err(unknown()) };
        let fd = number(fd).ok_or_else(unknown)?;
        let watched = &mut self.file(epoll).watched;
        watched.retain(|w| w.fd != fd);
        if what != "EPOLL_CTL_DEL" {
            let watched_for = event.field("events").ok_or_else(unknown)?;
            let shown = || Stop::Skip(format!("epoll_ctl() for {}", names(watched_for)));
            let (events, edge) = events(watched_for).ok_or_else(shown)?;
            let watched = &mut self.file(epoll).watched;
            watched.push(Watch { fd, events, edge, news: false, ready: 0, unread: 0 });
        }
        Ok(Some(Ok(0)))
    }

    /// What has become ready since the last look is news to who waits for edges. New data are, too, if some were there.
    pub fn note_edges(&mut self) -> Result<(), Stop> {
        let watching: Vec<i64> =
            self.files.iter().filter(|(_, f)| f.watched.iter().any(|w| w.edge)).map(|(fd, _)| *fd).collect();
        for epoll in watching {
            let mut watched = std::mem::take(&mut self.file(epoll).watched);
            for watch in watched.iter_mut().filter(|w| w.edge) {
                let ready = self.ready(watch.fd)?;
                let id = self.files.get(&watch.fd).and_then(|f| f.connection);
                let unread = id.and_then(|id| self.subject.info(self.clock(), id, "unread")).unwrap_or(0);
                watch.news |= ready & !watch.ready != 0 || unread > watch.unread;
                (watch.ready, watch.unread) = (ready, unread);
            }
            self.file(epoll).watched = watched;
        }
        Ok(())
    }

    pub fn epoll_wait(&mut self, line: usize, call: &Call, deadline: Option<Micros>) -> Attempt {
        let epoll = call.arguments.first().and_then(number).unwrap_or(-1);
        if !self.files.contains_key(&epoll) {
            return Ok(Some(Err("EBADF")));
        }
        self.note_edges()?;
        let always = value("POLLERR") | value("POLLHUP");
        let mut watched = std::mem::take(&mut self.file(epoll).watched);
        let mut ready = Vec::new();
        for watch in &mut watched {
            let found = self.ready(watch.fd)? & (watch.events | always);
            if found != 0 && (!watch.edge || watch.news) {
                watch.news = false;
                ready.push(found);
            }
        }
        self.file(epoll).watched = watched;
        if ready.is_empty() && deadline.is_none_or(|at| self.now < at) {
            return Ok(None);
        }
        if let (Some(found), Some(event)) = (ready.first(), call.arguments.get(1)) {
            let expected = event.field("events").and_then(events);
            same(line, "events", &expected.map_or(Expr::Ellipsis, |(e, _)| Expr::Number(e)), *found)?;
        }
        Ok(Some(Ok(ready.len() as i64)))
    }
}

/// The words of an expression, for a message.
fn names(expr: &Expr) -> String {
    match expr {
        Expr::Word(word) => word.clone(),
        Expr::Or(a, b) => format!("{}|{}", names(a), names(b)),
        _ => "unknown events".to_string(),
    }
}

/// Events by their names of epoll, which are poll's with another prefix, and whether EPOLLET is among them.
fn events(expr: &Expr) -> Option<(i64, bool)> {
    match expr {
        Expr::Word(word) if word == "EPOLLET" => Some((0, true)),
        Expr::Word(word) => Some((number(&Expr::Word(word.strip_prefix('E')?.to_string()))?, false)),
        Expr::Or(a, b) => {
            let (a, b) = (events(a)?, events(b)?);
            Some((a.0 | b.0, a.1 || b.1))
        }
        other => number(other).map(|events| (events, false)),
    }
}
