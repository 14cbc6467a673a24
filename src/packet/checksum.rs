//! The checksum of IPv4, TCP, UDP and ICMP: the ones' complement sum of 16-bit words (RFC 1071).

use std::net::Ipv4Addr;

/// The sum of the words, not folded; an odd last byte counts as the first of a word. Sums of parts that begin at even
/// places may be added. No packet is long enough to overflow it.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(2);
    let odd = words.remainder().first().map_or(0, |last| u32::from(*last) << 8);
    words.map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u32>() + odd
}

/// The sum of the pseudo header that TCP (RFC 9293, 3.1) and UDP (RFC 768) put before a payload of `len` bytes.
pub(super) fn pseudo_header(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, len: u16) -> u32 {
    sum(&src.octets()) + sum(&dst.octets()) + u32::from(protocol) + u32::from(len)
}

/// The sum with its carries added to it.
fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16 // It is at most 0xffff now.
}

/// The checksum of what sums up to `sum` with a checksum of zero in it.
pub(super) fn of(sum: u32) -> u16 {
    !folded(sum)
}

/// Whether what sums up to `sum`, its checksum included, is as it was sent.
pub(super) fn holds(sum: u32) -> bool {
    folded(sum) == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_sums_up() {
        assert_eq!(folded(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
    }
}
