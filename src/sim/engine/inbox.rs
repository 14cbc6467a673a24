//! The parcels under way to the machines of a group, the next one first.
//!
//! A parcel is larger than what decides its place: the heap moves places, and the parcels lie still.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::sim::path::{InterfaceId, Parcel};

/// When a parcel arrives, where, and which of two that arrive there together is first; then where it lies.
type Place = (Duration, InterfaceId, u64, usize);

#[derive(Debug, Default)]
pub(super) struct Inbox {
    places: BinaryHeap<Reverse<Place>>,
    parcels: Vec<Option<Parcel>>,
    free: Vec<usize>,
}

impl Inbox {
    pub fn push(&mut self, parcel: Parcel) {
        let at = self.free.pop().unwrap_or(self.parcels.len());
        self.places.push(Reverse((parcel.due, parcel.to, parcel.seq, at)));
        if at == self.parcels.len() {
            self.parcels.push(Some(parcel));
        } else {
            self.parcels[at] = Some(parcel);
        }
    }

    /// When the next parcel is due.
    pub fn due(&self) -> Option<Duration> {
        self.places.peek().map(|Reverse((due, ..))| *due)
    }

    /// The next parcel.
    pub fn pop(&mut self) -> Option<Parcel> {
        let Reverse((.., at)) = self.places.pop()?;
        self.free.push(at);
        self.parcels[at].take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::testing::datagram;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, SocketAddrV4};

    proptest! {
        #[test]
        fn parcels_come_by_time_then_by_interface_then_as_they_were_sent(
            parcels in proptest::collection::vec((0u64..5, 0usize..3, any::<bool>()), 0..60)
        ) {
            let end = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
            let mut inbox = Inbox::default();
            let mut waiting = Vec::new();
            for (seq, (due, to, take)) in (0_u64..).zip(parcels) {
                let due = Duration::from_micros(due);
                let packet = datagram(end, end, &seq.to_be_bytes());
                inbox.push(Parcel { due, seq, to: InterfaceId(to), recorded: None, rejected: false, packet });
                waiting.push((due, to, seq));
                while take && !waiting.is_empty() {
                    waiting.sort_unstable();
                    let (due, to, seq) = waiting.remove(0);
                    prop_assert_eq!(inbox.due(), Some(due));
                    let parcel = inbox.pop().unwrap();
                    prop_assert_eq!((parcel.due, parcel.to.0, parcel.seq), (due, to, seq));
                    prop_assert_eq!(&parcel.packet.data()[..], &seq.to_be_bytes());
                    if waiting.len() % 2 == 0 {
                        break;
                    }
                }
            }
            prop_assert_eq!(inbox.due(), waiting.iter().min().map(|(due, ..)| *due));
        }
    }
}
