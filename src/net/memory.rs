//! A network inside the process, for tests and comparisons: no TCP and no loss, everything in order, with buffers of a
//! chosen size, and with a record of what was written.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Change, Changes, Datagrams, ListenOptions, Listener, Network, SocketOptions, Spawner, Stream};

/// The only machine there is; it connects to itself.
#[derive(Clone)]
pub struct MemoryNetwork(Arc<Mutex<State>>, Spawner);

struct State {
    buffer: usize,
    listeners: BTreeMap<u16, mpsc::Sender<MemoryStream>>,
    /// What waits for the reader of each bound port.
    bound: BTreeMap<u16, Mailbox>,
    random: ChaCha8Rng,
    changes: broadcast::Sender<Change>,
    /// What every connecting side has written, in order of its connecting.
    written: Vec<Arc<Mutex<Vec<u8>>>>,
}

/// What has arrived at a UDP socket, and who waits for it.
#[derive(Default)]
struct Mailbox {
    arrived: VecDeque<(SocketAddr, Box<[u8]>)>,
    waiting: Vec<Waker>,
}

/// The port of `host:port`; the host is always this one.
fn port_of(authority: &str) -> io::Result<u16> {
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

impl MemoryNetwork {
    /// A network whose connections hold `buffer` bytes each way.
    pub fn new(seed: u64, buffer: usize) -> Self {
        Self(
            Arc::new(Mutex::new(State {
                buffer,
                listeners: BTreeMap::new(),
                bound: BTreeMap::new(),
                random: ChaCha8Rng::seed_from_u64(seed),
                changes: broadcast::Sender::new(1),
                written: Vec::new(),
            })),
            Spawner::tokio(),
        )
    }

    /// The same network for a process whose tasks `spawner` starts; by default the current tokio runtime does.
    pub fn in_process(&self, spawner: Spawner) -> Self {
        Self(self.0.clone(), spawner)
    }

    /// All that the `n`-th connecting side has written so far.
    ///
    /// # Panics
    /// When there was no such connection.
    pub fn written(&self, n: usize) -> Vec<u8> {
        self.0.lock().expect("no panic while it is locked").written[n].lock().expect("unpoisoned").clone()
    }
}

impl Network for MemoryNetwork {
    type Stream = MemoryStream;
    type Listener = MemoryListener;
    type Datagrams = MemoryDatagrams;

    async fn lookup(&self, authority: &str) -> io::Result<SocketAddr> {
        port_of(authority).map(address)
    }

    async fn connect(&self, authority: &str, _: &SocketOptions) -> io::Result<MemoryStream> {
        let port = port_of(authority)?;
        let (ours, queue) = {
            let mut state = self.0.lock().expect("no panic while it is locked");
            let queue = state.listeners.get(&port).ok_or(io::ErrorKind::ConnectionRefused)?.clone();
            let (ours, theirs) = tokio::io::duplex(state.buffer);
            let written = Arc::new(Mutex::new(Vec::new()));
            state.written.push(written.clone());
            let theirs = MemoryStream { inner: theirs, written: Arc::default() };
            (MemoryStream { inner: ours, written }, (queue, theirs))
        };
        let (queue, theirs) = queue;
        queue.send(theirs).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }

    async fn listen(&self, port: u16, options: &ListenOptions) -> io::Result<MemoryListener> {
        let (sender, queue) = mpsc::channel(options.backlog as usize + 1);
        let mut state = self.0.lock().expect("no panic while it is locked");
        if state.listeners.get(&port).is_some_and(|l| !l.is_closed()) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.listeners.insert(port, sender);
        Ok(MemoryListener { port, queue })
    }

    async fn bind(&self, port: u16) -> io::Result<MemoryDatagrams> {
        let mut state = self.0.lock().expect("no panic while it is locked");
        let free = |port: &u16| !state.bound.contains_key(port);
        let port = match port {
            0 => (1..=u16::MAX).rev().find(free),
            port => Some(port).filter(free),
        };
        let port = port.ok_or(io::ErrorKind::AddrInUse)?;
        state.bound.insert(port, Mailbox::default());
        Ok(MemoryDatagrams { network: self.clone(), port })
    }

    fn changes(&self) -> Changes {
        Changes(self.0.lock().expect("no panic while it is locked").changes.subscribe())
    }

    fn spawner(&self) -> Spawner {
        self.1.clone()
    }

    /// Nobody stops a process here.
    fn stopping(&self) -> CancellationToken {
        CancellationToken::new()
    }

    fn random(&self, buffer: &mut [u8]) {
        self.0.lock().expect("no panic while it is locked").random.fill_bytes(buffer);
    }
}

/// A listening socket of a [`MemoryNetwork`].
pub struct MemoryListener {
    port: u16,
    queue: mpsc::Receiver<MemoryStream>,
}

impl Listener for MemoryListener {
    type Stream = MemoryStream;

    async fn accept(&mut self) -> io::Result<(MemoryStream, SocketAddr)> {
        match self.queue.recv().await {
            Some(stream) => Ok((stream, address(0))),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address(self.port))
    }
}

/// A connection of a [`MemoryNetwork`].
pub struct MemoryStream {
    inner: DuplexStream,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Stream for MemoryStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address(0))
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(address(0))
    }
    fn set_options(&self, _: &SocketOptions) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.written.lock().expect("no panic while it is locked").extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A UDP socket of a [`MemoryNetwork`]: what it sends is there at once, in order, and never lost.
pub struct MemoryDatagrams {
    network: MemoryNetwork,
    port: u16,
}

impl Datagrams for MemoryDatagrams {
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut state = self.network.0.lock().expect("no panic while it is locked");
        let mailbox = state.bound.get_mut(&self.port).ok_or(io::ErrorKind::NotConnected)?;
        let Some((from, data)) = mailbox.arrived.pop_front() else {
            if !mailbox.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                mailbox.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        };
        let n = data.len().min(buffer.len());
        buffer[..n].copy_from_slice(&data[..n]);
        Poll::Ready(Ok((n, from)))
    }

    fn poll_send_to(&self, _: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<()>> {
        let mut state = self.network.0.lock().expect("no panic while it is locked");
        // To a port of nobody it goes nowhere, as anywhere else.
        if let Some(mailbox) = state.bound.get_mut(&to.port()) {
            mailbox.arrived.push_back((address(self.port), data.into()));
            mailbox.waiting.drain(..).for_each(Waker::wake);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(address(self.port))
    }
}

impl Drop for MemoryDatagrams {
    fn drop(&mut self) {
        self.network.0.lock().expect("no panic while it is locked").bound.remove(&self.port);
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
