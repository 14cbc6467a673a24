//! A TCP segment (RFC 9293).

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::flags::Flags;
use super::ipv4::{TCP, u16_at, u32_at};
use super::options::TcpOptions;
use super::transport::{PacketError, Transport};

/// Shortest TCP header (RFC 9293, 3.1: data offset is at least 5 words).
pub(super) const TCP_HEADER: usize = 20;
/// Where in it the checksum stands.
pub(super) const CHECKSUM_AT: usize = 16;

/// One TCP segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Address and port of the sender.
    pub src: SocketAddrV4,
    /// Address and port of the receiver.
    pub dst: SocketAddrV4,
    /// The flags; ACK is set if and only if `ack` is there.
    pub flags: Flags,
    /// The sequence number of the first byte, as on the wire.
    pub seq: u32,
    /// The acknowledgement number, as on the wire; `None` without the flag ACK.
    pub ack: Option<u32>,
    /// The window, as on the wire: not scaled.
    pub window: u16,
    /// The options.
    pub options: TcpOptions,
    /// What it carries.
    pub data: Bytes,
}

impl Segment {
    /// Reads the headers of an IPv4 packet with a TCP segment. Checksums are not looked at.
    ///
    /// # Errors
    /// [`PacketError`] when the bytes are something else.
    pub fn parse(packet: &Bytes) -> Result<Self, PacketError> {
        match Transport::parse(packet)? {
            Transport::Tcp(segment) => Ok(segment),
            other => Err(PacketError::Protocol(other.protocol())),
        }
    }

    /// Reads the payload of an IPv4 packet.
    pub(super) fn within(src: Ipv4Addr, dst: Ipv4Addr, payload: &Bytes) -> Result<Self, PacketError> {
        use PacketError::Truncated;
        let header = payload.get(..TCP_HEADER).ok_or(Truncated)?;
        let header_len = usize::from(header[12] >> 4) * 4;
        let options = payload.get(TCP_HEADER..header_len).ok_or(Truncated)?;
        let flags = Flags::from_byte(header[13]);
        Ok(Self {
            src: SocketAddrV4::new(src, u16_at(header, 0)),
            dst: SocketAddrV4::new(dst, u16_at(header, 2)),
            flags,
            seq: u32_at(header, 4),
            ack: flags.ack.then(|| u32_at(header, 8)),
            window: u16_at(header, 14),
            options: TcpOptions::parse(options),
            data: payload.slice(header_len..),
        })
    }

    /// Writes the payload of an IPv4 packet, with a checksum of zero.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        // At most 15, as the options fit.
        let words = ((TCP_HEADER + self.options.len()) / 4) as u8;
        let flags = Flags { ack: self.ack.is_some(), ..self.flags };
        out.extend(self.src.port().to_be_bytes());
        out.extend(self.dst.port().to_be_bytes());
        out.extend(self.seq.to_be_bytes());
        out.extend(self.ack.unwrap_or(0).to_be_bytes());
        out.extend([words << 4, flags.to_byte()]);
        out.extend(self.window.to_be_bytes());
        out.extend([0; 4]); // the checksum, and the urgent pointer
        self.options.write(out);
        out.extend_from_slice(&self.data);
    }

    /// How many bytes of data it carries.
    pub fn data_len(&self) -> u32 {
        // An IPv4 packet is shorter than 64 KiB.
        self.data.len() as u32
    }

    /// How much sequence space it takes: its data, and one each for SYN and FIN (RFC 9293, 3.4).
    pub fn sequence_len(&self) -> u32 {
        self.data_len() + u32::from(self.flags.syn) + u32::from(self.flags.fin)
    }

    /// The sequence number after it, as on the wire.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.sequence_len())
    }

    /// How many bytes it takes in an IPv4 packet: its header, its options, its data.
    pub(super) fn len(&self) -> usize {
        TCP_HEADER + self.options.len() + self.data.len()
    }

    /// The RST that answers it where there is no such connection (RFC 9293, 3.10.7.1: CLOSED).
    pub(crate) fn reset(&self) -> Self {
        let (seq, ack) = match self.ack {
            Some(ack) => (ack, None),
            None => (0, Some(self.end())),
        };
        Self::bare(self.dst, self.src, Flags { rst: true, ..Flags::default() }, seq, ack, 0)
    }

    /// A segment without options and data; the flag ACK is set as `ack` says.
    pub(crate) fn bare(
        src: SocketAddrV4,
        dst: SocketAddrV4,
        flags: Flags,
        seq: u32,
        ack: Option<u32>,
        window: u16,
    ) -> Self {
        let flags = Flags { ack: ack.is_some(), ..flags };
        Self { src, dst, flags, seq, ack, window, options: TcpOptions::default(), data: Bytes::new() }
    }
}

/// The protocol number of a segment.
pub(super) const PROTOCOL: u8 = TCP;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Datagram;
    use crate::packet::testing::Tcp;

    #[test]
    fn a_syn_is_read_with_its_options() {
        let bytes = Tcp::new(49152, 80)
            .syn()
            .seq(7)
            .window(64240)
            .options(&[2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7])
            .packet();
        let s = Segment::parse(&bytes).unwrap();
        assert_eq!(
            (s.src.port(), s.dst.port(), s.seq, s.window, &s.data[..]),
            (49152, 80, 7, 64240, &[][..])
        );
        assert_eq!(s.flags.to_string(), "SYN");
        assert_eq!(
            s.options,
            TcpOptions {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                sack: [].as_slice().into(),
                timestamps: Some((1, 2))
            }
        );
        assert_eq!(s.sequence_len(), 1);
    }

    #[test]
    fn data_begins_behind_both_headers_and_ends_where_the_packet_says() {
        let mut bytes = Tcp::new(1, 2).ack(9).data(b"hello").packet().to_vec();
        bytes.extend_from_slice(b"padding of the link");
        let s = Segment::parse(&bytes.into()).unwrap();
        assert_eq!(&s.data[..], b"hello");
        assert_eq!(s.sequence_len(), 5);
    }

    #[test]
    fn sack_blocks_are_read() {
        let s = Tcp::new(1, 2)
            .ack(1)
            .options(&[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])
            .segment();
        assert_eq!(s.options.sack[..], [(1, 2), (3, 4)]);
    }

    #[test]
    fn an_option_that_makes_no_sense_does_not_hide_the_segment() {
        for options in [&[2u8, 0, 0, 0][..], &[3, 1, 0, 0], &[8, 200, 0, 0], &[1, 1, 1, 2]] {
            let s = Tcp::new(1, 2).ack(1).options(options).data(b"x").segment();
            assert_eq!((&s.data[..], s.options), (&b"x"[..], TcpOptions::default()), "{options:?}");
        }
    }

    #[test]
    fn without_the_flag_there_is_no_acknowledgement() {
        let s = Tcp::new(1, 2).syn().seq(u32::MAX).segment();
        assert_eq!((s.ack, s.end()), (None, 0));
        assert_eq!(Tcp::new(1, 2).ack(0).segment().ack, Some(0));
    }

    #[test]
    fn a_datagram_is_no_segment() {
        let end = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let bytes = Transport::Udp(Datagram { src: end, dst: end, data: Bytes::new() }).emit();
        assert_eq!(Segment::parse(&bytes), Err(PacketError::Protocol(17)));
    }

    #[test]
    fn a_reset_is_acceptable_to_whoever_sent_what_it_answers() {
        let syn = Tcp::new(1, 2).syn().seq(9).segment();
        let reset = syn.reset();
        assert_eq!((reset.src, reset.dst), (syn.dst, syn.src));
        assert_eq!((reset.seq, reset.ack, reset.flags.to_string()), (0, Some(10), "RST,ACK".to_owned()));
        let reset = Tcp::new(1, 2).seq(9).ack(70).data(b"abc").segment().reset();
        assert_eq!((reset.seq, reset.ack, reset.flags.to_string()), (70, None, "RST".to_owned()));
    }
}
