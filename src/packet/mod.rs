//! What travels: TCP segments, UDP datagrams and what routers say of them, over IPv4, as values.
//!
//! A packet is made once, as a [`Transport`], and carried like that: whoever looks at it reads fields, an address is
//! translated by setting one, a clone shares the data. Bytes are made where somebody asks for bytes
//! ([`Transport::emit`]: a capture file, a real network), and read where bytes come from outside ([`Transport::parse`]).
//!
//! What this book does not meet has no place here: IP options and fragments, urgent data, ECN, ICMP but for one message.

mod checksum;
mod datagram;
mod flags;
mod ipv4;
mod marks;
mod options;
mod segment;
#[cfg(test)]
pub(crate) mod testing;
mod transport;
mod unreachable;

pub use datagram::Datagram;
pub use flags::Flags;
pub use marks::Marks;
pub use options::{SackBlocks, TcpOptions};
pub use segment::Segment;
pub use transport::{PacketError, Transport};
pub use unreachable::{Code, Quoted, Unreachable};
