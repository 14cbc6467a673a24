//! The options of a TCP header, read and written.

use std::fmt;
use std::ops::Deref;

use super::ipv4::{u16_at, u32_at};

/// Kinds of options (IANA registry "TCP Option Kind Numbers").
mod kind {
    pub const END: u8 = 0;
    pub const NO_OPERATION: u8 = 1;
    pub const MSS: u8 = 2;
    pub const WINDOW_SCALE: u8 = 3;
    pub const SACK_PERMITTED: u8 = 4;
    pub const SACK: u8 = 5;
    pub const TIMESTAMPS: u8 = 8;
}

/// Room for options: the header's length is told in four bits, as words (RFC 9293, 3.1), and 20 bytes are its fixed part.
const ROOM: usize = 15 * 4 - 20;
/// A shift above 14 is used as 14 (RFC 7323, 2.3).
const MAX_WINDOW_SCALE: u8 = 14;
/// A block of SACK: two sequence numbers.
const BLOCK: usize = 8;

/// Selectively acknowledged stretches of sequence space, from and end (RFC 2018, 3): at most four, as many as a header
/// has room for. Reads as a slice.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SackBlocks {
    // What is behind `len` is zero, so that equal lists are equal.
    blocks: [(u32, u32); Self::MAX],
    len: u8,
}

impl SackBlocks {
    /// The most blocks that a header has room for, if it has no other option (RFC 2018, 3).
    pub const MAX: usize = (ROOM - 4) / BLOCK;

    /// Adds a block behind the others; returns whether there was room for it.
    pub fn push(&mut self, block: (u32, u32)) -> bool {
        let Some(free) = self.blocks.get_mut(usize::from(self.len)) else { return false };
        *free = block;
        self.len += 1;
        true
    }
}

impl Deref for SackBlocks {
    type Target = [(u32, u32)];
    fn deref(&self) -> &Self::Target {
        &self.blocks[..usize::from(self.len)]
    }
}

impl FromIterator<(u32, u32)> for SackBlocks {
    /// The first [`SackBlocks::MAX`] of them.
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(blocks: I) -> Self {
        let mut out = Self::default();
        for block in blocks.into_iter().take(Self::MAX) {
            out.push(block);
        }
        out
    }
}

impl From<&[(u32, u32)]> for SackBlocks {
    /// The first [`SackBlocks::MAX`] of them.
    fn from(blocks: &[(u32, u32)]) -> Self {
        blocks.iter().copied().collect()
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The options of a TCP header that this book meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpOptions {
    /// Maximum segment size, in bytes (RFC 9293, 3.7.1; on a SYN).
    pub mss: Option<u16>,
    /// Window scale, as a shift (RFC 7323, 2.2; on a SYN).
    pub window_scale: Option<u8>,
    /// The sender understands selective acknowledgements (RFC 2018, 2; on a SYN).
    pub sack_permitted: bool,
    /// Selectively acknowledged stretches of sequence space, from and end (RFC 2018, 3).
    pub sack: SackBlocks,
    /// Timestamp value and echo (RFC 7323, 3.2).
    pub timestamps: Option<(u32, u32)>,
}

impl TcpOptions {
    /// How many bytes they take in a header, padding included.
    pub fn len(&self) -> usize {
        let blocks = self.blocks_with_room();
        self.len_without_sack() + if blocks > 0 { 4 + BLOCK * blocks } else { 0 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len_without_sack(&self) -> usize {
        let word = |there: bool| if there { 4 } else { 0 };
        let timestamps = if self.timestamps.is_some() { 12 } else { 0 };
        // The two bytes of "SACK permitted" stand in the place of the padding before the timestamps.
        let alone = self.sack_permitted && self.timestamps.is_none();
        word(self.mss.is_some()) + timestamps + word(alone) + word(self.window_scale.is_some())
    }

    /// How many of the SACK blocks are sent; the first ones matter most (RFC 2018, 4).
    fn blocks_with_room(&self) -> usize {
        let room = ROOM - self.len_without_sack();
        self.sack.len().min(room.saturating_sub(4) / BLOCK)
    }

    /// Writes them in Linux's order (tcp_options_write()), each padded to whole words. SACK blocks for which there is no room
    /// are left out.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        use kind::*;
        if let Some(mss) = self.mss {
            out.extend([MSS, 4]);
            out.extend(mss.to_be_bytes());
        }
        if self.sack_permitted && self.timestamps.is_some() {
            out.extend([SACK_PERMITTED, 2]);
        } else if self.sack_permitted {
            out.extend([NO_OPERATION, NO_OPERATION, SACK_PERMITTED, 2]);
        } else if self.timestamps.is_some() {
            out.extend([NO_OPERATION, NO_OPERATION]);
        }
        if let Some((value, echo)) = self.timestamps {
            out.extend([TIMESTAMPS, 10]);
            out.extend(value.to_be_bytes());
            out.extend(echo.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            out.extend([NO_OPERATION, WINDOW_SCALE, 3, shift]);
        }
        let blocks = &self.sack[..self.blocks_with_room()];
        if !blocks.is_empty() {
            // At most four blocks: 34 bytes.
            out.extend([NO_OPERATION, NO_OPERATION, SACK, (2 + BLOCK * blocks.len()) as u8]);
            for (from, end) in blocks {
                out.extend(from.to_be_bytes());
                out.extend(end.to_be_bytes());
            }
        }
    }

    /// Reads the options between the fixed header and the data; passes over those that it does not know and stops at the
    /// first that makes no sense.
    pub(super) fn parse(mut bytes: &[u8]) -> Self {
        let mut out = Self::default();
        while let [kind, rest @ ..] = bytes {
            match *kind {
                kind::END => break,
                kind::NO_OPERATION => {
                    bytes = rest;
                    continue;
                }
                _ => {}
            }
            let Some(len) = rest.first().map(|&l| usize::from(l)).filter(|l| *l >= 2) else {
                break;
            };
            let Some(body) = bytes.get(2..len) else { break };
            match (*kind, body.len()) {
                (kind::MSS, 2) => out.mss = Some(u16_at(body, 0)),
                (kind::WINDOW_SCALE, 1) => out.window_scale = Some(body[0].min(MAX_WINDOW_SCALE)),
                (kind::SACK_PERMITTED, 0) => out.sack_permitted = true,
                (kind::SACK, _) => {
                    let blocks = body.chunks_exact(BLOCK);
                    out.sack = blocks.map(|block| (u32_at(block, 0), u32_at(block, 4))).collect();
                }
                (kind::TIMESTAMPS, 8) => out.timestamps = Some((u32_at(body, 0), u32_at(body, 4))),
                _ => {}
            }
            bytes = &bytes[len..];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(options: TcpOptions) -> Vec<u8> {
        let mut out = Vec::new();
        options.write(&mut out);
        out
    }

    #[test]
    fn options_stand_in_the_order_in_which_linux_has_them() {
        let syn = TcpOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some((1, 2)),
            ..TcpOptions::default()
        };
        // As tcpdump shows a SYN of Linux: mss, sackOK, TS, nop, wscale.
        assert_eq!(written(syn), [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7]);
        let plain = TcpOptions { timestamps: None, ..syn };
        assert_eq!(written(plain), [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7]);
        let ack = TcpOptions {
            timestamps: Some((3, 4)),
            sack: [(5, 6)].as_slice().into(),
            ..TcpOptions::default()
        };
        let timestamps = [1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4];
        assert_eq!(written(ack), [&timestamps[..], &[1, 1, 5, 10, 0, 0, 0, 5, 0, 0, 0, 6]].concat());
    }

    #[test]
    fn sack_blocks_are_as_many_as_there_is_room_for() {
        let five: Vec<(u32, u32)> = (0..5).map(|n| (n, n + 1)).collect();
        let sack = SackBlocks::from(&five[..]);
        assert_eq!(sack[..], five[..4]);
        let mut options = TcpOptions { sack, ..TcpOptions::default() };
        assert!(!options.sack.push((9, 9)));
        assert_eq!((options.len(), TcpOptions::parse(&written(options)).sack.len()), (36, 4));
        options.timestamps = Some((1, 1));
        assert_eq!(
            (options.len(), TcpOptions::parse(&written(options)).sack[..].to_vec()),
            (40, five[..3].to_vec())
        );
    }
}
