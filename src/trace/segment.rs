//! Reading a packet: the headers of IPv4 (RFC 791) and TCP (RFC 9293), and nothing else.
//!
//! The reader takes any bytes and never panics: what it cannot read is an error.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

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

/// The headers of one TCP segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Address and port of the sender.
    pub src: SocketAddrV4,
    /// Address and port of the receiver.
    pub dst: SocketAddrV4,
    /// The flags.
    pub flags: Flags,
    /// The sequence number of the first byte, as on the wire.
    pub seq: u32,
    /// The acknowledgement number, as on the wire; it counts only with the flag ACK.
    pub ack: u32,
    /// The window, as on the wire: not scaled.
    pub window: u16,
    /// The options.
    pub options: TcpOptions,
    /// Where the data begins in the packet.
    pub data_at: usize,
    /// How many bytes of data it carries.
    pub len: usize,
}

/// Bytes that are not a TCP segment in an IPv4 packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The packet ends before its headers do, or is shorter than it says.
    #[error("the packet is cut short")]
    Truncated,
    /// The version is not 4.
    #[error("not an IPv4 packet")]
    NotIpv4,
    /// The protocol is not 6, or the packet is a later fragment.
    #[error("not a TCP segment")]
    NotTcp,
}

/// The protocol number of TCP (RFC 791 with the IANA registry "Protocol Numbers").
const PROTOCOL_TCP: u8 = 6;
/// Shortest IPv4 header (RFC 791, 3.1: IHL is at least 5 words).
const IP_HEADER: usize = 20;
/// Shortest TCP header (RFC 9293, 3.1: data offset is at least 5 words).
const TCP_HEADER: usize = 20;

impl Segment {
    /// Reads the headers of an IPv4 packet with a TCP segment. Checksums are not looked at.
    ///
    /// # Errors
    /// [`SegmentError`] when the bytes are something else. Options that make no sense are passed over.
    pub fn parse(packet: &[u8]) -> Result<Self, SegmentError> {
        use SegmentError::{NotIpv4, NotTcp, Truncated};
        let first = *packet.first().ok_or(Truncated)?;
        if first >> 4 != 4 {
            return Err(NotIpv4);
        }
        let ip_len = usize::from(first & 0x0f) * 4;
        let ip = packet.get(..ip_len.max(IP_HEADER)).ok_or(Truncated)?;
        let total = usize::from(u16_at(ip, 2));
        let fragment_offset = u16_at(ip, 6) & 0x1fff;
        if ip[9] != PROTOCOL_TCP || fragment_offset != 0 {
            return Err(NotTcp);
        }
        if ip_len < IP_HEADER {
            return Err(Truncated);
        }
        // Bytes behind the stated length would be padding of a link.
        let tcp = packet.get(ip_len..total).ok_or(Truncated)?;
        let header = tcp.get(..TCP_HEADER).ok_or(Truncated)?;
        let tcp_len = usize::from(header[12] >> 4) * 4;
        if tcp_len < TCP_HEADER {
            return Err(Truncated);
        }
        let options = tcp.get(TCP_HEADER..tcp_len).ok_or(Truncated)?;
        let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
        Ok(Self {
            src: SocketAddrV4::new(address(12), u16_at(header, 0)),
            dst: SocketAddrV4::new(address(16), u16_at(header, 2)),
            seq: u32_at(header, 4),
            ack: u32_at(header, 8),
            flags: Flags::from_byte(header[13]),
            window: u16_at(header, 14),
            options: TcpOptions::parse(options),
            data_at: ip_len + tcp_len,
            len: tcp.len() - tcp_len,
        })
    }

    /// How much sequence space it takes: its data, and one each for SYN and FIN (RFC 9293, 3.4).
    pub fn sequence_len(&self) -> u32 {
        let data = u32::try_from(self.len).expect("an IPv4 packet is shorter than 64 KiB");
        data + u32::from(self.flags.syn) + u32::from(self.flags.fin)
    }

    /// The data it carries; `packet` is what it was parsed from.
    pub fn data<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.data_at..self.data_at + self.len).unwrap_or_default()
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

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::Tcp;
    use proptest::prelude::*;

    #[test]
    fn a_syn_is_read_with_its_options() {
        let bytes = Tcp::new(49152, 80)
            .syn()
            .seq(7)
            .window(64240)
            .options(&[2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7])
            .packet();
        let s = Segment::parse(&bytes).unwrap();
        assert_eq!((s.src.port(), s.dst.port(), s.seq, s.window, s.len), (49152, 80, 7, 64240, 0));
        assert_eq!(s.flags.to_string(), "SYN");
        assert_eq!(
            s.options,
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
        assert_eq!(s.data(&bytes), b"hello");
        assert_eq!(s.sequence_len(), 5);
    }

    #[test]
    fn sack_blocks_are_read() {
        let bytes = Tcp::new(1, 2)
            .ack(1)
            .options(&[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])
            .packet();
        assert_eq!(Segment::parse(&bytes).unwrap().options.sack, vec![(1, 2), (3, 4)]);
    }

    #[test]
    fn an_option_that_makes_no_sense_does_not_hide_the_segment() {
        for options in [&[2u8, 0, 0, 0][..], &[3, 1, 0, 0], &[8, 200, 0, 0], &[1, 1, 1, 2]] {
            let bytes = Tcp::new(1, 2).ack(1).options(options).data(b"x").packet();
            let s = Segment::parse(&bytes).unwrap();
            assert_eq!((s.len, s.options), (1, TcpOptions::default()), "{options:?}");
        }
    }

    #[test]
    fn what_is_not_tcp_over_ipv4_is_named() {
        let good = Tcp::new(1, 2).ack(1).data(b"abc").packet();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = byte;
            Segment::parse(&bytes)
        };
        assert_eq!(Segment::parse(&[]), Err(SegmentError::Truncated));
        assert_eq!(with(0, 0x65), Err(SegmentError::NotIpv4));
        assert_eq!(with(0, 0x41), Err(SegmentError::Truncated), "an IPv4 header of four bytes");
        assert_eq!(with(9, 17), Err(SegmentError::NotTcp), "UDP");
        assert_eq!(with(7, 1), Err(SegmentError::NotTcp), "a later fragment");
        assert_eq!(with(32, 0x40), Err(SegmentError::Truncated), "a TCP header of 16 bytes");
        for cut in 0..good.len() {
            assert_eq!(Segment::parse(&good[..cut]), Err(SegmentError::Truncated), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Segment::parse(&bytes);
        }

        #[test]
        fn no_damage_to_a_good_packet_makes_the_reader_panic(
            at in 0usize..60, byte: u8, cut in 0usize..70, options in proptest::collection::vec(any::<u8>(), 20)
        ) {
            let mut bytes = Tcp::new(1, 2).ack(1).options(&options).data(b"0123456789").packet().to_vec();
            bytes[at] = byte;
            bytes.truncate(cut);
            if let Ok(s) = Segment::parse(&bytes) {
                prop_assert_eq!(s.data(&bytes).len(), s.len);
            }
        }
    }
}
