//! Reading and writing, in all the forms that system calls have for it.

use halfopen::tcp::WriteFlags;

use super::Stop;
use super::calls::{Attempt, Pending, same};
use super::poll;
use super::run::Runner;
use super::script::{Call, Expr};
use super::subject::Subject;
use super::symbols::{errno, number, value};

impl<S: Subject> Runner<S> {
    pub fn receive_call(&mut self, fd: i64, pending: &mut Pending) -> Attempt {
        let call = &pending.call;
        let flags = flags(call, &["recv", "recvfrom", "recvmsg"]);
        if flags & value("MSG_ERRQUEUE") != 0 {
            return Err(Stop::Skip("the error queue (MSG_ERRQUEUE)".to_string()));
        }
        if flags & value("MSG_PEEK") != 0 {
            return Err(Stop::Skip("MSG_PEEK".to_string()));
        }
        let inq = inquiry(call);
        if has_control(call) && (inq.is_none() || !self.file(fd).options.tells_unread) {
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
        if let (Some(expected), Some(Ok(_))) = (inq, answer) {
            let unread = self.subject.info(clock, id, "unread").unwrap_or(0);
            let state = self.subject.info(clock, id, "tcpi_state").unwrap_or(0);
            // There is something to read, if only the end (tcp_inq_hint()).
            let told = if poll::PEER_CLOSED.contains(&state) { unread.max(1) } else { unread };
            same(pending.line, "TCP_CM_INQ", expected, told)?;
        }
        Ok(answer)
    }

    pub fn send_call(&mut self, fd: i64, pending: &mut Pending) -> Attempt {
        let call = &pending.call;
        let flags = flags(call, &["send", "sendto", "sendmsg"]);
        if flags & value("MSG_FASTOPEN") != 0 {
            return Err(Stop::Skip("TCP Fast Open".to_string()));
        }
        let is_set = |flag| flags & value(flag) != 0;
        let how = WriteFlags { more: is_set("MSG_MORE"), end_of_record: is_set("MSG_EOR") };
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
        if pending.asleep && !self.subject.is_writable(id) {
            return Ok(None);
        }
        let clock = self.clock();
        while pending.done < length {
            match self.subject.write(clock, id, &vec![0; length - pending.done], how) {
                Some(Ok(0)) => break,
                Some(Ok(written)) => pending.done += written,
                Some(Err(_)) if pending.done > 0 => break,
                Some(Err(e)) => return Ok(Some(Err(errno(&e)))),
                None if !nonblocking => {
                    pending.asleep = true;
                    return Ok(None);
                }
                None if pending.done > 0 => break,
                None => return Ok(Some(Err("EAGAIN"))),
            }
        }
        Ok(Some(Ok(pending.done as i64)))
    }

    pub fn ioctl(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
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

/// What a message of TCP_INQ is to tell, if that is the only one.
fn inquiry(call: &Call) -> Option<&Expr> {
    match message_part(call, "msg_control")? {
        Expr::List(messages) if messages.len() == 1 => {
            let word = |name| matches!(messages[0].field("cmsg_type"), Some(Expr::Word(w)) if w == name);
            messages[0].field("cmsg_data").filter(|_| word("TCP_CM_INQ"))
        }
        _ => None,
    }
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
