//! The fast engine: all machines in one group, on one paused runtime that jumps from event to event.
//!
//! Time passes only when nothing is left to do; then tokio moves its clock to its next timer, an application's or the
//! group's. tokio's timers know whole milliseconds; what is due between two of them is done at the second, but happens at
//! its own time (`Group::handle`), so that packets travel to the microsecond.

use tokio::runtime::Builder;

use super::{Built, Nowhere, drive};

pub(super) fn run<T>(built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    let Built { groups, seed, .. } = built;
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    let runtime = builder.build().map_err(|e| e.to_string())?;
    for mut group in groups {
        let run = async {
            group.keep_alarms();
            drive(group, Nowhere).await
        };
        runtime.block_on(run).map_err(|e| e.to_string())?;
    }
    Ok(finish())
}
