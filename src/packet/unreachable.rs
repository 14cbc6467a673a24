//! What a router says of a packet that it does not pass on: ICMP's "destination unreachable" (RFC 792, type 3).
//!
//! ICMP's other messages are not met here. Of the packet in question a router quotes the IP header and eight bytes more,
//! the least that RFC 792 wants: the two ports, and of TCP the sequence number.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::ipv4::{self, Header, ICMP, IP_HEADER, TCP, UDP, u16_at, u32_at};
use super::transport::{PacketError, Transport};

/// The message's number (RFC 792).
const DESTINATION_UNREACHABLE: u8 = 3;
/// Type, code, checksum, and four bytes without a use.
const ICMP_HEADER: usize = 8;
/// Where in it the checksum stands.
pub(super) const CHECKSUM_AT: usize = 2;
/// So many bytes after its IP header are quoted of a packet.
const QUOTED: usize = 8;

/// Why something cannot be reached: the code of the message, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

impl Code {
    /// No way to the network (RFC 792).
    pub const NET: Self = Self(0);
    /// No way to the host (RFC 792).
    pub const HOST: Self = Self(1);
    /// The host does not speak that protocol (RFC 792).
    pub const PROTOCOL: Self = Self(2);
    /// Nobody has that port (RFC 792).
    pub const PORT: Self = Self(3);
    /// The packet is too large for what follows, and may not be cut (RFC 792; RFC 1191).
    pub const FRAGMENTATION_NEEDED: Self = Self(4);
    /// Forbidden by whoever runs the network (RFC 1812, 5.2.7.1).
    pub const PROHIBITED: Self = Self(13);
}

/// As the RFCs call it: `host unreachable`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Code::NET => f.write_str("net unreachable"),
            Code::HOST => f.write_str("host unreachable"),
            Code::PROTOCOL => f.write_str("protocol unreachable"),
            Code::PORT => f.write_str("port unreachable"),
            Code::FRAGMENTATION_NEEDED => f.write_str("fragmentation needed"),
            Code::PROHIBITED => f.write_str("administratively prohibited"),
            Code(other) => write!(f, "unreachable, code {other}"),
        }
    }
}

/// What is said of the packet in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Who sent it, as the router saw it.
    pub src: SocketAddrV4,
    /// Whom it was for.
    pub dst: SocketAddrV4,
    /// The sequence number of a TCP segment; `None`: it was a UDP datagram.
    pub seq: Option<u32>,
    /// How many bytes it was on the wire, from the IP header on.
    pub len: u16,
}

/// One message "destination unreachable". It goes to whoever sent the packet that it quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable {
    /// Who says it.
    pub from: Ipv4Addr,
    /// Why.
    pub code: Code,
    /// Of which packet.
    pub quoted: Quoted,
}

impl Unreachable {
    /// What `from` says of a packet; `None`: of such a message nothing is said (RFC 1122, 3.2.2), so that two routers do not
    /// answer each other for ever.
    pub fn about(packet: &Transport, from: Ipv4Addr, code: Code) -> Option<Self> {
        let seq = match packet {
            Transport::Tcp(segment) => Some(segment.seq),
            Transport::Udp(_) => None,
            Transport::Icmp(_) => return None,
        };
        // An IPv4 packet's length has 16 bits.
        let len = u16::try_from(packet.len()).unwrap_or(u16::MAX);
        let quoted = Quoted { src: packet.src(), dst: packet.dst(), seq, len };
        Some(Self { from, code, quoted })
    }

    /// Reads the payload of an IPv4 packet.
    pub(super) fn within(src: Ipv4Addr, dst: Ipv4Addr, payload: &[u8]) -> Result<Self, PacketError> {
        let header = payload.get(..ICMP_HEADER).ok_or(PacketError::Truncated)?;
        if header[0] != DESTINATION_UNREACHABLE {
            return Err(PacketError::Message(header[0]));
        }
        let packet = &payload[ICMP_HEADER..];
        let quoted = Header::parse(packet)?;
        let rest = packet.get(quoted.len..quoted.len + QUOTED).ok_or(PacketError::Truncated)?;
        let seq = match quoted.protocol {
            TCP => Some(u32_at(rest, 4)),
            UDP => None,
            other => return Err(PacketError::Protocol(other)),
        };
        if quoted.src != dst {
            return Err(PacketError::Unrelated);
        }
        let quoted = Quoted {
            src: SocketAddrV4::new(quoted.src, u16_at(rest, 0)),
            dst: SocketAddrV4::new(quoted.dst, u16_at(rest, 2)),
            seq,
            len: quoted.total,
        };
        Ok(Self { from: src, code: Code(header[1]), quoted })
    }

    /// Writes the payload of an IPv4 packet, with a checksum of zero.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Quoted { src, dst, seq, len } = self.quoted;
        out.extend([DESTINATION_UNREACHABLE, self.code.0, 0, 0, 0, 0, 0, 0]);
        ipv4::header(out, (*src.ip(), *dst.ip()), if seq.is_some() { TCP } else { UDP }, len);
        out.extend(src.port().to_be_bytes());
        out.extend(dst.port().to_be_bytes());
        match seq {
            Some(seq) => out.extend(seq.to_be_bytes()),
            // A datagram's length, and as its checksum that it had none (RFC 768): nobody reads it here.
            None => {
                out.extend(len.saturating_sub(IP_HEADER as u16).to_be_bytes());
                out.extend([0, 0]);
            }
        }
    }

    /// How many bytes it takes in an IPv4 packet.
    pub(super) const fn len() -> usize {
        ICMP_HEADER + IP_HEADER + QUOTED
    }
}

/// As a line: `host unreachable: 10.0.0.1:32768 to 10.0.0.2:80`.
impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} to {}", self.code, self.quoted.src, self.quoted.dst)
    }
}

/// The protocol number of such a message.
pub(super) const PROTOCOL: u8 = ICMP;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::packet::testing::{SYN, bare, datagram};

    const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);
    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 80);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);

    fn about(packet: &Transport) -> Unreachable {
        Unreachable::about(packet, ROUTER, Code::HOST).expect("of a packet something can be said")
    }

    #[test]
    fn it_goes_to_the_sender_and_quotes_ports_and_sequence_number() {
        let said = Transport::Icmp(about(&bare(CLIENT, SERVER, SYN, 0x0102_0304, None, 100)));
        let bytes = said.emit();
        assert_eq!(bytes[12..20], [10, 0, 0, 254, 10, 0, 0, 1], "from the router to the client");
        assert_eq!((bytes[9], bytes[20], bytes[21]), (1, 3, 1), "ICMP, destination unreachable, host");
        assert_eq!(bytes[28..32], [0x45, 0, 0, 40], "the header of a segment of 40 bytes");
        assert_eq!(bytes[48..], [0x9c, 0x40, 0, 80, 1, 2, 3, 4]);
        assert_eq!(Transport::received(&bytes), Ok(said));
    }

    #[test]
    fn of_a_datagram_it_quotes_no_number() {
        let said = about(&datagram(CLIENT, SERVER, b"abc"));
        assert_eq!((said.quoted.seq, said.quoted.len), (None, 31));
        assert_eq!(said.to_string(), "host unreachable: 10.0.0.1:40000 to 10.0.0.2:80");
    }

    #[test]
    fn of_an_error_nothing_is_said() {
        let said = Transport::Icmp(about(&datagram(CLIENT, SERVER, b"abc")));
        assert_eq!(Unreachable::about(&said, ROUTER, Code::NET), None);
    }

    #[test]
    fn what_is_not_such_a_message_is_named() {
        let good = Transport::Icmp(about(&bare(CLIENT, SERVER, SYN, 1, None, 100))).emit();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = byte;
            Transport::parse(&bytes.into()).map(|_| ())
        };
        assert_eq!(with(20, 8), Err(PacketError::Message(8)), "an echo request");
        assert_eq!(with(37, 1), Err(PacketError::Protocol(1)), "of ICMP");
        assert_eq!(with(43, 9), Err(PacketError::Unrelated), "of a packet that somebody else sent");
        for cut in 0..good.len() {
            let mut bytes = good[..cut].to_vec();
            if cut >= IP_HEADER {
                bytes[3] = cut as u8;
            }
            assert_eq!(Transport::parse(&Bytes::from(bytes)), Err(PacketError::Truncated), "cut at {cut}");
        }
    }
}
