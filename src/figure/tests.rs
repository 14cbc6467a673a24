//! What a figure promises, read back from its SVG.

use std::collections::BTreeSet;

use proptest::prelude::*;
use roxmltree::{Document, Node};

use super::*;
use crate::packet::testing::datagram;
use crate::packet::{Marks, Transport};
use crate::trace::testing::{Tcp, TraceBuilder, a_day_in_the_life, an_hour_of_pings, at_ms};
use crate::trace::{Event, Fate, HostId, Packet, Span};

fn drawn(trace: &Trace) -> String {
    figure(trace, &Options::default())
}

fn count(svg: &str, class: &str) -> usize {
    let has = |n: &Node| n.attribute("class").is_some_and(|c| c.split(' ').any(|c| c == class));
    Document::parse(svg).unwrap().descendants().filter(has).count()
}

fn texts(svg: &str) -> Vec<String> {
    let doc = Document::parse(svg).unwrap();
    let texts = doc.descendants().filter(|n| n.has_tag_name("text"));
    texts.filter_map(|n| n.text().map(str::to_owned)).collect()
}

#[track_caller]
fn says(svg: &str, text: &str) {
    assert!(texts(svg).iter().any(|t| t == text), "no `{text}` in {:?}", texts(svg));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert_eq!(drawn(&a_day_in_the_life()), drawn(&a_day_in_the_life()));
}

/// Three hosts; the server does something about each of the two others, and the links of both break.
fn a_server_and_two_clients() -> Trace {
    let mut b = TraceBuilder::new(&["one", "two", "server"]);
    for (at, client) in [(10, "one"), (20, "two")] {
        let link = format!("{client} server");
        b.event(at, "", Layer::Fault, "partition begins", &[("link", link.as_str().into())]);
        let peer = format!("{client}:5000");
        b.event(
            at + 1,
            "server",
            Layer::Tcp,
            "reset sent",
            &[("peer", peer.as_str().into()), ("n", 7.into())],
        );
    }
    b.build()
}

#[test]
fn a_choice_of_hosts_leaves_out_what_they_have_to_do_with_others() {
    let chosen = Options { hosts: vec!["one".into(), "server".into()], ..Options::default() };
    let trace = a_server_and_two_clients();
    for name in ["partition begins", "reset sent"] {
        let told = |svg: &str| texts(svg).iter().filter(|t| *t == name).count();
        assert_eq!(told(&figure(&trace, &chosen)), 1, "{name}");
        assert_eq!(told(&drawn(&trace)), 2, "{name}");
    }
}

#[test]
fn between_two_lanes_nobody_says_who_the_other_is() {
    let chosen = Options { hosts: vec!["one".into(), "server".into()], ..Options::default() };
    let trace = a_server_and_two_clients();
    let two = figure(&trace, &chosen);
    says(&two, "n=7");
    assert!(two.contains("peer=one:5000"), "it is still said under the pointer");
    assert!(!texts(&two).iter().any(|t| t.contains("one:5000") || t.contains("link=")), "{:?}", texts(&two));
    let three = texts(&drawn(&trace));
    assert!(three.iter().any(|t| t.contains("peer=two")) && !three.iter().any(|t| t.contains("two:5000")));
}

#[test]
fn the_slope_of_an_arrow_is_its_latency() {
    let mut b = TraceBuilder::new(&["a", "b"]);
    for (n, flight) in [20, 20, 10, 40].into_iter().enumerate() {
        let at = 60 * n as u64;
        b.packet(at, "a", "b", Tcp::new(2, 1).ack(1).data(b"x"))
            .last(|p| p.fate = Fate::Arrived(at_ms(at + flight)));
    }
    let svg = drawn(&b.build());
    let doc = Document::parse(&svg).unwrap();
    let falls: Vec<f64> = doc
        .descendants()
        .filter(|n| n.attribute("class") == Some("ho-packet"))
        .map(|n| {
            let line = n.children().find(|c| c.attribute("class") == Some("ho-arrow")).unwrap();
            let numbers: Vec<f64> =
                line.attribute("d").unwrap().split(['M', ' ', 'L']).filter_map(|n| n.parse().ok()).collect();
            numbers[3] - numbers[1]
        })
        .collect();
    assert_eq!(falls, [28.0, 28.0, 14.0, 56.0]);
}

#[test]
fn a_lost_packet_ends_in_a_cross_and_a_marked_one_has_its_shape() {
    let svg = drawn(&a_day_in_the_life());
    // Five died, five were sent again, eight were probes; and the key shows each once.
    assert_eq!(count(&svg, "ho-cross"), 5 + 1);
    assert_eq!(count(&svg, "ho-again"), 5 + 1);
    assert_eq!(count(&svg, "ho-probe"), 8 + 1);
    for text in [
        "101 Switching Protocols",
        "SYN",
        "ACK + GET /feed",
        "ws text 9 B",
        "retransmission",
        "keepalive",
        "lost",
    ] {
        says(&svg, text);
    }
}

#[test]
fn a_silence_is_cut_and_says_how_long_it_was() {
    let svg = drawn(&a_day_in_the_life());
    says(&svg, "⋯ 960 ms");
    says(&svg, "⋯ 59.96 s");
    says(&svg, "⋯ 240 ms");
}

#[test]
fn faults_are_told_once_and_banded() {
    let svg = drawn(&a_day_in_the_life());
    assert_eq!(count(&svg, "ho-border"), 2);
    for fault in ["partition", "healed", "stall", "resumed"] {
        assert_eq!(texts(&svg).iter().filter(|t| *t == fault).count(), 1, "{fault}");
    }
    // Without events that announce them, the spans speak for themselves.
    let mut trace = a_day_in_the_life();
    trace.events.retain(|e| e.layer != Layer::Fault);
    let svg = drawn(&trace);
    for text in ["partition begins", "partition ends", "stall ends"] {
        says(&svg, text);
    }
}

#[test]
fn an_hour_of_pings_fits_on_a_page_and_says_what_it_leaves_out() {
    let svg = drawn(&an_hour_of_pings());
    says(&svg, "⋯ 59 min 57 s, 7 192 more packets");
    assert!(count(&svg, "ho-packet") <= 12, "{}", count(&svg, "ho-packet"));
    says(&svg, "n=3600");
}

#[test]
fn no_fault_is_left_out_of_a_long_run() {
    let mut b = TraceBuilder::new(&["phone", "server"]);
    for n in 0..2000u64 {
        b.event(n * 100, "phone", Layer::App, "connect failed", &[]);
        b.packet(n * 100, "phone", "server", Tcp::new(49152, 80).syn()).lost("partition");
        if n % 100 == 50 {
            b.event(n * 100 + 7, "server", Layer::Fault, "stall", &[]);
        }
    }
    let svg = drawn(&b.build());
    assert_eq!(texts(&svg).iter().filter(|t| *t == "stall").count(), 20);
    assert!(count(&svg, "ho-packet") + count(&svg, "ho-note") <= 60);
}

#[test]
fn a_burst_is_one_arrow_and_an_acknowledgement_sent_with_data_is_no_second_one() {
    let mut b = TraceBuilder::new(&["a", "b"]);
    for n in 0..10 {
        b.packet(0, "a", "b", Tcp::new(2, 1).seq(n).ack(1).data(&[0; 1000]));
    }
    b.packet(20, "b", "a", Tcp::new(1, 2).ack(1)).packet(20, "b", "a", Tcp::new(1, 2).ack(1).data(b"x"));
    let svg = drawn(&b.build());
    assert_eq!(count(&svg, "ho-packet"), 2);
    says(&svg, "ACK + data 1 B");
}

#[test]
fn only_the_window_the_layers_and_the_hosts_asked_for_are_drawn() {
    let trace = a_day_in_the_life();
    let options = Options {
        from: Some(at_ms(900)),
        until: Some(at_ms(2500)),
        layers: vec![Layer::App],
        packets: false,
        hosts: vec!["server".to_owned(), "phone".to_owned()],
        ..Options::default()
    };
    let svg = figure(&trace, &options);
    assert_eq!(count(&svg, "ho-packet"), 0);
    assert_eq!(texts(&svg).iter().filter(|t| *t == "update sent").count(), 2);
    let names: Vec<String> = texts(&svg).into_iter().filter(|t| t == "phone" || t == "server").collect();
    // At the lanes, and on the strip.
    assert_eq!(names, ["server", "phone", "server", "phone"]);
    assert!(!texts(&svg).iter().any(|t| t == "open" || t == "connecting"));
}

#[test]
fn a_figure_is_a_group_with_a_title_and_a_description() {
    let options = Options { id: "fig 1<".to_owned(), title: "A <b> & c".to_owned(), ..Options::default() };
    let svg = figure(&a_day_in_the_life(), &options);
    let doc = Document::parse(&svg).unwrap();
    let root = doc.root_element();
    assert_eq!(root.attribute("role"), Some("group"));
    let labelled = ["aria-labelledby", "aria-describedby"].map(|name| root.attribute(name).unwrap());
    let text_of =
        |id: &str| doc.descendants().find(|n| n.attribute("id") == Some(id)).unwrap().text().unwrap();
    assert_eq!(text_of(labelled[0]), "A <b> & c");
    let summary = text_of(labelled[1]);
    assert!(summary.contains("A lane each for phone, server. 36 arrows, 5 of them lost"), "{summary}");
    for fault in [
        "Faults: partition between phone and server from 3.500000 s to 9.000000 s (5.5 s), ",
        "stall of server from 20.000000 s to 600.000000 s (9 min 40 s).",
    ] {
        assert!(summary.contains(fault), "{summary}");
    }
}

#[test]
fn colours_come_from_the_page_alone() {
    let svg = drawn(&a_day_in_the_life());
    let svg = svg.replace("url(#", "");
    assert!(!svg.contains("=\"#") && !svg.contains("rgb(") && !svg.contains("<style"));
    // In the sheet a colour only ever stands as the fallback of a variable.
    for (before, _) in CSS.match_indices('#').map(|(at, _)| CSS.split_at(at)) {
        assert!(before.ends_with(", ") && before.rfind("var(--ho-") > before.rfind(';'), "{before}");
    }
}

#[test]
fn every_class_of_a_figure_has_a_style() {
    let svg = drawn(&a_day_in_the_life());
    let doc = Document::parse(&svg).unwrap();
    let classes: BTreeSet<&str> =
        doc.descendants().filter_map(|n| n.attribute("class")).flat_map(|c| c.split(' ')).collect();
    // Groups that only hold something together.
    for class in classes.into_iter().filter(|c| {
        !["", "ho-packet", "ho-note", "ho-span", "ho-state", "ho-strip", "ho-of", "ho-torn", "ho-broken"]
            .contains(c)
    }) {
        assert!(CSS.contains(&format!(".{class}")), "{class}");
    }
}

#[test]
fn a_figure_on_its_own_brings_its_style() {
    let file = standalone(&drawn(&a_day_in_the_life()));
    let doc = Document::parse(&file).unwrap();
    let style = doc.root_element().children().find(|n| n.has_tag_name("style")).unwrap();
    assert!(
        style.text().unwrap().contains(CSS) && style.text().unwrap().contains("prefers-color-scheme: dark")
    );
    assert!(count(&file, "ho-packet") > 10);
}

#[test]
fn nothing_to_draw_is_still_a_figure() {
    let trace = Trace::default();
    assert!(Document::parse(&drawn(&trace)).is_ok());
}

const NAMES: [&str; 5] =
    ["connected", "ping sent", "<&\"'>", "\u{1}\u{ffff}", "a very long name of an event indeed"];

fn a_layer() -> impl Strategy<Value = Layer> {
    prop::sample::select(&Layer::ALL[..])
}

prop_compose! {
    fn an_event(hosts: u32)(
        at in 0u64..1 << 40, host in prop::option::of(0..hosts), layer in a_layer(),
        name in prop::sample::select(&NAMES[..]), value in ".{0,12}",
    ) -> Event {
        let at = Duration::from_micros(at);
        Event { at, host: host.map(HostId), layer, name, fields: [("key", value.into())].into_iter().collect() }
    }
}

prop_compose! {
    fn a_packet(hosts: u32)(
        sent in 0u64..1 << 40, from in 0..hosts, to in prop::option::of(0..hosts), fate in 0u8..3,
        flight in 0u64..1 << 30, marks: [bool; 4], noise in prop::collection::vec(any::<u8>(), 0..60),
        data in prop::option::of(".{0,30}"), flags in 0u8..8,
    ) -> Packet {
        let mut tcp = Tcp::new(49152, 80).ack(1);
        for (bit, set) in [(1, Tcp::syn as fn(Tcp) -> Tcp), (2, Tcp::fin), (4, Tcp::rst)] {
            tcp = if flags & bit != 0 { set(tcp) } else { tcp };
        }
        let end = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 1);
        let udp = |noise: &[u8]| datagram(end, end, noise);
        let transport: Transport = data.map_or_else(|| udp(&noise), |data| tcp.data(data.as_bytes()).segment().into());
        let sent = Duration::from_micros(sent);
        let fate = match fate {
            0 => Fate::Arrived(sent + Duration::from_micros(flight)),
            1 => Fate::Died(sent, "<loss>"),
            _ => Fate::UnderWay,
        };
        let [retransmission, keepalive, window_probe, duplicate] = marks;
        let marks = Marks { retransmission, keepalive, window_probe, duplicate };
        Packet { sent, from: HostId(from), to: to.map(HostId), transport, marks, fate }
    }
}

prop_compose! {
    fn a_trace()(hosts in 1u32..9)(
        names in prop::collection::vec("[a-z<&\"]{0,20}", hosts as usize),
        mut events in prop::collection::vec(an_event(hosts), 0..90),
        mut packets in prop::collection::vec(a_packet(hosts), 0..90),
        spans in prop::collection::vec((0u64..1 << 40, prop::option::of(0u64..1 << 38), prop::collection::vec(0..hosts, 0..4), any::<bool>()), 0..4),
    ) -> Trace {
        events.sort_by_key(|e| e.at);
        packets.sort_by_key(|p| p.sent);
        let mut spans: Vec<Span> = spans.into_iter().map(|(from, lasting, hosts, one_way)| Span {
            from: Duration::from_micros(from),
            until: lasting.map(|l| Duration::from_micros(from + l)),
            hosts: hosts.into_iter().map(HostId).collect(),
            one_way,
            what: "partition & more",
        }).collect();
        spans.sort_by_key(|s| s.from);
        Trace {
            hosts: names.into(),
            events,
            packets,
            spans,
            ended: Duration::from_micros(1 << 40),
            ..Trace::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_trace_has_a_well_formed_figure_inside_its_frame(trace in a_trace()) {
        let svg = drawn(&trace);
        let doc = Document::parse(&svg).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let ids: Vec<&str> = doc.descendants().filter_map(|n| n.attribute("id")).collect();
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let frame: Vec<f64> =
            doc.root_element().attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        for node in doc.descendants().filter(|n| n.has_tag_name("text")) {
            let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
            prop_assert!((0.0..=frame[2]).contains(&number("x")) && (0.0..=frame[3]).contains(&number("y")));
        }
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn every_trace_has_all_its_other_forms(trace in a_trace()) {
        use crate::trace::{json, packets, pcap, story};
        let told = story::story(&trace, &story::Options { fold: false, ..Default::default() });
        prop_assert!(told.lines().count() >= trace.events.len() + 2);
        prop_assert!(packets::packets(&trace).lines().count() > trace.packets.len());
        let all = serde_json::to_value(json::trace(&trace, true)).unwrap();
        prop_assert_eq!(all.as_array().unwrap().len(), trace.events.len() + trace.packets.len());
        let mut file = Vec::new();
        pcap::write(&trace, &mut file).unwrap();
        let bytes: usize = trace.packets.iter().map(|p| 16 + p.transport.len()).sum();
        prop_assert_eq!(file.len(), 24 + bytes);
    }

    #[test]
    fn a_window_of_any_trace_is_well_formed(trace in a_trace(), from in 0u64..1 << 40, lasting in 0u64..1 << 39) {
        let from = Duration::from_micros(from);
        let options = Options { from: Some(from), until: Some(from + Duration::from_micros(lasting)), ..Options::default() };
        prop_assert!(Document::parse(&figure(&trace, &options)).is_ok());
    }
}
