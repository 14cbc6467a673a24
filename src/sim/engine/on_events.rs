//! The fast engine: all machines in one group, on one paused runtime that jumps from event to event.
//!
//! Time passes only when nothing is left to do; then tokio moves its clock to its next timer, an application's or the
//! group's. tokio's timers know whole milliseconds; what is due between two of them is done at the second, but happens at
//! its own time (`Group::handle`), so that packets travel to the microsecond.

use std::future::pending;
use std::io;

use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::{Built, Carrier, drive};
use crate::sim::engine::group::Group;
use crate::sim::path::Parcel;

pub(in crate::sim) fn run<T>(built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    let Built { groups, lasts, seed, .. } = built;
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    let runtime = builder.build().map_err(|e| e.to_string())?;
    let processes = LocalSet::new();
    for group in groups {
        let ended =
            runtime.block_on(processes.run_until(async { timeout(lasts, drive(group, Nowhere)).await }));
        if let Ok(Err(e)) = ended {
            return Err(e.to_string());
        }
    }
    Ok(finish())
}

/// There is no other group.
struct Nowhere;

impl Carrier for Nowhere {
    fn carry(&mut self, _: &Parcel) -> io::Result<()> {
        Ok(())
    }

    async fn arrived(&mut self, _: &mut Group) -> io::Result<()> {
        pending().await
    }
}
