//! TCP by itself: what a connection is, and what it does not notice.

pub mod backlog;
pub mod connect_says_nothing;
pub mod half_open_discovery;
pub mod handshake;
pub mod idle_restart;
pub mod keepalive_power_loss;
pub mod longer_path;
pub mod lossy_pushes;
pub mod orphans;
pub mod outage_tail;
pub mod rebind;
pub mod stalled_reader;
pub mod user_timeout;
pub mod write_says_nothing;
