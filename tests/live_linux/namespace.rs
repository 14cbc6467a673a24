//! A network namespace with nothing in it but a TUN device: Linux's TCP on its inside, this program on its outside.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use nix::sched::{CloneFlags, unshare};
use smoltcp::phy::{Device as _, Medium, RxToken as _, TunTapInterface, TxToken as _, wait};
use smoltcp::time::Instant;

/// Linux's address.
pub const LINUX: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
/// The address of our endpoint.
pub const OURS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

/// The outside of the device: what Linux sends is read from it, what is written to it Linux receives.
pub struct Tun(TunTapInterface);

impl Tun {
    /// Moves this thread, and those that it starts from now on, into a namespace of its own, and opens the device there.
    /// When they have ended, the kernel takes all of it away.
    pub fn enter() -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let device = TunTapInterface::new("tun0", Medium::Ip)?;
        ip(&["link", "set", "lo", "up"])?;
        ip(&["address", "add", &format!("{LINUX}/24"), "dev", "tun0"])?;
        ip(&["link", "set", "tun0", "up"])?;
        // The module may be missing; all else does not depend on it.
        let _ = set("tcp_congestion_control", "cubic");
        Ok(Self(device))
    }

    /// The next packet that Linux has sent.
    pub fn receive(&mut self) -> Option<Bytes> {
        let (packet, _) = self.0.receive(Instant::ZERO)?;
        Some(packet.consume(Bytes::copy_from_slice))
    }

    /// Gives a packet to Linux.
    pub fn send(&mut self, packet: &[u8]) {
        let token = self.0.transmit(Instant::ZERO).expect("the device takes packets at any time");
        token.consume(packet.len(), |buffer| buffer.copy_from_slice(packet));
    }

    /// Waits until Linux has sent something, but no longer than that.
    pub fn wait(&self, most: Duration) {
        wait(self.0.as_raw_fd(), Some(most.into())).expect("the device is open");
    }
}

/// Runs iproute2 in this thread's namespace.
pub fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("ip: {}", said.trim()))) }
}

/// Sets a sysctl below `net.ipv4`, of this thread's namespace.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value)
}

/// The states of Linux's connections with us, by their number in the kernel's `include/net/tcp_states.h`.
pub fn states() -> Vec<u8> {
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp").expect("a kernel with /proc");
    let remote = format!("{:08X}", u32::from_le_bytes(OURS.octets()));
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = rows.filter(|row| row[2].starts_with(&remote));
    ours.map(|row| u8::from_str_radix(row[3], 16).expect("a number")).collect()
}

/// States in [`states`].
pub const ESTABLISHED: u8 = 1;
pub const TIME_WAIT: u8 = 6;
pub const CLOSE_WAIT: u8 = 8;
