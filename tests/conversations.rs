//! A server's events say which client they are about.

use halfopen::scenario::{REGISTRY, Settings};
use halfopen::trace::{Event, Layer, Value};

/// What a server does for no client in particular.
const OF_THE_SERVER: [&str; 2] = ["update published", "shutting down"];

#[test]
fn whatever_a_server_tells_of_a_client_its_heartbeats_verdict_included_names_the_client() {
    let faults = Some("at 10s partition asking server for 10m".to_owned());
    let scenario = REGISTRY.iter().find(|scenario| scenario.name() == "websocket/partition").unwrap();
    let outcome = scenario.run(&Settings { faults, ..Settings::default() }).unwrap();
    let trace = &outcome.trace;
    let server = trace.host("server");
    let peer = |e: &Event| match e.fields.first() {
        Some(("peer", Value::Text(peer))) => Some(peer.clone()),
        _ => None,
    };
    let mut told = 0;
    for event in trace.events.iter().filter(|e| e.host == Some(server)) {
        if [Layer::Http, Layer::Ws, Layer::App].contains(&event.layer) && !OF_THE_SERVER.contains(&event.name)
        {
            let peer = peer(event).unwrap_or_else(|| panic!("whose? {event:?}"));
            assert!(["asking:32768", "trusting:32768"].contains(&&*peer), "{event:?}");
            told += 1;
        }
    }
    assert!(told > 50, "{told} events");
    assert!(trace.first("peer declared dead").on("server").with("peer", "asking:32768").happened());
    assert!(!trace.first("peer declared dead").on("server").with("peer", "trusting:32768").happened());
}
