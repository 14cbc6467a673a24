//! Changes of the machine's addresses, as applications want to hear of them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::net::Change;

/// A watcher first reports the addresses that are there already, in the same words as new ones. What comes within
/// this time of its start is taken for that inventory.
const INVENTORY: Duration = Duration::from_millis(250);

/// Reports changes until it is dropped, or until the system stops telling.
pub(super) async fn watch(changes: broadcast::Sender<Change>) {
    let mut watcher = match IfWatcher::new() {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(target: "halfopen::link", %error, "network changes cannot be watched");
            return;
        }
    };
    let inventory_ends = Instant::now() + INVENTORY;
    let mut addresses = Addresses::default();
    loop {
        match watcher.next().await {
            Some(Ok(event)) => {
                let change = addresses.apply(event);
                if Instant::now() >= inventory_ends
                    && let Some(change) = change
                {
                    // That nobody listens is no error.
                    let _ = changes.send(change);
                }
            }
            Some(Err(error)) => {
                tracing::warn!(target: "halfopen::link", %error, "network changes are not watched any more");
                return;
            }
            None => return,
        }
    }
}

/// The addresses from which a packet could leave the machine.
#[derive(Debug, Default)]
struct Addresses(BTreeSet<IpAddr>);

impl Addresses {
    /// Takes down an event; returns the change that it amounts to, if any.
    fn apply(&mut self, event: IfEvent) -> Option<Change> {
        let was_empty = self.0.is_empty();
        let moved = match event {
            IfEvent::Up(net) => leaves_the_link(net.addr()) && self.0.insert(net.addr()),
            IfEvent::Down(net) => self.0.remove(&net.addr()),
        };
        match (moved, was_empty, self.0.is_empty()) {
            (false, ..) => None,
            (true, true, _) => Some(Change::Online),
            (true, false, true) => Some(Change::Offline),
            (true, false, false) => Some(Change::AddressChanged),
        }
    }
}

/// Returns whether an address is neither a loopback address nor a link-local one, which an interface has by itself (RFC 3927, RFC 4291 section
/// 2.5.6).
fn leaves_the_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !a.is_loopback() && !a.is_link_local(),
        IpAddr::V6(a) => !a.is_loopback() && !a.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(net: &str) -> IfEvent {
        IfEvent::Up(net.parse().expect("a network"))
    }
    fn down(net: &str) -> IfEvent {
        IfEvent::Down(net.parse().expect("a network"))
    }

    #[test]
    fn a_wifi_switch_is_offline_then_online_or_one_change_of_address() {
        let mut a = Addresses::default();
        assert_eq!(a.apply(up("192.168.1.5/24")), Some(Change::Online));
        assert_eq!(a.apply(down("192.168.1.5/24")), Some(Change::Offline));
        assert_eq!(a.apply(up("10.0.0.7/8")), Some(Change::Online));
        assert_eq!(a.apply(up("100.64.0.9/10")), Some(Change::AddressChanged));
        assert_eq!(a.apply(down("10.0.0.7/8")), Some(Change::AddressChanged));
    }

    #[test]
    fn addresses_that_lead_nowhere_make_nobody_online() {
        let mut a = Addresses::default();
        for net in ["127.0.0.1/8", "::1/128", "169.254.3.4/16", "fe80::1/64"] {
            assert_eq!(a.apply(up(net)), None, "{net}");
            assert_eq!(a.apply(down(net)), None, "{net}");
        }
    }

    #[test]
    fn the_same_news_twice_is_no_news() {
        let mut a = Addresses::default();
        assert_eq!(a.apply(up("192.168.1.5/24")), Some(Change::Online));
        assert_eq!(a.apply(up("192.168.1.5/24")), None);
        assert_eq!(a.apply(down("10.0.0.7/8")), None);
    }
}
