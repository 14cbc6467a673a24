//! The system calls of a script: done, waited for, and their results compared.

use super::link::Stage;
use super::poll;
use super::run::Runner;
use super::script::{Call, Expr, Micros};
use super::subject::Subject;
use super::symbols::number;
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
    pub done: usize,
    /// It has found no room to write: it tries again when poll(2) would tell of some, not as soon as there is any.
    pub asleep: bool,
}

/// What a call returns.
pub type Answer = Result<i64, &'static str>;
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
        self.pending =
            Some(Pending { line, call: call.clone(), from, until, deadline, done: 0, asleep: false });
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
                self.set_max_segment(&options);
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
