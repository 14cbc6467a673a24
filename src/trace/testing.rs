//! Small traces made by hand, for the tests of this room.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::{Counters, Event, Fate, HostId, Layer, Packet, Span, Trace, Value};
pub(crate) use crate::packet::testing::Tcp;
use crate::packet::{Code, Datagram, Marks, Transport, Unreachable};

/// The latency of every packet that [`TraceBuilder::packet`] lets arrive.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

pub(crate) fn at_ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Builds a trace; times are milliseconds.
pub(crate) struct TraceBuilder(Trace);

impl TraceBuilder {
    pub(crate) fn new(hosts: &[&str]) -> Self {
        Self(Trace { hosts: hosts.iter().map(|h| (*h).to_owned()).collect(), ..Trace::default() })
    }

    fn host(&self, name: &str) -> HostId {
        let at = self.0.hosts.iter().position(|h| h == name).expect("a host of the trace");
        HostId(u32::try_from(at).unwrap())
    }

    /// An event; host `""` is the world.
    pub(crate) fn event(
        &mut self,
        ms: u64,
        host: &str,
        layer: Layer,
        name: &'static str,
        fields: &[(&'static str, Value)],
    ) -> &mut Self {
        let host = (!host.is_empty()).then(|| self.host(host));
        self.0.events.push(Event { at: at_ms(ms), host, layer, name, fields: fields.into() });
        self
    }

    /// A packet that arrives after [`LATENCY`]; change it with [`Self::last`].
    pub(crate) fn packet(&mut self, ms: u64, from: &str, to: &str, tcp: Tcp) -> &mut Self {
        self.sent(ms, from, to, tcp.segment().into())
    }

    /// A UDP datagram between 10.0.0.1 and 10.0.0.2, from port 5000 to port 53; else as [`Self::packet`].
    pub(crate) fn datagram(&mut self, ms: u64, from: &str, to: &str, data: &[u8]) -> &mut Self {
        let end = |last, port| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), port);
        let datagram = Datagram { src: end(1, 5000), dst: end(2, 53), data: data.to_vec().into() };
        self.sent(ms, from, to, datagram.into())
    }

    /// What the router before `from` says of a segment that was for it; else as [`Self::packet`].
    pub(crate) fn turned_away(&mut self, ms: u64, from: &str, to: &str, tcp: Tcp) -> &mut Self {
        let segment = tcp.segment();
        let by = *segment.dst.ip();
        let said = Unreachable::about(&segment.into(), by, Code::HOST).expect("of a segment");
        self.sent(ms, from, to, said.into())
    }

    fn sent(&mut self, ms: u64, from: &str, to: &str, transport: Transport) -> &mut Self {
        let (from, to) = (self.host(from), Some(self.host(to)));
        self.0.packets.push(Packet {
            sent: at_ms(ms),
            from,
            to,
            transport,
            marks: Marks::default(),
            fate: Fate::Arrived(at_ms(ms) + LATENCY),
        });
        self
    }

    /// Changes the packet added last.
    pub(crate) fn last(&mut self, change: impl FnOnce(&mut Packet)) -> &mut Self {
        change(self.0.packets.last_mut().expect("a packet was added"));
        self
    }

    /// The packet added last died at once.
    pub(crate) fn lost(&mut self, why: &'static str) -> &mut Self {
        self.last(|p| p.fate = Fate::Died(p.sent, why))
    }

    pub(crate) fn span(
        &mut self,
        from_ms: u64,
        until_ms: u64,
        hosts: &[&str],
        what: &'static str,
    ) -> &mut Self {
        let hosts = hosts.iter().map(|h| self.host(h)).collect();
        self.0.spans.push(Span {
            from: at_ms(from_ms),
            until: Some(at_ms(until_ms)),
            hosts,
            one_way: false,
            what,
        });
        self
    }

    pub(crate) fn ended(&mut self, ms: u64) -> &mut Self {
        self.0.ended = at_ms(ms);
        self
    }

    /// The trace, in order.
    pub(crate) fn build(&self) -> Trace {
        let mut trace = self.0.clone();
        trace.events.sort_by_key(|e| e.at);
        trace.packets.sort_by_key(|p| p.sent);
        trace.counters = Counters::counted(&trace.events, &trace.packets);
        let last = trace.events.iter().map(|e| e.at).chain(trace.packets.iter().map(|p| p.sent)).max();
        trace.ended = trace.ended.max(last.unwrap_or_default());
        trace
    }
}

/// A phone and a server: connect, upgrade, an update, a partition with retransmissions, recovery, a stall with
/// keepalives, a verdict, and a goodbye.
pub(crate) fn a_day_in_the_life() -> Trace {
    let (c, s) = (49152, 80);
    let syn_options: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 7];
    let up = |data: &[u8], seq: u32, ack: u32| Tcp::new(c, s).seq(1000 + seq).ack(5000 + ack).data(data);
    let down = |data: &[u8], seq: u32, ack: u32| Tcp::new(s, c).seq(5000 + seq).ack(1000 + ack).data(data);
    let up_ack = |seq: u32, ack: u32| Tcp::new(c, s).seq(1000 + seq).ack(5000 + ack);
    let down_ack = |seq: u32, ack: u32| Tcp::new(s, c).seq(5000 + seq).ack(1000 + ack);
    let text = |n: u8| [0x81, 9, b'u', b'p', b'd', b'a', b't', b'e', b' ', b'#', b'0' + n];
    let request = b"GET /feed HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let mut b = TraceBuilder::new(&["phone", "server"]);
    b.event(0, "server", Layer::Tcp, "listening", &[("port", 80u64.into())])
        .event(0, "phone", Layer::Tcp, "connecting", &[("to", "server:80".into())])
        .packet(0, "phone", "server", Tcp::new(c, s).syn().seq(1000).window(64240).options(syn_options))
        .packet(
            20,
            "server",
            "phone",
            Tcp::new(s, c).syn().seq(5000).ack(1001).window(65160).options(syn_options),
        )
        .event(40, "phone", Layer::Tcp, "connected", &[("in_ms", 40u64.into())])
        .packet(40, "phone", "server", up_ack(1, 1))
        .packet(40, "phone", "server", up(request, 1, 1))
        .event(60, "server", Layer::Tcp, "connection accepted", &[("from", "10.0.0.1:49152".into())])
        .event(60, "server", Layer::Http, "request", &[("method", "GET".into()), ("path", "/feed".into())])
        .packet(60, "server", "phone", down(response, 1, 43))
        .event(80, "phone", Layer::Ws, "open", &[])
        .packet(80, "phone", "server", up_ack(43, 57));
    for n in 0..3u64 {
        let t = 1000 + n * 1000;
        let seq = 57 + 11 * u32::try_from(n).unwrap();
        b.event(t, "server", Layer::App, "update sent", &[("n", (n + 1).into())])
            .packet(t, "server", "phone", down(&text(n as u8 + 1), seq, 43))
            .event(t + 20, "phone", Layer::App, "update received", &[("n", (n + 1).into())])
            .packet(t + 20, "phone", "server", up_ack(43, seq + 11));
    }
    b.event(3500, "", Layer::Fault, "partition", &[("between", "phone and server".into())])
        .span(3500, 9000, &["phone", "server"], "partition")
        .event(4000, "server", Layer::App, "update sent", &[("n", 4u64.into())]);
    for (n, t) in [4000u64, 4240, 4720, 5680, 7600].into_iter().enumerate() {
        b.packet(t, "server", "phone", down(&text(4), 90, 43))
            .last(|p| p.marks.retransmission = n > 0)
            .lost("partition");
    }
    b.event(9000, "", Layer::Fault, "healed", &[("between", "phone and server".into())])
        .packet(11440, "server", "phone", down(&text(4), 90, 43))
        .last(|p| p.marks.retransmission = true)
        .event(11460, "phone", Layer::App, "update received", &[("n", 4u64.into()), ("late_s", 7.46.into())])
        .packet(11460, "phone", "server", up_ack(43, 101))
        .event(20_000, "server", Layer::Fault, "stall", &[])
        .span(20_000, 600_000, &["server"], "stall");
    for n in 0..8u64 {
        let t = 71_460 + 60_000 * n;
        b.packet(t, "phone", "server", up_ack(42, 101)).last(|p| p.marks.keepalive = true).packet(
            t + 20,
            "server",
            "phone",
            down_ack(101, 43),
        );
    }
    b.event(
        500_000,
        "phone",
        Layer::App,
        "peer declared dead",
        &[("by", "heartbeat".into()), ("silent_s", 488.5.into())],
    )
    .event(
        500_000,
        "phone",
        Layer::Ws,
        "closing",
        &[("code", 1001u64.into()), ("reason", "going away".into())],
    )
    .packet(500_000, "phone", "server", up(&[0x88, 0x82, 1, 1, 1, 1, 2, 0xe8], 43, 101).fin())
    .packet(500_020, "server", "phone", down_ack(101, 52))
    .event(600_000, "server", Layer::Fault, "resumed", &[])
    .ended(610_000);
    b.build()
}

/// An hour of pings, one a second, and nothing else after the connection is open.
pub(crate) fn an_hour_of_pings() -> Trace {
    let (c, s) = (49152, 80);
    let mut b = TraceBuilder::new(&["phone", "server"]);
    b.event(0, "phone", Layer::Tcp, "connected", &[]);
    for n in 1..=3600u32 {
        let t = u64::from(n) * 1000;
        b.event(t, "phone", Layer::Ws, "ping sent", &[("n", u64::from(n).into())])
            .packet(t, "phone", "server", Tcp::new(c, s).seq(2 * n).ack(2 * n).data(&[0x89, 0]))
            .packet(t + 20, "server", "phone", Tcp::new(s, c).seq(2 * n).ack(2 * n + 2).data(&[0x8a, 0]))
            .event(t + 40, "phone", Layer::Ws, "pong received", &[("n", u64::from(n).into())]);
    }
    b.build()
}
