//! Sessions: what outlives a connection, or at least notices its end.
//!
//! A session is generic over the channel that a mechanism opens ([`crate::channel::Opens`]), and a heartbeat is put
//! around any channel ([`crate::channel::ChannelLayer`]), on either side:
//!
//! ```
//! # use halfopen::{mechanism::{feed::Feed, websocket}, session::{Heartbeat, Session}};
//! # use std::time::Duration;
//! # let (rate, heartbeat) = (Duration::from_secs(1), Heartbeat::default());
//! let server = websocket::server(Feed::every(rate)).heartbeat(heartbeat.clone());
//! let client = Session::over(websocket::client("ws://server/feed")).heartbeat(heartbeat).publish_every(rate);
//! ```
//!
//! - [`heartbeat`]: the rules, as a monitor without clock and connection.
//! - [`Watched`]: a channel with a heartbeat around it.
//! - [`Session`]: a client's session.
//!
//! # Events
//!
//! As for mechanisms ([`crate::mechanism`]), name, layer and fields are a contract. Messages are at level `DEBUG`,
//! the rest at `INFO` or above. Pings and pongs are the mechanism's to tell.
//!
//! | Target | Event | Fields | When |
//! |---|---|---|---|
//! | `halfopen::app` | `update received` | `n` | |
//! | | `gap noticed` | `missing` | just before an `update received` whose number is not the next one |
//! | | `message sent` | `n` | a message was handed to the connection |
//! | | `unreadable message` | `bytes` | something was received that is not [`Numbered`](crate::channel::Numbered) |
//! | | `peer declared dead` | `by`, `silence_s` | by a detector (`heartbeat`), on either side |
//! | | `session ended` | `reason` | `not opened`, `closed`, `lost`, `violated`, `dead` or `too large` |

mod conversation;
pub mod heartbeat;
#[cfg(test)]
mod testing;
mod watched;

pub use conversation::{Session, SessionEnd};
pub use heartbeat::Heartbeat;
pub use watched::{BY as HEARTBEAT, Watched};
