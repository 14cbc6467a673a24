//! The fast engine: all machines in one group, on one paused runtime that jumps from event to event.
//!
//! Time passes only when nothing is left to do; then tokio moves its clock to its next timer, an application's or the
//! group's. tokio's timers know whole milliseconds; what is due between two of them is done at the second, but happens at
//! its own time (`Group::handle`), so that packets travel to the microsecond.
//!
//! Where processes have no timers but those that the group keeps, nobody has to ask tokio: its clock is moved to what is
//! due next, and the runtime has no timers at all, so that whoever sets one all the same is found out.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime::Builder;

use super::group::Group;
use super::{Built, Nowhere, drive};

pub(super) fn run<T>(built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    let Built { groups, seed, tokio_timers, .. } = built;
    let mut builder = Builder::new_current_thread();
    builder.start_paused(true);
    if tokio_timers {
        builder.enable_time();
    }
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    let runtime = builder.build().map_err(|e| e.to_string())?;
    for mut group in groups {
        // Its processes find a runtime either way.
        let _inside = runtime.enter();
        group.keep_alarms();
        if tokio_timers {
            runtime.block_on(drive(group, Nowhere)).map_err(|e| e.to_string())?;
        } else {
            jump(group);
        }
    }
    Ok(finish())
}

/// Runs a group to the end of the run, from one thing that is due to the next: there is nobody else who could wake it.
fn jump(mut group: Group) {
    group.start();
    let mut now = group.clock.now();
    loop {
        group.run(now);
        if group.ending.is_over(now) {
            return group.leave();
        }
        let ends = group.ending.time();
        let due = group.wants_to_run().map_or(ends, |at| at.min(ends));
        // Where a timer of tokio's would go off.
        let at = u64::try_from(due.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let at = Duration::from_millis(at).max(now);
        advance(at - now);
        now = at;
    }
}

/// Moves tokio's clock.
fn advance(by: Duration) {
    // It moves when it is first asked; what it waits for then is that others run, too, and there is nobody.
    let _ = pin!(tokio::time::advance(by)).poll(&mut Context::from_waker(Waker::noop()));
}
