//! A router that turns packets away and says so: what it does with them, and how often it speaks.

use std::time::Duration;

use super::{InterfaceId, Parcel, Paths, lost};
use crate::packet::{Code, Marks, Unreachable};

/// What it says. A router whose next hop does not answer says "host unreachable" (RFC 1812, 5.2.7.1), and a firewall may:
/// `REJECT --reject-with icmp-host-unreachable`. The other words for it mean the same to TCP, but for two: "port
/// unreachable", by which a firewall that rejects looks like a host where nobody listens, and "net unreachable", which is
/// told to processes as another error.
const SAYS: Code = Code::HOST;
/// One message a second to one address (Linux's `net.ipv4.icmp_ratelimit`; RFC 1812, 4.3.2.8 wants a limit).
const EVERY: Duration = Duration::from_secs(1);
/// But so many at once after a silence (`XRLIM_BURST_FACTOR` of Linux's net/ipv4/icmp.c).
const BURST: u32 = 6;

impl Paths {
    /// A parcel that is rejected comes to the router at the end of its link. It goes no further, and its sender is told, by
    /// a message that is added to `parcels`.
    pub fn turn_away(&mut self, now: Duration, parcel: &Parcel, parcels: &mut Vec<Parcel>) {
        let Parcel { to, recorded, packet, .. } = parcel;
        if let Some(recorded) = recorded {
            self.recorder.fate(*recorded, lost(now, "rejected"));
        }
        let (sender, receiver) = (*packet.src().ip(), *packet.dst().ip());
        // The router's own address matters to nobody: it speaks in the name of whom it stands before, as a firewall on
        // that very machine would.
        let Some(said) = Unreachable::about(packet, receiver, SAYS) else { return };
        let Some(from) = self.by_outside.get(&sender).copied() else { return };
        if self.may_speak((from, *to), now) {
            self.transmit(now, *to, sender, said.into(), Marks::default(), parcels);
        }
    }

    fn may_speak(&mut self, ends: (InterfaceId, InterfaceId), now: Duration) -> bool {
        self.direction(ends).messages.take(now)
    }
}

/// How many messages may still be sent: a bucket that fills with time (Linux's `inet_peer_xrlim_allow()`).
#[derive(Debug)]
pub(super) struct Budget {
    filled: Duration,
    at: Duration,
}

impl Budget {
    pub const FULL: Self =
        Self { filled: Duration::from_secs(EVERY.as_secs() * BURST as u64), at: Duration::ZERO };

    /// Takes one out, if there is one.
    fn take(&mut self, now: Duration) -> bool {
        self.filled = (self.filled + now.saturating_sub(self.at)).min(EVERY * BURST);
        self.at = self.at.max(now);
        let there = self.filled >= EVERY;
        if there {
            self.filled -= EVERY;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::{ms, secs};

    #[test]
    fn after_six_messages_there_is_one_a_second() {
        let mut budget = Budget::FULL;
        let said = |budget: &mut Budget, at| (0..10).filter(|_| budget.take(at)).count();
        assert_eq!(said(&mut budget, secs(1)), 6);
        assert_eq!(said(&mut budget, ms(1_999)), 0);
        assert_eq!(said(&mut budget, secs(2)), 1);
        assert_eq!(said(&mut budget, secs(5)), 3);
        assert_eq!(said(&mut budget, secs(500)), 6, "what is not said is not saved up");
    }
}
