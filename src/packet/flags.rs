//! The flags of a TCP header.

use std::fmt;

/// The flags of a TCP header (RFC 9293, 3.1) that this book meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Opens a direction; its sequence number is the initial one.
    pub syn: bool,
    /// Closes a direction.
    pub fin: bool,
    /// Ends the connection at once.
    pub rst: bool,
    /// The receiver should hand the data over now.
    pub psh: bool,
    /// The acknowledgement number counts.
    pub ack: bool,
}

impl Flags {
    /// The flags in a header's byte 13.
    pub const fn from_byte(byte: u8) -> Self {
        Self {
            fin: byte & 0x01 != 0,
            syn: byte & 0x02 != 0,
            rst: byte & 0x04 != 0,
            psh: byte & 0x08 != 0,
            ack: byte & 0x10 != 0,
        }
    }

    /// A header's byte 13 with these flags.
    pub const fn to_byte(self) -> u8 {
        self.fin as u8
            | (self.syn as u8) << 1
            | (self.rst as u8) << 2
            | (self.psh as u8) << 3
            | (self.ack as u8) << 4
    }

    /// The names of the flags that are set, joined by `separator`.
    pub fn names(self, separator: &str) -> String {
        let all =
            [(self.syn, "SYN"), (self.fin, "FIN"), (self.rst, "RST"), (self.psh, "PSH"), (self.ack, "ACK")];
        all.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect::<Vec<_>>().join(separator)
    }
}

/// `SYN,ACK`; `-` when none is set.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names(",");
        f.pad(if names.is_empty() { "-" } else { &names })
    }
}
