//! A TCP segment (RFC 9293), read.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::transport::{self, PacketError, Transport, u16_at, u32_at};

/// The flags of a TCP header (RFC 9293, 3.1) that this book meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Opens a direction; its sequence number is the initial one.
    pub syn: bool,
    /// Closes a direction.
    pub fin: bool,
    /// Ends the connection at once.
    pub rst: bool,
    /// The receiver should hand the data over now.
    pub psh: bool,
    /// The acknowledgement number counts.
    pub ack: bool,
}

impl Flags {
    /// The flags in a header's byte 13.
    pub const fn from_byte(byte: u8) -> Self {
        Self {
            fin: byte & 0x01 != 0,
            syn: byte & 0x02 != 0,
            rst: byte & 0x04 != 0,
            psh: byte & 0x08 != 0,
            ack: byte & 0x10 != 0,
        }
    }

    /// The names of the flags that are set, joined by `separator`.
    pub fn names(self, separator: &str) -> String {
        let all =
            [(self.syn, "SYN"), (self.fin, "FIN"), (self.rst, "RST"), (self.psh, "PSH"), (self.ack, "ACK")];
        all.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect::<Vec<_>>().join(separator)
    }
}

/// `SYN,ACK`; `-` when none is set.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names(",");
        f.pad(if names.is_empty() { "-" } else { &names })
    }
}

/// The options of a TCP header that this book meets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TcpOptions {
    /// Maximum segment size, in bytes (RFC 9293, 3.7.1; on a SYN).
    pub mss: Option<u16>,
    /// Window scale, as a shift (RFC 7323, 2.2; on a SYN).
    pub window_scale: Option<u8>,
    /// The sender understands selective acknowledgements (RFC 2018, 2; on a SYN).
    pub sack_permitted: bool,
    /// Selectively acknowledged stretches of sequence space, from and end (RFC 2018, 3).
    pub sack: Vec<(u32, u32)>,
    /// Timestamp value and echo (RFC 7323, 3.2).
    pub timestamps: Option<(u32, u32)>,
}

/// One TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Address and port of the sender.
    pub src: SocketAddrV4,
    /// Address and port of the receiver.
    pub dst: SocketAddrV4,
    /// The flags.
    pub flags: Flags,
    /// The sequence number of the first byte, as on the wire.
    pub seq: u32,
    /// The acknowledgement number, as on the wire; `None` without the flag ACK.
    pub ack: Option<u32>,
    /// The window, as on the wire: not scaled.
    pub window: u16,
    /// The options, as on the wire; [`Self::options`] reads them.
    pub raw_options: &'a [u8],
    /// What it carries.
    pub data: &'a [u8],
}

/// Shortest TCP header (RFC 9293, 3.1: data offset is at least 5 words).
const TCP_HEADER: usize = 20;

impl<'a> Segment<'a> {
    /// Reads the headers of an IPv4 packet with a TCP segment. Checksums are not looked at.
    ///
    /// # Errors
    /// [`PacketError`] when the bytes are something else.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        match Transport::parse(packet)? {
            Transport::Tcp(segment) => Ok(segment),
            Transport::Udp(_) => Err(PacketError::Protocol(transport::UDP)),
        }
    }

    /// Reads the payload of an IPv4 packet.
    pub(super) fn within(src: Ipv4Addr, dst: Ipv4Addr, payload: &'a [u8]) -> Result<Self, PacketError> {
        use PacketError::Truncated;
        let header = payload.get(..TCP_HEADER).ok_or(Truncated)?;
        let header_len = usize::from(header[12] >> 4) * 4;
        let flags = Flags::from_byte(header[13]);
        Ok(Self {
            src: SocketAddrV4::new(src, u16_at(header, 0)),
            dst: SocketAddrV4::new(dst, u16_at(header, 2)),
            flags,
            seq: u32_at(header, 4),
            ack: flags.ack.then(|| u32_at(header, 8)),
            window: u16_at(header, 14),
            raw_options: payload.get(TCP_HEADER..header_len).ok_or(Truncated)?,
            data: payload.get(header_len..).ok_or(Truncated)?,
        })
    }

    /// The options. Those that make no sense are passed over.
    pub fn options(&self) -> TcpOptions {
        TcpOptions::parse(self.raw_options)
    }

    /// How many bytes of data it carries.
    pub fn data_len(&self) -> u32 {
        u32::try_from(self.data.len()).expect("an IPv4 packet is shorter than 64 KiB")
    }

    /// How much sequence space it takes: its data, and one each for SYN and FIN (RFC 9293, 3.4).
    pub fn sequence_len(&self) -> u32 {
        self.data_len() + u32::from(self.flags.syn) + u32::from(self.flags.fin)
    }

    /// The sequence number after it, as on the wire.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.sequence_len())
    }
}

impl TcpOptions {
    /// Reads the options between the fixed header and the data; stops at the first that makes no sense.
    fn parse(mut bytes: &[u8]) -> Self {
        let mut out = Self::default();
        while let [kind, rest @ ..] = bytes {
            match kind {
                0 => break, // end of the list
                1 => {
                    bytes = rest; // no operation
                    continue;
                }
                _ => {}
            }
            let Some(len) = rest.first().map(|&l| usize::from(l)).filter(|l| *l >= 2) else {
                break;
            };
            let Some(body) = bytes.get(2..len) else { break };
            match (kind, body.len()) {
                (2, 2) => out.mss = Some(u16_at(body, 0)),
                // A shift above 14 is used as 14 (RFC 7323, 2.3).
                (3, 1) => out.window_scale = Some(body[0].min(14)),
                (4, 0) => out.sack_permitted = true,
                (5, _) => {
                    out.sack =
                        body.chunks_exact(8).map(|block| (u32_at(block, 0), u32_at(block, 4))).collect()
                }
                (8, 8) => out.timestamps = Some((u32_at(body, 0), u32_at(body, 4))),
                _ => {}
            }
            bytes = &bytes[len..];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::Tcp;

    #[test]
    fn a_syn_is_read_with_its_options() {
        let bytes = Tcp::new(49152, 80)
            .syn()
            .seq(7)
            .window(64240)
            .options(&[2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7])
            .packet();
        let s = Segment::parse(&bytes).unwrap();
        assert_eq!((s.src.port(), s.dst.port(), s.seq, s.window, s.data), (49152, 80, 7, 64240, &[][..]));
        assert_eq!(s.flags.to_string(), "SYN");
        assert_eq!(
            s.options(),
            TcpOptions {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                sack: vec![],
                timestamps: Some((1, 2))
            }
        );
        assert_eq!(s.sequence_len(), 1);
    }

    #[test]
    fn data_begins_behind_both_headers_and_ends_where_the_packet_says() {
        let mut bytes = Tcp::new(1, 2).ack(9).data(b"hello").packet().to_vec();
        bytes.extend_from_slice(b"padding of the link");
        let s = Segment::parse(&bytes).unwrap();
        assert_eq!(s.data, b"hello");
        assert_eq!(s.sequence_len(), 5);
    }

    #[test]
    fn sack_blocks_are_read() {
        let bytes = Tcp::new(1, 2)
            .ack(1)
            .options(&[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])
            .packet();
        assert_eq!(Segment::parse(&bytes).unwrap().options().sack, vec![(1, 2), (3, 4)]);
    }

    #[test]
    fn an_option_that_makes_no_sense_does_not_hide_the_segment() {
        for options in [&[2u8, 0, 0, 0][..], &[3, 1, 0, 0], &[8, 200, 0, 0], &[1, 1, 1, 2]] {
            let bytes = Tcp::new(1, 2).ack(1).options(options).data(b"x").packet();
            let s = Segment::parse(&bytes).unwrap();
            assert_eq!((s.data, s.options()), (&b"x"[..], TcpOptions::default()), "{options:?}");
        }
    }

    #[test]
    fn without_the_flag_there_is_no_acknowledgement() {
        let bytes = Tcp::new(1, 2).syn().seq(u32::MAX).packet();
        let s = Segment::parse(&bytes).unwrap();
        assert_eq!((s.ack, s.end()), (None, 0));
        let bytes = Tcp::new(1, 2).ack(0).packet();
        assert_eq!(Segment::parse(&bytes).unwrap().ack, Some(0));
    }

    #[test]
    fn a_datagram_is_no_segment() {
        let end = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let bytes = crate::trace::Datagram::craft(end, end, b"");
        assert_eq!(Segment::parse(&bytes), Err(PacketError::Protocol(17)));
    }
}
