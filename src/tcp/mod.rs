//! The state machine of a connection, sans-IO.

pub mod congestion;
pub mod memory;
