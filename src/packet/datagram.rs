//! A UDP datagram (RFC 768).

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::ipv4::{UDP, u16_at};
use super::transport::{PacketError, Transport};

/// The header of UDP: two ports, a length, a checksum.
const UDP_HEADER: usize = 8;
/// Where in it the checksum stands.
pub(super) const CHECKSUM_AT: usize = 6;

/// One UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Address and port of the sender.
    pub src: SocketAddrV4,
    /// Address and port of the receiver.
    pub dst: SocketAddrV4,
    /// What it carries: at most 65,507 bytes.
    pub data: Bytes,
}

impl Datagram {
    /// Reads the headers of an IPv4 packet with a UDP datagram. Checksums are not looked at.
    ///
    /// # Errors
    /// [`PacketError`] when the bytes are something else.
    pub fn parse(packet: &Bytes) -> Result<Self, PacketError> {
        match Transport::parse(packet)? {
            Transport::Udp(datagram) => Ok(datagram),
            other => Err(PacketError::Protocol(other.protocol())),
        }
    }

    /// Reads the payload of an IPv4 packet.
    pub(super) fn within(src: Ipv4Addr, dst: Ipv4Addr, payload: &Bytes) -> Result<Self, PacketError> {
        let header = payload.get(..UDP_HEADER).ok_or(PacketError::Truncated)?;
        let end = usize::from(u16_at(header, 4));
        if payload.get(UDP_HEADER..end).is_none() {
            return Err(PacketError::Truncated);
        }
        Ok(Self {
            src: SocketAddrV4::new(src, u16_at(header, 0)),
            dst: SocketAddrV4::new(dst, u16_at(header, 2)),
            data: payload.slice(UDP_HEADER..end),
        })
    }

    /// Writes the payload of an IPv4 packet, with a checksum of zero.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.src.port().to_be_bytes());
        out.extend(self.dst.port().to_be_bytes());
        // Whatever is longer does not fit into an IPv4 packet.
        out.extend(u16::try_from(self.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend([0, 0]);
        out.extend_from_slice(&self.data);
    }

    /// How many bytes it takes in an IPv4 packet: its header and its data.
    pub(super) fn len(&self) -> usize {
        UDP_HEADER + self.data.len()
    }
}

/// The protocol number of a datagram.
pub(super) const PROTOCOL: u8 = UDP;
