//! Reading a packet: an IPv4 header (RFC 791), then a TCP segment (RFC 9293) or a UDP datagram (RFC 768).
//!
//! This is the only reader of packet headers. It takes any bytes and never panics: what it cannot read is an error. What
//! it reads it borrows, so that a look at a packet costs no allocation and no copy.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::checksum;
use super::datagram::Datagram;
use super::segment::Segment;

/// The protocol number of TCP (IANA registry "Protocol Numbers").
pub(crate) const TCP: u8 = 6;
/// The protocol number of UDP (IANA registry "Protocol Numbers").
pub(crate) const UDP: u8 = 17;
/// Shortest IPv4 header (RFC 791, 3.1: IHL is at least 5 words).
pub(crate) const IP_HEADER: usize = 20;

/// What an IPv4 packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// A UDP datagram.
    Udp(Datagram<'a>),
}

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The packet ends before its headers do, or is shorter than it says.
    #[error("the packet is cut short")]
    Truncated,
    /// The version is not 4.
    #[error("not an IPv4 packet")]
    NotIpv4,
    /// It is a part of a packet only (RFC 791, 3.2).
    #[error("a fragment")]
    Fragment,
    /// The protocol is another one; its number.
    #[error("protocol {0} is not the one asked for")]
    Protocol(u8),
    /// A checksum does not hold: the packet was damaged on its way.
    #[error("the checksum is wrong")]
    Checksum,
}

/// The header of an IPv4 packet.
struct Ip<'a> {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: u8,
    header: &'a [u8],
    /// Bytes behind the stated length would be padding of a link, and are no part of it.
    payload: &'a [u8],
}

impl<'a> Ip<'a> {
    fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        use PacketError::{Fragment, NotIpv4, Truncated};
        let first = *packet.first().ok_or(Truncated)?;
        if first >> 4 != 4 {
            return Err(NotIpv4);
        }
        let header_len = usize::from(first & 0x0f) * 4;
        if header_len < IP_HEADER {
            return Err(Truncated);
        }
        let header = packet.get(..header_len).ok_or(Truncated)?;
        // "More fragments", or an offset other than zero.
        if u16_at(header, 6) & 0x3fff != 0 {
            return Err(Fragment);
        }
        let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
        Ok(Self {
            src: address(12),
            dst: address(16),
            protocol: header[9],
            header,
            payload: packet.get(header_len..usize::from(u16_at(header, 2))).ok_or(Truncated)?,
        })
    }

    /// Whether the checksums of the header and of what it carries hold.
    fn is_undamaged(&self) -> bool {
        if self.protocol == UDP && self.payload.get(6..8) == Some(&[0, 0]) {
            // RFC 768: the sender made none.
            return checksum::holds(checksum::sum(self.header));
        }
        // A packet's length has 16 bits.
        let len = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        let pseudo = checksum::pseudo_header(self.src, self.dst, self.protocol, len);
        checksum::holds(checksum::sum(self.header)) && checksum::holds(pseudo + checksum::sum(self.payload))
    }

    fn transport(&self) -> Result<Transport<'a>, PacketError> {
        match self.protocol {
            TCP => Segment::within(self.src, self.dst, self.payload).map(Transport::Tcp),
            UDP => Datagram::within(self.src, self.dst, self.payload).map(Transport::Udp),
            other => Err(PacketError::Protocol(other)),
        }
    }
}

impl<'a> Transport<'a> {
    /// Reads the headers of an IPv4 packet; lengths are checked, checksums are not looked at.
    ///
    /// # Errors
    /// [`PacketError`] when the bytes are something else than a whole TCP segment or UDP datagram.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        Ip::parse(packet)?.transport()
    }

    /// Reads the headers of an IPv4 packet, as its receiver does: the checksums must hold.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and [`PacketError::Checksum`].
    pub fn received(packet: &'a [u8]) -> Result<Self, PacketError> {
        let ip = Ip::parse(packet)?;
        let transport = ip.transport()?;
        if ip.is_undamaged() { Ok(transport) } else { Err(PacketError::Checksum) }
    }

    /// Address and port of the sender.
    pub fn src(&self) -> SocketAddrV4 {
        match self {
            Transport::Tcp(segment) => segment.src,
            Transport::Udp(datagram) => datagram.src,
        }
    }

    /// Address and port of the receiver.
    pub fn dst(&self) -> SocketAddrV4 {
        match self {
            Transport::Tcp(segment) => segment.dst,
            Transport::Udp(datagram) => datagram.dst,
        }
    }

    /// The data that it carries.
    pub fn data(&self) -> &'a [u8] {
        match self {
            Transport::Tcp(segment) => segment.data,
            Transport::Udp(datagram) => datagram.data,
        }
    }
}

/// Two bytes of a header, in network order; the caller has checked that they are there.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes of a header, in network order; the caller has checked that they are there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Makes an IPv4 packet without options, and with "don't fragment" set, that carries `payload`, whose checksum (zero in
/// it as yet) stands at `checksum_at`.
///
/// # Panics
/// When the packet would be longer than the 65,535 bytes that IPv4 can say.
pub(super) fn packet(
    (src, dst): (Ipv4Addr, Ipv4Addr),
    protocol: u8,
    checksum_at: usize,
    payload: impl FnOnce(&mut Vec<u8>),
    payload_len: usize,
) -> bytes::Bytes {
    /// As most systems send it.
    const HOPS: u8 = 64;
    let total = u16::try_from(IP_HEADER + payload_len).expect("the caller keeps packets below 64 KiB");
    let mut out = Vec::with_capacity(usize::from(total));
    out.extend([0x45, 0]);
    out.extend(total.to_be_bytes());
    out.extend([0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
    out.extend(src.octets());
    out.extend(dst.octets());
    let sum = checksum::of(checksum::sum(&out));
    out[10..12].copy_from_slice(&sum.to_be_bytes());
    payload(&mut out);
    let carried = &out[IP_HEADER..];
    let len = total - 20;
    let sum = checksum::pseudo_header(src, dst, protocol, len) + checksum::sum(carried);
    let sum = match checksum::of(sum) {
        // RFC 768: zero would say that there is none.
        0 if protocol == UDP => 0xffff,
        sum => sum,
    };
    out[IP_HEADER + checksum_at..][..2].copy_from_slice(&sum.to_be_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::Tcp;
    use proptest::prelude::*;

    fn udp(data: &[u8]) -> bytes::Bytes {
        let end = |last, port| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), port);
        Datagram::craft(end(1, 5000), end(2, 53), data)
    }

    #[test]
    fn what_is_neither_tcp_nor_udp_over_ipv4_is_named() {
        for good in [Tcp::new(1, 2).ack(1).data(b"abc").packet(), udp(b"abc")] {
            let with = |at: usize, byte: u8| {
                let mut bytes = good.to_vec();
                bytes[at] = byte;
                Transport::parse(&bytes).map(|_| ())
            };
            assert_eq!(Transport::parse(&[]), Err(PacketError::Truncated));
            assert_eq!(with(0, 0x65), Err(PacketError::NotIpv4));
            assert_eq!(with(0, 0x41), Err(PacketError::Truncated), "an IPv4 header of four bytes");
            assert_eq!(with(9, 1), Err(PacketError::Protocol(1)), "ICMP");
            assert_eq!(with(7, 1), Err(PacketError::Fragment), "a later fragment");
            assert_eq!(with(6, 0x20), Err(PacketError::Fragment), "a first fragment");
            for cut in 0..good.len() {
                assert_eq!(Transport::parse(&good[..cut]), Err(PacketError::Truncated), "cut at {cut}");
            }
        }
        let mut short_tcp = Tcp::new(1, 2).ack(1).packet().to_vec();
        short_tcp[32] = 0x40;
        assert_eq!(Transport::parse(&short_tcp), Err(PacketError::Truncated), "a TCP header of 16 bytes");
        for (len, why) in [(7, "less than its header"), (12, "more than the packet has")] {
            let mut bytes = udp(b"abc").to_vec();
            bytes[25] = len;
            assert_eq!(Transport::parse(&bytes), Err(PacketError::Truncated), "a UDP length of {why}");
        }
    }

    #[test]
    fn a_datagram_without_a_checksum_is_not_damaged() {
        let mut bytes = udp(b"abc").to_vec();
        bytes[26..28].fill(0);
        assert_eq!(Transport::received(&bytes).unwrap().data(), b"abc");
        bytes[26] = 1;
        assert_eq!(Transport::received(&bytes), Err(PacketError::Checksum));
    }

    #[test]
    fn a_checksum_that_comes_out_as_zero_is_sent_as_its_other_form() {
        // One of all words makes the sum 0xffff.
        let zero = (0..=u16::MAX).find(|word| udp(&word.to_be_bytes())[26..28] == [0xff, 0xff]);
        let bytes = udp(&zero.expect("one of them").to_be_bytes());
        assert!(Transport::received(&bytes).is_ok());
        assert!((0..=u16::MAX).all(|word| udp(&word.to_be_bytes())[26..28] != [0, 0]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Transport::parse(&bytes), Transport::received(&bytes));
        }

        #[test]
        fn no_damage_makes_the_reader_panic_and_no_damaged_byte_is_received(
            tcp: bool, at in 0usize..70, xor in 1u8.., cut in 0usize..100,
            options in proptest::collection::vec(any::<u8>(), 20)
        ) {
            let good = if tcp {
                Tcp::new(1, 2).ack(1).options(&options).data(b"0123456789").packet()
            } else {
                udp(&options)
            };
            prop_assert!(Transport::received(&good).is_ok());
            let mut bytes = good.to_vec();
            let at = at % bytes.len();
            bytes[at] ^= xor;
            // That a checksum was made is said by the checksum itself.
            let unmade = !tcp && bytes[26..28] == [0, 0];
            prop_assert!(unmade || Transport::received(&bytes).is_err());
            bytes.truncate(cut);
            if let Ok(Transport::Tcp(segment)) = Transport::parse(&bytes) {
                let _ = segment.options();
            }
        }

        #[test]
        fn what_was_written_is_read_back(
            src: u32, dst: u32, ports: (u16, u16), data in proptest::collection::vec(any::<u8>(), 0..1473)
        ) {
            let src = SocketAddrV4::new(src.into(), ports.0);
            let dst = SocketAddrV4::new(dst.into(), ports.1);
            let bytes = Datagram::craft(src, dst, &data);
            let read = Transport::received(&bytes);
            prop_assert_eq!(read, Ok(Transport::Udp(Datagram { src, dst, data: &data })));
        }
    }
}
