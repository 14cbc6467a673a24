//! TIME-WAIT: what stays of a connection at the side that closed it first (RFC 9293 section 3.6.1, MUST-13).

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::packet::{Flags, TcpOptions};
use crate::tcp::seq::{after, before};

/// How far beyond the old connection's numbers the new one's begin: further than any window without a scale.
const NEXT_LIFE: u32 = 65_535 + 2;

/// A closed connection that must not be confused with a new one of the same name.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeWait {
    words: LastWords,
    ends: Duration,
    /// When an answer to something out of place was sent last.
    answered: Option<Duration>,
    holder: Option<ConnId>,
}

impl TimeWait {
    /// The acknowledgement that the peer did not hear; it carries a window, as every one.
    fn acknowledgement(&self, now: Duration, tuple: Tuple) -> Segment {
        let clock = |offset: u32| (now.as_millis() as u32).wrapping_add(offset);
        Segment {
            src: tuple.local,
            dst: tuple.remote,
            flags: Flags { ack: true, ..Flags::default() },
            seq: self.words.send_next,
            ack: Some(self.words.receive_next),
            window: self.words.window,
            options: TcpOptions {
                timestamps: self.words.timestamps.map(|(offset, recent)| (clock(offset), recent)),
                ..TcpOptions::default()
            },
            data: Bytes::new(),
        }
    }
}

impl Endpoint {
    /// Both directions of a connection are closed.
    pub(super) fn enter_time_wait(&mut self, now: Duration, id: ConnId) {
        let Some(conn) = self.slots.get_mut(id.place()).and_then(|slot| slot.conn.as_deref_mut()) else {
            return;
        };
        let (tuple, words) = (conn.tuple, conn.last_words());
        conn.state = State::Closed;
        let ends = self.common.fires_at(now, self.common.sysctls.time_wait);
        self.leave(id);
        let time_wait = TimeWait { words, ends, answered: None, holder: self.conn(id).map(|_| id) };
        self.time_waits.insert(tuple, time_wait);
        self.by_tuple.insert(tuple, Found::TimeWait);
        self.calendar.insert((ends, Alarm::TimeWait(tuple)));
        self.events.push_back(Event::Happened { peer: tuple.remote, what: What::EnteredTimeWait });
    }

    /// A segment for one of these (Linux's `tcp_timewait_state_process()`).
    pub(super) fn receive_in_time_wait(&mut self, now: Duration, tuple: Tuple, segment: &Segment) {
        let lasts = self.common.fires_at(now, self.common.sysctls.time_wait);
        let Some(entry) = self.time_waits.get_mut(&tuple) else { return };
        let words = &mut entry.words;
        let recent = words.timestamps.map(|(_, recent)| recent);
        let value = segment.options.timestamps.map(|(value, _)| value).filter(|_| recent.is_some());
        let is_stale = value.zip(recent).is_some_and(|(value, recent)| before(value, recent));
        let bare = segment.sequence_len() == 0;
        if !is_stale && segment.seq == words.receive_next && (bare || segment.flags.rst) {
            if segment.flags.rst {
                // tcp_rfc1337 = 0.
                return self.forget_time_wait(&tuple);
            }
            entry.ends = lasts;
            if let (Some(value), Some((_, recent))) = (value, words.timestamps.as_mut()) {
                *recent = value;
            }
            return;
        }
        // RFC 6191: a new connection, if its timestamp or its number is beyond the old one's.
        let newer = after(segment.seq, words.receive_next)
            || value.zip(recent).is_some_and(|(value, recent)| before(recent, value));
        if segment.flags.syn && segment.ack.is_none() && !segment.flags.rst && !is_stale && newer {
            let isn = words.send_next.wrapping_add(NEXT_LIFE);
            if self.is_listening(tuple.local) {
                self.forget_time_wait(&tuple);
                self.syn_arrived(now, tuple, segment, Some(isn));
            }
            return;
        }
        if segment.flags.rst {
            return;
        }
        if is_stale || segment.ack.is_some() {
            entry.ends = lasts;
        }
        // tcp_invalid_ratelimit, as for a live connection.
        let quiet = bare && entry.answered.is_some_and(|last| now - last < Duration::from_millis(500));
        if !quiet {
            entry.answered = bare.then_some(now).or(entry.answered);
            let segment = entry.acknowledgement(now, tuple);
            self.out.push_back(Transmit { segment, marks: Marks::default() });
        }
    }

    /// The alarm rang.
    pub(super) fn expire_time_wait(&mut self, now: Duration, tuple: Tuple) {
        match self.time_waits.get(&tuple) {
            // It was prolonged.
            Some(entry) if entry.ends > now => {
                self.calendar.insert((entry.ends, Alarm::TimeWait(tuple)));
            }
            _ => self.forget_time_wait(&tuple),
        }
    }

    pub(super) fn forget_time_wait(&mut self, tuple: &Tuple) {
        if let Some(entry) = self.time_waits.remove(tuple) {
            self.calendar.remove(&(entry.ends, Alarm::TimeWait(*tuple)));
            if matches!(self.by_tuple.get(tuple), Some(Found::TimeWait)) {
                self.by_tuple.remove(tuple);
            }
            self.events.push_back(Event::Happened { peer: tuple.remote, what: What::LeftTimeWait });
        }
    }

    /// All of them, with the time they end.
    pub fn time_waits(&self) -> impl Iterator<Item = (&Tuple, Duration)> {
        self.time_waits.iter().map(|(tuple, entry)| (tuple, entry.ends))
    }

    /// Whether one of them is a process's that has not closed it yet.
    pub(super) fn in_time_wait(&self, id: ConnId) -> bool {
        self.conn(id).is_some_and(|conn| {
            self.time_waits.get(&conn.tuple).is_some_and(|entry| entry.holder == Some(id))
        })
    }
}
