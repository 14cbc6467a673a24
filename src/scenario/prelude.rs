//! What a scenario needs, in one line, in this crate and in others: `use halfopen::scenario::prelude::*;`.

pub use std::time::Duration;

pub use crate::net::time::sleep;
pub use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub use crate::channel::{Channel as _, Message, Opens as _};
pub use crate::mechanism::feed::Feed;
pub use crate::mechanism::websocket;
pub use crate::net::{
    Datagrams as _, Keepalive, ListenOptions, Listener as _, Network as _, Process, SocketOptions, Spawner,
    Stream as _, Tasks,
};
pub use crate::parameter::{BitRate, ByteSize, Choice, Probability, hours, mins, ms, secs};
pub use crate::scenario::experiment::{Experiment, Report};
pub use crate::scenario::{Outcome, Scenario, Settings};
pub use crate::session::{Heartbeat, Session};
pub use crate::sim::engine::ending::{Until, until};
pub use crate::sim::fault::{Script, SuspendedClock};
pub use crate::sim::{Engine, Machine, RouterOptions, SimNet, SimStream, Sysctls, World};
pub use crate::trace::{
    Counts, Event, Events, Layer, Packet, Packets, Recording, Statistics, Trace, quantile, seconds_between,
    statistics,
};
pub use crate::{choice_parameter, parameters};

/// Says in the trace that something happened: `note!("wrote")`, `note!(n, "update received")`.
#[macro_export]
macro_rules! note {
    ($($what:tt)+) => { $crate::tracing::info!(target: "halfopen::app", $($what)+) };
}
pub use crate::note;
