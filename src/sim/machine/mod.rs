//! A running machine.
//!
//! - [`kernel`]: TCP/IP and what a kernel does around it. [`cpu`]: whether processes get to run. `clock`: virtual time.
//! - [`socket`]: [`crate::net`] on it. [`process`]: a process and its tasks.
//! - `running`: what the faults in force make of all that.

pub(in crate::sim) mod clock;
pub mod cpu;
pub mod datagrams;
pub mod kernel;
pub mod process;
pub(in crate::sim) mod running;
pub mod socket;
