//! Mechanisms: one file or folder each, with its client and its server.
//!
//! They all do the same work, the common job: a server appends numbered updates to a [`feed`], and every client
//! must learn of them; a client may send numbered messages of its own. They are written against [`crate::net`]
//! and run unchanged on a real network and on a simulated one.
//!
//! - [`feed`]: the updates, and the log that connections read from.
//! - [`websocket`]: messages both ways on one connection.
//!
//! # Events
//!
//! A mechanism tells what it does by `tracing` events, which are log lines in production and the trace of a
//! simulated run. The message is the event's name, the last part of the target its layer; both are a contract,
//! and so are the fields. Where both sides can say it, both do. Messages and pings are at level `DEBUG`, the rest
//! at `INFO` or above.
//!
//! What a server does for one client, its heartbeat included, happens inside a span `conversation` (target
//! `halfopen::app`) whose field `peer` is the client's address: in a trace the first field of every such event, told by
//! name (`peer=phone:32768`).
//!
//! | Target | Event | Fields | Who, and when |
//! |---|---|---|---|
//! | `halfopen::http` | `upgrade requested` | `path` | the client asks, its connection being open |
//! | | `upgrade accepted` | | the server agrees; the client hears of it |
//! | | `upgrade refused` | `status`, on the server `reason` | the server disagrees; the client hears of it |
//! | | `request failed` | `error` | the server gets no whole request |
//! | `halfopen::ws` | `connected` | | the WebSocket is open on this side |
//! | | `open failed` | `error` | the client gets none: no connection, no answer in time, a wrong answer |
//! | | `ping sent` | | a ping was handed to the connection |
//! | | `ping received` | | and its pong was handed to the connection |
//! | | `pong received` | | |
//! | | `close sent` | `code` | a goodbye, or the answer to one |
//! | | `close received` | `code` | a goodbye, or the answer to one |
//! | | `close timed out` | `after_s` | the other side took too long for its goodbye |
//! | | `close failed` | `error` | the connection was lost while closing |
//! | | `protocol violated` | `error` | the other side broke the rules |
//! | | `connection lost` | `error` | the connection ended without a goodbye |
//! | `halfopen::app` | `update published` | `n` | the server appended an update |
//! | | `update sent` | `n` | the server handed an update to a connection |
//! | | `updates skipped` | `missing` | the log overtook a connection on the server |
//! | | `message received` | `n` | the server received a client's message |
//! | | `unreadable message` | `bytes` | one that is not [`Numbered`](crate::channel::Numbered) |
//! | | `conversation ended` | `reason` | the server let go of a client |
//! | | `shutting down` | `connections` | the server was told to |
//! | `halfopen::tcp` | `accept failed` | `error` | the server could not accept, and rests for a second |

pub mod feed;
pub mod websocket;
