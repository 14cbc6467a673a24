//! Two machines and a link, as on the bench where Linux was measured: `a` connects, `b` accepts; then something happens.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::measured::Measured;
use crate::net::{ListenOptions, Listener as _, Network as _, SocketOptions};
use crate::note;
use crate::parameter::{ByteSize, ms, secs};
use crate::sim::world::WorldError;
use crate::sim::{Engine, Machine, SimListener, SimNet, SimStream, Sysctls, World};
use crate::trace::{Packet, Packets, Trace, Value};

/// The two machines. They share one host of the engine, so that arrivals are exact whatever its tick.
pub(super) const A: &str = "host-1";
pub(super) const B: &str = "host-2";
/// The shortest way of a packet. A round trip of zero took 0.1 to 0.7 ms on the bench.
const SHORTEST: Duration = Duration::from_micros(150);
const PORT: u16 = 7000;
const SERVER: &str = "host-2:7000";
/// Between two exchanges of the warm-up in the first table, as measured (20 exchanges kept the connection busy for 416 ms).
const PAUSE: Duration = ms(20);
/// From the last exchange of the warm-up to the event.
pub(super) const SETTLE: Duration = ms(300);

/// The bench, before the run.
pub(super) struct Bench {
    pub world: World,
    pub a: Machine,
    pub b: Machine,
    pub warm_up: WarmUp,
}

/// What the applications of the bench note.
const NOTES: [&str; 16] = [
    "accepted",
    "answered",
    "blocked",
    "both arrived",
    "bound again",
    "echoed",
    "end of stream",
    "failed",
    "is connected",
    "looked",
    "message read",
    "outcome",
    "received",
    "taken",
    "two bytes written",
    "written",
];

/// How a bench is set up. The default is that of the second table: a round trip of 60 ms, 20 exchanges, Linux's settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub rtt: Duration,
    /// Echoes of one byte before the event.
    pub exchanges: u32,
    /// From one echo to the next. In the second table it was not written down, but was longer than the 40 ms within which a
    /// write counts as an answer: whatever the client read after its echoes it acknowledged at once (`acks`, `closes`).
    pub pause: Duration,
    /// From the last of them to the event.
    pub settle: Duration,
    pub sysctls: Sysctls,
    pub seed: u64,
}

impl Default for Setting {
    fn default() -> Self {
        let (pause, sysctls) = (ms(50), Sysctls::default());
        Self { rtt: ms(60), exchanges: 20, pause, settle: SETTLE, sysctls, seed: 0 }
    }
}

/// How the connection was used before the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct WarmUp {
    exchanges: u32,
    begins: Duration,
    rtt: Duration,
    pause: Duration,
    /// When the event happens.
    pub t0: Duration,
}

impl Bench {
    /// A bench with the round trip and the sysctls of a measured run.
    pub fn of(run: Measured, exchanges: u32) -> Self {
        Self::new(run, rtt(run), exchanges, SETTLE)
    }

    /// A bench with another round trip than the run's `rtt_ms`, and another pause before the event.
    pub fn new(run: Measured, rtt: Duration, exchanges: u32, settle: Duration) -> Self {
        Self::set(Setting { rtt, exchanges, pause: PAUSE, settle, sysctls: sysctls(run), seed: 0 })
    }

    /// A bench set up like this.
    pub fn set(setting: Setting) -> Self {
        let Setting { rtt, exchanges, pause, settle, sysctls, seed } = setting;
        let mut world = World::new(seed, Engine::default(), sysctls, None);
        world.notes(NOTES);
        let rtt = rtt.max(SHORTEST * 2);
        world.links().one_way(rtt / 2);
        world.tick(ms(100));
        let mut machines = world.crowd("host", 2);
        let b = machines.pop().expect("a crowd of two");
        let a = machines.pop().expect("a crowd of two");
        let begins = secs(1) + rtt * 2;
        let takes = (rtt + pause) * exchanges;
        let warm_up = WarmUp {
            exchanges,
            begins,
            rtt,
            pause,
            t0: (begins + takes).saturating_sub(pause * exchanges.min(1)) + settle,
        };
        Self { world, a, b, warm_up }
    }

    /// `b` accepts, answers the warm-up, reads until the connection is over, and closes it.
    pub fn b_reads(&self) {
        self.b_reads_into(None);
    }

    /// The same, with a receive buffer of so many bytes (`SO_RCVBUF`).
    pub fn b_reads_into(&self, receive_buffer: Option<ByteSize>) {
        let warm_up = self.warm_up;
        let accepted = SocketOptions { receive_buffer, ..SocketOptions::default() };
        let options = ListenOptions { accepted, ..ListenOptions::default() };
        self.b.does(async move |net| {
            let (_listener, mut stream) = warm_up.accepted(&net, &options).await?;
            listen_to(&mut stream).await;
            Ok(())
        });
    }

    /// `b` accepts, answers the warm-up, and sends back whatever it reads until the connection is over.
    pub fn b_echoes(&self) {
        let warm_up = self.warm_up;
        self.b.does(async move |net| {
            let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = stream.read(&mut buffer).await?;
                if n == 0 {
                    return Ok(());
                }
                note!(bytes = n, "received");
                stream.write_all(&buffer[..n]).await?;
            }
        });
    }

    /// Runs until so many seconds after the event.
    pub fn run(self, until: f64) -> Result<View, WorldError> {
        let t0 = self.warm_up.t0;
        let trace = self.world.run(t0 + Duration::from_secs_f64(until))?;
        Ok(View { trace, t0, until })
    }
}

fn rtt(run: Measured) -> Duration {
    Duration::from_secs_f64(run.get("rtt_ms").number() / 1000.0)
}

/// The kernel's settings: Linux's defaults, and what the run changed.
fn sysctls(run: Measured) -> Sysctls {
    let mut out = Sysctls::default();
    for setting in run.get("sysctls").items() {
        let text = setting.text();
        let (name, value) = text.split_once('=').unwrap_or_default();
        let n: u32 = value.parse().unwrap_or_default();
        match name.trim_start_matches("net.ipv4.tcp_") {
            "early_retrans" => out.tail_loss_probe = n > 0,
            "retries2" => out.retries2 = n,
            "syn_retries" => out.syn_retries = n,
            "syn_linear_timeouts" => out.syn_linear_timeouts = n,
            other => panic!("a measurement changed `{other}`, which the bench does not know"),
        }
    }
    out
}

impl WarmUp {
    /// `a`'s connection, warmed up, at the time of the event.
    pub async fn connected(self, net: &SimNet, options: &SocketOptions) -> io::Result<SimStream> {
        let mut stream = net.connect(SERVER, options).await?;
        for i in 0..self.exchanges {
            net.until(self.begins + (self.rtt + self.pause) * i).await;
            stream.write_u8(0).await?;
            stream.read_u8().await?;
        }
        net.until(self.t0).await;
        Ok(stream)
    }

    /// `b`'s end of it, and its listener, after it has answered the warm-up.
    pub async fn accepted(
        self,
        net: &SimNet,
        options: &ListenOptions,
    ) -> io::Result<(SimListener, SimStream)> {
        let mut listener = net.listen(PORT, options).await?;
        let (mut stream, _) = listener.accept().await?;
        for _ in 0..self.exchanges {
            let byte = stream.read_u8().await?;
            stream.write_u8(byte).await?;
        }
        Ok((listener, stream))
    }

    /// Waits until so many seconds after the event.
    pub async fn until(self, net: &SimNet, seconds: f64) {
        net.until(self.t0 + Duration::from_secs_f64(seconds)).await;
    }
}

/// `connect(2)` to `b`, once more.
pub(super) async fn connect(net: &SimNet) -> io::Result<SimStream> {
    connect_with(net, &SocketOptions::default()).await
}

/// The same with these options.
pub(super) async fn connect_with(net: &SimNet, options: &SocketOptions) -> io::Result<SimStream> {
    net.connect(SERVER, options).await
}

/// `listen(2)` on the port again.
pub(super) async fn listen(net: &SimNet, reuse_address: bool) -> io::Result<SimListener> {
    let options = ListenOptions { reuse_address, ..ListenOptions::default() };
    net.listen(PORT, &options).await
}

/// What a call came to: its number, or the name of its error.
pub(super) fn outcome<T: ToString>(result: &io::Result<T>) -> String {
    match result {
        Ok(n) => n.to_string(),
        Err(e) => errno(e).to_owned(),
    }
}

/// The name of an error in `errno(3)`.
pub(super) fn errno(error: &io::Error) -> &'static str {
    use io::ErrorKind as K;
    match error.kind() {
        K::TimedOut => "ETIMEDOUT",
        K::ConnectionReset => "ECONNRESET",
        K::ConnectionRefused => "ECONNREFUSED",
        K::ConnectionAborted => "ECONNABORTED",
        K::BrokenPipe => "EPIPE",
        K::AddrInUse => "EADDRINUSE",
        K::AddrNotAvailable => "EADDRNOTAVAIL",
        K::NetworkUnreachable => "ENETUNREACH",
        K::HostUnreachable => "EHOSTUNREACH",
        K::NotConnected => "ENOTCONN",
        _ => "EIO",
    }
}

/// Reads until the connection is over; says what comes and how it ends.
pub(super) async fn listen_to(stream: &mut SimStream) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return note!("end of stream"),
            Ok(n) => note!(bytes = n, "received"),
            Err(e) => return note!(error = errno(&e), "failed"),
        }
    }
}

/// A write that is given up when it cannot be done for so long. Unlike `timeout`, which would try it once more at the end,
/// this waits as `poll(2)` does: there may be room for some bytes long before the socket counts as writable.
pub(super) async fn write_within(
    stream: &mut SimStream,
    data: &[u8],
    patience: Duration,
) -> Option<io::Result<usize>> {
    tokio::select! {
        biased;
        () = tokio::time::sleep(patience) => None,
        taken = stream.write(data) => Some(taken),
    }
}

/// Notes the outcome of a call that counts.
pub(super) fn noted<T: ToString>(result: &io::Result<T>) {
    note!(what = outcome(result), "outcome");
}

/// A run, seen from the event on.
pub(super) struct View {
    pub trace: Trace,
    pub t0: Duration,
    pub until: f64,
}

impl View {
    /// Seconds since the event.
    pub fn since(&self, at: Duration) -> f64 {
        at.as_secs_f64() - self.t0.as_secs_f64()
    }

    /// When the application of a machine found its connection failed, and how.
    pub fn failure(&self, host: &str) -> Option<(f64, String)> {
        let failed = self.trace.first("failed").on(host).after(self.t0);
        let error = failed.value("error")?.to_string();
        Some((failed.seconds_since(self.t0)?, error))
    }

    /// When a machine's application first noted something from the event on; infinite: never.
    pub fn noted(&self, host: &str, name: &str) -> f64 {
        let noted = self.trace.first(name).on(host).after(self.t0);
        noted.seconds_since(self.t0).unwrap_or(f64::INFINITY)
    }

    /// When a machine's application noted something, each time from the event on.
    pub fn times_of(&self, host: &str, name: &str) -> Vec<f64> {
        let noted = self.trace.all(name).on(host).after(self.t0).times();
        noted.iter().map(|at| self.since(*at)).collect()
    }

    /// When a machine's application had read that many bytes since the event; infinite: never.
    pub fn has_read(&self, host: &str, bytes: usize) -> f64 {
        let received = self.trace.all("received").on(host).after(self.t0).events();
        let mut sum = 0.0;
        let whole = received.into_iter().find(|e| {
            if let Some(Value::Integer(n)) = e.field("bytes") {
                sum += *n as f64;
            }
            sum >= bytes as f64
        });
        whole.map_or(f64::INFINITY, |e| self.since(e.at))
    }

    /// The outcomes that the applications of both machines noted, in order.
    pub fn all_outcomes(&self) -> Vec<String> {
        let noted = self.trace.all("outcome").events();
        noted.iter().filter_map(|e| e.field("what")).map(ToString::to_string).collect()
    }

    /// The outcomes that a machine's application noted, in order.
    pub fn outcomes(&self, host: &str) -> Vec<String> {
        let noted = self.trace.all("outcome").on(host).events();
        let what = noted.iter().filter_map(|e| e.field("what"));
        what.map(ToString::to_string).collect()
    }

    /// What a machine put on the wire from the event on.
    pub fn sent(&self, host: &str) -> Packets<'_> {
        self.trace.packets_from(host).after(self.t0)
    }

    /// When packets were sent, in seconds since the event.
    pub fn times(&self, packets: &Packets<'_>) -> Vec<f64> {
        packets.times().iter().map(|at| self.since(*at)).collect()
    }

    /// What a machine put on the wire from the event on: when, and which kind.
    pub fn packets(&self, host: &str) -> Vec<(f64, String)> {
        let sent = self.sent(host);
        self.kinds(&sent)
    }

    /// When packets were sent, in seconds since the event, and which kind they are.
    pub fn kinds(&self, packets: &Packets<'_>) -> Vec<(f64, String)> {
        let packets = packets.packets().iter();
        packets.map(|p| (self.since(p.sent), kind(p).to_owned())).collect()
    }
}

/// The kind of a packet. A probe is an acknowledgement by its content: Linux's has no data, others' has one byte that the
/// receiver already has, or has no room for (RFC 9293 sections 3.8.4 and 3.8.6.1 allow both).
fn kind(packet: &Packet) -> &'static str {
    let Some(segment) = packet.transport.segment() else {
        return "?";
    };
    let flags = segment.flags;
    match (flags.rst, flags.syn, flags.fin) {
        (true, ..) => "RST",
        (_, true, _) if flags.ack => "SYN-ACK",
        (_, true, _) => "SYN",
        (.., true) => "FIN",
        _ if segment.data.is_empty() || packet.marks.keepalive || packet.marks.window_probe => "ACK",
        _ => "data",
    }
}
