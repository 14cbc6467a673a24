//! What the engines are compared with: the same client and server without a simulated machine below them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use halfopen::net::memory::{MemoryDatagrams, MemoryListener, MemoryNetwork, MemoryStream};
use halfopen::net::{
    CancellationToken, Changes, ListenOptions, Listener, Network, Process, SocketOptions, Spawner, Stream,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

/// Runs client and server over pipes with a delay, on a bare paused runtime.
pub fn over_pipes(server: impl Process, client: impl Process, one_way: Duration, lasts: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let net = Delayed { net: MemoryNetwork::new(1, 1 << 16), one_way };
        let both = async {
            tokio::select! { biased; r = server.run(net.clone()) => r, r = client.run(net.clone()) => r }
        };
        let _ = timeout(lasts, both).await;
    });
}

/// A network of pipes in which everything takes a while.
#[derive(Clone)]
struct Delayed {
    net: MemoryNetwork,
    one_way: Duration,
}

impl Network for Delayed {
    type Stream = Pipe;
    type Listener = Pipes;
    type Datagrams = MemoryDatagrams;
    async fn lookup(&self, authority: &str) -> io::Result<SocketAddr> {
        self.net.lookup(authority).await
    }
    async fn bind(&self, port: u16) -> io::Result<MemoryDatagrams> {
        self.net.bind(port).await
    }
    async fn connect(&self, authority: &str, options: &SocketOptions) -> io::Result<Pipe> {
        let far = self.net.connect(authority, options).await?;
        let (near, end) = tokio::io::duplex(1 << 16);
        let ((near_read, near_write), (far_read, far_write)) = (tokio::io::split(end), tokio::io::split(far));
        tokio::spawn(pump(near_read, far_write, self.one_way));
        tokio::spawn(pump(far_read, near_write, self.one_way));
        Ok(Pipe::Near(near))
    }
    async fn listen(&self, port: u16, options: &ListenOptions) -> io::Result<Pipes> {
        Ok(Pipes(self.net.listen(port, options).await?))
    }
    fn changes(&self) -> Changes {
        self.net.changes()
    }
    fn spawner(&self) -> Spawner {
        Spawner::tokio()
    }
    fn stopping(&self) -> CancellationToken {
        CancellationToken::new()
    }
    fn random(&self, buffer: &mut [u8]) {
        self.net.random(buffer);
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let mut buffer = vec![0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        sleep(delay).await;
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

enum Pipe {
    Near(DuplexStream),
    Far(MemoryStream),
}

struct Pipes(MemoryListener);

impl Listener for Pipes {
    type Stream = Pipe;
    async fn accept(&mut self) -> io::Result<(Pipe, SocketAddr)> {
        self.0.accept().await.map(|(stream, peer)| (Pipe::Far(stream), peer))
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Stream for Pipe {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn set_options(&self, _: &SocketOptions) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Pipe::Near(s) => Pin::new(s).poll_read(cx, buf),
            Pipe::Far(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Pipe::Near(s) => Pin::new(s).poll_write(cx, data),
            Pipe::Far(s) => Pin::new(s).poll_write(cx, data),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Pipe::Near(s) => Pin::new(s).poll_shutdown(cx),
            Pipe::Far(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

fn turmoil_sim<'a>(tick: Duration, one_way: Duration) -> turmoil::Sim<'a> {
    turmoil::Builder::new()
        .simulation_duration(Duration::MAX)
        .tick_duration(tick)
        .min_message_latency(one_way)
        .max_message_latency(one_way)
        .rng_seed(1)
        .build()
}

/// turmoil stepping two hosts that do nothing.
pub fn bare_turmoil(tick: Duration, lasts: Duration) {
    let mut sim = turmoil_sim(tick, Duration::ZERO);
    for name in ["phone", "server"] {
        sim.client(name, async {
            std::future::pending::<()>().await;
            Ok(())
        });
    }
    while sim.elapsed() < lasts {
        sim.step().expect("nothing happens");
    }
}

/// Client and server on turmoil's own TCP, which does not retransmit.
pub fn on_turmoils_tcp(
    server: impl Process,
    client: impl Process,
    tick: Duration,
    one_way: Duration,
    lasts: Duration,
) {
    let mut sim = turmoil_sim(tick, one_way);
    let random = MemoryNetwork::new(1, 1);
    let own = OwnTcp { random: random.clone() };
    sim.client("server", async move { Ok(server.run(own).await?) });
    let own = OwnTcp { random };
    sim.client("phone", async move { Ok(client.run(own).await?) });
    while sim.elapsed() < lasts {
        sim.step().expect("nothing fails");
    }
}

/// turmoil's TCP behind the same interface.
#[derive(Clone)]
struct OwnTcp {
    random: MemoryNetwork,
}

struct OwnListener(TcpListener);
struct OwnStream(TcpStream);

impl Network for OwnTcp {
    type Stream = OwnStream;
    type Listener = OwnListener;
    type Datagrams = MemoryDatagrams;
    async fn lookup(&self, authority: &str) -> io::Result<SocketAddr> {
        self.random.lookup(authority).await
    }
    async fn bind(&self, port: u16) -> io::Result<MemoryDatagrams> {
        self.random.bind(port).await
    }
    async fn connect(&self, authority: &str, _: &SocketOptions) -> io::Result<OwnStream> {
        loop {
            // Its connect is refused while nobody listens; the server may start after the client.
            match TcpStream::connect(authority).await {
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                    sleep(Duration::from_millis(100)).await
                }
                other => return other.map(OwnStream),
            }
        }
    }
    async fn listen(&self, port: u16, _: &ListenOptions) -> io::Result<OwnListener> {
        TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port)).await.map(OwnListener)
    }
    fn changes(&self) -> Changes {
        self.random.changes()
    }
    fn spawner(&self) -> Spawner {
        Spawner::tokio()
    }
    fn stopping(&self) -> CancellationToken {
        CancellationToken::new()
    }
    fn random(&self, buffer: &mut [u8]) {
        self.random.random(buffer);
    }
}

impl Listener for OwnListener {
    type Stream = OwnStream;
    async fn accept(&mut self) -> io::Result<(OwnStream, SocketAddr)> {
        self.0.accept().await.map(|(stream, peer)| (OwnStream(stream), peer))
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Stream for OwnStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
    fn set_options(&self, _: &SocketOptions) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for OwnStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for OwnStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
