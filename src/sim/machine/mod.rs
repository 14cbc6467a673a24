//! A running machine: its kernel, its CPU and its clock, and the sockets through which its processes see the network.

pub(in crate::sim) mod clock;
pub mod cpu;
pub mod datagrams;
pub mod kernel;
pub mod socket;
