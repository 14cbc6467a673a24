//! The differences that are known, each with its cause.

/// Why a row does not agree, if that is known.
pub(super) fn cause(id: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(row, _)| *row == id).map(|(_, cause)| *cause)
}

/// A row that agrees must not stand here, and one that differs must: `tests/fidelity.rs` sees to both.
const KNOWN: &[(&str, &str)] = &[
    (
        "backlog0",
        "Here only the end of a handshake finds its place in the accept queue, one at a time, and who finds none waits for \
         its own data to be sent again.",
    ),
    (
        "c_write_64k",
        "Of the window 1,064 bytes are left, too few for a segment; the timer sends them before it probes, and the waits \
         begin anew. When the run was repeated on the same kernel it did so, too, four times of four, byte for byte; when it \
         was measured the window happened to close at once.",
    ),
    (
        "e_synack_hole",
        "Measured in two namespaces of one kernel, whose timers stand alike: again and again the client's SYN and the server's \
         own timer fall into the same tick, and both are answered. Here two machines have two clocks.",
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
        "Measured on the host's own loopback, with BBR and segments of 64 KiB: three times ten of them, at 131,328 bytes of \
         memory each, are what it takes at once (CUBIC takes two times ten: 2,625,024 bytes, on the same kernel). Here there is \
         neither BBR nor a link of more than 1,500 bytes.",
    ),
];
