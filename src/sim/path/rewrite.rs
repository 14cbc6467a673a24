//! A packet with another source or destination: changed where it lies, its checksums brought up to date (RFC 1624).

use std::net::SocketAddrV4;

use bytes::{Bytes, BytesMut};

use crate::trace::checksum::updated;
use crate::trace::transport::{TCP, UDP};

/// Where the parts of the headers stand: (address in the IP header, port in the TCP or UDP header).
type Side = (usize, usize);
const SOURCE: Side = (12, 0);
const DESTINATION: Side = (16, 2);

/// The packet with another source. It is one that could be read; else it comes back as it was, or changed in places
/// that mean something else.
pub(super) fn with_source(packet: Bytes, source: SocketAddrV4) -> Bytes {
    rewritten(packet, SOURCE, source)
}

/// The packet with another destination. It is one that could be read; else it comes back as it was, or changed in places
/// that mean something else.
pub(super) fn with_destination(packet: Bytes, destination: SocketAddrV4) -> Bytes {
    rewritten(packet, DESTINATION, destination)
}

fn rewritten(packet: Bytes, side: Side, new: SocketAddrV4) -> Bytes {
    // Without a copy while nobody else holds it.
    let mut packet = packet.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    // Nothing to do where the headers are not there.
    let _ = rewrite(&mut packet, side, new);
    packet.freeze()
}

/// `None`: the packet ends before its headers do.
fn rewrite(packet: &mut [u8], (address_at, port_at): Side, new: SocketAddrV4) -> Option<()> {
    let ip_len = usize::from(packet.first()? & 0x0f) * 4;
    let protocol = *packet.get(9)?;
    let (ip, payload) = packet.split_at_mut_checked(ip_len)?;
    let checksum_at = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    let old_address: [u8; 4] = ip.get(address_at..address_at + 4)?.try_into().ok()?;
    let old_port: [u8; 2] = payload.get(port_at..port_at + 2)?.try_into().ok()?;
    let (address, port) = (new.ip().octets(), new.port().to_be_bytes());

    let sum = payload.get_mut(checksum_at..checksum_at + 2)?;
    let old = u16::from_be_bytes([sum[0], sum[1]]);
    // RFC 768: a datagram without a checksum stays without.
    if protocol == TCP || old != 0 {
        let new = match updated(updated(old, &old_address, &address), &old_port, &port) {
            0 if protocol == UDP => 0xffff,
            new => new,
        };
        sum.copy_from_slice(&new.to_be_bytes());
    }
    let old = u16::from_be_bytes([ip[10], ip[11]]);
    ip[10..12].copy_from_slice(&updated(old, &old_address, &address).to_be_bytes());
    ip[address_at..address_at + 4].copy_from_slice(&address);
    payload[port_at..port_at + 2].copy_from_slice(&port);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::Tcp;
    use crate::trace::{Datagram, Transport};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rewritten_packet_is_the_one_made_with_those_addresses(
            ends: [(u32, u16); 4], data in proptest::collection::vec(any::<u8>(), 0..50), shared: bool
        ) {
            let [src, dst, new_src, new_dst] = ends.map(|(ip, port)| SocketAddrV4::new(ip.into(), port));
            let before = Datagram::craft(src, dst, &data);
            let held = shared.then(|| before.clone());
            let after = with_destination(with_source(before, new_src), new_dst);
            prop_assert_eq!(after, Datagram::craft(new_src, new_dst, &data));
            if let Some(held) = held {
                prop_assert_eq!(held, Datagram::craft(src, dst, &data), "who shared it sees no change");
            }
        }

        #[test]
        fn a_rewritten_segment_keeps_right_checksums(ip: u32, port: u16, seq: u32, data in proptest::collection::vec(any::<u8>(), 0..50)) {
            let new = SocketAddrV4::new(ip.into(), port);
            let before = Tcp::new(1, 2).seq(seq).ack(1).data(&data).packet();
            let after = with_source(before.clone(), new);
            let read = Transport::received(&after).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!((read.src(), read.data()), (new, &data[..]));
            prop_assert_eq!(with_source(after, Transport::parse(&before).unwrap().src()), before);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), ip: u32, port: u16) {
            let _ = with_source(bytes.into(), SocketAddrV4::new(ip.into(), port));
        }
    }

    #[test]
    fn a_datagram_without_a_checksum_stays_without() {
        let end = SocketAddrV4::new(1.into(), 1);
        let mut bytes = Datagram::craft(end, end, b"x").to_vec();
        bytes[26..28].fill(0);
        let after = with_source(bytes.into(), SocketAddrV4::new(2.into(), 2));
        assert_eq!(after[26..28], [0, 0]);
        assert!(Transport::received(&after).is_ok());
    }
}
