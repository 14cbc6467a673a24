//! What the kernel has to do with segments beyond reading them: the few that it makes or changes itself.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use bytes::Bytes;
use smoltcp::wire::{IPV4_HEADER_LEN, IpAddress, IpEndpoint, TcpPacket, TcpSeqNumber};

use crate::packet::Segment;

/// A connection's two ends, seen from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// This end.
    pub local: SocketAddrV4,
    /// The other end.
    pub remote: SocketAddrV4,
}

/// The connection of a segment as its receiver sees it.
pub(crate) fn tuple_at_receiver(segment: &Segment) -> Tuple {
    Tuple { local: segment.dst, remote: segment.src }
}

/// The same segment, acknowledging what has arrived in the meantime: a receiver takes none with an old acknowledgement.
pub(crate) fn refreshed(packet: &Bytes, ack: u32, window_len: u16) -> Bytes {
    rewritten(packet, |tcp| {
        tcp.set_ack_number(TcpSeqNumber(ack.cast_signed()));
        tcp.set_window_len(window_len);
    })
}

/// The same segment under another sequence number.
pub(crate) fn resequenced(packet: &Bytes, seq: u32) -> Bytes {
    rewritten(packet, |tcp| tcp.set_seq_number(TcpSeqNumber(seq.cast_signed())))
}

/// The same segment without its FIN.
pub(crate) fn without_fin(packet: &Bytes) -> Bytes {
    rewritten(packet, |tcp| tcp.set_fin(false))
}

fn rewritten(packet: &Bytes, change: impl FnOnce(&mut TcpPacket<&mut [u8]>)) -> Bytes {
    let Ok((src, dst)) = Segment::parse(packet).map(|segment| (*segment.src.ip(), *segment.dst.ip())) else {
        return packet.clone();
    };
    let mut buffer = packet.to_vec();
    let mut tcp = TcpPacket::new_unchecked(&mut buffer[IPV4_HEADER_LEN..]);
    change(&mut tcp);
    tcp.fill_checksum(&IpAddress::Ipv4(src), &IpAddress::Ipv4(dst));
    buffer.into()
}

/// Whether sequence number `a` comes before `b` (RFC 9293 section 3.4: modulo 2^32).
pub(crate) fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

pub(crate) fn endpoint(address: SocketAddrV4) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(*address.ip()), address.port())
}

/// An IPv4 socket address as the `net` room has it.
pub(crate) fn socket_addr(address: SocketAddrV4) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(*address.ip()), address.port())
}
