//! A UDP datagram (RFC 768): read, and made.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::transport::{self, PacketError, Transport, u16_at};

/// The header of UDP: two ports, a length, a checksum.
const UDP_HEADER: usize = 8;
/// Where in it the checksum stands.
const CHECKSUM_AT: usize = 6;

/// One UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Address and port of the sender.
    pub src: SocketAddrV4,
    /// Address and port of the receiver.
    pub dst: SocketAddrV4,
    /// What it carries.
    pub data: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads the headers of an IPv4 packet with a UDP datagram. Checksums are not looked at.
    ///
    /// # Errors
    /// [`PacketError`] when the bytes are something else.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        match Transport::parse(packet)? {
            Transport::Udp(datagram) => Ok(datagram),
            Transport::Tcp(_) => Err(PacketError::Protocol(transport::TCP)),
        }
    }

    /// Reads the payload of an IPv4 packet.
    pub(super) fn within(src: Ipv4Addr, dst: Ipv4Addr, payload: &'a [u8]) -> Result<Self, PacketError> {
        let header = payload.get(..UDP_HEADER).ok_or(PacketError::Truncated)?;
        let data = payload.get(UDP_HEADER..usize::from(u16_at(header, 4))).ok_or(PacketError::Truncated)?;
        Ok(Self {
            src: SocketAddrV4::new(src, u16_at(header, 0)),
            dst: SocketAddrV4::new(dst, u16_at(header, 2)),
            data,
        })
    }

    /// The IPv4 packet with this datagram, its checksums right.
    ///
    /// # Panics
    /// When `data` is longer than the 65,507 bytes that fit into an IPv4 packet.
    pub(crate) fn craft(src: SocketAddrV4, dst: SocketAddrV4, data: &[u8]) -> Bytes {
        let len = UDP_HEADER + data.len();
        let payload = |out: &mut Vec<u8>| {
            out.extend(src.port().to_be_bytes());
            out.extend(dst.port().to_be_bytes());
            // Whatever is longer makes `packet` panic.
            out.extend(u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
            out.extend([0, 0]);
            out.extend(data);
        };
        transport::packet((*src.ip(), *dst.ip()), transport::UDP, CHECKSUM_AT, payload, len)
    }
}
