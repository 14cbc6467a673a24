//! The system calls of a script: done, waited for, and their results compared.

use std::io;
use std::net::SocketAddrV4;

use super::link::{Link, Stage};
use super::options;
use super::poll::{self, Watch};
use super::run::Runner;
use super::script::{Call, Expr, Micros};
use super::subject::{Options, Subject};
use super::symbols::{self, number, value};
use super::{Fault, Stop};

/// The system calls that can be run.
pub const KNOWN: &[&str] = &[
    "socket",
    "bind",
    "listen",
    "accept",
    "connect",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmsg",
    "write",
    "writev",
    "send",
    "sendto",
    "sendmsg",
    "fcntl",
    "ioctl",
    "close",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "poll",
    "epoll_create",
    "epoll_ctl",
    "epoll_wait",
];

/// How long a call without an end time may block: longer than any script's connection stalls on its own.
const LONGEST_CALL: Micros = 30_000_000;
/// How long a call waits for the blocking one before it (packetdrill's).
const LONGEST_WAIT: Micros = 1_000_000;

/// An open file of the script.
#[derive(Debug, Clone)]
pub struct File<Id> {
    pub link: usize,
    pub connection: Option<Id>,
    /// Connections that were taken out of a listener's queue to see whether there is one.
    pub accepted: Vec<Id>,
    pub listening: bool,
    bound: bool,
    pub options: Options,
    /// O_NONBLOCK
    pub nonblocking: bool,
    /// connect() has not told how it ended
    pub connecting: bool,
    /// shutdown(SHUT_RD)
    pub deaf: bool,
    /// Whether shutdown(SHUT_WR) was called.
    pub mute: bool,
    /// Of an epoll(7) file: what it watches
    pub watched: Vec<Watch>,
}

/// A call that blocks, and what it has done so far.
#[derive(Debug, Clone)]
pub struct Pending {
    pub line: usize,
    pub call: Call,
    pub from: Micros,
    /// When it should return; `None`: at once, so that what comes after it is late
    pub until: Option<Micros>,
    /// When it gives up by itself (`poll`)
    pub deadline: Option<Micros>,
    done: usize,
}

/// What a call returns.
type Answer = Result<i64, &'static str>;
/// `None`: it blocks.
pub type Attempt = Result<Option<Answer>, Stop>;

impl<S: Subject> Runner<S> {
    /// Starts a call, and waits for it if it is not one that may block.
    pub fn call(
        &mut self,
        line: usize,
        call: &Call,
        from: Micros,
        until: Option<Micros>,
    ) -> Result<(), Stop> {
        self.flush()?;
        let deadline = poll::timeout(call).map(|t| self.now.saturating_add(t));
        self.pending = Some(Pending { line, call: call.clone(), from, until, deadline, done: 0 });
        self.flush()?;
        if until.is_none() && !self.run_until_returned(LONGEST_CALL)? {
            let why = format!("{}() blocks; expected {}", call.name, expectation(call));
            return Err(Fault::new(line, why).into());
        }
        Ok(())
    }

    /// Lets time pass until the blocking call returns, a second at most.
    pub fn finish_pending(&mut self) -> Result<(), Stop> {
        self.run_until_returned(LONGEST_WAIT).map(|_| ())
    }

    fn run_until_returned(&mut self, longest: Micros) -> Result<bool, Stop> {
        let limit = self.now.saturating_add(longest);
        while let Some(pending) = &self.pending {
            let next = [self.next_timer(), pending.deadline].into_iter().flatten().min();
            match next {
                Some(at) if at <= limit => {
                    if self.next_timer().is_some_and(|timer| timer <= at) {
                        self.fire(at)?;
                    } else {
                        self.now = self.now.max(at);
                        self.flush()?;
                    }
                }
                _ => {
                    self.now = limit;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Tries the blocking call again; returns whether anything may have changed.
    pub fn go_on(&mut self) -> Result<bool, Stop> {
        let Some(mut pending) = self.pending.take() else { return Ok(false) };
        let before = pending.done;
        let answer = self.attempt(&mut pending)?;
        let Some(answer) = answer else {
            let moved = pending.done != before;
            self.pending = Some(pending);
            return Ok(moved);
        };
        compare(pending.line, &pending.call, answer)?;
        if let Some(until) = pending.until {
            self.check_end(pending.line, pending.from, until)?;
        }
        Ok(true)
    }

    fn attempt(&mut self, pending: &mut Pending) -> Attempt {
        let line = pending.line;
        let call = &pending.call;
        let first = call.arguments.first();
        let wrong = |what: &str| Stop::from(Fault::new(line, format!("{}() needs {what}", call.name)));
        let last_argument = call.arguments.last().and_then(number).unwrap_or(0);
        match call.name.as_str() {
            "socket" => return self.socket(call).map(Some),
            "poll" => return self.poll(line, call, pending.deadline),
            "epoll_create" => return Ok(Some(self.epoll_create(call))),
            "epoll_wait" => return self.epoll_wait(line, call, pending.deadline),
            _ => {}
        }
        let fd = first.and_then(number).ok_or_else(|| wrong("a file descriptor"))?;
        if !self.files.contains_key(&fd) {
            return Ok(Some(Err("EBADF")));
        }
        match call.name.as_str() {
            "bind" => {
                self.file(fd).bound = true;
                let link = self.file(fd).link;
                let port = self.settings.port;
                self.links[link].local.set_port(port);
                Ok(Some(Ok(0)))
            }
            "listen" => {
                let backlog = u32::try_from(last_argument).unwrap_or(0);
                let file = self.file(fd);
                file.listening = true;
                let link = file.link;
                let options = self.effective_options(fd);
                self.links[link].stage = Stage::Listening;
                self.subject.listen(self.settings.port, backlog, &options);
                Ok(Some(Ok(0)))
            }
            "accept" => self.accept(line, fd, call),
            "connect" => self.connect(fd, call),
            "read" | "readv" | "recv" | "recvfrom" | "recvmsg" => self.receive_call(fd, pending),
            "write" | "writev" | "send" | "sendto" | "sendmsg" => self.send_call(fd, pending),
            "fcntl" => self.fcntl(line, fd, call),
            "ioctl" => self.ioctl(line, fd, call),
            "close" => Ok(Some(self.close(fd))),
            "shutdown" => Ok(Some(self.shutdown(fd, last_argument))),
            "setsockopt" => self.set_option(line, fd, call),
            "getsockopt" => self.get_option(line, fd, call),
            "epoll_ctl" => self.epoll_ctl(fd, call),
            other => Err(Stop::Skip(format!("system call {other}()"))),
        }
    }

    /// The open file of that number, which the caller has seen to be there.
    pub fn file(&mut self, fd: i64) -> &mut File<S::Id> {
        self.files.get_mut(&fd).expect("attempt() has looked for it")
    }

    /// The options of a file, with the settings that stand in for those that were not set.
    fn effective_options(&mut self, fd: i64) -> Options {
        let options = self.file(fd).options.clone();
        Options { notsent_lowat: options.notsent_lowat.or(self.settings.notsent_lowat), ..options }
    }

    fn socket(&mut self, call: &Call) -> Result<Answer, Stop> {
        let kind = call.arguments.get(1).and_then(number).unwrap_or(1);
        let protocol = matches!(call.arguments.get(2), Some(Expr::Word(w)) if w == "IPPROTO_TCP");
        if kind & 0xf != 1 || (!protocol && call.arguments.get(2).and_then(number) != Some(0)) {
            return Err(Stop::Skip("sockets that are not TCP's".to_string()));
        }
        if matches!(call.arguments.first(), Some(Expr::Word(w)) if w == "AF_INET6") {
            return Err(Stop::Skip("IPv6".to_string()));
        }
        // The script knows the number, which is the lowest free one.
        let fd = number(&call.result).unwrap_or(-1);
        let any = SocketAddrV4::new(self.settings.local, 0);
        self.under_test = Some(self.links.len());
        self.links.push(Link::new(Stage::New, any, any));
        let file = File { nonblocking: kind & 0x800 != 0, ..new_file(self.links.len() - 1) };
        self.files.insert(fd, file);
        Ok(Ok(fd))
    }

    fn epoll_create(&mut self, call: &Call) -> Answer {
        let fd = number(&call.result).unwrap_or(-1);
        self.files.insert(fd, new_file(usize::MAX));
        Ok(fd)
    }

    fn accept(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let (port, nonblocking) = (self.settings.port, self.file(fd).nonblocking);
        if !self.file(fd).listening {
            return Ok(Some(Err("EINVAL")));
        }
        let stashed = self.file(fd).accepted.pop();
        let Some(id) = stashed.or_else(|| self.subject.accept(port)) else {
            return Ok(nonblocking.then_some(Err("EAGAIN")));
        };
        let found = self.links.iter().rposition(|l| matches!(l.stage, Stage::Open | Stage::SynAckSent));
        let Some(link) = found else {
            return Err(Fault::new(line, "accept() returned a connection that no packet had opened").into());
        };
        let new = number(&call.result).unwrap_or(-1);
        let options = self.file(fd).options.clone();
        self.files.insert(new, File { connection: Some(id), options, ..new_file(link) });
        Ok(Some(Ok(new)))
    }

    fn connect(&mut self, fd: i64, call: &Call) -> Attempt {
        if matches!(call.arguments.get(1), Some(Expr::Record(_))) {
            return Err(Stop::Skip("connect() to a written address".to_string()));
        }
        let file = self.file(fd);
        let (link, nonblocking, bound) = (file.link, file.nonblocking, file.bound);
        let Some(id) = file.connection else {
            let port = if bound { self.settings.port } else { self.next_port() };
            let local = SocketAddrV4::new(self.settings.local, port);
            let remote = SocketAddrV4::new(self.settings.remote, self.settings.port);
            self.links[link] = Link::new(Stage::Connecting, local, remote);
            let (clock, options) = (self.clock(), self.effective_options(fd));
            let id = self.subject.connect(clock, local, remote, &options);
            let file = self.file(fd);
            file.connection = Some(id);
            file.connecting = true;
            return Ok(nonblocking.then_some(Err("EINPROGRESS")));
        };
        if !file.connecting {
            return Ok(Some(Err("EISCONN")));
        }
        Ok(match self.subject.connected(id) {
            None => nonblocking.then_some(Err("EALREADY")),
            Some(result) => {
                self.file(fd).connecting = false;
                Some(result.map(|()| 0).map_err(|e| errno(&e)))
            }
        })
    }

    fn receive_call(&mut self, fd: i64, pending: &mut Pending) -> Attempt {
        let call = &pending.call;
        let flags = flags(call, &["recv", "recvfrom", "recvmsg"]);
        if flags & (value("MSG_PEEK") | value("MSG_ERRQUEUE")) != 0 {
            return Err(Stop::Skip(format!("flags of {}()", call.name)));
        }
        if has_control(call) {
            return Err(Stop::Skip("control messages".to_string()));
        }
        let file = self.file(fd);
        let nonblocking = file.nonblocking || flags & value("MSG_DONTWAIT") != 0;
        let deaf = file.deaf;
        let Some(id) = file.connection else { return Ok(Some(Err("ENOTCONN"))) };
        let length = length(call)?;
        if is_null(call) && length > 0 {
            return Ok(Some(Err("EFAULT")));
        }
        let clock = self.clock();
        let mut buffer = vec![0; length - pending.done.min(length)];
        let answer = match self.subject.read(clock, id, &mut buffer) {
            Some(Ok(0)) => Some(Ok(pending.done as i64)),
            Some(Ok(read)) => {
                pending.done += read;
                let all = flags & value("MSG_WAITALL") != 0 && pending.done < length && !nonblocking;
                (!all).then_some(Ok(pending.done as i64))
            }
            Some(Err(_)) if pending.done > 0 => Some(Ok(pending.done as i64)),
            Some(Err(e)) => Some(Err(errno(&e))),
            None if deaf => Some(Ok(0)),
            None => nonblocking.then_some(Err("EAGAIN")),
        };
        Ok(answer)
    }

    fn send_call(&mut self, fd: i64, pending: &mut Pending) -> Attempt {
        let call = &pending.call;
        let flags = flags(call, &["send", "sendto", "sendmsg"]);
        for (flag, feature) in
            [("MSG_FASTOPEN", "TCP Fast Open"), ("MSG_MORE", "MSG_MORE"), ("MSG_EOR", "MSG_EOR")]
        {
            if flags & value(flag) != 0 {
                return Err(Stop::Skip(feature.to_string()));
            }
        }
        // MSG_ZEROCOPY changes what is told later on the error queue, which wakes an epoll(7), and segments only of what is
        // in many pieces.
        let watched = self.files.values().any(|f| !f.watched.is_empty());
        if flags & value("MSG_ZEROCOPY") != 0 && (watched || pieces(call) > 16) {
            return Err(Stop::Skip("MSG_ZEROCOPY".to_string()));
        }
        if has_control(call) {
            return Err(Stop::Skip("control messages".to_string()));
        }
        let file = self.file(fd);
        let nonblocking = file.nonblocking || flags & value("MSG_DONTWAIT") != 0;
        let mute = file.mute;
        let Some(id) = file.connection.filter(|_| !mute) else { return Ok(Some(Err("EPIPE"))) };
        let length = length(call)?;
        if is_null(call) && length > 0 {
            return Ok(Some(Err("EFAULT")));
        }
        let clock = self.clock();
        while pending.done < length {
            match self.subject.write(clock, id, &vec![0; length - pending.done]) {
                Some(Ok(0)) => break,
                Some(Ok(written)) => pending.done += written,
                Some(Err(_)) if pending.done > 0 => break,
                Some(Err(e)) => return Ok(Some(Err(errno(&e)))),
                None if !nonblocking => return Ok(None),
                None if pending.done > 0 => break,
                None => return Ok(Some(Err("EAGAIN"))),
            }
        }
        Ok(Some(Ok(pending.done as i64)))
    }

    fn fcntl(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let nonblock = value("O_NONBLOCK");
        match (&call.arguments[1..], self.file(fd)) {
            ([Expr::Word(w)], file) if w == "F_GETFL" => {
                Ok(Some(Ok(value("O_RDWR") | if file.nonblocking { nonblock } else { 0 })))
            }
            ([Expr::Word(w), flags], file) if w == "F_SETFL" => {
                let Some(flags) = number(flags) else {
                    return Err(Fault::new(line, "fcntl() with unknown flags").into());
                };
                file.nonblocking = flags & nonblock != 0;
                Ok(Some(Ok(0)))
            }
            _ => Err(Stop::Skip("this fcntl()".to_string())),
        }
    }

    fn ioctl(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let (Some(Expr::Word(name)), Some(expected)) = (call.arguments.get(1), call.arguments.get(2)) else {
            return Err(Stop::Skip("this ioctl()".to_string()));
        };
        let field = match name.as_str() {
            "SIOCINQ" | "FIONREAD" => "unread",
            "SIOCOUTQ" | "TIOCOUTQ" => "unsent",
            other => return Err(Stop::Skip(format!("ioctl {other}"))),
        };
        let (id, clock) = (self.file(fd).connection, self.clock());
        let Some(actual) = id.and_then(|id| self.subject.info(clock, id, field)) else {
            return Err(Stop::Skip(format!("ioctl {name}")));
        };
        same(line, name, expected.single(), actual)?;
        Ok(Some(Ok(0)))
    }

    fn close(&mut self, fd: i64) -> Answer {
        let clock = self.clock();
        let Some(file) = self.files.remove(&fd) else { return Err("EBADF") };
        for id in file.accepted {
            self.subject.close(clock, id);
        }
        if file.listening {
            self.subject.close_listener(clock, self.settings.port);
        } else if let Some(id) = file.connection {
            self.subject.close(clock, id);
        }
        Ok(0)
    }

    fn shutdown(&mut self, fd: i64, how: i64) -> Answer {
        let clock = self.clock();
        let file = self.file(fd);
        let Some(id) = file.connection else { return Err("ENOTCONN") };
        file.deaf |= how != value("SHUT_WR");
        if how != value("SHUT_RD") {
            file.mute = true;
            self.subject.shutdown(clock, id);
        }
        Ok(0)
    }

    fn set_option(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let [_, _, Expr::Word(name), value, ..] = call.arguments.as_slice() else {
            return Err(Fault::new(line, "setsockopt() needs a level, an option and its value").into());
        };
        if !options::harmless(name) && !self.subject.has_option(name) {
            return Err(Stop::Skip(format!("socket option {name}")));
        }
        let file = self.file(fd);
        let set = options::set(&mut file.options, name, value)?;
        let connection = file.connection;
        let new = self.effective_options(fd);
        if let Err(e) = set {
            return Ok(Some(Err(e)));
        }
        if let Some(id) = connection {
            let clock = self.clock();
            self.subject.set_options(clock, id, &new);
        }
        Ok(Some(Ok(0)))
    }

    fn get_option(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let [_, _, Expr::Word(name), expected, ..] = call.arguments.as_slice() else {
            return Err(Fault::new(line, "getsockopt() needs a level, an option and its value").into());
        };
        let clock = self.clock();
        let file = self.file(fd);
        let (connection, connecting) = (file.connection, file.connecting);
        let known = options::get(&file.options, name);
        let actual = match (name.as_str(), connection) {
            ("SO_ERROR", None) => Some(0),
            ("SO_ERROR", Some(id)) if connecting => {
                let result = self.subject.connected(id);
                self.file(fd).connecting = result.is_none();
                Some(result.map_or(0, |r| r.err().map_or(0, |e| errno_number(errno(&e)))))
            }
            ("SO_ERROR", Some(id)) => {
                self.subject.take_error(id).map(|r| r.err().map_or(0, |e| errno_number(errno(&e))))
            }
            ("TCP_MAXSEG", Some(id)) => self.subject.info(clock, id, "tcpi_snd_mss"),
            _ => known,
        };
        let Some(actual) = actual else { return Err(Stop::Skip(format!("getsockopt {name}"))) };
        same(line, name, expected.single(), actual)?;
        Ok(Some(Ok(0)))
    }
}

fn new_file<Id>(link: usize) -> File<Id> {
    File {
        link,
        connection: None,
        accepted: Vec::new(),
        listening: false,
        bound: false,
        options: Options::default(),
        nonblocking: false,
        connecting: false,
        deaf: false,
        mute: false,
        watched: Vec::new(),
    }
}

/// A value that a call has filled in, against what the script expects.
pub fn same(line: usize, what: &str, expected: &Expr, actual: i64) -> Result<(), Stop> {
    match number(expected) {
        _ if *expected == Expr::Ellipsis => Ok(()),
        Some(expected) if expected == actual => Ok(()),
        Some(expected) => {
            Err(Fault::new(line, format!("expected {what} {expected}, but it is {actual}")).into())
        }
        None => Err(Stop::Skip(format!("the value of {what}"))),
    }
}

fn compare(line: usize, call: &Call, answer: Answer) -> Result<(), Stop> {
    let (result, errno) = match answer {
        Ok(value) => (value, None),
        Err(name) => (-1, Some(name)),
    };
    let expected = number(&call.result);
    let names_differ = call.errno.is_some() && errno.is_some() && call.errno.as_deref() != errno;
    if call.result == Expr::Ellipsis || (expected == Some(result) && !names_differ) {
        return Ok(());
    }
    let got = errno.map_or_else(|| result.to_string(), |name| format!("-1 {name}"));
    Err(Fault::new(line, format!("{}() returned {got}; expected {}", call.name, expectation(call))).into())
}

fn expectation(call: &Call) -> String {
    let result = number(&call.result).map_or_else(|| "something else".to_string(), |n| n.to_string());
    match &call.errno {
        Some(errno) => format!("{result} {errno}"),
        None => result,
    }
}

/// The flags of a call that has some: the argument that is last in `recv` and `send`, and fourth with an address.
fn flags(call: &Call, with: &[&str]) -> i64 {
    if !with.contains(&call.name.as_str()) {
        return 0;
    }
    let at = if call.name.ends_with("msg") { 2 } else { 3 };
    call.arguments.get(at).and_then(number).unwrap_or(0)
}

fn is_null(call: &Call) -> bool {
    matches!(call.arguments.get(1), Some(Expr::Word(w)) if w == "NULL")
}

fn message_part<'a>(call: &'a Call, name: &str) -> Option<&'a Expr> {
    call.arguments.get(1).and_then(|message| message.field(name))
}

fn has_control(call: &Call) -> bool {
    message_part(call, "msg_control").is_some_and(|c| !matches!(c, Expr::List(l) if l.is_empty()))
}

/// Of how many pieces a call writes.
fn pieces(call: &Call) -> usize {
    match message_part(call, "msg_iov") {
        Some(Expr::List(parts)) => parts.len(),
        _ => 1,
    }
}

/// How many bytes a call reads or writes at most.
fn length(call: &Call) -> Result<usize, Stop> {
    let vector = match call.name.as_str() {
        "readv" | "writev" => call.arguments.get(1),
        "recvmsg" | "sendmsg" => message_part(call, "msg_iov"),
        _ => None,
    };
    let total = match vector {
        Some(Expr::List(parts)) => {
            parts.iter().map(|p| if let Expr::Record(p) = p { p.get(1).and_then(number) } else { None }).sum()
        }
        _ => call.arguments.get(2).and_then(number),
    };
    let fits = total.and_then(|n: i64| usize::try_from(n).ok()).filter(|n| *n <= 64 << 20);
    fits.ok_or_else(|| Stop::Skip(format!("this length of {}()", call.name)))
}

fn errno_number(name: &str) -> i64 {
    symbols::ERRNOS.iter().find(|(n, _)| *n == name).map_or(-1, |(_, number)| *number)
}

/// The name of an error.
fn errno(error: &io::Error) -> &'static str {
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
