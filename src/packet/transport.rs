//! What an IPv4 packet carries, to and from its bytes.
//!
//! This is the only reader of packet headers. It takes any bytes and never panics: what it cannot read is an error. The
//! data it reads stay where they are, shared with the bytes.

use std::net::SocketAddrV4;

use bytes::Bytes;

use super::datagram::{self, Datagram};
use super::ipv4::{self, ICMP, IP_HEADER, Ip, TCP, UDP};
use super::segment::{self, Segment};
use super::unreachable::{self, Unreachable};

/// What an IPv4 packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp(Datagram),
    /// A router's word that another packet was not passed on.
    Icmp(Unreachable),
}

/// Nothing.
static NO_DATA: Bytes = Bytes::new();

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
    /// A message of ICMP other than "destination unreachable"; its type.
    #[error("an ICMP message of type {0}")]
    Message(u8),
    /// A message of ICMP quotes a packet that its receiver did not send.
    #[error("an ICMP message about somebody else's packet")]
    Unrelated,
    /// A checksum does not hold: the packet was damaged on its way.
    #[error("the checksum is wrong")]
    Checksum,
}

impl Transport {
    /// Reads the headers of an IPv4 packet; lengths are checked, checksums are not looked at.
    ///
    /// # Errors
    /// [`PacketError`] when the bytes are something else than a whole TCP segment, UDP datagram or "destination
    /// unreachable".
    pub fn parse(packet: &Bytes) -> Result<Self, PacketError> {
        Self::within(&Ip::parse(packet)?)
    }

    /// Reads the headers of an IPv4 packet, as its receiver does: the checksums must hold.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and [`PacketError::Checksum`].
    pub fn received(packet: &Bytes) -> Result<Self, PacketError> {
        let ip = Ip::parse(packet)?;
        let transport = Self::within(&ip)?;
        if ip.is_undamaged() { Ok(transport) } else { Err(PacketError::Checksum) }
    }

    fn within(ip: &Ip<'_>) -> Result<Self, PacketError> {
        match ip.protocol {
            TCP => Segment::within(ip.src, ip.dst, &ip.payload).map(Transport::Tcp),
            UDP => Datagram::within(ip.src, ip.dst, &ip.payload).map(Transport::Udp),
            ICMP => Unreachable::within(ip.src, ip.dst, &ip.payload).map(Transport::Icmp),
            other => Err(PacketError::Protocol(other)),
        }
    }

    /// The IPv4 packet, its checksums right: no IP options, identification 0, "don't fragment", a TTL of 64.
    ///
    /// # Panics
    /// When it is longer than the 65,535 bytes that IPv4 can say.
    pub fn emit(&self) -> Bytes {
        let ends = (*self.src().ip(), *self.dst().ip());
        let len = self.len() - IP_HEADER;
        match self {
            Transport::Tcp(s) => {
                ipv4::packet(ends, segment::PROTOCOL, segment::CHECKSUM_AT, |out| s.write(out), len)
            }
            Transport::Udp(d) => {
                ipv4::packet(ends, datagram::PROTOCOL, datagram::CHECKSUM_AT, |out| d.write(out), len)
            }
            Transport::Icmp(u) => {
                ipv4::packet(ends, unreachable::PROTOCOL, unreachable::CHECKSUM_AT, |out| u.write(out), len)
            }
        }
    }

    /// Its number in the IP header (IANA registry "Protocol Numbers").
    pub(super) fn protocol(&self) -> u8 {
        match self {
            Transport::Tcp(_) => segment::PROTOCOL,
            Transport::Udp(_) => datagram::PROTOCOL,
            Transport::Icmp(_) => unreachable::PROTOCOL,
        }
    }

    /// Address and port of the sender; a router that says something has no port, and so 0.
    pub fn src(&self) -> SocketAddrV4 {
        match self {
            Transport::Tcp(segment) => segment.src,
            Transport::Udp(datagram) => datagram.src,
            Transport::Icmp(said) => SocketAddrV4::new(said.from, 0),
        }
    }

    /// Address and port of the receiver; of what a router says, the port from which came what it quotes.
    pub fn dst(&self) -> SocketAddrV4 {
        match self {
            Transport::Tcp(segment) => segment.dst,
            Transport::Udp(datagram) => datagram.dst,
            Transport::Icmp(said) => said.quoted.src,
        }
    }

    /// Gives it another sender, as a router does.
    pub fn set_src(&mut self, src: SocketAddrV4) {
        match self {
            Transport::Tcp(segment) => segment.src = src,
            Transport::Udp(datagram) => datagram.src = src,
            Transport::Icmp(said) => said.from = *src.ip(),
        }
    }

    /// Gives it another receiver, as a router does; in what is said of a packet that is its sender (RFC 5508, REQ-4).
    pub fn set_dst(&mut self, dst: SocketAddrV4) {
        match self {
            Transport::Tcp(segment) => segment.dst = dst,
            Transport::Udp(datagram) => datagram.dst = dst,
            Transport::Icmp(said) => said.quoted.src = dst,
        }
    }

    /// The data that it carries.
    pub fn data(&self) -> &Bytes {
        match self {
            Transport::Tcp(segment) => &segment.data,
            Transport::Udp(datagram) => &datagram.data,
            Transport::Icmp(_) => &NO_DATA,
        }
    }

    /// How many bytes it is on the wire, from the IP header on.
    #[expect(clippy::len_without_is_empty, reason = "a packet has its headers")]
    pub fn len(&self) -> usize {
        IP_HEADER
            + match self {
                Transport::Tcp(segment) => segment.len(),
                Transport::Udp(datagram) => datagram.len(),
                Transport::Icmp(_) => Unreachable::len(),
            }
    }

    /// The segment, if it is one.
    pub fn segment(&self) -> Option<&Segment> {
        match self {
            Transport::Tcp(segment) => Some(segment),
            Transport::Udp(_) | Transport::Icmp(_) => None,
        }
    }

    /// The datagram, if it is one.
    pub fn datagram(&self) -> Option<&Datagram> {
        match self {
            Transport::Udp(datagram) => Some(datagram),
            Transport::Tcp(_) | Transport::Icmp(_) => None,
        }
    }

    /// What a router says, if it is that.
    pub fn unreachable(&self) -> Option<&Unreachable> {
        match self {
            Transport::Icmp(said) => Some(said),
            Transport::Tcp(_) | Transport::Udp(_) => None,
        }
    }
}

impl From<Segment> for Transport {
    fn from(segment: Segment) -> Self {
        Transport::Tcp(segment)
    }
}

impl From<Datagram> for Transport {
    fn from(datagram: Datagram) -> Self {
        Transport::Udp(datagram)
    }
}

impl From<Unreachable> for Transport {
    fn from(said: Unreachable) -> Self {
        Transport::Icmp(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::testing::Tcp;
    use crate::packet::{Code, Flags, Quoted, TcpOptions};
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn udp(data: &[u8]) -> Bytes {
        let end = |last, port| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), port);
        Transport::Udp(Datagram { src: end(1, 5000), dst: end(2, 53), data: data.to_vec().into() }).emit()
    }

    #[test]
    fn what_is_neither_tcp_nor_udp_nor_icmp_over_ipv4_is_named() {
        for good in [Tcp::new(1, 2).ack(1).data(b"abc").packet(), udp(b"abc")] {
            let with = |at: usize, byte: u8| {
                let mut bytes = good.to_vec();
                bytes[at] = byte;
                Transport::parse(&bytes.into()).map(|_| ())
            };
            assert_eq!(Transport::parse(&Bytes::new()), Err(PacketError::Truncated));
            assert_eq!(with(0, 0x65), Err(PacketError::NotIpv4));
            assert_eq!(with(0, 0x41), Err(PacketError::Truncated), "an IPv4 header of four bytes");
            assert_eq!(with(9, 2), Err(PacketError::Protocol(2)), "IGMP");
            assert_eq!(with(7, 1), Err(PacketError::Fragment), "a later fragment");
            assert_eq!(with(6, 0x20), Err(PacketError::Fragment), "a first fragment");
            for cut in 0..good.len() {
                assert_eq!(Transport::parse(&good.slice(..cut)), Err(PacketError::Truncated), "cut at {cut}");
            }
        }
        let mut short_tcp = Tcp::new(1, 2).ack(1).packet().to_vec();
        short_tcp[32] = 0x40;
        assert_eq!(
            Transport::parse(&short_tcp.into()),
            Err(PacketError::Truncated),
            "a TCP header of 16 bytes"
        );
        for (len, why) in [(7, "less than its header"), (12, "more than the packet has")] {
            let mut bytes = udp(b"abc").to_vec();
            bytes[25] = len;
            assert_eq!(Transport::parse(&bytes.into()), Err(PacketError::Truncated), "a UDP length of {why}");
        }
    }

    #[test]
    fn a_datagram_without_a_checksum_is_not_damaged() {
        let mut bytes = udp(b"abc").to_vec();
        bytes[26..28].fill(0);
        assert_eq!(&Transport::received(&bytes.clone().into()).unwrap().data()[..], b"abc");
        bytes[26] = 1;
        assert_eq!(Transport::received(&bytes.into()), Err(PacketError::Checksum));
    }

    #[test]
    fn a_checksum_that_comes_out_as_zero_is_sent_as_its_other_form() {
        // One of all words makes the sum 0xffff.
        let zero = (0..=u16::MAX).find(|word| udp(&word.to_be_bytes())[26..28] == [0xff, 0xff]);
        let bytes = udp(&zero.expect("one of them").to_be_bytes());
        assert!(Transport::received(&bytes).is_ok());
        assert!((0..=u16::MAX).all(|word| udp(&word.to_be_bytes())[26..28] != [0, 0]));
    }

    fn address() -> impl Strategy<Value = SocketAddrV4> {
        (any::<u32>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port))
    }

    fn data() -> impl Strategy<Value = Bytes> {
        proptest::collection::vec(any::<u8>(), 0..1473).prop_map(Bytes::from)
    }

    prop_compose! {
        fn options()(
            mss: Option<u16>, window_scale in proptest::option::of(0u8..=14), sack_permitted: bool,
            timestamps: Option<(u32, u32)>, blocks in proptest::collection::vec(any::<(u32, u32)>(), 0..=4)
        ) -> TcpOptions {
            // Where something else takes room there are fewer blocks.
            let room = match (mss.is_some() || window_scale.is_some() || sack_permitted, timestamps) {
                (true, Some(_)) => 2,
                (true, None) => 3,
                (false, Some(_)) => 3,
                (false, None) => 4,
            };
            let sack = blocks[..blocks.len().min(room)].into();
            TcpOptions { mss, window_scale, sack_permitted, sack, timestamps }
        }
    }

    prop_compose! {
        fn segment()(
            src in address(), dst in address(), flags in 0u8..16, seq: u32, ack: Option<u32>, window: u16,
            options in options(), data in data()
        ) -> Segment {
            let flags = Flags { ack: ack.is_some(), ..Flags::from_byte(flags) };
            Segment { src, dst, flags, seq, ack, window, options, data }
        }
    }

    prop_compose! {
        fn said()(
            from: u32, code: u8, src in address(), dst in address(), seq: Option<u32>, len: u16
        ) -> Unreachable {
            Unreachable { from: from.into(), code: Code(code), quoted: Quoted { src, dst, seq, len } }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = (Transport::parse(&bytes), Transport::received(&bytes));
        }

        #[test]
        fn no_damage_makes_the_reader_panic_and_no_damaged_byte_is_received(
            kind in 0..3, at in 0usize..70, xor in 1u8.., cut in 0usize..100,
            options in proptest::collection::vec(any::<u8>(), 20), said in said()
        ) {
            let good = match kind {
                0 => Tcp::new(1, 2).ack(1).options(&options).data(b"0123456789").packet(),
                1 => udp(&options),
                _ => Transport::Icmp(said).emit(),
            };
            prop_assert!(Transport::received(&good).is_ok());
            let mut bytes = good.to_vec();
            let at = at % bytes.len();
            bytes[at] ^= xor;
            // That a checksum was made is said by the checksum itself.
            let unmade = kind == 1 && bytes[26..28] == [0, 0];
            prop_assert!(unmade || Transport::received(&bytes.clone().into()).is_err());
            bytes.truncate(cut);
            let _ = Transport::parse(&bytes.into());
        }

        #[test]
        fn what_was_written_is_read_back(
            segment in segment(), src in address(), dst in address(), data in data(), said in said()
        ) {
            let datagram = Datagram { src, dst, data };
            for packet in [Transport::Tcp(segment), Transport::Udp(datagram), Transport::Icmp(said)] {
                let bytes = packet.emit();
                prop_assert_eq!(bytes.len(), packet.len());
                prop_assert_eq!(Transport::received(&bytes), Ok(packet));
            }
        }

        #[test]
        fn a_packet_with_another_end_is_the_one_made_with_it(
            segment in segment(), src in address(), dst in address()
        ) {
            let mut packet = Transport::Tcp(segment.clone());
            let kept = packet.clone();
            packet.set_src(src);
            packet.set_dst(dst);
            prop_assert_eq!(&packet, &Transport::Tcp(Segment { src, dst, ..segment.clone() }));
            prop_assert!(Transport::received(&packet.emit()).is_ok());
            prop_assert_eq!(kept, Transport::Tcp(segment), "who shared it sees no change");
        }
    }
}
