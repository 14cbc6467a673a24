//! What Wireshark says of every frame of many runs, asked in one process: starting it costs more than its reading.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use halfopen::trace::{Trace, pcap};

/// What is asked of every frame.
const FIELDS: [&str; 22] = [
    "frame.protocols",
    "ip.src",
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "_ws.malformed",
    "_ws.expert.severity",
    "_ws.expert.message",
    "udp.length",
    "tcp.stream",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.flags",
    "tcp.window_size",
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.keep_alive",
    "_ws.col.Info",
];

/// The file header of a capture, and the header of each of its packets (draft-ietf-opsawg-pcap).
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// A frame, as Wireshark reads it.
#[derive(Debug)]
pub struct Frame(BTreeMap<&'static str, String>);

impl Frame {
    /// A field; empty if the frame has none of this name.
    pub fn get(&self, field: &str) -> &str {
        &self.0[field]
    }

    /// Whether the frame has a field.
    pub fn has(&self, field: &str) -> bool {
        !self.get(field).is_empty()
    }

    /// A number; 0 if the frame has none of this name.
    pub fn number(&self, field: &str) -> u32 {
        let text = self.get(field);
        let hexadecimal = text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
        hexadecimal.unwrap_or_else(|| if text.is_empty() { Ok(0) } else { text.parse() }).expect("a number")
    }
}

/// The frames of every run, in order. The runs share addresses, and Wireshark would take their connections for each
/// other's: the n-th run's addresses are moved n networks up, and its checksums are updated (RFC 1624), so that a wrong
/// one stays wrong.
pub fn frames(runs: &[&Trace]) -> Vec<Vec<Frame>> {
    assert!(runs.len() <= 100, "addresses up to 223 are those of single machines");
    let mut all = Vec::new();
    for (n, trace) in runs.iter().enumerate() {
        let mut capture = Vec::new();
        pcap::write(trace, &mut capture).expect("a vector takes all");
        if n == 0 {
            all.extend(&capture[..FILE_HEADER]);
        }
        let mut rest = &mut capture[FILE_HEADER..];
        while !rest.is_empty() {
            let len = u32::from_le_bytes(rest[8..12].try_into().expect("four bytes")) as usize;
            let (record, behind) = rest.split_at_mut(PACKET_HEADER + len);
            moved(&mut record[PACKET_HEADER..], n as u8);
            all.extend(&*record);
            rest = behind;
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("runs.pcap");
    std::fs::write(&file, all).expect("a new file");
    let mut frames = dissect(&file).into_iter();
    let split = runs.iter().map(|trace| frames.by_ref().take(trace.packets.len()).collect()).collect();
    assert!(frames.next().is_none(), "Wireshark sees more packets than there are");
    split
}

/// Moves the addresses of an IPv4 packet.
fn moved(packet: &mut [u8], up: u8) {
    let header = usize::from(packet[0] & 0xf) * 4;
    let checksum = match packet[9] {
        // The header that it quotes is moved as well: its addresses are more by what its checksum is less, and the checksum of
        // the whole, which covers no other addresses, is as before.
        1 => {
            let quoted = header + 8;
            moved_header(&mut packet[quoted..], up);
            None
        }
        6 => Some(16),
        17 => Some(6),
        other => panic!("protocol {other}"),
    };
    moved_header(packet, up);
    checksum.into_iter().for_each(|at| updated(packet, header + at, up));
}

/// Moves the addresses of a header, whose checksum covers both.
fn moved_header(header: &mut [u8], up: u8) {
    for at in [12, 16] {
        header[at] = header[at].checked_add(up).expect("an address");
    }
    updated(header, 10, up);
}

/// Updates a checksum that covers both addresses.
fn updated(packet: &mut [u8], at: usize, up: u8) {
    // The high byte of a word each; the sum is one's complement's.
    let mut sum = u32::from(!u16::from_be_bytes([packet[at], packet[at + 1]])) + 2 * (u32::from(up) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// What Wireshark says of the frames of a capture.
fn dissect(file: &Path) -> Vec<Frame> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields"]);
    for preference in [
        // What the streams carry is looked at frame by frame, not put together.
        "tcp.desegment_tcp_streams:FALSE",
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
    ] {
        tshark.args(["-o", preference]);
    }
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let out =
        tshark.arg("-r").arg(file).stderr(Stdio::piped()).output().expect("tshark was found a moment ago");
    assert!(out.status.success(), "tshark: {}", String::from_utf8_lossy(&out.stderr));
    let line = |line: &str| Frame(FIELDS.into_iter().zip(line.split('\t').map(str::to_owned)).collect());
    String::from_utf8_lossy(&out.stdout).lines().map(line).collect()
}
