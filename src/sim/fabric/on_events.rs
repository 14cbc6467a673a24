//! The fast fabric: all machines in one node, on one paused runtime that jumps from event to event.
//!
//! Time passes only when nothing is left to do; then tokio moves its clock to its next timer, an application's or the
//! node's. tokio's timers know whole milliseconds; what is due between two of them is done at the second, but happens at
//! its own time (`Node::handle`), so that packets travel to the microsecond.

use std::future::pending;
use std::io;

use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::{Built, Wire, drive};
use crate::sim::network::Parcel;
use crate::sim::node::Node;

pub(super) fn run<T>(built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    let Built { nodes, lasts, seed, .. } = built;
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    let runtime = builder.build().map_err(|e| e.to_string())?;
    let processes = LocalSet::new();
    for node in nodes {
        let ended =
            runtime.block_on(processes.run_until(async { timeout(lasts, drive(node, Nowhere)).await }));
        if let Ok(Err(e)) = ended {
            return Err(e.to_string());
        }
    }
    Ok(finish())
}

/// There is no other node.
struct Nowhere;

impl Wire for Nowhere {
    fn carry(&mut self, _: &Parcel) -> io::Result<()> {
        Ok(())
    }

    async fn arrived(&mut self, _: &mut Node) -> io::Result<()> {
        pending().await
    }
}
