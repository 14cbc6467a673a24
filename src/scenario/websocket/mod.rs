//! WebSocket: a conversation on one connection, and what its two sides believe of each other.

pub mod deploy;
pub mod heartbeat_day;
pub mod layers;
pub mod partition;
pub mod stalled_server;
pub mod suspend;
pub mod wifi_switch;
