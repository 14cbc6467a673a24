//! A simulated machine and the world it stands in.
//!
//! The way from a described world to a running one:
//!
//! - [`world`]: described by a scenario: machines, links, processes, faults.
//! - [`fault`]: what goes wrong, as a script, and what is in force at a time.
//! - `build`: makes machines, paths and groups out of a described world.
//! - [`machine`]: a running one: kernel, CPU, clock, processes, and [`crate::net`] on it.
//! - [`path`]: what becomes of a packet between two machines: interfaces, links, routers.
//! - [`engine`]: what drives it all through virtual time. Nothing outside it knows which engine runs.

mod build;
pub mod engine;
pub mod fault;
pub mod machine;
pub mod path;
pub mod world;

pub use crate::tcp::{Sysctls, TimerPolicy};
pub use engine::Engine;
pub use engine::ending::{Failure, Until, until};
pub use engine::limits::Limits;
pub use machine::datagrams::SimDatagrams;
pub use machine::socket::{SimListener, SimNet, SimStream};
pub use path::link::Quality;
pub use path::router::{Forgotten, RouterOptions};
pub use world::{Machine, World};
