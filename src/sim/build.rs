//! From a plan to groups, a network and what will happen to them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::sync::broadcast;

use super::world::WorldError;
use super::world::described::{Described, LinkEnd};
use crate::sim::engine::Built;
use crate::sim::engine::doorbell::Doorbell;
use crate::sim::engine::group::{Group, RunningMachine};
use crate::sim::fault::plan::{self, Place};
use crate::sim::machine::clock::Clock;
use crate::sim::machine::kernel::{Kernel, mix};
use crate::sim::machine::socket::Shared;
use crate::sim::path::{InterfaceId, Network};
use crate::trace::collect::Recorder;

/// Ticks longer than this would make a engine that steps through them no faster.
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
        let (groups, places) = self.place();
        let mut network = Network::new(mix(self.seed), recorder.clone(), self.default_link);
        let mut interfaces: Vec<Vec<InterfaceId>> = Vec::new();
        let mut hosts = BTreeMap::new();
        let mut names = BTreeMap::new();
        let mut ids = Vec::new();
        for (m, machine) in self.machines.iter().enumerate() {
            let host = recorder.host(&machine.name);
            ids.push(host);
            let mut own = Vec::new();
            for (i, (_, router)) in machine.interfaces.iter().enumerate() {
                let outside = address(if router.is_some() { 100 } else { 10 }, i, m);
                let inside = router.map(|options| (address(172, i, m), options));
                own.push(network.add_interface(places[m], host, outside, inside));
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
                    network.set_quality((from, to), *quality);
                    network.set_quality((to, from), *quality);
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
        let mut timelines = plan::apply(&script, &described, self.lasts, &mut network, recorder)?;
        // Shorter than the shortest latency, so that a parcel is there before it is due.
        let shortest = script.shortest_latency().unwrap_or(Duration::MAX).min(self.shortest_latency());
        let derived = shortest.saturating_sub(SHORTEST_TICK);
        let tick = self.tick.unwrap_or(derived).clamp(SHORTEST_TICK, LONGEST_TICK);

        let network = Arc::new(Mutex::new(network));
        let (hosts, names) = (Arc::new(hosts), Arc::new(names));
        let mut built = Vec::new();
        for (n, (name, members)) in groups.into_iter().enumerate() {
            let clock = Clock::default();
            let doorbell = Arc::new(Doorbell::default());
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
                    doorbell: doorbell.clone(),
                    index: machines.len(),
                    hosts: hosts.clone(),
                    changes: broadcast::channel(CHANGES_KEPT).0,
                    entropy: Mutex::new(ChaCha8Rng::seed_from_u64(mix(secret))),
                };
                machines.push(RunningMachine::new(
                    Arc::new(shared),
                    interfaces[m].clone(),
                    self.machines[m].programs.clone(),
                    std::mem::take(&mut timelines[m]),
                ));
            }
            built.push(Group::new((n, name), clock, doorbell, machines, network.clone(), recorder.clone()));
        }
        Ok(Built { groups: built, network, lasts: self.lasts, tick, seed: self.seed })
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

/// The address of a machine's `i`-th interface, in the network that begins with `net`.
fn address(net: u8, i: usize, machine: usize) -> Ipv4Addr {
    // 10.0.0.0/8 stands for public addresses, 100.64.0.0/10 for routers' outsides, 172.16.0.0/12 for their insides.
    let second = match net {
        100 => 64,
        172 => 16,
        _ => 0,
    };
    let [_, _, high, low] = u32::try_from(machine + 1).unwrap_or(u32::MAX).to_be_bytes();
    Ipv4Addr::new(net, second + u8::try_from(i).unwrap_or(0), high, low)
}
