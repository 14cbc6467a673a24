//! How much fits into the buffers, accounted as Linux accounts it.
//!
//! A buffer is not limited by the bytes in it but by what those bytes cost: every packet drags its bookkeeping along, and
//! a packet of one byte costs as much as one of a hundred. What a stalled reader swallows follows from that cost, from
//! the rule that an offered window is never taken back, and from two buffers which grow by themselves.
//!
//! - `send`: what a process may write ahead (sk_sndbuf, sk_wmem_queued).
//! - `receive`: what is offered to the peer, and what is taken (sk_rcvbuf, sk_rmem_alloc). `reader`: what it measures.
//!
//! Not modelled: the memory all connections share (tcp_mem), and the pages that charges are rounded up to.

mod reader;
mod receive;
mod send;

pub use receive::ReceiveMemory;
pub use send::{SendMemory, size_goal};

/// struct sk_buff, rounded up to cache lines.
const DESCRIPTOR: u32 = 256;
/// struct skb_shared_info, which stands behind the data of every packet.
const SHARED_INFO: u32 = 320;
/// Room for headers before the data (MAX_TCP_HEADER).
const HEADERS: u32 = 256;
/// What a packet of the sender costs besides its data.
const OVERHEAD: u32 = DESCRIPTOR + HEADERS + SHARED_INFO;

#[cfg(test)]
mod tests;
