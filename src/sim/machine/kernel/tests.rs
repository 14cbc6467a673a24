//! What a kernel answers to segments that belong to nothing.

use super::*;
use crate::packet::Flags;
use crate::packet::testing::{NONE, RST, SYN, bare};

const HERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 80);
const THERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 32_768);

/// What a kernel without sockets answers.
fn answers(flags: Flags, seq: u32, ack: Option<u32>, to: SocketAddrV4) -> Vec<(bool, u32, Option<u32>)> {
    let recorder = Recorder::default();
    let host = recorder.host("host");
    let mut kernel = Kernel::new(Sysctls::default(), 1, recorder, host, Names::default());
    kernel.set_addresses(Duration::ZERO, vec![*HERE.ip()], false);
    kernel.receive(Duration::ZERO, &bare(THERE, to, flags, seq, ack, 1000));
    std::iter::from_fn(|| kernel.departure())
        .map(|departure| {
            let segment = departure.packet.segment().expect("a segment");
            assert_eq!((segment.src, segment.dst), (HERE, THERE));
            (segment.flags.rst, segment.seq, segment.ack)
        })
        .collect()
}

#[test]
fn a_segment_of_no_connection_is_reset_at_the_number_it_expects() {
    let reset = answers(NONE, 100, Some(777), HERE);
    assert_eq!(reset, [(true, 777, None)]);
}

#[test]
fn a_syn_to_a_closed_port_is_reset_by_an_acknowledgement_of_it() {
    let reset = answers(SYN, 100, None, HERE);
    assert_eq!(reset, [(true, 0, Some(101))]);
}

#[test]
fn a_reset_is_never_answered() {
    assert!(answers(RST, 100, Some(777), HERE).is_empty());
}

#[test]
fn a_segment_for_another_address_is_not_answered() {
    let elsewhere = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 9), 80);
    assert!(answers(SYN, 100, None, elsewhere).is_empty());
}
