//! Segments made by hand, byte by byte, for tests.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::ipv4::{self, TCP};
use super::{Datagram, Flags, Segment, Transport};

/// A TCP segment between 10.0.0.1 and 10.0.0.2 (the lower port is the server's, and so 10.0.0.2).
#[derive(Debug, Clone)]
pub(crate) struct Tcp {
    src: u16,
    dst: u16,
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
    options: Vec<u8>,
    data: Vec<u8>,
}

impl Tcp {
    pub(crate) fn new(src: u16, dst: u16) -> Self {
        Self { src, dst, seq: 1, ack: 0, flags: 0, window: 502, options: vec![], data: vec![] }
    }
    pub(crate) fn syn(mut self) -> Self {
        self.flags |= 0x02;
        self
    }
    pub(crate) fn fin(mut self) -> Self {
        self.flags |= 0x01;
        self
    }
    pub(crate) fn rst(mut self) -> Self {
        self.flags |= 0x04;
        self
    }
    pub(crate) fn seq(mut self, seq: u32) -> Self {
        self.seq = seq;
        self
    }
    pub(crate) fn ack(mut self, ack: u32) -> Self {
        self.flags |= 0x10;
        self.ack = ack;
        self
    }
    pub(crate) fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }
    pub(crate) fn options(mut self, options: &[u8]) -> Self {
        assert_eq!(options.len() % 4, 0, "options fill whole words");
        self.options = options.to_vec();
        self
    }
    pub(crate) fn data(mut self, data: &[u8]) -> Self {
        self.flags |= 0x08;
        self.data = data.to_vec();
        self
    }

    fn address(&self, port: u16) -> SocketAddrV4 {
        let server = port == self.src.min(self.dst);
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, if server { 2 } else { 1 }), port)
    }

    /// The IPv4 packet, with right checksums.
    pub(crate) fn packet(&self) -> Bytes {
        let (src, dst) = (self.address(self.src), self.address(self.dst));
        let payload = |out: &mut Vec<u8>| {
            out.extend(self.src.to_be_bytes());
            out.extend(self.dst.to_be_bytes());
            out.extend(self.seq.to_be_bytes());
            out.extend(self.ack.to_be_bytes());
            out.push(u8::try_from((20 + self.options.len()) / 4).unwrap() << 4);
            out.push(self.flags);
            out.extend(self.window.to_be_bytes());
            out.extend([0, 0, 0, 0]);
            out.extend(&self.options);
            out.extend(&self.data);
        };
        let len = 20 + self.options.len() + self.data.len();
        ipv4::packet((*src.ip(), *dst.ip()), TCP, 16, payload, len)
    }

    /// The segment, as it is read.
    pub(crate) fn segment(&self) -> Segment {
        Segment::parse(&self.packet()).expect("it was made as one")
    }
}

pub(crate) const NONE: Flags = Flags { syn: false, fin: false, rst: false, psh: false, ack: false };
pub(crate) const SYN: Flags = Flags { syn: true, ..NONE };
pub(crate) const FIN: Flags = Flags { fin: true, ..NONE };
pub(crate) const RST: Flags = Flags { rst: true, ..NONE };
pub(crate) const PSH: Flags = Flags { psh: true, ..NONE };

/// A segment without options and data.
pub(crate) fn bare(
    src: SocketAddrV4,
    dst: SocketAddrV4,
    flags: Flags,
    seq: u32,
    ack: Option<u32>,
    window: u16,
) -> Transport {
    Segment::bare(src, dst, flags, seq, ack, window).into()
}

/// A datagram.
pub(crate) fn datagram(src: SocketAddrV4, dst: SocketAddrV4, data: &[u8]) -> Transport {
    Datagram { src, dst, data: Bytes::copy_from_slice(data) }.into()
}
