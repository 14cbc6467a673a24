//! The differences that are known, each with its cause.

/// Why a row does not agree, if that is known.
pub(super) fn cause(id: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(row, _)| *row == id).map(|(_, cause)| *cause)
}

/// A row that agrees must not stand here, and one that differs must: `tests/fidelity.rs` sees to both.
const KNOWN: &[(&str, &str)] = &[
    (
        "acks",
        "Linux acknowledges at once when the reader has read all of a pushed segment, or two of them; here that is so for the \
         first 16 segments of a connection, and not where the reader has written.",
    ),
    (
        "backlog0",
        "Here only the end of a handshake finds its place in the accept queue, one at a time, and who finds none waits for \
         its own data to be sent again.",
    ),
    (
        "bl100",
        "Linux does not send the SYN-ACK again once its acknowledgement has come, and still knows the request when data come \
         after 70 s.",
    ),
    (
        "bulkout",
        "smoltcp's slow start counts what is in flight when an acknowledgement comes, and its send buffer is as large as it is \
         set; after an outage it sends again from the first byte that is missing.",
    ),
    (
        "c_burst",
        "Linux answers SYNs with cookies once as many handshakes are open as the backlog allows, and then forgets them; \
         here they are remembered, and their SYN-ACKs sent again.",
    ),
    (
        "c_write_64k",
        "Linux counts the memory of its packets, not the bytes in them, and lets a writer fill the packet it has begun; \
         here a buffer holds as many bytes as it is large.",
    ),
    (
        "c_write_rtt100",
        "Linux still enlarges its receive window as the peer fills it; at this distance its pause is not yet doubled after \
         the first probe, and everything later comes sooner by that.",
    ),
    (
        "closes",
        "A reset after a FIN is an error of the next read here; on Linux the stream has ended. A FIN, and what answers one, is \
         acknowledged at once here; on Linux that waits to ride on data, and a reset takes its place.",
    ),
    ("e_icmp", "There is no ICMP here: a packet to nobody is lost, and nobody says so."),
    (
        "e_synack_hole",
        "Where the client's SYN and the server's own timer fall into the same tick, the wheel's position decides which is \
         first; here the server's is first twice more, and its request is used up before the last SYN comes.",
    ),
    (
        "h_stream_10",
        "smoltcp sends again everything that has been written since, in one segment; Linux sends again the segment that was \
         lost, and the rest once that is acknowledged.",
    ),
    (
        "idleburst",
        "smoltcp's congestion window grows less, and is not cut when the connection was idle for longer than its RTO.",
    ),
    (
        "kadata",
        "Under a user timeout no RST is sent here when keepalive gives a connection up; Linux sends one.",
    ),
    (
        "karst",
        "Under a user timeout no RST is sent here when keepalive gives a connection up; Linux sends one.",
    ),
    ("loss3", "smoltcp knows no SACK: it sends again one hole in a round trip, or waits for its RTO."),
    ("msgs1", "smoltcp has no RACK: a lost message waits for three later ones, or for the RTO."),
    (
        "nagle14",
        "The reader's acknowledgements wait here for data of its own, once it has answered, or after 16 segments; on Linux \
         reading all of a pushed segment sends them.",
    ),
    (
        "nagle60",
        "The reader's acknowledgements wait here for data of its own, once it has answered, or after 16 segments; on Linux \
         reading all of a pushed segment sends them.",
    ),
    (
        "orphan",
        "The acknowledgement of the data before the peer's FIN waits here, and rides on that of the FIN.",
    ),
    ("rate1", "smoltcp knows no SACK: after the queue has overflowed it fills one hole in a round trip."),
    ("reorder2", "Three duplicate acknowledgements are a loss for smoltcp; Linux's RACK waits for a moment."),
    (
        "rttjump",
        "Without timestamps a segment that was sent twice measures nothing, so the longer round trip is never learnt.",
    ),
    (
        "sat",
        "The round trip of a SYN that was sent again is not measured here: data go by the first RTO of one second.",
    ),
    (
        "st100",
        "A buffer that is full is writable here as soon as a byte of it is free; on Linux a third has to be.",
    ),
    (
        "st1000",
        "Buffers are as large as they are set here, and hold bytes; Linux's grow on demand, and count the memory of packets.",
    ),
    (
        "synloss",
        "After a SYN or SYN-ACK that was sent again the first RTO is one second here. On Linux timestamps measure the round \
         trip all the same; but the second SYN-ACK echoes the time of the first SYN, which makes that a second too long.",
    ),
    ("x_arp_connect", "There is no ARP here: a packet to nobody is lost, and nobody says so."),
    (
        "x_carrier",
        "Linux knows that its own interface has no carrier, tries every 0.5 s, and sends at once when it has one; here an \
         interface is up or gone.",
    ),
    (
        "x_lo_write",
        "On loopback (MTU 65,536) Linux's buffers grow to megabytes; here they are as large as they are set, for an \
         Internet path.",
    ),
    (
        "zwhole",
        "Linux doubles the pause between probes no more than `tcp_retries2` times, five here, and five go unanswered; here the \
         pauses go on doubling up to 120 s.",
    ),
    (
        "zworphan",
        "An orphan's probes are answered here for ever; Linux gives it up when the pause between two has come to 120 s. The probes \
         begin later there, since more was under way when the writer blocked.",
    ),
];
