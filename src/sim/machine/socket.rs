//! [`crate::net`] on a simulated machine: every call is a system call of its kernel.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::cpu::Cpu;
use super::datagrams::SimDatagrams;
use super::kernel::{ConnId, Kernel, socket_addr};
use super::names;
use super::process::{Process, ProcessSpawner};
use crate::net::{Change, Changes, ListenOptions, Listener, Network, SocketOptions, Spawner, Stream};
use crate::sim::engine::attention::Attention;
use crate::sim::engine::ending::Ending;
use crate::sim::fault::Dns;
use crate::trace::recorder::Recorder;
use crate::trace::{HostId, MachineState, SocketInfo};

/// What the processes of a machine share.
pub(in crate::sim) struct Shared {
    pub kernel: Mutex<Kernel>,
    pub cpu: Arc<Cpu>,
    pub host: HostId,
    pub clock: Clock,
    pub attention: Arc<Attention>,
    pub ending: Arc<Ending>,
    pub recorder: Recorder,
    /// The machine's name.
    pub name: String,
    /// What it was like when the run ended.
    pub left: OnceLock<MachineState>,
    /// How many tasks its processes have.
    pub tasks: AtomicUsize,
    /// How far the clock of its processes is behind the time of the world, in microseconds.
    pub behind_us: AtomicU64,
    /// How its name lookups fare.
    pub dns: Mutex<Option<Dns>>,
    /// The machine's place in its group.
    pub index: usize,
    /// Addresses of the machines, by name, as a hosts file has them.
    pub hosts: Arc<BTreeMap<String, Ipv4Addr>>,
    pub changes: broadcast::Sender<Change>,
    pub entropy: Mutex<ChaCha8Rng>,
}

impl Shared {
    pub fn kernel(&self) -> MutexGuard<'_, Kernel> {
        // A panic inside the kernel ends the run; its trace is not used.
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the clock of its processes is behind the time of the world.
    pub fn behind(&self) -> Duration {
        Duration::from_micros(self.behind_us.load(Ordering::Relaxed))
    }

    /// What becomes of its name lookups just now.
    pub fn dns(&self) -> Option<Dns> {
        *self.dns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on its name lookups fare like that.
    pub fn set_dns(&self, dns: Option<Dns>) {
        *self.dns.lock().unwrap_or_else(PoisonError::into_inner) = dns;
    }

    /// The machine, as it was when its group came to the end of the run, or as it is just now.
    pub fn left(&self) -> MachineState {
        self.left.get().cloned().unwrap_or_else(|| self.state())
    }

    /// The machine, as it is just now.
    pub fn state(&self) -> MachineState {
        let kernel = self.kernel();
        let sockets = kernel.netstat();
        let connected = sockets.iter().filter(|socket| socket.remote.is_some());
        MachineState {
            name: self.name.clone(),
            powered: kernel.is_up(),
            timers: kernel.timers(),
            tasks: self.tasks.load(Ordering::Relaxed),
            buffered_bytes: connected.map(|s| s.receive_queue + s.send_queue).sum(),
            sockets,
        }
    }

    /// A system call: the kernel does it, and whoever drives the kernel looks what came of it.
    pub(super) fn call<R>(&self, f: impl FnOnce(&mut Kernel, Duration) -> R) -> R {
        let mut kernel = self.kernel();
        let deadline = kernel.deadline();
        let result = f(&mut kernel, self.clock.now());
        if kernel.has_departures() || kernel.deadline() != deadline {
            self.attention.ring(self.index);
        }
        result
    }
}

/// The network as a process of a simulated machine sees it.
#[derive(Clone)]
pub struct SimNet {
    pub(super) shared: Arc<Shared>,
    pub(super) process: Arc<Process>,
}

impl SimNet {
    pub(in crate::sim) fn new(process: Arc<Process>) -> Self {
        Self { shared: process.shared.clone(), process }
    }

    /// A look at the machine's sockets.
    pub fn netstat(&self) -> Vec<SocketInfo> {
        self.shared.kernel().netstat()
    }

    /// Virtual time since the start of the run.
    pub fn now(&self) -> Duration {
        self.shared.clock.now()
    }

    /// Waits until virtual time `at`.
    pub async fn until(&self, at: Duration) {
        crate::net::time::boottime_sleep_until(self.shared.clock.instant(at)).await;
    }

    /// The address of `host:port`, by the hosts file; a name is looked up first, which takes its time while a fault of name
    /// lookups is in force.
    async fn resolve(&self, authority: &str) -> io::Result<SocketAddrV4> {
        let invalid =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("`{authority}` is not host:port"));
        let (host, port) = authority.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        if let Ok(ip) = host.parse() {
            return Ok(SocketAddrV4::new(ip, port));
        }
        names::answered(&self.shared, host).await?;
        match self.shared.hosts.get(host) {
            Some(ip) => Ok(SocketAddrV4::new(*ip, port)),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("no host `{host}`"))),
        }
    }

    fn stream(&self, conn: ConnId) -> SimStream {
        SimStream { net: self.clone(), conn, boots: self.shared.kernel().boots() }
    }
}

impl Network for SimNet {
    type Stream = SimStream;
    type Listener = SimListener;
    type Datagrams = SimDatagrams;

    async fn lookup(&self, authority: &str) -> io::Result<SocketAddr> {
        self.resolve(authority).await.map(socket_addr)
    }

    async fn connect(&self, authority: &str, options: &SocketOptions) -> io::Result<SimStream> {
        let remote = self.resolve(authority).await?;
        let conn = self.shared.call(|k, now| k.connect(now, remote, options, self.process.id))?;
        // Dropping the future closes what it has begun to open.
        let stream = self.stream(conn);
        poll_fn(|cx| self.shared.kernel().poll_connected(conn, cx)).await?;
        Ok(stream)
    }

    async fn listen(&self, port: u16, options: &ListenOptions) -> io::Result<SimListener> {
        let port = self.shared.call(|k, _| k.listen(port, options, self.process.id))?;
        let boots = self.shared.kernel().boots();
        Ok(SimListener { net: self.clone(), port, boots })
    }

    async fn bind(&self, port: u16) -> io::Result<SimDatagrams> {
        SimDatagrams::bind(self.clone(), port)
    }

    fn changes(&self) -> Changes {
        Changes(self.shared.changes.subscribe())
    }

    fn spawner(&self) -> Spawner {
        Spawner::new(ProcessSpawner(self.process.clone()))
    }

    fn stopping(&self) -> CancellationToken {
        self.process.stop.clone()
    }

    fn random(&self, buffer: &mut [u8]) {
        self.shared.entropy.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }
}

/// A connection of a simulated machine.
pub struct SimStream {
    net: SimNet,
    conn: ConnId,
    boots: u32,
}

impl SimStream {
    /// Runs a system call on this connection, unless the machine was booted anew since it was opened.
    fn call<R>(&self, f: impl FnOnce(&mut Kernel, Duration) -> io::Result<R>) -> io::Result<R> {
        self.net.shared.call(|kernel, now| {
            if kernel.boots() != self.boots {
                return Err(io::ErrorKind::NotConnected.into());
            }
            f(kernel, now)
        })
    }

    /// `send(2)` with `MSG_DONTWAIT`: takes what there is room for, however little. An asynchronous write waits, as one
    /// with epoll does, until a third of the buffer is free.
    ///
    /// # Errors
    /// `WouldBlock` without any room; the connection's error, once; then `BrokenPipe`.
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.call(|kernel, now| kernel.send(now, self.conn, data))
    }

    fn poll_call<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Kernel, Duration, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match self.call(|kernel, now| Ok(f(kernel, now, cx))) {
            Ok(poll) => poll,
            Err(e) => Poll::Ready(Err(e)),
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let conn = self.conn;
        let unfilled = buf.initialize_unfilled();
        let n = ready!(self.poll_call(cx, |kernel, now, cx| kernel.poll_read(now, conn, cx, unfilled)))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let conn = self.conn;
        self.poll_call(cx, |kernel, now, cx| kernel.poll_write(now, conn, cx, data))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is the kernel's; there is nothing between.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let conn = self.conn;
        self.poll_call(cx, |kernel, now, _| {
            kernel.shutdown(now, conn);
            Poll::Ready(Ok(()))
        })
    }
}

impl Stream for SimStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.call(|k, _| k.tuple(self.conn)).map(|t| socket_addr(t.local))
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.call(|k, _| k.tuple(self.conn)).map(|t| socket_addr(t.remote))
    }

    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        self.call(|k, now| k.set_options(now, self.conn, options))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        // After a reboot there is nothing left to close.
        let _ = self.call(|kernel, now| {
            kernel.close(now, self.conn);
            Ok(())
        });
    }
}

/// A listening socket of a simulated machine.
pub struct SimListener {
    net: SimNet,
    port: u16,
    boots: u32,
}

impl SimListener {
    async fn next(&self) -> io::Result<(SimStream, SocketAddr)> {
        let shared = &self.net.shared;
        let conn = poll_fn(|cx| shared.kernel().poll_accept(self.port, cx)).await?;
        let stream = self.net.stream(conn);
        let peer = stream.peer_addr()?;
        Ok((stream, peer))
    }
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&mut self) -> io::Result<(SimStream, SocketAddr)> {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(socket_addr(self.net.shared.kernel().listen_address(self.port)))
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.net.shared.call(|kernel, now| {
            if kernel.boots() == self.boots {
                kernel.close_listener(now, self.port);
            }
        });
    }
}
