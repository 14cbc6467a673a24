//! TIME-WAIT: what stays of a connection at the side that closed it first (RFC 9293 section 3.6.1, MUST-13).

use std::collections::BTreeMap;
use std::time::Duration;

use super::segment::{Tuple, before};
use super::{Alarm, ConnId, Kernel};
use crate::packet::{Flags, Segment};

/// A closed connection that must not be confused with a new one of the same name.
#[derive(Debug, Clone, Copy)]
struct TimeWait {
    send_next: u32,
    receive_next: u32,
    ends: Duration,
}

/// What to do with a segment for a connection in TIME-WAIT.
pub(super) enum Answer {
    /// The peer did not hear the last acknowledgement: say it again.
    Acknowledge(Segment),
    Nothing,
    /// A RST: forget it (Linux with `tcp_rfc1337` = 0).
    Gone,
    /// A SYN beyond the old connection's sequence numbers: a new one may begin (RFC 9293 section 3.10.7.4, RFC 6191).
    Reopen,
}

#[derive(Debug, Default)]
pub(super) struct TimeWaits(BTreeMap<Tuple, TimeWait>);

impl TimeWaits {
    /// Answers a segment, if it is for one of these.
    pub fn receive(
        &mut self,
        now: Duration,
        tuple: &Tuple,
        segment: &Segment,
        lasts: Duration,
    ) -> Option<Answer> {
        let entry = self.0.get_mut(tuple)?;
        if segment.flags.rst {
            return Some(Answer::Gone);
        }
        if segment.flags.syn && segment.ack.is_none() && before(entry.receive_next, segment.seq) {
            return Some(Answer::Reopen);
        }
        if segment.sequence_len() == 0 {
            return Some(Answer::Nothing);
        }
        entry.ends = now + lasts;
        Some(Answer::Acknowledge(Segment::bare(
            tuple.local,
            tuple.remote,
            Flags::default(),
            entry.send_next,
            Some(entry.receive_next),
            0,
        )))
    }

    /// When it ends: later than its alarm says, if it was prolonged.
    pub fn ends(&self, tuple: &Tuple) -> Option<Duration> {
        self.0.get(tuple).map(|t| t.ends)
    }

    pub fn contains(&self, tuple: &Tuple) -> bool {
        self.0.contains_key(tuple)
    }

    pub fn any_on(&self, port: u16) -> bool {
        self.0.keys().any(|t| t.local.port() == port)
    }

    /// All of them, with the time they end.
    pub fn iter(&self) -> impl Iterator<Item = (&Tuple, Duration)> {
        self.0.iter().map(|(t, w)| (t, w.ends))
    }
}

impl Kernel {
    pub(super) fn enter_time_wait(&mut self, now: Duration, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let (send_next, receive_next) = conn.next_seqs();
        conn.detached = true;
        let tuple = conn.tuple;
        let ends = now + self.sysctls.time_wait;
        self.time_waits.0.insert(tuple, TimeWait { send_next, receive_next, ends });
        self.calendar.insert((ends, Alarm::TimeWait(tuple)));
        self.log(now, "entered TIME-WAIT", Some(tuple.remote), Vec::new());
    }

    /// The alarm rang.
    pub(super) fn expire_time_wait(&mut self, now: Duration, tuple: Tuple) {
        match self.time_waits.ends(&tuple) {
            Some(ends) if ends > now => {
                self.calendar.insert((ends, Alarm::TimeWait(tuple)));
            }
            _ => self.forget_time_wait(now, &tuple),
        }
    }

    pub(super) fn forget_time_wait(&mut self, now: Duration, tuple: &Tuple) {
        if let Some(t) = self.time_waits.0.remove(tuple) {
            self.calendar.remove(&(t.ends, Alarm::TimeWait(*tuple)));
            self.log(now, "left TIME-WAIT", Some(tuple.remote), Vec::new());
        }
    }
}
