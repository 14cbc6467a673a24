//! WebSocket (RFC 6455): one TCP connection, opened by an HTTP request, then messages both ways.
//!
//! - [`handshake`]: the opening handshake, both sides.
//! - [`Server`]: serves a [`Feed`](crate::mechanism::feed::Feed).
//! - [`Client`]: opens a channel.
//! - [`WebSocket`]: the open channel: pings answered, buffers bounded, goodbyes said.
//! - `transport`: what lies between a WebSocket and its connection: counting and masking.

mod channel;
mod client;
pub mod handshake;
mod server;
mod transport;

pub use channel::{Limits, WebSocket};
pub use client::{Client, client};
pub use server::{Server, server};
