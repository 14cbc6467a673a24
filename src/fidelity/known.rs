//! The differences that are known, each with its cause.

/// Why a row does not agree, if that is known.
pub(super) fn cause(id: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(row, _)| *row == id).map(|(_, cause)| *cause)
}

/// What is left of a window is a race: repeated on Linux 6.18, `c_write_default` blocks anywhere between 212,496 and 442,592
/// bytes, depending on how the acknowledgements fall.
const REST_OF_THE_WINDOW: &str = "The last part of the window is too small for a segment here, and the timer fills it with \
     data before it probes: the first mere probe comes one wait later. On Linux the last packets found no memory, and the \
     window closed at once; which of the two it is depends on how acknowledgements and packets meet.";

/// A row that agrees must not stand here, and one that differs must: `tests/fidelity.rs` sees to both.
const KNOWN: &[(&str, &str)] = &[
    (
        "backlog0",
        "Here only the end of a handshake finds its place in the accept queue, one at a time, and who finds none waits for \
         its own data to be sent again.",
    ),
    ("c_write_64k", REST_OF_THE_WINDOW),
    ("c_write_default", REST_OF_THE_WINDOW),
    ("c_write_rtt100", REST_OF_THE_WINDOW),
    ("c_write_small", REST_OF_THE_WINDOW),
    ("c_write_ut10", REST_OF_THE_WINDOW),
    ("e_icmp", "There is no ICMP here: a packet to nobody is lost, and nobody says so."),
    (
        "e_synack_hole",
        "Where the client's SYN and the server's own timer fall into the same tick, the wheel's position decides which is \
         first; here the server's is first twice more, and its request is used up before the last SYN comes.",
    ),
    (
        "loss3",
        "Thirty runs on Linux are few: drawn anew from among themselves, their own median and ninth decile move further than \
         these differ.",
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
];
