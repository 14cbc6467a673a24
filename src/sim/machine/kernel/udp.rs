//! UDP sockets: who has which port, and what waits to be read.
//!
//! As on Linux, a socket is bound to all the machine's addresses, present and future: it outlives a change of address,
//! and sends from whichever address is the preferred one. Not modelled: connected UDP sockets, and so nobody learns that a
//! port is closed or a host unreachable; fragmentation (a datagram fits into one packet or is refused), broadcast and
//! multicast, and a send buffer (what a link cannot take is lost in the link's own queue).

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::{Kernel, MTU, ports};
use crate::net::TooLong;
use crate::packet::Datagram;
use crate::sim::machine::process::ProcessId;
use crate::trace::Layer;
use crate::trace::SocketInfo;

/// The most bytes that one datagram carries: the MTU without the headers of IP and UDP.
pub(super) const MOST_DATA: usize = MTU - 20 - 8;

/// How much memory a socket's unread datagrams may take: Linux's `net.core.rmem_default`, in bytes.
const RECEIVE_BUFFER: usize = 212_992;

/// A UDP socket, as a process holds it; numbers are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UdpId(u64);

/// What `data_len` bytes of data take of a receive buffer: Linux accounts the memory that a packet occupies, not what it
/// carries (`skb->truesize`: the structure and a buffer of a few fixed sizes). Measured on Linux 6.18 over loopback, by
/// how many datagrams of each size fit into 212,992 bytes: 256 up to 197 bytes, 166 up to 645, then 92.
fn accounted(data_len: usize) -> usize {
    match data_len {
        0..=197 => 832,
        198..=645 => 1_280,
        _ => 2_304,
    }
}

#[derive(Debug)]
struct Socket {
    port: u16,
    owner: ProcessId,
    /// What has arrived and was not read, the oldest first.
    arrived: VecDeque<(SocketAddrV4, Bytes)>,
    /// What that takes of the receive buffer.
    occupied: usize,
    /// How many found the receive buffer full.
    dropped: u64,
    waiting: Vec<Waker>,
}

/// The UDP sockets of a kernel.
#[derive(Debug, Default)]
pub(super) struct UdpSockets {
    sockets: BTreeMap<UdpId, Socket>,
    by_port: BTreeMap<u16, UdpId>,
    next: u64,
    next_port: u16,
}

impl UdpSockets {
    fn close(&mut self, id: UdpId) {
        if let Some(socket) = self.sockets.remove(&id) {
            self.by_port.remove(&socket.port);
            // Whoever waits is to learn that there is nothing to wait for.
            socket.waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// What a process held is closed when it dies.
    pub fn process_died(&mut self, owner: ProcessId) {
        let held = self.sockets.iter().filter(|(_, socket)| socket.owner == owner);
        let held: Vec<UdpId> = held.map(|(id, _)| *id).collect();
        for id in held {
            self.close(id);
        }
    }

    /// One line for every socket, in order of their ports.
    pub fn netstat(&self) -> impl Iterator<Item = SocketInfo> + '_ {
        self.by_port.iter().filter_map(|(port, id)| self.sockets.get(id).map(|socket| (*port, socket))).map(
            |(port, socket)| SocketInfo {
                state: "UNCONN".into(),
                local: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port),
                remote: None,
                receive_queue: socket.arrived.iter().map(|(_, data)| data.len()).sum(),
                send_queue: 0,
                dropped: socket.dropped,
                timer: None,
                timeouts: 0,
                rtt: None,
                rto: None,
            },
        )
    }
}

impl Kernel {
    /// `bind(2)`; port 0 takes a free one.
    ///
    /// # Errors
    /// `AddrInUse` when the port, or every one, is taken.
    pub fn bind_udp(&mut self, port: u16, owner: ProcessId) -> io::Result<UdpId> {
        let free = |udp: &UdpSockets, port: u16| !udp.by_port.contains_key(&port);
        let port = match port {
            0 => {
                let first = ports::first(self.tcp.sysctls());
                let start = self.udp.next_port.clamp(first, ports::LAST);
                let found = (start..=ports::LAST).chain(first..start).find(|&port| free(&self.udp, port));
                // Clamped when it is used.
                self.udp.next_port = found.map_or(first, |port| port + 1);
                found
            }
            port => Some(port).filter(|&port| free(&self.udp, port)),
        };
        let port = port.ok_or(io::ErrorKind::AddrInUse)?;
        let id = UdpId(self.udp.next);
        self.udp.next += 1;
        let socket =
            Socket { port, owner, arrived: VecDeque::new(), occupied: 0, dropped: 0, waiting: Vec::new() };
        self.udp.sockets.insert(id, socket);
        self.udp.by_port.insert(port, id);
        Ok(id)
    }

    /// `recvfrom(2)`: how much of the oldest datagram was copied into `buffer`, and who sent it. What does not fit is
    /// lost.
    ///
    /// # Errors
    /// `NotConnected` when the socket is gone.
    pub fn poll_receive_from(
        &mut self,
        id: UdpId,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddrV4)>> {
        let Some(socket) = self.udp.sockets.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let Some((from, data)) = socket.arrived.pop_front() else {
            if !socket.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                socket.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        };
        socket.occupied -= accounted(data.len());
        let n = data.len().min(buffer.len());
        buffer[..n].copy_from_slice(&data[..n]);
        Poll::Ready(Ok((n, from)))
    }

    /// `sendto(2)`.
    ///
    /// # Errors
    /// `InvalidInput` for port 0, and with [`TooLong`] inside for a datagram that does not fit into one packet;
    /// `NetworkUnreachable` without an address; `NotConnected` when the socket is gone.
    pub fn send_to(&mut self, now: Duration, id: UdpId, data: &[u8], to: SocketAddrV4) -> io::Result<()> {
        let now = self.time(now);
        let port = self.udp_port(id)?;
        if to.port() == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no datagram goes to port 0"));
        }
        if data.len() > MOST_DATA {
            return Err(TooLong { len: data.len(), most: MOST_DATA }.into());
        }
        let ip = *self.addresses.first().ok_or(io::ErrorKind::NetworkUnreachable)?;
        let src = SocketAddrV4::new(ip, port);
        self.depart(now, Datagram { src, dst: to, data: Bytes::copy_from_slice(data) }.into());
        Ok(())
    }

    /// The port of a socket.
    ///
    /// # Errors
    /// `NotConnected` when the socket is gone.
    pub fn udp_port(&self, id: UdpId) -> io::Result<u16> {
        let socket = self.udp.sockets.get(&id).ok_or(io::ErrorKind::NotConnected)?;
        Ok(socket.port)
    }

    /// Closes a socket; what has arrived and was not read is lost.
    pub fn close_udp(&mut self, id: UdpId) {
        self.udp.close(id);
    }

    /// A datagram arrived.
    pub(super) fn receive_datagram(&mut self, now: Duration, datagram: &Datagram) {
        let id = self.udp.by_port.get(&datagram.dst.port());
        let Some(socket) = id.and_then(|id| self.udp.sockets.get_mut(id)) else {
            // Linux would answer with an ICMP "port unreachable" (RFC 1122, 4.1.3.1).
            return self.datagram_dropped(now, datagram, "no socket on this port");
        };
        let size = accounted(datagram.data.len());
        if socket.occupied + size > RECEIVE_BUFFER {
            socket.dropped += 1;
            return self.datagram_dropped(now, datagram, "receive buffer full");
        }
        socket.occupied += size;
        socket.arrived.push_back((datagram.src, datagram.data.clone()));
        socket.waiting.drain(..).for_each(Waker::wake);
    }

    fn datagram_dropped(&self, now: Duration, datagram: &Datagram, reason: &str) {
        let fields = vec![("port", u32::from(datagram.dst.port()).into()), ("reason", reason.into())];
        self.log_at(Layer::Udp, now, "datagram dropped", Some(datagram.src), fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::testing::datagram;
    use crate::sim::machine::kernel::Names;
    use crate::tcp::Sysctls;
    use crate::trace::Trace;
    use crate::trace::recorder::Recorder;

    const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const THERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 40_000);
    const ALICE: ProcessId = ProcessId(1);
    const BOB: ProcessId = ProcessId(2);

    fn kernel() -> (Kernel, Recorder) {
        let recorder = Recorder::default();
        let host = recorder.host("host");
        let mut kernel = Kernel::new(Sysctls::default(), 1, recorder.clone(), host, Names::default());
        kernel.set_addresses(Duration::ZERO, vec![HERE], false);
        (kernel, recorder)
    }

    fn arrives(kernel: &mut Kernel, port: u16, data: &[u8]) {
        kernel.receive(Duration::ZERO, &datagram(THERE, SocketAddrV4::new(HERE, port), data));
    }

    /// Reads a datagram; `None`: there is none.
    fn read(kernel: &mut Kernel, id: UdpId) -> Option<io::Result<Vec<u8>>> {
        let mut buffer = [0; 2_000];
        match kernel.poll_receive_from(id, &mut Context::from_waker(Waker::noop()), &mut buffer) {
            Poll::Pending => None,
            Poll::Ready(Err(e)) => Some(Err(e)),
            Poll::Ready(Ok((n, from))) => {
                assert_eq!(from, THERE);
                Some(Ok(buffer[..n].to_vec()))
            }
        }
    }

    fn reasons(trace: &Trace) -> Vec<String> {
        assert!(trace.events.iter().all(|e| e.layer == Layer::Udp));
        let dropped = trace.all("datagram dropped").events();
        dropped.iter().filter_map(|e| e.field("reason")).map(ToString::to_string).collect()
    }

    #[test]
    fn datagrams_are_read_in_order_one_at_a_time_however_short() {
        let (mut kernel, _) = kernel();
        let socket = kernel.bind_udp(53, ALICE).unwrap();
        for data in [&b"first"[..], b"", b"third"] {
            arrives(&mut kernel, 53, data);
        }
        for data in [&b"first"[..], b"", b"third"] {
            assert_eq!(read(&mut kernel, socket).unwrap().unwrap(), data);
        }
        assert!(read(&mut kernel, socket).is_none());
    }

    #[test]
    fn what_does_not_fit_into_the_readers_buffer_is_lost() {
        let (mut kernel, _) = kernel();
        let socket = kernel.bind_udp(53, ALICE).unwrap();
        arrives(&mut kernel, 53, b"too long");
        arrives(&mut kernel, 53, b"next");
        let mut short = [0; 3];
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok((3, _))) = kernel.poll_receive_from(socket, &mut cx, &mut short) else {
            panic!("three bytes")
        };
        assert_eq!(&short, b"too");
        assert_eq!(read(&mut kernel, socket).unwrap().unwrap(), b"next");
    }

    #[test]
    fn a_buffer_holds_as_many_datagrams_as_linuxs_and_drops_the_rest() {
        for (len, fit) in [(1, 256), (197, 256), (198, 166), (645, 166), (646, 92), (MOST_DATA, 92)] {
            let (mut kernel, recorder) = kernel();
            let socket = kernel.bind_udp(53, ALICE).unwrap();
            for _ in 0..300 {
                arrives(&mut kernel, 53, &vec![0; len]);
            }
            assert_eq!(kernel.netstat()[0].dropped, 300 - fit, "{len} bytes");
            assert_eq!(kernel.netstat()[0].receive_queue, len * fit as usize);
            for _ in 0..fit {
                assert!(read(&mut kernel, socket).is_some());
            }
            assert!(read(&mut kernel, socket).is_none());
            arrives(&mut kernel, 53, b"there is room again");
            assert!(read(&mut kernel, socket).is_some());
            let reasons = reasons(&recorder.finish(Duration::MAX));
            assert_eq!(reasons.len(), 300 - fit as usize);
            assert_eq!(reasons[0], "receive buffer full");
        }
    }

    #[test]
    fn a_datagram_to_a_port_of_nobody_is_dropped_and_not_answered() {
        let (mut kernel, recorder) = kernel();
        arrives(&mut kernel, 53, b"anybody?");
        assert!(kernel.departure().is_none());
        assert_eq!(reasons(&recorder.finish(Duration::MAX)), ["no socket on this port"]);
    }

    #[test]
    fn a_port_has_one_socket_until_it_is_closed() {
        let (mut kernel, _) = kernel();
        let socket = kernel.bind_udp(53, ALICE).unwrap();
        assert_eq!(kernel.bind_udp(53, BOB).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        kernel.close_udp(socket);
        let again = kernel.bind_udp(53, BOB).unwrap();
        // The old handle is not a handle to the new socket.
        kernel.close_udp(socket);
        assert_eq!(kernel.udp_port(again).unwrap(), 53);
        assert_eq!(kernel.udp_port(socket).unwrap_err().kind(), io::ErrorKind::NotConnected);
    }

    #[test]
    fn every_free_port_is_found_and_none_twice() {
        let (mut kernel, _) = kernel();
        let mut bind = || kernel.bind_udp(0, ALICE).map(|id| kernel.udp_port(id).unwrap());
        let ports: std::collections::BTreeSet<u16> = (32_768..=60_999_u16).map(|_| bind().unwrap()).collect();
        assert_eq!((ports.len(), ports.first(), ports.last()), (28_232, Some(&32_768), Some(&60_999)));
        assert_eq!(bind().unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_dead_process_holds_no_socket_and_its_readers_are_told() {
        let (mut kernel, _) = kernel();
        let (dead, alive) = (kernel.bind_udp(53, ALICE).unwrap(), kernel.bind_udp(54, BOB).unwrap());
        kernel.process_died(Duration::ZERO, ALICE);
        assert_eq!(read(&mut kernel, dead).unwrap().unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert!(read(&mut kernel, alive).is_none());
        assert_eq!(kernel.netstat().len(), 1);
        kernel.power_off();
        assert!(kernel.netstat().is_empty());
    }

    #[test]
    fn a_socket_outlives_a_change_of_address_and_sends_from_the_new_one() {
        let (mut kernel, _) = kernel();
        let socket = kernel.bind_udp(53, ALICE).unwrap();
        kernel.set_addresses(Duration::ZERO, Vec::new(), true);
        let error = kernel.send_to(Duration::ZERO, socket, b"x", THERE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NetworkUnreachable);
        let other = Ipv4Addr::new(10, 1, 0, 1);
        kernel.set_addresses(Duration::ZERO, vec![other], true);
        kernel.send_to(Duration::ZERO, socket, b"x", THERE).unwrap();
        let packet = kernel.departure().unwrap().packet;
        assert_eq!(packet.src(), SocketAddrV4::new(other, 53));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_nothing_leaves() {
        let (mut kernel, _) = kernel();
        let socket = kernel.bind_udp(53, ALICE).unwrap();
        let too_long = kernel.send_to(Duration::ZERO, socket, &[0; MOST_DATA + 1], THERE).unwrap_err();
        let inner = too_long.get_ref().and_then(|e| e.downcast_ref::<TooLong>());
        assert_eq!(inner, Some(&TooLong { len: 1_473, most: 1_472 }));
        let nowhere = SocketAddrV4::new(*THERE.ip(), 0);
        let no_port = kernel.send_to(Duration::ZERO, socket, b"", nowhere).unwrap_err();
        assert_eq!([too_long.kind(), no_port.kind()], [io::ErrorKind::InvalidInput; 2]);
        assert!(!kernel.has_departures());
        kernel.send_to(Duration::ZERO, socket, &[0; MOST_DATA], THERE).unwrap();
        assert_eq!(kernel.departure().unwrap().packet.len(), 1_500);
    }
}
