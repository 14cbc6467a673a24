//! The one place that makes a running world of a described one: machines, groups, the paths between them, the faults.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::sync::broadcast;

use super::world::WorldError;
use super::world::described::{Described, LinkEnd, MachineDescribed};
use crate::mix;
use crate::sim::engine::Built;
use crate::sim::engine::attention::Attention;
use crate::sim::engine::ending::Ending;
use crate::sim::engine::group::Group;
use crate::sim::fault::plan::{self, Place};
use crate::sim::machine::clock::Clock;
use crate::sim::machine::kernel::Kernel;
use crate::sim::machine::running::RunningMachine;
use crate::sim::machine::socket::Shared;
use crate::sim::path::{InterfaceId, Paths};
use crate::trace::recorder::Recorder;

/// Ticks longer than this would make an engine that steps through them no faster.
const LONGEST_TICK: Duration = Duration::from_millis(100);
/// tokio's timers know no less.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// How many network changes a process may fall behind; see [`crate::net::Changes`].
const CHANGES_KEPT: usize = 16;

/// The groups, each a name and its machines.
type Groups = Vec<(String, Vec<usize>)>;
/// Where each machine stands: its group, and its place there.
type Places = Vec<(usize, usize)>;

impl Described {
    pub(in crate::sim) fn build(&mut self, recorder: &Recorder) -> Result<Built, WorldError> {
        for machine in &mut self.machines {
            if machine.interfaces.is_empty() {
                machine.interfaces.push(("net".to_owned(), None));
            }
        }
        self.check_names()?;
        let (groups, places) = self.place();
        let mut paths = Paths::new(mix(self.seed), recorder.clone(), self.default_link);
        let mut interfaces: Vec<Vec<InterfaceId>> = Vec::new();
        let mut hosts = BTreeMap::new();
        let mut names = BTreeMap::new();
        let mut ids = Vec::new();
        for (m, machine) in self.machines.iter().enumerate() {
            let host = recorder.host(&machine.name);
            ids.push(host);
            let mut own = Vec::new();
            for (i, (_, router)) in machine.interfaces.iter().enumerate() {
                let outside = address(if router.is_some() { Use::Outside } else { Use::Public }, i, m)?;
                let inside = match *router {
                    Some(options) => Some((address(Use::Inside, i, m)?, options)),
                    None => None,
                };
                own.push(paths.add_interface(places[m], host, outside, inside));
                names.insert(outside, machine.name.clone());
                if let Some((inside, _)) = inside {
                    names.insert(inside, machine.name.clone());
                }
                hosts.entry(machine.name.clone()).or_insert(outside);
            }
            interfaces.push(own);
        }
        for (a, b, quality) in &self.links {
            for from in self.ends(a, &interfaces) {
                for to in self.ends(b, &interfaces) {
                    paths.set_quality((from, to), *quality);
                    paths.set_quality((to, from), *quality);
                }
            }
        }
        let script =
            self.given_faults.as_ref().map_or_else(|| self.faults.clone(), |given| given.over(&self.faults));
        let described: Vec<Place> = self
            .machines
            .iter()
            .enumerate()
            .map(|(m, machine)| Place {
                name: &machine.name,
                host: ids[m],
                interfaces: machine
                    .interfaces
                    .iter()
                    .map(|(n, _)| n.as_str())
                    .zip(interfaces[m].iter().copied())
                    .collect(),
            })
            .collect();
        let mut timelines = plan::apply(&script, &described, self.lasts, &mut paths, recorder)?;
        // Shorter than the shortest latency, so that a parcel is there before it is due.
        let shortest = script.shortest_latency().unwrap_or(Duration::MAX).min(self.shortest_latency());
        if self.engine.separates_machines() && shortest < SHORTEST_TICK {
            return Err(WorldError::TooFast(shortest));
        }
        let derived = shortest.saturating_sub(SHORTEST_TICK);
        let tick = self.tick.unwrap_or(derived).clamp(SHORTEST_TICK, LONGEST_TICK);

        let paths = Arc::new(Mutex::new(paths));
        let ending = Arc::new(Ending::new(self.lasts, self.until.clone(), recorder.clone(), self.limits));
        let (hosts, names) = (Arc::new(hosts), Arc::new(names));
        recorder.names(names.clone());
        let mut built = Vec::new();
        let mut shared_of: Vec<Option<Arc<Shared>>> = self.machines.iter().map(|_| None).collect();
        for (n, (name, members)) in groups.into_iter().enumerate() {
            let clock = Clock::default();
            let attention = Arc::new(Attention::default());
            let mut machines = Vec::new();
            for &m in &members {
                let secret = mix(self.seed ^ mix(m as u64 + 1));
                let kernel =
                    Kernel::new(self.machines[m].sysctls, secret, recorder.clone(), ids[m], names.clone());
                let shared = Shared {
                    kernel: Mutex::new(kernel),
                    cpu: Arc::default(),
                    host: ids[m],
                    clock: clock.clone(),
                    attention: attention.clone(),
                    ending: ending.clone(),
                    recorder: recorder.clone(),
                    name: self.machines[m].name.clone(),
                    left: OnceLock::new(),
                    tasks: AtomicUsize::new(0),
                    behind_us: AtomicU64::new(0),
                    dns: Mutex::default(),
                    index: machines.len(),
                    hosts: hosts.clone(),
                    changes: broadcast::channel(CHANGES_KEPT).0,
                    entropy: Mutex::new(ChaCha8Rng::seed_from_u64(mix(secret))),
                };
                let shared = Arc::new(shared);
                shared_of[m] = Some(shared.clone());
                let machine =
                    RunningMachine::new(shared, interfaces[m].clone(), self.machines[m].programs.clone());
                machines.push((machine, std::mem::take(&mut timelines[m])));
            }
            built.push(Group::new((n, name), clock, attention, ending.clone(), machines, paths.clone()));
        }
        Ok(Built {
            groups: built,
            paths,
            ending,
            machines: shared_of.into_iter().flatten().collect(),
            tick,
            tokio_timers: self.tokio_timers,
            seed: self.seed,
        })
    }

    /// Every machine has a name of its own, which a fault script can say.
    fn check_names(&self) -> Result<(), WorldError> {
        let mut names = BTreeSet::new();
        for MachineDescribed { name, .. } in &self.machines {
            if name.is_empty()
                || matches!(name.as_str(), "at" | "for")
                || name.contains([' ', '\t', '\n', ';'])
                || name.contains("->")
            {
                return Err(WorldError::Name(name.clone()));
            }
            if !names.insert(name) {
                return Err(WorldError::SameName(name.clone()));
            }
        }
        Ok(())
    }

    /// Which machines share a group, and where each of them stands.
    fn place(&self) -> (Groups, Places) {
        let mut groups: Groups = Vec::new();
        let mut places = Vec::new();
        for (m, machine) in self.machines.iter().enumerate() {
            let all = "world".to_owned();
            let name = match &machine.group {
                _ if !self.engine.separates_machines() => &all,
                Some(group) => group,
                None => &machine.name,
            };
            let n = match groups.iter().position(|(n, _)| n == name) {
                Some(n) => n,
                None => {
                    groups.push((name.clone(), Vec::new()));
                    groups.len() - 1
                }
            };
            groups[n].1.push(m);
            places.push((n, groups[n].1.len() - 1));
        }
        (groups, places)
    }

    fn ends(&self, end: &LinkEnd, interfaces: &[Vec<InterfaceId>]) -> Vec<InterfaceId> {
        let names = &self.machines[end.machine].interfaces;
        let all = names.iter().zip(&interfaces[end.machine]);
        all.filter(|((name, _), _)| end.interface.as_ref().is_none_or(|wanted| wanted == name))
            .map(|(_, id)| *id)
            .collect()
    }

    fn shortest_latency(&self) -> Duration {
        // With two machines and a described link between them the default link does not exist.
        let described = self.links.iter().map(|(.., q)| q.one_way).min();
        match described {
            Some(latency) if self.machines.len() == 2 => latency,
            Some(latency) => latency.min(self.default_link.one_way),
            None => self.default_link.one_way,
        }
    }
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A machine's own, seen by everybody: in 10.0.0.0/8, which stands for public addresses.
    Public,
    /// The outside of a router: in 100.64.0.0/10.
    Outside,
    /// A machine's own behind a router, seen by nobody else: in 172.16.0.0/12.
    Inside,
}

/// Machines for which there are addresses: a million, and what is left of 2^20.
const MOST_MACHINES: usize = (1 << 20) - 1;
/// Interfaces of one machine for which there are addresses.
const MOST_INTERFACES: usize = 85;

/// The address of a machine's `i`-th interface: another for every interface, machine and use.
///
/// # Errors
/// [`WorldError::NoAddress`] beyond [`MOST_MACHINES`] or [`MOST_INTERFACES`].
fn address(purpose: Use, i: usize, machine: usize) -> Result<Ipv4Addr, WorldError> {
    if machine >= MOST_MACHINES || i >= MOST_INTERFACES {
        return Err(WorldError::NoAddress { machines: MOST_MACHINES, interfaces: MOST_INTERFACES });
    }
    let (first, second, interfaces) = match purpose {
        Use::Public => (10, 0, MOST_INTERFACES),
        Use::Outside => (100, 64, 64),
        Use::Inside => (172, 16, 16),
    };
    // Both are small: they were compared above.
    let (i, number) = (i as u32, machine as u32 + 1);
    if number <= 0xffff && i < interfaces as u32 {
        return Ok(Ipv4Addr::from(first << 24 | (second + i) << 16 | number));
    }
    // What does not fit there gets a reserved one, of 240.0.0.0/4: 28 bits for use, interface and machine.
    let which = purpose as u32 * MOST_INTERFACES as u32 + i;
    Ok(Ipv4Addr::from(0xf000_0000 | which << 20 | number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_addresses_are_the_same_up_to_a_million_machines() {
        let mut seen = BTreeSet::new();
        for purpose in [Use::Public, Use::Outside, Use::Inside] {
            // Wherever a number might run over into another part, and the ends.
            let machines = (0..300).chain(65_000..66_100).chain(131_000..131_200).chain(999_900..1_000_000);
            for machine in machines.chain([MOST_MACHINES - 1]) {
                for i in 0..MOST_INTERFACES {
                    let address = address(purpose, i, machine).expect("there is one");
                    assert!(seen.insert(address), "{address} again: {purpose:?} {i} of machine {machine}");
                    assert!(!address.is_broadcast() && !address.is_multicast() && !address.is_loopback());
                }
            }
        }
    }

    #[test]
    fn beyond_that_it_is_an_error() {
        assert!(matches!(address(Use::Public, 0, MOST_MACHINES), Err(WorldError::NoAddress { .. })));
        assert!(matches!(address(Use::Inside, MOST_INTERFACES, 0), Err(WorldError::NoAddress { .. })));
    }

    #[test]
    fn a_small_worlds_addresses_are_easily_read() {
        assert_eq!(address(Use::Public, 0, 0).unwrap().to_string(), "10.0.0.1");
        assert_eq!(address(Use::Outside, 1, 1).unwrap().to_string(), "100.65.0.2");
        assert_eq!(address(Use::Inside, 0, 256).unwrap().to_string(), "172.16.1.1");
    }
}
