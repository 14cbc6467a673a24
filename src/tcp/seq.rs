//! Sequence numbers: 32 bits that wrap, compared modulo 2^32 (RFC 9293 section 3.4).

/// Whether `a` comes before `b`.
pub(crate) fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// Whether `a` comes after `b`.
pub(crate) fn after(a: u32, b: u32) -> bool {
    before(b, a)
}

/// The later of two.
pub(crate) fn latest(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

/// The earlier of two.
pub(crate) fn earliest(a: u32, b: u32) -> u32 {
    if before(a, b) { a } else { b }
}

/// How far `to` is beyond `from`; zero where it is not beyond it.
pub(crate) fn distance(from: u32, to: u32) -> u32 {
    if before(from, to) { to.wrapping_sub(from) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_both_sides_of_the_wrap_are_in_order() {
        assert!(before(u32::MAX, 0) && after(0, u32::MAX) && !before(7, 7));
        assert_eq!((latest(u32::MAX, 3), earliest(u32::MAX, 3)), (3, u32::MAX));
        assert_eq!((distance(u32::MAX, 3), distance(3, u32::MAX)), (4, 0));
    }
}
