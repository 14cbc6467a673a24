//! How a run comes to its end before its time: what it waited for has happened, or it has failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::limits::{self, Limits};
use crate::parameter::{ByteSize, Scalar as _};
use crate::trace::recorder::Recorder;

/// Why a run was given up. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A process panicked; a failed `assert!` is one.
    #[error("a process of `{machine}` panicked at {}: {message}", .at.show())]
    Panicked {
        /// On which machine.
        machine: String,
        /// Virtual time.
        at: Duration,
        /// What it said.
        message: String,
    },
    /// A process runs on and on without waiting for anything.
    #[error("a process of `{machine}` spins at {}: it runs on and on without any time passing", .at.show())]
    Spins {
        /// On which machine.
        machine: String,
        /// Virtual time.
        at: Duration,
    },
    /// A process has started a task that does not belong to it.
    #[error(
        "a process of `{machine}` called tokio::spawn at {}; valid: the tasks() or the spawner() of its network, so that \
         the task is stalled with its process and dies with it", .at.show()
    )]
    Escaped {
        /// On which machine.
        machine: String,
        /// Virtual time.
        at: Duration,
    },
    /// The run has reached one of its [`Limits`].
    #[error("the run was ended at {}: it has reached its limit of {limit}; see --limit", .at.show())]
    Limit {
        /// Which limit, as it would be typed: `events=2000000`.
        limit: String,
        /// Virtual time.
        at: Duration,
    },
}

/// So many looks whether a run is over are one look at the clock.
const LOOKS: u64 = 256;

/// What a run waits for: it ends when that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    event: String,
    host: Option<String>,
    times: usize,
    then: Duration,
}

/// The run ends with the event of this name.
pub fn until(event: &str) -> Until {
    Until { event: event.to_owned(), host: None, times: 1, then: Duration::ZERO }
}

impl Until {
    /// Only on this host.
    #[must_use]
    pub fn on(self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self }
    }

    /// The `n`-th of them (counted from 1).
    #[must_use]
    pub fn times(self, n: usize) -> Self {
        Self { times: n.max(1), ..self }
    }

    /// And so much time after it.
    #[must_use]
    pub fn then(self, time: Duration) -> Self {
        Self { then: time, ..self }
    }
}

/// Looks out for what a run waits for.
#[derive(Debug)]
struct Watch {
    until: Until,
    /// How many events it has looked at.
    seen: usize,
    /// When what it looks out for has happened. An engine may tell one event after a later one, if they are less than its
    /// tick apart.
    times: Vec<Duration>,
}

impl Watch {
    /// Looks at what is new; returns when the run ends, if that is known.
    fn look(&mut self, recorder: &Recorder) -> Option<Duration> {
        let Self { until, seen, times } = self;
        let before = times.len();
        *seen = recorder.each_watched_from(*seen, |at, host| {
            if until.host.as_deref().is_none_or(|wanted| host == Some(wanted)) {
                times.push(at);
            }
        });
        if times.len() == before || times.len() < until.times {
            return None;
        }
        times.sort_unstable();
        // What happens at the end itself is left out of a trace.
        Some(times[until.times - 1] + until.then + Duration::from_micros(1))
    }
}

/// Whether and why a run is to end; shared by everything that may end it.
#[derive(Debug)]
pub(in crate::sim) struct Ending {
    recorder: Recorder,
    watch: Option<Mutex<Watch>>,
    limits: Limits,
    /// When there is no real time left.
    out_of_time: Option<Duration>,
    /// How often it was asked whether the run is over.
    looked: AtomicU64,
    failure: Mutex<Option<Failure>>,
    /// When the run ends, in microseconds: at its time, earlier once what it waited for has happened, at once when it
    /// has failed.
    at_us: AtomicU64,
}

impl Ending {
    /// A run that ends at that time, or when what it waits for has happened, or when it has reached one of its limits.
    pub fn new(lasts: Duration, until: Option<Until>, recorder: Recorder, limits: Limits) -> Self {
        let out_of_time = limits::real_time().map(|now| now + limits.real_time);
        let looked = AtomicU64::new(0);
        let at_us = AtomicU64::new(u64::try_from(lasts.as_micros()).unwrap_or(u64::MAX));
        if let Some(until) = &until {
            recorder.watch(&until.event);
        }
        let watch = until.map(|until| Mutex::new(Watch { until, seen: 0, times: Vec::new() }));
        Self { recorder, watch, limits, out_of_time, looked, failure: Mutex::default(), at_us }
    }

    /// Looks whether the run is over at `now`.
    pub fn is_over(&self, now: Duration) -> bool {
        if let Some(watch) = &self.watch {
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = watch.look(&self.recorder) {
                self.not_after(at);
            }
        }
        if let Some((name, bound)) = self.recorder.overrun() {
            self.fail(Failure::Limit { limit: format!("{name}={}", shown(name, bound)), at: now });
        } else if self.is_out_of_time() {
            let limit = format!("real_time={}", self.limits.real_time.show());
            self.fail(Failure::Limit { limit, at: now });
        }
        now >= self.time()
    }

    /// The run has failed. The first failure is the one that is told.
    pub fn fail(&self, failure: Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.at_us.store(0, Ordering::Relaxed);
    }

    /// Whether the real time is used up. A clock costs more than a look: it is read now and then.
    fn is_out_of_time(&self) -> bool {
        let Some(end) = self.out_of_time else { return false };
        let looks = self.looked.fetch_add(1, Ordering::Relaxed);
        looks % LOOKS == LOOKS - 1 && limits::real_time().is_some_and(|now| now >= end)
    }

    /// The run ends at that time, or earlier.
    fn not_after(&self, at: Duration) {
        let at_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        self.at_us.fetch_min(at_us, Ordering::Relaxed);
    }

    /// When the run ends.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.at_us.load(Ordering::Relaxed))
    }

    /// Why it failed, if it has.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A limit as it would be typed.
fn shown(name: &str, bound: u64) -> String {
    match name {
        "bytes" | "buffers" => ByteSize(bound).show(),
        _ => bound.to_string(),
    }
}
