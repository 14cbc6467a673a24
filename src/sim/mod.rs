//! A simulated machine and the world it stands in.
pub mod faults;
