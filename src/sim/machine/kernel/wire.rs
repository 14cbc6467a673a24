//! What lies between a connection and its smoltcp interface: the packets in and out, and the first sequence number.

use std::collections::VecDeque;

use bytes::Bytes;
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::packet::Marks;

/// Ethernet's, as everywhere; MSS 1460.
pub(super) const MTU: usize = 1500;

/// A segment on its way out, and why it was sent.
pub(super) struct Outgoing {
    pub bytes: Bytes,
    pub marks: Marks,
}

/// The wire of one connection: at most one packet arriving, any number leaving.
#[derive(Default)]
pub(super) struct Wire {
    pub arriving: Option<Bytes>,
    pub leaving: VecDeque<Outgoing>,
    /// Why what leaves now is sent.
    pub marks: Marks,
}

impl Device for Wire {
    type RxToken<'a> = Arriving;
    type TxToken<'a> = Leaving<'a>;
    fn receive(&mut self, _: Instant) -> Option<(Arriving, Leaving<'_>)> {
        let packet = self.arriving.take()?;
        Some((Arriving(packet), Leaving { queue: &mut self.leaving, marks: self.marks }))
    }
    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        Some(Leaving { queue: &mut self.leaving, marks: self.marks })
    }
    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        // The kernel has verified them.
        capabilities.checksum.ipv4 = Checksum::Tx;
        capabilities.checksum.tcp = Checksum::Tx;
        capabilities
    }
}

pub(super) struct Arriving(Bytes);

impl RxToken for Arriving {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(super) struct Leaving<'a> {
    queue: &'a mut VecDeque<Outgoing>,
    marks: Marks,
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = vec![0; len];
        let result = f(&mut buffer);
        self.queue.push_back(Outgoing { bytes: buffer.into(), marks: self.marks });
        result
    }
}

/// The seed with which smoltcp draws `isn` as its initial sequence number.
///
/// An ISN is the kernel's business (RFC 6528: a hash of the connection plus a clock), but smoltcp draws it from its own
/// generator: one linear step for the interface's IPv4 identification, one for the ISN, which then is bits 29 to 60 of
/// the state when its three highest bits are zero. Both steps can be run backwards.
pub(super) fn seed_for_isn(isn: u32) -> u64 {
    const MULTIPLIER: u64 = 0xbb2e_fcec_3c39_611d;
    const INCREMENT: u64 = 0x7590_ef39;
    let back = |state: u64| state.wrapping_sub(INCREMENT).wrapping_mul(inverse(MULTIPLIER));
    back(back((u64::from(isn) << 29) | 1))
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut i = 0;
    while i < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        i += 1;
    }
    x
}
