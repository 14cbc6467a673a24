//! Two TCPs with one face: ours, and smoltcp's.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use halfopen::net::{ListenOptions, SocketOptions};
use halfopen::packet::{Segment, Transport};
use halfopen::parameter::ByteSize;
use halfopen::tcp::{ConnId, Endpoint, State, Sysctls, Tuple};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

/// Who connects, and who listens.
const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 80);

/// What a read gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    Data(usize),
    Nothing,
    End,
}

/// A machine with one connection.
pub trait Side {
    fn receive(&mut self, now: Duration, segment: &Segment);
    /// Everything that wants to leave.
    fn transmit(&mut self, now: Duration) -> Vec<Segment>;
    fn next_timeout(&mut self, now: Duration) -> Option<Duration>;
    fn on_timeout(&mut self, now: Duration);
    /// How many of the bytes it took.
    fn write(&mut self, now: Duration, data: &[u8]) -> Result<usize, String>;
    fn read(&mut self, now: Duration, buffer: &mut [u8]) -> Result<Read, String>;
    /// Whether the connection stands, or has stood.
    fn stands(&mut self, now: Duration) -> Result<bool, String>;
    /// Nothing more will be written.
    fn shutdown(&mut self, now: Duration);
    /// Whether both directions are closed, and that is known to be known.
    fn is_closed(&self) -> bool;
    /// The state, for a person.
    fn told(&self) -> String;
    /// Whether it is ours, and held to what it is told.
    fn is_ours(&self) -> bool;
}

/// Our endpoint.
pub struct Ours {
    endpoint: Endpoint,
    connects: Option<SocketOptions>,
    id: Option<ConnId>,
    stands: bool,
}

impl Ours {
    pub fn new(
        sysctls: Sysctls,
        secret: u64,
        (receive, send): (usize, usize),
        no_delay: bool,
        connects: bool,
    ) -> Self {
        let size = |bytes| Some(ByteSize(bytes as u64));
        let options = SocketOptions {
            no_delay,
            receive_buffer: size(receive),
            send_buffer: size(send),
            ..SocketOptions::default()
        };
        let mut endpoint = Endpoint::new(sysctls, secret);
        if !connects {
            let options = ListenOptions { accepted: options.clone(), ..ListenOptions::default() };
            endpoint.listen(SERVER.port(), &options);
        }
        Self { endpoint, connects: connects.then_some(options), id: None, stands: false }
    }

    /// The connection, once there is one to read from and write to.
    fn connection(&mut self, now: Duration) -> Result<Option<ConnId>, String> {
        if let Some(options) = self.connects.take() {
            let tuple = Tuple { local: CLIENT, remote: SERVER };
            self.id = Some(self.endpoint.connect(now, tuple, &options));
        }
        match self.id {
            None => {
                self.id = self.endpoint.accept(SERVER.port());
                self.stands = self.id.is_some();
            }
            Some(id) if !self.stands => match self.endpoint.connected(id) {
                None => {}
                Some(Ok(())) => self.stands = true,
                Some(Err(error)) => return Err(format!("connect: {error}")),
            },
            Some(_) => {}
        }
        Ok(self.id.filter(|_| self.stands))
    }
}

impl Side for Ours {
    fn receive(&mut self, now: Duration, segment: &Segment) {
        self.endpoint.receive(now, segment);
    }

    fn transmit(&mut self, _: Duration) -> Vec<Segment> {
        while self.endpoint.poll_event().is_some() {}
        std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.segment).collect()
    }

    fn next_timeout(&mut self, _: Duration) -> Option<Duration> {
        self.endpoint.next_timeout()
    }

    fn on_timeout(&mut self, now: Duration) {
        self.endpoint.on_timeout(now);
    }

    fn write(&mut self, now: Duration, data: &[u8]) -> Result<usize, String> {
        let Some(id) = self.connection(now)? else { return Ok(0) };
        self.endpoint.write(now, id, data).unwrap_or(Ok(0)).map_err(|error| format!("write: {error}"))
    }

    fn read(&mut self, now: Duration, buffer: &mut [u8]) -> Result<Read, String> {
        let Some(id) = self.connection(now)? else { return Ok(Read::Nothing) };
        match self.endpoint.read(now, id, buffer) {
            None => Ok(Read::Nothing),
            Some(Ok(0)) => Ok(Read::End),
            Some(Ok(n)) => Ok(Read::Data(n)),
            Some(Err(error)) => Err(format!("read: {error}")),
        }
    }

    fn stands(&mut self, now: Duration) -> Result<bool, String> {
        self.connection(now).map(|id| id.is_some())
    }

    fn shutdown(&mut self, now: Duration) {
        self.endpoint.shutdown(now, self.id.expect("it has written all"));
    }

    fn is_closed(&self) -> bool {
        let state = self.id.and_then(|id| self.endpoint.state(id));
        self.stands && matches!(state, None | Some(State::TimeWait | State::Closed))
    }

    fn told(&self) -> String {
        match self.id.and_then(|id| self.endpoint.state(id)) {
            None => "ours without a connection".to_owned(),
            Some(state) => format!("ours in {state}"),
        }
    }

    fn is_ours(&self) -> bool {
        true
    }
}

thread_local! {
    /// What time it is, for smoltcp's time stamps: it asks a function without arguments.
    static CLOCK: Cell<u32> = const { Cell::new(0) };
}

/// smoltcp's interface with one socket.
pub struct Smoltcp {
    interface: Interface,
    wire: Queues,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl Smoltcp {
    pub fn new(
        secret: u64,
        (receive, send): (usize, usize),
        no_delay: bool,
        timestamps: bool,
        connects: bool,
    ) -> Self {
        let mut wire = Queues::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = secret;
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        let own = if connects { CLIENT } else { SERVER };
        interface.update_ip_addrs(|all| all.push(IpCidr::new((*own.ip()).into(), 24)).expect("room for one"));
        let buffer = |len| tcp::SocketBuffer::new(vec![0; len]);
        let mut socket = tcp::Socket::new(buffer(receive), buffer(send));
        socket.set_nagle_enabled(!no_delay);
        if timestamps {
            socket.set_tsval_generator(Some(|| CLOCK.get()));
        }
        if connects {
            let remote = (*SERVER.ip(), SERVER.port());
            socket.connect(interface.context(), remote, CLIENT.port()).expect("a new socket");
        } else {
            socket.listen(SERVER.port()).expect("a new socket");
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self { interface, wire, sockets, handle }
    }

    fn poll(&mut self, now: Duration) {
        CLOCK.set(now.as_millis() as u32);
        let instant = instant(now);
        while self.interface.poll(instant, &mut self.wire, &mut self.sockets)
            == PollResult::SocketStateChanged
        {}
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn state(&self) -> tcp::State {
        self.sockets.get::<tcp::Socket>(self.handle).state()
    }
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(now.as_micros() as i64)
}

impl Side for Smoltcp {
    fn receive(&mut self, now: Duration, segment: &Segment) {
        self.wire.arrived.push_back(Transport::Tcp(segment.clone()).emit());
        self.poll(now);
    }

    fn transmit(&mut self, now: Duration) -> Vec<Segment> {
        self.poll(now);
        let parsed = self.wire.leaving.drain(..).map(|packet| match Transport::received(&packet) {
            Ok(Transport::Tcp(segment)) => segment,
            other => panic!("smoltcp sends {other:?}"),
        });
        parsed.collect()
    }

    fn next_timeout(&mut self, now: Duration) -> Option<Duration> {
        let at = self.interface.poll_at(instant(now), &self.sockets)?;
        // It asks to be polled "at zero" when it means at once.
        Some(Duration::from_micros(at.total_micros().max(0) as u64).max(now))
    }

    fn on_timeout(&mut self, now: Duration) {
        self.poll(now);
    }

    fn write(&mut self, now: Duration, data: &[u8]) -> Result<usize, String> {
        if !self.stands(now)? {
            return Ok(0);
        }
        self.socket().send_slice(data).map_err(|error| format!("smoltcp: {error}"))
    }

    fn read(&mut self, now: Duration, buffer: &mut [u8]) -> Result<Read, String> {
        if !self.stands(now)? {
            return Ok(Read::Nothing);
        }
        match self.socket().recv_slice(buffer) {
            Ok(0) => Ok(Read::Nothing),
            Ok(n) => Ok(Read::Data(n)),
            Err(tcp::RecvError::Finished) => Ok(Read::End),
            // After its TIME-WAIT it does not know any more that it has been told of the end.
            Err(tcp::RecvError::InvalidState) if self.state() == tcp::State::Closed => Ok(Read::End),
            Err(error) => Err(format!("smoltcp: {error}")),
        }
    }

    fn stands(&mut self, _: Duration) -> Result<bool, String> {
        Ok(!matches!(self.state(), tcp::State::Listen | tcp::State::SynSent | tcp::State::SynReceived))
    }

    fn shutdown(&mut self, _: Duration) {
        self.socket().close();
    }

    fn is_closed(&self) -> bool {
        matches!(self.state(), tcp::State::Closed | tcp::State::TimeWait)
    }

    fn told(&self) -> String {
        format!("smoltcp in {}", self.state())
    }

    fn is_ours(&self) -> bool {
        false
    }
}

/// What stands between smoltcp and the link.
#[derive(Default)]
struct Queues {
    arrived: VecDeque<Bytes>,
    leaving: Vec<Bytes>,
}

struct Arrived(Bytes);
struct Leaving<'a>(&'a mut Vec<Bytes>);

impl Device for Queues {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let packet = self.arrived.pop_front()?;
        Some((Arrived(packet), Leaving(&mut self.leaving)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1_500;
        capabilities
    }
}

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = vec![0; len];
        let result = f(&mut buffer);
        self.0.push(buffer.into());
        result
    }
}
