//! A simulated machine and the world it stands in.
//!
//! - [`kernel`]: TCP/IP and what a kernel does around it. [`cpu`]: who gets to run. `clock`: virtual time. `doorbell`: who goes first.
//! - [`socket`]: [`crate::net`] on a simulated machine.
//! - `link`, [`router`], `network`: what happens to a packet between two machines.
//! - [`faults`]: what goes wrong, as data.
//! - `node`: some machines that share a clock, driven by a fabric. [`world`]: how a scenario builds all of it.
//! - [`fabric`]: the engines. Nothing outside it knows which one runs.

mod clock;
pub mod cpu;
mod doorbell;
pub mod fabric;
pub mod faults;
pub mod kernel;
mod link;
mod network;
mod node;
mod plan;
pub mod router;
pub mod socket;
pub mod world;

pub use fabric::Engine;
pub use kernel::{Sysctls, TimerPolicy};
pub use link::Quality;
pub use router::{Forgotten, RouterOptions};
pub use socket::{SimListener, SimNet, SimStream};
pub use world::{Machine, World};
