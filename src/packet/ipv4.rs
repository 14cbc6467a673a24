//! An IPv4 header (RFC 791): read, checked, and put before what it carries.

use std::net::Ipv4Addr;

use bytes::Bytes;

use super::checksum;
use super::transport::PacketError;

/// The protocol number of ICMP (IANA registry "Protocol Numbers").
pub(super) const ICMP: u8 = 1;
/// The protocol number of TCP (IANA registry "Protocol Numbers").
pub(super) const TCP: u8 = 6;
/// The protocol number of UDP (IANA registry "Protocol Numbers").
pub(super) const UDP: u8 = 17;
/// Shortest IPv4 header (RFC 791, 3.1: IHL is at least 5 words).
pub(super) const IP_HEADER: usize = 20;
/// As most systems send it (net.ipv4.ip_default_ttl).
const TTL: u8 = 64;

/// What the header of an IPv4 packet says; of the packet itself there may be less than that.
pub(super) struct Header {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: u8,
    /// How many bytes the header has.
    pub len: usize,
    /// How many the packet has, as it says.
    pub total: u16,
}

impl Header {
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        use PacketError::{Fragment, NotIpv4, Truncated};
        let first = *packet.first().ok_or(Truncated)?;
        if first >> 4 != 4 {
            return Err(NotIpv4);
        }
        let len = usize::from(first & 0x0f) * 4;
        if len < IP_HEADER {
            return Err(Truncated);
        }
        let header = packet.get(..len).ok_or(Truncated)?;
        // "More fragments", or an offset other than zero.
        if u16_at(header, 6) & 0x3fff != 0 {
            return Err(Fragment);
        }
        let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
        let (src, dst, protocol) = (address(12), address(16), header[9]);
        Ok(Self { src, dst, protocol, len, total: u16_at(header, 2) })
    }
}

/// An IPv4 packet, read.
pub(super) struct Ip<'a> {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: u8,
    header: &'a [u8],
    /// Bytes behind the stated length would be padding of a link, and are no part of it.
    pub payload: Bytes,
}

impl<'a> Ip<'a> {
    pub fn parse(packet: &'a Bytes) -> Result<Self, PacketError> {
        let Header { src, dst, protocol, len, total } = Header::parse(packet)?;
        let end = usize::from(total);
        if packet.get(len..end).is_none() {
            return Err(PacketError::Truncated);
        }
        Ok(Self { src, dst, protocol, header: &packet[..len], payload: packet.slice(len..end) })
    }

    /// Whether the checksums of the header and of what it carries hold.
    pub fn is_undamaged(&self) -> bool {
        let header_holds = checksum::holds(checksum::sum(self.header));
        if self.protocol == UDP && self.payload.get(6..8) == Some(&[0, 0]) {
            // RFC 768: the sender made none.
            return header_holds;
        }
        // A packet's length has 16 bits.
        let len = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        let pseudo = pseudo_header((self.src, self.dst), self.protocol, len);
        header_holds && checksum::holds(pseudo + checksum::sum(&self.payload))
    }
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
) -> Bytes {
    let total = u16::try_from(IP_HEADER + payload_len).expect("the caller keeps packets below 64 KiB");
    let mut out = Vec::with_capacity(usize::from(total));
    header(&mut out, (src, dst), protocol, total);
    payload(&mut out);
    let carried = &out[IP_HEADER..];
    let len = total - IP_HEADER as u16;
    let sum = pseudo_header((src, dst), protocol, len) + checksum::sum(carried);
    let sum = match checksum::of(sum) {
        // RFC 768: zero would say that there is none.
        0 if protocol == UDP => 0xffff,
        sum => sum,
    };
    out[IP_HEADER + checksum_at..][..2].copy_from_slice(&sum.to_be_bytes());
    out.into()
}

/// Writes the header of a packet of `total` bytes: no options, "don't fragment", its checksum right.
pub(super) fn header(out: &mut Vec<u8>, (src, dst): (Ipv4Addr, Ipv4Addr), protocol: u8, total: u16) {
    let begins = out.len();
    out.extend([0x45, 0]);
    out.extend(total.to_be_bytes());
    // An atomic datagram needs no identification (RFC 6864, 4.1).
    out.extend([0, 0, 0x40, 0, TTL, protocol, 0, 0]);
    out.extend(src.octets());
    out.extend(dst.octets());
    let sum = checksum::of(checksum::sum(&out[begins..]));
    out[begins + 10..begins + 12].copy_from_slice(&sum.to_be_bytes());
}

/// What the checksum of a payload covers besides the payload: ICMP's nothing (RFC 792).
fn pseudo_header((src, dst): (Ipv4Addr, Ipv4Addr), protocol: u8, len: u16) -> u32 {
    if protocol == ICMP { 0 } else { checksum::pseudo_header(src, dst, protocol, len) }
}

/// Two bytes of a header, in network order; the caller has checked that they are there.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes of a header, in network order; the caller has checked that they are there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
