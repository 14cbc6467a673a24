//! Time, as a process sees it: `tokio::time`, on the clock of the machine that the process runs on.
//!
//! On a real machine it is tokio's time. On a simulated one it stands still while the machine is suspended, as Linux's
//! `CLOCK_MONOTONIC` does (`clock_gettime(2)`), although the time of the world, and tokio's, goes on: a timer of 30 s that
//! was set before a night's sleep is late by the night. Mechanisms and sessions use these functions and no others.

mod alarms;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub use tokio::time::Instant;

use alarms::Alarm;
pub(crate) use alarms::Alarms;

thread_local! {
    /// How far the clock of the machine whose process runs just now is behind tokio's.
    static BEHIND: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs `f` on a clock that is so far behind tokio's. For those who simulate a machine.
pub(crate) fn behind<R>(behind: Duration, f: impl FnOnce() -> R) -> R {
    struct Restore(Duration);
    impl Drop for Restore {
        fn drop(&mut self) {
            BEHIND.set(self.0);
        }
    }
    let _restore = Restore(BEHIND.replace(behind));
    f()
}

/// The time on the clock of this machine.
pub fn now() -> Instant {
    Instant::now() - BEHIND.get()
}

/// Waits for that long on the clock of this machine.
///
/// # Panics
/// Outside a tokio runtime.
pub fn sleep(duration: Duration) -> Sleep {
    // As far in the future as tokio goes: for ever, for all that anybody will see.
    sleep_until(now().checked_add(duration).unwrap_or_else(|| now() + FOREVER))
}

/// Waits until the clock of this machine shows `deadline`.
///
/// # Panics
/// Outside a tokio runtime.
pub fn sleep_until(deadline: Instant) -> Sleep {
    let behind = BEHIND.get();
    let at = deadline + behind;
    let timer = match alarms::keeper() {
        Some(alarms) => Timer::Kept(Alarm::new(alarms, at)),
        None => Timer::Tokio(Box::pin(tokio::time::sleep_until(at))),
    };
    Sleep { deadline, behind, timer }
}

/// Waits until tokio's clock shows `at`: as on `CLOCK_BOOTTIME`, which goes on while a machine sleeps (`clock_gettime(2)`).
/// For those who simulate a machine.
pub(crate) async fn boottime_sleep_until(at: Instant) {
    match alarms::keeper() {
        None => tokio::time::sleep_until(at).await,
        Some(alarms) => {
            let mut alarm = Alarm::new(alarms, at);
            std::future::poll_fn(|cx| alarm.poll(cx)).await;
        }
    }
}

/// Some thirty years.
const FOREVER: Duration = Duration::from_secs(86_400 * 365 * 30);

/// What [`sleep`] and [`sleep_until`] return.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    deadline: Instant,
    /// How far behind the clock was when the timer was set.
    behind: Duration,
    timer: Timer,
}

#[derive(Debug)]
enum Timer {
    Tokio(Pin<Box<tokio::time::Sleep>>),
    Kept(Alarm),
}

impl Sleep {
    /// When it is over, on the clock of this machine.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Makes it last until `deadline` instead.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.behind = BEHIND.get();
        let at = deadline + self.behind;
        match &mut self.timer {
            Timer::Tokio(sleep) => sleep.as_mut().reset(at),
            Timer::Kept(alarm) => alarm.reset(at),
        }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.behind != BEHIND.get() {
            // The machine has slept since.
            let deadline = self.deadline;
            self.reset(deadline);
        }
        match &mut self.timer {
            Timer::Tokio(sleep) => sleep.as_mut().poll(cx),
            Timer::Kept(alarm) => alarm.poll(cx),
        }
    }
}

/// The time was up before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deadline has elapsed")]
pub struct Elapsed;

/// Waits for a future, but no longer than so long on the clock of this machine.
///
/// # Errors
/// [`Elapsed`] when it is not ready by then; it is dropped.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    let mut sleep = sleep(duration);
    tokio::select! {
        biased;
        output = future.as_mut() => Ok(output),
        () = &mut sleep => Err(Elapsed),
    }
}

/// Ticks that come a period apart, the first at `start`. What was missed is made up for at once ([`Missed::Burst`]),
/// unless told otherwise.
///
/// # Panics
/// When `period` is zero; outside a tokio runtime.
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval { period, missed: Missed::Burst, sleep: sleep_until(start) }
}

/// What an [`Interval`] does about ticks that nobody waited for in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// All of them come at once, so that none is left out.
    Burst,
    /// They are left out; the next comes at a whole number of periods after the first.
    Skip,
}

/// What [`interval_at`] returns.
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    missed: Missed,
    sleep: Sleep,
}

impl Interval {
    /// With another way with missed ticks.
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// Waits for the next tick and returns when it was due. Cancel safe.
    pub async fn tick(&mut self) -> Instant {
        (&mut self.sleep).await;
        let due = self.sleep.deadline();
        let mut next = due + self.period;
        let now = now();
        if self.missed == Missed::Skip && next < now {
            let periods = (now - due).as_nanos() / self.period.as_nanos();
            // Fewer periods than nanoseconds in a run, of which there are fewer than a u64 counts.
            let past = self.period.as_nanos() * (periods + 1);
            next = due + Duration::from_nanos(u64::try_from(past).unwrap_or(u64::MAX));
        }
        self.sleep.reset(next);
        due
    }
}

/// The timers of hyper, on the clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct HyperTimer;

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(sleep(duration))
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(sleep_until(deadline.into()))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: std::time::Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut sleep) => sleep.reset(deadline.into()),
            None => *sleep = Box::pin(sleep_until(deadline.into())),
        }
    }

    fn now(&self) -> std::time::Instant {
        now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_test::{assert_pending, assert_ready, task};

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[tokio::test(start_paused = true)]
    async fn a_timer_is_late_by_what_the_machine_slept() {
        let mut timer = task::spawn(behind(Duration::ZERO, || sleep(S(30))));
        assert_pending!(timer.poll());
        tokio::time::advance(S(600)).await;
        assert!(timer.is_woken());
        behind(S(580), || assert_pending!(timer.poll()));
        tokio::time::advance(S(10)).await;
        behind(S(580), || assert_ready!(timer.poll()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_of_an_awake_machine_is_on_time() {
        let mut timer = task::spawn(sleep(S(30)));
        tokio::time::advance(S(29)).await;
        assert_pending!(timer.poll());
        tokio::time::advance(S(1)).await;
        assert_ready!(timer.poll());
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_of_a_machine_stands_while_it_sleeps() {
        let start = now();
        tokio::time::advance(S(100)).await;
        assert_eq!(behind(S(60), now) - start, S(40));
    }

    #[tokio::test(start_paused = true)]
    async fn missed_ticks_come_at_once_or_never() {
        for (missed, expected) in [(Missed::Burst, [10, 20, 30, 40]), (Missed::Skip, [10, 40, 50, 60])] {
            let start = now();
            let mut ticks = interval_at(start + S(10), S(10)).missed(missed);
            tokio::time::advance(S(35)).await;
            let mut due = Vec::new();
            for _ in 0..4 {
                due.push((ticks.tick().await - start).as_secs());
            }
            assert_eq!(due, expected, "{missed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_drops_what_takes_too_long_and_returns_what_does_not() {
        assert_eq!(timeout(S(1), std::future::pending::<()>()).await, Err(Elapsed));
        assert_eq!(timeout(S(1), async { 7 }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "non-zero")]
    async fn an_interval_of_nothing_is_refused() {
        let _ = interval_at(now(), Duration::ZERO);
    }
}
