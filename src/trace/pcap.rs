//! The packets of a run as a capture file that Wireshark and tcpdump open.
//!
//! The format is classic pcap (draft-ietf-opsawg-pcap), with microseconds and without a link layer. The clock of the
//! file starts at the epoch, 1970-01-01 00:00:00 UTC, so that the same run gives the same bytes. Every packet stands at
//! the moment when its sender put it on the wire, those that died on the way included.

use std::io::{self, Write};

use super::Trace;

/// Microsecond time stamps; its byte order is that of the whole file (section 4, "File Header").
const MAGIC: u32 = 0xa1b2_c3d4;
/// Major and minor version of the format (section 4).
const VERSION: (u16, u16) = (2, 4);
/// No packet is longer: the longest that IPv4 can say (RFC 791, 3.1).
const SNAP_LEN: u32 = 65_535;
/// `LINKTYPE_RAW`: a packet begins with its IP header (link-layer header types registry).
const LINKTYPE_RAW: u32 = 101;

/// Writes the packets of a trace.
///
/// # Errors
/// Those of `out`, and `InvalidInput` for a run of more than 136 years, which the format cannot tell.
pub fn write(trace: &Trace, mut out: impl Write) -> io::Result<()> {
    out.write_all(&MAGIC.to_le_bytes())?;
    out.write_all(&VERSION.0.to_le_bytes())?;
    out.write_all(&VERSION.1.to_le_bytes())?;
    out.write_all(&[0; 8])?; // two reserved fields
    out.write_all(&SNAP_LEN.to_le_bytes())?;
    out.write_all(&LINKTYPE_RAW.to_le_bytes())?;
    for packet in &trace.packets {
        let too_far =
            |_| io::Error::new(io::ErrorKind::InvalidInput, "a pcap file ends 136 years after its start");
        let secs = u32::try_from(packet.sent.as_secs()).map_err(too_far)?;
        let bytes = packet.transport.emit();
        // An IPv4 packet is no longer than the longest that is kept.
        let len = bytes.len() as u32;
        out.write_all(&secs.to_le_bytes())?;
        out.write_all(&packet.sent.subsec_micros().to_le_bytes())?;
        out.write_all(&len.to_le_bytes())?;
        out.write_all(&len.to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{Tcp, TraceBuilder, a_day_in_the_life};
    use std::process::Command;

    #[test]
    fn a_capture_begins_with_its_header_and_holds_every_packet_at_its_time() {
        let mut b = TraceBuilder::new(&["a", "b"]);
        b.packet(1_234_567, "a", "b", Tcp::new(2, 1).ack(1)).lost("partition");
        let trace = b.build();
        let mut file = Vec::new();
        write(&trace, &mut file).unwrap();
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!(file[..8], [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!([word(16), word(20)], [65_535, 101]);
        assert_eq!([word(24), word(28), word(32), word(36)], [1234, 567_000, 40, 40]);
        assert_eq!(file[40..], trace.packets[0].transport.emit()[..]);
    }

    #[test]
    fn tshark_reads_the_same_segments_as_we_do() {
        if Command::new("tshark").arg("--version").output().is_err() {
            eprintln!("no tshark on PATH: nothing to compare with");
            return;
        }
        let trace = a_day_in_the_life();
        let path = std::env::temp_dir().join(format!("halfopen-{}.pcap", std::process::id()));
        write(&trace, std::fs::File::create(&path).unwrap()).unwrap();
        let fields = "frame.time_epoch ip.checksum.status tcp.checksum.status tcp.srcport tcp.seq tcp.nxtseq tcp.ack tcp.window_size tcp.len";
        let mut tshark = Command::new("tshark");
        tshark
            .args(["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-r"])
            .arg(&path);
        for field in fields.split(' ') {
            tshark.args(["-e", field]);
        }
        let output = tshark.output().unwrap();
        std::fs::remove_file(&path).unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let ours: Vec<String> = trace
            .packets
            .iter()
            .zip(crate::trace::packets::views(&trace))
            .map(|(p, v)| {
                let v = v.unwrap();
                let time = format!("{}.{:09}", p.sent.as_secs(), p.sent.subsec_nanos());
                let numbers = [
                    v.seq.to_string(),
                    v.end().to_string(),
                    v.ack.unwrap_or(0).to_string(),
                    v.window.to_string(),
                ];
                // Status 1: the checksum is good.
                format!(
                    "{time}\t1\t1\t{}\t{}\t{}",
                    v.segment.src.port(),
                    numbers.join("\t"),
                    v.segment.data.len()
                )
            })
            .collect();
        // tshark tells a time with as many digits as the file has, or with nine: compare to the microsecond.
        let micros = |line: &str| {
            let (time, rest) = line.split_once('\t').unwrap();
            format!("{}\t{rest}", &time[..time.find('.').unwrap() + 7])
        };
        let told: Vec<String> = told.lines().map(micros).collect();
        let ours: Vec<String> = ours.iter().map(|l| micros(l)).collect();
        assert_eq!(told, ours, "{}", String::from_utf8_lossy(&output.stderr));
    }
}
