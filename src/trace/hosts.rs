//! The hosts of a trace, found by name without looking at each of them: a crowd has thousands.

use std::ops::Deref;

use super::HostId;

/// The names of the hosts, by [`HostId`]; reads as a slice of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    names: Vec<String>,
    /// The hosts in the order of their names.
    by_name: Vec<HostId>,
}

impl Hosts {
    /// The host of this name; of several, the first.
    pub fn find(&self, name: &str) -> Option<HostId> {
        let at = self.by_name.partition_point(|id| self.name(*id).is_some_and(|n| n < name));
        self.by_name.get(at).copied().filter(|id| self.name(*id) == Some(name))
    }

    /// The name of a host.
    pub fn name(&self, id: HostId) -> Option<&str> {
        self.names.get(id.0 as usize).map(String::as_str)
    }
}

impl From<Vec<String>> for Hosts {
    fn from(names: Vec<String>) -> Self {
        // Addresses end long before 2^32 machines.
        let count = u32::try_from(names.len()).expect("fewer than 2^32 hosts");
        let mut by_name: Vec<HostId> = (0..count).map(HostId).collect();
        // Stable: of two of one name the first stays first.
        by_name.sort_by_key(|id| &names[id.0 as usize]);
        Self { names, by_name }
    }
}

impl FromIterator<String> for Hosts {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self::from(names.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Hosts {
    type Target = [String];
    fn deref(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_by_its_name_and_of_two_the_first() {
        let names = ["server", "b", "a", "b", "c"].map(str::to_owned);
        let hosts: Hosts = names.iter().cloned().collect();
        for name in &names {
            let first = names.iter().position(|n| n == name).unwrap();
            assert_eq!(hosts.find(name), Some(HostId(first as u32)), "{name}");
        }
        for name in ["", "aa", "z"] {
            assert_eq!(hosts.find(name), None, "{name}");
        }
        assert_eq!(Hosts::default().find("a"), None);
    }
}
