//! TCP by itself: what a connection is, and what it does not notice.

pub mod backlog;
pub mod handshake;
pub mod keepalive_power_loss;
pub mod outage_tail;
pub mod rebind;
pub mod user_timeout;
pub mod write_says_nothing;
