//! A trace as JSON, for programs. Times are integer microseconds of virtual time since the start of the run.

use serde_json::{Map, Value as Json, json};

use super::conversation::{View, views};
use super::{Event, Fate, Packet, Trace, Transport, Value};
use std::time::Duration;

/// The events, in order: `{t_us, host, layer, event, ...fields}`; `host` is null for the world. A field whose name is
/// taken has `_` behind it.
pub fn events(trace: &Trace) -> Json {
    trace.events.iter().map(|e| event(trace, e)).collect()
}

/// The packets, in order: `{t_us, layer: "tcp", event: "segment", host, to, src, dst, flags, seq, ack, len, window,
/// ...marks, arrived_us}`.
///
/// `host` sent it to `to` (null when no machine has the address). `flags` as `SYN,ACK`; `seq` and `ack` are relative
/// (`ack` is null without the flag), `len` counts bytes of data, `window` is in bytes, `says` is the message if it can
/// be told. Marks are there when they are true: `retransmission`, `keepalive`, `window_probe`, `duplicate`. In place of
/// `arrived_us` stand `lost` (the reason) and `lost_us`, or `under_way: true`. A UDP datagram has the layer `udp`, the
/// event `datagram`, and neither flags nor numbers. A packet that is neither has the layer `link`, the event `packet`,
/// and the length of the whole packet.
pub fn packets(trace: &Trace) -> Json {
    trace.packets.iter().zip(&views(trace)).map(|(p, v)| packet(trace, p, v.as_ref())).collect()
}

/// Events and, if asked for, packets in one array in order of time; at the same moment the events come first.
pub fn trace(trace: &Trace, with_packets: bool) -> Json {
    if !with_packets {
        return events(trace);
    }
    let views = views(trace);
    let mut all: Vec<(Duration, Json)> = trace.events.iter().map(|e| (e.at, event(trace, e))).collect();
    all.extend(trace.packets.iter().zip(&views).map(|(p, v)| (p.sent, packet(trace, p, v.as_ref()))));
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, json)| json).collect()
}

fn micros(at: Duration) -> Json {
    // 2^64 microseconds are half a million years.
    Json::from(u64::try_from(at.as_micros()).unwrap_or(u64::MAX))
}

fn event(trace: &Trace, event: &Event) -> Json {
    let mut out = Map::new();
    out.insert("t_us".into(), micros(event.at));
    out.insert("host".into(), event.host.map_or(Json::Null, |h| trace.host_name(h).into()));
    out.insert("layer".into(), event.layer.name().into());
    out.insert("event".into(), event.name.into());
    for (name, value) in &event.fields {
        let mut name = (*name).to_owned();
        while out.contains_key(&name) {
            name.push('_');
        }
        out.insert(name, value_json(value));
    }
    Json::Object(out)
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::Integer(v) => (*v).into(),
        // What JSON has no number for becomes null.
        Value::Float(v) => (*v).into(),
        Value::Bool(v) => (*v).into(),
        Value::Text(v) => v.as_str().into(),
    }
}

fn packet(trace: &Trace, packet: &Packet, view: Option<&View<'_>>) -> Json {
    let host = trace.host_name(packet.from);
    let to = packet.to.map(|h| trace.host_name(h));
    let mut out = match (view, packet.read()) {
        (Some(view), _) => json!({
            "t_us": micros(packet.sent), "host": host, "layer": "tcp", "event": "segment", "to": to,
            "src": view.segment.src.to_string(), "dst": view.segment.dst.to_string(),
            "flags": view.segment.flags.to_string(),
            "seq": view.seq, "ack": view.ack, "len": view.segment.data.len(), "window": view.window,
        }),
        (None, Ok(Transport::Udp(datagram))) => json!({
            "t_us": micros(packet.sent), "host": host, "layer": "udp", "event": "datagram", "to": to,
            "src": datagram.src.to_string(), "dst": datagram.dst.to_string(), "len": datagram.data.len(),
        }),
        _ => json!({
            "t_us": micros(packet.sent), "host": host, "layer": "link", "event": "packet", "to": to,
            "len": packet.bytes.len(),
        }),
    };
    if let Some(message) = view.and_then(|v| v.message.as_deref()) {
        out["says"] = message.into();
    }
    for mark in packet.marks.names() {
        out[mark.replace(' ', "_")] = true.into();
    }
    match packet.fate {
        Fate::Arrived(at) => out["arrived_us"] = micros(at),
        Fate::Died(at, why) => {
            out["lost"] = why.into();
            out["lost_us"] = micros(at);
        }
        Fate::UnderWay => out["under_way"] = true.into(),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Layer;
    use crate::trace::testing::{Tcp, TraceBuilder, a_day_in_the_life};

    #[test]
    fn an_event_is_an_object_with_its_fields_in_order() {
        let mut b = TraceBuilder::new(&["phone"]);
        b.event(1500, "phone", Layer::App, "update received", &[("n", 4.into()), ("late_s", 0.5.into())])
            .event(1501, "", Layer::Fault, "partition", &[("host", "phone".into()), ("both", true.into())]);
        assert_eq!(
            events(&b.build()).to_string(),
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
        let json = packets(&b.build());
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
        let json = packets(&b.datagram(0, "phone", "server", b"query").build());
        assert_eq!(
            json[0].to_string(),
            r#"{"t_us":0,"host":"phone","layer":"udp","event":"datagram","to":"server","src":"10.0.0.1:5000","dst":"10.0.0.2:53","len":5,"arrived_us":20000}"#
        );
    }

    #[test]
    fn events_and_packets_merge_in_order_and_nothing_is_lost() {
        let t = a_day_in_the_life();
        assert_eq!(trace(&t, false), events(&t));
        let both = trace(&t, true);
        let both = both.as_array().unwrap();
        assert_eq!(both.len(), t.events.len() + t.packets.len());
        let order = |j: &Json| (j["t_us"].as_u64().unwrap(), j["event"] == "segment");
        assert!(both.windows(2).all(|w| order(&w[0]) <= order(&w[1])));
    }
}
