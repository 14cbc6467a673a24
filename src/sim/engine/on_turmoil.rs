//! The reference engine: a turmoil host for each group, parcels on turmoil's UDP.
//!
//! turmoil runs its hosts one after the other, a tick each. A parcel carries the time at which it is due, and its
//! receiver waits for that: as long as the tick is shorter than the shortest latency, arrivals are exact; with a shorter latency they are late by up to a tick. turmoil's own latency is therefore zero.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use tokio::time::sleep;
use turmoil::net::UdpSocket;

use super::{Built, Carrier, drive};
use crate::packet::Transport;
use crate::sim::engine::group::Group;
use crate::sim::path::{InterfaceId, Parcel, Paths};
use crate::trace::recorder::PacketId;

/// The UDP port that parcels travel to.
const PORT: u16 = 9;
/// More parcels than can be under way to a host within a tick.
const UDP_CAPACITY: usize = 1 << 20;

pub(in crate::sim) fn run<T>(built: Built, finish: impl FnOnce() -> T) -> Result<T, String> {
    let Built { groups, paths, ending, tick, seed, .. } = built;
    let mut sim = turmoil::Builder::new()
        .simulation_duration(Duration::MAX)
        .tick_duration(tick)
        .rng_seed(seed)
        .udp_capacity(UDP_CAPACITY)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::ZERO)
        .build();
    let names: Arc<[String]> = groups.iter().map(|n| n.name.clone()).collect();
    for group in groups {
        let (names, paths) = (names.clone(), paths.clone());
        sim.client(group.name.clone(), async move {
            let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
            let addresses = names.iter().map(|name| turmoil::lookup(name.as_str())).collect();
            // Virtual time begins a tick later, when every host has its UDP socket.
            sleep(tick).await;
            drive(group, Udp { udp, addresses, paths, buffer: vec![0; 1 << 16] }).await?;
            Ok(())
        });
    }
    while sim.elapsed() < ending.time().saturating_add(tick) {
        sim.step().map_err(|e| e.to_string())?;
    }
    Ok(finish())
}

/// A group's UDP socket.
struct Udp {
    udp: UdpSocket,
    /// The addresses of the groups' hosts.
    addresses: Vec<IpAddr>,
    paths: Arc<Mutex<Paths>>,
    buffer: Vec<u8>,
}

impl Carrier for Udp {
    fn carry(&mut self, parcel: &Parcel) -> io::Result<()> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let to = self.addresses[paths.interface(parcel.to).group];
        drop(paths);
        self.udp.try_send_to(&encode(parcel), (to, PORT)).map(|_| ())
    }

    async fn arrived(&mut self, group: &mut Group) -> io::Result<()> {
        let (n, _) = self.udp.recv_from(&mut self.buffer).await?;
        group.deliver(decode(&self.buffer[..n]));
        while let Ok((n, _)) = self.udp.try_recv_from(&mut self.buffer) {
            group.deliver(decode(&self.buffer[..n]));
        }
        Ok(())
    }
}

/// A parcel as the payload of a datagram.
fn encode(parcel: &Parcel) -> Vec<u8> {
    let bytes = parcel.packet.emit();
    let mut out = Vec::with_capacity(29 + bytes.len());
    out.put_u64(u64::try_from(parcel.due.as_micros()).unwrap_or(u64::MAX));
    out.put_u64(parcel.seq);
    out.put_u32(u32::try_from(parcel.to.0).unwrap_or(u32::MAX));
    out.put_u64(parcel.recorded.map_or(u64::MAX, PacketId::number));
    out.put_u8(u8::from(parcel.rejected));
    out.put_slice(&bytes);
    out
}

/// The other way round. Only [`encode`] makes what arrives here.
fn decode(mut datagram: &[u8]) -> Parcel {
    let due = Duration::from_micros(datagram.get_u64());
    let seq = datagram.get_u64();
    let to = InterfaceId(datagram.get_u32() as usize);
    let recorded = Some(datagram.get_u64()).filter(|n| *n != u64::MAX).map(PacketId::numbered);
    let rejected = datagram.get_u8() != 0;
    let packet = Transport::parse(&Bytes::copy_from_slice(datagram)).expect("it was emitted by `encode`");
    Parcel { due, seq, to, recorded, rejected, packet }
}
