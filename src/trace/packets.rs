//! The packets of a run, one line each, as a packet analyser would print them. [`LEGEND`] explains the columns.

use std::cmp::Ordering;
use std::time::Duration;

pub use super::conversation::{Conversations, View, views};
use super::text::{Align, Line, seconds, table};
use super::{Fate, Packet, Span, Trace};

/// What the columns of the packets mean; one line each, Markdown.
pub const LEGEND: &str = "\
- the margin: `!` marks the beginning and the end of a fault, `×` a packet that never arrived
- `sent`: when the sender put it on the wire, in seconds of virtual time, exact to the microsecond
- `from`, `to`: host and port; an address without a host stands for itself
- `flags`: the TCP flags that are set; `UDP` for a datagram, which has no numbers and no window; `ICMP` for a router's word \
that a packet did not get through
- `seq:end`: the sequence numbers of the first byte and of the one behind the last, relative: a connection's SYN is 0, \
its first byte 1
- `ack`: the sequence number expected next, relative; empty without the flag ACK
- `len`: bytes of data
- `win`: the window offered, in bytes; scaled, once the handshake was seen
- `marks`: why it was sent, where its headers do not tell: `retransmission`, `keepalive`, `window probe`, `duplicate` \
(a copy made by the link)
- `fate`: when it `arrived`, `lost: reason`, or `under way` when the run ended
- `says`: the options of a SYN, the first line of an HTTP message, the WebSocket frames, selective acknowledgements; of ICMP \
why a packet did not get through, and where to
";

/// The packets of a run and, between them, its faults; see [`LEGEND`].
pub fn packets(trace: &Trace) -> String {
    packets_where(trace, Duration::ZERO, Duration::MAX, |_| true)
}

/// The same for some of the packets sent between two times, both included; numbers and messages are told from the start of
/// their connection all the same.
pub fn packets_where(
    trace: &Trace,
    from: Duration,
    until: Duration,
    shown: impl Fn(&Packet) -> bool,
) -> String {
    let inside = |at: Duration| (from..=until).contains(&at);
    let views = views(trace);
    let mut lines: Vec<_> = trace
        .packets
        .iter()
        .zip(&views)
        .filter(|(packet, _)| inside(packet.sent) && shown(packet))
        .map(|(packet, view)| (packet.sent, packet_line(trace, packet, view.as_ref())))
        .collect();
    for span in &trace.spans {
        let what = described(trace, span);
        let edge = |at, verb| (at, Line::Across('!', seconds(at), format!("{what} {verb}")));
        lines.extend(inside(span.from).then(|| edge(span.from, "begins")));
        lines.extend(span.until.filter(|end| inside(*end)).map(|end| edge(end, "ends")));
    }
    // Stable, and an edge of a fault comes before the packets of the same moment.
    lines.sort_by(|(a, line_a), (b, line_b)| {
        let is_packet = |line: &Line<11>| matches!(line, Line::Cells(..));
        match a.cmp(b) {
            Ordering::Equal => is_packet(line_a).cmp(&is_packet(line_b)),
            other => other,
        }
    });
    let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    let (l, r) = (Align::Left, Align::Right);
    let header = ["sent", "from", "to", "flags", "seq:end", "ack", "len", "win", "marks", "fate", "says"];
    table(header, [r, l, l, l, r, r, r, r, l, l, l], &lines)
}

/// `partition between phone and server`, `stall of server`, `loss from phone to server`.
pub(crate) fn described(trace: &Trace, span: &Span) -> String {
    let names: Vec<&str> = span.hosts.iter().map(|h| trace.host_name(*h)).collect();
    match (&names[..], span.one_way) {
        ([], _) => span.what.to_owned(),
        ([one], _) => format!("{} of {one}", span.what),
        ([from, to], true) => format!("{} from {from} to {to}", span.what),
        (more, _) => format!("{} between {}", span.what, more.join(" and ")),
    }
}

fn packet_line(trace: &Trace, packet: &Packet, view: Option<&View<'_>>) -> Line<11> {
    let margin = if matches!(packet.fate, Fate::Died(..)) { '×' } else { ' ' };
    let from = trace.host_name(packet.from);
    let marks = packet.marks.names().join(", ");
    let fate = match packet.fate {
        Fate::Arrived(at) => format!("arrived {}", seconds(at)),
        Fate::Died(_, why) => format!("lost: {why}"),
        Fate::UnderWay => "under way".to_owned(),
    };
    let to_host = packet.to.map(|h| trace.host_name(h));
    let told = |from: String, to: String, [flags, numbers, ack, len, window]: [String; 5], says| {
        let sent = seconds(packet.sent);
        Line::Cells(margin, [sent, from, to, flags, numbers, ack, len, window, marks, fate, says])
    };
    let no = String::new;
    let transport = &packet.transport;
    let to = match to_host {
        Some(host) => format!("{host}:{}", transport.dst().port()),
        None => transport.dst().to_string(),
    };
    let from = match transport.unreachable() {
        // Who says it has no port; it goes to whoever sent what it is about.
        Some(said) => {
            let quoted = said.quoted.dst;
            let here = said.from == *quoted.ip();
            let about = if here { format!("{from}:{}", quoted.port()) } else { quoted.to_string() };
            let says = format!("{}: {about}", said.code);
            return told(from.to_owned(), to, ["ICMP".to_owned(), no(), no(), no(), no()], says);
        }
        None => format!("{from}:{}", transport.src().port()),
    };
    let len = transport.data().len().to_string();
    let Some(view) = view else {
        return told(from, to, ["UDP".to_owned(), no(), no(), len, no()], no());
    };
    let numbers = format!("{}:{}", view.seq, view.end());
    let ack = view.ack.map_or_else(no, |ack| ack.to_string());
    told(from, to, [view.segment.flags.to_string(), numbers, ack, len, view.window.to_string()], says(view))
}

/// What a segment says beyond its numbers.
fn says(view: &View<'_>) -> String {
    let options = &view.segment.options;
    let mut out: Vec<String> = Vec::new();
    out.extend(options.mss.map(|mss| format!("mss {mss}")));
    out.extend(options.window_scale.map(|shift| format!("window scale {shift}")));
    if options.sack_permitted {
        out.push("sack permitted".to_owned());
    }
    out.extend(view.sack.iter().map(|(from, end)| format!("sack {from}:{end}")));
    out.extend(view.message.clone());
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{Tcp, TraceBuilder, at_ms};

    #[test]
    fn a_partition_reads_as_lost_segments_between_two_rules() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        b.packet(
            0,
            "phone",
            "server",
            Tcp::new(49152, 80).syn().seq(9).window(64240).options(&[2, 4, 5, 180]),
        )
        .packet(20, "server", "phone", Tcp::new(80, 49152).syn().seq(70).ack(10))
        .span(1000, 2000, &["phone", "server"], "partition")
        .packet(1000, "phone", "server", Tcp::new(49152, 80).seq(10).ack(71).data(b"x"))
        .lost("partition")
        .packet(2000, "phone", "server", Tcp::new(49152, 80).seq(10).ack(71).data(b"x"))
        .last(|p| p.marks.retransmission = true)
        .packet(2500, "phone", "server", Tcp::new(49152, 80).seq(11).ack(71).fin())
        .last(|p| {
            p.to = None;
            p.fate = Fate::UnderWay;
        });
        let expected = "
      sent  from         to           flags    seq:end  ack  len    win  marks           fate              says
  0.000000  phone:49152  server:80    SYN          0:1         0  64240                  arrived 0.020000  mss 1460
  0.020000  server:80    phone:49152  SYN,ACK      0:1    1    0    502                  arrived 0.040000
! 1.000000  partition between phone and server begins
× 1.000000  phone:49152  server:80    PSH,ACK      1:2    1    1    502                  lost: partition
! 2.000000  partition between phone and server ends
  2.000000  phone:49152  server:80    PSH,ACK      1:2    1    1    502  retransmission  arrived 2.020000
  2.500000  phone:49152  10.0.0.2:80  FIN,ACK      2:3    1    0    502                  under way
";
        assert_eq!(packets(&b.build()), expected[1..]);
    }

    #[test]
    fn what_a_router_says_is_told_with_its_reason_and_whom_it_is_about() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        b.packet(0, "phone", "server", Tcp::new(49152, 80).syn().seq(9)).lost("rejected").turned_away(
            20,
            "server",
            "phone",
            Tcp::new(49152, 80).syn().seq(9),
        );
        let expected = "
      sent  from         to           flags  seq:end  len  win  fate              says
× 0.000000  phone:49152  server:80    SYN        0:1    0  502  lost: rejected
  0.020000  server       phone:49152  ICMP                      arrived 0.040000  host unreachable: server:80
";
        assert_eq!(packets(&b.build()), expected[1..]);
    }

    #[test]
    fn a_part_is_told_from_the_start_of_its_connection() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        b.packet(0, "phone", "server", Tcp::new(49152, 80).syn().seq(9))
            .packet(20, "server", "phone", Tcp::new(80, 49152).syn().seq(70).ack(10))
            .span(30, 2000, &["phone", "server"], "loss")
            .packet(1000, "phone", "server", Tcp::new(49152, 80).seq(500).ack(71).data(b"x"));
        let trace = b.build();
        let part = packets_where(&trace, at_ms(500), at_ms(1500), |_| true);
        let all = packets(&trace);
        let last = |text: &str| {
            text.lines()
                .find(|l| l.contains("1.000000"))
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(part.lines().count(), 2, "the fault begins before and ends after: {part}");
        assert_eq!(last(&part), last(&all));
        assert!(part.contains("491:492"), "{part}");
    }

    #[test]
    fn a_datagram_is_told_without_numbers() {
        let mut b = TraceBuilder::new(&["phone", "server"]);
        b.datagram(0, "phone", "server", b"query")
            .datagram(40, "phone", "server", b"again")
            .lost("loss")
            .last(|p| {
                p.to = None;
                p.marks.duplicate = true;
            });
        let expected = "
      sent  from        to           flags  len  marks      fate
  0.000000  phone:5000  server:53    UDP      5             arrived 0.020000
× 0.040000  phone:5000  10.0.0.2:53  UDP      5  duplicate  lost: loss
";
        assert_eq!(packets(&b.build()), expected[1..]);
    }

    #[test]
    fn spans_are_described_by_whom_they_concern() {
        let mut b = TraceBuilder::new(&["a", "b"]);
        b.span(1, 2, &["a", "b"], "loss").span(1, 2, &["a"], "stall");
        let mut trace = b.build();
        assert_eq!(described(&trace, &trace.spans[0]), "loss between a and b");
        assert_eq!(described(&trace, &trace.spans[1]), "stall of a");
        trace.spans[0].one_way = true;
        assert_eq!(described(&trace, &trace.spans[0]), "loss from a to b");
        trace.spans[0].until = None;
        trace.spans.truncate(1);
        trace.ended = at_ms(5);
        assert_eq!(packets(&trace).lines().count(), 2, "a fault that lasts to the end only begins");
    }
}
