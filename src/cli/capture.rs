//! A file for packets, which is either what it was or complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Failure;
use crate::explore::forms;
use crate::trace::Trace;

/// Where the packets go.
///
/// A file is written beside its place and put there when it is whole: a disk that is full does no harm to the file that was
/// there, and a run that is killed leaves none behind under its name. What is no file (a pipe, `/dev/stdout`) is written
/// as it is.
pub struct Capture {
    path: PathBuf,
    to: To,
}

enum To {
    /// What is there is no file, and open.
    Open(File),
    /// A file will be there.
    Place,
}

impl Capture {
    /// Makes sure that the packets can be written, before a run that may be long; changes nothing.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let to = match fs::metadata(&path) {
            Ok(there) if !there.is_file() => {
                OpenOptions::new().write(true).open(&path).map(To::Open).map_err(|e| failed(&path, &e))?
            }
            there => {
                // An existing file that may not be written is not replaced either.
                if there.is_ok() {
                    OpenOptions::new().write(true).open(&path).map_err(|e| failed(&path, &e))?;
                }
                let beside = beside(&path);
                File::create(&beside)
                    .and_then(|_| fs::remove_file(&beside))
                    .map_err(|e| failed(&path, &e))?;
                To::Place
            }
        };
        Ok(Self { path, to })
    }

    /// Writes the packets.
    pub fn write(self, trace: &Trace) -> Result<(), Failure> {
        let written = match self.to {
            To::Open(file) => packets(trace, &file),
            To::Place => {
                let beside = beside(&self.path);
                let put = File::create(&beside)
                    .and_then(|file| packets(trace, &file).and_then(|()| file.sync_all()))
                    // What a link stands for is replaced, not the link.
                    .and_then(|()| fs::canonicalize(&self.path).or_else(|_| Ok(self.path.clone())))
                    .and_then(|place| fs::rename(&beside, place));
                if put.is_err() {
                    // It is of no use to anybody; if it cannot be removed, that is not what to tell.
                    let _ = fs::remove_file(&beside);
                }
                put
            }
        };
        written.map_err(|error| failed(&self.path, &error))
    }
}

fn packets(trace: &Trace, file: &File) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    forms::pcap(trace, &mut out)?;
    out.flush()
}

/// A name in the same folder, so that a rename stays on one disk.
fn beside(path: &Path) -> PathBuf {
    // A link's own folder may be on another disk than the file it stands for.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn until_the_packets_are_written_nothing_is_there_and_then_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pcap");
        let capture = Capture::open(path.clone()).unwrap();
        assert!(names(folder.path()).is_empty(), "a run that is killed now leaves nothing");
        capture.write(&Trace::default()).unwrap();
        assert_eq!(names(folder.path()), ["run.pcap"]);
        assert_eq!(fs::read(&path).unwrap().len(), 24);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_as_it_is_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pcap");
        fs::write(&path, "precious").unwrap();
        // A pcap file cannot tell so late a packet: writing fails midway, as on a full disk.
        let nobody = std::net::SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
        let late = crate::trace::Packet {
            sent: std::time::Duration::from_secs(1 << 33),
            from: crate::trace::HostId(0),
            to: None,
            transport: crate::packet::testing::datagram(nobody, nobody, b""),
            marks: crate::packet::Marks::default(),
            fate: crate::trace::Fate::UnderWay,
        };
        let trace = Trace { packets: vec![late], ..Trace::default() };
        assert!(Capture::open(path.clone()).unwrap().write(&trace).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(names(folder.path()), ["run.pcap"]);
    }

    #[cfg(unix)]
    #[test]
    fn through_a_link_the_file_behind_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Capture::open(link.clone()).unwrap().write(&Trace::default()).unwrap();
        assert_eq!(fs::read(&file).unwrap().len(), 24);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
