//! The timers of simulated machines, kept by whoever drives them.
//!
//! tokio's wheel takes several steps to get to a time that is far away, and a timer of its for every task of a crowd costs
//! more than what the task does. An engine that has all tasks on one thread keeps their timers itself, and asks tokio for
//! one: the next. They go off when tokio's would, at whole milliseconds.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

thread_local! {
    /// Who keeps the timers that are set just now; `None`: tokio.
    static KEEPER: RefCell<Option<Arc<Alarms>>> = const { RefCell::new(None) };
}

/// Who keeps the timers that are set just now.
pub(super) fn keeper() -> Option<Arc<Alarms>> {
    KEEPER.with_borrow(Clone::clone)
}

/// The timers of some machines.
#[derive(Debug)]
pub(crate) struct Alarms {
    /// Milliseconds are counted from here.
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now_ms: u64,
    /// The number of the alarm set last.
    last: u64,
    /// By number; never gone through.
    set: FxHashMap<u64, Set>,
    /// Every alarm has an entry that is not later; the others mean nothing.
    entries: BinaryHeap<Reverse<(u64, u64)>>,
}

#[derive(Debug)]
struct Set {
    at_ms: u64,
    /// Its earliest entry.
    entered_ms: u64,
    waker: Waker,
}

impl Alarms {
    /// None is set. Time is counted from `origin`.
    pub fn new(origin: Instant) -> Arc<Self> {
        Arc::new(Self { origin, state: Mutex::default() })
    }

    /// Keeps the timers that are set while `f` runs.
    pub fn keep<R>(self: &Arc<Self>, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<Arc<Alarms>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                KEEPER.set(self.0.take());
            }
        }
        let _restore = Restore(KEEPER.replace(Some(self.clone())));
        f()
    }

    /// When the next goes off, counted from the origin.
    pub fn next(&self) -> Option<Duration> {
        let mut state = self.state();
        state.prune();
        state.entries.peek().map(|Reverse((at, _))| Duration::from_millis(*at))
    }

    /// It is `now`, counted from the origin: what is due goes off.
    pub fn ring(&self, now: Duration) {
        let mut state = self.state();
        // Not rounded up: what is not over is not due.
        state.now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        loop {
            state.prune();
            let Some(Reverse((_, id))) =
                state.entries.peek().copied().filter(|Reverse((at, _))| *at <= state.now_ms)
            else {
                return;
            };
            state.entries.pop();
            if let Some(set) = state.set.remove(&id) {
                // A waker may do what it likes.
                drop(state);
                set.waker.wake();
                state = self.state();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No operation leaves it half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An alarm that somebody waits for is to go off at another time.
    fn move_to(&mut self, id: u64, at_ms: u64) {
        let Some(set) = self.set.get_mut(&id) else { return };
        set.at_ms = at_ms;
        if at_ms < set.entered_ms {
            set.entered_ms = at_ms;
            self.entries.push(Reverse((at_ms, id)));
        }
    }

    /// Makes sure that the first entry is that of an alarm that goes off then.
    fn prune(&mut self) {
        while let Some(Reverse((at, id))) = self.entries.peek().copied() {
            match self.set.get_mut(&id) {
                Some(set) if set.at_ms == at => return,
                // It was set to a later time.
                Some(set) if set.entered_ms == at => {
                    set.entered_ms = set.at_ms;
                    let entry = Reverse((set.at_ms, id));
                    self.entries.pop();
                    self.entries.push(entry);
                }
                _ => {
                    self.entries.pop();
                }
            }
        }
    }
}

/// A timer that [`Alarms`] keep.
#[derive(Debug)]
pub(super) struct Alarm {
    alarms: Arc<Alarms>,
    at_ms: u64,
    /// Its number, while somebody waits for it.
    id: Option<u64>,
}

impl Alarm {
    /// It goes off at `at`, or at the whole millisecond after it.
    pub fn new(alarms: Arc<Alarms>, at: Instant) -> Self {
        let mut alarm = Self { alarms, at_ms: 0, id: None };
        alarm.reset(at);
        alarm
    }

    pub fn reset(&mut self, at: Instant) {
        let ns = at.saturating_duration_since(self.alarms.origin).as_nanos();
        self.at_ms = u64::try_from(ns.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        if let Some(id) = self.id {
            self.alarms.state().move_to(id, self.at_ms);
        }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { alarms, at_ms, id } = self;
        let state = &mut *alarms.state();
        if *at_ms <= state.now_ms {
            if let Some(id) = id.take() {
                state.set.remove(&id);
            }
            return Poll::Ready(());
        }
        if let Some(set) = id.and_then(|id| state.set.get_mut(&id)) {
            if !set.waker.will_wake(cx.waker()) {
                set.waker.clone_from(cx.waker());
            }
        } else {
            state.last += 1;
            *id = Some(state.last);
            let set = Set { at_ms: *at_ms, entered_ms: *at_ms, waker: cx.waker().clone() };
            state.set.insert(state.last, set);
            state.entries.push(Reverse((*at_ms, state.last)));
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.alarms.state().set.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_test::task;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn an_alarm_goes_off_at_the_whole_millisecond_after_its_time() {
        let origin = Instant::now();
        let alarms = Alarms::new(origin);
        let mut alarm = Alarm::new(alarms.clone(), origin + Duration::from_micros(1_001));
        let mut waiting = task::spawn(std::future::poll_fn(|cx| alarm.poll(cx)));
        assert!(waiting.poll().is_pending());
        assert_eq!(alarms.next(), Some(MS(2)));
        alarms.ring(Duration::from_micros(1_999));
        assert!(!waiting.is_woken());
        alarms.ring(MS(2));
        assert!(waiting.is_woken() && waiting.poll().is_ready());
        assert_eq!(alarms.next(), None);
    }

    #[test]
    fn of_alarms_nobody_waits_for_any_more_nothing_stays() {
        let origin = Instant::now();
        let alarms = Alarms::new(origin);
        for n in 0..1_000 {
            let mut alarm = Alarm::new(alarms.clone(), origin + MS(5 + n));
            task::spawn(std::future::poll_fn(|cx| alarm.poll(cx))).poll().is_pending().then_some(()).unwrap();
        }
        assert_eq!(alarms.next(), None);
        let state = alarms.state();
        assert!(state.set.is_empty() && state.entries.is_empty());
    }

    proptest! {
        /// Against tokio's timers, which are set and moved in the same way.
        #[test]
        fn an_alarm_goes_off_when_tokios_timer_does(
            steps in proptest::collection::vec((0usize..4, proptest::option::of(0u64..5_000), 0u64..3_000), 1..40)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let origin = Instant::now();
                let alarms = Alarms::new(origin);
                let mut ours: Vec<_> =
                    (0..4).map(|_| task::spawn(Alarm::new(alarms.clone(), origin))).collect();
                let mut tokios: Vec<_> =
                    (0..4).map(|_| task::spawn(Box::pin(tokio::time::sleep_until(origin)))).collect();
                for (i, at_us, pause_us) in steps {
                    if let Some(at) = at_us.map(|us| Instant::now() + Duration::from_micros(us)) {
                        ours[i].reset(at);
                        std::pin::Pin::as_mut(&mut *tokios[i]).reset(at);
                    }
                    let (our, tokio) = (ours[i].poll(), tokios[i].poll());
                    prop_assert_eq!(our, tokio);
                    // As an engine does: only whole milliseconds pass.
                    tokio::time::advance(MS(pause_us / 1_000)).await;
                    alarms.ring(Instant::now() - origin);
                    for (our, tokio) in ours.iter().zip(&tokios) {
                        prop_assert_eq!(our.is_woken(), tokio.is_woken());
                    }
                }
                Ok(())
            })?;
        }
    }

    impl std::future::Future for Alarm {
        type Output = ();
        fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            Alarm::poll(&mut self, cx)
        }
    }
}
