//! A trace as JSON, for programs. Times are integer microseconds of virtual time since the start of the run.
//!
//! Nothing is put together before it is written: an event or a packet at a time goes into the serialiser, so that a run
//! of millions of events takes no more memory to be written than it takes itself.

use std::borrow::Cow;
use std::iter::Peekable;
use std::slice;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::conversation::{Conversations, View};
use super::{Event, Fate, Packet, Recording, Trace, Value};

/// The events, in order: `{t_us, host, layer, event, ...fields}`; `host` is null for the world. A field whose name is
/// taken has `_` behind it.
pub fn events(trace: &Trace) -> impl Serialize + '_ {
    Whole { trace, events: true, packets: false }
}

/// The packets, in order: `{t_us, layer: "tcp", event: "segment", host, to, src, dst, flags, seq, ack, len, window,
/// ...marks, arrived_us}`.
///
/// `host` sent it to `to` (null when no machine has the address). `flags` as `SYN,ACK`; `seq` and `ack` are relative
/// (`ack` is null without the flag), `len` counts bytes of data, `window` is in bytes, `says` is the message if it can
/// be told. Marks are there when they are true: `retransmission`, `keepalive`, `window_probe`, `duplicate`. In place of
/// `arrived_us` stand `lost` (the reason) and `lost_us`, or `under_way: true`. A UDP datagram has the layer `udp`, the
/// event `datagram`, and neither flags nor numbers. A router's word that a packet did not get through has the layer `icmp`, the
/// event `destination unreachable`, and in place of all that its `code`, and `quoted_src` and `quoted_dst` of the packet.
///
/// # Panics
/// If the run did not keep its packets.
pub fn packets(trace: &Trace) -> impl Serialize + '_ {
    trace.asks(Recording::Packets);
    Whole { trace, events: false, packets: true }
}

/// Events and, if asked for, packets in one array in order of time; at the same moment the events come first.
///
/// # Panics
/// If the run did not keep what is asked for.
pub fn trace(trace: &Trace, with_packets: bool) -> impl Serialize + '_ {
    trace.asks(if with_packets { Recording::Packets } else { Recording::Story });
    Whole { trace, events: true, packets: with_packets }
}

struct Whole<'a> {
    trace: &'a Trace,
    events: bool,
    packets: bool,
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let trace = self.trace;
        let mut events = if self.events { trace.events.iter() } else { [].iter() };
        let mut packets: Peekable<slice::Iter<'_, Packet>> =
            if self.packets { trace.packets.iter() } else { [].iter() }.peekable();
        let mut conversations = Conversations::default();
        let mut out = serializer.serialize_seq(Some(events.len() + packets.len()))?;
        loop {
            let event = events.next();
            let until = event.map_or(Duration::MAX, |event| event.at);
            while let Some(packet) = packets.next_if(|packet| event.is_none() || packet.sent < until) {
                out.serialize_element(&PacketJson { trace, packet, view: conversations.view(packet) })?;
            }
            match event {
                Some(event) => out.serialize_element(&EventJson { trace, event })?,
                None => return out.end(),
            }
        }
    }
}

fn micros(at: Duration) -> u64 {
    // 2^64 microseconds are half a million years.
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

struct EventJson<'a> {
    trace: &'a Trace,
    event: &'a Event,
}

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { trace, event } = self;
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("t_us", &micros(event.at))?;
        out.serialize_entry("host", &event.host.map(|h| trace.host_name(h)))?;
        out.serialize_entry("layer", event.layer.name())?;
        out.serialize_entry("event", event.name)?;
        let mut taken: Vec<Cow<'static, str>> = ["t_us", "host", "layer", "event"].map(Cow::Borrowed).into();
        for (name, value) in &event.fields {
            let mut name = Cow::Borrowed(*name);
            while taken.contains(&name) {
                name.to_mut().push('_');
            }
            out.serialize_entry(&name, value)?;
            taken.push(name);
        }
        out.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Integer(v) => serializer.serialize_i64(*v),
            // What JSON has no number for becomes null.
            Value::Float(v) => serializer.serialize_f64(*v),
            Value::Bool(v) => serializer.serialize_bool(*v),
            Value::Text(v) => serializer.serialize_str(v),
        }
    }
}

struct PacketJson<'a> {
    trace: &'a Trace,
    packet: &'a Packet,
    view: Option<View<'a>>,
}

impl Serialize for PacketJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { trace, packet, view } = self;
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("t_us", &micros(packet.sent))?;
        out.serialize_entry("host", trace.host_name(packet.from))?;
        let to = packet.to.map(|h| trace.host_name(h));
        match (view, packet.transport.unreachable()) {
            (Some(view), _) => {
                out.serialize_entry("layer", "tcp")?;
                out.serialize_entry("event", "segment")?;
                out.serialize_entry("to", &to)?;
                out.serialize_entry("src", &view.segment.src)?;
                out.serialize_entry("dst", &view.segment.dst)?;
                out.serialize_entry("flags", &view.segment.flags.to_string())?;
                out.serialize_entry("seq", &view.seq)?;
                out.serialize_entry("ack", &view.ack)?;
                out.serialize_entry("len", &view.segment.data.len())?;
                out.serialize_entry("window", &view.window)?;
            }
            (None, Some(said)) => {
                out.serialize_entry("layer", "icmp")?;
                out.serialize_entry("event", "destination unreachable")?;
                out.serialize_entry("to", &to)?;
                out.serialize_entry("code", &said.code.to_string())?;
                out.serialize_entry("quoted_src", &said.quoted.src)?;
                out.serialize_entry("quoted_dst", &said.quoted.dst)?;
            }
            (None, None) => {
                out.serialize_entry("layer", "udp")?;
                out.serialize_entry("event", "datagram")?;
                out.serialize_entry("to", &to)?;
                out.serialize_entry("src", &packet.transport.src())?;
                out.serialize_entry("dst", &packet.transport.dst())?;
                out.serialize_entry("len", &packet.transport.data().len())?;
            }
        }
        if let Some(message) = view.as_ref().and_then(|v| v.message.as_deref()) {
            out.serialize_entry("says", message)?;
        }
        for mark in packet.marks.names() {
            out.serialize_entry(&mark.replace(' ', "_"), &true)?;
        }
        match packet.fate {
            Fate::Arrived(at) => out.serialize_entry("arrived_us", &micros(at))?,
            Fate::Died(at, why) => {
                out.serialize_entry("lost", why)?;
                out.serialize_entry("lost_us", &micros(at))?;
            }
            Fate::UnderWay => out.serialize_entry("under_way", &true)?,
        }
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Layer;
    use serde_json::Value as Json;

    use crate::trace::testing::{Tcp, TraceBuilder, a_day_in_the_life};

    fn text(json: impl Serialize) -> String {
        serde_json::to_string(&json).unwrap()
    }

    fn tree(json: impl Serialize) -> Json {
        serde_json::to_value(&json).unwrap()
    }

    #[test]
    fn an_event_is_an_object_with_its_fields_in_order() {
        let mut b = TraceBuilder::new(&["phone"]);
        b.event(1500, "phone", Layer::App, "update received", &[("n", 4.into()), ("late_s", 0.5.into())])
            .event(1501, "", Layer::Fault, "partition", &[("host", "phone".into()), ("both", true.into())]);
        assert_eq!(
            text(events(&b.build())),
            r#"[{"t_us":1500000,"host":"phone","layer":"app","event":"update received","n":4,"late_s":0.5},{"t_us":1501000,"host":null,"layer":"fault","event":"partition","host_":"phone","both":true}]"#
        );
    }

    #[test]
    fn a_segment_is_an_object_with_relative_numbers_and_its_fate() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        b.packet(0, "phone", "server", Tcp::new(49152, 80).syn().seq(77))
            .packet(1, "phone", "server", Tcp::new(49152, 80).seq(78).ack(5).data(b"GET / HTTP/1.1\r\n"))
            .last(|p| (p.marks.retransmission, p.marks.window_probe) = (true, true))
            .lost("loss");
        let json = tree(packets(&b.build()));
        assert_eq!(
            json[0].to_string(),
            r#"{"t_us":0,"host":"phone","layer":"tcp","event":"segment","to":"server","src":"10.0.0.1:49152","dst":"10.0.0.2:80","flags":"SYN","seq":0,"ack":null,"len":0,"window":502,"arrived_us":20000}"#
        );
        assert_eq!(
            json[1].to_string(),
            r#"{"t_us":1000,"host":"phone","layer":"tcp","event":"segment","to":"server","src":"10.0.0.1:49152","dst":"10.0.0.2:80","flags":"PSH,ACK","seq":1,"ack":1,"len":16,"window":502,"says":"GET /","retransmission":true,"window_probe":true,"lost":"loss","lost_us":1000}"#
        );
    }

    #[test]
    fn a_datagram_is_an_object_without_numbers() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        let trace = b.datagram(0, "phone", "server", b"query").build();
        let json = tree(packets(&trace));
        assert_eq!(
            json[0].to_string(),
            r#"{"t_us":0,"host":"phone","layer":"udp","event":"datagram","to":"server","src":"10.0.0.1:5000","dst":"10.0.0.2:53","len":5,"arrived_us":20000}"#
        );
    }

    #[test]
    fn what_a_router_says_is_an_object_about_another_packet() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        let trace = b.turned_away(0, "server", "phone", Tcp::new(49152, 80).syn()).build();
        let json = tree(packets(&trace));
        assert_eq!(
            json[0].to_string(),
            r#"{"t_us":0,"host":"server","layer":"icmp","event":"destination unreachable","to":"phone","code":"host unreachable","quoted_src":"10.0.0.1:49152","quoted_dst":"10.0.0.2:80","arrived_us":20000}"#
        );
    }

    #[test]
    fn events_and_packets_merge_in_order_and_nothing_is_lost() {
        let t = a_day_in_the_life();
        assert_eq!(text(trace(&t, false)), text(events(&t)));
        let both = tree(trace(&t, true));
        let both = both.as_array().unwrap();
        assert_eq!(both.len(), t.events.len() + t.packets.len());
        let order = |j: &Json| (j["t_us"].as_u64().unwrap(), j["event"] == "segment");
        assert!(both.windows(2).all(|w| order(&w[0]) <= order(&w[1])));
    }
}
