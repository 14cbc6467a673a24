//! A TCP segment as the kernel sees it pass, and the few segments it makes itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use bytes::Bytes;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IPV4_HEADER_LEN, IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpOption,
    TcpPacket, TcpRepr, TcpSeqNumber,
};

/// A connection's two ends, seen from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// This end.
    pub local: SocketAddrV4,
    /// The other end.
    pub remote: SocketAddrV4,
}

/// The headers of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub src: SocketAddrV4,
    pub dst: SocketAddrV4,
    pub seq: u32,
    pub ack: Option<u32>,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    /// Bytes of data.
    pub len: u32,
    pub window: u16,
    pub window_scale: Option<u8>,
    /// It tells of something that has arrived beyond what it acknowledges (RFC 2018).
    pub sacks: bool,
}

impl Segment {
    /// Reads the headers of an IPv4 packet; `None` if it is not a whole TCP segment.
    pub fn parse(packet: &[u8]) -> Option<Segment> {
        let ip = Ipv4Packet::new_checked(packet).ok()?;
        if ip.next_header() != IpProtocol::Tcp {
            return None;
        }
        let tcp = TcpPacket::new_checked(ip.payload()).ok()?;
        let window_scale = if tcp.syn() { window_scale(tcp.options()) } else { None };
        Some(Segment {
            src: SocketAddrV4::new(ip.src_addr(), tcp.src_port()),
            dst: SocketAddrV4::new(ip.dst_addr(), tcp.dst_port()),
            seq: tcp.seq_number().0.cast_unsigned(),
            ack: tcp.ack().then(|| tcp.ack_number().0.cast_unsigned()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            len: u32::try_from(tcp.payload().len()).unwrap_or(0),
            window: tcp.window_len(),
            window_scale,
            sacks: options(tcp.options()).any(|option| matches!(option, TcpOption::SackRange(_))),
        })
    }

    /// Sequence space it takes: data, SYN and FIN.
    pub fn space(&self) -> u32 {
        self.len + u32::from(self.syn) + u32::from(self.fin)
    }

    /// The sequence number after it.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.space())
    }

    /// The connection as its receiver sees it.
    pub fn tuple_at_receiver(&self) -> Tuple {
        Tuple { local: self.dst, remote: self.src }
    }

    /// The RST that answers it (RFC 9293 section 3.10.7.1: CLOSED).
    pub fn reset(&self) -> Bytes {
        let (seq, ack) = match self.ack {
            Some(ack) => (ack, None),
            None => (0, Some(self.end())),
        };
        craft(self.dst, self.src, TcpControl::Rst, seq, ack, 0)
    }
}

/// Makes a segment without data.
pub(crate) fn craft(
    src: SocketAddrV4,
    dst: SocketAddrV4,
    control: TcpControl,
    seq: u32,
    ack: Option<u32>,
    window_len: u16,
) -> Bytes {
    let tcp = TcpRepr {
        src_port: src.port(),
        dst_port: dst.port(),
        control,
        seq_number: TcpSeqNumber(seq.cast_signed()),
        ack_number: ack.map(|a| TcpSeqNumber(a.cast_signed())),
        window_len,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let ip = Ipv4Repr {
        src_addr: *src.ip(),
        dst_addr: *dst.ip(),
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let mut buffer = vec![0; IPV4_HEADER_LEN + tcp.buffer_len()];
    let sums = ChecksumCapabilities::default();
    ip.emit(&mut Ipv4Packet::new_unchecked(&mut buffer[..]), &sums);
    tcp.emit(
        &mut TcpPacket::new_unchecked(&mut buffer[IPV4_HEADER_LEN..]),
        &IpAddress::Ipv4(*src.ip()),
        &IpAddress::Ipv4(*dst.ip()),
        &sums,
    );
    buffer.into()
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
    let Some((src, dst)) = source(packet).zip(destination(packet)) else {
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

/// The options of a header, up to the first that makes no sense.
fn options(mut rest: &[u8]) -> impl Iterator<Item = TcpOption<'_>> {
    std::iter::from_fn(move || {
        let (next, option) = TcpOption::parse(rest).ok()?;
        rest = next;
        (option != TcpOption::EndOfList).then_some(option)
    })
}

fn window_scale(of: &[u8]) -> Option<u8> {
    options(of).find_map(|option| match option {
        TcpOption::WindowScale(n) => Some(n),
        _ => None,
    })
}

pub(crate) fn endpoint(address: SocketAddrV4) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(*address.ip()), address.port())
}

/// An IPv4 socket address as the `net` room has it.
pub(crate) fn socket_addr(address: SocketAddrV4) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(*address.ip()), address.port())
}

/// Reads the destination address of an IPv4 packet.
pub fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    Ipv4Packet::new_checked(packet).ok().map(|p| p.dst_addr())
}

/// Reads the source address of an IPv4 packet.
pub fn source(packet: &[u8]) -> Option<Ipv4Addr> {
    Ipv4Packet::new_checked(packet).ok().map(|p| p.src_addr())
}
